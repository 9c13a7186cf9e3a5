"""Convolution of sequences."""

from layerkit import (
    Example,
    He,
    Initializer,
    NonNegativeInt,
    PositiveInt,
    Shape,
    ShapeError,
    Zeros,
)
from layerkit_conv.convolution import Convolution, Same


class Conv1d(Convolution):
    """Convolution of sequences, ``y[f, i] = sum(W[c, k, f] x[c, i + k]) + b[f]``.

    With a stride ``s`` and a dilation ``d`` the position is ``s i + d k``.

    Args:
        filters: The number of channels of the output.
        size: The length of a filter.
        stride: The distance from one window to the next.
        padding: The number of zeros added at both ends; ``same`` keeps the length, with an odd
            zero at the end.
        dilation: The distance from one position of a window to the next.
        groups: The number of groups that channels and filters are divided into; a filter sees only
            the channels of its group.
        weight_init: The initial value of ``W``.
        bias_init: The initial value of ``b``.
        bias: Whether to add ``b``.

    Shapes:
        x: ``(batch, channels, length)``
        y: ``(batch, filters, new_length)``, where ``new_length`` is
            ``(length + 2 padding - dilation (size - 1) - 1) // stride + 1``
        W: ``(channels / groups, size, filters)``
        b: ``(filters,)``

    Raises:
        ValueError: ``filters`` cannot be divided among ``groups``, or ``same`` goes with a stride.

    Source:
        Waibel et al. (1989), "Phoneme Recognition Using Time-Delay Neural Networks"; the options
        are those of ``torch.nn.Conv1d``.
    """

    examples = (
        Example({"filters": 3, "size": 3}, [(2, 7)]),
        Example({"filters": 2, "size": 2, "stride": 2, "padding": 1, "groups": 2}, [(4, 5)]),
        Example({"filters": 2, "size": 2, "dilation": 3, "padding": "same"}, [(1, 6)]),
    )

    def __init__(
        self,
        filters: PositiveInt,
        size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt | Same = 0,
        dilation: PositiveInt = 1,
        groups: PositiveInt = 1,
        weight_init: Initializer = He(),  # noqa: B008  initializers hold no state
        bias_init: Initializer = Zeros(),  # noqa: B008
        bias: bool = True,
    ) -> None:
        if filters % groups:
            raise ValueError(f"filters must be a multiple of groups, {groups}")
        if padding == "same" and stride != 1:
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
        if len(shape) != 2:
            raise ShapeError("takes sequences (channels, length)", 'put "reshape" before it')
        padding: Shape | Same = "same" if self.padding == "same" else (self.padding,)
        return self.declare(shape, (self.size,), (self.stride,), padding, (self.dilation,))
