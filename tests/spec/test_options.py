"""Options of a component are of the type and within the bounds of their annotation."""

import json

import pytest
from mistakes import SPEC, assert_told_at_its_place, told_of

PROBLEMS = {
    "a wrong type": (
        '"units": 5',
        '"units": "five"',
        ("5:33", 'layers[0].units: must be an integer, got "five"', '"five"'),
    ),
    "a fraction": (
        '"units": 5',
        '"units": 5.5',
        ("5:33", "layers[0].units: must be an integer, got 5.5", "5.5"),
    ),
    "out of bounds": (
        '"units": 5',
        '"units": -50',
        ("5:33", "layers[0].units: must be greater than 0, got -50", "-50"),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)


PATHS = """
    from pathlib import Path
    from layerkit import Layer, hookimpl

    class Reading(Layer):
        def __init__(self, files: tuple[str, list[Path] | None] = ("", None)) -> None:
            self.files = files

        def forward(self, x):
            return x

        def backward(self, dout):
            return dout

    @hookimpl
    def layerkit_register(registry):
        registry.layer("reading", Reading)
    """


@pytest.mark.parametrize(
    ("part", "value", "place"),
    [
        ('{"type": "npz", "path": "data.npz"}', {"type": "npz", "path": ""}, "3:35: data.path"),
        ('{"type": "npz", "path": "data.npz"}',
         {"type": "npy", **dict.fromkeys(("x", "t", "x_test"), "a"), "t_test": ""},
         "3:72: data.t_test"),
        ('{"type": "relu"}', {"type": "reading", "files": ["", ["a", ""]]},
         "6:45: layers[1].files[1][1]"),
    ],
)  # fmt: skip
def test_an_empty_path_in_a_spec_is_refused(refused, install, part, value, place):
    install("layerkit-paths", PATHS)

    told = told_of(refused, SPEC.replace(part, json.dumps(value)))

    assert told.startswith(f'spec.json:{place}: must be the path of a file, got ""\n')
