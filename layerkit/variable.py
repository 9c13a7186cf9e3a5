"""Arrays that belong to a component: trained parameters and untrained states.

A variable is declared with a shape and allocated later, when all variables of a network are known:
each then becomes a view into one contiguous vector, which is what optimizers update, what
data-parallel training reduces and what a checkpoint stores.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from layerkit.arrays import DType, empty, zeros
from layerkit.errors import LayerkitError
from layerkit.types import Array, Rng, Shape


class State:
    """An array that is saved with its owner but not trained, such as a running mean.

    Args:
        shape: Its shape; it has no batch axis.
        init: A callable ``(shape, rng) -> array``, or the number to fill it with.

    Attributes:
        value: The array. Assigning copies into place, so that views of it stay valid.
    """

    def __init__(self, shape: Shape, init: Callable[[Shape, Rng], Array] | float = 0.0) -> None:
        self.shape = shape
        self.size = math.prod(shape)
        self.init = init

    @property
    def value(self) -> Array:
        """The array; assigning copies into it.

        Raises:
            LayerkitError: There is none yet.
        """
        try:
            return self._value
        except AttributeError:
            raise LayerkitError(
                "a parameter has no value yet; first call initialize() of the network, "
                "or of the layer where it stands alone"
            ) from None

    @value.setter
    def value(self, array: Any) -> None:
        if array is not self._value:
            self._value[...] = array

    def allocate(self, dtype: DType) -> None:
        """Give the variable memory of its own, for use outside a network."""
        self.bind(empty((self.size,), dtype))

    def bind(self, value: Array) -> None:
        """Make the variable a view of ``value``, a vector of its size."""
        self._value = value.reshape(self.shape)

    def initialize(self, rng: Rng) -> None:
        """Set the first value."""
        self.value = self.init(self.shape, rng) if callable(self.init) else self.init


class Parameter(State):
    """A trained array, with the gradient of the loss by it.

    Args:
        shape: Its shape; it has no batch axis.
        init: A callable ``(shape, rng) -> array``, or the number to fill it with.
        fans: How many inputs each output has, and how many outputs each input, for an initializer
            that goes by them. By default the last axis counts the outputs, the others the inputs.

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
        """Set the first value."""
        init: Any = self.init
        if self.fans is not None and getattr(init, "takes_fans", False):
            self.value = init(self.shape, rng, self.fans)
        else:
            super().initialize(rng)

    @property
    def grad(self) -> Array:
        """The gradient of the loss by the value; assigning copies into it."""
        return self._grad

    @grad.setter
    def grad(self, array: Any) -> None:
        if array is not self._grad:
            self._grad[...] = array

    def allocate(self, dtype: DType) -> None:
        """Give the parameter and its gradient memory of their own."""
        super().allocate(dtype)
        self.bind_grad(zeros((self.size,), dtype))

    def bind_grad(self, grad: Array) -> None:
        """Make the gradient a view of ``grad``, a vector of the parameter's size."""
        self._grad = grad.reshape(self.shape)


def variables(owner: object) -> Iterator[tuple[str, State]]:
    """Yield the variables of ``owner``, with their names; see ``parts``."""
    for name, part in parts(owner):
        if isinstance(part, State):
            yield name, part


def parts(owner: object) -> Iterator[tuple[str, object]]:
    """Yield the variables among the attributes of ``owner``, and whatever else owns variables.

    Attributes that own variables themselves (a layer inside a layer), and lists of them, are
    searched too; what they own gets dotted names such as ``inner.W`` and ``blocks.0.W``. What
    has several names is yielded once, under the first of them.
    """
    seen = {id(owner)}

    def found(name: str, value: object) -> Iterator[tuple[str, object]]:
        if isinstance(value, list | tuple):
            for i, item in enumerate(value):
                yield from found(f"{name}.{i}", item)
        elif id(value) not in seen and (
            isinstance(value, State) or getattr(value, "owns_variables", False)
        ):
            seen.add(id(value))
            yield name, value
            if not isinstance(value, State):
                for inner, part in vars(value).items():
                    yield from found(f"{name}.{inner}", part)

    for name, value in vars(owner).items():
        yield from found(name, value)


def bind_all(found: Sequence[State], dtype: DType) -> Array:
    """Allocate one contiguous vector and make every variable a view of it, in order."""
    vector = zeros((sum(v.size for v in found),), dtype)
    start = 0
    for variable in found:
        variable.bind(vector[start : start + variable.size])
        start += variable.size
    return vector
