"""What layers share that reduce every window of an image to one number."""

from abc import abstractmethod

from layerkit import Array, Layer, NonNegativeInt, PositiveInt, Shape
from layerkit_conv.pairs import pair, refuse_no_image
from layerkit_conv.windows import Windows


class Pool2d(Layer):
    """A reduction of windows of images, which goes over the rows first and then over the columns.

    So a window of 3 x 3 takes 2 + 2 steps rather than 8.
    """

    outside: float
    """What stands at the positions that padding adds."""

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
        self._x = self._windows.padded(x, self.scratch, self.outside)
        down, across = self._windows.count
        batch, channels, _, width = self._x.shape
        self._rows = self.scratch("rows", (batch, channels, down, width))
        self._y = self.scratch("y", (batch, channels, down, across))
        self.reduce(self._down(self._x), self._rows)
        self.reduce(self._across(self._rows), self._y)
        return self._y

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` shared out among the positions of every window."""
        windows = self._windows
        drows = self._cleared("drows", self._rows.shape, windows.tiles(1))
        self.share(dout, self._y, self._across(self._rows), self._across(drows), windows.tiles(1))
        padded = self._cleared("dx padded", self._x.shape, windows.tiles(0))
        self.share(drows, self._rows, self._down(self._x), self._down(padded), windows.tiles(0))
        if not windows.is_padded:
            return padded
        inner = windows.inner(padded)
        dx = self.scratch("dx", inner.shape)
        dx[...] = inner
        return dx

    @abstractmethod
    def reduce(self, parts: list[Array], y: Array) -> None:
        """Write the reduction of arrays of one shape, element by element.

        Args:
            parts: The first position of every window along an axis, the second, and so on.
            y: Where to write.
        """

    @abstractmethod
    def share(
        self, dy: Array, y: Array, parts: list[Array], dparts: list[Array], alone: bool
    ) -> None:
        """Share the gradient by a reduction out among its parts.

        Args:
            dy: The gradient.
            y: What ``reduce`` wrote.
            parts: What it was given.
            dparts: Where to write the gradients by them.
            alone: Whether every position is in one window, so that there is nothing to add to.
        """

    def _down(self, x: Array) -> list[Array]:
        return [x[:, :, self._windows.along(0, i)] for i in range(self._windows.size[0])]

    def _across(self, x: Array) -> list[Array]:
        return [x[..., self._windows.along(1, i)] for i in range(self._windows.size[1])]

    def _cleared(self, name: str, shape: Shape, alone: bool) -> Array:
        """Return a scratch array, with zeros if there will be something to add to."""
        array = self.scratch(name, shape)
        if not alone:
            array.fill(0)
        return array
