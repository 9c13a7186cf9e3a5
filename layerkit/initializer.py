"""The contract of an initializer."""

from abc import abstractmethod
from inspect import isclass
from numbers import Real
from typing import Any, ClassVar

from layerkit.component import Component
from layerkit.types import Array, Rng, Shape


class Initializer(Component):
    """The first value of a parameter; any callable ``(shape, rng) -> array`` will do in Python."""

    kind: ClassVar[str] = "initializer"

    @classmethod
    def accepts(cls, value: Any) -> bool:
        """Return whether a parameter can have it for its first value."""
        is_callable = callable(value) and not isclass(value)
        return is_callable or (isinstance(value, Real) and not isinstance(value, bool))

    @abstractmethod
    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return the first value.

        Args:
            shape: The shape of the parameter. The last axis counts the outputs (``fan_out``), the
                axes before it together the inputs (``fan_in``).
            rng: Where random numbers come from.
        """
