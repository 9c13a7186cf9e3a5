"""Mutants of the laws of metrics."""

import numpy as np

from layerkit import Array, MeanMetric, Metric, Shape, ShapeError, Targets, as_outputs
from mutants.catalogue import breaks, sound


@sound
class Error(MeanMetric):
    """Mean of absolute differences."""

    def check(self, shape: Shape, targets: Targets) -> None:
        if targets.classes is not None or shape != targets.shape:
            raise ShapeError("takes outputs of the shape of the targets")

    def each(self, y: Array, t: Array) -> Array:
        return np.abs(y - as_outputs(t, y.shape)).reshape(len(y), -1).mean(axis=1)


class OfError(Error):
    __doc__ = Error.__doc__


@breaks("it_is_a_finite_number", "value must be a finite number")
class GivesNothing(OfError):
    __doc__ = Error.__doc__

    def value(self) -> float:
        return float("inf")


@breaks("batches_make_no_difference", "weigh each batch by its examples")
class AveragesBatches(OfError):
    __doc__ = Error.__doc__

    def update(self, y: Array, t: Array) -> None:
        self._sum += float(self.each(y, t).mean())
        self._count += 1


@breaks("targets_of_another_layout_are_refused", "update takes targets of shape")
class PairsByMemory(OfError):
    __doc__ = Error.__doc__

    def each(self, y: Array, t: Array) -> Array:
        return super().each(y, t.reshape(y.shape))


@breaks("reset_begins_anew", "after reset it is")
class NeverForgets(Metric):
    """Mean of absolute differences."""

    total, count, resets = 0.0, 0, 0

    def check(self, shape: Shape, targets: Targets) -> None:
        Error().check(shape, targets)

    def reset(self) -> None:
        self.resets += 1

    def update(self, y: Array, t: Array) -> None:
        self.total += float(np.abs(y - as_outputs(t, y.shape)).sum())
        self.count += y.size

    def value(self) -> float:
        return self.total / self.count
