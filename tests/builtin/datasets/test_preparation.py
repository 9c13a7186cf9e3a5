"""Missing values, categories, and what is learnt from the lines to train on."""

import json
import math

import numpy as np
import pytest
from refusals import refusal

from layerkit import DataError
from layerkit.builtin.datasets import Csv
from layerkit.builtin.datasets.preparation import Category, Number, Preparation


def ordered(path, target, **options):
    """A table whose last fifth is tested on, with numbers as they are."""
    return Csv(path, target, shuffle=False, standardize=False, **options)


TABLE = (
    "age,port,deck,t",
    "20,S,,a",
    "30,C,B,b",
    "30,S,,a",
    ",?,C,b",
    "60,S,,a",
    "50,C,B,b",
    "40,NA,,a",
    "90,S,,b",
    ",C,D,a",
    "100,,,b",
)
"""The last two lines are tested on."""


class TestReplacements:
    @pytest.mark.parametrize(
        ("fill", "number"),
        # Of 20, 30, 30, 60, 50, 40, 90.
        [("mean", 320 / 7), ("median", 40), ("most_frequent", 30)],
    )
    def test_of_numbers_is_that_of_the_lines_to_train_on(self, write, fill, number):
        dataset = ordered(write(*TABLE), "t", drop=("port", "deck"), on_missing=((("age"), fill),))

        data = dataset.load()

        assert data.train.x[3, 0] == data.test.x[0, 0] == pytest.approx(number)
        assert dataset.preparation.features[0].fill == pytest.approx(number)
        assert data.notes == (
            f'{dataset.path}: missing values: 2 of "age" (replaced by the '
            f"{fill.replace('_', ' ')} {number:.6g})",
        )

    def test_of_names_are_the_most_frequent_or_a_category_of_its_own(self, write):
        dataset = ordered(
            path := write(*TABLE),
            "t",
            drop=("age",),
            categories=("port", "deck"),
            on_missing=(("port", "most_frequent"), (2, "category")),
            unseen="ignore",
        )

        data = dataset.load()

        # C, S; B, C, none
        assert data.train.x[:4].tolist() == [
            [0, 1, 0, 0, 1],
            [1, 0, 1, 0, 0],
            [0, 1, 0, 0, 1],
            [0, 1, 0, 1, 0],
        ]
        assert data.test.x.tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1]]
        assert data.notes == (
            f'{path}: missing values: 3 of "port" (replaced by the most frequent "S"), 6 of "deck" '
            "(a category of their own)",
        )

    def test_lines_are_left_out_and_counted(self, write):
        dataset = ordered(
            path := write(*TABLE), "t", drop=("deck",), categories=("port",), on_missing="drop"
        )

        data = dataset.load()

        assert len(data.train) + len(data.test) == 6
        assert data.notes[0] == (
            f'{path}: missing values: 2 of "age", 3 of "port"; 4 of 10 rows are left out'
        )

    def test_a_line_without_a_target_is_left_out_where_others_are_replaced(self, write):
        path = write("x,t", "1,a", ",b", "3,?", "5,b", "7,a")

        dataset = ordered(path, "t", on_missing="mean")

        assert dataset.load().train.x.ravel().tolist() == [1, 3, 5]
        assert dataset.load().notes[0] == (
            f'{path}: missing values: 1 of "x" (replaced by the mean 3), 1 of "t"; 1 of 5 rows are '
            "left out"
        )

    def test_the_deviation_is_that_after_the_replacement(self, write):
        path = write("x,t", "1,a", ",b", "3,a", "9,b", "0,a")

        data = Csv(path, "t", shuffle=False, on_missing="median").load()

        # 1, 3, 3, 9
        np.testing.assert_allclose(data.train.x.ravel(), [-1, -1 / 3, -1 / 3, 5 / 3], atol=1e-12)

    @pytest.mark.parametrize(
        ("missing", "text"), [(("-999",), "-999"), (("none", "-"), "none"), ((), "")]
    )
    def test_marks_may_be_named(self, write, missing, text):
        path = write("x,t", "1,a", f"{text},b", "3,a", "2,b", "0,a")

        data = ordered(path, "t", missing=missing, on_missing="mean").load()

        assert data.train.x.ravel().tolist() == [1, 2, 3, 2]

    def test_a_mark_that_is_not_named_is_no_number(self, write):
        path = write("x,t", "1,a", "NaN,b", "3,a")

        assert refusal(Csv(path, "t", missing=("-999",), on_missing="mean")) == (
            f'{path}: line 3, column "x": expected a finite number, got "NaN"; correct it or '
            "remove the line"
        )


