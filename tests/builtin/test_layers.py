"""Shapes and numbers of the built-in layers; the laws of all layers are in the conformance kit."""

from typing import Any

import numpy as np
import pytest

from layerkit import Layer, ShapeError, load_registry
from layerkit.builtin.functions import erf
from layerkit.builtin.layers import (
    Add,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Gelu,
    LayerNorm,
    LeakyRelu,
    Mul,
    Relu,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from layerkit.functions import sigmoid, softmax
from layerkit.initializers import Normal

# name, options, the shapes of its inputs, the shape of its output
LAYERS: list[tuple[type[Layer], dict[str, Any], list[tuple[int, ...]], tuple[int, ...]]] = [
    (Add, {}, [(3,), (3,)], (3,)),
    (Add, {}, [(2, 3), (2, 3), (2, 3)], (2, 3)),
    (Affine, {"units": 4}, [(3,)], (4,)),
    (Affine, {"units": 1, "bias": False}, [(5,)], (1,)),
    (Affine, {"units": 2, "bias_init": Normal(std=1.0)}, [(3,)], (2,)),
    (BatchNorm, {}, [(3,)], (3,)),
    (BatchNorm, {"momentum": 0.5, "epsilon": 0.1}, [(2, 4)], (2, 4)),
    (BatchNorm, {}, [(2, 3, 4)], (2, 3, 4)),
    (Dropout, {"rate": 0.4}, [(6,)], (6,)),
    (Dropout, {"rate": 0.0}, [(2, 3)], (2, 3)),
    (Flatten, {}, [(2, 3, 4)], (24,)),
    (Flatten, {}, [()], (1,)),
    (Gelu, {}, [(5,)], (5,)),
    (Gelu, {"approximate": "tanh"}, [(2, 3)], (2, 3)),
    (LayerNorm, {}, [(4,)], (4,)),
    (LayerNorm, {"axes": 2, "epsilon": 0.1}, [(2, 3, 4)], (2, 3, 4)),
    (LayerNorm, {}, [(2, 3)], (2, 3)),
    (LeakyRelu, {"negative_slope": 0.2}, [(5,)], (5,)),
    (Mul, {}, [(3,), (3,)], (3,)),
    (Mul, {}, [(), ()], ()),
    (Relu, {}, [(2, 3)], (2, 3)),
    (Reshape, {"shape": (3, -1)}, [(2, 6)], (3, 4)),
    (Sigmoid, {}, [(5,)], (5,)),
    (Softmax, {}, [(4,)], (4,)),
    (Softmax, {}, [(2, 3)], (2, 3)),
    (Tanh, {}, [(5,)], (5,)),
]
IDS = [f"{cls.__name__}-{i}" for i, (cls, *_) in enumerate(LAYERS)]
every_layer = pytest.mark.parametrize(("cls", "options", "shapes", "output"), LAYERS, ids=IDS)


def made(cls: type[Layer], options: dict[str, Any], shapes: Any, **how: Any) -> Layer:
    layer = cls(**options)
    layer.initialize(*shapes, **how)
    return layer


def inputs(shapes: Any, batch: int = 4, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(batch, *shape)) for shape in shapes]


def both_ways(layer: Layer, xs: list[np.ndarray], dout: np.ndarray) -> list[np.ndarray]:
    """Return copies of the output and of the gradients of the inputs and the parameters."""
    y = layer.forward(*xs).copy()
    dxs = layer.backward(dout)
    dxs = dxs if isinstance(dxs, tuple) else (dxs,)
    grads = [v.grad for _, v in layer.variables() if hasattr(v, "grad")]
    return [y, *(np.array(dx) for dx in dxs), *(g.copy() for g in grads)]


def test_the_table_names_every_built_in_layer():
    registered = {entry.cls for entry in load_registry() if entry.kind == "layer"}

    assert {cls for cls, *_ in LAYERS} == registered


