"""The network: layers in order, one vector of parameters, forward and backward."""

import copy
import difflib
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from layerkit.arguments import (
    check_instance,
    checked_dtype,
    checked_numbers,
    checked_seed,
    checked_shape,
    shown,
)
from layerkit.arrays import DType, Scratch, empty
from layerkit.contracts.component import Later
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.contracts.variable import (
    CopiedWhole,
    Parameter,
    SharedError,
    bind_all,
    bind_grads,
)
from layerkit.errors import NotReadyError, OptionError, PluginError, ShapeError, UserError
from layerkit.gradients import numerical_gradient
from layerkit.meaning import output_meaning
from layerkit.network.layout import (
    built,
    check_loss_is_free,
    check_node_is_free,
    each_once,
    most_multiplications,
)
from layerkit.network.node import Node
from layerkit.network.vectors import check_is_unbound, check_is_whole, named_variables, parts
from layerkit.targets import as_labels
from layerkit.threads import one_blas_thread
from layerkit.turns import Turns
from layerkit.types import Array, Shape

if TYPE_CHECKING:
    from layerkit.compilers import AnyCompiler

Result = TypeVar("Result")

WIDEST = 2**21
"""How many numbers the widest layer may hold at once in evaluation: eight megabytes, which caches
still hold. The outputs for 10,000 examples of 784-50-10 take up to a tenth less time
than all at once."""

THREADED = 2**18
"""The multiplications from which on a product has several threads in OpenBLAS. Where no product has
as many there is nothing to limit, which would take a tenth of the time of a small prediction."""


NOT_INITIALIZED = "the network was never initialised; call network.initialize(seed)"
_VECTORS = ("_params", "_grads", "_states")


def _vector(name: str) -> Any:
    """Return a property for a vector whose parts belong to the layers: assigning copies into it."""

    def put(network: "Network", values: Any) -> None:
        vector: Array = getattr(network, f"_{name}")
        if np.shape(values) not in ((), vector.shape):
            raise UserError(f"{name} must have the shape {vector.shape}, got {np.shape(values)}")
        vector[...] = values

    return property(attrgetter(f"_{name}"), put)


_OF_PASSES = ("values", "_douts", "_training", "_passed_by", "_non_finite", "turns")
"""Attributes that mean nothing to a copy."""


def _described(value: object) -> str:
    """Return in words what came in place of an array of another shape."""
    if isinstance(value, np.ndarray):
        return f"one of the shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


