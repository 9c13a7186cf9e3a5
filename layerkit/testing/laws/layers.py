"""Laws of layers."""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import numpy as np

from layerkit.comparison import EPSILON, Comparison, compare, rounding_noise
from layerkit.contracts.component import Example
from layerkit.contracts.layer import Layer, input_count
from layerkit.contracts.variable import Parameter, State
from layerkit.errors import LayerkitError, NotReadyError, ShapeError
from layerkit.spec import ComponentSpec
from layerkit.testing.subject import LawBroken, Subject, for_each
from layerkit.types import Array, Meaning, Rng, Shape

BATCH = 4

BATCHES = (BATCH, 1, 2, 9)
"""The sizes of the batches whose gradients are compared."""

MOVE = 0.1
"""How far parameters are moved from their first values."""

LARGE = 6.0
"""The scale of inputs that reach where a function saturates or is cut off."""

HUGE = 100.0
"""The scale of inputs at which an exponential leaves float32."""

SHAPES: tuple[Shape, ...] = ((5,), (3, 4), (2, 3, 4))
"""What is put into a layer that gives no examples."""


@dataclass(frozen=True)
class Use:
    """One use of a layer.

    Attributes:
        subject: The layer.
        example: Its options and the shapes of its inputs.
        spec: The layer with these options, validated.
    """

    subject: Subject
    example: Example
    spec: ComponentSpec[Any]

    def __str__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.example.options.items())
        return " and ".join(map(str, self.example.shapes)) + options

    @property
    def cls(self) -> type[Layer]:
        """The class of the layer."""
        assert issubclass(self.subject.cls, Layer)
        return self.subject.cls

    def create(self) -> Layer:
        """Return a layer that is not built yet."""
        layer: Layer = self.spec.create()
        return layer

    def initialized(
        self, dtype: str = "float64", training: bool = True, rng: Rng | int = 0
    ) -> tuple[Layer, Shape]:
        """Return a new layer with its first values, and the shape of its output."""
        layer = self.create()
        shape: Any = layer.initialize(*self.example.shapes, rng=rng, dtype=dtype, training=training)
        if not isinstance(shape, tuple) or not all(isinstance(n, int) for n in shape):
            raise LawBroken(
                f"build must return the shape of the output, a tuple of ints, got {shape!r}"
            )
        return layer, shape

    def passes(self, dtype: str = "float64", training: bool = True, seed: int = 0) -> "Passes":
        """Return a new layer that has been trained a little, ready for passes.

        At their first values, many of them 0 or 1, parameters and states hide mistakes.
        """
        layer, _ = self.initialized(dtype, rng=seed)
        rng = np.random.default_rng(seed + 1000)
        for _, variable in layer.variables():
            if isinstance(variable, Parameter):
                variable.value = variable.value + rng.normal(0, MOVE, variable.shape)
        if any(not isinstance(variable, Parameter) for _, variable in layer.variables()):
            for batch in (BATCH, BATCH + 1):
                layer.forward(*self.inputs(batch, dtype, seed=seed + 100))
        layer.hand_down(training=training)
        return Passes(self, layer)

    def inputs(
        self, batch: int = BATCH, dtype: str = "float64", seed: int = 1, scale: float = 1.0
    ) -> list[Array]:
        """Return a random batch of each input, larger ones for a larger scale."""
        rng = np.random.default_rng(seed)
        shapes = [(batch, *shape) for shape in self.example.shapes]
        if self.example.below is not None:
            return [rng.integers(0, self.example.below, shape).astype(dtype) for shape in shapes]
        if self.example.between is not None:
            return [rng.uniform(*self.example.between, shape).astype(dtype) for shape in shapes]
        return [rng.normal(0, scale, shape).astype(dtype) for shape in shapes]


