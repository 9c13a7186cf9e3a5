"""Layers that keep every law; most mutants are one of these with a mistake."""

import numpy as np

from layerkit import (
    Array,
    Example,
    Layer,
    NonNegativeFloat,
    Parameter,
    PositiveFloat,
    Shape,
    ShapeError,
    State,
)
from mutants.catalogue import sound


@sound
class Scale(Layer):
    """Trained scale, ``y = w x``.

    Args:
        start: The first value of ``w``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = start

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, self.start)
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        return self.w.value * x

    def backward(self, dout: Array) -> Array:
        self.w.grad = (dout * self._x).sum(axis=0)
        return dout * self.w.value


class OfScale(Scale):
    __doc__ = Scale.__doc__
    examples = (Example(shapes=[(5,)]),)


@sound
class Product(Layer):
    """Product of two inputs, ``y = a b``.

    Shapes:
        a, b: ``(batch, *shape)``
        y: the shape of ``a``
    """

    def build(self, a: Shape, b: Shape) -> Shape:
        if a != b:
            raise ShapeError("takes two inputs of one shape")
        return a

    def forward(self, a: Array, b: Array) -> Array:
        self._a, self._b = a, b
        return a * b

    def backward(self, dout: Array) -> tuple[Array, Array]:
        return dout * self._b, dout * self._a


class OfProduct(Product):
    __doc__ = Product.__doc__
    examples = (Example(shapes=[(5,), (5,)]),)


@sound
class Centre(Layer):
    """Takes off a running mean, ``y = w x - mean``, which counts as a constant.

    Args:
        momentum: How far the mean goes toward that of each batch.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, momentum: NonNegativeFloat = 0.5) -> None:
        self.momentum = momentum

    def build(self, shape: Shape) -> Shape:
        self.w, self.mean = Parameter(shape, 2.0), State(shape)
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        y = self.w.value * x - self.mean.value
        if self.training and len(x):
            self.mean.value += self.momentum * (x.mean(axis=0) - self.mean.value)
        return y

    def backward(self, dout: Array) -> Array:
        self.w.grad = (dout * self._x).sum(axis=0)
        return dout * self.w.value


class OfCentre(Centre):
    __doc__ = Centre.__doc__
    examples = (Example(shapes=[(5,)]),)


@sound
class LowRank(Layer):
    """A correction that begins at 0, ``y = x + x A B``.

    Shapes:
        x: ``(batch, features)``
        y: the shape of ``x``
    """

    def build(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError("takes vectors")
        self.A = Parameter((*shape, 2), lambda shape, rng: rng.normal(size=shape))
        self.B = Parameter((2, *shape))
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        return x + x @ self.A.value @ self.B.value

    def backward(self, dout: Array) -> Array:
        into = dout @ self.B.value.T
        self.A.grad = self._x.T @ into
        self.B.grad = (self._x @ self.A.value).T @ dout
        return dout + into @ self.A.value.T


@sound
class Quotient(Layer):
    """Quotient of two inputs, ``y = a / b``.

    Shapes:
        a, b: ``(batch, *shape)``
        y: the shape of ``a``
    """

    def build(self, a: Shape, b: Shape) -> Shape:
        if a != b:
            raise ShapeError("takes two inputs of one shape")
        return a

    def forward(self, a: Array, b: Array) -> Array:
        self._a, self._b = a, b
        return a / b

    def backward(self, dout: Array) -> tuple[Array, Array]:
        return dout / self._b, -dout * self._a / self._b**2


@sound
class Logarithm(Layer):
    """Natural logarithm, of positive numbers.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    examples = (Example(shapes=[(3,)], between=(0.1, 10.0)),)

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.log(x)

    def backward(self, dout: Array) -> Array:
        return dout / self._x
