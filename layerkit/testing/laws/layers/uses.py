"""Uses of a layer, one for each example and more, to try the laws on."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layerkit.contracts.component import Example
from layerkit.contracts.layer import Layer, input_count
from layerkit.contracts.variable import Parameter
from layerkit.errors import ShapeError
from layerkit.spec import ComponentSpec
from layerkit.testing.laws.layers.passes import Passes
from layerkit.testing.subject import LawBroken, Subject, for_each
from layerkit.types import Array, Rng, Shape

BATCH = 4

BATCHES = (BATCH, 1, 2, 9)
"""The sizes of the batches whose gradients are compared."""

MOVE = 0.1
"""How far parameters are moved from their first values."""

LARGE = 6.0
"""The scale of inputs that reach where a function saturates or is cut off."""

SHAPES: tuple[Shape, ...] = ((5,), (3, 4), (2, 3, 4))
"""The shapes of the inputs for a layer that declares no examples."""


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

    def passes(self, dtype: str = "float64", training: bool = True, seed: int = 0) -> Passes:
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
        return Passes(layer)

    def twin(self, passes: Passes, dtype: str = "float64") -> Passes:
        """Return another layer with the same values as that of the passes, in the same mode."""
        other = self.passes(dtype, passes.layer.training)
        values = {name: p.value for name, p in passes.parameters.items()} | passes.first
        for name, variable in (other.parameters | other.states).items():
            variable.value = values[name]
        return Passes(other.layer)

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
    """Return the uses of a layer; an example without shapes is tried with common ones.

    Raises:
        LawBroken: None of these fits.
    """
    layer_uses = []
    assert issubclass(subject.cls, Layer)
    least, most = input_count(subject.cls)
    for example, _ in subject.uses:
        if example.shapes:
            _check_shapes(example, least, most)
    for example, spec in _with_other_options(subject):
        if example.shapes:
            layer_uses.append(Use(subject, example, spec))
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
        layer_uses += fitting
    return layer_uses


def _check_shapes(example: Example, least: int, most: int | None) -> None:
    """Refuse an example whose shapes are malformed, or for the wrong number of inputs."""
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
    """Return the uses, and one more for each option value that no example covers.

    These values are the members of a choice (true or false, one of some words) and, for a float, a
    number other than the default.
    """
    pairs = list(subject.uses)
    base = pairs[0][0]
    for name, values in subject.choices.items():
        had = [subject.created(spec).options()[name] for _, spec in pairs]
        for value in values:
            if value in had or (isinstance(value, float) and len(set(map(repr, had))) > 1):
                continue
            example = replace(base, options={**base.options, name: value})
            with suppress(LawBroken, ValueError, ShapeError):
                spec = subject.spec(example.options)
                subject.created(spec)
                if not example.shapes or _fits(Use(subject, example, spec)):
                    pairs.append((example, spec))
    return pairs


def _fits(use: Use) -> bool:
    try:
        use.create().initialize(*use.example.shapes)
    except ShapeError:
        return False
    return True


each_use = for_each(uses)


def draws(use: Use) -> bool:
    """Return whether a layer draws random numbers in training."""
    passes = use.passes()
    before = passes.layer.rng.bit_generator.state
    passes.layer.forward(*use.inputs())
    return bool(passes.layer.rng.bit_generator.state != before)
