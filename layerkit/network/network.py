"""The network: layers in order, one vector of parameters, forward and backward."""

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from layerkit.arguments import check_instance, checked_dtype, checked_seed, checked_shape
from layerkit.arrays import DType, empty
from layerkit.contracts.component import Later
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss, weighted_mean
from layerkit.contracts.ownership import SharedError
from layerkit.contracts.variable import CopiedWhole, Parameter, bind_all, bind_grads
from layerkit.conversion import checked_numbers, examples_in_parts
from layerkit.errors import NonFiniteError, OptionError, PluginError, ShapeError, UserError
from layerkit.gradients import numerical_gradient
from layerkit.meaning import output_meaning
from layerkit.network.derivatives import check_indices, repeatable
from layerkit.network.layout import (
    built,
    check_loss_is_free,
    check_node_is_free,
    most_multiplications,
    nodes_of,
    source,
)
from layerkit.network.node import Node
from layerkit.network.passes import NOT_INITIALIZED, Passes, loss_sums
from layerkit.network.vectors import (
    check_is_unbound,
    check_is_whole,
    named_variables,
    parts,
    vector_of,
)
from layerkit.targets import as_labels, check_finite
from layerkit.threads import one_blas_thread
from layerkit.turns import Turns
from layerkit.types import Array, Shape

if TYPE_CHECKING:
    from layerkit.compilers import AnyCompiler

Result = TypeVar("Result")

WIDEST = 2**21
"""How many numbers the widest layer may hold at once in evaluation: eight megabytes, which fit in
the caches. The outputs for 10,000 examples of 784-50-10 thus take up to a tenth less time than in a
single pass."""

THREADED = 2**18
"""The number of multiplications from which OpenBLAS uses several threads in a product. Below it no
limit on threads is set, because that takes a tenth of the time of a small prediction."""


@dataclass(frozen=True)
class _NonFinite:
    """The last loss, which was NaN or infinite.

    Attributes:
        thread: The thread that computed it.
        place: Where NaN or infinity first arose.
        values: The values of its pass, by which another pass is recognised.
    """

    thread: int
    place: str | None
    values: list[Array]


_VECTORS = ("_params", "_grads", "_states")


_OF_PASSES = ("_passes", "_non_finite", "turns")
"""Attributes that a copy does not take over."""


