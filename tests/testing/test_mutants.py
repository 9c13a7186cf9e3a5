"""Every law is proved by a mutant: a component with one mistake, which only that law catches."""

import json
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

from layerkit import (
    Array,
    Data,
    Dataset,
    Example,
    Field,
    Form,
    Initializer,
    Layer,
    Loss,
    MeanMetric,
    Metric,
    NonNegativeFloat,
    Optimizer,
    Parameter,
    PositiveFloat,
    PositiveInt,
    Registrar,
    Schedule,
    Shape,
    ShapeError,
    Split,
    State,
    Targets,
    as_outputs,
    load_registry,
)
from layerkit.registry import KINDS, Provider
from layerkit.testing import check_component, checks

SOUND: list[type] = []
MUTANTS: dict[str, tuple[type, str]] = {}
"""By name the mutant, and the law that only it breaks."""


def sound(cls):
    """Note a component that keeps every law."""
    SOUND.append(cls)
    return cls


def breaks(law, says=""):
    """Note a mutant, the law that catches it, and what the message must say of the mistake."""

    def note(cls):
        MUTANTS[cls.__name__] = (cls, law, says)
        return cls

    return note


# Layers


@sound
class Scale(Layer):
    """Trained scale, ``y = w x``.

    Args:
        start: The first value of ``w``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = start

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, self.start)
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        return self.w.value * x

    def backward(self, dout: Array) -> Array:
        self.w.grad = (dout * self._x).sum(axis=0)
        return dout * self.w.value


class OfScale(Scale):
    __doc__ = Scale.__doc__


@sound
class Product(Layer):
    """Product of two inputs, ``y = a b``.

    Shapes:
        a, b: ``(batch, *shape)``
        y: the shape of ``a``
    """

    def build(self, a: Shape, b: Shape) -> Shape:
        if a != b:
            raise ShapeError("takes two inputs of one shape")
        return a

    def forward(self, a: Array, b: Array) -> Array:
        self._a, self._b = a, b
        return a * b

    def backward(self, dout: Array) -> tuple[Array, Array]:
        return dout * self._b, dout * self._a


class OfProduct(Product):
    __doc__ = Product.__doc__


@sound
class Centre(Layer):
    """Takes off a running mean, ``y = w x - mean``, which counts as a constant.

    Args:
        momentum: How far the mean goes toward that of each batch.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, momentum: NonNegativeFloat = 0.5) -> None:
        self.momentum = momentum

    def build(self, shape: Shape) -> Shape:
        self.w, self.mean = Parameter(shape, 2.0), State(shape)
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        y = self.w.value * x - self.mean.value
        if self.training and len(x):
            self.mean.value += self.momentum * (x.mean(axis=0) - self.mean.value)
        return y

    def backward(self, dout: Array) -> Array:
        self.w.grad = (dout * self._x).sum(axis=0)
        return dout * self.w.value


class OfCentre(Centre):
    __doc__ = Centre.__doc__


@breaks("it_is_registered", "no installed plugin registers Unregistered")
class Unregistered(OfScale):
    __doc__ = Scale.__doc__


@breaks("its_docstring_describes_it", 'no section "Shapes:"')
class WithoutShapes(Scale):
    """Trained scale.

    Args:
        start: The first value.
    """


