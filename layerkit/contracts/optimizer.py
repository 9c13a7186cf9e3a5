"""The contract of an optimizer."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from layerkit.arguments import checked_dtype, checked_rng
from layerkit.arrays import DType
from layerkit.contracts.component import Component
from layerkit.contracts.schedule import Schedule
from layerkit.contracts.variable import CopiedWhole, bind_all, noun, parts, variables
from layerkit.errors import UserError
from layerkit.types import Array, Rng


class Optimizer(CopiedWhole, Component):
    """How a gradient changes the parameters: a few NumPy calls over two vectors.

    Every subclass has the option ``learning_rate: PositiveFloat | Schedule``.

    Attributes:
        learning_rate: A number, or a schedule that gives one for each step.
    """

    kind: ClassVar[str] = "optimizer"
    advised: ClassVar[frozenset[str]] = frozenset({"update"})
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
            grads: The gradient of the loss with respect to each, ``(size,)``.
            step: The number of updates made before this one.
        """

    def initialize(self, size: int, rng: Rng | int = 0, dtype: DType = np.float64) -> Array:
        """Make the optimizer ready for parameters of a size, and return all its states.

        What it remembered before is gone. A ``Trainer`` does this for the optimizer it is given;
        to use an optimizer alone, call this, and ``learning_rate.build`` of a schedule.

        Args:
            size: The length of the parameter vector.
            rng: The generator of its random numbers, or a seed for one.
            dtype: The type of its states, which is that of the parameters.

        Returns:
            All states, one vector; each ``State.value`` is a view of it.

        Raises:
            UserError: The type is no float, optimizers inside this one share a state, or a state
                belongs to somebody else.
        """
        dtype, rng = checked_dtype(dtype), checked_rng(rng)
        everyone = [self, *(part for _, part in parts(self) if isinstance(part, Optimizer))]
        for optimizer in everyone:
            optimizer.dtype = dtype
        self.build(size)
        states = dict(variables(self))
        for name, state in states.items():
            if state.is_bound and not self.is_initialized:
                raise UserError(
                    f"{type(self).__name__}: its {noun(state)} {name} already belongs to another "
                    "optimizer or network; give it one of its own"
                )
        vector = bind_all(list(states.values()), dtype)
        for state in states.values():
            state.initialize(rng)
        for optimizer in everyone:
            optimizer.settle()
        return vector

    def advice(self, name: str) -> str:
        """Return what to call first where an attribute is missing."""
        return "" if self.is_initialized else "first call initialize(size), or make a Trainer"

    def rate(self, step: int) -> float:
        """Return the learning rate of that step."""
        rate = self.learning_rate
        return rate(step) if isinstance(rate, Schedule) else rate
