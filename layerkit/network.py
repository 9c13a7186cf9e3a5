"""The network: layers in order, one vector of parameters, forward and backward."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from layerkit.arrays import DType, Scratch, empty, zeros
from layerkit.errors import LayerkitError, PluginError, ShapeError, UserError
from layerkit.gradients import numerical_gradient
from layerkit.layer import Layer
from layerkit.loss import Loss
from layerkit.types import MOST_AXES, Array, Shape
from layerkit.variable import Parameter, State, bind_all

if TYPE_CHECKING:
    from layerkit.training.step import Compiler

WIDEST = 2**21
"""How many numbers the widest layer may hold at once in evaluation: eight megabytes, which caches
still hold. The outputs for 10,000 examples of 784-50-10 take up to a tenth less time so; in smaller
parts threads would meet more often, which takes long where other programs have the cores."""


@dataclass(frozen=True)
class Node:
    """A layer at its place in a network.

    Attributes:
        layer: The layer.
        inputs: Where each of its inputs comes from, as a position among the values of the
            network: first the network's own inputs, then the output of each layer.
        name: What its parameters and messages are named after.
        type: The name it is registered under.
    """

    layer: Layer
    inputs: tuple[int, ...]
    name: str
    type: str

    def parameters(self) -> list[Parameter]:
        """Return the parameters of the layer."""
        return [v for _, v in self.layer.variables() if isinstance(v, Parameter)]

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"


class Network:
    """Layers in order, each with its inputs, and a loss.

    The constructor infers every shape and counts the parameters, allocating nothing;
    ``initialize`` allocates one vector for all parameters, one for their gradients and one for the
    states, and sets the first values.

    Args:
        layers: The layers. One that is not wrapped in a ``Node`` takes the output before it.
        *shapes: The shape of each input of the network, without the batch axis.
        loss: What training makes small; a network without one can still run both ways.
        dtype: The type it computes in: float32 trains, float64 checks gradients.
        input_names: What messages call the inputs, where there are several.

    Attributes:
        nodes: The layers at their places.
        shapes: The shape of every value: the inputs, then each layer's output.
        params: All parameters, one vector; each ``Parameter.value`` is a view of it.
        grads: Their gradients, likewise.
        states: All states, likewise.
        values: What the last ``forward`` computed: the inputs, then each layer's output.
        rows_at_once: How many examples an evaluation computes at once, at the most.
        loss_function: The loss, if there is one.
        compilers: Who may make its training steps faster; all installed plugins that can, if None.

    Raises:
        ShapeError: A layer does not fit what comes before it; the message names both.
        PluginError: What ``build`` of a layer returned is no shape.
        UserError: A layer stands at two places, or two parameters have the same name.
    """

    params: Array
    grads: Array
    states: Array
    compilers: "Sequence[Compiler] | None" = None

    def __init__(
        self,
        layers: Sequence[Layer | Node],
        *shapes: Shape,
        loss: Loss | None = None,
        dtype: DType = np.float32,
        input_names: Sequence[str] = (),
    ) -> None:
        self.input_count = len(shapes)
        self.nodes = [
            node
            if isinstance(node, Node)
            else Node(node, (self.input_count + i - 1,), f"layers[{i}]", type(node).__name__)
            for i, node in enumerate(layers)
        ]
        self._input_names = input_names
        self.loss_function = loss
        self.dtype = np.dtype(dtype)
        self.shapes: list[Shape] = list(shapes)
        for i, node in enumerate(self.nodes):
            node.layer.hand_down(dtype=self.dtype)
            self.shapes.append(self._build(i, node))
            node.layer.hand_down(dtype=self.dtype)  # build may have made layers
        if loss is not None:
            loss.dtype = self.dtype
        widest = max(math.prod(shape) for shape in self.shapes)
        self.rows_at_once = min(max(1, WIDEST // max(1, widest)), 4096)
        self._layers = self._each_once()
        self.variables = self._named_variables()
        self.parameters = {n: v for n, v in self.variables.items() if isinstance(v, Parameter)}
        self._training: bool | None = None
        self._scratch = Scratch()
        self.values: list[Array] = []
        self._douts: list[Array | None] = []
        self.needs_input_grads(False)

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(p.size for p in self.parameters.values())

    @property
    def output_shape(self) -> Shape:
        """The shape of the output for one example."""
        return self.shapes[-1]

    def initialize(self, seed: int | np.random.SeedSequence = 0) -> Self:
        """Allocate all arrays and set the first values.

        Every layer has a generator of its own, for its first values and for what it draws later,
        so that a change to one layer leaves the numbers of the others alone.
        """
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        parameters = list(self.parameters.values())
        self.params = bind_all(parameters, self.dtype)
        self.states = bind_all(
            [v for v in self.variables.values() if not isinstance(v, Parameter)], self.dtype
        )
        self.grads = zeros(self.params.shape, self.dtype)
        start = 0
        for parameter in parameters:
            parameter.bind_grad(self.grads[start : start + parameter.size])
            start += parameter.size
        for node, child in zip(self.nodes, seed.spawn(len(self.nodes)), strict=True):
            rng = np.random.default_rng(child)
            node.layer.hand_down(rng=rng)
            for _, variable in node.layer.variables():
                variable.initialize(rng)
        return self

    def needs_input_grads(self, wanted: bool) -> None:
        """Say whether ``backward`` is to go on to the inputs of the network.

        Where it is not, no layer computes a gradient that leads to no parameter.
        """
        needed = [wanted] * self.input_count
        self._has_backward = []
        for node in self.nodes:
            above = any(needed[i] for i in node.inputs)
            for layer in node.layer.walk():
                layer.needs_input_grad = above or layer is not node.layer
            needed.append(above or bool(node.parameters()))
            self._has_backward.append(needed[-1])
        self._needed = needed

    def forward(self, *xs: Array, training: bool = False) -> Array:
        """Return the output for a batch; it is valid until the next pass.

        Args:
            *xs: A batch of each input, ``(batch, *shape)``.
            training: Whether layers behave as in training.

        Raises:
            ShapeError: A batch does not have the shape that the network takes, or a layer cannot
                do with that many examples.
        """
        if training is not self._training:
            self._training = training
            for layer in self._layers:
                layer.training = training
        values = self.values = [np.asarray(x, self.dtype) for x in xs]
        if [x.shape[1:] for x in values] != self.shapes[: self.input_count]:
            raise self._no_batch(values)
        for node in self.nodes:
            try:
                values.append(node.layer.forward(*map(values.__getitem__, node.inputs)))
            except ShapeError as error:
                raise ShapeError(f"{node} {error.expected}", error.hint) from error
        return values[-1]

    def backward(self, dout: Array) -> list[Array | None]:
        """Propagate a gradient back through the last ``forward``, and set all gradients.

        Args:
            dout: The gradient by the output of the network.

        Returns:
            The gradient by every value: the inputs, then each layer's output. None where it was
            not needed. They are valid until the next pass.

        Raises:
            PluginError: What ``backward`` of a layer returned are not the gradients of its inputs.
        """
        douts = self._douts = [None] * len(self.values)
        douts[-1] = dout
        for slot in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[slot]
            dout_here = douts[self.input_count + slot]
            if dout_here is None or not self._has_backward[slot]:
                continue
            dxs = node.layer.backward(dout_here)
            if not isinstance(dxs, tuple):
                dxs = (dxs,)
            if len(dxs) != len(node.inputs):
                raise PluginError(
                    f"{node}: backward must return one gradient for each of {len(node.inputs)} "
                    f"inputs, got {len(dxs)}"
                )
            for i, dx in zip(node.inputs, dxs, strict=True):
                if self._needed[i]:
                    self._receive(i, dx, node)
        return douts

    def _receive(self, slot: int, dx: Any, sender: Node) -> None:
        """Add a gradient to what a value has received from its other users."""
        shape = self.values[slot].shape
        if getattr(dx, "shape", None) != shape:
            got = "None" if dx is None else f"one of shape {np.shape(dx)}"
            raise PluginError(
                f"{sender}: backward must return a gradient of shape {shape} for its input of "
                f"that shape, got {got}"
            )
        held = self._douts[slot]
        if held is not None:
            total = self._scratch(f"sum {slot}", dx.shape, dx.dtype)
            dx = np.add(held, dx, out=total)
        self._douts[slot] = dx

    def train_step(self, x: Array, t: Array) -> float:
        """Return the loss of a batch, and set the gradients of all parameters."""
        loss = self._loss_or_error()
        value = float(loss.forward(self.forward(x, training=True), t))
        self.backward(loss.backward())
        return value

    def loss_of(self, y: Array, t: Array) -> float:
        """Return the loss of an output.

        Args:
            y: What ``forward`` returned.
            t: The targets.
        """
        return float(self._loss_or_error().forward(y, t))

    def _loss_or_error(self) -> Loss:
        if self.loss_function is None:
            raise LayerkitError("this network has no loss; give it one: Network(..., loss=...)")
        return self.loss_function

    def predict(self, x: Array) -> Array:
        """Return the output for a batch, as layers behave in evaluation.

        A large batch goes through in parts, so the memory that layers take does not grow with it.

        Args:
            x: ``(batch, *shape)``

        Raises:
            ShapeError: The batch does not have the shape that the network takes.
        """
        x = np.asarray(x)
        rows = self.rows_at_once
        is_refused = x.ndim == 0 or [x.shape[1:]] != self.shapes[: self.input_count]
        if is_refused or len(x) <= rows:
            return self.forward(x).copy()
        y = empty((len(x), *self.output_shape), self.dtype)
        for start in range(0, len(x), rows):
            y[start : start + rows] = self.forward(x[start : start + rows])
        return y

    def loss(self, x: Array, t: Array, training: bool = False) -> float:
        """Return the loss of a batch."""
        return self.loss_of(self.forward(x, training=training), t)

    def accuracy(self, x: Array, t: Array) -> float:
        """Return how much of the batch, or of its positions, has its largest output at the target.

        Args:
            x: ``(batch, *shape)``
            t: Labels, ``(batch, *positions)``, or the shape of the output, one-hot.

        Raises:
            ShapeError: The batch or the targets have another shape, or there are none.
        """
        y, t = self.predict(x), np.asarray(t)
        if t.shape not in (y.shape, y.shape[:-1]) or not len(y):
            raise ShapeError(
                f"accuracy takes labels of shape {y.shape[:-1]}, or one-hot targets of shape "
                f"{y.shape}, for at least one example, got {t.shape}"
            )
        labels = t.argmax(axis=-1) if t.ndim == y.ndim else t
        return float(np.mean(y.argmax(axis=-1) == labels))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss by each parameter, by back-propagation."""
        self.train_step(x, t)
        return {name: p.grad.copy() for name, p in self.parameters.items()}

    def numerical_gradient(
        self, x: Array, t: Array, at: dict[str, Array] | None = None
    ) -> dict[str, Array]:
        """Return the gradient of the loss by each parameter, by central differences.

        It leaves all random generators and states as they are; a ``gradient`` that follows draws
        the same random numbers.

        Args:
            x: ``(batch, *shape)``
            t: The targets.
            at: For each parameter the flat indices to differentiate by; all unless given.

        Raises:
            ValueError: The network is not of ``dtype`` float64.
        """
        loss = self.repeatable(lambda: self.loss(x, t, training=True))
        return {
            name: numerical_gradient(loss, p.value, at=None if at is None else at[name])
            for name, p in self.parameters.items()
        }

    def named(self, params: Array, states: Array) -> dict[str, Array]:
        """Return the parts of a parameter vector and a state vector under their names.

        Args:
            params: A vector like ``params``.
            states: A vector like ``states``.
        """
        found: dict[str, Array] = {}
        at = {True: 0, False: 0}
        for name, variable in self.variables.items():
            trained = isinstance(variable, Parameter)
            vector, start = (params if trained else states), at[trained]
            at[trained] = start + variable.size
            found[name] = vector[start : at[trained]].reshape(variable.shape)
        return found

    def repeatable(self, f: Callable[[], float]) -> Callable[[], float]:
        """Wrap a computation so that it draws the same random numbers and sees the same states.

        Each call begins with those of now and puts them back, so that dropout drops the same units
        and running means do not move.
        """
        rngs = [node.layer.rng for node in self.nodes]
        before = [rng.bit_generator.state for rng in rngs]
        states = self.states.copy()

        def put_back() -> None:
            for rng, state in zip(rngs, before, strict=True):
                rng.bit_generator.state = state
            self.states[...] = states

        def repeated() -> float:
            put_back()
            value = f()
            put_back()
            return value

        return repeated

    def first_non_finite(self) -> str | None:
        """Return where the last ``forward`` first met NaN or infinity, in words.

        None if every parameter and every layer's output was finite.
        """
        for i, x in enumerate(self.values[: self.input_count]):
            if not np.isfinite(x).all():
                return "the data" if self.input_count == 1 else self.source(i)
        for node, y in zip(self.nodes, self.values[self.input_count :], strict=False):
            for name, variable in node.layer.variables():
                if not np.isfinite(variable.value).all():
                    return f"{node}, in its {name}"
            if not np.isfinite(y).all():
                return f"{node}, in its output"
        return None

    def _build(self, index: int, node: Node) -> Shape:
        given = [self.shapes[i] for i in node.inputs]
        try:
            shape: Any = node.layer.build(*given)
        except ShapeError as error:
            sources = " and ".join(f"{self.source(i)} gives {self.shapes[i]}" for i in node.inputs)
            raise ShapeError(
                f"{node} {error.expected}, but {sources}", error.hint, layer=index
            ) from error
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise PluginError(f"{node}: build must return a shape, a tuple of ints, got {shape!r}")
        if len(shape) >= MOST_AXES:
            axes = f"{len(shape) + 1} axes, that of the batch included"
            raise ShapeError(f"{node} gives {axes}", f"take at most {MOST_AXES}", layer=index)
        return shape

    def _each_once(self) -> list[Layer]:
        """Return all layers, those inside others included; refuse one that stands twice."""
        found: dict[int, Node] = {}
        layers = []
        for node in self.nodes:
            for layer in node.layer.walk():
                first = found.setdefault(id(layer), node)
                if first is not node:
                    raise UserError(
                        f"{node} is, or holds, the same layer as {first}; make one for each "
                        "place, because it keeps what its backward needs"
                    )
                layers.append(layer)
        return layers

    def _named_variables(self) -> dict[str, State]:
        named: dict[str, State] = {}
        for node in self.nodes:
            for inner, variable in node.layer.variables():
                name = f"{node.name}.{inner}"
                if name in named:
                    raise UserError(f'two parameters are called "{name}"; rename a layer')
                named[name] = variable
        return named

    def _no_batch(self, xs: Sequence[Array]) -> ShapeError:
        wanted = " and ".join(str(("batch", *s)) for s in self.shapes[: self.input_count])
        got = " and ".join(str(x.shape) for x in xs)
        return ShapeError(f"the network takes {wanted}, got {got}".replace("'", ""))

    def source(self, slot: int) -> str:
        """Return who gives a value, in words."""
        if slot >= self.input_count:
            return str(self.nodes[slot - self.input_count])
        if self._input_names:
            return f'the input "{self._input_names[slot]}"'
        return "the input" if self.input_count == 1 else f"input {slot} of the network"
