"""The contract of a loss."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import wraps
from numbers import Real
from threading import get_ident
from typing import Any, ClassVar

import numpy as np

from layerkit.arguments import shown
from layerkit.contracts.component import Component, guard, stored_attributes
from layerkit.contracts.dataset import Targets
from layerkit.conversion import check_range
from layerkit.errors import NotReadyError, PluginError, ShapeError, UserError
from layerkit.targets import as_batch, check_finite
from layerkit.types import Array, Meaning, Shape


class Loss(Component):
    """The quantity that training minimises: one number for a batch, averaged over its examples.

    Calls of ``forward`` and ``backward`` are checked before the class's own code runs: outputs
    and targets arrive there as arrays of numbers. If the loss is not finite because their type
    cannot hold the targets, the error says so.

    Attributes:
        metrics: The names of the metrics that go with it; the first selects the best parameters.
        meaning: How it interprets the outputs of the network. If it takes logits, a network that
            ends with probabilities is refused. A class that does not declare a meaning has that of
            the losses inside it.
    """

    kind: ClassVar[str] = "loss"
    advised: ClassVar[frozenset[str]] = frozenset({"forward", "backward"})
    metrics: ClassVar[tuple[str, ...]] = ()
    meaning: ClassVar[Meaning] = "numbers"
    _thread: int | None = None  # the thread of the last forward, whose backward may follow

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
        """Return how it interprets outputs: as its class declares, or as the losses inside it do.

        Those losses must agree, except for losses that take just numbers.
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
        """Return what to call first if an attribute is missing."""
        is_kept = method == "backward" and name in stored_attributes(type(self), "forward")
        return "backward needs what forward keeps: call forward first" if is_kept else ""

    @abstractmethod
    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse a network or targets that do not fit the loss.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: The form of the targets in the data set.

        Raises:
            ShapeError: They do not fit.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets by their numbers, which are checked once before training.

        By default, targets that are not finite are refused.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets of many examples, ``(count, *targets.shape)``.

        Raises:
            ShapeError: Their shape does not match the outputs.
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
            ShapeError: The shape of the targets does not match, even if the count of numbers does;
                or there are no examples.
            DataError: Outputs or targets are not numbers, or the type of the outputs cannot hold
                the targets.
        """

    @abstractmethod
    def backward(self, dout: float = 1.0) -> Array:
        """Return the gradient of the last loss with respect to ``y``, times ``dout``."""


def _checking_batch(forward: Callable[..., float]) -> Callable[..., float]:
    """Return a ``forward`` that first checks that its arguments are numbers."""

    @wraps(forward)
    def checked(self: Loss, y: Any, t: Any) -> float:
        if type(self).forward is not checked:  # a subclass calls the forward that it overrides
            return forward(self, y, t)
        self._thread = get_ident()
        if (
            type(y) is not np.ndarray
            or type(t) is not np.ndarray
            or y.dtype.char not in "fd"
            or (t.dtype.kind not in "iub" and t.dtype.char not in "fd")
            or not y.ndim
        ):
            y, t = as_batch(self, self.dtype, y, t)
        if not len(y):  # its mean would be NaN
            raise ShapeError(f"{type(self).__name__} takes at least one example, got none")
        try:
            loss = forward(self, y, t)
        except (FloatingPointError, RuntimeWarning):  # if the user turned these into errors
            _check_held(self, y, t)
            raise
        if not isinstance(loss, float):
            loss = _as_number(self, loss)
        if not math.isfinite(loss):
            _check_held(self, y, t)
        return loss

    return checked


def _as_number(loss: Loss, value: Any) -> float:
    """Return a number of another type as a float, and refuse anything that is not one number."""
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
    """Return a ``backward`` that first checks that its argument is a number."""

    @wraps(backward)
    def checked(self: Loss, dout: Any = 1.0) -> Array:
        if type(dout) is not float and type(self).backward is checked:
            if not isinstance(dout, Real) and (
                getattr(dout, "shape", None) != () or dout.dtype.kind not in "fiub"
            ):
                name = type(self).__name__
                raise UserError(f"{name}: backward takes a number, got {shown(dout)}")
            dout = float(dout)
        if self._thread == get_ident():
            gradient = backward(self, dout)
            if self._thread == get_ident():  # another thread may have computed a loss meanwhile
                return gradient
        elif self._thread is None:  # there was no forward, and backward says so itself
            return backward(self, dout)
        raise NotReadyError(
            f"{type(self).__name__}: backward follows a forward of the same thread, and since then "
            "another thread has computed a loss: call forward again, or give each thread a copy of "
            "the network"
        )

    return checked