def uses(subject: Subject) -> list[Use]:
    """Return the uses of a layer; one that names no shapes is tried with some that are common.

    Raises:
        LawBroken: None of these fits.
    """
    found = []
    assert issubclass(subject.cls, Layer)
    least, most = input_count(subject.cls)
    for example, _ in subject.uses:
        if example.shapes:
            _check_shapes(example, least, most)
    for example, spec in _with_other_options(subject):
        if example.shapes:
            found.append(Use(subject, example, spec))
            continue
        counts = (least,) if most is not None else (least, least + 1, least + 2)
        tries = [
            Use(subject, replace(example, shapes=(shape,) * count), spec)
            for count in counts
            for shape in SHAPES
        ]
        fitting = [use for use in tries if _fits(use)]
        if not fitting:
            raise LawBroken(
                f"takes none of the shapes that are tried, {', '.join(map(str, SHAPES))} for each "
                "input; declare in the class which it takes: examples = (Example({...}, [...]),)"
            )
        found += fitting
    return found


def _check_shapes(example: Example, least: int, most: int | None) -> None:
    """Refuse an example whose shapes are none, or those of fewer or more inputs."""
    shapes: Any = example.shapes
    if not isinstance(shapes, list | tuple) or not all(isinstance(s, tuple) for s in shapes):
        raise LawBroken(
            f"in its examples, shapes must be a list of shapes, one for each input, as in [(3,)], "
            f"got {shapes!r}"
        )
    if len(shapes) < least or (most is not None and len(shapes) > most):
        raise LawBroken(
            f"in its examples, {shapes} are shapes of {len(shapes)} inputs, and forward takes "
            f"{least}{' or more' if most is None else ''}"
        )


def _with_other_options(subject: Subject) -> list[tuple[Example, ComponentSpec[Any]]]:
    """Return the uses, and one more for each value of an option that no example has.

    Values that are tried so are those of a choice (true or false, one of some words) and, for a
    number with a fraction, different from the default.
    """
    found = list(subject.uses)
    base = found[0][0]
    for name, values in subject.choices.items():
        had = [subject.created(spec).options()[name] for _, spec in found]
        for value in values:
            if value in had or (isinstance(value, float) and len(set(map(repr, had))) > 1):
                continue
            example = replace(base, options={**base.options, name: value})
            with suppress(LawBroken, ValueError, ShapeError):
                spec = subject.spec(example.options)
                subject.created(spec)
                if not example.shapes or _fits(Use(subject, example, spec)):
                    found.append((example, spec))
    return found


def _fits(use: Use) -> bool:
    try:
        use.create().initialize(*use.example.shapes)
    except ShapeError:
        return False
    return True


each_use = for_each(uses)


