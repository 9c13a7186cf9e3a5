"""Which lines of a table are trained on, and which are tested on."""

import numpy as np
import pytest
from refusals import refusal

from layerkit import Form, Targets
from layerkit.builtin.datasets import Csv


def numbers(split):
    return split.x[:, 0].tolist()


class TestASplitColumn:
    LINES = ("x,part,t", "1,train,a", "2,Test,b", "3,training,b", "4,val,a", "5,test,a")

    def test_its_words_name_the_parts(self, write):
        data = Csv(write(*self.LINES), "t", split="part", standardize=False).load()

        assert (numbers(data.train), numbers(data.test)) == ([1, 3], [2, 5])
        assert (data.train.t.tolist(), data.test.t.tolist()) == ([0, 1], [1, 0])

    def test_lines_to_validate_with_are_the_validation_part(self, write):
        path = write(*self.LINES)
        table = Csv(path, "t", split="part", standardize=False)

        data = table.load()

        assert table.inspect().has_validation
        assert numbers(data.validation) == [4]
        assert data.notes == (
            f'{path}: the validation part has no example of class "b", which has no say in what is '
            "chosen",
        )

    def test_another_word_is_refused_where_it_stands(self, write):
        path = write(*self.LINES, "", "6,holdout,a")

        assert refusal(Csv(path, "t", split="part")) == (
            f'{path}: line 8, column "part": expected the name of a part, "train", "validation" or '
            '"test", got "holdout"'
        )

    def test_a_part_without_lines_is_refused(self, write):
        path = write("x,part,t", "1,train,a", "3,train,b")

        assert refusal(Csv(path, "t", split="part")) == (
            f'{path}: column "part": no row is in the part "test"'
        )

    def test_a_word_is_not_missing(self, write):
        path = write(*self.LINES, "6,,a")

        assert refusal(Csv(path, "t", split="part", on_missing="drop")).startswith(
            f'{path}: line 7, column "part": expected a value, got none'
        )


class TestATestFile:
    def test_its_lines_are_tested_on(self, write):
        path = write("x,c,t", "1,p,a", "3,q,b", "5,p,a")
        test = write("c,x,t", "q,7,b", "p,9,a", name="test.csv")

        dataset = Csv(path, "t", test_path=test, categories="infer")
        data = dataset.load()

        # (7 - 3) / sqrt(8 / 3): mean and deviation of the lines to train on.
        np.testing.assert_allclose(data.test.x, [[4 / 1.6329931, 0, 1], [6 / 1.6329931, 1, 0]])
        assert data.train.x.shape == (3, 3)
        assert data.test.t.tolist() == [1, 0]

    def test_it_has_the_same_columns(self, write):
        path = write("x,y,t", "1,2,a", "3,4,b")
        test = write("x,z,t", "1,2,a", name="test.csv")

        assert refusal(Csv(path, "t", test_path=test)) == (
            f'{test}: expected the columns of {path}, got no column "y" and the column "z"'
        )

    def test_columns_of_numbers_stay_numbers(self, write):
        path = write("x,t", "1,a", "3,b")
        test = write("x,t", "one,a", name="test.csv")

        assert refusal(Csv(path, "t", test_path=test, categories="infer")) == (
            f'{test}: line 2, column "x": expected a number, got "one"; if it is a category, name '
            "it in categories"
        )

    def test_classes_that_hardly_differ_are_refused_with_their_counts(self, write):
        path = write("x,t", "1,>50K", "3,<=50K", "4,<=50K")
        test = write("x,t", "1,>50K.", "2,<=50K.", name="test.csv")

        assert refusal(Csv(path, "t", test_path=test)) == (
            f'{path}: column "t": ">50K" (1 rows) and ">50K." (1 rows); "<=50K" (2 rows) and '
            '"<=50K." (1 rows) would be different classes; write them alike, or list all classes '
            "in classes"
        )
        meant = (">50K", "<=50K", ">50K.", "<=50K.")
        assert Csv(path, "t", test_path=test, classes=meant).inspect().targets.classes == 4

    def test_one_number_in_two_spellings_is_refused_in_two_files(self, write):
        path = write("x,t", "1,1", "3,2")
        test = write("x,t", "1,1.0", name="test.csv")

        assert refusal(Csv(path, "t", test_path=test)) == (
            f'{path}: column "t": "1" and "1.0" are the same number, and would be different names; '
            "write them the same way"
        )

    def test_a_class_of_the_test_file_alone_is_told(self, write):
        path = write("x,t", "1,a", "3,b")
        test = write("x,t", "1,a", "2,b", "2,c", name="test.csv")

        assert Csv(path, "t", test_path=test).load().notes == (
            f'{path}: the training part has no example of class "c", which cannot be learnt',
        )

    def test_an_unseen_category_is_refused_where_it_stands_or_is_0(self, write):
        path = write("x,t", "p,a", "q,b")
        test = write("x,t", "p,a", "", "r,b", "s,b", name="test.csv")
        options = {"test_path": test, "categories": ("x",)}

        assert refusal(Csv(path, "t", **options)) == (
            f'{path}: {test}, line 4 (and 1 more), column "x": "r" is in no training row; correct '
            'it, or set unseen to "ignore" to have 0 in all columns of its category'
        )
        assert Csv(path, "t", unseen="ignore", **options).load().test.x.tolist() == [
            [1, 0],
            [0, 0],
            [0, 0],
        ]


