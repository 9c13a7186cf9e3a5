"""The inputs of a graph are rectangular arrays of numbers."""

import pytest
from mistakes import excerpt, told_of

GRAPHS = {
    "no inputs": ("{}", "1:26", "inputs: must have at least 1 element, got {}", "{}"),
    "text": (
        '{"x": "1"}',
        "1:32",
        'inputs.x: must be a number or an array of numbers, got "1"',
        '"1"',
    ),
    "a ragged array": (
        '{"x": [[1], [2, 3]]}',
        "1:32",
        "inputs.x: must be rectangular: arrays side by side have one shape, got [[1], [2, 3]]",
        "[[1], [2, 3]]",
    ),
    "batches of two sizes": (
        '{"x": [1, 2], "y": [1]}',
        "1:45",
        "inputs.y: must be a batch of 2, like the first input, got 1",
        "[1]",
    ),
}


@pytest.mark.parametrize(("inputs", "place", "message", "marked"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph_whose_inputs_are_wrong_is_refused(refused, inputs, place, message, marked):
    text = '{"version": 1, "inputs": %s,\n"layers": [{"type": "relu", "inputs": "x"}]}'
    layers = text.replace("relu", "add").replace('"x"', '["x", "y"]') if '"y"' in inputs else text

    told = told_of(refused, layers % inputs)

    assert excerpt(layers % inputs, place, message, marked) in told
