"""The base class of layers that reduce every window of an image to one number."""

import math
from abc import abstractmethod

from layerkit import Array, Layer, NonNegativeInt, PositiveInt, Shape
from layerkit_conv.blocks import blocks
from layerkit_conv.pairs import pair, refuse_no_image
from layerkit_conv.windows import Windows


class Pool2d(Layer):
    """A reduction of windows of images, first along the rows and then along the columns.

    A window of 3 x 3 thus takes 2 + 2 steps rather than 8.
    """

    meaning = "same"
    outside: float
    """The value at the positions that padding adds."""

    def __init__(
        self,
        size: PositiveInt | tuple[PositiveInt, PositiveInt] = 2,
        stride: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None,
        padding: NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt] = 0,
    ) -> None:
        if any(2 * p > k for p, k in zip(pair(padding), pair(size), strict=True)):
            raise ValueError("padding must be at most half the size, so that no window is empty")
        self.size = size
        self.stride = stride
        self.padding = padding

    def build(self, shape: Shape) -> Shape:
        """Return the numbers of windows as height and width."""
        refuse_no_image(shape)
        channels, *positions = shape
        size, padding = pair(self.size), pair(self.padding)
        stride = size if self.stride is None else pair(self.stride)
        ends = tuple((p, p) for p in padding)
        self._windows = Windows.over(tuple(positions), size, stride, ends)
        return (channels, *self._windows.count)

    def forward(self, x: Array) -> Array:
        """Return the reduction of every window."""
        x = self._x = self._windows.padded(x, self.scratch, self.outside)
        down, across = self._windows.count
        batch, channels, _, width = x.shape
        rows = self._rows = self.scratch("rows", (batch, channels, down, width))
        y = self._y = self.scratch("y", (batch, channels, down, across))

        for block in blocks(batch, self._size):
            self.reduce(self._down(x[block]), rows[block])
            self.reduce(self._across(rows[block]), y[block])
        return y

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` distributed among the positions of every window."""
        windows, x, rows, y = self._windows, self._x, self._rows, self._y
        dx = self.scratch("dx padded", x.shape)
        across_alone, down_alone = windows.tiles(1), windows.tiles(0)

        for block in blocks(len(x), self._size):
            drows = self.scratch("drows", rows[block].shape)
            if not across_alone:
                drows.fill(0)
            parts, dparts = self._across(rows[block]), self._across(drows)
            self.share(dout[block], y[block], parts, dparts, across_alone)
            if not down_alone:
                dx[block] = 0
            parts, dparts = self._down(x[block]), self._down(dx[block])
            self.share(drows, rows[block], parts, dparts, down_alone)
        if not windows.is_padded:
            return dx
        inner = windows.inner(dx)
        out = self.scratch("dx", inner.shape)
        out[...] = inner
        return out

    @abstractmethod
    def reduce(self, parts: list[Array], y: Array) -> None:
        """Write the elementwise reduction of arrays of one shape.

        Args:
            parts: The first position of every window along an axis, the second, and so on.
            y: The array to write to.
        """

    @abstractmethod
    def share(
        self, dy: Array, y: Array, parts: list[Array], dparts: list[Array], alone: bool
    ) -> None:
        """Distribute the gradient with respect to a reduction among its parts.

        Args:
            dy: The gradient.
            y: The result of ``reduce``.
            parts: The arguments of ``reduce``.
            dparts: The arrays to write the gradients with respect to ``parts`` to.
            alone: Whether every position is in one window, so the gradients need not be added.
        """

    @property
    def _size(self) -> int:
        """The count of numbers in an example."""
        return math.prod(self._x.shape[1:])

    def _down(self, x: Array) -> list[Array]:
        return [x[:, :, self._windows.along(0, i)] for i in range(self._windows.size[0])]

    def _across(self, x: Array) -> list[Array]:
        return [x[..., self._windows.along(1, i)] for i in range(self._windows.size[1])]
