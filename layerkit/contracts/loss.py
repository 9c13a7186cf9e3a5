"""The contract of a loss."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import wraps
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from layerkit.arguments import check_range, shown
from layerkit.contracts.component import Component, guard, stored_attributes
from layerkit.contracts.dataset import Targets
from layerkit.errors import PluginError, UserError
from layerkit.targets import as_batch, check_finite
from layerkit.types import Array, Meaning, Shape


class Loss(Component):
    """What training makes small: one number for a batch, averaged over its examples.

    Calls of ``forward`` and ``backward`` are looked at before the class's own code runs: outputs
    and targets come as arrays of numbers, and where the loss is not finite because their type holds
    no such targets, that is reported.

    Attributes:
        metrics: The names of the metrics that go with it; the first tells the best parameters.
        meaning: What it takes the outputs of the network for. Where it takes them for logits, a
            network that ends with probabilities is refused. A class that does not say so takes
            them for what the losses inside it do.
    """

    kind: ClassVar[str] = "loss"
    advised: ClassVar[frozenset[str]] = frozenset({"forward", "backward"})
    metrics: ClassVar[tuple[str, ...]] = ()
    meaning: ClassVar[Meaning] = "numbers"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, "forward", _checking_batch)
        guard(cls, "backward", _checking_factor)

    def walk(self) -> Iterator["Loss"]:
        """Yield the loss and the losses inside it, among its attributes and in lists of them."""
        yield self
        for loss in self._held():
            yield from loss.walk()

    def taken_meaning(self) -> Meaning:
        """Return what it takes outputs for, by its class, or else by the losses inside it.

        They have to agree, those aside that take outputs for just numbers.
        """
        classes = type(self).__mro__
        if any("meaning" in vars(cls) for cls in classes[: classes.index(Loss)]):
            return self.meaning
        meanings = {loss.taken_meaning() for loss in self._held()} - {"numbers"}
        return meanings.pop() if len(meanings) == 1 else self.meaning

    def _held(self) -> Iterator["Loss"]:
        """Yield the losses among its attributes and in lists of them."""
        pending = list(vars(self).values())
        while pending:
            value = pending.pop(0)
            if isinstance(value, Loss):
                yield value
            elif isinstance(value, list | tuple | dict):
                pending += value.values() if isinstance(value, dict) else value

    def advice(self, name: str, method: str) -> str:
        """Return what to call first where an attribute is missing."""
        is_kept = method == "backward" and name in stored_attributes(type(self), "forward")
        return "backward needs what forward keeps: call forward first" if is_kept else ""

    @abstractmethod
    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse a network or targets that do not fit the loss.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: What the data set gives as targets.

        Raises:
            ShapeError: They do not fit.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets by their numbers, which are looked at once before training.

        By default, those that are not finite.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets of many examples, ``(count, *targets.shape)``.

        Raises:
            ShapeError: They have another shape than goes with the outputs.
            DataError: The loss is not defined for them.
        """
        check_finite(t)

    @abstractmethod
    def forward(self, y: Array, t: Array) -> float:
        """Return the loss, a mean over the batch.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Raises:
            ShapeError: The targets have another shape, if as many numbers.
            DataError: Outputs or targets are no numbers, or the type of the outputs does not hold
                the targets.
        """

    @abstractmethod
    def backward(self, dout: float = 1.0) -> Array:
        """Return the gradient with respect to ``y`` of the last loss, times ``dout``."""


def _checking_batch(forward: Callable[..., float]) -> Callable[..., float]:
    """Return a ``forward`` that looks first whether it is given numbers."""

    @wraps(forward)
    def checked(self: Loss, y: Any, t: Any) -> float:
        if type(self).forward is not checked:  # a subclass calls the forward that it overrides
            return forward(self, y, t)
        if (
            type(y) is not np.ndarray
            or type(t) is not np.ndarray
            or y.dtype.char not in "fd"
            or (t.dtype.kind not in "iub" and t.dtype.char not in "fd")
            or not y.ndim
        ):
            y, t = as_batch(self, self.dtype, y, t)
        try:
            loss = forward(self, y, t)
        except (FloatingPointError, RuntimeWarning):  # where the user makes errors of them
            _check_held(self, y, t)
            raise
        if not isinstance(loss, float):
            loss = _as_number(self, loss)
        if not math.isfinite(loss):
            _check_held(self, y, t)
        return loss

    return checked


def _as_number(loss: Loss, value: Any) -> float:
    """Return a number of another type as a float, and refuse what is not one number."""
    if isinstance(value, Real) or (
        getattr(value, "shape", None) == () and value.dtype.kind in "fiu"
    ):
        return float(value)
    raise PluginError(
        f"{type(loss).__name__}: forward must return one number, the mean over the batch, "
        f"got {shown(value)}"
    )


def _check_held(loss: Loss, y: Array, t: Array) -> None:
    """Refuse targets that become infinite in the type of the outputs."""
    if t.dtype.kind == "f" and t.dtype.itemsize > y.dtype.itemsize:
        check_range(t, y.dtype, f"{type(loss).__name__}: targets")


def _checking_factor(backward: Callable[..., Array]) -> Callable[..., Array]:
    """Return a ``backward`` that looks first whether it is given a number."""

    @wraps(backward)
    def checked(self: Loss, dout: Any = 1.0) -> Array:
        if type(dout) is not float and type(self).backward is checked:
            if not isinstance(dout, Real) and (
                getattr(dout, "shape", None) != () or dout.dtype.kind not in "fiub"
            ):
                name = type(self).__name__
                raise UserError(f"{name}: backward takes a number, got {shown(dout)}")
            dout = float(dout)
        return backward(self, dout)

    return checked
