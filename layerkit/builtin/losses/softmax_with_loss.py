"""The softmax followed by the cross-entropy."""

import numpy as np

from layerkit import Array, Loss, Shape, ShapeError, Targets


class SoftmaxWithLoss(Loss):
    """Cross-entropy of class probabilities, ``-sum(t log softmax(y))``, averaged over the batch.

    Shapes:
        y: ``(batch, classes)``, logits
        t: ``(batch,)`` labels, or ``(batch, classes)`` one-hot or probabilities

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.6.3 and appendix A.
    """

    metrics = ("accuracy",)
    _rows: Array = np.arange(0)

    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse anything but one output for each class."""
        if len(shape) != 1:
            raise ShapeError(
                f"takes a vector of one output for each class, got {shape}",
                'end the network with "flatten" and "affine"',
            )
        if targets.classes is not None and targets.shape:
            raise ShapeError(
                f"takes one label for each example, got labels of shape {targets.shape}"
            )
        if targets.classes is None and len(targets.shape) != 1:
            raise ShapeError(
                f"takes labels of classes, or one probability for each class, got {targets}",
                'for numbers there is "mean_squared_error"',
            )
        classes = targets.shape[0] if targets.classes is None else targets.classes
        if shape != (classes,):
            raise ShapeError(
                f"takes one output for each of {classes} classes, got {shape}",
                f"give the last layer {classes} units",
            )

    def forward(self, y: Array, t: Array) -> float:
        """Return the mean over the batch of ``-sum(t log softmax(y))``."""
        shape, column, dtype = y.shape, (len(y), 1), y.dtype
        # softmax(y) = exp(z) / sum(exp(z)) for y shifted by any number; shifted by its largest
        # element, no exponential overflows and one of them is 1.
        largest = np.max(y, axis=1, keepdims=True, out=self.scratch("largest", column, dtype))
        z = np.subtract(y, largest, out=self.scratch("z", shape, dtype))
        p = np.exp(z, out=self.scratch("p", shape, dtype))
        total = np.sum(p, axis=1, keepdims=True, out=self.scratch("total", column, dtype))
        self._p = np.divide(p, total, out=p)
        minus_log_p = np.subtract(np.log(total, out=total), z, out=z)
        self._t = self._flat_indices(t, shape[1]) if t.ndim == 1 else t
        if t.ndim == 1:
            losses = self.scratch("losses", t.shape, dtype)
            # The mode is one that writes to out directly; "raise" goes through a copy.
            minus_log_p.reshape(-1).take(self._t, out=losses, mode="clip")
        else:
            losses = np.multiply(minus_log_p, t, out=z)
        return float(losses.sum() / len(y))

    def backward(self, dout: float = 1.0) -> Array:
        """Return ``(softmax(y) sum(t) - t) dout / batch``, where ``sum(t)`` is 1 for a label."""
        p, t = self._p, self._t
        dy = self.scratch("dy", p.shape, p.dtype)
        if t.ndim == 1:
            np.copyto(dy, p)
            # A number of the same type takes the short way: 30 times as fast at batch 1000.
            np.subtract.at(dy.reshape(-1), t, p.dtype.type(1))
        else:
            weight = self.scratch("weight", (len(p), 1), p.dtype)
            np.multiply(p, np.sum(t, axis=1, keepdims=True, dtype=p.dtype, out=weight), out=dy)
            dy -= t
        dy *= dout / len(p)
        return dy

    def _flat_indices(self, labels: Array, classes: int) -> Array:
        """Return where the output of each label stands among all outputs of the batch."""
        if len(self._rows) < len(labels):
            self._rows = np.arange(len(labels))
        indices = self.scratch("indices", labels.shape, np.intp)
        np.multiply(self._rows[: len(labels)], classes, out=indices)
        return np.add(indices, labels, out=indices, casting="unsafe")
