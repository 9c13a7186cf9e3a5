"""Arrays that belong to a component: trained parameters and untrained states.

A variable is declared with a shape and allocated later, when all variables of a network are known.
Each then becomes a view into one contiguous vector, which optimizers update, data-parallel training
reduces and a checkpoint stores.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Self

import numpy as np

from layerkit.arguments import checked_shape
from layerkit.arrays import DType, empty, zeros
from layerkit.conversion import checked_numbers
from layerkit.errors import DataError, NotReadyError, OptionError, UserError
from layerkit.types import Array, Rng, Shape


class CopiedWhole:
    """An object with its own arrays, which a shallow copy would share with the original."""

    def __copy__(self) -> NoReturn:
        raise UserError(
            f"copy.copy of a {type(self).__name__} would share its arrays with the original; "
            "use copy.deepcopy"
        )


class State(CopiedWhole):
    """An array that is saved with its owner but not trained, such as a running mean.

    Args:
        shape: Its shape; it has no batch axis.
        init: A callable ``(shape, rng) -> array``, or the number to fill it with.

    Attributes:
        value: The array. Assigning copies into place, so that views of it stay valid.

    Raises:
        UserError: The shape is not a tuple of ints.
    """

    def __init__(self, shape: Shape, init: Callable[[Shape, Rng], Array] | float = 0.0) -> None:
        self.shape = checked_shape(shape, f"the shape of a {type(self).__name__}")
        self.size = math.prod(self.shape)
        self.init = init

    @property
    def value(self) -> Array:
        """The array; assigning copies into it.

        Raises:
            NotReadyError: There is none yet.
            OptionError: What is assigned is not numbers, or does not have its shape.
        """
        try:
            return self._value
        except AttributeError:
            raise _no_value() from None

    @value.setter
    def value(self, array: Any) -> None:
        try:
            held = self._value
        except AttributeError:
            raise _no_value() from None
        if array is not held:
            _put(array, held, "value", type(self))

    @property
    def is_bound(self) -> bool:
        """Whether it has memory: its own, or that of its network or optimizer."""
        return hasattr(self, "_value")

    def allocate(self, dtype: DType) -> None:
        """Give the variable its own memory, for use outside a network."""
        self.bind(empty((self.size,), dtype))

    def bind(self, value: Array) -> None:
        """Make the variable a view of ``value``, a vector of its size."""
        self._value = value.reshape(self.shape)

    def initialize(self, rng: Rng) -> None:
        """Set the initial value."""
        self.value = self.init(self.shape, rng) if callable(self.init) else self.init

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        other = memo[id(self)] = object.__new__(type(self))
        other.__setstate__({n: _copied(v, memo) for n, v in vars(self).items()})
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle: the array itself, not the vector that it is a view of."""
        init: Any = self.init.func if isinstance(self.init, partial) else self.init
        name = getattr(init, "__qualname__", "")
        return {**vars(self), "init": Unpicklable(name) if "<" in name else self.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({n: _aligned(v) for n, v in state.items()})


@dataclass(frozen=True)
class Unpicklable:
    """Replaces, in a pickle, an initializer that pickles cannot hold, such as a lambda.

    Args:
        name: The qualified name of the function.
    """

    name: str

    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Refuse to draw.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f"the first value of this parameter comes from {self.name}, which a pickle cannot "
            "hold: build the network again, or define that function at the top of its module"
        )


class Parameter(State):
    """A trained array, with the gradient of the loss with respect to it.

    Args:
        shape: Its shape; it has no batch axis.
        init: A callable ``(shape, rng) -> array``, or the number to fill it with.
        fans: How many inputs each output has, and how many outputs each input has, for an
            initializer that depends on them. By default the last axis counts the outputs, the
            others the inputs.

    Attributes:
        grad: The gradient, of the same shape. Assigning copies into place; ``backward`` may also
            write into it: ``np.matmul(x.T, dout, out=self.W.grad)``.
    """

    def __init__(
        self,
        shape: Shape,
        init: Callable[[Shape, Rng], Array] | float = 0.0,
        fans: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(shape, init)
        self.fans = fans

    def initialize(self, rng: Rng) -> None:
        """Set the initial value."""
        init: Any = self.init
        if self.fans is not None and getattr(init, "takes_fans", False):
            self.value = init(self.shape, rng, self.fans)
        else:
            super().initialize(rng)

    @property
    def grad(self) -> Array:
        """The gradient of the loss with respect to the value; assigning copies into it.

        Raises:
            NotReadyError: There is none yet.
            OptionError: What is assigned is not numbers, or does not have its shape.
        """
        try:
            return self._grad
        except AttributeError:
            raise _no_value() from None

    @grad.setter
    def grad(self, array: Any) -> None:
        try:
            held = self._grad
        except AttributeError:
            raise _no_value() from None
        if array is not held:
            _put(array, held, "grad", type(self))

    def allocate(self, dtype: DType) -> None:
        """Give the parameter and its gradient their own memory."""
        super().allocate(dtype)
        self.bind_grad(zeros((self.size,), dtype))

    def bind_grad(self, grad: Array) -> None:
        """Make the gradient a view of ``grad``, a vector of the parameter's size."""
        self._grad = grad.reshape(self.shape)


def _put(array: Any, held: Array, name: str, cls: type) -> None:
    """Copy numbers into an array.

    Raises:
        OptionError: They are not numbers, their shape does not broadcast to that of the array, or
            a finite number becomes infinite in its type.
    """
    # A gradient that becomes infinite is reported with its place, by whoever trains.
    exact = held.dtype.char if name == "value" else "fd"
    if type(array) is not np.ndarray or array.dtype.char not in exact:
        try:
            array = checked_numbers(array, held.dtype, f"{cls.__name__}.{name}")
        except DataError as error:
            raise OptionError(str(error)) from None
    try:
        held[...] = array
    except ValueError:
        raise OptionError(
            f"{cls.__name__}.{name} must have the shape {held.shape}, or one that broadcasts to "
            f"it, got {array.shape}"
        ) from None


def _no_value() -> NotReadyError:
    return NotReadyError(
        "a parameter has no value yet; first call initialize() of the network, "
        "or of a layer that is used alone"
    )


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    # __setstate__ copies the array, aligned with cache lines.
    return value if isinstance(value, np.ndarray) else copy.deepcopy(value, memo)


def _aligned(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    array = empty(value.shape, value.dtype)
    array[...] = value
    return array


def bind_all(states: Sequence[State], dtype: DType) -> Array:
    """Allocate one contiguous vector and make every variable a view of it, in order.

    Variables that have values keep them.
    """
    vector, start = zeros((sum(v.size for v in states),), dtype), 0
    for variable in states:
        part = vector[start : start + variable.size]
        if variable.is_bound:
            part[...] = variable.value.reshape(-1)
        variable.bind(part)
        start += variable.size
    return vector


def bind_grads(parameters: Sequence[Parameter], dtype: DType) -> Array:
    """Allocate one contiguous vector and make every gradient a view of it, in order.

    Gradients that have values keep them.
    """
    vector, start = zeros((sum(p.size for p in parameters),), dtype), 0
    for parameter in parameters:
        part = vector[start : start + parameter.size]
        if parameter.is_bound and hasattr(parameter, "_grad"):
            part[...] = parameter.grad.reshape(-1)
        parameter.bind_grad(part)
        start += parameter.size
    return vector