class Network(CopiedWhole):
    """Layers in order, each with its inputs, and a loss.

    Any number of threads may call ``predict``, ``accuracy`` and ``loss``: they take turns. One
    thread at a time may train; a second one is refused. A process may be forked off meanwhile.

    The constructor infers every shape and counts the parameters, allocating nothing;
    ``initialize`` allocates one vector for all parameters, one for their gradients and one for the
    states, and sets the first values.

    ``copy.deepcopy`` and ``pickle`` take everything but what belongs to a pass, and the copy has
    vectors of its own. A pickle leaves out ``compilers`` too: where it is read, those installed
    there count.

    Args:
        layers: The layers. One that is not wrapped in a ``Node`` takes the output before it.
        *shapes: The shape of each input of the network, without the batch axis.
        loss: What training makes small; a network without one can still run both ways.
        dtype: The type it computes in: float32 trains, float64 checks gradients.
        input_names: What messages call the inputs, where there are several.

    Attributes:
        nodes: The layers at their places.
        shapes: The shape of every value: the inputs, then each layer's output.
        meaning: What the output means, by the last layer and the loss.
        params: All parameters, one vector; each ``Parameter.value`` is a view of it.
        grads: Their gradients, likewise.
        states: All states, likewise.
        values: What the last ``forward`` computed: the inputs, then each layer's output.
        rows_at_once: How many examples an evaluation computes at once, at the most.
        turns: Whose turn it is, of the threads that use the network.
        compilers: Who may make its training steps faster; all installed plugins that can, if None.

    Raises:
        ShapeError: A layer does not fit what comes before it; the message names both. Or the last
            layer gives probabilities and the loss takes logits.
        PluginError: What ``build`` of a layer returned is no shape.
        UserError: What is given is no layer, shape, loss or float type; a layer stands at two
            places or belongs to another network; two layers share a parameter, or two parameters
            have the same name; or the type does not hold an option.
    """

    params: Array = _vector("params")
    grads: Array = _vector("grads")
    states: Array = _vector("states")
    _params = cast(Array, Later(NOT_INITIALIZED))
    _grads = cast(Array, Later(NOT_INITIALIZED))
    _states = cast(Array, Later(NOT_INITIALIZED))
    compilers: "Sequence[AnyCompiler] | None" = None

    def __init__(
        self,
        layers: Sequence[Layer | Node],
        *shapes: Shape,
        loss: Loss | None = None,
        dtype: DType = np.float32,
        input_names: Sequence[str] = (),
    ) -> None:
        if not shapes:
            raise UserError("a network needs the shape of its input, as in Network(layers, (784,))")
        if not isinstance(layers, list | tuple) or not layers:
            raise UserError(f"layers must be a list of at least one layer, got {shown(layers)}")
        self.input_count = len(shapes)
        for i, layer in enumerate(layers):
            check_instance(layer.layer if isinstance(layer, Node) else layer, Layer, f"layers[{i}]")
        if loss is not None:
            check_instance(loss, Loss, "loss")
        self.nodes = [
            node
            if isinstance(node, Node)
            else Node(node, (self.input_count + i - 1,), f"layers[{i}]", type(node).__name__)
            for i, node in enumerate(layers)
        ]
        self._input_names = input_names
        self._loss = loss
        self.dtype = checked_dtype(dtype)
        self.shapes: list[Shape] = [
            checked_shape(shape, f"shapes[{i}]") for i, shape in enumerate(shapes)
        ]
        for i, node in enumerate(self.nodes):
            try:
                check_node_is_free(node, len(self.shapes))
                node.layer.hand_down(dtype=self.dtype, input_shapes=None)
                self.shapes.append(self._build(i, node))
                node.layer.hand_down(dtype=self.dtype)  # build may have made layers
            except SharedError as error:
                raise SharedError(f"{node}: {error}") from None
        self.meaning = output_meaning(
            [(str(node), node.layer, node.inputs) for node in self.nodes], self.input_count, loss
        )
        if loss is not None:
            check_loss_is_free(loss, self.dtype)
        widest = max(math.prod(shape) for shape in self.shapes)
        self.rows_at_once = min(max(1, WIDEST // max(1, widest)), 4096)
        self._layers = each_once(self.nodes)
        self.variables = named_variables(self.nodes)
        check_is_unbound(self.variables)
        self.parameters = {n: v for n, v in self.variables.items() if isinstance(v, Parameter)}
        self._largest = most_multiplications(self.nodes, self.shapes)
        self._scratch = Scratch()
        self._forget_passes()
        self.needs_input_grads(False)
        for part in () if loss is None else loss.walk():  # last: a network refused owns no loss
            part.dtype = self.dtype
            part.settle()

    def _forget_passes(self) -> None:
        """Begin as if there had been no pass yet."""
        self.turns = Turns()
        self._passed_by: int | None = None
        self._non_finite: tuple[int, str | None] | None = None
        self._training: bool | None = None
        self.values: list[Array] = []
        self._douts: list[Array | None] = []

    @property
    def loss_function(self) -> Loss | None:
        """The loss, if there is one; a network keeps the one it was made with."""
        return self._loss

    @loss_function.setter
    def loss_function(self, loss: object) -> None:
        raise UserError(
            "the loss of a network cannot be replaced, because what its output means and the steps "
            "of its training follow from it; make a new Network(..., loss=...)"
        )

    @property
    def is_initialized(self) -> bool:
        """Whether it has its vectors, with first values or trained ones."""
        return "_params" in vars(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        other = memo[id(self)] = object.__new__(type(self))
        other.__setstate__(self._copied_state(memo) | {"compilers": self.compilers})
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: copies, because it is written when the turn has ended."""
        # Functions of plugins, which are found anew; that there are to be none is kept.
        return self._copied_state({}) | {"compilers": None if self.compilers else self.compilers}

    def _copied_state(self, memo: dict[int, Any]) -> dict[str, Any]:
        """Return copies of all that a copy has, compilers aside; variables hold the numbers."""
        left_out = (*_VECTORS, *_OF_PASSES, "compilers")
        with self.turns.turn:  # no half of a step
            state = {n: v for n, v in vars(self).items() if n not in left_out}
            return copy.deepcopy(state, memo) | {"is_initialized": self.is_initialized}

    def __setstate__(self, state: dict[str, Any]) -> None:
        is_initialized = state.pop("is_initialized")
        vars(self).update(state)
        self._forget_passes()
        if is_initialized:
            self._allocate()

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(p.size for p in self.parameters.values())

    @property
    def output_shape(self) -> Shape:
        """The shape of the output for one example."""
        return self.shapes[-1]

    def initialize(self, seed: int | np.random.SeedSequence = 0) -> Self:
        """Allocate all arrays and set the first values, in place of any values there were.

        Every layer has a generator of its own, for its first values and for what it draws later,
        so that a change to one layer leaves the numbers of the others alone.

        Args:
            seed: What the random numbers follow from. A number gives the first values that
                ``layerkit run`` gives for that seed.

        Raises:
            UserError: The seed is no integer from 0 on, a layer was given to another network, or
                another thread is training the network.
        """
        if not isinstance(seed, np.random.SeedSequence):
            # A run's seed has three children: of the network, the batches and the optimizer.
            seed = np.random.SeedSequence(checked_seed(seed), spawn_key=(0,))
        with self.turns.training, self.turns.turn:
            self._passed_by = None
            self.check_is_whole()
            self._allocate()
            for node, child in zip(self.nodes, seed.spawn(len(self.nodes)), strict=True):
                rng = np.random.default_rng(child)
                node.layer.hand_down(rng=rng)
                for _, variable in node.layer.variables():
                    variable.initialize(rng)
                for layer in node.layer.walk():
                    layer.settle()
        return self

    def _allocate(self) -> None:
        """Give all variables memory, one vector for each of three kinds; values are kept."""
        parameters = list(self.parameters.values())
        states = [v for v in self.variables.values() if not isinstance(v, Parameter)]
        self._params = bind_all(parameters, self.dtype)
        self._states = bind_all(states, self.dtype)
        self._grads = bind_grads(parameters, self.dtype)

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
        """Return the output for a batch; it is valid until the next pass of any thread.

        Args:
            *xs: A batch of each input, ``(batch, *shape)``.
            training: Whether layers behave as in training.

        Raises:
            ShapeError: A batch does not have the shape that the network takes, or a layer cannot
                do with that many examples.
        """
        with self.turns.turn, one_blas_thread:
            y = self._forward(xs, training)
            self._passed_by = get_ident()
        return y

    def _forward(self, xs: Sequence[Array], training: bool) -> Array:
        self._passed_by = None
        if training is not self._training:
            if not self.is_initialized:
                raise NotReadyError(NOT_INITIALIZED, name="params", obj=self)
            self._training = training
            for layer in self._layers:
                layer.training = training
        if len(xs) != self.input_count:
            raise self._no_batch(xs)
        values = self.values = list(xs)
        for i, x in enumerate(xs):
            if type(x) is not np.ndarray or x.dtype is not self.dtype:
                values[i] = x = checked_numbers(x, self.dtype)
            if x.shape[1:] != self.shapes[i]:
                raise self._no_batch(xs)
        for node in self.nodes:
            try:
                values.append(node.layer.forward_unchecked(*map(values.__getitem__, node.inputs)))
            except ShapeError as error:
                self._check_outputs()
                raise ShapeError(f"{node} {error.expected}", error.hint) from error
            except Exception:
                self._check_outputs()
                raise
        y = values[-1]
        if type(y) is not np.ndarray or y.shape[1:] != self.shapes[-1] or len(y) != len(values[0]):
            self._check_outputs()
        return y

    def _check_outputs(self) -> None:
        """Refuse the first layer that returned something else than a batch of its output."""
        count, first = len(self.values[0]), self.input_count
        outputs, shapes = self.values[first:], self.shapes[first:]
        for node, y, shape in zip(self.nodes, outputs, shapes, strict=False):
            wanted = (count, *shape)
            if not isinstance(y, np.ndarray) or y.shape != wanted:
                raise PluginError(
                    f"{node}: forward must return an array of the shape {wanted}, got "
                    f"{_described(y)}"
                )

    def backward(self, dout: Array) -> list[Array | None]:
        """Propagate a gradient back through the last ``forward``, and set all gradients.

        Args:
            dout: The gradient with respect to the output of the network.

        Returns:
            The gradient with respect to every value: the inputs, then each layer's output. None
            where it was not needed. They are valid until the next pass.

        Raises:
            NotReadyError: The last pass was not a ``forward`` of this thread.
            PluginError: What ``backward`` of a layer returned are not the gradients of its inputs.
            UserError: Another thread is training the network.
            ShapeError: ``dout`` does not have the shape of the output.
        """
        with self.turns.training, self.turns.turn, one_blas_thread:
            self._check_goes_back(dout)
            return self._backward(dout)

    def _check_goes_back(self, dout: Array) -> None:
        """Refuse a way back through no pass, through another one, or of another shape."""
        if not self.values:
            raise NotReadyError("backward follows a forward: call network.forward(x) first")
        if self._passed_by != get_ident():
            raise NotReadyError(
                "backward follows a forward of the same thread, and since then a prediction or "
                "another thread has passed through the network: call network.forward(x) again"
            )
        if getattr(dout, "shape", None) != self.values[-1].shape:
            raise ShapeError(
                f"backward takes a gradient of the shape of the output, {self.values[-1].shape}, "
                f"got {np.shape(dout)}"
            )

    def _backward(self, dout: Array) -> list[Array | None]:
        douts = self._douts = [None] * len(self.values)
        douts[-1] = dout
        for slot in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[slot]
            dout_here = douts[self.input_count + slot]
            if dout_here is None or not self._has_backward[slot]:
                continue
            try:
                dxs = node.layer.backward_unchecked(dout_here)
            except AttributeError as error:
                if error.name is None or not isinstance(error.obj, Layer):
                    raise
                raise PluginError(
                    f"{node}: backward uses {error.name}, which forward does not set"
                ) from error
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
        """Return the loss of a batch, and set the gradients of all parameters.

        Raises:
            UserError: Another thread is training the network.
        """
        loss = self._loss_or_error()
        with self.turns.training, self.turns.turn, one_blas_thread:
            y = self._forward((x,), True)
            value = float(loss.forward(y, self._targets(t, len(y))))
            dout = loss.backward()
            if getattr(dout, "shape", None) != y.shape:
                raise PluginError(
                    f"the loss ({type(loss).__name__}): backward must return a gradient of the "
                    f"shape of the output, {y.shape}, got {_described(dout)}"
                )
            self._backward(dout)
            self._passed_by = get_ident()
        return value

    def loss_of(self, y: Array, t: Array) -> float:
        """Return the loss of an output.

        Args:
            y: What ``forward`` returned.
            t: The targets.
        """
        with self.turns.turn:
            value = float(self._loss_or_error().forward(y, self._targets(t, len(y))))
            # Found now, as after this turn the values may be those of another thread.
            is_finite = math.isfinite(value)
            self._non_finite = None if is_finite else (get_ident(), self._first_non_finite())
        return value

    def _targets(self, t: Array, count: int) -> Array:
        """Return the targets of a batch as an array; refuse a number that is not the batch's."""
        if not count:
            raise ShapeError("a loss takes at least one example, got none")
        t = t if type(t) is np.ndarray else checked_numbers(t, name="targets")
        if t.shape[:1] != (count,):
            got = f"{len(t)}" if t.ndim else f"the single number {t}"
            raise ShapeError(f"the loss takes a target for each of {count} examples, got {got}")
        return t

    def _loss_or_error(self) -> Loss:
        if self._loss is None:
            raise UserError("this network has no loss; give it one: Network(..., loss=...)")
        return self._loss

    def predict(self, x: Array) -> Array:
        """Return the output for a batch, as layers behave in evaluation.

        A large batch goes through in parts, so the memory that layers take does not grow with it.

        Args:
            x: ``(batch, *shape)``

        Raises:
            ShapeError: The batch does not have the shape that the network takes.
        """
        x = x if type(x) is np.ndarray else checked_numbers(x)
        count, rows = len(x) if x.ndim else 0, self.rows_at_once
        if count <= rows and count * self._largest < THREADED:
            with self.turns.turn:
                return self._forward((x,), False).copy()
        if self.input_count != 1 or x.shape[1:] != self.shapes[0]:
            raise self._no_batch([x])
        y = empty((count, *self.output_shape), self.dtype)
        for start in range(0, count, rows):
            # Others get a turn between two parts.
            with self.turns.turn, one_blas_thread:
                y[start : start + rows] = self._forward((x[start : start + rows],), False)
        return y

    def loss(self, x: Array, t: Array, training: bool = False) -> float:
        """Return the loss of a batch."""
        with self.turns.turn:
            return self.loss_of(self.forward(x, training=training), t)

    def accuracy(self, x: Array, t: Array) -> float:
        """Return how much of the batch, or of its positions, has its largest output at the target.

        Args:
            x: ``(batch, *shape)``
            t: Labels, ``(batch, *positions)``, or the shape of the output, one-hot.

        Raises:
            ShapeError: The batch or the targets have another shape, or there are none.
            DataError: Labels are no integers, or of no class.
        """
        y, t = self.predict(x), checked_numbers(t, name="targets")
        if t.shape not in (y.shape, y.shape[:-1]) or not len(y):
            raise ShapeError(
                f"accuracy takes labels of shape {y.shape[:-1]}, or one-hot targets of shape "
                f"{y.shape}, for at least one example, got {t.shape}"
            )
        labels = t.argmax(axis=-1) if t.ndim == y.ndim else as_labels(t, y.shape)
        return float(np.mean(y.argmax(axis=-1) == labels))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss with respect to each parameter, by back-propagation.

        Raises:
            UserError: Another thread is training the network.
        """
        with self.turns.training, self.turns.turn:
            self.train_step(x, t)
            return {name: p.grad.copy() for name, p in self.parameters.items()}

    def numerical_gradient(
        self, x: Array, t: Array, at: dict[str, Array] | None = None
    ) -> dict[str, Array]:
        """Return the gradient of the loss with respect to each parameter, by central differences.

        It leaves all random generators and states as they are; a ``gradient`` that follows draws
        the same random numbers.

        Args:
            x: ``(batch, *shape)``
            t: The targets.
            at: For each parameter the flat indices of the derivatives to compute; all by default.

        Raises:
            OptionError: The network is not of ``dtype`` float64, or ``at`` are no indices into a
                parameter.
            UserError: Another thread is training the network.
        """
        for name in self.parameters:
            if at is not None and name not in at:
                raise OptionError(f'at must have indices for "{name}"; [] leaves it out')
        for name in at or ():
            if name not in self.parameters:
                advice = difflib.get_close_matches(str(name), self.parameters, n=1)
                hint = f'; did you mean "{advice[0]}"?' if advice else ""
                raise OptionError(f"at has indices for {shown(name)}, which is no parameter{hint}")
        with self.turns.training, self.turns.turn:  # nobody predicts with a parameter moved
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
        return parts(self.variables, params, states)

    def repeatable(self, f: Callable[[], Result]) -> Callable[[], Result]:
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

        def repeated() -> Result:
            put_back()
            try:
                return f()
            finally:
                put_back()

        return repeated

    def first_non_finite(self) -> str | None:
        """Return where the last ``forward`` first met NaN or infinity, in words.

        Where other passes came after it, that is the ``forward`` of the last loss that was not
        finite, if it was one of this thread.

        None if every parameter and every layer's output was finite.
        """
        with self.turns.turn:
            if self._non_finite is not None and self._passed_by != get_ident():
                thread, place = self._non_finite
                if thread == get_ident():
                    return place
            return self._first_non_finite()

    def _first_non_finite(self) -> str | None:
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

    def check_is_whole(self) -> None:
        """Refuse layers that have been given other parameters since the network was made.

        Raises:
            UserError: Another network has built a layer anew, or two layers share a parameter.
        """
        check_is_whole(self.nodes, self.variables)

    def _build(self, index: int, node: Node) -> Shape:
        sources = [self.source(i) for i in node.inputs]
        return built(node, index, [self.shapes[i] for i in node.inputs], sources)

    def _no_batch(self, xs: Sequence[Array]) -> ShapeError:
        wanted = " and ".join(str(("batch", *s)) for s in self.shapes[: self.input_count])
        shapes = [np.shape(x) for x in xs]
        got = " and ".join(map(str, shapes)) or "none"
        is_example = any(shape in self.shapes[: self.input_count] for shape in shapes)
        hint = "add a batch axis: x[None]" if is_example else ""
        return ShapeError(f"the network takes {wanted}, got {got}".replace("'", ""), hint)

    def source(self, slot: int) -> str:
        """Return who gives a value, in words."""
        if slot >= self.input_count:
            return str(self.nodes[slot - self.input_count])
        if self._input_names:
            return f'the input "{self._input_names[slot]}"'
        return "the input" if self.input_count == 1 else f"input {slot} of the network"
