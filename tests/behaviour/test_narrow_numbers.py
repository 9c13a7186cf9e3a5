"""Layers, losses and metrics that stand alone compute in floats, whatever type they are given."""

import numpy as np
import pytest

from layerkit import DataError, Parameter, ShapeError, load_registry
from layerkit.builtin.layers import Add, Affine, Gelu, Mul, Relu, Sigmoid, Softmax, Tanh
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import R2, Accuracy, BinaryAccuracy, MeanAbsoluteError
from layerkit.testing.laws.layers.uses import uses
from layerkit.testing.subject import Subject

NARROW = ["u1", "i1", "i8", "f2", "?"]
narrow = pytest.mark.parametrize("narrow", NARROW)


def every_use():
    """Return every use of every installed layer."""
    registry = load_registry()
    classes = [entry.cls for entry in registry if entry.cls.kind == "layer"]
    return [use for cls in classes for use in uses(Subject(cls, registry))]


def numbers(dtype, shape, seed, below=None):
    """Return random numbers of a type, large ones among them."""
    rng = np.random.default_rng(seed)
    if below is not None:
        return rng.integers(0, below, shape).astype(dtype)
    if dtype == "f2":
        return rng.normal(0, 3, shape).astype(dtype)
    least, most = {"u1": (0, 256), "i1": (-128, 128), "i8": (-1000, 1000), "?": (0, 2)}[dtype]
    return rng.integers(least, most, shape).astype(dtype)


@pytest.mark.parametrize("use", every_use(), ids=lambda use: f"{use.cls.__name__} {use}")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@narrow
def test_a_layer_alone_computes_in_its_own_type(use, dtype, narrow):
    example = use.example
    xs = [numbers(narrow, (4, *s), i, example.below) for i, s in enumerate(example.shapes)]
    found = []
    for convert in (lambda x: x, lambda x: x.astype(dtype)):
        layer, shape = use.initialized(dtype)
        dout = numbers(narrow, (4, *shape), 9)
        y = np.array(layer.forward(*map(convert, xs)))
        dxs = layer.backward(convert(dout))
        dxs = [np.array(dx) for dx in (dxs if isinstance(dxs, tuple) else (dxs,))]
        grads = [v.grad.copy() for _, v in layer.variables() if isinstance(v, Parameter)]
        found.append([y, *dxs, *grads])

    for got, expected in zip(*found, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=1e-12 if dtype == "float64" else 1e-6)


@pytest.mark.parametrize("cls", [Gelu, Relu, Sigmoid, Softmax, Tanh])
@narrow
def test_so_does_one_that_needs_no_initialize(cls, narrow):
    x = numbers(narrow, (3, 4), 0)
    layer, same = cls(), cls()

    np.testing.assert_allclose(layer.forward(x), same.forward(x.astype(float)), rtol=1e-12)
    np.testing.assert_allclose(layer.backward(x), same.backward(x.astype(float)), rtol=1e-12)


@pytest.mark.parametrize("narrow", NARROW[:3])
def test_sums_and_products_do_not_wrap(narrow):
    x = np.array([100, 127], narrow)

    assert Add().forward(x, x).tolist() == [200, 254]
    assert Mul().forward(x, x).tolist() == [10000, 16129]
    assert Add().forward(*[x[0]] * 2) == 200
    assert Mul().forward(*[x[0]] * 2) == 10000


def test_numbers_too_large_for_the_type_are_refused():
    affine = Affine(2)
    affine.initialize((1,), dtype="float32")

    with pytest.raises(
        DataError, match=r"^Affine: inputs must not have both 16777216 and 16777217"
    ):
        affine.forward(np.array([[2**24], [2**24 + 1]]))


@pytest.mark.parametrize("number", [-2, 2.5, np.float64(2), np.float32(2), np.array(2.0)], ids=repr)
def test_one_input_that_is_a_number_is_no_batch(number):
    for layer in (Relu(), Sigmoid(), Softmax(), Gelu()):
        with pytest.raises(ShapeError) as refusal:
            layer.forward(number)
        assert str(refusal.value) == (
            f"{type(layer).__name__} takes a batch of examples, (batch, ...), got a number; put it "
            "into an array: np.array([x])"
        )


@pytest.mark.parametrize("cls", [Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss])
@pytest.mark.parametrize("of_targets", ["f2", "f8"])
def test_a_loss_alone_of_many_halves_is_that_of_the_same_doubles(cls, of_targets):
    rng = np.random.default_rng(0)
    y = rng.normal(0, 300, (100_000, 2)).astype("f2")
    t = np.eye(2)[rng.integers(0, 2, 100_000)].astype(of_targets)
    loss, same = cls(), cls()

    assert loss.forward(y, t) == pytest.approx(same.forward(y.astype(float), t.astype(float)))
    np.testing.assert_allclose(loss.backward(), same.backward(), rtol=1e-12)


@pytest.mark.parametrize("cls", [Accuracy, BinaryAccuracy, MeanAbsoluteError, R2])
@pytest.mark.parametrize("of_targets", ["f2", "f8"])
def test_so_is_a_metric(cls, of_targets):
    rng = np.random.default_rng(0)
    y = rng.normal(0, 10_000, (1000, 4)).astype("f2")
    t = np.eye(4)[rng.integers(0, 4, 1000)] * (1 if cls in (Accuracy, BinaryAccuracy) else -60_000)
    t = t.astype(of_targets)
    metric, same = cls(), cls()
    for judge, convert in ((metric, lambda x: x), (same, lambda x: x.astype(float))):
        judge.reset()
        judge.update(convert(y), convert(t))

    assert metric.value() == pytest.approx(same.value(), rel=1e-12)
