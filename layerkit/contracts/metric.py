"""The contract of a metric."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ClassVar

import numpy as np

from layerkit.arguments import check_instance, shown
from layerkit.contracts.component import Component, guard, stored_attributes
from layerkit.contracts.dataset import Targets
from layerkit.errors import PluginError, UserError
from layerkit.targets import as_batch, as_labels, as_outputs, as_weights
from layerkit.types import Array, Meaning, Shape


class Metric(Component):
    """A number that an evaluation reports, accumulated batch by batch.

    Examples may have weights. An example of weight 2 counts as much as two of weight 1, and one of
    weight 0 as if it did not exist. Calls of ``update`` are checked before the class's own code
    runs: outputs, targets and weights arrive there as arrays of numbers.

    Attributes:
        higher_is_better: Whether a higher value is better, for early stopping and for the choice of
            the best parameters.
        meaning: What the outputs mean, as the last layer and the loss of the network determine; set
            before ``check``. A metric that is used alone has this default.
        takes_weights: Whether ``update`` has the parameter ``weights``; set for each class. Without
            it, weights are refused.
    """

    kind: ClassVar[str] = "metric"
    advised: ClassVar[frozenset[str]] = frozenset({"update", "value"})
    higher_is_better: ClassVar[bool] = True
    meaning: Meaning = "numbers"
    takes_weights: ClassVar[bool] = False
    _weighing: ClassVar[tuple[str, ...]] = ("update",)  # the methods that weights go through

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, "update", _checking_batch)
        cls.takes_weights = all(_has_weights(getattr(cls, name)) for name in cls._weighing)

    def advice(self, name: str, method: str) -> str:
        """Return what to call first if an attribute is missing."""
        return "call reset() first" if name in stored_attributes(type(self), "reset") else ""

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse a network or targets that the metric cannot judge; by default none.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: The form of the targets in the data set.

        Raises:
            ShapeError: They do not fit.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets by their numbers, which are checked once before training.

        By default, none are refused.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets of many examples, ``(count, *targets.shape)``.

        Raises:
            ShapeError: Their shape does not match the outputs.
            DataError: The metric is not defined for them.
        """

    @abstractmethod
    def reset(self) -> None:
        """Begin a new evaluation."""

    @abstractmethod
    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch.

        A metric that has no use for weights leaves them out: ``update(self, y, t)``.

        Args:
            y: The output of the network, ``(batch, *shape)``; valid until the next batch.
            t: The targets, ``(batch, *targets.shape)``.
            weights: The weight of each example, ``(batch,)``, from 0; None stands for 1.

        Raises:
            ShapeError: The shape of the targets or of the weights does not match, even if the count
                of numbers does.
            DataError: Outputs or targets are not numbers, or a weight is negative or not finite.
            UserError: The metric takes no weights.
        """

    @abstractmethod
    def value(self) -> float:
        """Return the metric over all batches since ``reset``; NaN if it is not defined."""

    def details(self) -> dict[str, Any]:
        """Return what one number cannot tell, such as a table; by default nothing.

        Returns:
            Strings, numbers, lists and dicts, as JSON has them: NumPy's ``tolist()`` gives such
            numbers, and None stands for a number that is not defined.
        """
        return {}

    def bytes_per_example(self, shape: Shape, targets: Targets, itemsize: int) -> int:
        """Return how many bytes the metric keeps for each example until ``reset``; by default 0.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: The form of the targets in the data set.
            itemsize: The bytes of a number of the output.
        """
        return 0


def _has_weights(method: Callable[..., Any]) -> bool:
    return "weights" in signature(method).parameters


def _checking_batch(update: Callable[..., None]) -> Callable[..., None]:
    """Return an ``update`` that first checks that its arguments are numbers."""
    is_weighing = _has_weights(update)

    @wraps(update)
    def checked(self: Metric, y: Any, t: Any, weights: Any = None) -> None:
        if type(self).update is checked:  # not called by an update that overrides it
            y, t = as_batch(self, self.dtype, y, t)
            if weights is not None:
                weights = as_weights(weights, len(y), type(self).__name__)
        if weights is not None and not (is_weighing and self.takes_weights):
            raise no_weights(type(self))
        if is_weighing:
            update(self, y, t, weights=weights)
        else:
            update(self, y, t)

    return checked


def no_weights(metric: type[Component]) -> UserError:
    """Return the error that a metric takes no weights, for examples that have some."""
    return UserError(
        f"{metric.__name__} takes no weights of examples, and they have weights; leave the "
        "metric out, or let its methods take them, as in update(self, y, t, weights=None)"
    )


class MeanMetric(Metric):
    """A metric that is a mean over examples; a subclass returns the value of each example.

    With weights it is ``sum(w v) / sum(w)`` for the values ``v`` and the weights ``w``.
    """

    _sum: float = 0.0
    _count: float = 0  # the sum of the weights

    @abstractmethod
    def each(self, y: Array, t: Array) -> Array:
        """Return one number per example, ``(batch,)``."""

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._sum, self._count = 0.0, 0

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch.

        Raises:
            PluginError: ``each`` did not return one number per example.
        """
        numbers = self.each(y, t)
        if np.size(numbers) != len(y):
            raise PluginError(
                f"{type(self).__name__}: each must return one number for each of {len(y)} "
                f"examples, got {shown(numbers)}"
            )
        if weights is None:
            self._sum += float(numbers.sum(dtype="float64"))
            self._count += len(y)
        else:
            # Where the weight is 0, the number may be NaN.
            is_counted = weights > 0
            weighted = weights[is_counted] * numbers.reshape(-1)[is_counted]
            self._sum += float(weighted.sum(dtype="float64"))
            self._count += float(weights.sum())

    def value(self) -> float:
        """Return the mean over all examples since ``reset``; NaN if their weights are all 0."""
        return self._sum / self._count if self._count else float("nan")


