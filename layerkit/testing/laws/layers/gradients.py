"""Laws of layers about gradients: they equal numerical ones, and are set rather than added."""

import itertools
from functools import partial

import numpy as np

from layerkit.comparison import EPSILON, Comparison, compare, rounding_noise
from layerkit.errors import LayerkitError, ShapeError
from layerkit.testing.laws.layers.passes import Passes, close, input_names, upstream
from layerkit.testing.laws.layers.uses import BATCH, BATCHES, LARGE, Use, each_use
from layerkit.testing.subject import LawBroken
from layerkit.types import Array


@each_use
def gradients_of_inputs_are_the_numerical_ones(use: Use) -> None:
    """In training, ``backward`` returns what central differences give, for any ``dout``."""
    _agree(use, "input", training=True)


@each_use
def gradients_of_parameters_are_the_numerical_ones(use: Use) -> None:
    """In training, ``backward`` sets what central differences give, for any ``dout``."""
    _agree(use, "parameter", training=True)


@each_use
def backward_goes_with_the_last_forward(use: Use) -> None:
    """After a pass in training and one in evaluation, ``backward`` belongs to the evaluation.

    It may also refuse with a ``LayerkitError``.
    """
    passes = use.passes()
    passes.forward(use.inputs(seed=5), training=True)
    try:
        for what in ("input", "parameter"):
            _agree(use, what, training=False, passes=passes)
    except LawBroken as error:
        raise LawBroken(f"after an evaluation, {error}") from None
    except LayerkitError:
        return


def _agree(use: Use, what: str, training: bool, passes: Passes | None = None) -> None:
    """Compare gradients with numerical ones; a sample near a kink is drawn again."""
    passes = passes or use.passes()
    for batch in BATCHES:
        try:
            _agree_on(use, what, training, passes, batch, 1.0)
        except ShapeError:
            if batch > 1:
                raise
        except LawBroken as error:
            where = "" if batch == BATCH else f", in a batch of {batch}"
            raise LawBroken(f"{error}{where}") from None
    _agree_on(use, what, training, passes, BATCH, LARGE)


def _agree_on(
    use: Use, what: str, training: bool, passes: Passes, batch: int, scale: float
) -> None:
    for seed in range(1, 6):
        xs = use.inputs(batch, seed=seed, scale=scale)
        y = passes.forward(xs, training)
        dout = upstream(y)
        dxs = passes.backward(dout)
        exact = dict(zip(input_names(xs), dxs, strict=False))
        sources = dict(zip(input_names(xs), xs, strict=True))
        if what == "parameter":
            exact = passes.grads()
            sources = {name: p.value for name, p in passes.parameters.items()}
        terms = partial(_changes, passes, xs, training, dout, y)
        depends_on = [*xs, *(p.value for p in passes.parameters.values())]
        noise = rounding_noise(terms, depends_on, EPSILON * float(np.abs(y * dout).sum()))
        for name, source in sources.items():
            if name not in exact:
                raise LawBroken(f"backward returns no gradient with respect to {name}")
            if exact[name].shape != source.shape:
                raise LawBroken(
                    f"the gradient with respect to {name} must be {source.shape}, "
                    f"got {exact[name].shape}"
                )
        comparisons = {name: compare(terms, x, exact[name], noise) for name, x in sources.items()}
        if seed < 5 and any(comparison.kinks.any() for comparison in comparisons.values()):
            continue
        _refuse_swapped(
            exact,
            {name: c.numerical.reshape(sources[name].shape) for name, c in comparisons.items()},
        )
        for name, comparison in comparisons.items():
            _refuse_wrong(name, exact[name], comparison, batch)
        return


def _changes(passes: Passes, xs: list[Array], training: bool, dout: Array, y: Array) -> Array:
    """Return the terms of a sum that is 0 at ``y`` and has the gradient ``dout`` there."""
    changes: Array = (passes.forward(xs, training) - y) * dout
    return changes


