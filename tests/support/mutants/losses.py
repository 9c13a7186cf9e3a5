"""Mutants of the laws of losses."""

import numpy as np

from layerkit import Array, Loss, Shape, ShapeError, Targets, as_outputs
from mutants.catalogue import breaks, sound


@sound
class Squares(Loss):
    """Mean of squares, ``sum((y - t)^2) / batch``.

    Shapes:
        y, t: ``(batch, *shape)``
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        if targets.classes is not None or shape != targets.shape:
            raise ShapeError("takes outputs of the shape of the targets")

    def forward(self, y: Array, t: Array) -> float:
        self._d = y - as_outputs(t, y.shape)
        return float(np.square(self._d).sum() / max(1, len(y)))

    def backward(self, dout: float = 1.0) -> Array:
        return 2 * dout / len(self._d) * self._d


class OfSquares(Squares):
    __doc__ = Squares.__doc__


@breaks("float32_agrees_with_float64", "in float32, the gradient is not what it is")
class DoublesItsFloat32(OfSquares):
    __doc__ = Squares.__doc__

    def backward(self, dout: float = 1.0) -> Array:
        dy = super().backward(dout)
        return 2 * dy if dy.dtype == np.float32 else dy


@breaks(
    "targets_of_another_layout_are_refused", "forward takes targets of shape (4, 6) for outputs"
)
class ReshapesTargets(OfSquares):
    __doc__ = Squares.__doc__

    def forward(self, y: Array, t: Array) -> float:
        return super().forward(y, t.reshape(y.shape))


@breaks("its_gradient_is_the_numerical_one", "times its length")
class DividesBySix(OfSquares):
    __doc__ = Squares.__doc__

    def backward(self, dout: float = 1.0) -> Array:
        return super().backward(dout) * len(self._d) / 6


@breaks("check_refuses_by_name", "check raises ValueError")
class ChecksWithAnotherError(OfSquares):
    __doc__ = Squares.__doc__

    def check(self, shape: Shape, targets: Targets) -> None:
        if shape == (2, 3):
            raise ValueError("not that")
        super().check(shape, targets)


@breaks("the_loss_is_a_mean_over_the_batch", "divide by the number of examples")
class Sums(OfSquares):
    __doc__ = Squares.__doc__

    def forward(self, y: Array, t: Array) -> float:
        return super().forward(y, t) * len(y)

    def backward(self, dout: float = 1.0) -> Array:
        return super().backward(dout) * len(self._d)


@breaks("its_gradient_is_the_numerical_one", "0.5 times its length")
class HalvesItsGradient(OfSquares):
    __doc__ = Squares.__doc__

    def backward(self, dout: float = 1.0) -> Array:
        return super().backward(dout) / 2


@breaks("backward_takes_a_factor", "must be dout times backward()")
class IgnoresTheFactor(OfSquares):
    __doc__ = Squares.__doc__

    def backward(self, dout: float = 1.0) -> Array:
        return super().backward()


@breaks("inputs_are_left_alone", "it writes into y or t")
class WritesIntoTargets(OfSquares):
    __doc__ = Squares.__doc__

    def forward(self, y: Array, t: Array) -> float:
        loss = super().forward(y, t)
        t -= 0
        return loss


@breaks("the_type_is_kept", "the gradient with respect to outputs of float32 is float64")
class WidensTheGradient(OfSquares):
    __doc__ = Squares.__doc__

    def backward(self, dout: float = 1.0) -> Array:
        return super().backward(dout).astype(np.float64)


@breaks("its_metrics_exist", 'no metric is named "acuracy"')
class NamesNoMetric(OfSquares):
    __doc__ = Squares.__doc__
    metrics = ("acuracy",)
