"""The contract of an optimizer."""

from abc import abstractmethod
from typing import ClassVar

from layerkit.component import Component
from layerkit.schedule import Schedule
from layerkit.types import Array


class Optimizer(Component):
    """How a gradient changes the parameters: a few NumPy calls over two vectors.

    Every subclass has the option ``learning_rate: PositiveFloat | Schedule``.

    Attributes:
        learning_rate: A number, or a schedule that gives one for each step.
    """

    kind: ClassVar[str] = "optimizer"
    owns_variables: ClassVar[bool] = True
    learning_rate: float | Schedule

    def build(self, size: int) -> None:
        """Declare as ``State`` what is kept from step to step (momentum and the like).

        Args:
            size: The length of the parameter vector.
        """

    @abstractmethod
    def update(self, params: Array, grads: Array, step: int) -> None:
        """Change ``params`` in place; ``grads`` may be used to work in.

        Args:
            params: All parameters of the network, ``(size,)``.
            grads: The gradient of the loss by each, ``(size,)``.
            step: The number of updates made before this one.
        """

    def rate(self, step: int) -> float:
        """Return the learning rate of that step."""
        rate = self.learning_rate
        return rate(step) if isinstance(rate, Schedule) else rate
