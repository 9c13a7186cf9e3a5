"""The contract of a loss."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import wraps
from numbers import Real
from threading import RLock, get_ident
from typing import Any, ClassVar, NamedTuple

import numpy as np

from layerkit.arguments import shown
from layerkit.contracts.component import Component, guard, stored_attributes
from layerkit.contracts.dataset import Targets
from layerkit.conversion import check_range, checked_numbers
from layerkit.errors import DataError, NotReadyError, PluginError, ShapeError, UserError
from layerkit.targets import as_batch, check_finite
from layerkit.types import Array, Meaning, Shape


class Loss(Component):
    """The quantity that training minimises: a number for each example, and their weighted mean.

    A subclass defines ``each``, one number for each example, and ``backward_each``; a class that
    defines ``forward`` or ``backward`` is refused. The mean over a batch is the same for all
    losses: ``sum(w l) / sum(w)`` for the numbers ``l`` and the weights ``w``, which are 1 by
    default. So weights of examples, weights of classes and masks mean the same everywhere. If all
    weights of a batch are 0, its loss and its gradient are 0.

    Calls are checked before the class's own code runs: outputs and targets arrive there as arrays
    of numbers. If the loss is not finite because their type cannot hold the targets, the error
    says so.

    Attributes:
        metrics: The names of the metrics that go with it; the first selects the best parameters.
        meaning: How it interprets the outputs of the network. If it takes logits, a network that
            ends with probabilities is refused. A class that does not declare a meaning has that of
            the losses inside it.
    """

    kind: ClassVar[str] = "loss"
    advised: ClassVar[frozenset[str]] = frozenset({"each", "backward_each"})
    metrics: ClassVar[tuple[str, ...]] = ()
    meaning: ClassVar[Meaning] = "numbers"
    _last: "_Forward | None" = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("forward", "sums", "backward"):
            if name in vars(cls):
                raise PluginError(
                    f"the loss {cls.__name__} defines {name}, which layerkit defines for all "
                    "losses as the weighted mean over the batch; define each(y, t), a number for "
                    "each example, and backward_each(dout)"
                )
        guard(cls, "each", _checking_batch)

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
        is_kept = method == "backward_each" and name in stored_attributes(type(self), "each")
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
    def each(self, y: Array, t: Array) -> Array:
        """Return the loss of each example, and keep what ``backward_each`` needs.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Returns:
            One number for each example, ``(batch,)``; or one for each position of it,
            ``(batch, *positions)``, if positions may be weighted on their own.

        Raises:
            ShapeError: The shape of the targets does not match, even if the count of numbers does.
            DataError: Outputs or targets are not numbers, or the type of the outputs cannot hold
                the targets.
        """

    @abstractmethod
    def backward_each(self, dout: Array) -> Array:
        """Return the gradient of ``sum(dout * each(y, t))`` with respect to ``y``.

        Args:
            dout: A factor for each number that the last ``each`` returned, of the same shape;
                leave it unchanged.
        """

    def fit(self, shape: Shape, t: Array) -> None:
        """Learn from the targets of the training part, once before training; by default nothing.

        What it keeps is in public attributes, which copies take over.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets, ``(count, *targets.shape)``; ``check_targets`` accepted them.

        Raises:
            DataError: They do not suffice.
        """

    def target_weights(self, t: Array) -> Array | None:
        """Return the weights that the loss itself gives to the targets of the last ``each``.

        They multiply the weights of the examples. None, as by default, stands for 1.

        Args:
            t: The targets, ``(batch, *targets.shape)``.

        Returns:
            ``(batch,)`` or ``(batch, *positions)``.
        """
        return None

    def forward(self, y: Array, t: Array, weights: Array | None = None) -> float:
        """Return the loss of a batch, the weighted mean ``sum(w l) / sum(w)``.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.
            weights: The weights, from 0: one for each example, ``(batch,)``, or for each position
                of it; 1 by default.

        Raises:
            ShapeError: The shape of targets or weights does not match, or there are no examples.
            DataError: An argument is not an array of numbers, the loss is not finite because of
                the targets, or a weight is negative or not finite.
            PluginError: ``each`` did not return one number for each example.
        """
        return weighted_mean(*self.sums(y, t, weights))

    def sums(self, y: Array, t: Array, weights: Array | None = None) -> tuple[float, float]:
        """Return ``sum(w l)`` and ``sum(w)``, which add up over the parts of a batch or a data set.

        ``forward`` has the arguments and the errors.
        """
        with self._alone:
            self._last = None  # what each keeps belongs to no forward until this one has ended
            losses = self._losses(y, t)
            share, weight = self._share_of(losses, weights, t)
            weighed = losses
            if share is not None:
                weighed = self.scratch("weighed", losses.shape, losses.dtype)
                np.multiply(share, losses, out=weighed)
            total = float(np.add.reduce(weighed, axis=None))
            if not math.isfinite(total):
                y, t = as_batch(self, self.dtype, y, t)
                _check_held(self, y, t)
                check_finite(t)
            # The gradient has the type of the outputs, even if the losses are in a wider one.
            is_float = isinstance(y, np.ndarray) and y.dtype.char in "fd"
            dtype = np.dtype(y.dtype if is_float else self.dtype)
            self._last = _Forward(get_ident(), losses.shape, dtype, share, weight)
        return total, weight

    def backward(self, dout: float = 1.0) -> Array:
        """Return the gradient of the last ``forward`` with respect to ``y``, times ``dout``.

        It is valid until the next ``backward`` of this thread.

        Raises:
            NotReadyError: There was no ``forward``, it failed, or the last one was that of another
                thread.
            UserError: ``dout`` is not a number.
        """
        if type(dout) is not float:
            dout = _as_factor(self, dout)
        with self._alone:
            last = self._last
            if last is None:
                raise NotReadyError(
                    f"{type(self).__name__} has no loss yet; backward needs what forward keeps: "
                    "call forward first"
                )
            if last.thread != get_ident():
                raise NotReadyError(
                    f"{type(self).__name__}: backward follows a forward of the same thread, and "
                    "since then another thread has computed a loss: call forward again, or give "
                    "each thread a copy of the network"
                )
            gradient = self.backward_each(self._factors(last, dout))
            if not isinstance(gradient, np.ndarray):
                return gradient  # which the caller refuses
            # Into memory of this thread, because a forward of another may use that of the gradient.
            own = self.scratch(f"gradient {last.thread}", gradient.shape, gradient.dtype)
            np.copyto(own, gradient)
            return own

    @property
    def _alone(self) -> RLock:
        """The lock of the thread that computes with this loss, because ``each`` keeps a batch."""
        lock: RLock | None = self.__dict__.get("_lock")
        return self.__dict__.setdefault("_lock", RLock()) if lock is None else lock

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies and pickles, without that of the last ``forward``."""
        left_out = ("_lock", "_last")
        return {name: v for name, v in super().__getstate__().items() if name not in left_out}

    def _losses(self, y: Array, t: Array) -> Array:
        """Return what ``each`` returns, after checking that it is a number for each example."""
        try:
            losses = self.each(y, t)
        except (FloatingPointError, RuntimeWarning):  # if the user turned these into errors
            _check_held(self, *as_batch(self, self.dtype, y, t))
            raise
        if type(losses) is not np.ndarray or losses.shape[:1] != (len(y),):
            raise PluginError(
                f"{type(self).__name__}: each must return one number for each of {len(y)} "
                f"examples, got {shown(losses)}"
            )
        return losses

    def _share_of(
        self, losses: Array, weights: Array | None, t: Array
    ) -> tuple[Array | None, float]:
        """Return the weight of each number, or None if all are 1, and the sum of the weights."""
        own = self.target_weights(t)
        if weights is None and own is None:
            return None, float(losses.size)
        share = self.scratch("share", losses.shape, losses.dtype)
        share.fill(1)
        for weight in (weights, own):
            if weight is not None:
                share *= _checked_weights(self, weight, losses)
        return share, float(np.add.reduce(share, axis=None))

    def _factors(self, last: "_Forward", dout: float) -> Array:
        """Return the gradient with respect to each number that ``each`` returned."""
        factor = dout / last.weight if last.weight else 0.0
        if last.share is not None:
            out = self.scratch("dout", last.shape, last.dtype)
            return np.multiply(last.share, factor, out=out)
        # One number that is seen at each place, which is faster than an array full of them.
        number = last.dtype.type(factor).tobytes()
        return np.ndarray(last.shape, last.dtype, number, 0, (0,) * len(last.shape))