class Passes:
    """Passes through one layer, each of which begins alike.

    Every ``forward`` sees the states and draws the random numbers that the first one did. Inputs
    are copies, which a layer may spoil, and so are results.
    """

    def __init__(self, use: Use, layer: Layer) -> None:
        self.use = use
        self.layer = layer
        found = layer.variables()
        self.parameters = {name: v for name, v in found if isinstance(v, Parameter)}
        self.states = {name: v for name, v in found if not isinstance(v, Parameter)}
        self.first = {name: v.value.copy() for name, v in self.states.items()}
        self._drawn = layer.rng.bit_generator.state

    def another(self, dtype: str = "float64") -> "Passes":
        """Return another layer with the same values, in the same mode."""
        other = self.use.passes(dtype, self.layer.training)
        values = {name: p.value for name, p in self.parameters.items()} | self.first
        for name, variable in (other.parameters | other.states).items():
            variable.value = values[name]
        return Passes(self.use, other.layer)

    def restart(self) -> None:
        """Put states and random numbers back."""
        for name, state in self.states.items():
            state.value = self.first[name]
        self.layer.rng.bit_generator.state = self._drawn

    def forward(self, xs: list[Array], training: bool | None = None) -> Array:
        """Return the output."""
        self.restart()
        self._inputs = len(xs)
        if training is not None:
            self.layer.hand_down(training=training)
        return np.array(self.layer.forward(*(x.copy() for x in xs)))

    def backward(self, dout: Array) -> list[Array]:
        """Return the gradients with respect to the inputs; those of the parameters were 0."""
        self.fill_grads(0)
        return [np.array(dx) for dx in self.gradients(self.layer.backward(dout.copy()))]

    def gradients(self, dxs: Any) -> tuple[Array, ...]:
        """Return what ``backward`` returned as one gradient for each input."""
        found = (dxs if isinstance(dxs, tuple) else (dxs,))[: self._inputs]
        for dx in found:
            if not isinstance(dx, np.ndarray):
                raise LawBroken(
                    "backward must return an array, or a tuple of one for each input, got "
                    f"{'None' if dx is None else f'a {type(dx).__name__}'}"
                )
        return found

    def everything(self, xs: list[Array]) -> dict[str, Array]:
        """Return the output and all gradients, by what a message calls them."""
        y = self.forward(xs)
        dxs = self.backward(upstream(y))
        inputs = {
            f"the gradient with respect to {n}": dx
            for n, dx in zip(_input_names(xs), dxs, strict=False)
        }
        grads = {
            f"the gradient with respect to {name}": grad for name, grad in self.grads().items()
        }
        return {"the output": y, **inputs, **grads}

    def grads(self) -> dict[str, Array]:
        """Return the gradients with respect to the parameters."""
        return {name: p.grad.copy() for name, p in self.parameters.items()}

    def fill_grads(self, number: float) -> None:
        """Fill the gradients with respect to the parameters with a number."""
        for parameter in self.parameters.values():
            parameter.grad = number


def upstream(y: Array, seed: int = 2) -> Array:
    """Return a random gradient with respect to an output."""
    return np.random.default_rng(seed).normal(size=y.shape).astype(y.dtype)


def _close(a: Array, b: Array, tolerance: float = 1e-10) -> bool:
    size = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tolerance * size))


