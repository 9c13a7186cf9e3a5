"""Arrays that belong to a component: trained parameters and untrained states.

A variable is declared with a shape and allocated later, when all variables of a network are known.
Each then becomes a view into one contiguous vector, which optimizers update, data-parallel training
reduces and a checkpoint stores.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
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


def variables(owner: object) -> Iterator[tuple[str, State]]:
    """Yield the variables of ``owner``, with their names; see ``parts``."""
    for name, part in parts(owner):
        if isinstance(part, State):
            yield name, part


class SharedError(UserError):
    """Two owners share a variable, or a layer; the message names both places."""


@dataclass(frozen=True)
class _Place:
    """The first place where a part was found.

    Attributes:
        name: Its dotted name.
        owners: The owners around it, the outermost first.
        container: The innermost list, tuple or dict around it; None without one.
    """

    name: str
    owners: tuple[object, ...]
    container: object


def parts(owner: object) -> Iterator[tuple[str, object]]:
    """Yield the variables, and the owners of variables, among the attributes of ``owner``.

    Attributes that own variables themselves (a layer inside a layer), and lists, tuples and dicts
    of them, are searched too. Their variables get dotted names such as ``inner.W``, ``blocks.0.W``
    and ``heads.left.W``. An owner and the owners around it may have several names for a part. The
    part is yielded once, under the first of them.

    Raises:
        SharedError: Two separate owners have the same part, or a list has one twice.
    """
    places: dict[int, _Place] = {id(owner): _Place("", (), None)}

    def search(
        name: str, value: object, owners: tuple[object, ...], containers: tuple[object, ...]
    ) -> Iterator[tuple[str, object]]:
        if isinstance(value, list | tuple | dict):
            if not any(value is container for container in containers):
                items = value.items() if isinstance(value, dict) else enumerate(value)
                for key, item in items:
                    yield from search(f"{name}.{key}", item, owners, (*containers, value))
            return
        if not (isinstance(value, State) or getattr(value, "owns_variables", False)):
            return
        place = _Place(name, owners, containers[-1] if containers else None)
        first = places.setdefault(id(value), place)
        if first is not place:
            _check_alias(value, first, place)
            return
        yield name, value
        if not isinstance(value, State):
            for inner, part in vars(value).items():
                yield from search(f"{name}.{inner}", part, (*owners, value), ())

    for name, value in vars(owner).items():
        yield from search(name, value, (owner,), ())


def _check_alias(part: object, first: _Place, second: _Place) -> None:
    """Refuse a second place of a part, unless it is only a second name for the first."""
    depth = min(len(first.owners), len(second.owners))
    is_within = all(a is b for a, b in zip(first.owners, second.owners, strict=False))
    is_state = isinstance(part, State)
    same_list = first.container is not None and first.container is second.container
    if depth == 0 or (is_within and (is_state or not same_list)):
        return
    raise SharedError(f"{first.name} and {second.name} are one {noun(part)}; {remedy(part)}")


def noun(part: object) -> str:
    """Return a word for a part, such as ``parameter``."""
    return type(part).__name__.lower() if isinstance(part, State) else getattr(part, "kind", "part")


def remedy(part: object) -> str:
    """Return advice about a part that two owners have."""
    if isinstance(part, Parameter):
        return "give each its own, because backward sets a gradient and does not add to it"
    if isinstance(part, State):
        return "give each its own"
    return "make one for each place, because it keeps what its backward needs"


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
