"""Passes through a network: forward through all layers in order, and back again."""

from collections.abc import Sequence
from threading import get_ident
from typing import Any

import numpy as np

from layerkit.arrays import Scratch
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss, weighted_mean
from layerkit.conversion import checked_examples, checked_numbers
from layerkit.errors import NotReadyError, OptionError, PluginError, ShapeError
from layerkit.network.layout import each_once, source
from layerkit.network.node import Node
from layerkit.types import Array, Shape

NOT_INITIALIZED = "the network was never initialised; call network.initialize(seed)"


class Passes:
    """Makes passes through the layers of a network, one at a time, and keeps the last one's values.

    It ignores other threads: its caller must have the turn.

    Args:
        nodes: The layers in their places.
        shapes: The shape of every value: the inputs of the network, then each layer's output.
        dtype: The type of the inputs.
        input_names: The names of the inputs in messages, if there are several.

    Attributes:
        is_ready: Whether the variables of the layers have memory.
        values: The values of the last ``forward``: the inputs, then each layer's output.
        goes_back: The thread whose ``forward`` this was, and whose ``backward`` may follow; None
            after an evaluation or a step, or if the parameters have changed since.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        shapes: Sequence[Shape],
        dtype: "np.dtype[Any]",
        input_names: Sequence[str],
    ) -> None:
        self.is_ready = False
        self.values: list[Array] = []
        self.goes_back: int | None = None
        self._douts: list[Array | None] = []
        self._training: bool | None = None
        self._nodes = nodes
        self._layers = each_once(nodes)
        self._input_count = len(shapes) - len(nodes)
        self._shapes = shapes
        self._dtype = dtype
        self._input_names = input_names
        self._scratch = Scratch()

    def needs_input_grads(self, are_needed: bool) -> None:
        """Set whether ``backward`` continues to the inputs of the network.

        If not, no layer computes a gradient that leads to no parameter.
        """
        needed = [are_needed] * self._input_count
        self._has_backward = []
        for node in self._nodes:
            above = any(needed[i] for i in node.inputs)
            for layer in node.layer.walk():
                layer.needs_input_grad = above or layer is not node.layer
            needed.append(above or bool(node.parameters()))
            self._has_backward.append(needed[-1])
        self._needed = needed

    def forward(self, xs: Sequence[Array], training: bool) -> Array:
        """Return the output for a batch of each input.

        Raises:
            NotReadyError: The network was never initialised.
            ShapeError: A batch does not have the shape that the network takes, or a layer cannot
                use that many examples.
            PluginError: A layer returned something other than a batch of its output, or assigned a
                variable a value of another shape.
        """
        self.goes_back = None
        if training is not self._training:
            if not self.is_ready:
                raise NotReadyError(NOT_INITIALIZED, name="params", obj=self)
            self._training = training
            for layer in self._layers:
                layer.training = training
        if len(xs) != self._input_count:
            raise self.no_batch(xs)
        values = self.values = list(xs)
        for i, x in enumerate(xs):
            if type(x) is not np.ndarray or x.dtype is not self._dtype:
                values[i] = x = checked_examples(x, self._dtype)
            if x.shape[1:] != self._shapes[i]:
                raise self.no_batch(xs)
        for node in self._nodes:
            try:
                values.append(node.layer.forward_unchecked(*map(values.__getitem__, node.inputs)))
            except ShapeError as error:
                self._check_outputs()
                raise ShapeError(f"{node} {error.expected}", error.hint) from error
            except OptionError as error:  # such as a running mean of the wrong shape
                self._check_outputs()
                raise PluginError(f"{node}: forward: {error}") from error
            except Exception:
                self._check_outputs()
                raise
        y = values[-1]
        if type(y) is not np.ndarray or y.shape[1:] != self._shapes[-1] or len(y) != len(values[0]):
            self._check_outputs()
        return y

    def _check_outputs(self) -> None:
        """Refuse the first layer that returned something other than a batch of its output."""
        count, first = len(self.values[0]), self._input_count
        outputs, shapes = self.values[first:], self._shapes[first:]
        for node, y, shape in zip(self._nodes, outputs, shapes, strict=False):
            expected = (count, *shape)
            if not isinstance(y, np.ndarray) or y.shape != expected:
                raise PluginError(
                    f"{node}: forward must return an array of the shape {expected}, got "
                    f"{_described(y)}"
                )

    def no_batch(self, xs: Sequence[Array]) -> ShapeError:
        """Return the error that states the shapes the inputs must have."""
        inputs = self._shapes[: self._input_count]
        expected = " and ".join(str(("batch", *shape)) for shape in inputs)
        shapes = [np.shape(x) for x in xs]
        got = " and ".join(map(str, shapes)) or "none"
        is_example = any(shape in inputs for shape in shapes)
        hint = "add a batch axis: x[None]" if is_example else ""
        return ShapeError(f"the network takes {expected}, got {got}".replace("'", ""), hint)

    def check_goes_back(self, dout: Array) -> None:
        """Refuse ``backward`` without a pass, through another's pass, or with another shape."""
        if not self.values:
            raise NotReadyError("backward follows a forward: call network.forward(x) first")
        if self.goes_back != get_ident():
            raise NotReadyError(
                "backward follows a forward of the same thread, and since then a prediction, an "
                "evaluation, a training step or another thread has passed through the network, or "
                "its parameters were replaced: call network.forward(x) again"
            )
        if getattr(dout, "shape", None) != self.values[-1].shape:
            raise ShapeError(
                f"backward takes a gradient of the shape of the output, {self.values[-1].shape}, "
                f"got {np.shape(dout)}"
            )

    def backward(self, dout: Array) -> list[Array | None]:
        """Set all gradients, and return those with respect to the values that need one.

        Raises:
            PluginError: A layer's ``backward`` did not return the gradients of its inputs.
        """
        douts = self._douts = [None] * len(self.values)
        douts[-1] = dout
        for slot in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[slot]
            dout_here = douts[self._input_count + slot]
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
            except OptionError as error:  # such as a gradient of the wrong shape
                raise PluginError(f"{node}: backward: {error}") from error
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
        """Add a gradient to the sum that a value has received from its other users."""
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

    def step(self, loss: Loss, x: Array, t: Array, weights: Array | None = None) -> float:
        """Return the loss of a batch in training, and set all gradients.

        Raises:
            PluginError: The loss's ``backward`` did not return the gradient of the output.
        """
        y = self.forward((x,), True)
        total, weight = loss_sums(loss, y, t, weights)
        dout = loss.backward()
        if getattr(dout, "shape", None) != y.shape:
            raise PluginError(
                f"the loss ({type(loss).__name__}): backward_each must return a gradient of the "
                f"shape of the output, {y.shape}, got {_described(dout)}"
            )
        self.backward(dout)
        return weighted_mean(total, weight)

    def first_non_finite(self) -> str | None:
        """Return in words where NaN or infinity first arose in the last ``forward``."""
        for i, x in enumerate(self.values[: self._input_count]):
            if not np.isfinite(x).all():
                if self._input_count == 1:
                    return "the data"
                return source(i, self._nodes, self._input_count, self._input_names)
        for node, y in zip(self._nodes, self.values[self._input_count :], strict=False):
            for name, variable in node.layer.variables():
                if not np.isfinite(variable.value).all():
                    return f"{node}, in its {name}"
            if not np.isfinite(y).all():
                return f"{node}, in its output"
        return None


def loss_sums(loss: Loss, y: Array, t: Array, weights: Array | None) -> tuple[float, float]:
    """Return the weighted sum of a batch's losses and the sum of the weights.

    A number of targets that differs from the batch's is refused.
    """
    count = len(y)
    t = t if type(t) is np.ndarray else checked_numbers(t, name="targets")
    if t.shape[:1] != (count,):
        got = f"{len(t)}" if t.ndim else f"the single number {t}"
        raise ShapeError(f"the loss takes a target for each of {count} examples, got {got}")
    return loss.sums(y, t, weights)


def _described(value: object) -> str:
    """Return a wrong value in words, for the end of a message."""
    if isinstance(value, np.ndarray):
        return f"one of the shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"
