import csv
import os
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Csv
from layerkit.builtin.datasets.names import alike


@pytest.fixture
def table(tmp_path):
    """Writes the lines of a table and returns the path of the file."""

    def write(*lines):
        path = tmp_path / "table.csv"
        path.write_bytes("\n".join(lines).encode())
        return path

    return write


def refusal(dataset):
    """What ``inspect`` says, which ``load`` must say as well."""
    with pytest.raises(DataError) as inspected:
        dataset.inspect()
    with pytest.raises(DataError) as loaded:
        dataset.load()
    assert str(loaded.value) == str(inspected.value)
    return str(inspected.value)


def rows(data):
    """All examples with their targets, whatever their part."""
    parts = [np.column_stack((part.x, part.t)) for part in (data.train, data.test)]
    return sorted(map(tuple, np.concatenate(parts).tolist()))


class TestWhatIsRead:
    def test_numbers_with_a_class(self, table):
        path = table("width,height,kind", "1,10,b", "2,20,a", "3,30,b", "4,40,c")

        dataset = Csv(path, "kind", standardize=False)

        # Labels count the sorted classes: a, b, c.
        assert dataset.inspect() == Form((2,), Targets(classes=3))
        assert rows(dataset.load()) == [(1, 10, 1), (2, 20, 0), (3, 30, 1), (4, 40, 2)]
        assert dataset.load().train.t.dtype == np.int64

    def test_numbers_with_a_quantity(self, table):
        path = table("area,price", "50,1.5e5", "70,-2", "90, 3.25 ")

        dataset = Csv(path, "price", task="regression", standardize=False)

        assert dataset.inspect() == Form((1,), Targets())
        assert rows(dataset.load()) == [(50, 150000), (70, -2), (90, 3.25)]

    def test_classes_that_are_numbers_are_in_the_order_of_numbers(self, table):
        path = table("x,digit", "1,10", "2,9", "3,-1", "4,9")

        data = Csv(path, "digit", standardize=False).load()

        assert rows(data) == [(1, 2), (2, 1), (3, 0), (4, 1)]

    def test_a_category_becomes_a_column_for_each_of_its_values(self, table):
        path = table("w,colour,h,t", "1,red,5,a", "2,blue,6,b", "3,red,7,a")

        dataset = Csv(path, "t", categories=("colour",), standardize=False)

        # w, blue, red, h
        assert dataset.inspect().shape == (4,)
        assert rows(dataset.load()) == [(1, 0, 1, 5, 0), (2, 1, 0, 6, 1), (3, 0, 1, 7, 0)]

    def test_dropped_columns_may_hold_anything(self, table):
        path = table("id,x,t", "anything,1,a", ",2,b", "0,3,a")

        data = Csv(path, "t", drop=("id",), standardize=False).load()

        assert rows(data) == [(1, 0), (2, 1), (3, 0)]

    def test_another_delimiter(self, table):
        path = table("x;t", "1;a", "2;b")

        assert rows(Csv(path, "t", delimiter=";", standardize=False).load()) == [(1, 0), (2, 1)]

    def test_quotes_hide_delimiters_and_line_breaks(self, table):
        path = table("x,t", '1,"a, or ""so"""', '2,"two', 'lines"')

        assert Csv(path, "t").inspect().targets.classes == 2

    def test_blank_lines_blanks_around_values_and_a_byte_order_mark_do_not_count(self, table):
        path = table("\ufeffx , t", "", "1, a", " 2 ,a ", "", "3,b", "")

        assert rows(Csv(path, "t", standardize=False).load()) == [(1, 0), (2, 0), (3, 1)]

    def test_lines_may_end_as_windows_ends_them(self, table):
        path = table("x,t\r", "1,a\r", "2,b\r", "")

        assert rows(Csv(path, "t", standardize=False).load()) == [(1, 0), (2, 1)]

    def test_a_class_and_a_category_may_be_in_the_test_part_only(self, table):
        path = table("x,c,t", "1,p,a", "2,q,b")

        data = Csv(path, "t", categories=("c",), test_fraction=0.5, unseen="ignore").load()

        assert (len(data.train), len(data.test)) == (1, 1)
        assert set(data.train.t) != set(data.test.t)

    def test_the_file_is_read_once(self, table):
        dataset = Csv(path := table("x,t", "1,a", "2,b"), "t")
        dataset.inspect()
        path.unlink()

        assert dataset.load() is dataset.load()

    def test_the_seed_decides_what_is_tested_on(self, table):
        path = table("x,t", *(f"{i},{i % 2}" for i in range(50)))

        first, again, other = (
            set(Csv(path, "t", seed=s, standardize=False).load().test.x.ravel()) for s in (1, 1, 2)
        )

        assert first == again != other