class Network(CopiedWhole):
    """Layers in order, each with its inputs, and a loss.

    Any number of threads may call ``predict``, ``accuracy`` and ``loss``: they take turns. One
    thread at a time may train; a second one is refused. The process may fork at any time.

    The constructor infers every shape and counts the parameters, but allocates nothing.
    ``initialize`` allocates one vector for all parameters, one for their gradients and one for the
    states, and sets the initial values.

    ``copy.deepcopy`` and ``pickle`` take everything except what belongs to a pass, and the copy has
    its own vectors. A pickle also omits ``compilers``: the process that reads it uses the ones
    installed there.

    Args:
        layers: The layers. A layer that is not wrapped in a ``Node`` takes the output before it.
        *shapes: The shape of each input of the network, without the batch axis.
        loss: The loss that training minimises; a network without one can still run both ways.
        dtype: The type it computes in: float32 to train, float64 to check gradients.
        input_names: The names of the inputs in messages, if there are several.

    Attributes:
        nodes: The layers in their places.
        shapes: The shape of every value: the inputs, then each layer's output.
        meaning: What the output means, as the last layer and the loss determine.
        params: All parameters, one vector; each ``Parameter.value`` is a view of it.
        grads: Their gradients, likewise.
        states: All states, likewise.
        rows_at_once: The most examples that an evaluation computes at once.
        turns: The turns of the threads that use the network.
        compilers: The compilers that may make its training steps faster; None for those of all
            installed plugins.

    Raises:
        ShapeError: A layer does not fit its inputs; the message names both. Or the last layer
            gives probabilities and the loss takes logits.
        PluginError: A layer's ``build`` did not return a shape.
        UserError: An argument is not a layer, shape, loss or float type; a layer has two places or
            belongs to another network; two layers share a parameter, or two parameters have the
            same name; or the type cannot hold an option.
    """

    params: Array = vector_of("params")
    grads: Array = vector_of("grads")
    states: Array = vector_of("states")
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
        self.input_count = len(shapes)
        self.nodes = nodes_of(layers, self.input_count)
        if loss is not None:
            check_instance(loss, Loss, "loss")
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
                sources = [source(k, self.nodes, len(shapes), input_names) for k in node.inputs]
                self.shapes.append(built(node, i, [self.shapes[k] for k in node.inputs], sources))
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
        self._wants_input_grads = False
        self._forget_passes()
        self.variables = named_variables(self.nodes)
        check_is_unbound(self.variables)
        self.parameters = {n: v for n, v in self.variables.items() if isinstance(v, Parameter)}
        self._largest = most_multiplications(self.nodes, self.shapes)
        for part in () if loss is None else loss.walk():  # last: a refused network owns no loss
            part.dtype = self.dtype
            part.settle()

    def _forget_passes(self) -> None:
        """Reset everything that belongs to a pass."""
        self.turns = Turns()
        self._non_finite: _NonFinite | None = None
        self._passes = Passes(self.nodes, self.shapes, self.dtype, self._input_names)
        self._passes.needs_input_grads(self._wants_input_grads)

    @property
    def values(self) -> list[Array]:
        """The values of the last ``forward``: the inputs, then each layer's output."""
        return self._passes.values

    @property
    def loss_function(self) -> Loss | None:
        """The loss, or None; it cannot be replaced."""
        return self._loss

    @loss_function.setter
    def loss_function(self, loss: object) -> None:
        raise UserError(
            "the loss of a network cannot be replaced, because what its output means and the steps "
            "of its training follow from it; make a new Network(..., loss=...)"
        )

    @property
    def is_initialized(self) -> bool:
        """Whether it has its vectors, with initial or trained values."""
        return "_params" in vars(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        other = memo[id(self)] = object.__new__(type(self))
        other.__setstate__(self._copied_state(memo) | {"compilers": self.compilers})
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle: copies, because it is written after the turn has ended."""
        # Compilers are functions of plugins, which are found again; an empty choice is kept.
        return self._copied_state({}) | {"compilers": None if self.compilers else self.compilers}

    def _copied_state(self, memo: dict[int, Any]) -> dict[str, Any]:
        """Return copies of all attributes except compilers; the variables hold the numbers."""
        left_out = (*_VECTORS, *_OF_PASSES, "compilers")
        with self.turns.turn:  # not in the middle of a step
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
        """The number of trained values."""
        return sum(p.size for p in self.parameters.values())

    @property
    def output_shape(self) -> Shape:
        """The shape of the output for one example."""
        return self.shapes[-1]

    def initialize(self, seed: int | np.random.SeedSequence = 0) -> Self:
        """Allocate all arrays and set the initial values; any earlier values are lost.

        Every layer has its own generator, for its initial values and for later draws, so a change
        to one layer does not affect the numbers of the others.

        Args:
            seed: The seed of all random numbers. An integer gives the same initial values as
                ``layerkit run`` with that seed.

        Raises:
            UserError: The seed is not an integer from 0, a layer was given to another network, or
                another thread is training the network.
            PluginError: An initial value is not numbers, or has the wrong shape.
        """
        if not isinstance(seed, np.random.SeedSequence):
            # A run's seed has three children: for the network, the batches and the optimizer.
            seed = np.random.SeedSequence(checked_seed(seed), spawn_key=(0,))
        with self.turns.training, self.turns.turn:
            self.forget_forward()
            self.check_is_whole()
            self._allocate()
            for node, child in zip(self.nodes, seed.spawn(len(self.nodes)), strict=True):
                rng = np.random.default_rng(child)
                node.layer.hand_down(rng=rng)
                for name, variable in node.layer.variables():
                    try:
                        variable.initialize(rng)
                    except OptionError as error:  # such as one of the wrong shape
                        raise PluginError(f"{node}: {name}: {error}") from error
                for layer in node.layer.walk():
                    layer.settle()
        return self

    def _allocate(self) -> None:
        """Give all variables memory, one vector for each of three kinds, and keep their values."""
        parameters = list(self.parameters.values())
        states = [v for v in self.variables.values() if not isinstance(v, Parameter)]
        self._params = bind_all(parameters, self.dtype)
        self._states = bind_all(states, self.dtype)
        self._grads = bind_grads(parameters, self.dtype)
        self._passes.is_ready = True

    def needs_input_grads(self, are_needed: bool) -> None:
        """Set whether ``backward`` continues to the inputs of the network.

        If not, no layer computes a gradient that leads to no parameter.
        """
        self._wants_input_grads = are_needed
        self._passes.needs_input_grads(are_needed)

    def forward(self, *xs: Array, training: bool = False) -> Array:
        """Return the output for a batch; it is valid until the next pass of any thread.

        The network keeps the batch itself for ``backward``, so leave it unchanged until then.

        Args:
            *xs: A batch of each input, ``(batch, *shape)``.
            training: Whether layers behave as in training.

        Raises:
            ShapeError: A batch does not have the shape that the network takes, or a layer cannot
                use that many examples.
            UserError: Layers are to behave as in training, while another thread is training.
        """
        # In training a pass moves states and draws random numbers, which belong to one training.
        with self.turns.training if training else nullcontext(), self.turns.turn, one_blas_thread:
            y = self._passes.forward(xs, training)
            self._passes.goes_back = get_ident()
        return y

    def forget_forward(self) -> None:
        """Refuse ``backward`` until the next ``forward``.

        Call it in the turn after a pass that was only an evaluation, or after a change of the
        parameters: what the layers kept belongs to the values before.
        """
        self._passes.goes_back = None

    def backward(self, dout: Array) -> list[Array | None]:
        """Propagate a gradient back through the last ``forward``, and set all gradients.

        Args:
            dout: The gradient with respect to the output of the network.

        Returns:
            The gradient with respect to every value: the inputs, then each layer's output; None
            for a gradient that was not needed. They are valid until the next pass.

        Raises:
            NotReadyError: The last pass was not a ``forward`` of this thread.
            PluginError: A layer's ``backward`` did not return the gradients of its inputs.
            UserError: Another thread is training the network.
            ShapeError: ``dout`` does not have the shape of the output.
            DataError: ``dout`` is not an array of numbers.
        """
        with self.turns.training, self.turns.turn, one_blas_thread:
            if type(dout) is not np.ndarray or dout.dtype.char not in "fd":
                dout = checked_numbers(dout, self.dtype, "dout")
            self._passes.check_goes_back(dout)
            return self._passes.backward(dout)

    def train_step(self, x: Array, t: Array, weights: Array | None = None) -> float:
        """Return the loss of a batch, and set the gradients of all parameters.

        Args:
            x: ``(batch, *shape)``
            t: The targets.
            weights: The weights of the examples, ``(batch,)``; 1 by default.

        Raises:
            UserError: Another thread is training the network.
        """
        loss = self._loss_or_error()
        with self.turns.training, self.turns.turn, one_blas_thread:
            return self._passes.step(loss, x, t, weights)

    def loss_of(self, y: Array, t: Array, weights: Array | None = None) -> float:
        """Return the loss of an output.

        Args:
            y: What ``forward`` returned.
            t: The targets.
            weights: The weights of the examples, ``(batch,)``; 1 by default.
        """
        return weighted_mean(*self.loss_sums(y, t, weights))

    def loss_sums(self, y: Array, t: Array, weights: Array | None = None) -> tuple[float, float]:
        """Return the weighted sum of the losses of an output, and the sum of the weights.

        Both add up over the batches of a data set. ``loss_of`` has the arguments.
        """
        with self.turns.turn:
            total, weight = loss_sums(self._loss_or_error(), y, t, weights)
            # Look now: after this turn the values may be those of another thread.
            self._non_finite = None
            if not math.isfinite(total):
                place = self._passes.first_non_finite()
                self._non_finite = _NonFinite(get_ident(), place, self._passes.values)
        return total, weight

    def _loss_or_error(self) -> Loss:
        if self._loss is None:
            raise UserError("this network has no loss; give it one: Network(..., loss=...)")
        return self._loss

    def predict(self, x: Array) -> Array:
        """Return the output for a batch, with layers in evaluation mode.

        A large batch is processed in parts, so the memory that layers take does not grow with it.

        Args:
            x: ``(batch, *shape)``

        Raises:
            ShapeError: The batch does not have the shape that the network takes.
        """
        x = x if type(x) is np.ndarray else checked_numbers(x)
        count, rows = len(x) if x.ndim else 0, self.rows_at_once
        if count <= rows and count * self._largest < THREADED:
            with self.turns.turn:
                return self._passes.forward((x,), False).copy()
        if self.input_count != 1 or x.shape[1:] != self.shapes[0]:
            raise self._passes.no_batch([x])
        y = empty((count, *self.output_shape), self.dtype)
        for i, part in enumerate(examples_in_parts(x, self.dtype, rows)):
            # Other threads get a turn between two parts.
            with self.turns.turn, one_blas_thread:
                y[i * rows : (i + 1) * rows] = self._passes.forward((part,), False)
        return y

    def loss(
        self, x: Array, t: Array, training: bool = False, weights: Array | None = None
    ) -> float:
        """Return the loss of a batch; ``loss_of`` has the arguments."""
        with self.turns.turn:
            return self.loss_of(self.forward(x, training=training), t, weights)

    def accuracy(self, x: Array, t: Array) -> float:
        """Return the fraction of examples, or positions, with the largest output at the target.

        Args:
            x: ``(batch, *shape)``
            t: Labels, ``(batch, *positions)``, or the shape of the output, one-hot.

        Raises:
            ShapeError: The batch or the targets have another shape, or the batch is empty.
            DataError: Labels are not integers, or out of range; or targets are not finite.
            NonFiniteError: An output is NaN or infinite.
        """
        y, t = self.predict(x), checked_numbers(t, name="targets")
        if t.shape not in (y.shape, y.shape[:-1]) or not len(y):
            raise ShapeError(
                f"accuracy takes labels of shape {y.shape[:-1]}, or one-hot targets of shape "
                f"{y.shape}, for at least one example, got {t.shape}"
            )
        if y.shape[-1] < 2:
            raise ShapeError(
                "accuracy takes the largest of at least two outputs, and the network has one; use "
                "the metric binary_accuracy"
            )
        if not np.isfinite(y).all():
            where = self.first_non_finite() or "an output"
            raise NonFiniteError(f"the first value that is not finite arose in {where}")
        check_finite(t)
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

        It leaves all random generators and states unchanged, so a later ``gradient`` draws
        the same random numbers.

        Args:
            x: ``(batch, *shape)``
            t: The targets.
            at: For each parameter the flat indices of the derivatives to compute; all by default.

        Raises:
            OptionError: The ``dtype`` of the network is not float64, or ``at`` has invalid indices
                into a parameter.
            UserError: Another thread is training the network.
        """
        if at is not None:
            check_indices(at, self.parameters)
        with self.turns.training, self.turns.turn:  # nobody predicts with a shifted parameter
            loss = self.repeatable(lambda: self.loss(x, t, training=True))
            gradients = {
                name: numerical_gradient(loss, p.value, at=None if at is None else at[name])
                for name, p in self.parameters.items()
            }
            self.forget_forward()
        return gradients

    def named(self, params: Array, states: Array) -> dict[str, Array]:
        """Return the slices of a parameter vector and a state vector, by the variables' names.

        Args:
            params: A vector like ``params``.
            states: A vector like ``states``.
        """
        return parts(self.variables, params, states)

    def repeatable(self, f: Callable[[], Result]) -> Callable[[], Result]:
        """Wrap a computation so that it draws the same random numbers and sees the same states.

        Each call starts from the present ones and restores them, so dropout drops the same units
        and running means do not move.
        """
        return repeatable(f, [node.layer.rng for node in self.nodes], self.states)

    def first_non_finite(self) -> str | None:
        """Return in words where NaN or infinity first arose in the last ``forward``.

        If another pass was made since the last loss, and that loss was not finite and computed by
        this thread, the answer is for the ``forward`` of that loss.

        None if every parameter and every layer's output was finite.
        """
        with self.turns.turn:
            last = self._non_finite
            if last is not None and last.thread == get_ident():
                is_mine = self._passes.goes_back == last.thread
                if self._passes.values is not last.values and not is_mine:
                    return last.place
            return self._passes.first_non_finite()

    def check_is_whole(self) -> None:
        """Refuse layers whose parameters have been replaced since the network was made.

        Raises:
            UserError: Another network has rebuilt a layer, or two layers share a parameter.
        """
        check_is_whole(self.nodes, self.variables)