@each_use
def the_shape_is_the_inferred_one(use: Use) -> None:
    """The output has the shape that ``build`` returned, for batches of 1 and many.

    And of 0, in evaluation. A layer that can do nothing with a batch of 1 or 0 says so with a
    ``ShapeError``.
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
    """``backward`` returns one gradient for each input, of its shape."""
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
    """``build`` refuses with a ``ShapeError`` whatever ``forward`` could not do with."""
    for use in uses(subject):
        count = len(use.example.shapes)
        for shapes in itertools.product(((), *SHAPES, (1, 1, 1, 1)), repeat=min(count, 3)):
            given = (*shapes, *shapes[-1:] * (count - len(shapes)))
            layer = use.create()
            doing = "build"
            try:
                layer.initialize(*given)
                doing = "forward"
                example = replace(use.example, shapes=given)
                # Numbers that a function is not defined for are no matter of shapes.
                with np.errstate(all="ignore"):
                    layer.forward(*Use(subject, example, use.spec).inputs(2))
            except Exception as error:
                # An attribute that is missing is no refusal.
                if isinstance(error, LayerkitError) and not isinstance(error, NotReadyError):
                    continue
                raise LawBroken(
                    f"{doing} raises {type(error).__name__} ({error}) for inputs of shape "
                    f"{' and '.join(map(str, given))}; build must refuse them with a ShapeError"
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


@each_use
def its_outputs_mean_what_it_says(use: Use) -> None:
    """Outputs that it calls probabilities are from 0 to 1; ``same`` keeps what were so."""
    meaning = use.create().meaning
    if meaning not in (*get_args(Meaning), "same"):
        raise LawBroken(
            f"meaning must be one of {', '.join((*get_args(Meaning), 'same'))}, got {meaning!r}"
        )
    if meaning not in ("probabilities", "same"):
        return
    passes, xs = use.passes(training=False), use.inputs(scale=LARGE)
    if meaning == "same":
        xs = [np.random.default_rng(1).uniform(size=x.shape) for x in xs]
    y = passes.forward(xs)
    if y.size and not 0 <= y.min() <= y.max() <= 1:
        raise LawBroken(
            f'says meaning = "{meaning}", but its outputs go from {y.min():.3g} to {y.max():.3g}'
            + (" where its inputs are from 0 to 1" if meaning == "same" else "")
        )


@each_use
def the_type_is_kept(use: Use) -> None:
    """What comes in as float32 goes out as float32, both ways; and float64 likewise."""
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
    """In float32 it computes what it does in float64, up to rounding.

    And it stays finite for inputs in the hundreds where float64 stays within what float32 holds.
    """
    training = not _draws(use)  # another type may draw other numbers
    narrow = use.passes("float32", training)
    wide = narrow.another("float64")
    for scale in (1.0, HUGE):
        xs = use.inputs(dtype="float32", scale=scale)
        with np.errstate(all="ignore"):
            got, wanted = narrow.everything(xs), wide.everything([x.astype("float64") for x in xs])
        for name, number in got.items():
            exact = wanted[name]
            fits = np.abs(exact) < np.finfo(np.float32).max / 10
            if not np.isfinite(number[fits]).all():
                raise LawBroken(
                    f"in float32, {name} is not finite for inputs of about {scale:g}, where it is "
                    f"{exact[fits & ~np.isfinite(number)][0]:.6g} in float64"
                )
            if scale == 1 and not _close(number, exact, 1e-4):
                raise LawBroken(f"in float32, {name} is not what it is in float64")


@each_use
def inputs_are_left_alone(use: Use) -> None:
    """Neither ``x`` nor ``dout`` is modified, and both may be read-only."""
    for training in (True, False):
        passes, xs = use.passes(training=training), use.inputs()
        for x in xs:
            x.flags.writeable = False
        with _writing_told("forward", "x"):
            y = passes.layer.forward(*xs)
        dout = upstream(y)
        dout.flags.writeable = False
        with _writing_told("backward", "dout or x"):
            passes.layer.backward(dout)


@contextmanager
def _writing_told(method: str, what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise LawBroken(f"{method} writes into {what}; write into self.scratch(...)") from error


@each_use
def arrays_with_gaps_give_the_same(use: Use) -> None:
    """Inputs and gradients need not be contiguous."""
    passes, xs = use.passes(), use.inputs()
    y = passes.forward(xs)
    dout = upstream(y)
    wanted = [y, *passes.backward(dout), *passes.grads().values()]
    for name, spaced in (("every second number", _with_gaps), ("Fortran order", np.asfortranarray)):
        passes.restart()
        y = np.array(passes.layer.forward(*map(spaced, xs)))
        passes.fill_grads(0)
        dxs = passes.gradients(passes.layer.backward(spaced(dout)))
        got = [y, *dxs, *passes.grads().values()]
        if not all(map(_close, map(np.asarray, got), wanted)):
            raise LawBroken(
                f"arrays that lie otherwise in memory ({name}) give other numbers; go by their "
                "axes, not by their memory"
            )


def _with_gaps(x: Array) -> Array:
    apart: Array = np.repeat(x[..., np.newaxis], 2, axis=-1)[..., 0]
    return apart


@each_use
def results_share_no_memory_with_what_came_in(use: Use) -> None:
    """Outputs and gradients are arrays of the layer's own, unless ``gives_views`` is set.

    Never are they those of a parameter or a state.
    """
    for training in (True, False):
        passes, xs = use.passes(training=training), use.inputs()
        y = passes.layer.forward(*xs)
        dout = upstream(y)
        dxs = passes.layer.backward(dout)
        results = [
            ("the output", y),
            *(("the gradient with respect to x", dx) for dx in _as_tuple(dxs)),
        ]
        came_in = [*(("x", x) for x in xs), ("dout", dout)]
        own = [(n, v.value) for n, v in (passes.parameters | passes.states).items()]
        for (what, result), (name, array) in itertools.product(results, came_in):
            if np.shares_memory(result, array) and not use.cls.gives_views:
                raise LawBroken(
                    f"{what} shares memory with {name}; return a new array or a scratch array, "
                    "or say so: gives_views = True"
                )
        for (what, result), (name, array) in itertools.product(results, own):
            if np.shares_memory(result, array):
                raise LawBroken(f"{what} shares memory with {name}; return a copy")


def _as_tuple(dxs: Any) -> tuple[Array, ...]:
    return dxs if isinstance(dxs, tuple) else (dxs,)


@each_use
def examples_do_not_mix(use: Use) -> None:
    """A batch gives what its examples give one by one, unless ``mixes_examples`` is set.

    A layer that mixes them does so in training only.
    """
    random = _draws(use)
    for training in (True, False):
        if training and (use.cls.mixes_examples or random):
            continue
        passes, xs = use.passes(training=training), use.inputs(BATCHES[-1])
        y = passes.forward(xs)
        dout = upstream(y)
        dxs = passes.backward(dout) if training else []
        alone = passes.another()
        for i in range(len(y)):
            one = slice(i, i + 1)
            if not _close(alone.forward([x[one] for x in xs]), y[one]):
                raise LawBroken(
                    "an example gives something else alone than in a batch; if it is meant to, say "
                    "so: mixes_examples = True"
                    if training
                    else "in evaluation, an example gives something else alone than in a batch"
                )
            if training and not all(
                map(_close, alone.backward(dout[one]), [dx[one] for dx in dxs])
            ):
                raise LawBroken(
                    "the gradient with respect to an example depends on its batch, though the "
                    "output does not"
                )


def _draws(use: Use) -> bool:
    """Return whether a layer draws random numbers in training."""
    passes = use.passes()
    before = passes.layer.rng.bit_generator.state
    passes.layer.forward(*use.inputs())
    return bool(passes.layer.rng.bit_generator.state != before)


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
    """After a pass in training and one in evaluation, ``backward`` is that of the evaluation.

    Or it refuses, with a ``LayerkitError``.
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
    """Compare gradients with numerical ones; a sample with kinks within reach is drawn again."""
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
        exact = dict(zip(_input_names(xs), dxs, strict=False))
        sources = dict(zip(_input_names(xs), xs, strict=True))
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
        found = {name: compare(terms, x, exact[name], noise) for name, x in sources.items()}
        if seed < 5 and any(comparison.kinks.any() for comparison in found.values()):
            continue
        _refuse_swapped(
            exact,
            {name: c.numerical.reshape(sources[name].shape) for name, c in found.items()},
        )
        for name, comparison in found.items():
            _refuse_wrong(name, exact[name], comparison, batch)
        return


