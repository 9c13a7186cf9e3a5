"""What convolutions have in common, whatever their number of axes."""

import math
from typing import Literal, TypeAlias

import numpy as np

from layerkit import Array, Initializer, Layer, Parameter, Shape, ShapeError
from layerkit_conv.cores import for_each
from layerkit_conv.windows import Scratch, Windows

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
        self._rows = self._inputs + self.bias
        self.W = Parameter((channels // self.groups, *size, self.filters), self.weight_init)
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

        def convolve(block: slice, thread: int) -> None:
            np.matmul(weights, self._columns(x[block], thread), out=outputs[block])

        for_each(self._blocks(len(x)), convolve)
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of ``W`` and ``b``, and return that of ``x``."""
        douts, weights = self._grouped(dout), self._weights()
        blocks = self._blocks(len(dout))
        # Summed by block first, so that the sum does not depend on who did which.
        dweights = self.scratch("dweights", (len(blocks), *weights.shape))
        dx = self.scratch("dx padded", self._x.shape)

        def correlate(place: tuple[int, slice], thread: int) -> None:
            number, block = place
            columns = self._columns(self._x[block], thread)
            of_examples = np.matmul(columns, douts[block].swapaxes(2, 3))
            np.sum(of_examples, axis=0, out=dweights[number])
            if self.needs_input_grad:
                columns = columns[:, :, : self._inputs]
                np.matmul(weights[:, : self._inputs], douts[block], out=columns)
                windows = self._as_windows(columns)
                self._windows.add(windows, self._by_group(dx[block]), self._memory_of(thread))

        for_each(list(enumerate(blocks)), correlate)
        total = dweights.sum(axis=0)
        self.W.grad = total[:, : self._inputs].swapaxes(0, 1).reshape(self.W.shape)
        if self.bias:
            self.b.grad = total[:, -1].reshape(self.b.shape)
        if not self.needs_input_grad:
            return None
        if not self._windows.is_padded:
            return dx
        inner = self._windows.inner(dx)
        y = self.scratch("dx", inner.shape)
        y[...] = inner
        return y

    def _blocks(self, count: int) -> list[slice]:
        """Return the blocks of so many examples."""
        step = max(1, BLOCK // (self.groups * self._rows * math.prod(self._windows.count)))
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def _columns(self, x: Array, thread: int) -> Array:
        """Return the windows of a block as ``(batch, groups, rows, windows)``."""
        scratch = self._memory_of(thread)
        windows = math.prod(self._windows.count)
        columns = scratch("columns", (len(x), self.groups, self._rows, windows))
        columns[:, :, self._inputs :] = 1
        self._windows.copy(
            self._by_group(x), self._as_windows(columns[:, :, : self._inputs]), scratch
        )
        return columns

    def _memory_of(self, thread: int) -> Scratch:
        return lambda name, shape: self.scratch(f"{name} of thread {thread}", shape)

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
