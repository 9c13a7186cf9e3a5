"""Every built-in layer agrees with PyTorch, forward and backward, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from layerkit import Layer, Parameter, load_registry  # noqa: E402
from layerkit.builtin import layers as lk  # noqa: E402

pytestmark = pytest.mark.torch

F = torch.nn.functional


def affine(layer: Any, p: dict[str, Any], x: Any) -> Any:
    return F.linear(x, p["W"].T, p.get("b"))


def batch_norm(layer: Any, p: dict[str, Any], x: Any) -> Any:
    mean, var = torch.zeros(x.shape[1]).double(), torch.ones(x.shape[1]).double()
    return F.batch_norm(
        x, mean, var, p["gamma"], p["beta"], layer.training, layer.momentum, layer.epsilon
    )


def layer_norm(layer: Any, p: dict[str, Any], x: Any) -> Any:
    return F.layer_norm(x, x.shape[-layer.axes :], p["gamma"], p["beta"], layer.epsilon)


# layer, how to draw options and shapes, the same in PyTorch
CASES: list[tuple[type[Layer], Callable[[Any], tuple[dict[str, Any], list[Any]]], Any]] = [
    (lk.Add, lambda r: ({}, [s := shape(r), s, s]), lambda _, p, *xs: sum(xs)),
    (
        lk.Affine,
        lambda r: ({"units": int(r.integers(1, 9)), "bias": bool(r.integers(2))}, [shape(r, 1)]),
        affine,
    ),
    (
        lk.BatchNorm,
        lambda r: ({"momentum": r.uniform(0.01, 1), "epsilon": r.uniform(1e-6, 0.1)}, [shape(r)]),
        batch_norm,
    ),
    (lk.Dropout, lambda r: ({"rate": 0.0}, [shape(r)]), lambda _, p, x: F.dropout(x, 0.0)),
    (lk.Flatten, lambda r: ({}, [shape(r)]), lambda _, p, x: torch.flatten(x, 1)),
    (
        lk.Gelu,
        lambda r: ({"approximate": ["none", "tanh"][r.integers(2)]}, [shape(r)]),
        lambda layer, p, x: F.gelu(x, approximate=layer.approximate),
    ),
    (
        lk.LayerNorm,
        lambda r: ({"axes": int(r.integers(1, 3)), "epsilon": r.uniform(1e-6, 0.1)}, [shape(r, 3)]),
        layer_norm,
    ),
    (
        lk.LeakyRelu,
        lambda r: ({"negative_slope": r.uniform(0, 1)}, [shape(r)]),
        lambda layer, p, x: F.leaky_relu(x, layer.negative_slope),
    ),
    (lk.Mul, lambda r: ({}, [s := shape(r), s]), lambda _, p, x, y: x * y),
    (lk.Relu, lambda r: ({}, [shape(r)]), lambda _, p, x: F.relu(x)),
    (
        lk.Reshape,
        lambda r: ({"shape": (-1, 2)}, [(*shape(r, 1), 2)]),
        lambda _, p, x: x.reshape(len(x), -1, 2),
    ),
    (lk.Sigmoid, lambda r: ({}, [shape(r)]), lambda _, p, x: torch.sigmoid(x)),
    (lk.Softmax, lambda r: ({}, [shape(r)]), lambda _, p, x: F.softmax(x, -1)),
    (lk.Tanh, lambda r: ({}, [shape(r)]), lambda _, p, x: torch.tanh(x)),
]


def shape(rng: np.random.Generator, axes: int | None = None) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 7, size=axes or rng.integers(1, 4)))


def test_the_table_names_every_built_in_layer():
    registered = {e.cls for e in load_registry() if (e.kind, e.provider.distribution) == KIND}

    assert {cls for cls, *_ in CASES} == registered


KIND = ("layer", "layerkit")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("cls", "draw", "peer"), CASES, ids=[c[0].__name__ for c in CASES])
def test_a_layer_agrees_with_pytorch(cls, draw, peer, seed, training):
    rng = np.random.default_rng(seed)
    options, shapes = draw(rng)
    layer = cls(**options)
    output = layer.initialize(*shapes, rng=seed, training=training)
    parameters = {n: v for n, v in layer.variables() if isinstance(v, Parameter)}
    for parameter in parameters.values():
        parameter.value = rng.normal(size=parameter.shape)
    xs = [3 * rng.normal(size=(5, *s)) for s in shapes]
    dout = rng.normal(size=(5, *output))
    tensors = [torch.tensor(x, requires_grad=True) for x in xs]
    weights = {n: torch.tensor(p.value, requires_grad=True) for n, p in parameters.items()}

    y = layer.forward(*xs).copy()
    dxs = layer.backward(dout)
    expected = peer(layer, weights, *tensors)
    expected.backward(torch.tensor(dout))

    ours = [y, *(dxs if isinstance(dxs, tuple) else (dxs,)), *(p.grad for p in parameters.values())]
    theirs = [expected.detach(), *(t.grad for t in tensors), *(w.grad for w in weights.values())]
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a - b.numpy()).max() <= 1e-10 * max(1e-3, np.abs(b.numpy()).max())
