"""Means of windows."""

import numpy as np

from layerkit import Array, Example
from layerkit_conv.pool2d import Pool2d


class AveragePool2d(Pool2d):
    """The mean of every window, ``y[c, i, j] = mean(x[c, s i + k, s j + l])``.

    Args:
        size: Height and width of a window: a number for both, or a pair.
        stride: The distance from one window to the next; by default ``size``.
        padding: The number of zeros added at every edge; they count.

    Shapes:
        x: ``(batch, channels, height, width)``
        y: ``(batch, channels, new_height, new_width)``, where ``new_height`` is
            ``(height + 2 padding - size) // stride + 1``, and ``new_width`` likewise

    Raises:
        ValueError: ``padding`` is more than half of ``size``.

    Source:
        LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section
        II.B, without its coefficient and bias; the options are those of ``torch.nn.AvgPool2d``.
    """

    outside = 0.0
    examples = (
        Example(shapes=[(2, 4, 6)]),
        Example({"size": 3, "stride": 2, "padding": 1}, [(1, 5, 6)]),
        Example({"size": [2, 3]}, [(2, 5, 7)]),
    )

    def reduce(self, parts: list[Array], y: Array) -> None:
        """Write the mean."""
        y[...] = parts[0]
        for part in parts[1:]:
            y += part
        y *= 1 / len(parts)

    def share(
        self, dy: Array, y: Array, parts: list[Array], dparts: list[Array], alone: bool
    ) -> None:
        """Give every part the same share."""
        share = np.multiply(dy, 1 / len(parts), out=self.scratch("share", dy.shape))
        for dpart in dparts:
            dpart[...] = share if alone else dpart + share