class TestATargetFile:
    def test_its_lines_belong_to_those_of_the_table(self, write):
        path = write("1 2", "3 4", "5 6")
        targets = write("b", "a", "b", name="targets.csv")

        dataset = Csv(
            path, 0, target_path=targets, header=False, delimiter="whitespace", shuffle=False,
            standardize=False,
        )  # fmt: skip
        data = dataset.load()

        assert (data.train.x.tolist(), data.test.x.tolist()) == ([[1, 2], [3, 4]], [[5, 6]])
        assert (data.train.t.tolist(), data.test.t.tolist()) == ([1, 0], [1])

    def test_the_test_file_has_one_too(self, write):
        path, targets = write("x", "1", "2"), write("id,t", "1,a", "2,b", name="targets.csv")
        test, test_targets = write("x", "3", name="c.csv"), write("id,t", "9,b", name="d.csv")

        data = Csv(
            path, "t", target_path=targets, test_path=test, test_target_path=test_targets,
            standardize=False,
        ).load()  # fmt: skip

        assert (data.test.x.tolist(), data.test.t.tolist()) == ([[3]], [1])

    def test_there_is_a_target_for_each_line(self, write):
        path, targets = write("x", "1", "2", "3"), write("t", "a", "b", name="targets.csv")

        assert refusal(Csv(path, "t", target_path=targets)) == (
            f"{targets}: expected a row for each of the 3 rows of {path}, got 2"
        )

    @pytest.mark.parametrize(
        "names", [("test_target_path",), ("target_path", "test_path"),
                  ("test_path", "test_target_path")],
    )  # fmt: skip
    def test_files_of_targets_go_together(self, tmp_path, names):
        with pytest.raises(ValueError, match="test_target_path goes together with"):
            Csv(tmp_path / "a.csv", "t", **dict.fromkeys(names, tmp_path / "b.csv"))


class TestOrderAndGroups:
    def test_of_a_series_the_last_lines_are_tested_on(self, write):
        path = write("x,t", *(f"{i},{'ab'[i % 2]}" for i in range(10)))

        data = Csv(path, "t", shuffle=False, standardize=False).load()

        assert (numbers(data.train), numbers(data.test)) == ([*range(8)], [8, 9])

    @pytest.mark.parametrize("seed", range(5))
    def test_a_group_is_in_one_part(self, write, seed):
        path = write("x,g,t", *(f"{i},g{i % 7},{'ab'[i % 2]}" for i in range(70)))

        data = Csv(path, "t", group="g", seed=seed, standardize=False).load()

        groups = [{int(x) % 7 for x in numbers(part)} for part in (data.train, data.test)]
        assert not groups[0] & groups[1]
        assert (len(data.train), len(data.test)) == (60, 10)
        assert data.train.x.shape[1] == 1

    def test_groups_of_any_size_come_close_to_the_share(self, write):
        sizes = [50, 30, 10, 5, 5]
        lines = [f"{i},{g}" for g, size in enumerate(sizes) for i in range(size)]
        path = write("t,g,x", *(f"{line},1" for line in lines))

        tested = {
            len(Csv(path, "t", "regression", group="g", seed=s).load().test) for s in range(40)
        }

        # Wherever the first one is not too large, the test part is within half a group of 20.
        assert 20 in tested
        assert max(tested) == 50

    def test_a_single_group_is_refused(self, write):
        path = write("x,g,t", "1,p,a", "2,p,b")

        assert refusal(Csv(path, "t", group="g")) == (
            f'{path}: column "g": expected at least 2 groups, one to train on and one to test on, '
            "got the same one in every row"
        )

    def test_classes_are_stratified_unless_that_is_not_wanted(self, write):
        path = write("x,t", *(f"{i},{'ab'[i % 10 == 0]}" for i in range(50)))

        by_default = [np.bincount(Csv(path, "t", seed=s).load().test.t)[1] for s in range(9)]
        drawn = [(Csv(path, "t", seed=s, stratify=False).load().test.t).sum() for s in range(9)]

        assert set(by_default) == {1}
        assert len(set(drawn)) > 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"split": "p", "group": "g"}, "split and group"),
        ({"split": "p", "shuffle": False}, 'split and "shuffle": false'),
        ({"group": "g", "shuffle": False}, 'group and "shuffle": false'),
        ({"group": "g", "stratify": True}, 'group and "stratify": true'),
        ({"shuffle": False, "stratify": True}, '"shuffle": false and "stratify": true'),
    ],
)
def test_options_that_each_say_what_is_tested_on_exclude_each_other(tmp_path, options, named):
    with pytest.raises(ValueError, match="exclude each other") as caught:
        Csv(tmp_path / "table.csv", "t", **options)

    assert str(caught.value) == f"{named} exclude each other: each says which rows to test on"


