"""Names and inputs of layers lead to one output each."""

import pytest
from mistakes import AFFINE, LAST, assert_told_at_its_place

PROBLEMS = {
    "a name used twice": (
        '{"type": "relu"},',
        '{"type": "relu", "name": "a"}, {"type": "relu", "name": "a"},',
        ("6:61", 'layers[2].name: "a" is already the name of layers[1]; choose another', '"a"'),
    ),
    "the name of the input": (
        '{"type": "relu"}',
        '{"type": "relu", "name": "input"}',
        ("6:30", 'layers[1].name: "input" is the name of an input; choose another', '"input"'),
    ),
    "an input that comes later": (
        f'{{"type": "relu"}},\n    {LAST}',
        f'{{"type": "relu", "inputs": "last"}},\n    {LAST[:-1]}, "name": "last"}}',
        ("6:32", 'layers[1].inputs: nothing earlier is named "last"; there are: input', '"last"'),
    ),
    "an unknown input": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": ["imput"]}',
        (
            "6:33",
            'layers[1].inputs[0]: nothing earlier is named "imput"; did you mean "input"?',
            '"imput"',
        ),
    ),
    "too many inputs": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": ["input", "input"]}',
        ("6:32", "layers[1].inputs: relu takes 1 input, got 2", '["input", "input"]'),
    ),
    "too few inputs": (
        '{"type": "relu"}',
        '{"type": "mul"}',
        ("6:5", 'layers[1]: mul takes 2 inputs; name them: "inputs": [...]', '{"type": "mul"}'),
    ),
    "an output that nobody takes": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": "input"}',
        (
            "5:5",
            "layers[0]: no later layer takes its output; remove it, or name it in some inputs",
            AFFINE,
        ),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)
