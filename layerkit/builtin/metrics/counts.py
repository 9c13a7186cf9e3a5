"""The base class of metrics that count right and wrong answers: precision, recall, F1."""

import math
from abc import abstractmethod
from typing import Any, Literal, TypeAlias

import numpy as np

from layerkit import Array, Example, NonNegativeInt, Shape, ShapeError, Targets
from layerkit.builtin.metrics.answers import AnswerMetric, Answers, listed

Average: TypeAlias = Literal["macro", "micro", "weighted"]


class CountMetric(AnswerMetric):
    """A metric that follows from how often each class is right, answered, or both.

    Args:
        average: How the classes become one number: ``"macro"`` is their mean, ``"weighted"`` the
            mean weighted by how often each is right, and ``"micro"`` counts all answers together.
        label: The class, or the output, whose own number is the value instead of an average.
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.
    """

    examples = (
        Example(),
        Example({"average": "weighted", "multilabel": True}),
        Example({"average": "micro"}),
        Example({"label": 1}),
    )

    def __init__(
        self,
        average: Average = "macro",
        label: NonNegativeInt | None = None,
        multilabel: bool | None = None,
    ) -> None:
        super().__init__(multilabel)
        self.average = average
        self.label = label

    @abstractmethod
    def ratio(self, both: Array, answered: Array, right: Array) -> Array:
        """Return the metric, NaN where it is not defined.

        Args:
            both: How often a class was answered and right.
            answered: How often it was answered.
            right: How often it was right.
        """

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse outputs that do not fit the targets, and a label that they do not have."""
        super().check(shape, targets)
        count = shape[-1] if self.is_choice(shape, targets.shape) else math.prod(shape)
        if self.label is not None and self.label >= count:
            raise ShapeError(
                f"takes a label from 0 to {count - 1}, one for each output, got {self.label}"
            )

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._counts = np.zeros((3, 1))
        self._weight = 0.0
        self._are_choices = False

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch."""
        answers = self.answers(y, t, weights)
        self._counts = self._counts + counted(answers, answered(answers, self.meaning == "logits"))
        self._weight += float(answers.weights.sum())
        self._are_choices = answers.are_choices

    def value(self) -> float:
        """Return the average, or the value of the label, over all batches since ``reset``.

        Where the metric is not defined, it is 0. Classes that are neither right nor answered do not
        count.
        """
        if not self._weight:
            return float("nan")
        if self.label is not None:
            return float(self._defined(self._counts[:, [self.label]])[0])
        if self.average == "micro":
            return float(self._defined(self._counts.sum(axis=1, keepdims=True))[0])
        _, answered, right = self._counts
        occurs = (answered + right > 0) | (not self._are_choices)
        weights = right if self.average == "weighted" and right.any() else occurs
        return float(np.average(self._defined(self._counts), weights=weights))

    def details(self) -> dict[str, Any]:
        """Return the value of each class or output, None if not defined, and how often it is right.

        They stand under ``classes`` or ``outputs``, and under ``support``.
        """
        if not self._weight:
            return {}
        each = "classes" if self._are_choices else "outputs"
        return {each: listed(self.ratio(*self._counts)), "support": listed(self._counts[2])}

    def _defined(self, counts: Array) -> Array:
        return np.nan_to_num(self.ratio(*counts))


def answered(answers: Answers, are_logits: bool) -> Array:
    """Return the answers of the outputs, in the form of the right ones.

    Args:
        answers: The outputs.
        are_logits: Whether outputs that each say yes or no do so above 0, rather than above one
            half.
    """
    if answers.are_choices:
        return np.asarray(answers.scores.argmax(axis=1))
    return np.asarray(answers.scores > (0 if are_logits else 0.5))


def counted(answers: Answers, given: Array) -> Array:
    """Return how often each class is answered and right, answered, and right: three rows.

    Args:
        answers: The right answers and their weights.
        given: The answers of the outputs.
    """
    right, weights, columns = answers.right, answers.weights, answers.scores.shape[1]
    if answers.are_choices:
        both = np.where(given == right, weights, 0)
        pairs = ((right, both), (given, weights), (right, weights))
        return np.array([np.bincount(of, n, minlength=columns) for of, n in pairs])
    return np.array([weights @ of for of in (given & right, given, right)])


def quotient(numerator: Array, denominator: Array) -> Array:
    """Return the quotient, NaN where both are 0."""
    undefined = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return undefined