def _refuse_swapped(exact: dict[str, Array], numericals: dict[str, Array]) -> None:
    """Tell two gradients that stand in each other's place."""
    for one, other in itertools.combinations(numericals.keys() & exact.keys(), 2):
        crossed = (exact[one], numericals[other]), (exact[other], numericals[one])
        straight = (exact[one], numericals[one]), (exact[other], numericals[other])
        if all(_close(a, b, 1e-4) for a, b in crossed) and not any(
            _close(a, b, 1e-4) for a, b in straight
        ):
            names = " and ".join(sorted((one, other)))
            raise LawBroken(f"the gradients with respect to {names} are swapped")


def _changes(passes: Passes, xs: list[Array], training: bool, dout: Array, y: Array) -> Array:
    """Return the terms of a sum that is 0 at ``y`` and has the gradient ``dout`` there."""
    changes: Array = (passes.forward(xs, training) - y) * dout
    return changes


def _input_names(xs: list[Array]) -> list[str]:
    return ["x"] if len(xs) == 1 else [f"input {i}" for i in range(len(xs))]


def _refuse_wrong(name: str, exact: Array, comparison: Comparison, batch: int) -> None:
    """Tell in which way a gradient is wrong."""
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
    """What the gradients of the parameters held before makes no difference."""
    passes, xs = use.passes(), use.inputs()
    dout = upstream(passes.forward(xs))
    passes.backward(dout)
    wanted = passes.grads()
    passes.fill_grads(1.0)
    passes.forward(xs)
    passes.layer.backward(dout.copy())
    for name, grad in passes.grads().items():
        if not _close(grad, wanted[name]):
            does = "leaves the gradient of" if (grad == 1).all() else "adds to the gradient of"
            raise LawBroken(f"backward {does} {name}; it sets it: self.{name}.grad = ...")