@every_layer
def test_the_inferred_shape_is_the_real_one(cls, options, shapes, output):
    layer = cls(**options)

    assert layer.initialize(*shapes) == output
    for batch in (2, 7):
        assert layer.forward(*inputs(shapes, batch)).shape == (batch, *output)


@every_layer
@pytest.mark.parametrize("size", [1000.0, -1000.0])
def test_large_inputs_give_finite_numbers_without_warnings(cls, options, shapes, output, size):
    layer = made(cls, options, shapes, dtype="float32")
    xs = [np.full((4, *shape), size, np.float32) for shape in shapes]

    for result in both_ways(layer, xs, np.ones((4, *output), np.float32)):
        assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (Affine(3), [(1, 28, 28)], 'takes vectors; put "flatten" between them'),
        (Affine(3), [()], 'takes vectors; put "flatten" between them'),
        (Mul(), [(3,), (4,)], "takes two inputs of one shape"),
        (Add(), [(3,), (3,), (4,)], "takes inputs of one shape"),
        (BatchNorm(), [()], "takes at least one axis, that of the channels"),
        (LayerNorm(axes=2), [(3,)], "takes at least 2 axes"),
        (Softmax(), [()], "takes at least one axis of classes"),
        (Reshape((4, -1)), [(6,)], "makes [4, -1] of each example"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(layer, shapes, message):
    with pytest.raises(ShapeError) as caught:
        layer.build(*shapes)

    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(0, 3), (-2,), (-1, -1)])
def test_reshape_refuses_shapes_that_say_nothing(shape):
    with pytest.raises(ValueError, match="positive axes, and -1 for at most one"):
        Reshape(shape)


def test_dropout_drops_its_share_in_training_and_scales_what_it_keeps():
    dropout = Dropout(rate=0.25)
    dropout.initialize((10_000,))

    y = dropout.forward(np.ones((1, 10_000)))

    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)
    assert set(np.unique(y)) == {0, 1 / 0.75}


def test_dropout_does_nothing_in_evaluation():
    dropout = Dropout(rate=0.25)
    dropout.initialize((3,), training=False)

    assert dropout.forward(np.array([[1.0, 2, 3]])).tolist() == [[1, 2, 3]]


def test_batch_norm_makes_mean_0_and_variance_1_of_a_batch():
    norm = BatchNorm()
    norm.initialize((1,))

    y = norm.forward(np.array([[1.0], [3.0], [5.0]]))

    # mean 3, variance 8/3
    assert y[:, 0] == pytest.approx(np.array([-2, 0, 2]) / np.sqrt(8 / 3 + 1e-5))


def test_batch_norm_moves_its_running_means_toward_those_of_each_batch():
    norm = BatchNorm(momentum=0.1)
    norm.initialize((1,))

    norm.forward(np.array([[1.0], [3.0], [5.0]]))

    assert norm.running_mean.value.tolist() == pytest.approx([0.3])
    assert norm.running_var.value.tolist() == pytest.approx([0.9 * 1 + 0.1 * 4])  # 8 / 2, unbiased


def test_batch_norm_refuses_to_train_on_one_number_per_channel():
    norm = BatchNorm()
    norm.initialize((3,))

    with pytest.raises(ShapeError, match="more than one number per channel"):
        norm.forward(np.ones((1, 3)))


def test_the_error_function_is_that_of_the_standard_library():
    import math

    x = np.linspace(-8, 8, 4001)

    assert np.abs(erf(x) - [math.erf(v) for v in x]).max() < 3e-16
    assert erf(np.float32([0.5])).dtype == np.float32


def test_sigmoid_and_softmax_reach_their_limits():
    assert sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]
    assert softmax(np.array([1e4, 0, -1e4])).tolist() == [1, 0, 0]


def test_no_input_gradient_is_computed_that_nobody_needs():
    affine = Affine(2)
    affine.initialize((3,))
    affine.needs_input_grad = False

    affine.forward(np.ones((1, 3)))

    assert affine.backward(np.ones((1, 2))) is None
