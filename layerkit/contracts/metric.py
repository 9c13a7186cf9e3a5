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
    """A number that people read off an evaluation, gathered batch by batch.

    Attributes:
        higher_is_better: Which way is up; early stopping and the choice of the best parameters
            go by it.
        meaning: What the outputs mean, by the last layer and the loss of the network; set before
            ``check``. A metric that stands alone takes them for what this says by default.
    """

    kind: ClassVar[str] = "metric"
    advised: ClassVar[frozenset[str]] = frozenset({"update", "value"})
    higher_is_better: ClassVar[bool] = True
    meaning: Meaning = "numbers"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guard(cls, "update", _checking_batch)

    def advice(self, name: str, method: str) -> str:
        """Return what to call first where an attribute is missing."""
        return "call reset() first" if name in stored_attributes(type(self), "reset") else ""

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse a network or targets that the metric cannot judge; by default none.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: What the data set gives as targets.

        Raises:
            ShapeError: They do not fit.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets by their numbers, which are looked at once before training.

        By default, none.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets of many examples, ``(count, *targets.shape)``.

        Raises:
            ShapeError: They have another shape than goes with the outputs.
            DataError: The metric cannot judge by them.
        """

    @abstractmethod
    def reset(self) -> None:
        """Begin a new evaluation."""

    @abstractmethod
    def update(self, y: Array, t: Array) -> None:
        """Take in a batch.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Raises:
            ShapeError: The targets have another shape, if as many numbers.
            DataError: Outputs or targets are no numbers.
        """

    @abstractmethod
    def value(self) -> float:
        """Return the metric over all batches since ``reset``."""


def _checking_batch(update: Callable[..., None]) -> Callable[..., None]:
    """Return an ``update`` that looks first whether it is given numbers."""

    @wraps(update)
    def checked(self: Metric, y: Any, t: Any) -> None:
        if type(self).update is checked:  # and not called by the update that overrides it
            y, t = as_batch(self, self.dtype, y, t)
        update(self, y, t)

    return checked


class MeanMetric(Metric):
    """A metric that is a mean over examples; a subclass says what each example counts."""

    _sum: float = 0.0
    _count: int = 0

    @abstractmethod
    def each(self, y: Array, t: Array) -> Array:
        """Return one number per example, ``(batch,)``."""

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._sum, self._count = 0.0, 0

    def update(self, y: Array, t: Array) -> None:
        """Take in a batch."""
        numbers = self.each(y, t)
        self._sum += float(numbers.sum(dtype="float64"))
        self._count += len(numbers)

    def value(self) -> float:
        """Return the mean over all examples since ``reset``."""
        return self._sum / self._count if self._count else float("nan")


def check_metrics(metrics: Mapping[str, Metric]) -> None:
    """Refuse what are no metrics by name, and a name that would stand in place of the loss.

    Raises:
        UserError: Says which.
    """
    check_instance(metrics, dict, "metrics")
    for name, metric in metrics.items():
        check_instance(metric, Metric, f"metrics[{name!r}]")
    if "loss" in metrics:
        raise UserError(
            'no metric may be called "loss", which is what evaluations call the loss; give it '
            "another name"
        )


def score_names(metrics: Iterable[str]) -> list[str]:
    """Return the names of the numbers that an evaluation gives: ``train_loss`` and the like.

    Args:
        metrics: The names of the metrics.
    """
    names = "loss", *metrics
    return [f"{part}_{name}" for part in ("train", "test") for name in names]


def is_better_higher(score: str, metrics: Mapping[str, Metric]) -> bool:
    """Return whether a greater value of a number of evaluations is the better one.

    Args:
        score: Its name, one of ``score_names``.
        metrics: The metrics, by name.
    """
    metric = metrics.get(score.partition("_")[2])
    return metric is not None and metric.higher_is_better