@each_use
def parameters_learn_even_if_nobody_wants_the_input_gradient(use: Use) -> None:
    """Where ``needs_input_grad`` is false, the gradients of the parameters are the same."""
    passes, xs = use.passes(), use.inputs()
    dout = upstream(passes.forward(xs))
    passes.backward(dout)
    wanted = passes.grads()
    passes.layer.hand_down(needs_input_grad=False)
    passes.forward(xs)
    passes.fill_grads(0)
    passes.layer.backward(dout.copy())
    for name, grad in passes.grads().items():
        if not _close(grad, wanted[name]):
            raise LawBroken(
                f"where needs_input_grad is false, the gradient of {name} is another; set all "
                "gradients before returning None"
            )


@each_use
def the_same_seed_gives_the_same(use: Use) -> None:
    """First values and outputs follow from ``rng`` alone."""
    results = []
    xs = use.inputs()
    for other in (1, 2):
        np.random.seed(other)  # noqa: NPY002  what a layer must not draw from
        rng = np.random.default_rng(3)
        with _no_other_generator():
            layer, _ = use.initialized(rng=rng)
            values = [variable.value.copy() for _, variable in layer.variables()]
            results.append([*values, np.array(layer.forward(*(x.copy() for x in xs)))])
    if not all(map(np.array_equal, *results)):
        raise LawBroken(
            "the same seed gives other numbers; draw from self.rng, or from the rng that an "
            "initializer is given, and from nothing else"
        )


@contextmanager
def _no_other_generator() -> Iterator[None]:
    """Refuse that a layer makes a generator, whose numbers would follow from no seed of a spec."""
    make = np.random.default_rng

    def made(seed: Any = None) -> Rng:
        if isinstance(seed, np.random.Generator):
            return make(seed)
        raise LawBroken(
            "makes a random generator of its own; draw from self.rng, or from the rng that an "
            "initializer is given"
        )

    np.random.default_rng = made
    try:
        yield
    finally:
        np.random.default_rng = make


@each_use
def modes_differ_only_if_it_says_so(use: Use) -> None:
    """Training and evaluation give the same output, unless ``differs_in_training`` is set."""
    if not use.cls.differs_in_training and _differs(use):
        raise LawBroken(
            "the output in training differs from evaluation; if that is meant, say so: "
            "differs_in_training = True"
        )


@each_use
def evaluation_changes_nothing(use: Use) -> None:
    """A pass in evaluation leaves the states and the random numbers as they are."""
    passes, xs = use.passes(training=False), use.inputs()
    before = passes.layer.rng.bit_generator.state
    y = passes.forward(xs)
    with suppress(LayerkitError):  # which is how it may refuse to go back through an evaluation
        passes.backward(upstream(y))
    for name, state in passes.states.items():
        if not np.array_equal(state.value, passes.first[name]):
            raise LawBroken(f"a pass in evaluation changes {name}; only training may")
    if passes.layer.rng.bit_generator.state != before:
        raise LawBroken("a pass in evaluation draws random numbers; only training may")


