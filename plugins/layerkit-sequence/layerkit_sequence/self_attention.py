"""Attention of a sequence to itself."""

import math

import numpy as np

from layerkit import (
    Array,
    Example,
    Initializer,
    Layer,
    Parameter,
    PositiveInt,
    Shape,
    ShapeError,
    Xavier,
    Zeros,
    matmul,
    softmax,
)


class SelfAttention(Layer):
    """Multi-head attention of a sequence to itself, ``softmax(q k^T / sqrt(d)) v``, mixed by ``V``.

    Queries, keys and values are ``q, k, v = x W + b``, each with its own third of ``W`` and ``b``,
    in this order. Every head has ``d = features / heads`` columns of each. The outputs of the heads
    are concatenated and mixed, ``y = [...] V + c``.

    Args:
        heads: The number of heads.
        causal: Whether a position attends only to itself and to earlier positions.
        weight_init: The initial value of ``W`` and ``V``.
        bias_init: The initial value of ``b`` and ``c``.

    Shapes:
        x: ``(batch, time, features)``
        y: the shape of ``x``
        W: ``(features, 3 features)``
        b: ``(3 features,)``
        V: ``(features, features)``
        c: ``(features,)``

    Source:
        Vaswani et al. (2017), "Attention Is All You Need", section 3.2.
    """

    examples = (
        Example({"heads": 2}, [(3, 4)]),
        Example({"causal": True}, [(4, 3)]),
    )
    W: Parameter
    b: Parameter
    V: Parameter
    c: Parameter

    def __init__(
        self,
        heads: PositiveInt = 1,
        causal: bool = False,
        weight_init: Initializer = Xavier(),  # noqa: B008  initializers hold no state
        bias_init: Initializer = Zeros(),  # noqa: B008
    ) -> None:
        self.heads = heads
        self.causal = causal
        self.weight_init = weight_init
        self.bias_init = bias_init

    def build(self, shape: Shape) -> Shape:
        """Declare ``W``, ``b``, ``V`` and ``c``."""
        if len(shape) != 2 or 0 in shape:
            raise ShapeError("takes sequences (time, features)", 'put "reshape" before it')
        time, features = shape
        if features % self.heads:
            raise ShapeError(
                f"takes features that can be divided among {self.heads} heads, got {features}"
            )
        self.W = Parameter((features, 3 * features), self.weight_init)
        self.b = Parameter((3 * features,), self.bias_init)
        self.V = Parameter((features, features), self.weight_init)
        self.c = Parameter((features,), self.bias_init)
        # Queries, keys and values, the heads' outputs, and the attention between all positions.
        self.scratch_size = 4 * time * features + self.heads * time * time
        self._future = np.triu(np.ones((time, time), bool), 1)
        return shape

    def forward(self, x: Array) -> Array:
        """Return the attended values of every position, mixed."""
        batch, time, features = x.shape
        self._x = x.reshape(-1, features)
        projected = self.scratch("projected", (len(self._x), 3 * features))
        matmul(self._x, self.W.value, out=projected)
        projected += self.b.value
        q, k, v = self._heads(projected, batch)
        scores = matmul(q, k.swapaxes(2, 3), out=self.scratch("a", (batch, self.heads, time, time)))
        scores *= 1 / math.sqrt(features // self.heads)
        if self.causal:
            scores[..., self._future] = -np.inf
        self._a, self._qkv = softmax(scores, out=scores), (q, k, v)
        self._mixed = self.scratch("mixed", self._x.shape)
        self._joined(self._mixed, batch)[...] = matmul(self._a, v)
        y = matmul(self._mixed, self.V.value, out=self.scratch("y", self._x.shape))
        y += self.c.value
        return y.reshape(x.shape)

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of the parameters, and return that of ``x``."""
        batch, _, features = dout.shape
        dy = dout.reshape(-1, features)
        matmul(self._mixed.T, dy, out=self.V.grad)
        np.sum(dy, axis=0, out=self.c.grad)
        dmixed = matmul(dy, self.V.value.T, out=self.scratch("dmixed", dy.shape))
        dcontext, (q, k, v), a = self._joined(dmixed, batch), self._qkv, self._a
        dprojected = self.scratch("dprojected", (len(dy), 3 * features))
        dq, dk, dv = self._heads(dprojected, batch)
        dv[...] = matmul(a.swapaxes(2, 3), dcontext)
        # Through the softmax: ds = a (da - sum(a da)).
        da = matmul(dcontext, v.swapaxes(2, 3), out=self.scratch("da", a.shape))
        da *= a
        da -= a * da.sum(axis=3, keepdims=True)
        da *= 1 / math.sqrt(features // self.heads)
        dq[...] = matmul(da, k)
        dk[...] = matmul(da.swapaxes(2, 3), q)
        matmul(self._x.T, dprojected, out=self.W.grad)
        np.sum(dprojected, axis=0, out=self.b.grad)
        if not self.needs_input_grad:
            return None
        dx = matmul(dprojected, self.W.value.T, out=self.scratch("dx", dy.shape))
        return dx.reshape(dout.shape)

    def _heads(self, projected: Array, batch: int) -> tuple[Array, Array, Array]:
        """Return queries, keys and values, each ``(batch, heads, time, d)``, as views."""
        d = projected.shape[1] // 3 // self.heads
        thirds = projected.reshape(batch, len(self._future), 3, self.heads, d)
        q, k, v = thirds.transpose(2, 0, 3, 1, 4)
        return q, k, v

    def _joined(self, rows: Array, batch: int) -> Array:
        """Return rows of concatenated heads as ``(batch, heads, time, d)``, a view."""
        d = rows.shape[1] // self.heads
        return rows.reshape(batch, len(self._future), self.heads, d).swapaxes(1, 2)