def _refuse_swapped(exact: dict[str, Array], numericals: dict[str, Array]) -> None:
    """Report two gradients that are swapped."""
    for one, other in itertools.combinations(numericals.keys() & exact.keys(), 2):
        crossed = (exact[one], numericals[other]), (exact[other], numericals[one])
        straight = (exact[one], numericals[one]), (exact[other], numericals[other])
        if all(close(a, b, 1e-4) for a, b in crossed) and not any(
            close(a, b, 1e-4) for a, b in straight
        ):
            names = " and ".join(sorted((one, other)))
            raise LawBroken(f"the gradients with respect to {names} are swapped")


def _refuse_wrong(name: str, exact: Array, comparison: Comparison, batch: int) -> None:
    """Report how a gradient is wrong."""
    numerical = comparison.numerical.reshape(exact.shape)
    judged = (comparison.agrees | comparison.wrong).reshape(exact.shape)
    if comparison.kinks.any() and not judged.any():
        raise LawBroken(f"the output has kinks everywhere in {name}; nothing could be compared")
    if not comparison.wrong.any():
        return
    e, n = exact[judged], numerical[judged]
    size = float(np.max(np.abs(n), initial=0.0))
    error = float(np.max(np.abs(e - n), initial=0.0))
    relative = error / max(size, 1e-300)
    text = f"the gradient with respect to {name} is wrong (relative error {relative:.1e}): "
    if not e.any():
        raise LawBroken(f"{text}it is 0 everywhere; is it set?")
    ratio = float((e @ n) / (n @ n)) if n.any() else np.nan
    if np.allclose(e, ratio * n, rtol=1e-5, atol=1e-8 * size):
        times = f"it is {ratio:.6g} times the numerical one"
        hint = {
            -1.0: "; a sign is missing",
            round(1 / batch, 6): "; examples are averaged that should be summed",
            float(batch): "; it is multiplied by the size of the batch",
        }.get(round(ratio, 6), "; a factor is missing or too many")
        raise LawBroken(text + times + hint)
    if exact.shape == numerical.T.shape and np.allclose(exact, numerical.T, rtol=1e-5):
        raise LawBroken(f"{text}it is transposed")
    wrong = comparison.wrong.reshape(exact.shape)
    worst = int(np.argmax(np.where(wrong, np.abs(exact - numerical), -1)))
    at = tuple(int(i) for i in np.unravel_index(worst, numerical.shape))
    raise LawBroken(
        f"{text}at {list(at)} it is {exact[at]:.6g}, by central differences {numerical[at]:.6g}"
    )


@each_use
def gradients_are_set_not_added(use: Use) -> None:
    """The previous contents of the parameters' gradients make no difference."""
    passes, xs = use.passes(), use.inputs()
    dout = upstream(passes.forward(xs))
    passes.backward(dout)
    expected = passes.grads()
    passes.fill_grads(1.0)
    passes.forward(xs)
    passes.layer.backward(dout.copy())
    for name, grad in passes.grads().items():
        if not close(grad, expected[name]):
            does = "leaves the gradient of" if (grad == 1).all() else "adds to the gradient of"
            raise LawBroken(f"backward {does} {name}; it sets it: self.{name}.grad = ...")


@each_use
def parameters_learn_even_if_nobody_wants_the_input_gradient(use: Use) -> None:
    """If ``needs_input_grad`` is false, the gradients of the parameters are the same."""
    passes, xs = use.passes(), use.inputs()
    dout = upstream(passes.forward(xs))
    passes.backward(dout)
    expected = passes.grads()
    passes.layer.hand_down(needs_input_grad=False)
    passes.forward(xs)
    passes.fill_grads(0)
    passes.layer.backward(dout.copy())
    for name, grad in passes.grads().items():
        if not close(grad, expected[name]):
            raise LawBroken(
                f"where needs_input_grad is false, the gradient of {name} is another; set all "
                "gradients before returning None"
            )