@each_use
def passes_leave_values_alone(use: Use) -> None:
    """No pass changes a parameter, and ``backward`` neither a state nor the output."""
    passes, xs = use.passes(), use.inputs()
    parameters = {name: p.value.copy() for name, p in passes.parameters.items()}
    y = passes.layer.forward(*xs)
    states, output = {n: s.value.copy() for n, s in passes.states.items()}, y.copy()
    _refuse_changed("forward", passes.parameters, parameters)
    passes.layer.backward(upstream(y))
    _refuse_changed("backward", passes.parameters | passes.states, parameters | states)
    if not np.array_equal(y, output):
        raise LawBroken(
            "backward changes the output that forward returned, which is valid until the next "
            "forward; work in a scratch array of another name"
        )


def _refuse_changed(method: str, variables: Mapping[str, State], before: dict[str, Array]) -> None:
    for name, variable in variables.items():
        if not np.array_equal(variable.value, before[name]):
            raise LawBroken(
                f"{method} changes {name}; only an optimizer changes a parameter, and only forward "
                "a state"
            )


@each_use
def training_moves_its_states(use: Use) -> None:
    """A state changes in training, unless it was drawn at random."""
    layer, _ = use.initialized(rng=1)
    other, _ = use.initialized(rng=2)
    states = {n: v for n, v in layer.variables() if not isinstance(v, Parameter)}
    drawn = {n: v.value.copy() for n, v in other.variables()}
    first = {name: state.value.copy() for name, state in states.items()}
    for seed in (1, 2):
        layer.backward(upstream(layer.forward(*use.inputs(seed=seed))))
    for name, state in states.items():
        constant = np.array_equal(state.value, first[name])
        if state.size and constant and np.array_equal(drawn[name], first[name]):
            raise LawBroken(
                f"training leaves the state {name} as it was at first; move it in forward, or keep "
                "what is always the same in a plain attribute"
            )


def it_is_what_it_says_of_itself(subject: Subject) -> None:
    """What relaxes a law is true of it: it mixes examples, differs in training, gives views."""
    assert issubclass(subject.cls, Layer)
    found = uses(subject)
    for flag, is_so in (
        ("mixes_examples", _mixes),
        ("differs_in_training", _differs),
        ("gives_views", _gives_views),
    ):
        if getattr(subject.cls, flag) and not any(map(is_so, found)):
            raise LawBroken(f"says {flag} = True, but no use of it shows so; leave it out")


