"""Names of components that nobody has are reported with what was meant."""

import pytest
from mistakes import assert_told_at_its_place

PROBLEMS = {
    "an unknown layer": (
        '"relu"',
        '"reul"',
        ("6:14", 'layers[1].type: no layer is named "reul"; did you mean "relu"?', '"reul"'),
    ),
    "a layer named by a path of Python": (
        '"relu"',
        '"os.system"',
        (
            "6:14",
            'layers[1].type: no layer is named "os.system"; see: layerkit layers --kind layer',
            '"os.system"',
        ),
    ),
    "a loss where a layer should be": (
        '"relu"',
        '"huber"',
        ("6:14", 'layers[1].type: no layer is named "huber"; "huber" names a loss', '"huber"'),
    ),
    "an unknown optimizer": (
        '"sgd"',
        '"adamm"',
        ("10:25", 'optimizer.type: no optimizer is named "adamm"; did you mean "adam"?', '"adamm"'),
    ),
    "no component at all": (
        '{"type": "sgd", "learning_rate": 0.1}',
        "3",
        (
            "10:16",
            'optimizer: must be the name of an optimizer, or an object with its "type", got 3',
            "3",
        ),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)
