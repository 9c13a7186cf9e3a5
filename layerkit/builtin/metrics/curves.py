"""The base class of metrics of a curve over all thresholds of the outputs."""

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from layerkit import Array, DataError, Shape, Targets, WholeSetMetric, softmax
from layerkit.builtin.metrics.answers import AnswerMetric, Answers, arranged, listed


class CurveMetric(AnswerMetric, WholeSetMetric):
    """The area under a curve that a class, or a yes, draws over all thresholds; then the mean.

    A class is compared with all others, by its probability.

    Attributes:
        needs: What a part must have for at least one class; a message continues with it.
        of_no_curve: What an output that each says yes or no counts in the mean if it has no curve;
            NaN if it is left out.
    """

    needs: ClassVar[str]
    of_no_curve: ClassVar[float] = math.nan

    @abstractmethod
    def area(self, hits: Array, alarms: Array) -> float:
        """Return the area under the curve, NaN if it has none.

        Args:
            hits: For each threshold, from the highest on, the weight of the rows at or above it in
                which the class is right. It begins with 0.
            alarms: The weight of the others at or above it, likewise.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets that do not match, and those of which no class has a curve."""
        right = self.right_answers((*t.shape[:1], *shape), t)
        if right.shape[1:] == shape:
            counts, rows = right.reshape(len(t), -1).sum(axis=0), len(t)
        else:
            counts, rows = np.bincount(right.reshape(-1)), right.size
        ends = [(np.array([0, count]), np.array([0, rows - count])) for count in counts]
        if not all(math.isnan(self.area(*curve)) for curve in ends):
            return
        raise DataError(
            f"{type(self).__name__} needs {self.needs}; take a larger part, or one with a share of "
            'each class ("stratify": true), or leave the metric out'
        )

    def collect(self, y: Array, t: Array) -> Array:
        """Return the right answers."""
        return self.right_answers(y.shape, t)

    def over_all(self, y: Array, t: Array, weights: Array) -> float:
        """Return the mean of the areas that there are, and NaN if there is none."""
        if np.isnan(y).any():
            return math.nan
        answers = arranged(y, t, weights)
        areas = self._areas(answers)
        if not answers.are_choices:
            areas[np.isnan(areas)] = self.of_no_curve
        exists = ~np.isnan(areas)
        return float(areas[exists].mean()) if exists.any() else math.nan

    def details_over_all(self, y: Array, t: Array, weights: Array) -> dict[str, Any]:
        """Return the area of each class or output, None if it has none."""
        answers = arranged(y, t, weights)
        each = "classes" if answers.are_choices else "outputs"
        return {each: listed(self._areas(answers))}

    def bytes_per_example(self, shape: Shape, targets: Targets, itemsize: int) -> int:
        """Return the bytes of all that is kept, of the probabilities and of one curve."""
        kept = super().bytes_per_example(shape, targets, itemsize)
        rows = math.prod(shape[:-1]) if self.is_choice(shape, targets.shape) else 1
        probabilities = math.prod(shape) if self.meaning == "class_logits" else 0
        return kept + 8 * probabilities + 64 * rows

    @np.errstate(invalid="ignore")  # of outputs that are infinite
    def _areas(self, answers: Answers) -> Array:
        scores = answers.scores
        if self.meaning == "class_logits":
            scores = scores.astype(np.float64)
            softmax(scores, out=scores)
        areas = [
            math.nan
            if np.isnan(scores[:, column]).any()
            else self.area(*_curve(scores[:, column], answers.is_right(column), answers.weights))
            for column in range(scores.shape[1])
        ]
        return np.array(areas)


def _curve(scores: Array, is_right: Array, weights: Array) -> tuple[Array, Array]:
    """Return ``hits`` and ``alarms`` of each distinct threshold."""
    order = np.argsort(-scores, kind="stable")
    scores, weights, is_right = scores[order], weights[order], is_right[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    hits = np.cumsum(np.where(is_right, weights, 0))[ends]
    alarms = np.cumsum(np.where(is_right, 0, weights))[ends]
    return np.append(0, hits), np.append(0, alarms)
