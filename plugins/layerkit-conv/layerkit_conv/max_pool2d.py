"""Maxima of windows."""

import numpy as np

from layerkit import Array, Example
from layerkit_conv.pool2d import Pool2d


class MaxPool2d(Pool2d):
    """The maximum of every window, ``y[c, i, j] = max(x[c, s i + k, s j + l])``.

    The gradient goes to the position of the maximum; if several positions have it, to one of them.

    Args:
        size: Height and width of a window: a number for both, or a pair.
        stride: The distance from one window to the next; by default ``size``.
        padding: The number of positions added at every edge; they are never the maximum.

    Shapes:
        x: ``(batch, channels, height, width)``
        y: ``(batch, channels, new_height, new_width)``, where ``new_height`` is
            ``(height + 2 padding - size) // stride + 1``, and ``new_width`` likewise

    Raises:
        ValueError: ``padding`` is more than half of ``size``.

    Source:
        Weng, Ahuja and Huang (1992), "Cresceptron"; the options are those of
        ``torch.nn.MaxPool2d``.
    """

    outside = -np.inf
    examples = (
        Example(shapes=[(2, 4, 6)]),
        Example({"size": 3, "stride": 2, "padding": 1}, [(1, 5, 6)]),
        Example({"size": [2, 3]}, [(2, 5, 7)]),
    )

    def reduce(self, parts: list[Array], y: Array) -> None:
        """Write the maximum."""
        np.maximum(parts[0], parts[-1], out=y)
        for part in parts[1:-1]:
            np.maximum(y, part, out=y)

    def share(
        self, dy: Array, y: Array, parts: list[Array], dparts: list[Array], alone: bool
    ) -> None:
        """Give the gradient to the first part that is the maximum."""
        won, left = self.scratch("won", y.shape, bool), self.scratch("left", y.shape, bool)
        left.fill(True)
        for part, dpart in zip(parts, dparts, strict=True):
            if part is parts[-1]:
                won[...] = left
            else:
                np.equal(part, y, out=won)
                won &= left
                left ^= won
            if alone:
                np.multiply(dy, won, out=dpart)
            else:
                dpart += np.multiply(dy, won, out=self.scratch("share", y.shape))