class TestSeveralTargets:
    def test_they_are_columns_of_t(self, write):
        path = write("a,x,b", *(f"{i},{i * 10},{-i}" for i in range(5)))

        dataset = Csv(path, ("a", "b"), "regression", standardize=False, shuffle=False)

        assert dataset.inspect() == Form((1,), Targets((2,)))
        assert dataset.load().train.t.tolist() == [[0, 0], [1, -1], [2, -2], [3, -3]]

    def test_they_are_quantities(self, tmp_path):
        with pytest.raises(ValueError, match='several targets need task "regression"'):
            Csv(tmp_path / "table.csv", ("a", "b"))

    def test_there_is_one(self, tmp_path):
        with pytest.raises(ValueError, match="target must name a column, got none"):
            Csv(tmp_path / "table.csv", (), "regression")


class TestAValidationPart:
    LINES = ("x,g,t", *(f"{i},{i // 4},{'ab'[i % 2]}" for i in range(40)))

    def parts(self, write, **options):
        path = write(*self.LINES)
        data = Csv(path, "t", standardize=False, **{"drop": ("g",), **options}).load()
        return {name: numbers(part) for name, part in data.parts.items()}

    @pytest.mark.parametrize(
        "options",
        [{}, {"stratify": False}, {"shuffle": False}, {"group": "g", "drop": ()}],
        ids=["classes", "drawn", "last", "groups"],
    )
    def test_takes_its_share_of_what_is_not_tested_on(self, write, options):
        without = self.parts(write, **options)

        parts = self.parts(write, validation_fraction=0.2, **options)

        assert parts["test"] == without["test"]
        assert sorted(parts["training"] + parts["validation"]) == sorted(without["training"])
        assert len(parts["validation"]) == 8

    def test_has_each_class(self, write):
        assert sum(i % 2 for i in self.parts(write, validation_fraction=0.1)["validation"]) == 2

    def test_of_a_series_lies_between_the_others(self, write):
        parts = self.parts(write, validation_fraction=0.2, shuffle=False)

        assert parts["validation"] == list(range(24, 32))

    def test_has_whole_groups(self, write):
        parts = self.parts(write, validation_fraction=0.2, group="g", drop=())

        groups = [{int(i) // 4 for i in part} for part in parts.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 10

    def test_is_taken_from_the_first_file_if_there_are_two(self, write):
        test = write("x,g,t", "100,0,a", "101,0,b", name="test.csv")

        parts = self.parts(write, validation_fraction=0.25, test_path=test)

        assert (len(parts["training"]), len(parts["validation"])) == (30, 10)
        assert parts["test"] == [100, 101]

    def test_must_leave_lines_to_train_on(self, write):
        with pytest.raises(ValueError, match="must add up to less than 1"):
            Csv(write(*self.LINES), "t", test_fraction=0.5, validation_fraction=0.5)
        path = write("x,t", "1,a", "2,b")
        assert "one to train on and one to validate with, got 1" in refusal(
            Csv(path, "t", validation_fraction=0.3)
        )

    def test_is_named_by_one_option_only(self, write):
        with pytest.raises(ValueError, match="split and validation_fraction exclude each other"):
            Csv(write(*self.LINES), "t", split="g", validation_fraction=0.2)
