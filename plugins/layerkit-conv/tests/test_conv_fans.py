"""First values of filters have the variance that PyTorch gives those of the same shape."""

import numpy as np
import pytest

from layerkit import He, Xavier
from layerkit_conv import Conv1d, Conv2d

torch = pytest.importorskip("torch", reason="compares with PyTorch")
pytestmark = pytest.mark.torch

LAYERS = {
    "conv1d": (Conv1d(16, 5), (12, 9), lambda: torch.nn.Conv1d(12, 16, 5)),
    "conv1d, groups": (
        Conv1d(16, 9, groups=4),
        (32, 9),
        lambda: torch.nn.Conv1d(32, 16, 9, groups=4),
    ),
    "conv2d": (Conv2d(30, 5), (1, 28, 28), lambda: torch.nn.Conv2d(1, 30, 5)),
    "conv2d, oblong": (Conv2d(20, (2, 7)), (3, 9, 9), lambda: torch.nn.Conv2d(3, 20, (2, 7))),
    "conv2d, groups": (
        Conv2d(32, 3, groups=8),
        (32, 9, 9),
        lambda: torch.nn.Conv2d(32, 32, 3, groups=8),
    ),
    "conv2d, size 1": (Conv2d(32, 1), (40, 9, 9), lambda: torch.nn.Conv2d(40, 32, 1)),
}


def spread(weights):
    """Return the bound of uniform numbers, which the largest of many come next to."""
    return float(np.abs(weights).max())


@pytest.mark.parametrize(("layer", "shape", "module"), LAYERS.values(), ids=LAYERS)
def test_first_values_spread_as_pytorchs_do(layer, shape, module):
    weight = module().weight
    fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
    drawn = {}
    for init in (Xavier("uniform"), He("uniform")):
        layer.weight_init = init
        layer.initialize(shape, rng=1)
        drawn[type(init)] = spread(layer.W.value)

    assert weight.numel() == layer.W.size >= 500
    assert drawn[Xavier] == pytest.approx((6 / (fan_in + fan_out)) ** 0.5, rel=0.02)
    assert drawn[He] == pytest.approx((6 / fan_in) ** 0.5, rel=0.02)