class TestStandardizing:
    def test_the_training_part_has_mean_0_and_variance_1(self, table):
        path = table("a,b,t", *(f"{i * i},{1000 - i},{i % 2}" for i in range(40)))

        x = Csv(path, "t").load().train.x

        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(x.var(axis=0), 1)

    def test_the_test_part_is_shifted_and_scaled_by_the_training_part(self, table):
        path = table("a,t", *(f"{i * i},{i % 2}" for i in range(40)))

        plain, standardized = (Csv(path, "t", standardize=s).load() for s in (False, True))

        train = plain.train.x
        wanted = (plain.test.x - train.mean()) / train.std()
        np.testing.assert_allclose(standardized.test.x, wanted)

    # The mean of many 0.1 is not quite 0.1, and their deviation not quite 0.
    @pytest.mark.parametrize("value", ["0", "0.1", "1e9"])
    def test_a_column_that_is_the_same_throughout_becomes_0(self, table, value):
        path = table("a,t", *(f"{value},{i % 2}" for i in range(30)))

        data = Csv(path, "t").load()

        assert not data.train.x.any()
        assert not data.test.x.any()

    @pytest.mark.parametrize("unit", [1e-320, 1e-308, 1e-170, 1e-90, 1.0, 1e90, 1e170, 1e307])
    def test_no_unit_is_too_small_or_too_large(self, table, unit):
        numbers = np.random.default_rng(0).integers(-9, 10, 40)
        path = table("a,t", *(f"{float(n) * unit!r},{i % 2}" for i, n in enumerate(numbers)))

        data, plain = (Csv(path, "t", standardize=s).load() for s in (True, False))

        plain_numbers = np.rint(plain.train.x / unit)
        expected = (plain_numbers - plain_numbers.mean()) / plain_numbers.std()
        np.testing.assert_allclose(data.train.x, expected, rtol=2e-3 if unit < 1e-308 else 1e-12)

    @pytest.mark.parametrize("numbers", [(0.3, 0.1 + 0.2), (1.0, 0.9999999999999999), (7e9, 7e9)])
    def test_a_column_that_varies_by_rounding_alone_becomes_0(self, table, numbers):
        path = table("a,t", *(f"{numbers[i % 2]!r},{i % 2}" for i in range(40)))

        data = Csv(path, "t").load()

        assert not data.train.x.any()
        assert not data.test.x.any()

    def test_it_is_what_scikit_learn_does(self, table):
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        rng = np.random.default_rng(0)
        columns = [
            rng.standard_normal(60),
            1e6 + rng.standard_normal(60),
            np.where(np.arange(60) % 2, 0.3, 0.1 + 0.2),
            np.full(60, 0.1),
            1e-150 * rng.standard_normal(60),
        ]
        path = table(
            "a,b,c,d,e,t",
            *(",".join(map(repr, map(float, r))) for r in zip(*columns, range(60), strict=True)),
        )

        data, plain = (
            Csv(path, "t", task="regression", standardize=s).load() for s in (True, False)
        )

        scaler = preprocessing.StandardScaler().fit(plain.train.x * [1, 1, 1, 1, 1e150])
        np.testing.assert_allclose(
            data.test.x, scaler.transform(plain.test.x * [1, 1, 1, 1, 1e150]), atol=1e-9
        )

    def test_a_small_variation_of_large_numbers_is_no_rounding(self, table):
        path = table("a,t", *(f"{1.7e9 + 1e-3 * i},{i % 2}" for i in range(40)))

        assert Csv(path, "t").load().train.x.std() == pytest.approx(1)

    def test_categories_stay_0_and_1(self, table):
        path = table("c,a,t", *(f"{'xy'[i % 2]},{i},{i % 3}" for i in range(30)))

        data = Csv(path, "t", categories=("c",)).load()

        assert set(data.train.x[:, :2].ravel()) == {0, 1}
        assert set(data.train.x[:, 2]) != {0, 1}

    def test_quantities_to_predict_stay_as_they_are(self, table):
        path = table("a,t", *(f"{i},{i * 10}" for i in range(5)))

        data = Csv(path, "t", task="regression").load()

        assert sorted([*data.train.t, *data.test.t]) == [0, 10, 20, 30, 40]


