"""Laws of metrics."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from layerkit.contracts.dataset import Targets
from layerkit.contracts.metric import Metric
from layerkit.errors import ShapeError
from layerkit.functions import sigmoid, softmax
from layerkit.spec import ComponentSpec
from layerkit.testing.laws.targets import FITS, other_layouts, random_batch
from layerkit.testing.subject import LawBroken, Subject, for_each
from layerkit.types import Array, Meaning, Shape

EXAMPLES = 12


@dataclass(frozen=True)
class Use:
    """A metric with outputs, their meaning, and targets that it takes."""

    subject: Subject
    spec: ComponentSpec[Any]
    shape: Shape
    targets: Targets
    meaning: Meaning

    def __str__(self) -> str:
        return f"outputs {self.shape} ({self.meaning}) for {self.targets}"

    def create(self) -> Metric:
        """Return a new metric."""
        metric: Metric = self.spec.create()
        metric.meaning = self.meaning
        return metric

    def batch(self) -> tuple[Array, Array]:
        """Return random outputs of that meaning, and targets."""
        y, t = random_batch(self.shape, self.targets, EXAMPLES, "float64")
        if self.meaning == "probabilities":
            y = softmax(y) if self.shape and self.shape[-1] > 1 else sigmoid(y)
        return y, t

    def value(self, sizes: Sequence[int] = (EXAMPLES,)) -> float:
        """Return the value over batches of these sizes."""
        y, t = self.batch()
        ends = np.cumsum(sizes)
        return _value(self, y, t, [range(end - n, end) for n, end in zip(sizes, ends, strict=True)])


def uses(subject: Subject) -> list[Use]:
    """Return the metric with each common pair of outputs and targets that it takes.

    Raises:
        LawBroken: It takes none of them.
    """
    metric_uses = []
    for _, spec in subject.uses:
        for shape, targets in FITS:
            for meaning in get_args(Meaning):
                use = Use(subject, spec, shape, targets, meaning)
                try:
                    use.create().check(shape, targets)
                except ShapeError:
                    continue
                metric_uses.append(use)
    if not metric_uses:
        raise LawBroken("check refuses every common pair of outputs and targets")
    return metric_uses


each_use = for_each(uses)


def _value(
    use: Use, y: Array, t: Array, batches: Sequence[range], weights: Array | None = None
) -> float:
    """Return the value over batches of these rows."""
    metric = use.create()
    metric.reset()
    for rows in batches:
        # Without weights, update is called as a metric that takes none has to be.
        of_batch = () if weights is None else (weights[rows],)
        metric.update(y[rows], t[rows], *of_batch)
    return metric.value()


def _differ(one: float, other: float) -> bool:
    return not np.isclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)


@each_use
def it_is_a_finite_number(use: Use) -> None:
    """``value`` is a finite number."""
    value = use.value()
    if np.ndim(value) or not np.isfinite(value):
        raise LawBroken(f"value must be a finite number, got {value!r}")


@each_use
def batches_make_no_difference(use: Use) -> None:
    """The value over all examples does not depend on how they are divided into batches."""
    whole, parts = use.value(), use.value((5, 1, 6))
    if _differ(whole, parts):
        raise LawBroken(
            f"it is {whole:.6g} over one batch, and {parts:.6g} over the same examples in "
            "three; weigh each batch by its examples"
        )


@each_use
def the_order_of_batches_makes_no_difference(use: Use) -> None:
    """The value does not depend on which batch comes first."""
    y, t = use.batch()
    batches = [range(5), range(5, 6), range(6, EXAMPLES)]
    forward, backward = _value(use, y, t, batches), _value(use, y, t, batches[::-1])
    if _differ(forward, backward):
        raise LawBroken(
            f"it is {forward:.6g} over three batches, and {backward:.6g} if the last one comes "
            "first; an evaluation has no order"
        )


@each_use
def reset_begins_anew(use: Use) -> None:
    """After ``reset``, nothing of an earlier evaluation is left."""
    metric, (y, t) = use.create(), use.batch()
    values = []
    for rows in (range(4), range(4, EXAMPLES), range(4)):
        metric.reset()
        metric.update(y[rows], t[rows])
        values.append(metric.value())
    first, _, again = values
    if first != again and not (np.isnan(first) and np.isnan(again)):
        raise LawBroken(f"after reset it is {again:.6g}, and was {first:.6g}")


@each_use
def weights_of_1_make_no_difference(use: Use) -> None:
    """If it takes weights, the value with all of them 1 is the value without weights."""
    if not use.create().takes_weights:
        return
    y, t = use.batch()
    batches = [range(5), range(5, EXAMPLES)]
    without, ones = (_value(use, y, t, batches, w) for w in (None, np.ones(EXAMPLES)))
    if _differ(without, ones):
        raise LawBroken(f"with weights of 1 it is {ones:.6g}, and {without:.6g} without weights")


@each_use
def an_example_of_weight_2_counts_twice(use: Use) -> None:
    """If it takes weights, a weight of 2 counts an example twice, and 0 leaves it out."""
    if not use.create().takes_weights:
        return
    y, t = use.batch()
    counts = np.arange(1, EXAMPLES + 1) % 3
    repeated = np.repeat(np.arange(EXAMPLES), counts)
    weighted = _value(use, y, t, [range(5), range(5, EXAMPLES)], counts.astype(np.float64))
    count = len(repeated)
    several = _value(use, y[repeated], t[repeated], [range(count)], np.ones(count))
    if _differ(weighted, several):
        raise LawBroken(
            f"with weights of 0, 1 and 2 it is {weighted:.6g}, and {several:.6g} over "
            "examples repeated that often; a mean is sum(w v) / sum(w)"
        )


@each_use
def arrays_may_be_overwritten(use: Use) -> None:
    """After ``update``, the caller may overwrite the arrays that it passed."""
    metric, (y, t) = use.create(), use.batch()
    half = EXAMPLES // 2
    outputs, targets = y[:half].copy(), t[:half].copy()
    metric.reset()
    metric.update(outputs, targets)
    outputs[...], targets[...] = y[half:], t[half:]
    metric.update(outputs, targets)
    expected, value = use.value((half, half)), metric.value()
    if _differ(expected, value):
        raise LawBroken(
            f"it is {value:.6g} if the next batch comes in the same arrays, as from a network, "
            f"and {expected:.6g} otherwise; keep copies, such as y.copy()"
        )


@each_use
def details_can_be_saved(use: Use) -> None:
    """``details`` returns a dict that JSON holds as it is, and leaves the value as it was."""
    metric, (y, t) = use.create(), use.batch()
    metric.reset()
    metric.update(y, t)
    value, details = metric.value(), metric.details()
    try:
        saved = json.loads(json.dumps(details, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise LawBroken(f"details must return what JSON holds; {error}") from None
    if not isinstance(details, dict) or saved != details:
        raise LawBroken(
            f"details must return a dict as JSON has them, got {details!r}, which becomes {saved!r}"
        )
    if _differ(value, metric.value()):
        raise LawBroken(f"it was {value:.6g} before details, and is {metric.value():.6g} after")


@each_use
def targets_of_another_layout_are_refused(use: Use) -> None:
    """Targets of another shape with as many numbers are refused with a ``ShapeError``."""
    y, t = use.batch()
    for other in other_layouts(t, use.shape):
        metric = use.create()
        metric.reset()
        try:
            metric.update(y, other)
        except ShapeError:
            continue
        raise LawBroken(
            f"update takes targets of shape {other.shape} for outputs of shape {y.shape}; "
            "as_outputs or as_labels refuses them"
        )


LAWS = (
    it_is_a_finite_number,
    batches_make_no_difference,
    the_order_of_batches_makes_no_difference,
    reset_begins_anew,
    weights_of_1_make_no_difference,
    an_example_of_weight_2_counts_twice,
    arrays_may_be_overwritten,
    details_can_be_saved,
    targets_of_another_layout_are_refused,
)
