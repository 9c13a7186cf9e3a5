"""What convolutions have in common, whatever their number of axes."""

import math
from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np

from layerkit import Array, Initializer, Layer, Parameter, Shape, ShapeError
from layerkit_conv.windows import Windows

Same: TypeAlias = Literal["same"]

BLOCK = 2**18
"""How many numbers the windows of a block of examples have at most: as float32, 1 MB, what the
second-level cache of a core holds. Windows are copied out of the images again in ``backward``,
which takes less time than to fetch them from memory."""


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
            size: That of a filter.
            stride: How far it is from one window to the next.
            padding: How many zeros are added at both ends of each axis.
            dilation: How far it is from one position of a window to the next.

        Raises:
            ShapeError: The example has other axes, channels that cannot be divided among the
                groups, or fewer positions than a filter.
        """
        channels, *positions = shape
        if channels % self.groups:
            raise ShapeError(
                f"takes channels that {self.groups} groups can share alike, got {channels}"
            )
        if padding == "same":
            around = [d * (k - 1) for k, d in zip(size, dilation, strict=True)]
            ends = tuple((n // 2, n - n // 2) for n in around)
        else:
            ends = tuple((int(n), int(n)) for n in padding)
        self._windows = Windows.over(tuple(positions), size, stride, ends, dilation)
        self._inputs = channels // self.groups * math.prod(size)  # of one output
        self.W = Parameter((channels // self.groups, *size, self.filters), self.weight_init)
        if self.bias:
            self.b = Parameter((self.filters,), self.bias_init)
        return (self.filters, *self._windows.count)

    def forward(self, x: Array) -> Array:
        """Return the convolution of every example."""
        x = self._x = self._windows.padded(x, self)
        y = self.scratch("y", (len(x), self.filters, *self._windows.count))
        outputs = self._grouped(y)
        # In each group, filters by inputs times inputs by windows.
        W = self._weights().transpose(0, 2, 1)
        for block, columns in self._blocks(x):
            np.matmul(W, columns, out=outputs[block])
        if self.bias:
            y += self.b.value.reshape(-1, *(1,) * len(self._windows.count))
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of ``W`` and ``b``, and return that of ``x``."""
        douts = self._grouped(dout)
        dW = self.scratch("dW", self._weights().shape)
        dW.fill(0)
        for block, columns in self._blocks(self._x):
            dW += np.matmul(columns, douts[block].swapaxes(2, 3)).sum(axis=0)
        self.W.grad = dW.transpose(1, 0, 2).reshape(self.W.shape)
        if self.bias:
            # einsum adds along the last axes at twice the speed of a sum over them and the first.
            np.einsum("ngfp->gf", douts, out=self.b.grad.reshape(self.groups, -1))
        return self._input_gradient(douts) if self.needs_input_grad else None

    def _input_gradient(self, douts: Array) -> Array:
        windows, W = self._windows, self._weights()
        padded = self.scratch("dx padded", self._x.shape)
        padded.fill(0)
        for block, columns in self._blocks(None, len(douts)):
            np.matmul(W, douts[block], out=columns)
            outer = (len(columns), -1)
            of_windows = columns.reshape(*outer, *windows.size, *windows.count)
            for offset in np.ndindex(windows.size):
                padded[(block, slice(None), *windows.at(offset))] += of_windows[
                    (slice(None), slice(None), *offset)
                ]
        if not windows.is_padded:
            return padded
        inner = windows.inner(padded)
        dx = self.scratch("dx", inner.shape)
        dx[...] = inner
        return dx

    def _weights(self) -> Array:
        """Return ``W`` as ``(groups, inputs, filters of a group)``, a view."""
        by_group = self.W.value.reshape(self._inputs, self.groups, -1)
        return by_group.transpose(1, 0, 2)

    def _grouped(self, y: Array) -> Array:
        """Return an output as ``(batch, groups, filters of a group, windows)``."""
        windows = math.prod(self._windows.count)
        return y.reshape(len(y), self.groups, self.filters // self.groups, windows)

    def _blocks(self, x: Array | None, count: int = 0) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of examples, each with their windows as columns.

        The columns are ``(batch, groups, inputs, windows)``, in the same memory for every block;
        without ``x`` they are not filled.
        """
        windows = self._windows
        count = count if x is None else len(x)
        view = None if x is None else windows.view(x)
        channels = self.groups * self.W.shape[0]
        one = (channels, *windows.size, *windows.count)
        step = max(1, BLOCK // math.prod(one))
        buffer = self.scratch("columns", (min(step, count), *one))
        for start in range(0, count, step):
            block = slice(start, min(start + step, count))
            columns = buffer[: block.stop - start]
            if view is not None:
                columns[...] = view[block]
            inputs = (len(columns), self.groups, self._inputs, math.prod(windows.count))
            yield block, columns.reshape(inputs)
