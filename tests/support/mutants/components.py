"""Mutants of the laws of every component."""

from typing import Annotated

from layerkit import Array, Example, Field, Layer, PositiveFloat
from mutants.catalogue import breaks
from mutants.layers.sound import OfScale, Scale


@breaks("it_is_registered", "no installed plugin registers Unregistered")
class Unregistered(OfScale):
    __doc__ = Scale.__doc__


@breaks("its_docstring_describes_it", 'no section "Shapes:"')
class WithoutShapes(Scale):
    """Trained scale.

    Args:
        start: The first value.
    """


@breaks("its_options_are_described", "option start has no line")
class WithoutArgs(Layer):
    """Fixed scale, ``y = start x``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = start

    def forward(self, x: Array) -> Array:
        return self.start * x

    def backward(self, dout: Array) -> Array:
        return self.start * dout


@breaks("its_options_go_through_json", "option start was given as 1.5, but the attribute")
class StoresAnother(Scale):
    __doc__ = Scale.__doc__
    examples = (Example({"start": 1.5}, [(3,)]),)

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = 2 * start


@breaks("its_bounds_hold", "the default of option start is refused in a spec: ")
class DefaultOutOfBounds(Scale):
    __doc__ = Scale.__doc__

    def __init__(self, start: Annotated[float, Field(gt=0, le=1)] = 1.5) -> None:
        self.start = start