class TestOptionsThatDoNotGoTogether:
    @pytest.mark.parametrize(
        "options",
        [{"drop": ("t", "u")}, {"categories": ("t",)}, {"split": "t"}, {"group": "t"}],
    )
    def test_a_column_in_two_roles(self, tmp_path, options):
        with pytest.raises(ValueError) as error:
            Csv(tmp_path / "table.csv", "t", **options)

        (option,) = options
        assert str(error.value) == f'a column has only one role: target and {option} both name "t"'

    @pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
    def test_a_delimiter_that_cannot_be(self, tmp_path, delimiter):
        with pytest.raises(ValueError, match=r"delimiter must be .* one character, and neither"):
            Csv(tmp_path / "table.csv", "t", delimiter=delimiter)


class TestWhatIsRefused:
    def test_a_missing_file(self, tmp_path):
        path = tmp_path / "nowhere.csv"

        assert refusal(Csv(path, "t")) == (
            f"{path}: there is no such file; a relative path starts at the folder of the spec"
        )

    @pytest.mark.parametrize("lines", [(), ("", "")])
    def test_an_empty_file(self, table, lines):
        path = table(*lines)

        assert refusal(Csv(path, "t")) == (
            f"{path}: is empty; expected a header that names the columns, then the data"
        )

    def test_a_header_alone(self, table):
        path = table("x,t")

        assert refusal(Csv(path, "t")) == (
            f"{path}: expected at least 2 rows of data, one to train on and one to test on, got 0"
        )

    def test_a_binary_file(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_bytes(b"x,t\n1,caf\xe9\n")

        assert refusal(Csv(path, "t")) == (
            f"{path}: line 2: expected text in UTF-8, got the byte 0xe9; if the file is a "
            'table, set encoding to its encoding, such as "cp1252" for a file from Windows in '
            "western Europe"
        )

    def test_a_target_that_does_not_exist(self, table):
        path = table("width,height,kind", "1,2,a")

        assert refusal(Csv(path, "kin")) == (
            f'{path}: target: no column is named "kin"; did you mean "kind"?'
        )

    def test_all_names_that_do_not_exist_at_once(self, table):
        path = table("width,height,kind", "1,2,a")

        assert refusal(Csv(path, "kind", categories=("with",), drop=("zzz",))).splitlines() == [
            f"{path}:",
            '  categories: no column is named "with"; did you mean "width"?',
            '  drop: no column is named "zzz"; there are "width", "height", "kind"',
        ]

    def test_another_delimiter_than_the_file_has(self, table):
        path = table("x;t", "1;a")

        assert refusal(Csv(path, "t", delimiter=",")) == (
            f'{path}: target: no column is named "t"; '
            'the only column is "x;t": is the delimiter right?'
        )

    def test_columns_of_the_same_name_or_of_none(self, table):
        path = table("x,,x,t", "1,2,3,a")

        assert refusal(Csv(path, "t")).splitlines() == [
            f"{path}:",
            '  line 1: column 2 has no name; give it one, or name "" in drop to leave out '
            "unnamed columns",
            '  line 1: 2 columns are named "x"; give each its own name',
        ]

    def test_nothing_to_learn_from(self, table):
        path = table("id,t", "1,a", "2,b")

        assert refusal(Csv(path, "t", drop=("id",))) == (
            f"{path}: expected a column to learn from, got only the target"
        )

    @pytest.mark.parametrize(("row", "count"), [("1", 1), ("1,2,3", 3)])
    def test_too_few_or_too_many_values(self, table, row, count):
        path = table("x,t", "1,a", row, "2,b")

        assert refusal(Csv(path, "t")) == f"{path}: line 3: expected 2 values, got {count}"

    def test_text_where_a_number_should_be(self, table):
        path = table("width,t", "1,a", "2,b", "abc,a")

        assert refusal(Csv(path, "t")) == (
            f'{path}: line 4, column "width": expected a number, got "abc"; '
            "if it is a category, name it in categories"
        )

    def test_text_where_the_quantity_to_predict_should_be(self, table):
        path = table("x,price", "1,2", "2,cheap")

        assert refusal(Csv(path, "price", task="regression")) == (
            f'{path}: line 3, column "price": expected a number, got "cheap"; '
            'if it names a class, set task to "classification"'
        )

    def test_python_numerals_that_other_programs_take_for_text(self, table):
        path = table("floor,t", "1_2,a", "3,b")

        assert 'expected a number, got "1_2"' in refusal(Csv(path, "t"))

    @pytest.mark.parametrize("text", ["-nan", "inf", "-Infinity", "1e999"])
    def test_numbers_that_are_not_finite(self, table, text):
        path = table("x,t", f"{text},a", "2,b")

        assert refusal(Csv(path, "t")) == (
            f'{path}: line 2, column "x": expected a finite number, got "{text}"; '
            "correct it or remove the line"
        )

    @pytest.mark.parametrize("column", ["x", "c", "t"])
    def test_a_missing_value(self, table, column):
        row = {"x": "1", "c": "p", "t": "a"} | {column: " "}
        path = table("x,c,t", "1,q,b", ",".join(row.values()))

        assert refusal(Csv(path, "t", categories=("c",))) == (
            f'{path}: line 3, column "{column}": expected a value, got none; '
            "fill it in, remove the line, drop the column or set on_missing"
        )

    def test_a_single_class(self, table):
        path = table("x,t", "1,a", "2,a")

        assert refusal(Csv(path, "t")) == (
            f'{path}: column "t": expected at least 2 classes, got the same one in every row'
        )

    def test_numbers_that_are_too_large_beside_those_to_train_on(self, table):
        lines = [f"{i},{i}e-300,{i % 2}" for i in range(20)]
        for i, line in enumerate(lines):
            path = table("a,x,t", *lines[:i], line.replace("e-300", "e300"), *lines[i + 1 :])
            # Only where that line is one to test on is it out of all proportion.
            if i and Csv(path, "t", standardize=False).load().test.x[:, 1].max() > 1:
                break

        assert refusal(Csv(path, "t")) == (
            f'{path}: column "x": its numbers are too large to standardize; write them in a larger '
            "unit"
        )

    def test_a_category_for_each_line_of_a_long_table(self, table):
        path = table("x,t", *(f"id{i},{i % 2}" for i in range(100_000)))

        assert refusal(Csv(path, "t", categories=("x",))) == (
            f'{path}: column "x": has 100,000 different values, and each becomes a column; drop '
            "it if it names single examples, or raise max_categories (1,000)"
        )

    def test_quotes_that_do_not_close(self, table):
        path = table("x,t", "1,a", '2,"b', "3,c")

        assert refusal(Csv(path, "t")) == (
            f"{path}: line 3: cannot be parsed: unexpected end of data; check the quotes"
        )

    def test_text_after_a_closing_quote(self, table):
        path = table("x,t", '1,"a"b')

        assert refusal(Csv(path, "t")) == (
            f"{path}: line 2: cannot be parsed: ',' expected after '\"'; check the quotes"
        )


class TestSeveralProblems:
    def test_lines_are_counted_as_an_editor_counts_them(self, table):
        path = table("x,note,t", "1,fine,a", "", '2,"two', 'lines",', '?,"three', "", 'of them",b')

        # The missing target stands at the end of the lines 4 and 5.
        assert refusal(Csv(path, "t", categories=("note",))).splitlines() == [
            f"{path}:",
            '  line 5, column "t": expected a value, got none; '
            "fill it in, remove the line, drop the column or set on_missing",
            '  line 6, column "x": expected a value, got the mark "?" of a missing one; fill it '
            "in, remove the line, drop the column or set on_missing",
        ]

    def test_reading_ends_at_the_fifth(self, table):
        path = table("x,t", *["1"] * 20)

        assert refusal(Csv(path, "t")).splitlines() == [
            f"{path}:",
            *(f"  line {line}: expected 2 values, got 1" for line in range(2, 7)),
            "  there may be more",
        ]

    def test_a_column_that_is_wrong_throughout_does_not_hide_the_others(self, table):
        path = table("name,age,t", *["ann,1,a"] * 10, "bob,old,b")

        assert [line.split(": ")[0] for line in refusal(Csv(path, "t")).splitlines()[1:]] == [
            '  line 2, column "name"',
            '  line 3, column "name"',
            '  line 12, column "age"',
        ]

    def test_of_a_long_value_the_message_shows_the_beginning(self, table):
        path = table("x,t", f"{'w' * 100},a", "1,b")

        assert f'got "{"w" * 37}..."; if it' in refusal(Csv(path, "t"))


class TestNumerals:
    """Numbers as other countries write them."""

    def test_a_decimal_comma(self, table):
        path = table("x;t", "1,5;a", "-2,25;b", "3;a", "1e3;b")

        dataset = Csv(path, "t", delimiter=";", decimal=",", standardize=False)

        assert rows(dataset.load()) == [(-2.25, 1), (1.5, 0), (3, 0), (1000, 1)]

    @pytest.mark.parametrize(
        ("thousands", "decimal", "text", "number"),
        [
            (",", ".", "1,234,567.5", 1234567.5),
            (",", ".", "12,34,567", 1234567),
            (".", ",", "-1.234,5", -1234.5),
            (" ", ",", "1 234", 1234),
            (" ", ",", "1\u202f234,5", 1234.5),
            ("'", ".", "1\u2019234.5", 1234.5),
        ],
    )
    def test_signs_between_thousands(self, table, thousands, decimal, text, number):
        path = table("x;t", f"{text};a", "2;b")

        dataset = Csv(
            path, "t", delimiter=";", thousands=thousands, decimal=decimal, standardize=False
        )

        assert rows(dataset.load()) == sorted([(number, 0), (2, 1)])

    def test_a_quantity_to_predict_is_written_in_the_same_way(self, table):
        path = table("x;y", "1;1,5", "2;2,5")

        dataset = Csv(path, "y", "regression", delimiter=";", decimal=",", standardize=False)

        assert rows(dataset.load()) == [(1, 1.5), (2, 2.5)]

    def test_classes_that_are_numbers_are_in_the_order_of_numbers(self, table):
        path = table("x;t", "1;2,5", "2;10", "3;1,5")

        dataset = Csv(path, "t", delimiter=";", decimal=",", standardize=False)

        assert rows(dataset.load()) == [(1, 1), (2, 2), (3, 0)]

    @pytest.mark.parametrize(
        ("options", "text", "advice"),
        [
            ({}, "1,5", 'set decimal to "," if it means 1.5'),
            (
                {},
                "1,234",
                'set thousands to "," if it means 1234, or set decimal to "," if it means 1.234',
            ),
            ({}, "1.234,5", 'set decimal to "," and thousands to "." if it means 1234.5'),
            ({}, "1 234", 'set thousands to " " if it means 1234'),
            ({"decimal": ","}, "1.5", 'set decimal to "." if it means 1.5'),
            # Too few digits for thousands: read as 15, it would be a wrong number.
            ({"thousands": ","}, "1,5", 'set decimal to "," and thousands to "" if it means 1.5'),
        ],
    )
    def test_another_way_is_refused_and_the_option_named(self, table, options, text, advice):
        path = table("x;t", f"{text};a", "2;b")

        assert refusal(Csv(path, "t", delimiter=";", **options)) == (
            f'{path}: line 2, column "x": expected a number, got "{text}"; {advice}'
        )

    def test_one_sign_cannot_mean_both(self, tmp_path):
        with pytest.raises(ValueError, match='decimal and thousands must differ, both are ","'):
            Csv(tmp_path / "table.csv", "t", decimal=",", thousands=",")


class TestNames:
    """Classes and categories that may not be meant as they are written."""

    @pytest.mark.parametrize("column", ["c", "t"])
    @pytest.mark.parametrize("other", ["1.0", "01", "1e0"])
    def test_one_number_in_two_spellings_is_refused(self, table, column, other):
        values = {"c": "pqr", "t": "abc"} | {column: ["1", other, "2"]}
        path = table("c,t", *map(",".join, zip(values["c"], values["t"], strict=True)))

        told = refusal(Csv(path, "t", categories=("c",)))

        assert told == (
            f'{path}: column "{column}": "1" and "{other}" are the same number, and would be '
            "different names; write them the same way"
        )

    def test_among_words_they_are_words(self, table):
        path = table("x,t", "1,1", "2,1.0", "3,one")

        assert Csv(path, "t").inspect().targets.classes == 3

    @pytest.mark.parametrize("mark", ["NA", "n/a", "nan", "?", "NULL"])
    def test_a_mark_of_a_missing_value_that_is_a_name_is_named(self, table, mark):
        path = table("x,c,t", "1,p,a", f"2,{mark},b", "3,p,a", f"4,{mark},b", "5,q,a", "6,p,b")
        options = {"categories": ("c",), "unseen": "ignore"}

        assert refusal(Csv(path, "t", **options)).splitlines()[1] == (
            f'  line 3, column "c": expected a value, got the mark "{mark}" of a missing one; fill '
            "it in, remove the line, drop the column or set on_missing; if it is a name like any "
            "other, list in missing only other marks"
        )
        assert (
            f'{path}: column "c": "{mark}" is taken for a name like any other; if it marks a '
            "missing value, list it in missing"
            in Csv(path, "t", missing=("none",), **options).load().notes
        )

    @pytest.mark.parametrize("mark", ["NA", "?", "null"])
    def test_a_mark_among_numbers_is_no_category(self, table, mark):
        path = table("x,t", "1,a", f"{mark},b")

        assert refusal(Csv(path, "t")) == (
            f'{path}: line 3, column "x": expected a value, got the mark "{mark}" of a missing '
            "one; fill it in, remove the line, drop the column or set on_missing"
        )

    def test_numbers_with_separators_that_are_taken_for_names_are_named(self, table):
        path = table("c,t", *(f'"{i},500",{i % 2}' for i in range(1, 9)))

        notes = Csv(path, "t", categories=("c",), unseen="ignore").load().notes

        assert (
            f'{path}: column "c": "1,500" is taken for a name; if it is a number, set '
            'thousands to "," if it means 1500, or set decimal to "," if it means 1.5'
        ) in notes

    def test_names_that_are_meant_are_left_without_a_note(self, table):
        path = table("c,t", *(f"{'pq'[i % 2]},{'ab'[i // 2 % 2]}" for i in range(40)))

        assert Csv(path, "t", categories=("c",)).load().notes == ()

    def test_a_category_of_many_values_is_refused_unless_that_is_wanted(self, table):
        path = table("x,t", *(f"id{i},{i % 2}" for i in range(2_000)))

        assert refusal(Csv(path, "t", categories=("x",))) == (
            f'{path}: column "x": has 2,000 different values, and each becomes a column; drop it '
            "if it names single examples, or raise max_categories (1,000)"
        )
        wide = Csv(path, "t", categories=("x",), max_categories=2_000, unseen="ignore")
        assert wide.inspect().shape == (1_600,)  # of the lines to train on

    def test_more_columns_than_there_is_memory_for_are_refused(self, table, monkeypatch):
        path = table("x,t", *(f"id{i},{i % 2}" for i in range(500)))
        monkeypatch.setattr("layerkit.contracts.dataset.available_memory", lambda: 1_000_000)

        assert refusal(Csv(path, "t", categories=("x",))) == (
            f"{path}: 500 rows of 400 columns: needs 0.0016 GB of memory, and 0.001 GB are free"
        )

    def test_what_a_terminal_would_obey_is_not_in_a_message(self, table):
        path = table("x,t", "1\x9b2J,a", "2,b")

        assert r'got "1\u009b2J"; if' in refusal(Csv(path, "t"))


class TestHeaders:
    def test_an_index_without_a_name_is_left_out_by_its_empty_name(self, table):
        path = table(",x,t", "0,5,a", "1,6,b")

        data = Csv(path, "t", drop=("",), standardize=False).load()

        assert rows(data) == [(5, 0), (6, 1)]

    def test_an_empty_name_that_is_not_there_is_refused(self, table):
        assert 'drop: no column is named ""; there are "x", "t"' in refusal(
            Csv(table("x,t", "1,a"), "t", drop=("",))
        )

    @pytest.mark.parametrize("header", ['"x","t"', '\ufeff"x","t"', '"x", "t"'])
    def test_names_may_be_quoted(self, table, header):
        path = table(header, "1,a", '"2", "b"')

        assert rows(Csv(path, "t", standardize=False).load()) == [(1, 0), (2, 1)]

    def test_a_blank_as_delimiter_is_not_skipped(self, table):
        path = table("x y t", "1 2 a", "3 4 b")

        assert rows(Csv(path, "t", delimiter=" ", standardize=False).load()) == [
            (1, 2, 0),
            (3, 4, 1),
        ]

    def test_quotes_around_whole_lines_are_named(self, table):
        path = table('"x,t"', '"1,a"')

        assert refusal(Csv(path, "t")) == (
            f'{path}: target: no column is named "t"; the only column is "x,t", because quotes '
            "enclose the whole line"
        )

    def test_a_file_without_a_header_is_named(self, table):
        path = table("5.1,3.5,setosa", "4.9,3.0,setosa", "6.3,3.3,virginica")

        assert refusal(Csv(path, "species")).splitlines() == [
            f"{path}:",
            '  target: no column is named "species"; there are "5.1", "3.5", "setosa"',
            '  line 1: expected a header that names the columns, got "5.1", "3.5", "setosa"; '
            "if the file has none, set header to false",
        ]

    def test_of_many_names_the_message_shows_the_first(self, table):
        path = table(",".join(f"name_{i}" for i in range(100)))

        assert refusal(Csv(path, "t")).endswith('"name_18", "name_19" and 80 more')

    def test_years_may_be_names(self, table):
        path = table("2019,2020,t", "1,2,a", "3,4,b")

        assert Csv(path, "t").inspect().shape == (2,)


class TestLines:
    @pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
    def test_lines_end_as_every_system_ends_them(self, tmp_path, end):
        path = tmp_path / "table.csv"
        path.write_bytes(end.join(["x,t", "1,a", '2,"b', 'c"', "?,a"]).encode())

        # The text in quotes takes the lines 3 and 4.
        assert refusal(Csv(path, "t")).startswith(f'{path}: line 5, column "x": expected a value')

    @pytest.mark.parametrize(
        "options", [{"drop": ("text",)}, {"categories": ("text",), "unseen": "ignore"}]
    )
    def test_values_may_be_longer_than_python_reads_by_default(self, table, options):
        before = csv.field_size_limit()
        path = table("text,x,t", f'"{"w" * 300_000}",1,a', "v,2,b")

        assert len(Csv(path, "t", **options).load().train) == 1
        assert csv.field_size_limit() == before

    def test_the_limit_of_python_is_the_same_after_several_threads_have_read(self, table):
        before = csv.field_size_limit()
        path = table("text,x,t", *(f"{'w' * 200_000},{i},{i % 2}" for i in range(10)))

        with ThreadPoolExecutor(8) as threads:
            read = [threads.submit(Csv(path, "t", drop=("text",)).inspect) for _ in range(40)]

        assert {future.result().shape for future in read} == {(1,)}
        assert csv.field_size_limit() == before

    def test_a_line_that_does_not_end_is_not_read_to_its_end(self, tmp_path):
        path = tmp_path / "table.csv"
        with path.open("wb") as file:
            file.truncate(2**40)  # zeros that take no room
        began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        assert refusal(Csv(path, "t")) == (
            f"{path}: line 1 has more than 67,108,864 characters; is the file a table?"
        )

        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 1_000_000

    def test_a_quote_that_does_not_close_is_not_read_to_the_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr("layerkit.builtin.datasets.rows.LONGEST", 1_000)
        path = tmp_path / "table.csv"
        path.write_text('x,t\n1,"a\n' + "2,b\n" * 1_000_000)

        assert refusal(Csv(path, "t")) == (
            f"{path}: line 2: cannot be parsed: field larger than field limit (1000); "
            "check the quotes"
        )

    def test_reading_ends_before_memory_does(self, table, monkeypatch):
        path = table("x,t", *["1,a"] * 70_000)
        monkeypatch.setattr("layerkit.contracts.dataset.available_memory", lambda: 2_000_000)

        assert refusal(Csv(path, "t")) == (
            f"{path}: the values after line 8193: needs 0.021 GB of memory, and 0.002 GB are free"
        )

    def test_a_pipe_is_refused(self, tmp_path):
        os.mkfifo(tmp_path / "table.csv")

        assert refusal(Csv(tmp_path / "table.csv", "t")) == (
            f"{tmp_path}/table.csv: cannot be read: expected a file, got a pipe; store what comes "
            "from it in a file first"
        )


class TestRareClasses:
    TABLE = ("x,t", *(f"{i},{'ab'[i % 2]}" for i in range(38)), "38,c", "39,c")

    def test_one_in_the_test_part_only_is_named(self, table):
        path = table("x,t", *(f"{i},{'ab'[i % 2]}" for i in range(10)), "10,c")
        # The first seed whose test part has all three.
        options = {"test_fraction": 0.5, "stratify": False}
        data = next(
            data
            for seed in range(99)
            if len(set((data := Csv(path, "t", seed=seed, **options).load()).test.t)) == 3
        )

        assert data.notes == (
            f'{path}: the training part has no example of class "c", which cannot be learnt; '
            "set stratify to true to have each class in both parts",
        )

    def test_one_in_the_training_part_only_is_named(self, table):
        path = table("x,t", *(f"{i},{'ab'[i % 2]}" for i in range(10)), "10,c")
        datasets = [Csv(path, "t", seed=s, stratify=False) for s in range(99)]
        dataset = next(d for d in datasets if set(d.load().test.t) == {0, 1})

        assert dataset.load().notes == (
            f'{path}: the test part has no example of class "c", which is not tested; '
            "set stratify to true to have each class in both parts",
        )

    @pytest.mark.parametrize("seed", range(20))
    def test_stratified_each_is_in_both_parts(self, table, seed):
        data = Csv(table(*self.TABLE), "t", seed=seed, stratify=True).load()

        # A fifth of 19, 19 and 2.
        assert np.bincount(data.test.t).tolist() == [4, 4, 1]
        assert np.bincount(data.train.t).tolist() == [15, 15, 1]
        assert data.notes == ()

    def test_stratified_one_of_a_single_line_is_trained_on_and_named(self, table):
        path = table("x,t", *(f"{i},{'ab'[i % 2]}" for i in range(10)), "10,c")

        data = Csv(path, "t", stratify=True, standardize=False).load()

        assert np.bincount(data.train.t).tolist() == [4, 4, 1]
        assert data.notes == (
            f'{path}: the test part has no example of class "c", which is not tested',
        )

    def test_where_every_class_has_a_single_line_each_is_in_one_part(self, table):
        data = Csv(table("x,t", "1,a", "2,b"), "t", stratify=True).load()

        assert (len(data.train), len(data.test), len(data.notes)) == (1, 1, 2)

    @pytest.mark.parametrize("options", [{"stratify": True}, {"classes": ("a", "b")}])
    def test_quantities_have_no_classes(self, tmp_path, options):
        with pytest.raises(ValueError) as caught:
            Csv(tmp_path / "table.csv", "t", "regression", **options)

        (option,) = options
        assert str(caught.value) == f'{option} needs task "classification", got "regression"'


class TestListedClasses:
    def test_labels_follow_the_list(self, table):
        path = table("x,t", "1,yes", "2,no", "3,yes", "4,no")

        dataset = Csv(path, "t", classes=("yes", "no", "maybe"), standardize=False)

        assert dataset.inspect().targets.classes == 3
        assert rows(dataset.load()) == [(1, 0), (2, 1), (3, 0), (4, 1)]
        assert any('no example of class "maybe"' in note for note in dataset.load().notes)

    def test_a_label_of_no_listed_class_is_refused_where_it_stands(self, table):
        path = table("x,t", "1,yes", "2,No", "3,no")

        assert refusal(Csv(path, "t", classes=("yes", "no"))) == (
            f'{path}: line 3, column "t": expected one of the listed classes "yes", "no", got "No"'
        )

    def test_a_class_is_listed_once(self, tmp_path):
        with pytest.raises(ValueError, match='classes: "a" is listed 2 times'):
            Csv(tmp_path / "table.csv", "t", classes=("a", "b", "a"))


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(numbers, words), min_size=2)
    .filter(lambda r: len({w for _, w in r}) > 1)
    # Of numbers, another test: two spellings of one are refused.
    .filter(lambda r: not any(w[0].isnumeric() or w[0] in "+-." for _, w in r))
    # Of classes that hardly differ, too.
    .filter(lambda r: not alike({w: 1 for _, w in r}))
)
def test_what_python_writes_is_read_as_it_was(tmp_path, examples):
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("i", "x", "t"), *((i, *e) for i, e in enumerate(examples))])

    dataset = Csv(path, "t", standardize=False, missing=())

    labels = {row[0]: int(row[2]) for row in rows(dataset.load())}
    assert [(row[0], row[1]) for row in rows(dataset.load())] == [
        (i, number) for i, (number, _) in enumerate(examples)
    ]
    # The same word has the same label, and different words have different ones.
    pairs = {(word, labels[i]) for i, (_, word) in enumerate(examples)}
    assert len(pairs) == len({word for _, word in examples}) == dataset.inspect().targets.classes
