"""Mutants of the laws of metrics."""

import numpy as np

from layerkit import (
    Array,
    MeanMetric,
    Metric,
    Shape,
    ShapeError,
    Targets,
    WholeSetMetric,
    as_outputs,
)
from mutants.catalogue import breaks, sound


@sound
class Error(MeanMetric):
    """Mean of absolute differences."""

    def check(self, shape: Shape, targets: Targets) -> None:
        if targets.classes is not None or shape != targets.shape:
            raise ShapeError("takes outputs of the shape of the targets")

    def each(self, y: Array, t: Array) -> Array:
        return np.abs(y - as_outputs(t, y.shape)).reshape(len(y), -1).mean(axis=1)


@sound
class MedianError(WholeSetMetric):
    """Median of absolute differences, which takes no weights."""

    def check(self, shape: Shape, targets: Targets) -> None:
        Error().check(shape, targets)

    def over_all(self, y: Array, t: Array) -> float:
        return float(np.median(np.abs(y - t)))


@sound
class LargestError(MedianError):
    """Largest absolute difference, with a table of those of the outputs."""

    def over_all(self, y: Array, t: Array, weights: Array) -> float:
        return float(np.abs(y - t).max())

    def details_over_all(self, y: Array, t: Array, weights: Array) -> dict:
        return {"largest": np.abs(y - t).max(axis=0).tolist()}


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


@breaks("the_order_of_batches_makes_no_difference", "an evaluation has no order")
class FavoursTheFirst(OfError):
    __doc__ = Error.__doc__

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        if not self._count:
            self._first = float(self.each(y, t)[0])
        super().update(y, t, weights)

    def value(self) -> float:
        return super().value() + self._first


@breaks("weights_of_1_make_no_difference", "with weights of 1 it is")
class AddsToWeighted(OfError):
    __doc__ = Error.__doc__

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        super().update(y, t, weights)
        if weights is not None:
            self._sum += float(weights.sum())


@breaks("an_example_of_weight_2_counts_twice", "over examples repeated that often")
class IgnoresWeights(OfError):
    __doc__ = Error.__doc__

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        super().update(y, t)


@breaks("arrays_may_be_overwritten", "keep copies, such as y.copy()")
class KeepsViews(MedianError):
    __doc__ = MedianError.__doc__

    def update(self, y: Array, t: Array) -> None:
        self._batches.append((y, as_outputs(t, y.shape), np.ones(len(y))))


@breaks("details_can_be_saved", "details must return what JSON holds")
class DetailsAreArrays(OfError):
    __doc__ = Error.__doc__

    def details(self) -> dict:
        return {"sum": np.array(self._sum)}
