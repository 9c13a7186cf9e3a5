"""The base class of metrics that judge answers: one choice among classes, or a yes or no each."""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from layerkit import (
    Array,
    Example,
    Metric,
    Shape,
    ShapeError,
    Targets,
    as_labels,
    as_outputs,
    check_finite,
    check_probabilities,
)
from layerkit.builtin.fitting import (
    check_an_output_for_each_class,
    check_an_output_for_each_question,
)


class Answers(NamedTuple):
    """Outputs and the right answers, one row for each position of an example.

    Attributes:
        scores: The outputs, ``(rows, columns)``: a column for each class, or for each question.
        right: The labels of the classes, ``(rows,)``; or whether yes is right, ``(rows, columns)``.
        weights: The weight of each row, ``(rows,)``.
    """

    scores: Array
    right: Array
    weights: Array

    @property
    def are_choices(self) -> bool:
        """Whether each row is one choice among classes."""
        return self.right.ndim == 1

    def is_right(self, column: int) -> Array:
        """Return in which rows a class, or yes to a question, is right: ``(rows,)``."""
        right: Array = self.right == column if self.are_choices else self.right[:, column]
        return right


class AnswerMetric(Metric):
    """A metric of answers.

    Args:
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.
    """

    examples: ClassVar[Sequence[Example]] = (
        Example(),
        Example({"multilabel": True}),
        Example({"multilabel": False}),
    )

    def __init__(self, multilabel: bool | None = None) -> None:
        self.multilabel = multilabel

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse outputs that do not fit the targets, or that leave open what they answer."""
        if self.is_choice(shape, targets.shape):
            check_an_output_for_each_class(shape, targets)
        else:
            check_an_output_for_each_question(shape, targets, instead="accuracy")

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets whose shape does not match, and those that are no answers."""
        self.right_answers((*t.shape[:1], *shape), t)

    def is_choice(self, shape: Shape, t_shape: Shape) -> bool:
        """Return whether the outputs of an example are one choice among classes.

        Args:
            shape: The shape of the outputs, without the batch axis.
            t_shape: The shape of the targets, without the batch axis.

        Raises:
            ShapeError: It cannot be told, or the option contradicts the loss.
        """
        by_loss = {"class_logits": True, "logits": False}.get(self.meaning)
        if by_loss is not None:
            if self.multilabel is by_loss:
                kind = "one choice among classes" if by_loss else "a yes or no each"
                raise ShapeError(
                    f'cannot take "multilabel": {str(self.multilabel).lower()}, because to the '
                    f"loss the outputs are {kind}",
                    "leave the option out",
                )
            return by_loss
        if not shape or shape[-1] == 1:
            return False
        if self.multilabel is None and t_shape == shape:
            raise ShapeError(
                "cannot tell whether outputs and targets of the same shape are one choice among "
                "classes or a yes or no each",
                'set "multilabel" to false or true',
            )
        return not self.multilabel

    def right_answers(self, shape: Shape, t: Array) -> Array:
        """Return labels, ``(batch, *positions)``, or booleans of the shape of the outputs.

        The right class of probabilities is the most probable one, and more than one half is yes.

        Args:
            shape: The shape of the outputs, batch axis included.
            t: The targets.

        Raises:
            ShapeError: Their shape does not match the outputs.
            DataError: They are not answers.
        """
        if not self.is_choice(shape[1:], t.shape[1:]):
            t = as_outputs(t, shape)
            check_probabilities(t)
            yes: Array = t > 0.5
            return yes
        return right_classes(shape, t)

    def answers(self, y: Array, t: Array, weights: Array | None) -> Answers:
        """Return outputs and right answers in rows, without rows of weight 0.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.
            weights: The weight of each example, ``(batch,)``; None stands for 1.
        """
        return arranged(y, self.right_answers(y.shape, t), weights)


def right_classes(shape: Shape, t: Array) -> Array:
    """Return labels, or the most probable class where there is a number for each class.

    Args:
        shape: The shape of the outputs, ``(batch, *positions, classes)``.
        t: The targets.

    Raises:
        ShapeError: There is neither one label at each position nor one number for each class.
        DataError: Labels are not integers or out of range, or a number is not finite.
    """
    if t.shape != shape:
        return as_labels(t, shape).astype(np.intp, copy=False)
    check_finite(t)
    return np.asarray(t.argmax(axis=-1))


def arranged(y: Array, right: Array, weights: Array | None) -> Answers:
    """Return outputs and right answers in rows, without rows of weight 0.

    Args:
        y: The output of the network, ``(batch, *shape)``.
        right: What ``right_answers`` returned.
        weights: The weight of each example, ``(batch,)``; None stands for 1.
    """
    if right.shape == y.shape:
        columns = math.prod(y.shape[1:])
        scores, right = y.reshape(len(y), columns), right.reshape(len(y), columns)
    else:
        scores, right = y.reshape(-1, y.shape[-1]), right.reshape(-1)
    if weights is None:
        return Answers(scores, right, np.ones(len(scores)))
    rows = np.repeat(weights, len(scores) // max(1, len(y)))
    if rows.all():
        return Answers(scores, right, rows)
    is_counted = rows > 0
    return Answers(scores[is_counted], right[is_counted], rows[is_counted])


def listed(values: Array) -> list[float | None]:
    """Return numbers as JSON has them: None for NaN, and integers without a fraction."""
    return [None if np.isnan(v) else int(v) if v == np.rint(v) else float(v) for v in values]
