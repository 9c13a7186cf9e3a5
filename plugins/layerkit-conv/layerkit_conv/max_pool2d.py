"""Maxima of windows."""

import numpy as np

from layerkit import Array, Example
from layerkit_conv.pool2d import Pool2d


class MaxPool2d(Pool2d):
    """The maximum of every window, ``y[c, i, j] = max(x[c, s i + k, s j + l])``.

    The gradient goes to where the maximum is; where several positions share it, to one of them.

    Args:
        size: Height and width of a window: a number for both, or a pair.
        stride: How far it is from one window to the next; as far as ``size`` unless given.
        padding: How many positions are added at every edge; they are never the maximum.

    Shapes:
        x: ``(batch, channels, height, width)``
        y: ``(batch, channels, new_height, new_width)``, where ``new_height`` is
            ``(height + 2 padding - size) // stride + 1``, and the width alike

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
        won = self.scratch("won", y.shape, bool)
        # The last part takes what is left, so that it can be worked out in its place.
        rest = dparts[-1] if alone else self.scratch("rest", y.shape)
        rest[...] = dy
        for part, dpart in zip(parts[:-1], dparts[:-1], strict=True):
            np.equal(part, y, out=won)
            taken = np.multiply(rest, won, out=dpart if alone else self.scratch("taken", y.shape))
            if not alone:
                dpart += taken
            # What one has taken is gone for those that follow.
            rest -= taken
        if not alone:
            dparts[-1] += rest
