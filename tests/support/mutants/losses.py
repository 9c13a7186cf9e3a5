"""Mutants of the laws of losses."""

import numpy as np

from layerkit import Array, Loss, Shape, ShapeError, Targets, as_outputs
from mutants.catalogue import breaks, sound


@sound
class Squares(Loss):
    """Sum of squares, ``sum((y - t)^2)``.

    Shapes:
        y, t: ``(batch, *shape)``
    """

    def check(self, shape: Shape, targets: Targets) -> None:
        if targets.classes is not None or shape != targets.shape:
            raise ShapeError("takes outputs of the shape of the targets")

    def each(self, y: Array, t: Array) -> Array:
        self._d = y - as_outputs(t, y.shape)
        return np.square(self._d).reshape(len(y), -1).sum(axis=1)

    def backward_each(self, dout: Array) -> Array:
        return 2 * self._d * dout.reshape(-1, *[1] * (self._d.ndim - 1))


class OfSquares(Squares):
    __doc__ = Squares.__doc__


@breaks("float32_agrees_with_float64", "in float32, the gradient is not what it is")
class DoublesItsFloat32(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        dy = super().backward_each(dout)
        return 2 * dy if dy.dtype == np.float32 else dy


@breaks(
    "targets_of_another_layout_are_refused", "forward takes targets of shape (4, 6) for outputs"
)
class ReshapesTargets(OfSquares):
    __doc__ = Squares.__doc__

    def each(self, y: Array, t: Array) -> Array:
        return super().each(y, t.reshape(y.shape))


@breaks("its_gradient_is_the_numerical_one", "times its length")
class DividesBySix(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        return super().backward_each(dout) * len(self._d) / 6


@breaks("check_refuses_by_name", "check raises ValueError")
class ChecksWithAnotherError(OfSquares):
    __doc__ = Squares.__doc__

    def check(self, shape: Shape, targets: Targets) -> None:
        if shape == (2, 3):
            raise ValueError("not that")
        super().check(shape, targets)


@breaks("each_example_has_a_loss_of_its_own", "the mean over the batch is taken by forward")
class Averages(OfSquares):
    __doc__ = Squares.__doc__

    def each(self, y: Array, t: Array) -> Array:
        return super().each(y, t) / len(y)

    def backward_each(self, dout: Array) -> Array:
        return super().backward_each(dout) / len(self._d)


@breaks("weights_multiply", "forward makes the weighted mean of what each returns")
class WeighsByPlace(OfSquares):
    __doc__ = Squares.__doc__

    def target_weights(self, t: Array) -> Array:
        return np.arange(1.0, len(t) + 1)


@breaks("its_gradient_is_the_numerical_one", "the gradient with weights is wrong")
class IgnoresWhichExample(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        return super().backward_each(np.full_like(dout, dout.mean()))


@breaks("its_gradient_is_the_numerical_one", "0.5 times its length")
class HalvesItsGradient(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        return super().backward_each(dout) / 2


@breaks("backward_takes_a_factor", "must be dout times backward()")
class WorksInPlace(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        dy = super().backward_each(dout)
        self._d *= 2
        return dy


@breaks("inputs_are_left_alone", "it writes into y or t")
class WritesIntoTargets(OfSquares):
    __doc__ = Squares.__doc__

    def each(self, y: Array, t: Array) -> Array:
        losses = super().each(y, t)
        t -= 0
        return losses


@breaks("the_type_is_kept", "the gradient with respect to outputs of float32 is float64")
class WidensTheGradient(OfSquares):
    __doc__ = Squares.__doc__

    def backward_each(self, dout: Array) -> Array:
        return super().backward_each(dout).astype(np.float64)


@breaks("its_metrics_exist", 'no metric is named "acuracy"')
class NamesNoMetric(OfSquares):
    __doc__ = Squares.__doc__
    metrics = ("acuracy",)
