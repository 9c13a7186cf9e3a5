"""Windows that slide over the positions of an array, along one axis or several."""

from dataclasses import dataclass

from numpy.lib.stride_tricks import as_strided

from layerkit import Array, Layer, Shape, ShapeError


@dataclass(frozen=True)
class Windows:
    """The places of a window on an array whose last axes are positions.

    Attributes:
        size: How many positions of each axis a window sees.
        stride: How far it is from one window to the next.
        dilation: How far it is from one position of a window to the next.
        padding: How many positions are added before and behind each axis.
        positions: How many positions each axis has, those added included.
        count: How many windows there are along each axis.
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
            ShapeError: Not one window fits.
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

    def padded(self, x: Array, layer: Layer, value: float = 0.0) -> Array:
        """Return an array with the added positions, in a scratch array of the layer.

        Args:
            x: ``(..., *positions)``
            layer: Whose scratch array to use.
            value: What stands at the added positions.
        """
        if not self.is_padded:
            return x
        outer = x.shape[: x.ndim - len(self.size)]
        out = layer.scratch("padded", (*outer, *self.positions))
        out.fill(value)
        self.inner(out)[...] = x
        return out

    def inner(self, padded: Array) -> Array:
        """Return the view of a padded array without the added positions."""
        ends = zip(self.padding, self.positions, strict=True)
        return padded[(..., *(slice(lo, n - hi) for (lo, hi), n in ends))]

    def view(self, padded: Array) -> Array:
        """Return a view of every window: ``(..., *size, *count)``."""
        outer = padded.ndim - len(self.size)
        steps = padded.strides[outer:]
        within = (step * d for step, d in zip(steps, self.dilation, strict=True))
        between = (step * s for step, s in zip(steps, self.stride, strict=True))
        return as_strided(
            padded,
            (*padded.shape[:outer], *self.size, *self.count),
            (*padded.strides[:outer], *within, *between),
            writeable=False,
        )

    def along(self, axis: int, offset: int) -> slice:
        """Return where along an axis the positions are that have an offset in their window."""
        start, stride = offset * self.dilation[axis], self.stride[axis]
        return slice(start, start + stride * (self.count[axis] - 1) + 1, stride)

    def at(self, offset: Shape) -> tuple[slice, ...]:
        """Return where in a padded array the positions are that have an offset in their window."""
        return tuple(self.along(axis, i) for axis, i in enumerate(offset))
