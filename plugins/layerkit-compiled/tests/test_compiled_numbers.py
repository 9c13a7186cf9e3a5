"""Numbers near overflow and beyond, in C and in NumPy's layers, losses and optimizers."""

import numpy as np
import pytest
from comparing import both
from hypothesis import given, settings, strategies as st

from layerkit import Array, Split
from layerkit.builtin.layers import Affine, Relu, Sigmoid, Tanh
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, Adam, AdamW
from layerkit_compiled import _kernels

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of overflow in NumPy

LARGEST, SMALLEST = float(np.finfo(np.float32).max), 1e-45
SIZES = (
    0.0,
    SMALLEST,
    1e-40,
    1.2e-38,
    1e-20,
    1e-7,
    0.3,
    0.625,
    1.0,
    3.0,
    9.0,
    17.0,
    40.0,
    86.9,
    87.4,
    88.1,
    88.7,
    88.8,
    89.5,
    95.0,
    103.5,
    104.5,
    1e3,
    1e19,
    2e19,
    1e30,
    1e38,
    LARGEST,
    np.inf,
)
NUMBERS = np.array([s * size for size in SIZES for s in (1, -1)] + [np.nan], np.float32)
ACTIVATIONS = {"relu": Relu, "sigmoid": Sigmoid, "tanh": Tanh}

anything = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)


def assert_alike(actual, expected, rtol=3e-6, atol=1e-44):
    """Compare to some units in the last digit; infinities and NaN stand at the same places."""
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def activated(activation, x):
    """Return a layer's output for single numbers, in C and in NumPy."""
    split = Split(x.reshape(-1, 1), np.zeros((len(x), 1), np.float32))
    in_c, in_numpy = both(lambda: [activation()], MeanSquaredError, split, batch_size=len(x))
    outputs = in_c.fastest_step.outputs(split) if len(x) >= 32 else None
    assert outputs is not None
    return outputs.ravel(), in_numpy.network.forward(split.x).ravel()


def slopes(activation, x, factor):
    """Return the gradient with respect to a layer's input, times a factor, in C and in NumPy.

    It is the gradient with respect to the bias of a layer before, that adds x to nothing.
    """
    grads = []
    split = Split(np.zeros((1, 1), np.float32), np.zeros((1, len(x)), np.float32))
    layers = [lambda: [Affine(len(x)), activation(), Affine(len(x))]]
    for made in both(layers[0], MeanSquaredError, split, batch_size=1):
        network = made.network
        first, _, last = (node.layer for node in network.nodes)
        first.b.value[...] = x
        last.W.value[...] = np.eye(len(x))
        last.b.value[...] = 0
        y = network.forward(split.x)
        last.b.value[...] = np.float32(factor) - y.ravel()
        made.fastest_step.gradients(np.arange(1))
        grads.append(first.b.grad.copy())
    return grads


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
class TestActivations:
    def test_give_what_numpys_layers_give(self, activation):
        actual, expected = activated(activation, NUMBERS)

        assert_alike(actual, expected)

    @given(numbers=st.lists(anything, min_size=32, max_size=64))
    @settings(deadline=None, max_examples=60, derandomize=True)
    def test_give_what_numpys_layers_give_for_any_number(self, activation, numbers):
        actual, expected = activated(activation, np.array(numbers, np.float32))

        assert_alike(actual, expected)

    @pytest.mark.parametrize("factor", [1.0, 1e15])
    def test_have_the_slopes_of_numpys_layers(self, activation, factor):
        # One at a time, because infinity times the zeros of a matrix is not a number.
        for x in NUMBERS[np.isfinite(NUMBERS)]:
            actual, expected = slopes(activation, np.array([x]), factor)

            # 1 - y is of the order of rounding where y is near 1.
            assert_alike(actual, expected, rtol=1e-5, atol=3e-7 * factor)


@pytest.mark.parametrize("x", [-88.5, -100.0, -104.5, -1e3, -1e38])
def test_the_slope_of_a_sigmoid_is_that_of_numpy_far_from_zero(x):
    actual, expected = slopes(Sigmoid, np.array([x], np.float32), 1e15)

    assert_alike(actual, expected)
    assert (actual == 0).all() == (x < -88.8)  # where exp(-x) overflows


