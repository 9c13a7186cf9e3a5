"""Back-propagation against numerical differentiation, as the chapter checks its network."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from layerkit.builder import Experiment, build_graph
from layerkit.contracts.dataset import Data
from layerkit.errors import LayerkitError, NonFiniteError
from layerkit.gradients import DRAWS, EPSILON, compare, rounding_noise
from layerkit.run.data import about_data
from layerkit.spec import GraphSpec, Spec
from layerkit.threads import limit_blas_threads
from layerkit.training.checking import check_data
from layerkit.training.sampling import Gather
from layerkit.types import Array

EXAMPLES = 3
"""How many examples the check looks at; the chapter takes three."""

SECONDS = 5.0
"""How long it may take to look at every element once. Where that takes longer, each array is
sampled. Elements that one look does not settle may take as long again in all."""

SAMPLE = 100
"""How many elements of each array a sample has, unless even these take too long."""

STRIDES = 1.0, 1e10, 1e100
"""The steps that show whether a sum depends on an array of which no small step changes it."""

Verdict: TypeAlias = Literal[
    "agrees", "disagrees", "too small to tell", "too many kinks to tell", "no time left"
]

Watch: TypeAlias = Callable[[int, int], None]
"""Is called with the number of evaluations made and the number expected, after each."""


@dataclass(frozen=True)
class GradientCheck:
    """How the two gradients of one array compare.

    Attributes:
        name: The name of the parameter or input; ``output`` for the output of the network, whose
            gradient comes from the loss.
        size: How many numbers it has.
        checked: How many of them were differentiated numerically.
        wrong: How many of these disagree.
        kinks: How many cannot be judged because they lie at a kink.
        too_small: How many cannot be judged because rounding hides them.
        mean_difference: The mean absolute difference of the two gradients, where they were judged.
        mean_gradient: The mean absolute numerical gradient, likewise.
        worst: Where the difference is largest: the index, and both gradients; None unless one is
            wrong.
        verdict: ``disagrees`` if any element does; ``agrees`` if half of them or more could be
            judged; otherwise the reason why they could not.
    """

    name: str
    size: int
    checked: int
    wrong: int
    kinks: int
    too_small: int
    mean_difference: float
    mean_gradient: float
    worst: tuple[tuple[int, ...], float, float] | None
    verdict: Verdict


@dataclass(frozen=True)
class _Claim:
    """A gradient that is claimed to be that of a sum.

    Attributes:
        name: The name of the array.
        x: The array that the gradient is with respect to.
        gradient: The gradient.
        terms: Computes the terms of the sum from the present contents of ``x``.
        depends_on: All arrays that the sum depends on.
        floor: The rounding of the sum itself.
    """

    name: str
    x: Array
    gradient: Array
    terms: Callable[[], Array]
    depends_on: Sequence[Array]
    floor: float


def check_gradients(
    experiment: Experiment, data: Data, watch: Watch | None = None
) -> list[GradientCheck]:
    """Check the gradients of a network and of its loss, on the first training examples.

    The gradient of the loss with respect to the output is compared with differences of the loss.
    That with respect to a parameter is compared with differences of the output, each times its
    share ``dout`` of that gradient: in the loss itself, which may be 2.3 where a parameter changes
    it by 1e-12, rounding would hide more.

    Args:
        experiment: Built in float64; the rounding of float32 would hide the differences.
        data: The loaded data.
        watch: Is called while it goes on.

    Raises:
        SpecError: The loss or a metric cannot take the targets, or the type of the spec the
            numbers.
        NonFiniteError: The output or the loss is NaN or infinite.
    """
    network = experiment.network
    with about_data(experiment):
        check_data(network, data, experiment.metrics.values(), experiment.dtype)
    if not network.is_initialized:
        network.initialize(experiment.spec.content.seed)
    x, t = Gather(data.train, network.dtype).slice(0, EXAMPLES)
    x, loss = np.array(x, order="C"), network.loss_function
    assert loss is not None

    def backpropagate() -> tuple[Array, Array, float]:
        y = np.array(network.forward(x, training=True), order="C")
        value = network.loss_of(y, t)
        dout = np.array(loss.backward())
        network.backward(dout)
        return y, dout, value

    def terms() -> Array:
        changes: Array = (network.forward(x, training=True) - y) * dout
        return changes

    repeated = network.repeatable(terms)
    with np.errstate(all="ignore"):
        y, dout, value = network.repeatable(backpropagate)()
    if not np.isfinite(value):
        where = network.first_non_finite() or "the loss itself"
        raise NonFiniteError(
            f"the loss is {value} at the first values of the parameters; the first value that is "
            f"not finite arose in {where}"
        )
    output, floor = y.copy(), EPSILON * float(np.abs(y * dout).sum())
    claims = [
        _Claim(name, p.value, p.grad.copy(), repeated, [network.params, x], floor)
        for name, p in network.parameters.items()
    ]
    claims.append(
        _Claim(
            "output",
            output,
            dout,
            lambda: np.array([network.loss_of(output, t)]),
            [output],
            EPSILON * abs(value),
        )
    )
    return _judge(claims, watch)


def check_graph(spec: Spec, watch: Watch | None = None) -> list[GradientCheck]:
    """Check the derivative of a graph's output by every input and parameter.

    Args:
        spec: A graph spec.
        watch: Is called while it goes on.
    """
    content = spec.content
    assert isinstance(content, GraphSpec)
    network, batches = build_graph(spec)
    network.initialize(np.random.SeedSequence(content.seed))
    network.needs_input_grads(True)
    batches = [np.array(x, np.float64, order="C") for x in batches]

    def backpropagate() -> tuple[Array, list[Array]]:
        y = np.array(network.forward(*batches))
        douts = network.backward(np.ones_like(y))[: len(batches)]
        return y, [
            np.zeros_like(x) if dx is None else dx.copy()
            for x, dx in zip(batches, douts, strict=True)
        ]

    def changes() -> Array:
        change: Array = network.forward(*batches) - y
        return change

    terms = network.repeatable(changes)
    with np.errstate(all="ignore"):
        y, by_inputs = network.repeatable(backpropagate)()
    floor = EPSILON * float(np.abs(y).sum())
    arrays = {name: (x, dx) for name, x, dx in zip(content.inputs, batches, by_inputs, strict=True)}
    arrays |= {name: (p.value, p.grad.copy()) for name, p in network.parameters.items()}
    depends_on = [network.params, *batches]
    return _judge(
        [_Claim(name, x, dx, terms, depends_on, floor) for name, (x, dx) in arrays.items()], watch
    )


def _judge(claims: Sequence[_Claim], watch: Watch | None) -> list[GradientCheck]:
    """Judge claims, each by as many of its elements as there is time for."""
    sizes = [claim.x.size for claim in claims]
    made = expected = 0

    def count() -> None:
        nonlocal made
        made += 1
        if watch is not None:
            watch(min(made, expected), expected)

    # The products of three examples are small, and threads would wait for each other after each.
    with np.errstate(all="ignore"), limit_blas_threads(1):
        seconds = _seconds(claims[0].terms)
        if seconds < 0.1:  # a call of a millisecond may happen to take ten
            seconds = min(seconds, *(_seconds(claims[0].terms) for _ in range(3)))
        affordable = int(SECONDS / seconds) // 2
        if sum(sizes) > affordable:
            share = min(SAMPLE, max(1, affordable // len(claims)))
            sizes = [min(size, share) for size in sizes]
        expected = 2 * sum(sizes)
        again = max(1, affordable // (4 * len(claims)))
        draws = min(DRAWS, max(1, affordable // 10))
        noises: dict[int, float] = {}
        checks = []
        for claim, size in zip(claims, sizes, strict=True):
            terms, key = _counted(claim.terms, count), id(claim.terms)
            if key not in noises:
                before = made
                noises[key] = rounding_noise(terms, claim.depends_on, claim.floor, draws)
                expected += made - before
            # By the count, not by the clock: a busy machine is to check the same.
            if made > 6 * affordable:
                size = 0
            checks.append(_check(claim, terms, size, noises[key], again))
    return checks


def _seconds(f: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    f()
    return max(time.perf_counter() - began, 1e-9)


def _counted(terms: Callable[[], Array], count: Callable[[], None]) -> Callable[[], Array]:
    def counted() -> Array:
        count()
        return terms()

    return counted


def _check(
    claim: _Claim, terms: Callable[[], Array], size: int, noise: float, again: int
) -> GradientCheck:
    """Judge a claim by a sample of its elements."""
    x, gradient = claim.x, claim.gradient.reshape(-1)
    at = np.arange(x.size) if size == x.size else _sample(gradient, size)
    found = compare(terms, x, gradient, noise, at, again)
    judged = found.agrees | found.wrong
    differences = np.abs(gradient[at] - found.numerical)
    small = found.small
    are_zeros = judged.any() and not gradient[at].any() and not found.numerical.any()
    # Zeros on both sides prove nothing where the array counts, but too little for a small step.
    if are_zeros and _can_change(claim, terms):
        judged, small = judged & False, small | judged
    worst = None
    if found.wrong.any():
        k = int(np.argmax(np.where(found.wrong, np.nan_to_num(differences, nan=np.inf), -1)))
        index = tuple(int(i) for i in np.unravel_index(at[k], x.shape))
        worst = index, float(gradient[at[k]]), float(found.numerical[k])
    return GradientCheck(
        claim.name,
        x.size,
        len(at),
        int(found.wrong.sum()),
        int(found.kinks.sum()),
        int(small.sum()),
        _mean(differences[judged]),
        _mean(np.abs(found.numerical[judged])),
        worst,
        _verdict(len(at), x.size, found.wrong.sum(), found.kinks.sum(), small.sum()),
    )


def _can_change(claim: _Claim, terms: Callable[[], Array]) -> bool:
    """Return whether a sum changes with an array at all, however large the step."""
    rng, before, here = np.random.default_rng(0), claim.x.copy(), terms()
    try:
        for size in STRIDES:
            claim.x[...] = before + size * rng.standard_normal(before.shape)
            if not np.array_equal(terms(), here):
                return True
    except (LayerkitError, ArithmeticError, LookupError, ValueError):
        return False  # no step is possible where a layer takes symbols or a range of numbers
    finally:
        claim.x[...] = before
    return False


def _sample(gradient: Array, size: int) -> Array:
    """Return which elements to check: half of them anywhere, half where the gradient is not 0.

    Behind a relu most of a gradient may be 0, and a few elements would show nothing else.
    """
    rng = np.random.default_rng(0)
    others = np.flatnonzero(gradient)
    count = min(len(others), (size + 1) // 2)
    at = rng.choice(others, count, replace=False) if count else others[:0]
    anywhere = rng.permutation(np.setdiff1d(rng.choice(gradient.size, size, replace=False), at))
    return np.sort(np.concatenate([at, anywhere[: size - count]]))


def _verdict(checked: int, size: int, wrong: int, kinks: int, small: int) -> Verdict:
    if wrong:
        return "disagrees"
    if size and not checked:
        return "no time left"
    if 2 * (kinks + small) <= checked:
        return "agrees"
    return "too small to tell" if small >= kinks else "too many kinks to tell"


def _mean(numbers: Array) -> float:
    return float(numbers.mean()) if numbers.size else 0.0