def _mixes(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    y = passes.forward(xs)
    others = [np.concatenate([x[:1], x[1:] + 1]) for x in xs]
    if use.example.below is not None:
        others = [np.concatenate([x[:1], x[1:][::-1]]) for x in xs]
    return not _close(passes.forward(others)[:1], y[:1])


def _differs(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    return not _close(passes.forward(xs, training=True), passes.forward(xs, training=False))


def _gives_views(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    y = passes.layer.forward(*xs)
    dout = upstream(y)
    results = (y, *_as_tuple(passes.layer.backward(dout)))
    return any(np.shares_memory(a, b) for a in results for b in (*xs, dout))


@each_use
def all_that_it_has_learnt_is_saved(use: Use) -> None:
    """Parameters and states, saved and loaded into another, make it give the same."""
    trained = use.passes()
    for seed in (1, 2, 3):
        y = trained.layer.forward(*use.inputs(seed=seed))
        trained.layer.backward(upstream(y))
    file = io.BytesIO()
    variables = trained.parameters | trained.states
    arrays: dict[str, Any] = {name: v.value for name, v in variables.items()}
    np.savez(file, **arrays)
    file.seek(0)
    loaded = use.passes(seed=9)
    with np.load(file) as saved:
        for name, variable in (loaded.parameters | loaded.states).items():
            variable.value = saved[name]
    for passes in (trained, loaded):
        passes.layer.hand_down(training=False)
    again = loaded.layer.forward(*use.inputs(seed=4))
    if not _close(again, trained.layer.forward(*use.inputs(seed=4))):
        raise LawBroken(
            "saved and loaded, it gives another output; what changes in training, or is drawn at "
            "random, belongs into a Parameter or a State"
        )


@each_use
def a_step_changes_every_parameter(use: Use) -> None:
    """Every parameter has a gradient, and the output follows when it changes."""
    passes, xs = use.passes(), use.inputs(batch=16)
    y = passes.forward(xs)
    passes.backward(upstream(y))
    for name, parameter in passes.parameters.items():
        if parameter.size and not parameter.grad.any():
            raise LawBroken(f"the gradient of {name} is 0 everywhere, so that it never learns")
    for parameter in passes.parameters.values():
        parameter.value = parameter.value - 0.5 * parameter.grad
    if passes.parameters and _close(passes.forward(xs), y):
        raise LawBroken("the output stays the same when all parameters change")


@each_use
def earlier_passes_leave_no_trace(use: Use) -> None:
    """A pass gives the same, whatever batches went through before."""
    fresh = use.passes()
    used = fresh.another()
    for batch in (2, 9):
        y = used.forward(use.inputs(batch, seed=6))
        used.backward(upstream(y))
    xs = use.inputs()
    y = fresh.forward(xs)
    dout = upstream(y)
    wanted = [y, *fresh.backward(dout), *fresh.grads().values()]
    got = [used.forward(xs), *used.backward(dout), *used.grads().values()]
    if not all(map(_close, got, wanted)):
        raise LawBroken(
            "the numbers depend on the batches that went through before; a scratch array keeps "
            "its contents, and an attribute too"
        )


@each_use
def layers_do_not_share(use: Use) -> None:
    """What goes through one layer makes no difference to another of the same class."""
    one, other = use.passes(), use.passes()
    xs = use.inputs()
    y = one.forward(xs)
    dout = upstream(y)
    wanted = [y, *one.backward(dout), *one.grads().values()]
    one.restart()
    kept = one.layer.forward(*xs)
    other.forward(use.inputs(seed=7))
    got = [kept.copy(), *one.backward(dout), *one.grads().values()]
    wrong = not all(map(_close, got, wanted))
    one.forward(xs)
    raw = _as_tuple(other.layer.backward(upstream(other.forward(xs), seed=8)))[0]
    if raw.shape == y.shape:  # what one returns, the other is given
        fresh = one.another()
        fresh.forward(xs)
        wanted = fresh.backward(raw.copy())
        got = list(one.gradients(one.layer.backward(raw)))
        wrong = wrong or not all(map(_close, got, wanted))
    if wrong:
        raise LawBroken(
            "what goes through another layer of this class changes its numbers; keep everything "
            "in self, nothing in the class or the module"
        )


LAWS: tuple[Callable[[Any], None], ...] = (
    the_shape_is_the_inferred_one,
    the_gradients_have_the_shapes_of_what_they_are_by,
    a_wrong_shape_is_refused_by_name,
    one_example_without_its_batch_axis_is_refused,
    its_outputs_mean_what_it_says,
    the_type_is_kept,
    float32_agrees_with_float64,
    inputs_are_left_alone,
    arrays_with_gaps_give_the_same,
    results_share_no_memory_with_what_came_in,
    examples_do_not_mix,
    gradients_of_inputs_are_the_numerical_ones,
    gradients_of_parameters_are_the_numerical_ones,
    backward_goes_with_the_last_forward,
    gradients_are_set_not_added,
    parameters_learn_even_if_nobody_wants_the_input_gradient,
    the_same_seed_gives_the_same,
    modes_differ_only_if_it_says_so,
    evaluation_changes_nothing,
    passes_leave_values_alone,
    training_moves_its_states,
    it_is_what_it_says_of_itself,
    all_that_it_has_learnt_is_saved,
    a_step_changes_every_parameter,
    earlier_passes_leave_no_trace,
    layers_do_not_share,
)
