"""The layers agree with PyTorch's, forward and backward, over random shapes and options."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from layerkit_sequence import Embedding, Gru, Lstm, Rnn, SelfAttention

torch = pytest.importorskip("torch", reason="compares with PyTorch")
pytestmark = pytest.mark.torch

CLOSE = {"rtol": 1e-10, "atol": 1e-12}
few = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
thorough = settings(max_examples=50, deadline=None)


def normal(shape, rng):
    return rng.normal(size=shape)


def tensor(array):
    return torch.tensor(np.ascontiguousarray(array))


def blocks(array, order, units):
    """Return the blocks of ``units`` columns in another order, as rows: the form of PyTorch."""
    parts = np.split(array, array.shape[-1] // units, axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1).T


@thorough
@given(
    # With each: PyTorch's, and where its blocks of gates stand in ours.
    kind=st.sampled_from([
        (Rnn, torch.nn.RNN, [0]),
        (Gru, torch.nn.GRU, [0, 1, 2]),
        (Lstm, torch.nn.LSTM, [0, 1, 3, 2]),
    ]),
    batch=few, time=few, features=few, units=few,
    returns=st.sampled_from(["last", "sequence"]), reverse=st.booleans(), seed=seeds,
)  # fmt: skip
def test_recurrent_layers(kind, batch, time, features, units, returns, reverse, seed):
    ours, theirs, order = kind
    rng = np.random.default_rng(seed)
    layer = ours(units, returns, reverse, normal, normal, normal)
    layer.initialize((time, features), rng=seed)
    module = theirs(features, units, batch_first=True, dtype=torch.float64)
    second_bias = np.zeros(len(order) * units)
    if ours is Gru:
        second_bias[2 * units :] = layer.c.value
    module.weight_ih_l0.data = tensor(blocks(layer.W.value, order, units))
    module.weight_hh_l0.data = tensor(blocks(layer.U.value, order, units))
    module.bias_ih_l0.data = tensor(blocks(layer.b.value, order, units))
    module.bias_hh_l0.data = tensor(second_bias)
    x = rng.normal(size=(batch, time, features))
    their_x = tensor(x).requires_grad_()

    y = layer.forward(x).copy()
    dout = rng.normal(size=y.shape)
    dx = layer.backward(dout)
    their_y = module(their_x.flip(1) if reverse else their_x)[0]
    if returns == "last":
        their_y = their_y[:, -1]
    elif reverse:
        their_y = their_y.flip(1)
    their_y.backward(tensor(dout))

    np.testing.assert_allclose(y, their_y.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, their_x.grad.numpy(), **CLOSE)
    for gradient, their in (
        (layer.W.grad, module.weight_ih_l0),
        (layer.U.grad, module.weight_hh_l0),
        (layer.b.grad, module.bias_ih_l0),
    ):
        np.testing.assert_allclose(blocks(gradient, order, units), their.grad.numpy(), **CLOSE)
    if ours is Gru:
        candidate = module.bias_hh_l0.grad.numpy()[2 * units :]
        np.testing.assert_allclose(layer.c.grad, candidate, **CLOSE)


@thorough
@given(
    batch=few, time=few, heads=st.integers(1, 3), d=st.integers(1, 3), causal=st.booleans(),
    seed=seeds,
)  # fmt: skip
def test_self_attention(batch, time, heads, d, causal, seed):
    rng, features = np.random.default_rng(seed), heads * d
    layer = SelfAttention(heads, causal, normal, normal)
    layer.initialize((time, features), rng=seed)
    module = torch.nn.MultiheadAttention(features, heads, batch_first=True, dtype=torch.float64)
    module.in_proj_weight.data = tensor(layer.W.value.T)
    module.in_proj_bias.data = tensor(layer.b.value)
    module.out_proj.weight.data = tensor(layer.V.value.T)
    module.out_proj.bias.data = tensor(layer.c.value)
    x, dout = rng.normal(size=(2, batch, time, features))
    their_x = tensor(x).requires_grad_()
    hidden = torch.ones(time, time, dtype=torch.bool).triu(1) if causal else None

    y = layer.forward(x).copy()
    dx = layer.backward(dout)
    their_y = module(their_x, their_x, their_x, need_weights=False, attn_mask=hidden)[0]
    their_y.backward(tensor(dout))

    np.testing.assert_allclose(y, their_y.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, their_x.grad.numpy(), **CLOSE)
    for gradient, their in (
        (layer.W.grad.T, module.in_proj_weight),
        (layer.b.grad, module.in_proj_bias),
        (layer.V.grad.T, module.out_proj.weight),
        (layer.c.grad, module.out_proj.bias),
    ):
        np.testing.assert_allclose(gradient, their.grad.numpy(), **CLOSE)


@thorough
@given(
    vocabulary=few, units=few, shape=st.lists(st.integers(0, 4), max_size=3).map(tuple), seed=seeds
)
def test_embedding(vocabulary, units, shape, seed):
    rng = np.random.default_rng(seed)
    layer = Embedding(vocabulary, units)
    layer.initialize(shape, rng=seed)
    module = torch.nn.Embedding(vocabulary, units, dtype=torch.float64)
    module.weight.data = tensor(layer.W.value)
    x = rng.integers(0, vocabulary, (2, *shape))
    dout = rng.normal(size=(*x.shape, units))

    y = layer.forward(x.astype(np.float64)).copy()
    layer.backward(dout)
    their_y = module(torch.tensor(x))
    their_y.backward(tensor(dout))

    np.testing.assert_array_equal(y, their_y.detach().numpy())
    np.testing.assert_allclose(layer.W.grad, module.weight.grad.numpy(), **CLOSE)
