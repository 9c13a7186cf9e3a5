"""The contract of a layer."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache, wraps
from inspect import Parameter, signature
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np

from layerkit.arguments import checked_dtype, checked_rng, checked_shape
from layerkit.arrays import DType
from layerkit.contracts.component import Component, advising, guard, instructions, stored_attributes
from layerkit.contracts.ownership import parts, variables
from layerkit.contracts.unheld import refuse_unheld_options
from layerkit.contracts.variable import CopiedWhole, State
from layerkit.conversion import checked_floats
from layerkit.errors import PluginError, ShapeError
from layerkit.types import Array, Meaning, Rng, Shape

_SET_BY_LAYERKIT = "dtype", "training", "needs_input_grad", "rng", "input_shapes"
"""The attributes of layers that networks, and ``initialize``, set."""


class Layer(CopiedWhole, Component):
    """One step of a network: a function of arrays, and its derivative.

    A subclass defines ``forward`` and ``backward``. It defines ``build`` if it has parameters,
    changes the shape or refuses a shape. A layer of several inputs takes several arguments in
    ``build`` and ``forward`` and returns as many gradients from ``backward``; ``*xs`` takes any
    number.

    The rules: never modify ``x`` or ``dout``; never keep a reference to them past ``backward``;
    ``backward`` *sets* gradients, it does not add to them.

    ``forward`` first checks that the inputs are batches of the shapes that the layer was built for,
    and ``backward`` that the gradient has the shape of the last output. A network does its own
    checks, and calls ``forward_unchecked`` and ``backward_unchecked``.

    Attributes:
        training: Whether this pass trains (dropout drops) or evaluates.
        needs_input_grad: Whether the gradient with respect to the inputs is needed. If not,
            ``backward`` may return None.
        rng: The layer's own random generator.
        mixes_examples: Whether the output of one example depends on the others of its batch.
        differs_in_training: Whether the output in training differs from evaluation.
        gives_views: Whether an output or a gradient may be a view of the layer's input.
        least_batch: The fewest examples that it can train on at a time.
        scratch_size: How many numbers it keeps for each example besides its output and the
            gradient of its input, if they are many; ``build`` may set it. A training that needs
            more memory than is free can then be refused before it begins.
        meaning: What its outputs mean: probabilities, logits or just numbers; the ``same`` as its
            inputs if it only moves them.
        input_shapes: The shapes it was built for; None before, and for a layer inside another.
        forward_unchecked: ``forward`` as the class defines it, without the check.
        backward_unchecked: ``backward``, likewise.
    """

    kind: ClassVar[str] = "layer"
    owns_variables: ClassVar[bool] = True
    mixes_examples: ClassVar[bool] = False
    differs_in_training: ClassVar[bool] = False
    gives_views: ClassVar[bool] = False
    least_batch: int = 1
    scratch_size: int = 0
    meaning: Meaning | Literal["same"] = "numbers"
    input_shapes: list[Shape] | None = None
    _shape_of_last_output: Shape | None = None
    forward_unchecked: Callable[..., Array]
    backward_unchecked: Callable[..., Any]
    training: bool = True
    needs_input_grad: bool = True
    rng: Rng

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in _SET_BY_LAYERKIT:
            attribute = getattr(cls, name, None)
            if isinstance(attribute, property) and attribute.fset is None:
                raise PluginError(
                    f"{cls.__name__}: {name} must not be a property without a setter, because "
                    "layerkit sets it; rename it, or give it a setter"
                )
        guard(cls, "forward", lambda forward: _checking_inputs(advising(forward)))
        guard(cls, "backward", lambda backward: _checking_gradient(advising(backward)))

    def build(self, *shapes: Any) -> Shape:
        """Declare parameters and states, and return the shape of the output.

        Args:
            *shapes: The shape of each input, without the batch axis.

        Raises:
            ShapeError: A shape does not fit.
        """
        shape: Shape = shapes[0]
        return shape

    @abstractmethod
    def forward(self, *xs: Any) -> Array:
        """Return the output for a batch.

        Args:
            *xs: Each input, ``(batch, *shape)``.
        """

    @abstractmethod
    def backward(self, dout: Array) -> Any:
        """Set the gradients of the parameters, and return those of the inputs.

        Args:
            dout: The gradient of the loss with respect to the output, of its shape.

        Returns:
            The gradient with respect to each input: an array, or a tuple of them for several.
        """

    def initialize(
        self, *shapes: Shape, rng: Rng | int = 0, dtype: DType = np.float64, training: bool = True
    ) -> Shape:
        """Make the layer ready for use on its own, outside a network.

        Args:
            *shapes: The shape of each input, without the batch axis.
            rng: The generator of its random numbers, or a seed for one.
            dtype: The type of its parameters.
            training: Whether it trains or evaluates.

        Returns:
            The shape of the output.

        Raises:
            ShapeError: A shape does not fit, or there are more or fewer than the layer has inputs.
            UserError: A shape is not a tuple of ints, the type is not a float, or layers inside
                the layer share a parameter.
        """
        dtype, rng = checked_dtype(dtype), checked_rng(rng)
        shapes = tuple(checked_shape(shape, "the shape of an input") for shape in shapes)
        self.check_input_count(len(shapes))
        self.hand_down(dtype=dtype, input_shapes=None)
        shape = self.build(*shapes)
        self.hand_down(dtype=dtype, rng=rng, training=training)
        self.input_shapes = list(shapes)
        for _, variable in variables(self):
            variable.allocate(dtype)
            variable.initialize(rng)
        for layer in self.walk():
            layer.settle()
        return shape

    def check_input_count(self, count: int) -> None:
        """Refuse a number of inputs that ``forward`` does not take.

        Raises:
            ShapeError: There are too few or too many.
        """
        least, most = input_count(type(self))
        if count < least or (most is not None and count > most):
            number = f"{least} input{'s' if least > 1 else ''}{' or more' if most is None else ''}"
            raise ShapeError(f"takes {number}, got {count}")

    def advice(self, name: str, method: str) -> str:
        """Return what to call first if an attribute is missing."""
        is_kept = method == "backward" and name in stored_attributes(type(self), "forward")
        if not self.is_initialized and (
            name in {"rng", *_set_by_build(type(self))} or (is_kept and _needs_initialize(self))
        ):
            return "first call initialize() of the network, or of a layer that is used alone"
        return "backward needs what forward keeps: call forward first" if is_kept else ""

    def walk(self) -> Iterator["Layer"]:
        """Yield the layer and the layers inside it, among its attributes and in lists of them.

        Raises:
            SharedError: Two of them share a layer or a variable.
        """
        yield self
        for _, part in parts(self):
            if isinstance(part, Layer):
                yield part

    def hand_down(self, **attributes: Any) -> None:
        """Set attributes of the layer and of the layers inside it.

        Raises:
            UserError: One of them has an option that the new ``dtype`` does not hold.
        """
        for layer in self.walk():
            if "dtype" in attributes:
                refuse_unheld_options(layer, attributes["dtype"])
                layer._shape_of_last_output = None
            for name, value in attributes.items():
                setattr(layer, name, value)

    def variables(self) -> Sequence[tuple[str, State]]:
        """Return the parameters and states that ``build`` declared, with their names."""
        return list(variables(self))


def _checking_inputs(forward: Callable[..., Array]) -> Callable[..., Array]:
    """Return a ``forward`` that first checks its inputs against the shapes from ``build``."""

    @wraps(forward)
    def checked(self: Layer, *xs: Any, **named: Any) -> Array:
        # A subclass may call the forward that it overrides with inputs of other shapes.
        if type(self).forward is not checked:
            return forward(self, *xs, **named)
        shapes = self.input_shapes
        x = xs[0] if len(xs) == 1 else None
        # Testing for the usual case first halves the time.
        if (
            type(x) is not np.ndarray
            or x.dtype.char not in "fd"
            or not x.ndim
            or (shapes is not None and [x.shape[1:]] != shapes)
        ):
            xs = tuple(_numbers(self, x, "inputs") for x in xs)
            named = {name: _numbers(self, x, "inputs") for name, x in named.items()}
            if shapes is not None:
                _check_inputs(self, xs or tuple(named.values()), shapes)
            elif len(xs) + len(named) == 1 and not np.ndim([*xs, *named.values()][0]):
                raise ShapeError(
                    f"{type(self).__name__} takes a batch of examples, (batch, ...), got a number",
                    "put it into an array: np.array([x])",
                )
        y = forward(self, *xs, **named)
        self._shape_of_last_output = getattr(y, "shape", ())
        return y

    return checked


def _checking_gradient(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a ``backward`` that first checks its gradient against the last output's shape."""

    @wraps(backward)
    def checked(self: Layer, dout: Any) -> Any:
        if type(self).backward is checked:  # not called by a backward that overrides it
            shape = self._shape_of_last_output
            if type(dout) is not np.ndarray or dout.dtype.char not in "fd" or dout.shape != shape:
                dout = _numbers(self, dout, "the gradient with respect to the output")
                # A pass of a network leaves no shape, because the network does its own checks.
                if shape is not None and np.shape(dout) != shape:
                    raise ShapeError(
                        f"{type(self).__name__}: backward takes a gradient of the shape of the "
                        f"output, {shape}, got {np.shape(dout)}"
                    )
        return backward(self, dout)

    return checked


