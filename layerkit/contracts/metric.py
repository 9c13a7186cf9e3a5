"""The contract of a metric."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ClassVar

from layerkit.arguments import check_instance
from layerkit.contracts.component import Component, guard, stored_attributes
from layerkit.contracts.dataset import Targets
from layerkit.errors import UserError
from layerkit.targets import as_batch
from layerkit.types import Array, Meaning, Shape


class Metric(Component):
    """A number that an evaluation reports, accumulated batch by batch.

    Attributes:
        higher_is_better: Whether a higher value is better, for early stopping and for the choice of
            the best parameters.
        meaning: What the outputs mean, as the last layer and the loss of the network determine; set
            before ``check``. A metric that is used alone has this default.
    """

    kind: ClassVar[str] = "metric"
    advised: ClassVar[frozenset[str]] = frozenset({"update", "value"})
    higher_is_better: ClassVar[bool] = True
    meaning: Meaning = "numbers"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, "update", _checking_batch)

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
    def update(self, y: Array, t: Array) -> None:
        """Add a batch.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Raises:
            ShapeError: The shape of the targets does not match, even if the count of numbers does.
            DataError: Outputs or targets are not numbers.
        """

    @abstractmethod
    def value(self) -> float:
        """Return the metric over all batches since ``reset``."""


def _checking_batch(update: Callable[..., None]) -> Callable[..., None]:
    """Return an ``update`` that first checks that its arguments are numbers."""

    @wraps(update)
    def checked(self: Metric, y: Any, t: Any) -> None:
        if type(self).update is checked:  # not called by an update that overrides it
            y, t = as_batch(self, self.dtype, y, t)
        update(self, y, t)

    return checked


class MeanMetric(Metric):
    """A metric that is a mean over examples; a subclass returns the value of each example."""

    _sum: float = 0.0
    _count: int = 0

    @abstractmethod
    def each(self, y: Array, t: Array) -> Array:
        """Return one number per example, ``(batch,)``."""

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._sum, self._count = 0.0, 0

    def update(self, y: Array, t: Array) -> None:
        """Add a batch."""
        numbers = self.each(y, t)
        self._sum += float(numbers.sum(dtype="float64"))
        self._count += len(numbers)

    def value(self) -> float:
        """Return the mean over all examples since ``reset``."""
        return self._sum / self._count if self._count else float("nan")


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