def weighted_mean(total: float, weight: float) -> float:
    """Return ``sum(w l) / sum(w)`` from both sums; 0 if all weights are 0."""
    return total / weight if weight else 0.0


class _Forward(NamedTuple):
    """The last ``forward`` of a loss: its thread, and what its gradient follows from."""

    thread: int
    shape: Shape
    dtype: np.dtype[Any]
    share: Array | None
    weight: float


def _checking_batch(each: Callable[..., Array]) -> Callable[..., Array]:
    """Return an ``each`` that first checks that its arguments are numbers."""

    @wraps(each)
    def checked(self: Loss, y: Any, t: Any) -> Array:
        if type(self).each is checked and (  # not called by an each that overrides it
            type(y) is not np.ndarray
            or type(t) is not np.ndarray
            or y.dtype.char not in "fd"
            or (t.dtype.kind not in "iub" and t.dtype.char not in "fd")
            or not y.ndim
        ):
            y, t = as_batch(self, self.dtype, y, t)
        if not len(y):  # the mean would be NaN
            raise ShapeError(f"{type(self).__name__} takes at least one example, got none")
        return each(self, y, t)

    return checked


def _checked_weights(loss: Loss, weights: Any, losses: Array) -> Array:
    """Return weights with the axes of the losses, after checking their shape and their numbers."""
    name = f"{type(loss).__name__}: weights"
    w = checked_numbers(weights, name=name)
    if not w.ndim or w.shape != losses.shape[: w.ndim]:
        raise ShapeError(
            f"{name} must be one for each of {len(losses)} examples, got the shape {w.shape}"
        )
    if not (np.minimum.reduce(w, axis=None) >= 0 and np.maximum.reduce(w, axis=None) < math.inf):
        raise DataError(f"{name} must be finite and not negative, got {w.min():g} to {w.max():g}")
    return w.reshape(w.shape + (1,) * (losses.ndim - w.ndim))


def _check_held(loss: Loss, y: Array, t: Array) -> None:
    """Refuse targets that become infinite in the type of the outputs."""
    if t.dtype.kind == "f" and t.dtype.itemsize > y.dtype.itemsize:
        check_range(t, y.dtype, f"{type(loss).__name__}: targets")


def _as_factor(loss: Loss, dout: Any) -> float:
    """Return the argument of ``backward`` as a float, and refuse anything that is not a number."""
    if isinstance(dout, Real) or (getattr(dout, "shape", None) == () and dout.dtype.kind in "fiub"):
        return float(dout)
    raise UserError(f"{type(loss).__name__}: backward takes a number, got {shown(dout)}")
