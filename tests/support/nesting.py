"""Layers that hold other layers."""

from layerkit import Layer
from layerkit.builtin.layers import Affine, Relu


class Chain(Layer):
    """A sequence of layers inside one layer."""

    def __init__(self, *layers):
        self.layers = list(layers)

    def build(self, shape):
        for layer in self.layers:
            shape = layer.build(shape)
        return shape

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class Gate(Layer):
    """``y = x relu(V x + c)``; its inner layers are created when the shape is known."""

    def build(self, shape):
        self.inner = Chain(Affine(shape[0]), Relu())
        return self.inner.build(shape)

    def forward(self, x):
        self._x, self._gate = x, self.inner.forward(x)
        return x * self._gate

    def backward(self, dout):
        return dout * self._gate + self.inner.backward(dout * self._x)
