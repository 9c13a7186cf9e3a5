"""Convolution of images."""

from layerkit import (
    Example,
    He,
    Initializer,
    NonNegativeInt,
    PositiveInt,
    Shape,
    Zeros,
)
from layerkit_conv.convolution import Convolution, Same
from layerkit_conv.pairs import pair, refuse_no_image


class Conv2d(Convolution):
    """Convolution of images, ``y[f, i, j] = sum(W[c, k, l, f] x[c, i + k, j + l]) + b[f]``.

    As usual in the field, the filters are not flipped, so mathematicians would call this a
    cross-correlation. With a stride ``s`` and a dilation ``d`` the positions are ``s i + d k`` and
    ``s j + d l``.

    Args:
        filters: The number of channels of the output.
        size: Height and width of a filter: a number for both, or a pair.
        stride: The distance from one window to the next.
        padding: The number of zeros added at every edge; ``same`` keeps height and width, with an
            odd zero at the bottom and on the right.
        dilation: The distance from one position of a window to the next.
        groups: The number of groups that channels and filters are divided into; a filter sees only
            the channels of its group.
        weight_init: The initial value of ``W``.
        bias_init: The initial value of ``b``.
        bias: Whether to add ``b``.

    Shapes:
        x: ``(batch, channels, height, width)``
        y: ``(batch, filters, new_height, new_width)``, where ``new_height`` is
            ``(height + 2 padding - dilation (size - 1) - 1) // stride + 1``; ``new_width`` likewise
        W: ``(channels / groups, size, size, filters)``
        b: ``(filters,)``

    Raises:
        ValueError: ``filters`` cannot be divided among ``groups``, or ``same`` goes with a stride.

    Source:
        LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition"; the options
        are those of ``torch.nn.Conv2d``.
    """

    examples = (
        Example({"filters": 3, "size": 3}, [(2, 6, 5)]),
        Example({"filters": 2, "size": [2, 3], "stride": 2, "padding": [1, 0]}, [(1, 5, 6)]),
        Example({"filters": 4, "size": 3, "groups": 2, "padding": "same"}, [(2, 4, 4)]),
        Example({"filters": 2, "size": 2, "dilation": [2, 1], "bias": False}, [(2, 5, 4)]),
    )

    def __init__(
        self,
        filters: PositiveInt,
        size: PositiveInt | tuple[PositiveInt, PositiveInt],
        stride: PositiveInt | tuple[PositiveInt, PositiveInt] = 1,
        padding: NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt] | Same = 0,
        dilation: PositiveInt | tuple[PositiveInt, PositiveInt] = 1,
        groups: PositiveInt = 1,
        weight_init: Initializer = He(),  # noqa: B008  initializers hold no state
        bias_init: Initializer = Zeros(),  # noqa: B008
        bias: bool = True,
    ) -> None:
        if filters % groups:
            raise ValueError(f"filters must be a multiple of groups, {groups}")
        if padding == "same" and pair(stride) != (1, 1):
            raise ValueError('padding "same" needs a stride of 1')
        self.filters = filters
        self.size = size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.weight_init = weight_init
        self.bias_init = bias_init
        self.bias = bias

    def build(self, shape: Shape) -> Shape:
        """Declare ``W`` and ``b``."""
        refuse_no_image(shape)
        padding: Shape | Same = "same" if self.padding == "same" else pair(self.padding)
        return self.declare(shape, pair(self.size), pair(self.stride), padding, pair(self.dilation))
