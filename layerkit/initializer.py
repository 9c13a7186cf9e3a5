"""The contract of an initializer."""

from abc import abstractmethod
from typing import ClassVar

from layerkit.component import Component
from layerkit.types import Array, Rng, Shape


class Initializer(Component):
    """The first value of a parameter; any callable ``(shape, rng) -> array`` will do in Python."""

    kind: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return the first value.

        Args:
            shape: The shape of the parameter. The last axis counts the outputs (``fan_out``), the
                axes before it together the inputs (``fan_in``).
            rng: Where random numbers come from.
        """