def losses(loss, split, logits):
    """Return the loss and the gradient with respect to outputs, in C and in NumPy."""
    found = []
    for made in both(lambda: [Affine(logits.shape[1])], loss, split, batch_size=len(logits)):
        network = made.network
        layer = network.nodes[0].layer
        layer.W.value[...] = logits
        layer.b.value[...] = 0
        how = made.fastest_step
        program = getattr(how, "_program", None)
        value = (
            program.gradients(np.arange(len(logits)))
            if program
            else how.gradients(np.arange(len(logits)))
        )
        found.append((value, layer.W.grad.copy()))
    return found


def one_hot(count: int) -> Array:
    return np.eye(count, dtype=np.float32)


@pytest.mark.parametrize("targets", ["labels", "probabilities", "numbers"])
@pytest.mark.parametrize("size", [s for s in SIZES if np.isfinite(s)])
def test_losses_are_those_of_numpy(targets, size):
    # The examples are the rows of a unit matrix, so the weights are the outputs.
    rng = np.random.default_rng(5)
    logits = (rng.uniform(-1, 1, (6, 6)) * size).astype(np.float32)
    t = {
        "labels": rng.integers(0, 6, 6),
        "probabilities": rng.dirichlet(np.ones(6), 6),
        "numbers": rng.normal(size=(6, 6)),
    }[targets]
    loss = MeanSquaredError if targets == "numbers" else SoftmaxWithLoss

    (in_c, grads_in_c), (in_numpy, grads_in_numpy) = losses(loss, Split(one_hot(6), t), logits)

    assert_alike(in_c, in_numpy)
    if np.isfinite(in_numpy):
        largest = np.abs(grads_in_numpy).max()
        assert_alike(grads_in_c, grads_in_numpy, atol=1e-6 * largest)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64"])
def test_errors_of_large_targets_are_those_of_numpy(dtype):
    # float32 holds 16777216 and 16777218, but not the target between them.
    split = Split(one_hot(1), np.array([[16_777_217]], dtype))
    logits = np.array([[16_777_216]], np.float32)

    for value, grads in losses(MeanSquaredError, split, logits):
        assert (value, grads.tolist()) == (1.0, [[-2.0]])


OPTIMIZERS = {
    "sgd": lambda: SGD(0.1),
    "sgd with decay": lambda: SGD(0.1, weight_decay=0.01),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda: Adam(0.01),
    "a large rate": lambda: Adam(1e3),
    "adam with decay": lambda: Adam(0.01, weight_decay=0.1),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_updates_are_those_of_numpy(optimizer):
    grads = np.repeat(NUMBERS, len(NUMBERS))
    # Of one sign, because where a gradient and its decay cancel a fused product has more digits.
    params = np.copysign(np.tile(NUMBERS, len(NUMBERS)), grads)
    split = Split(np.zeros((2, 1), np.float32), np.zeros((2, len(params)), np.float32))
    results = []
    for made in both(
        lambda: [Affine(len(params), bias=False)], MeanSquaredError, split, optimizer, batch_size=2
    ):
        made.network.params[...] = params
        for step in range(3):
            made.network.grads[...] = grads
            made.fastest_step.update(step)
        results.append((made.network.params.copy(), made.optimizer_state.copy()))

    (params_in_c, states_in_c), (params_in_numpy, states_in_numpy) = results
    # Adam makes the rate times a subnormal number, of which few digits are left.
    lost = 1e-27 if isinstance(made.optimizer, Adam) else 1e-44
    assert_alike(states_in_c, states_in_numpy, rtol=1e-6, atol=lost)
    finite = np.isfinite(params) & np.isfinite(params_in_numpy)
    size = np.maximum(np.abs(params), np.abs(params_in_numpy))[finite].astype(float)
    difference = params_in_c[finite].astype(float) - params_in_numpy[finite]
    assert (np.abs(difference) <= 1e-6 * size + lost).all()
    np.testing.assert_array_equal(params_in_c[~finite], params_in_numpy[~finite])


def test_a_rate_that_is_not_finite_is_refused():
    one = np.zeros(1, np.float32)

    with pytest.raises(ValueError, match="rate must be finite, got inf"):
        _kernels.sgd(one, one.copy(), None, np.inf, 0.0, 0.0, False)
