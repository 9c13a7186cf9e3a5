"""The confusion matrix."""

import math
from typing import Any

import numpy as np

from layerkit import Array, Shape, ShapeError, Targets
from layerkit.builtin.metrics.answers import AnswerMetric, listed
from layerkit.builtin.metrics.counts import answered


class ConfusionMatrix(AnswerMetric):
    """How often examples of each class are taken for each class, as a table in the details.

    The row is the right class and the column the answer. A single output that says yes or no has
    two classes, no and yes. The value is the share of right answers: the diagonal over the whole.

    Args:
        multilabel: Whether each output says yes or no on its own, rather than all together which
            class is right. It is needed only if targets have the shape of several outputs that are
            no logits; otherwise labels, or what the loss takes, determine it.

    Shapes:
        y: ``(batch, *positions, classes)``, or one output that says yes or no
        t: ``(batch, *positions)`` labels, or the shape of ``y``
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse outputs that do not fit the targets, and several that each say yes or no."""
        super().check(shape, targets)
        outputs = math.prod(shape)
        if outputs != 1 and not self.is_choice(shape, targets.shape):
            raise ShapeError(
                f"takes one choice among classes or one yes or no, got {outputs} outputs that each "
                "say yes or no",
                'use "precision" and "recall", whose details have each output',
            )

    def reset(self) -> None:
        """Begin a new evaluation."""
        self._table = np.zeros((1, 1))

    def update(self, y: Array, t: Array, weights: Array | None = None) -> None:
        """Add a batch."""
        answers = self.answers(y, t, weights)
        given = answered(answers, self.meaning == "logits")
        classes = answers.scores.shape[1] if answers.are_choices else 2
        right, given = answers.right.reshape(-1).astype(np.intp), given.reshape(-1)
        table = np.bincount(right * classes + given, answers.weights, classes**2)
        table = table.reshape(classes, classes)
        self._table = self._table + table

    def value(self) -> float:
        """Return the share of right answers, over all batches since ``reset``."""
        total = self._table.sum()
        return float(np.trace(self._table) / total) if total else float("nan")

    def details(self) -> dict[str, Any]:
        """Return the table as ``matrix``, a list of its rows."""
        return {"matrix": [listed(row) for row in self._table]} if self._table.any() else {}
