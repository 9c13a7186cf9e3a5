"""Laws of layers about shapes: those of outputs and gradients, and those that are refused."""

import itertools
from dataclasses import replace

import numpy as np

from layerkit.errors import LayerkitError, NotReadyError, ShapeError
from layerkit.testing.laws.layers.passes import upstream
from layerkit.testing.laws.layers.uses import SHAPES, Use, each_use, uses
from layerkit.testing.subject import LawBroken, Subject


@each_use
def the_shape_is_the_inferred_one(use: Use) -> None:
    """The output has the shape that ``build`` returned, for batches of 1 and many.

    In evaluation, this includes batches of 0. A layer that cannot use a batch of 1 or 0 refuses it
    with a ``ShapeError``.
    """
    for batch, training in [(0, False), *itertools.product((1, 2, 3, 7, 16), (True, False))]:
        layer, inferred = use.initialized(training=training)
        try:
            y = layer.forward(*use.inputs(batch))
        except ShapeError:
            if batch > 1:
                raise
            continue
        if y.shape != (batch, *inferred):
            raise LawBroken(
                f"build says that the output of a batch of {batch} is {(batch, *inferred)}, but "
                f"forward returns {y.shape} in {'training' if training else 'evaluation'}"
            )


@each_use
def the_gradients_have_the_shapes_of_what_they_are_by(use: Use) -> None:
    """``backward`` returns one gradient for each input, with the shape of that input."""
    passes, xs = use.passes(), use.inputs()
    dout = upstream(passes.forward(xs))
    dxs = passes.layer.backward(dout)
    shapes = [np.shape(dx) for dx in (dxs if isinstance(dxs, tuple) else (dxs,))]
    if shapes != [x.shape for x in xs]:
        raise LawBroken(
            f"backward must return gradients of the shapes {[x.shape for x in xs]}, one for each "
            f"input, got {shapes}"
        )


def a_wrong_shape_is_refused_by_name(subject: Subject) -> None:
    """``build`` raises a ``ShapeError`` for every shape that ``forward`` cannot handle."""
    for use in uses(subject):
        count = len(use.example.shapes)
        for shapes in itertools.product(((), *SHAPES, (1, 1, 1, 1)), repeat=min(count, 3)):
            misfits = (*shapes, *shapes[-1:] * (count - len(shapes)))
            layer = use.create()
            doing = "build"
            try:
                layer.initialize(*misfits)
                doing = "forward"
                example = replace(use.example, shapes=misfits)
                # Numbers that a function is not defined for are no matter of shapes.
                with np.errstate(all="ignore"):
                    layer.forward(*Use(subject, example, use.spec).inputs(2))
            except Exception as error:
                # An attribute that is missing is no refusal.
                if isinstance(error, LayerkitError) and not isinstance(error, NotReadyError):
                    continue
                raise LawBroken(
                    f"{doing} raises {type(error).__name__} ({error}) for inputs of shape "
                    f"{' and '.join(map(str, misfits))}; build must refuse them with a ShapeError"
                ) from error


@each_use
def one_example_without_its_batch_axis_is_refused(use: Use) -> None:
    """Alone, outside a network, it refuses inputs without a batch axis with a ``ShapeError``."""
    layer, _ = use.initialized(training=False)
    examples = [x[0] for x in use.inputs(1)]
    try:
        y = layer.forward(*examples)
    except ShapeError:
        return
    except Exception as error:
        raise LawBroken(
            f"forward raises {type(error).__name__} ({error}) for an example without its batch "
            "axis; initialize of Layer sees to a ShapeError, so call it where you override it"
        ) from error
    raise LawBroken(
        f"forward takes an example without its batch axis, and returns the shape {np.shape(y)}; "
        "initialize of Layer sees to a ShapeError, so call it where you override it"
    )
