"""The base class of convolutions, for any number of axes."""

import math
from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

import numpy as np

from layerkit import Array, Initializer, Layer, Parameter, Shape, ShapeError, limit_blas_threads
from layerkit_conv.blocks import blocks
from layerkit_conv.windows import Windows

Same: TypeAlias = Literal["same"]


def one_blas_thread() -> AbstractContextManager[None]:
    """Return a context in which a matrix product has one thread.

    There is a small product for each example, after which threads would wait for each other. On a
    busy machine they would wait five times as long as they compute.
    """
    return limit_blas_threads(1)


class Convolution(Layer):
    """A convolution over the last axes of an example; a subclass has the options."""

    W: Parameter
    b: Parameter

    filters: int
    groups: int
    bias: bool
    weight_init: Initializer
    bias_init: Initializer

    def declare(
        self, shape: Shape, size: Shape, stride: Shape, padding: Shape | Same, dilation: Shape
    ) -> Shape:
        """Declare ``W`` and ``b``, and return the shape of the output.

        Args:
            shape: The shape of an example, ``(channels, *positions)``.
            size: The shape of a filter.
            stride: The distance from one window to the next.
            padding: The number of zeros added at both ends of each axis.
            dilation: The distance from one position of a window to the next.

        Raises:
            ShapeError: The example has other axes, channels that cannot be divided among the
                groups, or fewer positions than a filter.
        """
        channels, *positions = shape
        if channels % self.groups:
            raise ShapeError(
                f"takes channels that can be divided among {self.groups} groups, got {channels}"
            )
        if padding == "same":
            around = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
            ends = tuple((n // 2, n - n // 2) for n in around)
        else:
            ends = tuple((int(n), int(n)) for n in padding)
        self._windows = Windows.over(tuple(positions), size, stride, ends, dilation)
        if self._windows.is_padded:
            self.scratch_size = channels * math.prod(self._windows.positions)
        self._inputs = channels // self.groups * math.prod(size)  # of one output
        self._rows = self._inputs + self.bias
        # An input meets every position of every filter; groups do not count, as in PyTorch.
        fans = self._inputs, self.filters * math.prod(size)
        shape = channels // self.groups, *size, self.filters
        self.W = Parameter(shape, self.weight_init, fans)
        if self.bias:
            self.b = Parameter((self.filters,), self.bias_init)
        return (self.filters, *self._windows.count)

    def forward(self, x: Array) -> Array:
        """Return the convolution of every example."""
        x = self._x = self._windows.padded(x, self.scratch)
        y = self.scratch("y", (len(x), self.filters, *self._windows.count))
        outputs = self._grouped(y)
        # In each group, filters by rows times rows by windows.
        weights = self._weights().swapaxes(1, 2)

        with one_blas_thread():
            for block in blocks(len(x), self._size):
                np.matmul(weights, self._columns(x[block]), out=outputs[block])
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of ``W`` and ``b``, and return that of ``x``."""
        douts, weights = self._grouped(dout), self._weights()
        dweights = self.scratch("dweights", weights.shape)
        dweights.fill(0)
        dx = self.scratch("dx padded", self._x.shape)
        with one_blas_thread():
            for block in blocks(len(dout), self._size):
                columns = self._columns(self._x[block])
                dweights += np.matmul(columns, douts[block].swapaxes(2, 3)).sum(axis=0)
                if self.needs_input_grad:
                    columns = columns[:, :, : self._inputs]
                    np.matmul(weights[:, : self._inputs], douts[block], out=columns)
                    of_windows = self._as_windows(columns)
                    self._windows.add(of_windows, self._by_group(dx[block]), self.scratch)
        self.W.grad = dweights[:, : self._inputs].swapaxes(0, 1).reshape(self.W.shape)
        if self.bias:
            self.b.grad = dweights[:, -1].reshape(self.b.shape)
        if not self.needs_input_grad:
            return None
        if not self._windows.is_padded:
            return dx
        inner = self._windows.inner(dx)
        y = self.scratch("dx", inner.shape)
        y[...] = inner
        return y

    @property
    def _size(self) -> int:
        """The count of numbers in all windows of an example."""
        return self.groups * self._rows * math.prod(self._windows.count)

    def _columns(self, x: Array) -> Array:
        """Return the windows of a block as ``(batch, groups, rows, windows)``."""
        windows = math.prod(self._windows.count)
        columns = self.scratch("columns", (len(x), self.groups, self._rows, windows))
        columns[:, :, self._inputs :] = 1
        of_inputs = self._as_windows(columns[:, :, : self._inputs])
        self._windows.copy(self._by_group(x), of_inputs, self.scratch)
        return columns

    def _as_windows(self, columns: Array) -> Array:
        """Return columns as ``(batch, groups, channels of a group, *size, *count)``, a view."""
        windows = self._windows
        return columns.reshape(*columns.shape[:2], self.W.shape[0], *windows.size, *windows.count)

    def _weights(self) -> Array:
        """Return ``W``, then ``b``, as ``(groups, rows, filters of a group)``."""
        weights = self.scratch("weights", (self.groups, self._rows, self.filters // self.groups))
        weights[:, : self._inputs] = self.W.value.reshape(self._inputs, self.groups, -1).swapaxes(
            0, 1
        )
        if self.bias:
            weights[:, -1] = self.b.value.reshape(self.groups, -1)
        return weights

    def _by_group(self, x: Array) -> Array:
        """Return an input as ``(batch, groups, channels of a group, *positions)``."""
        return x.reshape(len(x), self.groups, self.W.shape[0], *x.shape[2:])

    def _grouped(self, y: Array) -> Array:
        """Return an output as ``(batch, groups, filters of a group, windows)``."""
        windows = math.prod(self._windows.count)
        return y.reshape(len(y), self.groups, self.filters // self.groups, windows)
