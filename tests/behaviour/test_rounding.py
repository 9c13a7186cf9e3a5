"""Layers keep their digits where a plain formula in float32 loses them."""

import numpy as np
import pytest

from layerkit import Network, NonFiniteError
from layerkit.builtin.layers import BatchNorm, Gelu, LayerNorm

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.torch

rng = np.random.default_rng(0)


def both_ways(layer, x, dout):
    """Return the output and the gradient with respect to the input, of one pass in training."""
    layer.initialize(x.shape[1:], dtype=x.dtype)
    y = layer.forward(x).copy()
    return y, layer.backward(dout).copy()


def torchs(function, x, dout):
    """Return the same of a function of PyTorch, in float64."""
    wide = torch.tensor(x).double().requires_grad_()
    y = function(wide)
    y.backward(torch.tensor(dout).double())
    return y.detach().numpy(), wide.grad.numpy()


@pytest.mark.parametrize("shape", [(60_000, 2), (20_000, 3), (128, 64), (100, 4, 14, 14)])
@pytest.mark.parametrize("mean", [0, 1e3, 1e4, -1e4])
def test_batch_norm_finds_the_mean_of_many_large_numbers(shape, mean):
    x = (mean + rng.standard_normal(shape)).astype("f4")
    dout = rng.standard_normal(shape).astype("f4")

    y, dx = both_ways(BatchNorm(), x, dout)
    right_y, right_dx = torchs(lambda x: F.batch_norm(x, None, None, training=True), x, dout)

    assert np.abs(y - right_y).max() < 3e-4
    assert abs(y.astype("f8").mean()) < 1e-4
    assert np.abs(dx - right_dx).max() < 3e-4


def test_the_running_mean_of_many_large_numbers_is_right_too():
    x = (1e4 + rng.standard_normal((60_000, 2))).astype("f4")
    layer = BatchNorm(momentum=1.0)
    both_ways(layer, x, x)

    wide = x.astype("f8")
    np.testing.assert_allclose(layer.running_mean.value, wide.mean(axis=0), rtol=2e-7)
    np.testing.assert_allclose(layer.running_var.value, wide.var(axis=0, ddof=1), rtol=2e-4)


@pytest.mark.parametrize("layer", [LayerNorm(2), LayerNorm(1), BatchNorm()], ids=repr)
@pytest.mark.parametrize("number", [0.1, 1e5 / 3, 1e10 / 3])
def test_numbers_that_are_all_the_same_have_no_deviation(layer, number):
    x = np.full((30, 3, 21), number, "f4")

    y, _ = both_ways(layer, x, x)

    assert np.abs(y).max() <= 1e-2


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_batch_norm_refuses_numbers_whose_variance_the_type_does_not_hold(dtype):
    x = (rng.standard_normal((8, 2)) * {"f4": 1e20, "f8": 1e160}[dtype]).astype(dtype)
    network = Network([BatchNorm()], (2,), dtype=dtype).initialize(0)

    with pytest.raises(NonFiniteError, match=r"variance .* larger than float(32|64) holds; scale"):
        network.forward(x, training=True)


def test_batch_norm_leaves_numbers_that_are_not_finite_to_who_looks_for_the_first_of_them():
    network = Network([BatchNorm()], (2,)).initialize(0)
    with np.errstate(all="ignore"):
        network.forward([[np.inf, 1], [2, 3]], training=True)

    assert network.first_non_finite() == "the data"


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("size", [1e-20, 1.0, 1e10, 1e20, 1e38])
def test_layer_norm_does_not_overflow_where_its_result_does_not(size, axes):
    x = (size * rng.uniform(-2, 2, (5, 3, 7))).astype("f4")
    x[1] = size  # no deviation at all
    x[2] *= 1e-3
    dout = rng.standard_normal(x.shape).astype("f4")

    y, dx = both_ways(LayerNorm(axes), x, dout)
    right_y, right_dx = torchs(lambda x: F.layer_norm(x, x.shape[-axes:]), x, dout)

    np.testing.assert_allclose(y, right_y, rtol=1e-5, atol=1e-6)
    # Without any deviation dx = (dout - mean) / sqrt(eps); PyTorch's own mean of 1e20 is not exact.
    over = (-2, -1)[-axes:]
    wide = dout[1].astype("f8")
    right_dx[1] = (wide - wide.mean(axis=over, keepdims=True)) / 1e-5**0.5
    scale = np.abs(right_dx).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(dx / scale, right_dx / scale, atol=1e-5)


def gelu_of_torch(x):
    # PyTorch's own gelu is (1 + erf) x / 2, which loses the tail; its erfc does not.
    return x * torch.special.erfc(-x / 2**0.5) / 2


def gelu_tanh_of_torch(x):
    u = (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)
    return x * torch.special.expit(2 * u)


@pytest.mark.parametrize(("dtype", "relative"), [("f8", 1e-12), ("f4", 2e-6)])
def test_gelu_is_right_to_its_last_digits_in_its_negative_tail(dtype, relative):
    x = np.concatenate([np.linspace(-40, 40, 8001), np.linspace(-1.5, 1.5, 301)])
    x = x[np.newaxis].astype(dtype)
    y, dx = both_ways(Gelu(), x, np.ones_like(x))
    right_y, right_dx = torchs(gelu_of_torch, x, np.ones_like(x))

    normal = np.abs(right_y) > 2 * np.finfo(dtype).tiny
    np.testing.assert_allclose(y[normal], right_y[normal], rtol=relative)
    np.testing.assert_allclose(y[~normal], right_y[~normal], atol=4 * np.finfo(dtype).tiny)
    # Next to its root at -0.75 the slope is a difference of numbers of size 0.2.
    near_root = np.abs(x + 0.7518) < 0.1
    np.testing.assert_allclose(
        dx[normal & ~near_root], right_dx[normal & ~near_root], rtol=5 * relative
    )
    np.testing.assert_allclose(dx[near_root], right_dx[near_root], atol=relative)


@pytest.mark.parametrize(("dtype", "relative"), [("f8", 1e-11), ("f4", 2e-5)])
def test_the_approximate_gelu_keeps_the_digits_of_its_tail_too(dtype, relative):
    x = np.linspace(-8, 40, 8001)[np.newaxis].astype(dtype)
    y, dx = both_ways(Gelu("tanh"), x, np.ones_like(x))
    right_y, right_dx = torchs(gelu_tanh_of_torch, x, np.ones_like(x))

    np.testing.assert_allclose(y, right_y, rtol=relative)
    np.testing.assert_allclose(dx, right_dx, rtol=relative, atol=relative)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_gelu_of_numbers_whose_powers_overflow_is_the_number_or_0(approximate, dtype):
    large = {"f4": 3e38, "f8": 1e300}[dtype]
    x = np.array([[-large, -1e25, 1e25, large]], dtype)

    y, dx = both_ways(Gelu(approximate), x, np.ones_like(x))

    assert y.tolist() == [[0, 0, x[0, 2], x[0, 3]]]
    assert dx.tolist() == [[0, 0, 1, 1]]
