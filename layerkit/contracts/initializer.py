"""The contract of an initializer."""

from abc import abstractmethod
from inspect import isclass
from numbers import Real
from typing import Any, ClassVar

from layerkit.contracts.component import Component
from layerkit.types import Array, Rng, Shape


class Initializer(Component):
    """The first value of a parameter; any callable ``(shape, rng) -> array`` will do in Python.

    Attributes:
        takes_fans: Whether ``__call__`` also takes ``fans``, the numbers of inputs and outputs that
            a layer declares with ``Parameter(shape, init, fans=(fan_in, fan_out))`` where they do
            not follow from the axes, as those of a convolution.
    """

    kind: ClassVar[str] = "initializer"
    takes_fans: ClassVar[bool] = False

    @classmethod
    def accepts(cls, value: Any) -> bool:
        """Return whether a parameter can have it for its first value."""
        is_callable = callable(value) and not isclass(value)
        return is_callable or (isinstance(value, Real) and not isinstance(value, bool))

    @abstractmethod
    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return the first value.

        Args:
            shape: The shape of the parameter. Unless the layer declares other fans, the last axis
                counts the outputs (``fan_out``), the axes before it together the inputs
                (``fan_in``).
            rng: Where random numbers come from.
        """
