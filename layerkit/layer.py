"""The contract of a layer."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from inspect import Parameter, signature
from typing import Any, ClassVar

import numpy as np

from layerkit.arrays import DType
from layerkit.component import Component, refuse_unheld_options
from layerkit.types import Array, Rng, Shape
from layerkit.variable import State, parts, variables


class Layer(Component):
    """One step of a network: a function of arrays, and its derivative.

    A subclass writes ``forward`` and ``backward``, and ``build`` where it has parameters, a shape
    to change or a shape to refuse. A layer of several inputs takes several arguments in ``build``
    and ``forward`` and returns as many gradients from ``backward``; ``*xs`` takes any number.

    The rules: never modify ``x`` or ``dout``; never keep a reference to them past ``backward``;
    ``backward`` *sets* gradients, it does not add to them.

    Attributes:
        training: Whether this pass trains (dropout drops) or evaluates.
        needs_input_grad: Whether anybody wants the gradient by the inputs. Where it is false,
            ``backward`` may return None instead.
        rng: The layer's own random generator.
        mixes_examples: Whether the output of one example depends on the others of its batch.
        differs_in_training: Whether the output in training is another than in evaluation.
        gives_views: Whether an output or a gradient may be a view of what came in.
        least_batch: The fewest examples that it can train on at a time.
    """

    kind: ClassVar[str] = "layer"
    owns_variables: ClassVar[bool] = True
    mixes_examples: ClassVar[bool] = False
    differs_in_training: ClassVar[bool] = False
    gives_views: ClassVar[bool] = False
    least_batch: int = 1
    training: bool = True
    needs_input_grad: bool = True
    rng: Rng

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
            dout: The gradient of the loss by the output, of the shape of the output.

        Returns:
            The gradient by each input: an array, or a tuple of them for several inputs.
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
        """
        rng = np.random.default_rng(rng)
        self.hand_down(dtype=dtype)
        shape = self.build(*shapes)
        self.hand_down(dtype=dtype, rng=rng, training=training)
        for _, variable in variables(self):
            variable.allocate(dtype)
            variable.initialize(rng)
        return shape

    def walk(self) -> Iterator["Layer"]:
        """Yield the layer and the layers inside it, among its attributes and in lists of them."""
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
            vars(layer).update(attributes)

    def variables(self) -> Sequence[tuple[str, State]]:
        """Return the parameters and states that ``build`` declared, with their names."""
        return list(variables(self))


def input_count(cls: type[Layer]) -> tuple[int, int | None]:
    """Return the least and the greatest number of inputs, as ``forward``'s signature says.

    The greatest is None where ``*xs`` takes any number.
    """
    parameters = list(signature(cls.forward).parameters.values())[1:]
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return max(1, sum(p.kind is not Parameter.VAR_POSITIONAL for p in parameters)), None
    return len(parameters), len(parameters)
