"""Keys of a spec: unknown ones, missing ones and those that exclude each other."""

import pytest
from mistakes import AFFINE, LAST, assert_told_at_its_place

PROBLEMS = {
    "an unknown key": (
        '"version": 1,',
        '"version": 1, "sede": 3,',
        ("2:17", 'sede: unknown key "sede"; did you mean "seed"?', '"sede"'),
    ),
    "another version": (
        '"version": 1',
        '"version": 2',
        ("2:14", "version: must be 1, the version that this layerkit reads, got 2", "2"),
    ),
    "no layers": (
        f'[\n    {AFFINE},\n    {{"type": "relu"}},\n    {LAST}\n  ]',
        "[]",
        ("4:13", "layers: must have at least 1 element, got []", "[]"),
    ),
    "neither steps nor epochs": (
        '"steps": 2, ',
        "",
        ("11:15", 'training: needs either "steps" or "epochs"', '{"batch_size": 4}'),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)