@breaks("its_options_are_described", "option start has no line")
class WithoutArgs(Layer):
    """Fixed scale, ``y = start x``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = start

    def forward(self, x: Array) -> Array:
        return self.start * x

    def backward(self, dout: Array) -> Array:
        return self.start * dout


@breaks("its_options_go_through_json", "option start was given as 1.5, but the attribute")
class StoresAnother(Scale):
    __doc__ = Scale.__doc__
    examples = (Example({"start": 1.5}, [(3,)]),)

    def __init__(self, start: PositiveFloat = 1.5) -> None:
        self.start = 2 * start


@breaks("its_bounds_hold", "the default of option start is refused in a spec: ")
class DefaultOutOfBounds(Scale):
    __doc__ = Scale.__doc__

    def __init__(self, start: Annotated[float, Field(gt=0, le=1)] = 1.5) -> None:
        self.start = start


@breaks("the_shape_is_the_inferred_one", "build says that the output of a batch of 0 is (0, 5, 1)")
class WrongShape(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        return (*super().build(shape), 1)


@breaks("the_gradients_have_the_shapes_of_what_they_are_by", "must return gradients of the shapes")
class ExtraGradient(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Any:
        return super().backward(dout), None


@breaks("a_wrong_shape_is_refused_by_name", "forward raises ValueError")
class TakesAnything(OfProduct):
    __doc__ = Product.__doc__

    def build(self, a: Shape, b: Shape) -> Shape:
        return a


@breaks("one_example_without_its_batch_axis_is_refused", "and returns the shape (5,)")
class InitializesItself(OfScale):
    __doc__ = Scale.__doc__

    def initialize(self, *shapes: Shape, rng=0, dtype=np.float64, training=True) -> Shape:
        shape = super().initialize(*shapes, rng=rng, dtype=dtype, training=training)
        self.input_shapes = None
        return shape


@breaks("one_example_without_its_batch_axis_is_refused", "forward raises ValueError")
class LooksForItself(InitializesItself):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        if x.ndim == self.w.value.ndim:
            raise ValueError("no batch")
        return super().forward(x)


@breaks("its_outputs_mean_what_it_says", 'says meaning = "probabilities", but its outputs go from')
class CallsThemProbabilities(OfScale):
    __doc__ = Scale.__doc__
    meaning = "probabilities"


@breaks("its_outputs_mean_what_it_says", "where its inputs are from 0 to 1")
class CallsThemTheSame(OfScale):
    __doc__ = Scale.__doc__
    meaning = "same"


@breaks("its_outputs_mean_what_it_says", "meaning must be one of numbers, probabilities, logits")
class MeansSomethingElse(OfScale):
    __doc__ = Scale.__doc__
    meaning = "chances"


@breaks("the_type_is_kept", "forward turns float32 into float64")
class Widens(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x).astype(np.float64)


@breaks("inputs_are_left_alone", "backward writes into dout or x")
class WritesIntoDout(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        dout *= 2
        return dx


@breaks("inputs_are_left_alone", "forward writes into x")
class WritesIntoX(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        kept = x.copy()
        x += 1
        return super().forward(kept)


@breaks("arrays_with_gaps_give_the_same", "go by their axes, not by their memory")
class ReadsMemory(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x.ravel("K").reshape(x.shape))


@breaks("results_share_no_memory_with_what_came_in", "the output shares memory with x")
class ReturnsItsInput(Layer):
    """Nothing at all, ``y = x``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dout: Array) -> Array:
        return dout.copy()


@breaks("results_share_no_memory_with_what_came_in", "shares memory with w; return a copy")
class ReturnsItsParameter(Layer):
    """A trained vector whatever comes in, ``y = w``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, 1.0)
        return shape

    def forward(self, x: Array) -> Array:
        self._shape = x.shape
        return np.broadcast_to(self.w.value, x.shape)

    def backward(self, dout: Array) -> Array:
        self.w.grad = dout.sum(axis=0)
        return np.zeros(self._shape, dout.dtype)


@breaks("examples_do_not_mix", "an example gives something else alone than in a batch")
class Mixes(Layer):
    """Takes off the mean of the batch, ``y = x - mean(x)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        return x - x.sum(axis=0) / max(1, len(x))

    def backward(self, dout: Array) -> Array:
        return dout - dout.sum(axis=0) / max(1, len(dout))


