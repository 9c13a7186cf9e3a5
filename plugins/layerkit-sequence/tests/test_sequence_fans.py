"""First values of weights have the variance that PyTorch gives those of the same shape."""

import numpy as np
import pytest

from layerkit import He, Xavier
from layerkit_sequence import Embedding, Gru, Lstm, Rnn, SelfAttention

torch = pytest.importorskip("torch", reason="compares with PyTorch")
pytestmark = pytest.mark.torch

LAYERS = {
    "embedding": (Embedding(500, 8), (4,), lambda: torch.nn.Embedding(500, 8).weight),
    "rnn": (Rnn(40), (3, 20), lambda: torch.nn.RNN(20, 40).weight_ih_l0),
    "gru": (Gru(40), (3, 20), lambda: torch.nn.GRU(20, 40).weight_ih_l0),
    "lstm": (Lstm(40), (3, 20), lambda: torch.nn.LSTM(20, 40).weight_ih_l0),
    "attention": (
        SelfAttention(2),
        (3, 20),
        lambda: torch.nn.MultiheadAttention(20, 2).in_proj_weight,
    ),
}


def spread(weights):
    """Return the bound of uniform numbers, which the largest of many come next to."""
    return float(np.abs(weights).max())


@pytest.mark.parametrize(("layer", "shape", "module"), LAYERS.values(), ids=LAYERS)
def test_first_values_spread_as_pytorchs_do(layer, shape, module):
    weight = module()
    fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
    drawn = {}
    for init in (Xavier("uniform"), He("uniform")):
        layer.weight_init = init
        layer.initialize(shape, rng=1)
        drawn[type(init)] = spread(layer.W.value)

    assert weight.numel() == layer.W.size >= 500
    assert drawn[Xavier] == pytest.approx((6 / (fan_in + fan_out)) ** 0.5, rel=0.02)
    assert drawn[He] == pytest.approx((6 / fan_in) ** 0.5, rel=0.02)


RECURRENT = {
    "rnn": (Rnn(40), torch.nn.RNN),
    "gru": (Gru(40), torch.nn.GRU),
    "lstm": (Lstm(40), torch.nn.LSTM),
}


@pytest.mark.parametrize(("layer", "module"), RECURRENT.values(), ids=RECURRENT)
def test_first_values_of_recurrent_weights_spread_as_pytorchs_do(layer, module):
    fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(module(20, 40).weight_hh_l0)
    layer.recurrent_init = Xavier("uniform")
    layer.initialize((3, 20), rng=1)

    assert spread(layer.U.value) == pytest.approx((6 / (fan_in + fan_out)) ** 0.5, rel=0.02)


def test_first_values_of_the_mixing_weights_of_attention_spread_as_pytorchs_do():
    weight = torch.nn.MultiheadAttention(40, 2).out_proj.weight
    fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
    layer = SelfAttention(2, weight_init=Xavier("uniform"))
    layer.initialize((3, 40), rng=1)

    assert spread(layer.V.value) == pytest.approx((6 / (fan_in + fan_out)) ** 0.5, rel=0.02)
