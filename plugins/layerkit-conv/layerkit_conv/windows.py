"""Windows that slide over the positions of an array, along one axis or several."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from layerkit import Array, DType, Shape, ShapeError

Index: TypeAlias = tuple[Any, ...]


class Scratch(Protocol):
    """Returns the same array to work in at each call with a name."""

    def __call__(self, name: str, shape: Shape, dtype: DType | None = None, /) -> Array:
        """Return the array."""


@dataclass(frozen=True)
class Windows:
    """The places of a window on an array whose last axes are positions.

    Attributes:
        size: The number of positions of a window along each axis.
        stride: The distance from one window to the next.
        dilation: The distance from one position of a window to the next.
        padding: The numbers of positions added before and after each axis.
        positions: The number of positions of each axis, including those added.
        count: The number of windows along each axis.
    """

    size: Shape
    stride: Shape
    dilation: Shape
    padding: tuple[tuple[int, int], ...]
    positions: Shape
    count: Shape

    @classmethod
    def over(
        cls,
        positions: Shape,
        size: Shape,
        stride: Shape,
        padding: tuple[tuple[int, int], ...],
        dilation: Shape | None = None,
    ) -> "Windows":
        """Return the windows over an array with these positions.

        Raises:
            ShapeError: No window fits.
        """
        dilation = dilation or (1,) * len(size)
        padded = tuple(n + sum(p) for n, p in zip(positions, padding, strict=True))
        spans = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
        if any(n < span for n, span in zip(padded, spans, strict=True)):
            least = (max(1, s - sum(p)) for s, p in zip(spans, padding, strict=True))
            raise ShapeError(f"needs at least {' x '.join(map(str, least))} positions")
        count = tuple((n - span) // s + 1 for n, span, s in zip(padded, spans, stride, strict=True))
        return cls(size, stride, dilation, padding, padded, count)

    @property
    def is_padded(self) -> bool:
        """Whether positions are added."""
        return any(map(any, self.padding))

    def tiles(self, axis: int) -> bool:
        """Return whether every position along an axis is in exactly one window."""
        size, stride = self.size[axis], self.stride[axis]
        return size == stride and size * self.count[axis] == self.positions[axis]

    def padded(self, x: Array, scratch: Scratch, value: float = 0.0) -> Array:
        """Return an array with the added positions, in a scratch array of the layer.

        Args:
            x: ``(..., *positions)``
            scratch: Provides the memory.
            value: The value at the added positions.
        """
        if not self.is_padded:
            return x
        outer = x.shape[: x.ndim - len(self.size)]
        out = scratch("padded", (*outer, *self.positions))
        out.fill(value)
        self.inner(out)[...] = x
        return out

    def inner(self, padded: Array) -> Array:
        """Return the view of a padded array without the added positions."""
        ends = zip(self.padding, self.positions, strict=True)
        inner: Index = (..., *(slice(lo, n - hi) for (lo, hi), n in ends))
        return padded[inner]

    def copy(self, padded: Array, columns: Array, scratch: Scratch) -> None:
        """Copy the windows out of an array.

        The copy proceeds axis by axis, starting with the last one, so only the copies along that
        axis have short rows: a window of 5 x 5 takes 5 of these, and 5 of all rows at once, rather
        than 25.

        Args:
            padded: ``(*outer, *positions)``
            columns: ``(*outer, *size, *count)``, the array to copy to.
            scratch: Provides memory to work in.
        """
        stages = self._stages(padded, columns, scratch)
        for axis in reversed(range(len(self.size))):
            for place, window in self._offsets(axis, stages[axis + 1], stages[axis]):
                window[...] = place

    def add(self, columns: Array, padded: Array, scratch: Scratch) -> None:
        """Set every position of an array to the sum of its values in all windows.

        Args:
            columns: ``(*outer, *size, *count)``
            padded: ``(*outer, *positions)``, the array for the sums.
            scratch: Provides memory to work in.
        """
        stages = self._stages(padded, columns, scratch)
        for axis in range(len(self.size)):
            stages[axis + 1].fill(0)
            for place, window in self._offsets(axis, stages[axis + 1], stages[axis]):
                place += window

    def _stages(self, padded: Array, columns: Array, scratch: Scratch) -> list[Array]:
        """Return the arrays with windows along all axes, along all but the first, ..., and none."""
        outer = padded.shape[: -len(self.size)]
        between = [
            scratch(
                f"windows along {axis}",
                (*outer, *self.size[axis:], *self.positions[:axis], *self.count[axis:]),
            )
            for axis in range(1, len(self.size))
        ]
        return [columns, *between, padded]

    def _offsets(self, axis: int, places: Array, windows: Array) -> Iterator[tuple[Array, Array]]:
        """Yield, for every offset along an axis, its views of ``places`` and ``windows``."""
        outer = places.ndim - 2 * len(self.size) + axis + 1
        before = (slice(None),) * (outer + len(self.size) - 1)
        for offset in range(self.size[axis]):
            place: Index = (*before, self.along(axis, offset))
            window: Index = (*before[:outer], offset)
            yield places[place], windows[window]

    def along(self, axis: int, offset: int) -> slice:
        """Return the slice of the positions along an axis that have an offset in their window."""
        start, stride = offset * self.dilation[axis], self.stride[axis]
        return slice(start, start + stride * (self.count[axis] - 1) + 1, stride)

    def at(self, offset: Shape) -> tuple[slice, ...]:
        """Return the slices of the positions in a padded array with an offset in their window."""
        return tuple(self.along(axis, i) for axis, i in enumerate(offset))
