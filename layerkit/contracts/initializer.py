"""The contract of an initializer."""

from abc import abstractmethod
from inspect import isclass
from numbers import Real
from typing import Any, ClassVar

from layerkit.contracts.component import Component
from layerkit.types import Array, Rng, Shape


class Initializer(Component):
    """The initial value of a parameter; in Python any callable ``(shape, rng) -> array`` will do.

    Attributes:
        takes_fans: Whether ``__call__`` also takes ``fans``, the numbers of inputs and outputs. A
            layer declares them with ``Parameter(shape, init, fans=(fan_in, fan_out))`` if they do
            not follow from the axes, as in a convolution.
    """

    kind: ClassVar[str] = "initializer"
    takes_fans: ClassVar[bool] = False

    @classmethod
    def accepts(cls, value: Any) -> bool:
        """Return whether a value can initialise a parameter."""
        is_callable = callable(value) and not isclass(value)
        return is_callable or (isinstance(value, Real) and not isinstance(value, bool))

    @abstractmethod
    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return the initial value.

        Args:
            shape: The shape of the parameter. Unless the layer declares other fans, the last axis
                counts the outputs (``fan_out``), and the axes before it together count the inputs
                (``fan_in``).
            rng: The source of random numbers.
        """
