import json

import pytest

from layerkit import NonFiniteError, SpecError, load_registry, load_spec
from layerkit.run import run_graph
from layerkit.spec import parse_spec

REGISTRY = load_registry()


def run(inputs, *layers):
    """Return the nodes of a graph by name, each as value and derivative."""
    text = json.dumps({"version": 1, "inputs": inputs, "layers": layers})
    nodes = run_graph(parse_spec(text, REGISTRY))
    return {node.name: (node.value, node.derivative) for node in nodes}


def rows(name, specs):
    return [
        (node.name, node.type, pytest.approx(node.value), pytest.approx(node.derivative))
        for node in run_graph(load_spec(specs / f"{name}.json", REGISTRY))
    ]


@pytest.fixture
def specs(request):
    return request.config.rootpath / "specs"


def test_two_apples_cost_220_as_in_the_book(specs):
    assert rows("buy_apple", specs) == [
        ("apple", "input", 100, 2.2),
        ("apple_num", "input", 2, 110),
        ("tax", "input", 1.1, 200),
        ("apple_price", "mul", 200, 1.1),
        ("price", "mul", 220, 1),
    ]


def test_apples_and_oranges_cost_715_as_in_the_book(specs):
    assert rows("buy_apple_orange", specs) == [
        ("apple", "input", 100, 2.2),
        ("apple_num", "input", 2, 110),
        ("orange", "input", 150, 3.3),
        ("orange_num", "input", 3, 165),
        ("tax", "input", 1.1, 650),
        ("apple_price", "mul", 200, 1.1),
        ("orange_price", "mul", 450, 1.1),
        ("all_price", "add", 650, 1.1),
        ("price", "mul", 715, 1),
    ]


def test_arrays_are_batches_and_the_derivative_is_that_of_the_sum():
    nodes = run(
        {"x": [1, 2, 3], "y": [10, 20, 30]}, {"name": "z", "type": "mul", "inputs": ["x", "y"]}
    )

    assert nodes == {
        "x": ([1, 2, 3], [10, 20, 30]),
        "y": ([10, 20, 30], [1, 2, 3]),
        "z": ([10, 40, 90], [1, 1, 1]),
    }


def test_axes_after_the_first_are_those_of_an_example():
    nodes = run({"x": [[-1, 2], [3, -4]]}, {"name": "y", "type": "relu"})

    assert nodes == {
        "x": ([[-1, 2], [3, -4]], [[0, 1], [1, 0]]),
        "y": ([[0, 2], [3, 0]], [[1, 1], [1, 1]]),
    }


def test_a_number_used_twice_has_the_sum_of_both_derivatives():
    nodes = run({"x": 3}, {"name": "square", "type": "mul", "inputs": ["x", "x"]})

    assert nodes == {"x": (3, 6), "square": (9, 1)}


def test_an_input_that_nothing_takes_has_the_derivative_0():
    nodes = run({"x": 3, "idle": 4}, {"name": "y", "type": "mul", "inputs": ["x", "x"]})

    assert nodes["idle"] == (4, 0)


def test_parameters_and_states_of_layers_are_nodes_too():
    nodes = run_graph(
        parse_spec(
            json.dumps(
                {
                    "version": 1,
                    "inputs": {"x": [[1, 2], [3, 4]]},
                    "layers": [
                        {
                            "name": "line",
                            "type": "affine",
                            "units": 1,
                            "weight_init": {"type": "constant", "value": 10},
                        },
                        {"name": "norm", "type": "batch_norm"},
                    ],
                }
            ),
            REGISTRY,
        )
    )

    # Batch norm evaluates: it divides by the root of its running variance 1 plus 0.00001.
    found = [(n.name, n.type, n.value, n.derivative) for n in nodes]
    assert found == [
        ("x", "input", [[1, 2], [3, 4]], [[near(10), near(10)], [near(10), near(10)]]),
        ("line.W", "parameter", [[10], [10]], [[near(4)], [near(6)]]),
        ("line.b", "parameter", [0], [near(2)]),
        ("line", "affine", [[30], [70]], [[near(1)], [near(1)]]),
        ("norm.gamma", "parameter", [1], [near(100)]),
        ("norm.beta", "parameter", [0], [2]),
        ("norm.running_mean", "state", [0], None),
        ("norm.running_var", "state", [1], None),
        ("norm", "batch_norm", [[near(30)], [near(70)]], [[1], [1]]),
    ]


def near(number):
    return pytest.approx(number, rel=1e-5)


def test_the_same_seed_draws_the_same_parameters():
    graph = {"x": [[1, 2]]}, {"name": "y", "type": "affine", "units": 3}

    assert run(*graph) == run(*graph)


def test_batches_of_different_sizes_are_refused_each_at_its_place():
    with pytest.raises(SpecError) as caught:
        run(
            {"x": [1, 2, 3], "y": [1, 2], "z": 5},
            {"name": "sum", "type": "add", "inputs": ["x", "y", "z"]},
        )

    assert [(p.path, p.message) for p in caught.value.problems] == [
        (("inputs", "y"), "must be a batch of 3, like the first input, got 2"),
        (("inputs", "z"), "must be a batch of 3, like the first input, got 1"),
    ]


def test_a_value_that_is_not_finite_is_told_with_its_place():
    with pytest.raises(NonFiniteError, match=r"first arose in p \(mul\), in its output$"):
        run({"x": 1e308}, {"name": "p", "type": "mul", "inputs": ["x", "x"]})


def test_examples_that_do_not_fit_are_told_with_the_names_of_the_inputs():
    with pytest.raises(SpecError) as caught:
        run({"x": [[1, 2]], "y": [3]}, {"name": "z", "type": "mul", "inputs": ["x", "y"]})

    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (
        ("layers", 0),
        'z (mul) takes two inputs of one shape, but the input "x" gives (2,) and the input "y" '
        "gives ()",
    )
