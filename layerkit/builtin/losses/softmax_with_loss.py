"""The softmax followed by the cross-entropy."""

import numpy as np

from layerkit import Array, Fraction, Loss, Shape, Targets, as_labels, check_distributions
from layerkit.builtin.fitting import check_an_output_for_each_class
from layerkit.builtin.losses.classes import (
    ClassWeights,
    balanced,
    check_class_weights,
    check_number_of_weights,
    weights_of_classes,
)

ROUNDING = 1e-4
"""How far sums of probabilities may be from 1 before they are checked more closely."""

FEW = 32
"""The number of classes up to which the order is changed; with twice as many, it is slower."""


class SoftmaxWithLoss(Loss):
    """Cross-entropy of class probabilities, ``-sum(t log softmax(y))``.

    An example may be a sequence or an image with a class at each position; each position then has a
    loss of its own.

    Args:
        class_weights: The weight of each class in the mean; ``"balanced"`` weights each by
            ``n / (classes * count)`` over the training examples.
        label_smoothing: The share ``s`` of each target that is spread over all classes:
            ``(1 - s) t + s / classes``.

    Shapes:
        y: ``(batch, *positions, classes)``, logits
        t: ``(batch, *positions)`` labels, or the shape of ``y``: one-hot or probabilities

    Raises:
        ShapeError: By ``each``, for targets of another shape.
        DataError: By ``each``, for labels that are not integers or are out of range, and for
            probabilities of an example that do not add up to 1.

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.6.3 and appendix A.
    """

    metrics = ("accuracy",)
    meaning = "class_logits"
    balanced_weights: Array | None = None
    _rows: Array = np.arange(0)
    _classes: int = 0

    def __init__(self, class_weights: ClassWeights = None, label_smoothing: Fraction = 0.0) -> None:
        check_class_weights(class_weights)
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse anything but one output for each class, at each position of the targets."""
        check_an_output_for_each_class(shape, targets)
        check_number_of_weights(self.class_weights, shape[-1])

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets that are neither labels nor probabilities of the classes."""
        if t.shape[1:] == shape:
            check_distributions(t)
        else:
            as_labels(t, (*t.shape[:1], *shape))

    def fit(self, shape: Shape, t: Array) -> None:
        """Count the classes, if their weights are to be balanced.

        Raises:
            DataError: A class has no training examples.
        """
        if self.class_weights == "balanced":
            classes = shape[-1]
            if t.shape[1:] == shape:
                counts = t.reshape(-1, classes).sum(axis=0, dtype=np.float64)
            else:
                counts = np.bincount(t.reshape(-1), minlength=classes)
            self.balanced_weights = balanced(counts)

    def target_weights(self, t: Array) -> Array | None:
        """Return the weight of the class of each target; of probabilities, the mean by them."""
        weights = weights_of_classes(self.class_weights, self.balanced_weights)
        if weights is None:
            return None
        return t @ weights if t.ndim == len(self._shape) else weights[t]

    def each(self, y: Array, t: Array) -> Array:
        """Return ``-sum(t log softmax(y))`` of each example, or of each position of it."""
        labelled = t.shape != y.shape
        if labelled:
            t = as_labels(t, y.shape)
        if self.label_smoothing:
            t, labelled = self._smoothed(t, y), False
        self._shape = y.shape
        y = y.reshape(-1, y.shape[-1])
        column = self.scratch("column", (len(y), 1), y.dtype)
        # log softmax(y) = z - log(sum(exp(z))) for y shifted by any number; shifted by its
        # largest element, no exponential overflows and one of them is 1.
        z = self._by_class(y)
        np.maximum.reduce(z, axis=1, keepdims=True, out=column)
        z -= column
        of_targets = self.scratch("of_targets", (len(y),), y.dtype)
        if labelled:
            self._t, self._weight = self._positions(t.reshape(-1), y.shape[1]), None
            y.take(self._t, out=of_targets, mode="clip")
            of_targets -= column[:, 0]
        else:
            t = t.reshape(y.shape)
            self._t, self._weight = t, self.scratch("weight", column.shape, y.dtype)
            np.add.reduce(t, axis=1, keepdims=True, dtype=y.dtype, out=self._weight)
            if t.size:
                self._check(t, self._weight)
            product = np.multiply(t, z, out=self.scratch("dy", y.shape, y.dtype))
            np.add.reduce(product, axis=1, out=of_targets)
        p = np.exp(z, out=z)
        np.add.reduce(p, axis=1, keepdims=True, out=column)
        self._p = np.divide(p, column, out=p)
        np.log(column, out=column)
        if self._weight is not None:
            column *= self._weight
        losses = np.subtract(column[:, 0], of_targets, out=of_targets)
        return losses.reshape(self._shape[:-1])

    def backward_each(self, dout: Array) -> Array:
        """Return ``(softmax(y) sum(t) - t) dout``; ``sum(t)`` is 1, up to rounding."""
        p, t, dout = self._p, self._t, dout.reshape(-1, 1)
        dy = self.scratch("dy", p.shape, p.dtype)
        if self._weight is None:
            np.multiply(p, dout, out=dy)
            np.subtract.at(dy.reshape(-1), t, dout[:, 0])
        else:
            np.multiply(p, self._weight, out=dy)
            dy -= t
            dy *= dout
        return dy.reshape(self._shape)

    def _smoothed(self, t: Array, y: Array) -> Array:
        """Return probabilities ``(1 - s) t + s / classes`` in the shape of the outputs."""
        smooth, classes = self.scratch("smooth", y.shape, y.dtype), y.shape[-1]
        share = self.label_smoothing / classes
        if t.shape == y.shape:
            check_distributions(t)
            np.multiply(t, 1 - self.label_smoothing, out=smooth)
            smooth += share
        else:
            smooth.fill(share)
            rows = smooth.reshape(-1, classes)
            rows[np.arange(len(rows)), t.reshape(-1)] += 1 - self.label_smoothing
        return smooth

    def _by_class(self, y: Array) -> Array:
        """Return a copy that is stored class by class if there are few classes.

        NumPy then adds up whole columns instead of a few numbers at a time: for 10 classes the loss
        takes half the time.
        """
        z = self.scratch("p", y.shape if y.shape[1] > FEW else y.shape[::-1], y.dtype)
        z = z if y.shape[1] > FEW else z.T
        np.copyto(z, y)
        return z

    def _check(self, t: Array, sums: Array) -> None:
        """Refuse targets that are not probabilities, with a thorough check only if in doubt."""
        least = np.minimum.reduce(t, None)
        smallest, largest = np.minimum.reduce(sums, None), np.maximum.reduce(sums, None)
        if not (least >= 0 and 1 - ROUNDING < smallest <= largest < 1 + ROUNDING):
            check_distributions(t)

    def _positions(self, t: Array, classes: int) -> Array:
        """Return the positions of the labelled outputs in the batch laid out as one vector."""
        if self._classes != classes or len(self._rows) < len(t):
            self._rows, self._classes = np.arange(0, len(t) * classes, classes), classes
        at = self.scratch("at", t.shape, np.intp)
        return np.add(self._rows[: len(t)], t, out=at, casting="unsafe")
