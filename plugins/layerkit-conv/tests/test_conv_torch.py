"""The layers agree with PyTorch's, forward and backward, over random shapes and options."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from layerkit import ShapeError
from layerkit_conv import AveragePool2d, Conv1d, Conv2d, GlobalAveragePool, MaxPool2d

torch = pytest.importorskip("torch", reason="compares with PyTorch")
pytestmark = [
    pytest.mark.torch,
    # PyTorch tells that such padding costs it a copy.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
]

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
few = st.integers(1, 3)
seeds = st.integers(0, 2**32 - 1)
thorough = settings(max_examples=60, deadline=None)


def both_ways(layer, shape, seed):
    """Return an input, the output, an upstream gradient and that of the input."""
    rng = np.random.default_rng(seed)
    layer.initialize(shape, rng=seed)
    x = rng.normal(size=(2, *shape))
    y = layer.forward(x).copy()
    dout = rng.normal(size=y.shape)
    return x, y, dout, layer.backward(dout)


def agree(layer, theirs, shape, seed):
    """Compare a layer with a module that has no parameters."""
    x, y, dout, dx = both_ways(layer, shape, seed)
    their_x = torch.tensor(x, requires_grad=True)
    their_y = theirs(their_x)
    their_y.backward(torch.tensor(dout))
    np.testing.assert_allclose(y, their_y.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, their_x.grad.numpy(), **CLOSE)


def agree_convolution(layer, module, shape, seed):
    """Compare a convolution with the same parameters, and the gradients of these."""
    try:
        layer.initialize(shape)
    except ShapeError:
        assume(False)
    x, y, dout, dx = both_ways(layer, shape, seed)
    # PyTorch has the filters first.
    module.weight.data = torch.tensor(np.moveaxis(layer.W.value, -1, 0).copy())
    if layer.bias:
        module.bias.data = torch.tensor(layer.b.value.copy())
    their_x = torch.tensor(x, requires_grad=True)
    their_y = module(their_x)
    their_y.backward(torch.tensor(dout))
    np.testing.assert_allclose(y, their_y.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, their_x.grad.numpy(), **CLOSE)
    dW = np.moveaxis(module.weight.grad.numpy(), 0, -1)
    np.testing.assert_allclose(layer.W.grad, dW, **CLOSE)
    if layer.bias:
        np.testing.assert_allclose(layer.b.grad, module.bias.grad.numpy(), **CLOSE)


@thorough
@given(
    groups=few, inner=few, outer=few, size=st.tuples(few, few), stride=st.tuples(few, few),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)), dilation=st.tuples(few, few),
    bias=st.booleans(), positions=st.tuples(st.integers(1, 8), st.integers(1, 8)), seed=seeds,
)  # fmt: skip
def test_conv2d(groups, inner, outer, size, stride, padding, dilation, bias, positions, seed):
    layer = Conv2d(
        outer * groups, size, stride, padding, dilation, groups, bias=bias,
        bias_init=lambda shape, rng: rng.normal(size=shape),
    )  # fmt: skip
    module = torch.nn.Conv2d(
        inner * groups, outer * groups, size, stride, padding, dilation, groups, bias,
        dtype=torch.float64,
    )  # fmt: skip
    agree_convolution(layer, module, (inner * groups, *positions), seed)


@thorough
@given(size=st.tuples(few, few), dilation=few, positions=st.tuples(few, few), seed=seeds)
def test_conv2d_that_keeps_height_and_width(size, dilation, positions, seed):
    layer = Conv2d(2, size, padding="same", dilation=dilation)
    module = torch.nn.Conv2d(3, 2, size, padding="same", dilation=dilation, dtype=torch.float64)
    agree_convolution(layer, module, (3, *positions), seed)


@thorough
@given(
    groups=few, inner=few, outer=few, size=few, stride=few, padding=st.integers(0, 2),
    dilation=few, length=st.integers(1, 9), seed=seeds,
)  # fmt: skip
def test_conv1d(groups, inner, outer, size, stride, padding, dilation, length, seed):
    layer = Conv1d(outer * groups, size, stride, padding, dilation, groups)
    module = torch.nn.Conv1d(
        inner * groups, outer * groups, size, stride, padding, dilation, groups,
        dtype=torch.float64,
    )  # fmt: skip
    agree_convolution(layer, module, (inner * groups, length), seed)


@thorough
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.none() | st.tuples(few, few),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    positions=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    kind=st.sampled_from([(MaxPool2d, torch.nn.MaxPool2d), (AveragePool2d, torch.nn.AvgPool2d)]),
    seed=seeds,
)
def test_pooling(size, stride, padding, positions, kind, seed):
    assume(all(2 * p <= k for p, k in zip(padding, size, strict=True)))
    ours, theirs = kind
    agree(ours(size, stride, padding), theirs(size, stride, padding), (3, *positions), seed)


@thorough
@given(shape=st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple), seed=seeds)
def test_global_average_pool(shape, seed):
    axes = tuple(range(2, len(shape) + 1))
    agree(GlobalAveragePool(), lambda x: x.mean(axes), shape, seed)