@breaks("gradients_of_inputs_are_the_numerical_ones", "it is 2 times the numerical one")
class DoublesDx(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        right = super().backward(dout)
        return 2 * right if self.training else right


@breaks(
    "gradients_of_inputs_are_the_numerical_ones", "the gradient with respect to input 1 is wrong"
)
class SwapsOneInput(OfProduct):
    __doc__ = Product.__doc__

    def forward(self, a: Array, b: Array) -> Array:
        self._trains = self.training
        return super().forward(a, b)

    def backward(self, dout: Array) -> tuple[Array, Array]:
        da, db = super().backward(dout)
        return da, da.copy() if self._trains else db


@breaks("gradients_of_parameters_are_the_numerical_ones", "examples are averaged")
class AveragesGradients(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad /= len(dout)
        return dx


@breaks("gradients_of_parameters_are_the_numerical_ones", "a sign is missing")
class WrongSign(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad = -self.w.grad
        return dx


@breaks(
    "backward_goes_with_the_last_forward",
    "after an evaluation, the gradient with respect to x is wrong",
)
class KeepsOnlyInTraining(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        if self.training or not hasattr(self, "_x"):
            self._x = x
        return np.square(x)

    def backward(self, dout: Array) -> Array:
        return 2 * self._x[: len(dout)] * dout


@breaks("gradients_are_set_not_added", "backward adds to the gradient of w")
class Accumulates(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        before = self.w.grad.copy()
        dx = super().backward(dout)
        self.w.grad += before
        return dx


@breaks("parameters_learn_even_if_nobody_wants_the_input_gradient", "the gradient of w is another")
class ReturnsTooEarly(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Any:
        return super().backward(dout) if self.needs_input_grad else None


@breaks("the_same_seed_gives_the_same", "draw from self.rng")
class DrawsElsewhere(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, lambda shape, rng: 1 + np.random.default_rng().random(shape))
        return shape


@breaks("modes_differ_only_if_it_says_so", "differs_in_training = True")
class HalvesInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        self._factor = 1.0 if self.training else 0.5
        return self._factor * super().forward(x)

    def backward(self, dout: Array) -> Array:
        return super().backward(self._factor * dout)


@breaks("evaluation_changes_nothing", "a pass in evaluation changes mean")
class LearnsInEvaluation(OfCentre):
    __doc__ = Centre.__doc__

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        if not self.training and len(x):
            self.mean.value += self.momentum * (x.mean(axis=0) - self.mean.value)
        return y


@breaks("evaluation_changes_nothing", "draws random numbers")
class DrawsInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        if not self.training:
            self.rng.random()
        return super().forward(x)


@breaks("all_that_it_has_learnt_is_saved", "belongs into a Parameter or a State")
class KeepsAnAttribute(OfScale):
    __doc__ = Scale.__doc__
    _shift: Any = None

    def forward(self, x: Array) -> Array:
        if self.training and self._shift is None:
            self._shift = self.rng.normal(size=x.shape[1:]).astype(x.dtype)
        return super().forward(x) + (0 if self._shift is None else self._shift)


@breaks("a_step_changes_every_parameter", "the gradient of idle is 0 everywhere")
class Idles(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.idle = Parameter(shape)
        return super().build(shape)

    def backward(self, dout: Array) -> Array:
        self.idle.grad = 0
        return super().backward(dout)


class NeverSetsAGradient(Idles):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        return super().forward(x)

    def backward(self, dout: Array) -> Array:
        return OfScale.backward(self, dout)


@breaks("earlier_passes_leave_no_trace", "depend on the batches that went through before")
class RemembersItsFirstBatch(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        self._first = getattr(self, "_first", len(x))
        # Right for batches of the size of the first, and of 1.
        y = super().forward(x)
        return y if len(x) in (self._first, 1) else y + 1


@breaks("layers_do_not_share", "keep everything in self")
class KeepsInTheClass(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    kept: ClassVar[list[Array]] = []

    def forward(self, x: Array) -> Array:
        self.kept[:] = [x]
        return np.square(x)

    def backward(self, dout: Array) -> Array:
        return 2 * self.kept[0] * dout


@breaks(
    "float32_agrees_with_float64", "in float32, the gradient with respect to x is not what it is"
)
class DoublesInFloat32(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        return 2 * dx if dx.dtype == np.float32 else dx


@breaks("float32_agrees_with_float64", "the output is not finite for inputs of about 100")
class Overflows(Layer):
    """Smooth rectifier, ``y = log(1 + exp(x))``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._exp = np.exp(x)
        return np.log1p(self._exp)

    def backward(self, dout: Array) -> Array:
        return dout / (1 + 1 / self._exp)


@breaks("passes_leave_values_alone", "backward changes mean; only an optimizer changes")
class MovesInBackward(OfCentre):
    __doc__ = Centre.__doc__

    def backward(self, dout: Array) -> Array:
        if self._trains:
            self.mean.value *= 0.9
        return super().backward(dout)

    def forward(self, x: Array) -> Array:
        self._trains = self.training
        return super().forward(x)


@breaks("passes_leave_values_alone", "backward changes the output that forward returned")
class WritesIntoItsOutput(Layer):
    """The square, ``y = x^2``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._x = x
        self._y = np.square(x)
        return self._y

    def backward(self, dout: Array) -> Array:
        np.multiply(2 * self._x, dout, out=self._y)
        return self._y.copy()


@breaks("training_moves_its_states", "training leaves the state mean as it was")
class NeverMoves(OfCentre):
    __doc__ = Centre.__doc__

    def forward(self, x: Array) -> Array:
        self._x = x
        return self.w.value * x - self.mean.value


@breaks("it_is_what_it_says_of_itself", "says mixes_examples = True, but no use of it shows so")
class SaysThatItMixes(OfScale):
    __doc__ = Scale.__doc__
    mixes_examples = True


@breaks("gradients_of_inputs_are_the_numerical_ones", "the gradient with respect to x is wrong")
class ForgetsItsScale(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, 1.0)  # which hides the mistake
        return shape

    def forward(self, x: Array) -> Array:
        self._trains = self.training
        return super().forward(x)

    def backward(self, dout: Array) -> Array:
        right = super().backward(dout)
        return dout.copy() if self._trains else right


@breaks("gradients_of_inputs_are_the_numerical_ones", "are swapped")
class SwapsBothInputs(OfProduct):
    __doc__ = Product.__doc__

    def forward(self, a: Array, b: Array) -> Array:
        self._trains = self.training
        return super().forward(a, b)

    def backward(self, dout: Array) -> tuple[Array, Array]:
        da, db = super().backward(dout)
        return (db, da) if self._trains else (da, db)


@breaks("gradients_of_parameters_are_the_numerical_ones", ", in a batch of 9")
class CountsItsBatch(OfScale):
    __doc__ = Scale.__doc__

    def backward(self, dout: Array) -> Array:
        dx = super().backward(dout)
        if self.training:
            self.w.grad = (dout * self._x)[:4].sum(axis=0)
        return dx


@breaks("the_type_is_kept", "forward turns float32 into float64 in evaluation")
class WidensInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        return y if self.training else y * np.ones(1)


@breaks("layers_do_not_share", "nothing in the class or the module")
class SharesAGradient(Layer):
    """The sine, ``y = sin(x)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    shared: ClassVar[dict[Any, Array]] = {}

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.sin(x)

    def backward(self, dout: Array) -> Array:
        dx = self.shared.setdefault((dout.shape, dout.dtype.str), np.empty_like(dout))
        np.cos(self._x, out=dx)
        dx *= dout
        return dx


@breaks("the_same_seed_gives_the_same", "makes a random generator of its own")
class AlwaysDrawsTheSame(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, lambda shape, rng: np.random.default_rng(0).normal(size=shape))
        return shape


class CutsOff(Layer):
    """Rectifier with an upper bound, ``y = min(max(x, 0), 6)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.clip(x, 0, 6)

    def backward(self, dout: Array) -> Array:
        return dout * (self._x > 0)


class Multiplies(Layer):
    """Product of any number of inputs.

    Shapes:
        xs: ``(batch, *shape)``
        y: that shape
    """

    def build(self, *shapes: Shape) -> Shape:
        if len(set(shapes)) > 1:
            raise ShapeError("takes inputs of one shape")
        return shapes[0]

    def forward(self, *xs: Array) -> Array:
        self._count = len(xs)
        return np.prod(xs, axis=0)

    def backward(self, dout: Array) -> tuple[Array, ...]:
        return tuple(dout.copy() for _ in range(self._count))


class ForgetsAnOption(Layer):
    """Fixed scale, ``y = factor x``, or its negative.

    Args:
        factor: What to multiply by.
        negative: Whether to change the sign.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def __init__(self, factor: float = 2.0, negative: bool = False) -> None:
        self.factor = factor
        self.negative = negative

    def forward(self, x: Array) -> Array:
        return -self.factor * x if self.negative else self.factor * x

    def backward(self, dout: Array) -> Array:
        return 2.0 * dout


@sound
class LowRank(Layer):
    """A correction that begins at 0, ``y = x + x A B``.

    Shapes:
        x: ``(batch, features)``
        y: the shape of ``x``
    """

    def build(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ShapeError("takes vectors")
        self.A = Parameter((*shape, 2), lambda shape, rng: rng.normal(size=shape))
        self.B = Parameter((2, *shape))
        return shape

    def forward(self, x: Array) -> Array:
        self._x = x
        return x + x @ self.A.value @ self.B.value

    def backward(self, dout: Array) -> Array:
        into = dout @ self.B.value.T
        self.A.grad = self._x.T @ into
        self.B.grad = (self._x @ self.A.value).T @ dout
        return dout + into @ self.A.value.T


@sound
class Quotient(Layer):
    """Quotient of two inputs, ``y = a / b``.

    Shapes:
        a, b: ``(batch, *shape)``
        y: the shape of ``a``
    """

    def build(self, a: Shape, b: Shape) -> Shape:
        if a != b:
            raise ShapeError("takes two inputs of one shape")
        return a

    def forward(self, a: Array, b: Array) -> Array:
        self._a, self._b = a, b
        return a / b

    def backward(self, dout: Array) -> tuple[Array, Array]:
        return dout / self._b, -dout * self._a / self._b**2


@sound
class Logarithm(Layer):
    """Natural logarithm, of positive numbers.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    examples = (Example(shapes=[(3,)], between=(0.1, 10.0)),)

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.log(x)

    def backward(self, dout: Array) -> Array:
        return dout / self._x


# Losses


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


# Optimizers


@sound
class Descent(Optimizer):
    """Gradient descent with momentum.

    Args:
        learning_rate: How far to go.
    """

    def __init__(self, learning_rate: PositiveFloat | Schedule = 0.01) -> None:
        self.learning_rate = learning_rate

    def build(self, size: int) -> None:
        self.v = State((size,))

    def update(self, params: Array, grads: Array, step: int) -> None:
        self.v.value = 0.5 * self.v.value + grads
        params -= self.rate(step) * self.v.value


class OfDescent(Descent):
    __doc__ = Descent.__doc__


@breaks("it_goes_downhill", "is the sign right?")
class GoesUphill(OfDescent):
    __doc__ = Descent.__doc__

    def update(self, params: Array, grads: Array, step: int) -> None:
        super().update(params, -grads, step)


@breaks("it_updates_in_place", "a state is not float32")
class KeepsDoubles(OfDescent):
    __doc__ = Descent.__doc__

    def build(self, size: int) -> None:
        self.v = Doubles((size,))


class Doubles(State):
    def bind(self, value: Array) -> None:
        super().bind(value.astype(np.float64))


@breaks("every_parameter_counts_alone", "updated in another way alone")
class DividesByTheNorm(OfDescent):
    __doc__ = Descent.__doc__

    def update(self, params: Array, grads: Array, step: int) -> None:
        super().update(params, grads / (1 + np.linalg.norm(grads)), step)


@breaks("all_that_it_remembers_is_saved", "belongs into a State")
class CountsByItself(OfDescent):
    __doc__ = Descent.__doc__
    count = 0

    def update(self, params: Array, grads: Array, step: int) -> None:
        self.count += 1
        super().update(params, grads / (1 + 1 / self.count), step)


@breaks("the_learning_rate_sets_the_pace", "use self.rate(step)")
class HasItsOwnRate(OfDescent):
    __doc__ = Descent.__doc__

    def rate(self, step: int) -> float:
        return 0.01


# Schedules, initializers


@sound
class Falling(Schedule):
    """Falls with the steps, ``0.1 / (1 + step)``."""

    def __call__(self, step: int) -> float:
        return 0.1 / (1 + step)


@breaks("rates_are_finite_and_not_negative", "the rate of step 11 of 50 is -")
class FallsBelowZero(Falling):
    """Falls in a line."""

    def __call__(self, step: int) -> float:
        return 0.1 - 0.0095 * step


@breaks("the_step_alone_tells_the_rate", "asked for in another order")
class CountsItsCalls(Falling):
    """Falls with each call."""

    calls = 0

    def __call__(self, step: int) -> float:
        self.calls += 1
        return 0.1 / self.calls


@sound
class Small(Initializer):
    """Uniform between 0 and 0.1."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return 0.1 * rng.random(shape)


@breaks("it_gives_the_shape", "asked for (4, 5) it gives (5, 4)")
class Transposes(Small):
    """Uniform, transposed."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return super().__call__(shape, rng).T


@breaks("rng_alone_decides", "draw from the rng it is given")
class DrawsFromNumpy(Small):
    """Uniform, from NumPy's own generator."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.random.random(shape)  # noqa: NPY002


# Data sets, metrics


@sound
class Points(Dataset):
    """Points with labels.

    Args:
        count: How many.
    """

    def __init__(self, count: PositiveInt = 8) -> None:
        self.count = count

    def inspect(self) -> Form:
        return Form((2,), Targets(classes=3))

    def load(self) -> Data:
        rng = np.random.default_rng(0)
        split = Split(rng.random((self.count, 2)), rng.integers(0, 3, self.count))
        return Data(split, split)


class OfPoints(Points):
    __doc__ = Points.__doc__


@breaks("a_form_is_told_beforehand", "inspect must return a Form")
class TellsNoForm(OfPoints):
    __doc__ = Points.__doc__
    downloads = True

    def inspect(self) -> Any:
        return (2,)


@breaks(
    "the_data_has_the_form_that_was_told",
    "the training part: labels must be from 0 to 1, got 0 to 2",
)
class HasAnotherClass(OfPoints):
    __doc__ = Points.__doc__

    def inspect(self) -> Form:
        return Form((2,), Targets(classes=2))


@breaks("loaded_again_it_is_the_same", "draw from a generator with a seed")
class LoadsAnew(OfPoints):
    __doc__ = Points.__doc__

    def load(self) -> Data:
        data = super().load()
        split = Split(data.train.x + np.random.default_rng().random(), data.train.t)
        return Data(split, split)


@breaks("examples_are_numbers", "there are numbers that are not finite")
class HasHoles(OfPoints):
    __doc__ = Points.__doc__

    def load(self) -> Data:
        data = super().load()
        x = data.train.x.copy()
        x[0] = np.inf
        return Data(Split(x, data.train.t), data.test)


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


@pytest.fixture(scope="module")
def registry():
    """The built-ins, and all that is registered here."""
    registrar = Registrar(Provider("layerkit-mutants", "1", __name__))
    found = [*SOUND, *(cls for cls, *_ in MUTANTS.values() if cls is not Unregistered)]
    for cls in found:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)[1:]
        getattr(registrar, cls.kind)(name, cls)
    registry = load_registry()
    registry.admit(registrar.entries)
    return registry


def broken(cls, registry):
    return {
        r.check: r.reason for r in check_component(cls, registry=registry) if r.status == "failed"
    }


@pytest.mark.parametrize("cls", SOUND)
def test_a_sound_component_keeps_every_law(cls, registry):
    assert broken(cls, registry) == {}


@pytest.mark.parametrize(("cls", "law", "says"), MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_caught_by_its_law_and_by_no_other(cls, law, says, registry):
    found = broken(cls, registry)

    assert list(found) == [law], json.dumps(found, indent=2)
    assert says in found[law]


@pytest.mark.parametrize(
    ("cls", "where"),
    [
        (CutsOff, "central differences 0"),
        (Multiplies, "[(5,) and (5,)]"),
        (ForgetsAnOption, "1.41]"),
    ],
)
def test_a_gradient_is_tried_where_it_goes_wrong(cls, where, registry):
    found = broken(cls, registry)

    assert where in found["gradients_of_inputs_are_the_numerical_ones"]


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        (Example({}, [(3,)]), "examples must be a tuple of Example"),
        ((Example({}, (3,)),), "shapes must be a list of shapes, one for each input"),
        ((Example({}, [(3,), (3,)]),), "are shapes of 2 inputs, and forward takes 1"),
    ],
)
def test_a_slip_in_the_examples_is_told(examples, says, registry):
    cls = type("Slips", (OfScale,), {"__doc__": Scale.__doc__, "examples": examples})

    assert says in broken(cls, registry)["gradients_of_inputs_are_the_numerical_ones"]


def test_a_gradient_that_is_no_array_is_told(registry):
    class GivesAList(OfProduct):
        def backward(self, dout: Array) -> Any:
            return list(super().backward(dout))

    reason = broken(GivesAList, registry)["gradients_of_inputs_are_the_numerical_ones"]
    assert reason.startswith("backward must return an array, or a tuple of one for each input")


def test_a_gradient_that_is_never_set_is_told_from_one_that_is_added_to(registry):
    found = broken(NeverSetsAGradient, registry)

    assert found["gradients_are_set_not_added"].startswith("backward leaves the gradient of idle")


def test_every_law_has_a_mutant():
    sample = {cls.kind: cls for cls in SOUND}
    laws = {(kind, check.name) for kind in KINDS for check in checks(sample[kind])}
    common = {name for _, name in laws if all((kind, name) in laws for kind in KINDS)}
    proved = {(cls.kind, law) for cls, law, _ in MUTANTS.values()}

    unproved = {(kind, law) for kind, law in laws - proved if law not in common}
    assert unproved == set()
    assert common <= {law for _, law in proved}