class TestReplacementsThatCannotBe:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (
                {"categories": ("port",), "on_missing": "mean"},
                'column "port": names have no mean; set on_missing to "most_frequent" or another',
            ),
            (
                {"drop": ("port",), "on_missing": "category"},
                'column "age": missing numbers are no category; set on_missing to "mean", '
                '"median" or another, or name the column in categories',
            ),
            (
                {"drop": ("port",), "on_missing": (("t", "mean"), ("age", "mean"))},
                'on_missing: nothing replaces a target that is missing; set "drop" for "t" to '
                "leave out its rows",
            ),
            (
                {"drop": ("port",), "on_missing": (("ages", "mean"), ("age", "mean"))},
                'on_missing: no column is named "ages"; did you mean "age"?',
            ),
        ],
    )
    def test_they_are_refused_with_what_to_do(self, write, options, reason):
        path = write(*TABLE)

        dropped = ("deck", *options.pop("drop", ()))
        assert refusal(Csv(path, "t", drop=dropped, **options)) == f"{path}: {reason}"

    def test_a_category_of_missing_values_may_be_unseen_itself(self, write):
        path = write("c,t", "p,a", "q,b")
        options = {"categories": ("c",), "on_missing": "category"}
        options["test_path"] = write("c,t", ",a", name="test.csv")

        told = refusal(Csv(path, "t", **options))
        data = Csv(path, "t", unseen="ignore", **options).load()

        assert told.endswith(
            'line 2, column "c": expected a value, got none; no number or name was learnt that '
            "replaces it"
        )
        assert data.test.x.tolist() == [[0, 0]]

    @pytest.mark.parametrize("fill", ["mean", "category"])
    def test_a_column_without_missing_values_suits_any(self, write, fill):
        path = write("x,c,t", "1,p,a", "3,q,b", "2,p,a")
        test = write("x,c,t", "1,p,a", "?,p,a", ",,b", name="test.csv")
        options = {"categories": ("c",), "on_missing": fill, "standardize": False}

        assert Csv(path, "t", shuffle=False, **options).load().test.x[0, 0] == 2
        told = refusal(Csv(path, "t", test_path=test, **options))
        line, column = (4, "c") if fill == "mean" else (3, "x")
        assert told.startswith(f"{path}: {test}, line {line}")
        assert told.endswith(
            f'column "{column}": expected a value, got none; no number or name was learnt that '
            "replaces it"
        )

    @pytest.mark.parametrize("options", [{}, {"categories": ("x",)}])
    def test_a_column_without_a_value_teaches_nothing(self, write, options):
        path = write("x,y,t", *(f",{i},{'ab'[i % 2]}" for i in range(8)), "1,8,a", "2,9,b")

        dataset = Csv(path, "t", shuffle=False, on_missing=(("x", "most_frequent"),), **options)

        assert refusal(dataset) == (
            f'{path}: column "x": the training part has no value, all are missing; drop the column'
        )

    def test_a_column_is_named_once(self, tmp_path):
        with pytest.raises(ValueError, match='on_missing: "x" is named 2 times'):
            Csv(tmp_path / "table.csv", "t", on_missing=(("x", "drop"), ("x", "mean")))

    def test_a_column_that_is_left_out_has_no_missing_values(self, tmp_path):
        with pytest.raises(ValueError, match='on_missing and drop both name "x"'):
            Csv(tmp_path / "table.csv", "t", drop=("x",), on_missing=(("x", "mean"),))


class TestCategoriesThatAreFound:
    def test_columns_with_words_are_categories_and_told(self, write):
        path = write("a,b,c,t", *(f"{i},{'pq'[i % 2]},0{i},{i % 2}" for i in range(8)))

        dataset = Csv(path, "t", categories="infer", standardize=False)

        assert dataset.inspect().shape == (4,)
        assert dataset.load().notes == (f'{path}: column "b": is taken for a category of 2 values',)

    def test_a_word_far_behind_makes_a_category_of_all(self, write, monkeypatch):
        monkeypatch.setattr("layerkit.builtin.datasets.table.VALUES", 10)
        path = write("a,t", *(f"{i % 3}.0,{i % 2}" for i in range(60)), "x,0", "x,1")

        dataset = Csv(path, "t", categories="infer", shuffle=False, unseen="ignore")

        assert dataset.inspect().shape == (3,)
        assert dataset.preparation.features[0].values == ("0.0", "1.0", "2.0")
        assert dataset.load().notes[0] == (
            f'{path}: column "a": most of its 4 names are numbers, but not "x"; is it a category?'
        )

    def test_numbers_in_another_notation_are_told(self, write):
        path = write("a;t", *(f"{i % 3},5;{i % 2}" for i in range(12)))

        notes = Csv(path, "t", categories="infer", delimiter=";").load().notes

        assert notes[0] == (
            f'{path}: column "a": "0,5" is taken for a name; if it is a number, set decimal to '
            '"," if it means 0.5'
        )

    def test_too_many_values_are_refused_with_what_is_doubtful(self, write):
        path = write("a,t", *(f"{i},{i % 2}" for i in range(2_000)), "l0,1")

        assert refusal(Csv(path, "t", categories="infer")) == (
            f'{path}: column "a": has 2,001 different values, and each becomes a column; drop it '
            "if it names single examples, or raise max_categories (1,000); most of its 2,001 names "
            'are numbers, but not "l0"; is it a category?'
        )

    def test_names_that_hardly_differ_are_told_with_their_counts(self, write):
        path = write("c,t", *(f"{['Red', 'red', 'blue'][i % 3]},{i % 2}" for i in range(12)))

        assert Csv(path, "t", categories=("c",)).load().notes == (
            f'{path}: column "c": "Red" (4 rows) and "red" (4 rows) are taken for different names',
        )


