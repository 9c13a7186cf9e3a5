"""Laws of layers about the types of numbers: each is kept, and their results agree."""

import itertools
from contextlib import suppress

import numpy as np

from layerkit.errors import LayerkitError
from layerkit.testing.laws.layers.passes import close, upstream
from layerkit.testing.laws.layers.uses import Use, draws, each_use
from layerkit.testing.subject import LawBroken

HUGE = 100.0
"""The scale of inputs at which an exponential leaves float32."""


@each_use
def the_type_is_kept(use: Use) -> None:
    """Forward and backward return float32 for float32, and float64 for float64."""
    for dtype, training in itertools.product(("float32", "float64"), (True, False)):
        passes = use.passes(dtype, training)
        y = passes.forward(use.inputs(dtype=dtype))
        when = "" if training else " in evaluation"
        if y.dtype != dtype:
            raise LawBroken(f"forward turns {dtype} into {y.dtype}{when}")
        with suppress(*(() if training else (LayerkitError,))):  # it may refuse to go back
            for dx in passes.backward(upstream(y)):
                if dx.dtype != dtype:
                    raise LawBroken(f"backward turns {dtype} into {dx.dtype}{when}")


@each_use
def float32_agrees_with_float64(use: Use) -> None:
    """In float32 it gives the same results as in float64, up to rounding.

    For inputs in the hundreds, a result is finite in float32 if float32 can hold the float64 one.
    """
    training = not draws(use)  # another type may draw other numbers
    narrow = use.passes("float32", training)
    wide = use.twin(narrow, "float64")
    for scale in (1.0, HUGE):
        xs = use.inputs(dtype="float32", scale=scale)
        with np.errstate(all="ignore"):
            got = narrow.everything(xs)
            expected = wide.everything([x.astype("float64") for x in xs])
        for name, number in got.items():
            exact = expected[name]
            fits = np.abs(exact) < np.finfo(np.float32).max / 10
            if not np.isfinite(number[fits]).all():
                raise LawBroken(
                    f"in float32, {name} is not finite for inputs of about {scale:g}, where it is "
                    f"{exact[fits & ~np.isfinite(number)][0]:.6g} in float64"
                )
            if scale == 1 and not close(number, exact, 1e-4):
                raise LawBroken(f"in float32, {name} is not what it is in float64")