class WholeSetMetric(Metric):
    """A metric that needs all examples at once; a subclass returns it in ``over_all``.

    Outputs, targets and weights are copied and kept until ``reset``. They take as much memory as
    those of the whole part, and twice that while the value is computed.
    """

    _weighing: ClassVar[tuple[str, ...]] = ("update", "over_all", "details_over_all")
    _batches: list[tuple[Array, Array, Array]]

    @abstractmethod
    def over_all(self, y: Array, t: Array, weights: Array) -> float:
        """Return the metric over all examples.

        A metric that has no use for weights leaves them out: ``over_all(self, y, t)``.

        Args:
            y: The outputs, ``(count, *shape)``.
            t: What ``collect`` returned of the targets.
            weights: The weight of each example, ``(count,)``; 1 if they have none.
        """

    def details_over_all(self, y: Array, t: Array, weights: Array) -> dict[str, Any]:
        """Return what one number cannot tell, as ``details`` does; by default nothing.

        The arguments are those of ``over_all``.
        """
        return {}

    def collect(self, y: Array, t: Array) -> Array:
        """Return the targets of a batch as ``over_all`` takes them.

        By default, these are labels, ``(batch, *positions)``, if there is one for each vector of
        outputs; and otherwise numbers in the shape of the outputs.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Raises:
            ShapeError: Their shape does not match.
            DataError: They are not what the metric takes.
        """
        is_labels = y.ndim > 1 and y.shape[-1] > 1 and t.shape != y.shape
        return as_labels(t, y.shape) if is_labels else as_outputs(t, y.shape)

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._batches = []

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch."""
        if weights is None:
            weights = np.ones(len(y))
        # Copies, because the network computes the next outputs in the same array.
        self._batches.append((y.copy(), self.collect(y, t).copy(), weights.copy()))

    def value(self) -> float:
        """Return the metric over all examples since ``reset``; NaN if there are none."""
        return float(_applied(self.over_all, self._collected(), math.nan))

    def details(self) -> dict[str, Any]:
        """Return ``details_over_all`` of all examples since ``reset``."""
        details: dict[str, Any] = _applied(self.details_over_all, self._collected(), {})
        return details

    def _collected(self) -> tuple[Array, ...]:
        """Return outputs, targets and weights of all examples whose weight is not 0."""
        if not self._batches:
            return ()
        y, t, weights = map(np.concatenate, zip(*self._batches, strict=True))
        is_counted = weights > 0
        if not is_counted.all():
            y, t, weights = y[is_counted], t[is_counted], weights[is_counted]
        self._batches = [(y, t, weights)]
        return (y, t, weights) if len(y) else ()

    def bytes_per_example(self, shape: Shape, targets: Targets, itemsize: int) -> int:
        """Return the bytes of outputs, targets and a weight, twice: as batches and joined."""
        return 2 * (math.prod(shape) * itemsize + 8 * math.prod(targets.shape) + 8)


def _applied(method: Callable[..., Any], examples: tuple[Array, ...], of_none: Any) -> Any:
    """Return what a method over all examples returns, with their weights if it takes them."""
    if not examples:
        return of_none
    return method(*examples) if _has_weights(method) else method(*examples[:2])


def check_metrics(metrics: Mapping[str, Metric]) -> None:
    """Refuse anything but a dict of metrics by name, and a metric named ``loss``.

    Raises:
        UserError: Names the metric.
    """
    check_instance(metrics, dict, "metrics")
    for name, metric in metrics.items():
        check_instance(metric, Metric, f"metrics[{name!r}]")
    if "loss" in metrics:
        raise UserError(
            'no metric may be called "loss", which is what evaluations call the loss; give it '
            "another name"
        )


PARTS = {"training": "train", "validation": "validation", "test": "test"}
"""The names of the parts of a data set in the names of scores."""


def score_names(metrics: Iterable[str], parts: Iterable[str]) -> list[str]:
    """Return the names of the scores of an evaluation: ``train_loss`` and the like.

    Args:
        metrics: The names of the metrics.
        parts: The names of the parts, as in ``Data.parts``.
    """
    names = "loss", *metrics
    return [f"{PARTS[part]}_{name}" for part in parts for name in names]


def is_better_higher(score: str, metrics: Mapping[str, Metric]) -> bool:
    """Return whether a higher value of a score is better.

    Args:
        score: The name of the score, one of ``score_names``.
        metrics: The metrics, by name.
    """
    metric = metrics.get(score.partition("_")[2])
    return metric is not None and metric.higher_is_better