def _numbers(layer: Layer, x: Any, name: str) -> Any:
    """Return an array of numbers that a layer can compute with, or a Python number.

    Raises:
        DataError: It is neither, or the type of the layer cannot hold it.
    """
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, Real):
        return x
    return checked_floats(x, layer.dtype, f"{type(layer).__name__}: {name}")


def _needs_initialize(layer: Layer) -> bool:
    """Return whether ``forward`` needs attributes that only ``initialize`` sets."""
    return any(
        _set_by_build(cls) or any(step.argval == "rng" for step in instructions(cls, "forward"))
        for cls in map(type, layer.walk())
    )


def _set_by_build(cls: type[Layer]) -> set[str]:
    """Return the attributes that ``build`` sets and that have no default in the class."""
    return {name for name in stored_attributes(cls, "build") if not hasattr(cls, name)}


def _check_inputs(layer: Layer, xs: Sequence[Any], shapes: Sequence[Shape]) -> None:
    """Refuse inputs that are not batches of examples of these shapes."""
    arrays = [np.shape(x) for x in xs]
    if all(arrays) and [a[1:] for a in arrays] == shapes and len({a[0] for a in arrays}) == 1:
        return
    takes = " and ".join(f"({', '.join(map(str, ('batch', *s)))})" for s in shapes)
    takes = takes.replace("(batch)", "(batch,)")
    raise ShapeError(
        f"{type(layer).__name__} takes {takes}, got {' and '.join(map(str, arrays))}",
        "add a batch axis: x[None]" if any(map(shapes.__contains__, arrays)) else "",
    )


def input_count(cls: type[Layer]) -> tuple[int, int | None]:
    """Return the least and the greatest number of inputs, from the signature of ``forward``.

    The greatest is None if ``*xs`` takes any number.
    """
    return _input_count(cls.forward)


@cache
def _input_count(forward: Callable[..., Array]) -> tuple[int, int | None]:
    parameters = list(signature(forward).parameters.values())[1:]
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return max(1, sum(p.kind is not Parameter.VAR_POSITIONAL for p in parameters)), None
    return len(parameters), len(parameters)
