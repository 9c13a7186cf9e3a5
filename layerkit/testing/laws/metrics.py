"""Laws of metrics."""

from typing import Any

import numpy as np

from layerkit.contracts.metric import Metric
from layerkit.errors import ShapeError
from layerkit.spec import ComponentSpec
from layerkit.testing.laws.targets import FITS, other_layouts, random_batch
from layerkit.testing.subject import LawBroken, Subject
from layerkit.types import Array


def _batches(subject: Subject) -> list[tuple[ComponentSpec[Any], Array, Array, str]]:
    """Return the metric with outputs and targets that it takes."""
    batches = []
    for _, spec in subject.uses:
        for shape, targets in FITS:
            try:
                spec.create().check(shape, targets)
            except ShapeError:
                continue
            y, t = random_batch(shape, targets, 12, "float64")
            batches.append((spec, y, t, f"outputs {shape} for {targets}"))
    if not batches:
        raise LawBroken("check refuses every common pair of outputs and targets")
    return batches


def _value(metric: Metric, y: Array, t: Array, sizes: tuple[int, ...]) -> float:
    """Return the metric over batches of these sizes."""
    metric.reset()
    start = 0
    for size in sizes:
        metric.update(y[start : start + size].copy(), t[start : start + size].copy())
        start += size
    return metric.value()


def it_is_a_finite_number(subject: Subject) -> None:
    """``value`` is a finite number."""
    for spec, y, t, where in _batches(subject):
        value = _value(spec.create(), y, t, (12,))
        if np.ndim(value) or not np.isfinite(value):
            raise LawBroken(f"value must be a finite number, got {value!r} [{where}]")


def batches_make_no_difference(subject: Subject) -> None:
    """The value over all examples does not depend on how they are divided into batches."""
    for spec, y, t, where in _batches(subject):
        whole, parts = (_value(spec.create(), y, t, sizes) for sizes in ((12,), (5, 1, 6)))
        if not np.isclose(whole, parts, rtol=1e-9, atol=1e-12):
            raise LawBroken(
                f"it is {whole:.6g} over one batch, and {parts:.6g} over the same examples in "
                f"three; weigh each batch by its examples [{where}]"
            )


def reset_begins_anew(subject: Subject) -> None:
    """After ``reset``, nothing of an earlier evaluation is left."""
    for spec, y, t, where in _batches(subject):
        metric: Metric = spec.create()
        first = _value(metric, y[:4], t[:4], (4,))
        _value(metric, y[4:], t[4:], (8,))
        again = _value(metric, y[:4], t[:4], (4,))
        if first != again and not (np.isnan(first) and np.isnan(again)):
            raise LawBroken(f"after reset it is {again:.6g}, and was {first:.6g} [{where}]")


def targets_of_another_layout_are_refused(subject: Subject) -> None:
    """Targets of another shape with as many numbers are refused with a ``ShapeError``."""
    for spec, y, t, where in _batches(subject):
        for other in other_layouts(t, y.shape[1:]):
            metric: Metric = spec.create()
            metric.reset()
            try:
                metric.update(y, other)
            except ShapeError:
                continue
            raise LawBroken(
                f"update takes targets of shape {other.shape} for outputs of shape {y.shape}; "
                f"as_outputs or as_labels refuses them [{where}]"
            )


LAWS = (
    it_is_a_finite_number,
    batches_make_no_difference,
    reset_begins_anew,
    targets_of_another_layout_are_refused,
)