class TestPreparation:
    OPTIONS = {
        "categories": ("port", "deck"),
        "on_missing": (("age", "median"), ("port", "most_frequent"), ("deck", "category")),
        "unseen": "ignore",
    }

    def test_it_is_plain_data_that_json_keeps_to_the_last_digit(self, write):
        dataset = Csv(write(*TABLE), "t", **self.OPTIONS)
        dataset.load()

        text = json.dumps(dataset.preparation.to_json())

        assert Preparation.from_json(json.loads(text)) == dataset.preparation

    def test_applied_to_the_rows_tested_on_it_gives_what_was_loaded(self, write):
        dataset = Csv(write(*TABLE), "t", shuffle=False, **self.OPTIONS)
        data = dataset.load()
        preparation = Preparation.from_json(json.loads(json.dumps(dataset.preparation.to_json())))

        as_texts = {"age": ["", "100"], "port": ["C", ""], "deck": ["D", ""], "t": ["a", "b"]}
        as_values = {"age": [None, 100], "port": ["C", None], "deck": ["D", math.nan]}

        for values in (as_texts, as_values):
            x = preparation.x(preparation.columns(values), np.arange(2))
            np.testing.assert_array_equal(x, data.test.x)
            assert x.dtype == data.test.x.dtype

    def test_it_is_learnt_from_the_lines_to_train_on_alone(self, write):
        dataset = ordered(write(*TABLE), "t", **self.OPTIONS)
        other = ordered(
            write(*TABLE[:-2], "-1,X,Y,a", ",X,,b", name="other.csv"), "t", **self.OPTIONS
        )
        dataset.load(), other.load()

        assert other.preparation == dataset.preparation

    def test_numbers_are_read_as_the_table_wrote_them(self, write):
        path = write("x;t", "1.000,5;a", "2,5;b", "3;a")
        dataset = Csv(path, "t", decimal=",", thousands=".", standardize=False)
        dataset.load()

        columns = dataset.preparation.columns({"x": ["1.234,5", 1.5, np.float32(2)]})

        assert dataset.preparation.x(columns, np.arange(3)).ravel().tolist() == [1234.5, 1.5, 2]

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"x": [1]}, 'there is no column "c"'),
            ({"x": [1], "c": ["p", "q"]}, 'columns must have the same number of values, got "x" 1, '
             '"c" 2'),
            ({"x": ["one"], "c": ["p"]}, 'row 0, column "x": expected a number, got "one"; the '
             "network learnt from numbers"),
            ({"x": [None], "c": ["p"]}, 'row 0, column "x": expected a value, got none; fill it '
             "in, remove the line, drop the column or set on_missing"),
            ({"x": [1, 2], "c": ["p", "r"]}, 'row 1, column "c": "r" is in no training row; '
             'correct it, or set unseen to "ignore" to have 0 in all columns of its category'),
        ],
    )  # fmt: skip
    def test_rows_that_do_not_suit_are_refused(self, values, reason):
        preparation = Preparation(
            (Number("x"), Category("c", ("p", "q"))), ("t",), ("a", "b"), ".", "", ("",)
        )

        with pytest.raises(DataError) as caught:
            columns = preparation.columns(values)
            preparation.x(columns, np.arange(len(columns["x"])))

        assert str(caught.value) == reason

    @pytest.mark.parametrize(
        "state", [{}, {"features": [{}]}, {"features": [{"kind": "image"}]}, {"features": 1}]
    )
    def test_other_data_is_refused(self, state):
        with pytest.raises(DataError, match="is not what a table taught"):
            Preparation.from_json(state)
