import csv

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Csv


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

        data = Csv(path, "t", categories=("c",), test_fraction=0.5).load()

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
        "options", [{"drop": ("t",)}, {"categories": ("t",)}, {"drop": ("t", "u")}]
    )
    def test_a_column_in_two_roles(self, tmp_path, options):
        with pytest.raises(ValueError) as error:
            Csv(tmp_path / "table.csv", "t", **options)

        assert str(error.value) == (
            'a column can be in only one of target, categories and drop: "t"'
        )

    @pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
    def test_a_delimiter_that_cannot_be(self, tmp_path, delimiter):
        with pytest.raises(ValueError, match="delimiter must be one character, and neither"):
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
            f"{path}: line 2: expected text in UTF-8, got the byte 0xe9; "
            "if the file is a table, save it as UTF-8"
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

        assert refusal(Csv(path, "t")) == (
            f'{path}: target: no column is named "t"; '
            'the only column is "x;t": is the delimiter right?'
        )

    def test_columns_of_the_same_name_or_of_none(self, table):
        path = table("x,,x,t", "1,2,3,a")

        assert refusal(Csv(path, "t")).splitlines() == [
            f"{path}:",
            "  line 1: column 2 has no name; give it one",
            '  line 1: 2 columns are named "x"; give each a name of its own',
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

    @pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999"])
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
            "fill it in, remove the line or drop the column"
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
        path = table("x,t", *(f"id{i},{i % 2}" for i in range(400_000)))

        assert refusal(Csv(path, "t", categories=("x",))) == (
            f'{path}: column "x": its values make more columns of zeros and ones than there is '
            "memory for; if it names single examples, drop it"
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
            "fill it in, remove the line or drop the column",
            '  line 6, column "x": expected a number, got "?"; '
            "if it is a category, name it in categories",
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


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(numbers, words), min_size=2).filter(lambda r: len({w for _, w in r}) > 1))
def test_what_python_writes_is_read_as_it_was(tmp_path, examples):
    path = tmp_path / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("i", "x", "t"), *((i, *e) for i, e in enumerate(examples))])

    dataset = Csv(path, "t", standardize=False)

    labels = {row[0]: int(row[2]) for row in rows(dataset.load())}
    assert [(row[0], row[1]) for row in rows(dataset.load())] == [
        (i, number) for i, (number, _) in enumerate(examples)
    ]
    # The same word has the same label, and different words have different ones.
    pairs = {(word, labels[i]) for i, (_, word) in enumerate(examples)}
    assert len(pairs) == len({word for _, word in examples}) == dataset.inspect().targets.classes
