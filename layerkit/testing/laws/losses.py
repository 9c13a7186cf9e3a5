"""Laws of losses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from layerkit.contracts.dataset import Targets
from layerkit.contracts.loss import Loss
from layerkit.errors import ShapeError
from layerkit.gradients import numerical_gradient
from layerkit.spec import ComponentSpec
from layerkit.testing.laws.targets import FITS, other_layouts, random_batch
from layerkit.testing.subject import LawBroken, Subject, for_each
from layerkit.types import Array, Shape


@dataclass(frozen=True)
class Use:
    """A loss with outputs and targets that it takes."""

    subject: Subject
    spec: ComponentSpec[Any]
    shape: Shape
    targets: Targets

    def __str__(self) -> str:
        return f"outputs {self.shape} for {self.targets}"

    def create(self) -> Loss:
        """Return a new loss."""
        loss: Loss = self.spec.create()
        return loss

    def batch(self, dtype: str = "float64", batch: int = 6) -> tuple[Array, Array]:
        """Return random outputs and targets."""
        return random_batch(self.shape, self.targets, batch, dtype)


def uses(subject: Subject) -> list[Use]:
    """Return the loss with each common pair of outputs and targets that it accepts.

    Raises:
        LawBroken: It takes none of them.
    """
    loss_uses = []
    for _, spec in subject.uses:
        for shape, targets in FITS:
            try:
                spec.create().check(shape, targets)
            except Exception:  # that it should be a ShapeError is a law of its own
                continue
            loss_uses.append(Use(subject, spec, shape, targets))
    if not loss_uses:
        raise LawBroken("check refuses every common pair of outputs and targets")
    return loss_uses


each_use = for_each(uses)


def check_refuses_by_name(subject: Subject) -> None:
    """``check`` accepts a pair of outputs and targets, or refuses it with a ``ShapeError``."""
    for _, spec in subject.uses:
        for shape, targets in FITS:
            try:
                spec.create().check(shape, targets)
            except ShapeError:
                continue
            except Exception as error:
                raise LawBroken(
                    f"check raises {type(error).__name__} ({error}) for outputs {shape} and "
                    f"{targets}; it must refuse with a ShapeError"
                ) from error


@each_use
def each_example_has_a_loss_of_its_own(use: Use) -> None:
    """``each`` returns a finite number for each example, which other examples do not change."""
    loss, (y, t) = use.create(), use.batch()
    together = np.array(loss.each(y.copy(), t.copy()))
    if together.shape[:1] != (len(y),) or not np.isfinite(together).all():
        raise LawBroken(
            f"each must return a finite number for each of {len(y)} examples, got {together}"
        )
    for i in range(len(y)):
        alone = np.array(loss.each(y[i : i + 1].copy(), t[i : i + 1].copy()))
        if not np.allclose(alone, together[i : i + 1], rtol=1e-9, atol=1e-12):
            raise LawBroken(
                f"the loss of example {i} is {_first(alone)} alone and {_first(together[i])} among "
                f"{len(y)} examples; the mean over the batch is taken by forward"
            )


def _first(numbers: Array) -> str:
    """Return the first of some numbers as text."""
    return f"{numbers.flat[0]:.6g}"


@each_use
def weights_multiply(use: Use) -> None:
    """An example of weight 2 counts like the example twice over, and one of weight 0 not at all."""
    loss, (y, t) = use.create(), use.batch()
    # As many as there are examples: a loss that divides by their number has a law of its own.
    weights = np.array([2.0, 1.0, 0.0, 1.0, 0.0, 2.0])
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    weighted, repeated = loss.forward(y, t, weights), loss.forward(y[rows], t[rows])
    if abs(weighted - repeated) > 1e-9 * max(1.0, abs(repeated)):
        raise LawBroken(
            f"it is {weighted:.6g} with weights, and {repeated:.6g} with each example as often as "
            "its weight says; forward makes the weighted mean of what each returns"
        )


@each_use
def targets_of_another_layout_are_refused(use: Use) -> None:
    """Targets of another shape with as many numbers are refused with a ``ShapeError``."""
    y, t = use.batch()
    for other in other_layouts(t, use.shape):
        try:
            use.create().forward(y, other)
        except ShapeError:
            continue
        raise LawBroken(
            f"forward takes targets of shape {other.shape} for outputs of shape {y.shape}; "
            "as_outputs or as_labels refuses them"
        )


@each_use
def its_gradient_is_the_numerical_one(use: Use) -> None:
    """``backward`` returns what central differences give, with weights too, in several batches."""
    for batch in (6, 1, 9):
        _agree(use, batch, None)
    _agree(use, 6, np.array([0.5, 2.0, 0.0, 1.0, 3.0, 1.5]))


def _agree(use: Use, batch: int, weights: Array | None) -> None:
    loss, (y, t) = use.create(), use.batch(batch=batch)
    loss.forward(y, t, weights)
    exact = np.array(loss.backward())
    numerical = numerical_gradient(lambda: loss.forward(y, t, weights), y)
    if exact.shape != y.shape:
        raise LawBroken(
            f"backward_each must return a gradient of shape {y.shape}, got {exact.shape}"
        )
    size = max(1e-3, float(np.max(np.abs(numerical))))
    error = float(np.max(np.abs(exact - numerical)))
    if error > 1e-5 * size:
        ratio = float((exact * numerical).sum() / np.square(numerical).sum())
        with_weights = "" if weights is None else " with weights"
        raise LawBroken(
            f"the gradient{with_weights} is wrong (relative error {error / size:.1e}); along the "
            f"numerical one it has {ratio:.6g} times its length; backward_each multiplies each "
            "example's gradient by its dout"
        )


@each_use
def backward_takes_a_factor(use: Use) -> None:
    """``backward(dout)`` is ``dout`` times ``backward()``, however often it is called."""
    loss, (y, t) = use.create(), use.batch()
    loss.forward(y, t)
    once = np.array(loss.backward())
    scaled = np.array(loss.backward(-2.5))
    if not np.allclose(scaled, -2.5 * once) or not np.allclose(loss.backward(), once):
        raise LawBroken("backward(dout) must be dout times backward(), each time it is called")


@each_use
def inputs_are_left_alone(use: Use) -> None:
    """Neither ``y`` nor ``t`` is modified, and both may be read-only."""
    loss, (y, t) = use.create(), use.batch()
    y.flags.writeable = t.flags.writeable = False
    try:
        loss.forward(y, t)
        loss.backward()
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise LawBroken("it writes into y or t; write into self.scratch(...)") from error


@each_use
def the_type_is_kept(use: Use) -> None:
    """The gradient has the type of ``y``."""
    for dtype in ("float32", "float64"):
        loss, (y, t) = use.create(), use.batch(dtype)
        loss.dtype = np.dtype(dtype)
        loss.forward(y, t)
        if loss.backward().dtype != dtype:
            raise LawBroken(
                f"the gradient with respect to outputs of {dtype} is {loss.backward().dtype}"
            )


@each_use
def float32_agrees_with_float64(use: Use) -> None:
    """In float32 the loss and its gradient are the same as in float64, up to rounding."""
    y, t = use.batch("float32")
    results = []
    for dtype in ("float32", "float64"):
        loss = use.create()
        loss.dtype = np.dtype(dtype)
        of_dtype = t.astype(dtype) if t.dtype.kind == "f" else t
        results.append((loss.forward(y.astype(dtype), of_dtype), np.array(loss.backward())))
    for name, narrow, wide in zip(("loss", "gradient"), *results, strict=True):
        if not np.allclose(narrow, wide, rtol=1e-3, atol=1e-4 * float(np.max(np.abs(wide)))):
            raise LawBroken(f"in float32, the {name} is not what it is in float64")


def its_metrics_exist(subject: Subject) -> None:
    """The metrics that it names are registered."""
    for name in subject.cls.metrics if issubclass(subject.cls, Loss) else ():
        subject.registry.find("metric", name)


LAWS = (
    check_refuses_by_name,
    each_example_has_a_loss_of_its_own,
    weights_multiply,
    targets_of_another_layout_are_refused,
    its_gradient_is_the_numerical_one,
    backward_takes_a_factor,
    inputs_are_left_alone,
    the_type_is_kept,
    float32_agrees_with_float64,
    its_metrics_exist,
)
