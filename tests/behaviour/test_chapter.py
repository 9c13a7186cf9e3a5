"""The numbers that chapter 5 of the book prints, one test for each, in the book's order."""

import json
from pathlib import Path

import numpy as np
import pytest

from layerkit import Network, load_registry, load_spec
from layerkit.builder import build_experiment
from layerkit.builtin.layers import Add, Affine, Mul, Relu, Sigmoid
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.initializers import Normal
from layerkit.run import load_data, run_training

SPECS = Path(__file__).parents[2] / "specs"


def test_two_apples_with_tax_cost_220_and_the_derivatives_are_those_of_the_book():
    mul_apple, mul_tax = Mul(), Mul()

    apple_price = mul_apple.forward(np.array(100.0), np.array(2.0))
    price = mul_tax.forward(apple_price, np.array(1.1))
    dapple_price, dtax = mul_tax.backward(np.array(1.0))
    dapple, dapple_num = mul_apple.backward(dapple_price)

    assert (apple_price, price) == (200, pytest.approx(220))
    assert (dapple_price, dtax) == (1.1, 200)
    assert (dapple, dapple_num) == (2.2, pytest.approx(110))


def test_apples_and_oranges_cost_715_and_the_derivatives_are_those_of_the_book():
    mul_apple, mul_orange, add, mul_tax = Mul(), Mul(), Add(), Mul()

    apple_price = mul_apple.forward(np.array(100.0), np.array(2.0))
    orange_price = mul_orange.forward(np.array(150.0), np.array(3.0))
    price = mul_tax.forward(add.forward(apple_price, orange_price), np.array(1.1))
    dall_price, dtax = mul_tax.backward(np.array(1.0))
    dapple_price, dorange_price = add.backward(dall_price)
    dorange, dorange_num = mul_orange.backward(dorange_price)
    dapple, dapple_num = mul_apple.backward(dapple_price)

    assert price == pytest.approx(715)
    assert [dapple_num, dapple, dorange, dorange_num, dtax] == pytest.approx(
        [110, 2.2, 3.3, 165, 650]
    )


def test_relu_passes_what_is_positive_both_ways():
    relu = Relu()

    y = relu.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    dx = relu.backward(np.ones((2, 2)))

    assert y.tolist() == [[1, 0], [0, 3]]
    assert dx.tolist() == [[1, 0], [0, 1]]


def test_sigmoid_gives_the_eight_digits_of_the_book_both_ways():
    sigmoid = Sigmoid()

    y = sigmoid.forward(np.array([[1.0, -0.5], [-2.0, 3.0]])).copy()
    dx = sigmoid.backward(np.ones((2, 2)))

    assert y == pytest.approx(
        np.array([[0.73105858, 0.37754067], [0.11920292, 0.95257413]]), abs=5e-9
    )
    assert dx == pytest.approx(
        np.array([[0.19661193, 0.23500371], [0.10499359, 0.04517666]]), abs=5e-9
    )


def test_affine_adds_the_bias_to_every_row_and_sums_its_gradient_over_them():
    affine = Affine(units=3)
    affine.initialize((1,))
    affine.W.value = [[1, 1, 1]]
    affine.b.value = [1, 2, 3]

    y = affine.forward(np.array([[0.0], [10.0]]))  # x W is [[0, 0, 0], [10, 10, 10]]
    affine.backward(np.array([[1.0, 2, 3], [4, 5, 6]]))

    assert y.tolist() == [[1, 2, 3], [11, 12, 13]]
    assert affine.b.grad.tolist() == [5, 7, 9]


def test_backpropagation_of_the_two_layer_net_agrees_with_numerical_gradients(mnist_folder):
    experiment = build_experiment(load_spec(SPECS / "mnist_two_layer.json", load_registry()))
    data = load_data(experiment)
    x, t = data.train.x[:3] / 255, data.train.t[:3]
    network = Network(
        [Affine(50, Normal(std=0.01)), Relu(), Affine(10, Normal(std=0.01))],
        (784,),
        loss=SoftmaxWithLoss(),
        dtype="float64",
    ).initialize(seed=0)

    # A pixel that is 0 in each example moves nothing: the derivatives with respect to its weights
    # are 0, and need no differences.
    lit = np.broadcast_to(x.any(axis=0)[:, np.newaxis], (784, 50))
    at = {name: np.arange(parameter.size) for name, parameter in network.parameters.items()}
    at["layers[0].W"] = np.flatnonzero(lit)

    numerical = network.numerical_gradient(x, t, at)
    backprop = network.gradient(x, t)

    assert not backprop["layers[0].W"][~lit].any()
    difference = {
        name: np.abs(backprop[name].ravel()[at[name]] - numerical[name]).sum() / backprop[name].size
        for name in numerical
    }
    assert difference["layers[0].W"] <= 4.1e-10
    assert difference["layers[0].b"] <= 2.5e-9
    assert difference["layers[2].W"] <= 2.5e-9
    assert difference["layers[2].b"] <= 2.5e-9


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_two_layer_net_learns_mnist_as_in_the_book(mnist_folder, tmp_path, seed):
    changes = [f"seed={seed}", "training.steps=10000", "training.evaluate_every=10000"]
    spec = load_spec(SPECS / "mnist_two_layer.json", load_registry(), changes)
    experiment = build_experiment(spec)

    result = run_training(experiment, load_data(experiment), tmp_path / "run")

    assert result.last is not None
    assert result.last.scores["train_accuracy"] >= 0.975
    assert result.last.scores["test_accuracy"] >= 0.965
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"
