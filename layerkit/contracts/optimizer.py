"""The contract of an optimizer."""

from abc import abstractmethod
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import numpy as np

from layerkit.arguments import checked_dtype, checked_rng, shown
from layerkit.arrays import DType
from layerkit.contracts.component import Component, guard, raise_with_advice, stored_attributes
from layerkit.contracts.ownership import noun, parts, variables
from layerkit.contracts.schedule import Schedule
from layerkit.contracts.variable import CopiedWhole, bind_all
from layerkit.errors import DataError, ShapeError, UserError
from layerkit.types import Array, Rng, Shape


class Optimizer(CopiedWhole, Component):
    """A rule by which a gradient changes the parameters: a few NumPy calls over two vectors.

    Every subclass has the option ``learning_rate: PositiveFloat | Schedule``.

    Attributes:
        learning_rate: A number, or a schedule that gives one for each step.
        update_unchecked: ``update`` as the class defines it, without the check; a trainer calls it.
    """

    kind: ClassVar[str] = "optimizer"
    owns_variables: ClassVar[bool] = True
    learning_rate: float | Schedule
    update_unchecked: Callable[[Array, Array, int], None]
    _shape: Shape | None = None  # of the parameters that it was initialised for

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, "update", _checking_vectors)

    def build(self, size: int) -> None:
        """Declare each array that is kept from step to step (momentum and the like) as a ``State``.

        Args:
            size: The length of the parameter vector.
        """

    @abstractmethod
    def update(self, params: Array, grads: Array, step: int) -> None:
        """Change ``params`` in place; ``grads`` may be overwritten.

        Args:
            params: All parameters of the network, ``(size,)``.
            grads: The gradient of the loss with respect to each, ``(size,)``.
            step: The number of updates made before this one.

        Raises:
            ShapeError: The vectors differ in shape from each other, or from the shape that the
                optimizer was initialised for.
            DataError: A vector is not an array of float32 or float64.
        """

    def initialize(self, size: int, rng: Rng | int = 0, dtype: DType = np.float64) -> Array:
        """Make the optimizer ready for parameters of a size, and return all its states.

        Earlier states are lost. A ``Trainer`` does this for its optimizer. To use an optimizer
        alone, call this, and ``learning_rate.build`` if it has a schedule.

        Args:
            size: The length of the parameter vector.
            rng: The generator of its random numbers, or a seed for one.
            dtype: The type of its states, which is that of the parameters.

        Returns:
            All states, one vector; each ``State.value`` is a view of it.

        Raises:
            UserError: The type is not a float, optimizers inside this one share a state, or a state
                already belongs to another owner.
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
                    "optimizer or network; give it its own"
                )
        vector = bind_all(list(states.values()), dtype)
        for state in states.values():
            state.initialize(rng)
        self._shape = (size,)
        for optimizer in everyone:
            optimizer.settle()
        return vector

    def advice(self, name: str, method: str) -> str:
        """Return what to call first if an attribute is missing."""
        is_set_by_build = not self.is_initialized and name in stored_attributes(type(self), "build")
        return "first call initialize(size), or make a Trainer" if is_set_by_build else ""

    def rate(self, step: int) -> float:
        """Return the learning rate of that step."""
        rate = self.learning_rate
        return rate(step) if isinstance(rate, Schedule) else rate


def _checking_vectors(update: Callable[..., None]) -> Callable[..., None]:
    """Return an ``update`` that first checks that gradients and parameters match."""

    @wraps(update)
    def checked(self: Optimizer, params: Any, grads: Any, step: int) -> None:
        if type(self).update is checked:  # not called by an update that overrides it
            _check_vectors(self, params, grads)
        try:
            update(self, params, grads, step)
        except AttributeError as error:
            raise_with_advice(error, "update")

    return checked


def _check_vectors(optimizer: Optimizer, params: Any, grads: Any) -> None:
    """Refuse vectors that do not match each other, or the size that the optimizer is ready for."""
    name, shape = type(optimizer).__name__, optimizer._shape
    for vector, which in ((params, "parameters"), (grads, "gradients")):
        if not isinstance(vector, np.ndarray) or vector.dtype.char not in "fd":
            got = vector.dtype if isinstance(vector, np.ndarray) else shown(vector)
            raise DataError(f"{name}: {which} must be an array of float32 or float64, got {got}")
    if params.shape != grads.shape:
        raise ShapeError(
            f"{name}: gradients must have the shape of the parameters, {params.shape}, "
            f"got {grads.shape}"
        )
    if shape is not None and params.shape != shape:
        raise ShapeError(
            f"{name}: was initialised for parameters of shape {shape}, got {params.shape}",
            f"call initialize({params.size}), and give it vectors",
        )
