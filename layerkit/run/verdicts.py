"""The verdict on a gradient: the elements that difference quotients confirm or refute."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from layerkit.comparison import DRAWS, compare, rounding_noise
from layerkit.errors import LayerkitError
from layerkit.threads import limit_blas_threads
from layerkit.types import Array

SECONDS = 5.0
"""How long the first check of every element may take. If it would take longer, each array is
sampled. Checking the unsettled elements again may take as long once more."""

SAMPLE = 100
"""The number of sampled elements of each array, unless even these take too long."""

STRIDES = 1.0, 1e10, 1e100
"""The steps that show whether a sum depends on an array at all if no small step changes it."""

Verdict: TypeAlias = Literal[
    "agrees", "disagrees", "too small to tell", "too many kinks to tell", "no time left"
]

Watch: TypeAlias = Callable[[int, int], None]
"""Called after each evaluation with the number made and the number expected."""


@dataclass(frozen=True)
class GradientCheck:
    """The comparison of the two gradients of one array.

    Attributes:
        name: The name of the parameter or input; ``output`` for the output of the network, whose
            gradient comes from the loss.
        size: The number of elements.
        checked: How many of them were differentiated numerically.
        wrong: How many of these disagree.
        kinks: How many cannot be judged because they lie at a kink.
        too_small: How many cannot be judged because rounding hides them.
        mean_difference: The mean absolute difference of the two gradients, over judged elements.
        mean_gradient: The mean absolute numerical gradient, likewise.
        worst: The index and both gradients at the largest difference; None unless an element is
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
class Claim:
    """A gradient that is claimed to be that of a sum.

    Attributes:
        name: The name of the array.
        x: The array that the gradient is with respect to.
        gradient: The gradient.
        terms: Computes the terms of the sum from the present contents of ``x``.
        values: Computes the values that the terms are shares of.
        depends_on: All arrays that the sum depends on, the parameters first.
        floor: The rounding of the sum itself.
    """

    name: str
    x: Array
    gradient: Array
    terms: Callable[[], Array]
    values: Callable[[], Array]
    depends_on: Sequence[Array]
    floor: float


def judge(claims: Sequence[Claim], watch: Watch | None) -> list[GradientCheck]:
    """Judge claims, each by as many of its elements as time allows."""
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
        if seconds < 0.1:  # by chance, a call of a millisecond may take ten
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
            # By the count, not by the clock, so that a busy machine checks the same elements.
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
    claim: Claim, terms: Callable[[], Array], size: int, noise: float, again: int
) -> GradientCheck:
    """Judge a claim by a sample of its elements."""
    x, gradient = claim.x, claim.gradient.reshape(-1)
    at = np.arange(x.size) if size == x.size else _sample(gradient, size)
    comparison = compare(terms, x, gradient, noise, at, again)
    judged = comparison.agrees | comparison.wrong
    differences = np.abs(gradient[at] - comparison.numerical)
    small = comparison.small
    are_zeros = judged.any() and not gradient[at].any() and not comparison.numerical.any()
    # Zeros in both prove nothing if the array matters, but too little for a small step.
    if are_zeros and _can_change(claim):
        judged, small = judged & False, small | judged
    worst = None
    if comparison.wrong.any():
        k = int(np.argmax(np.where(comparison.wrong, np.nan_to_num(differences, nan=np.inf), -1)))
        index = tuple(int(i) for i in np.unravel_index(at[k], x.shape))
        worst = index, float(gradient[at[k]]), float(comparison.numerical[k])
    return GradientCheck(
        claim.name,
        x.size,
        len(at),
        int(comparison.wrong.sum()),
        int(comparison.kinks.sum()),
        int(small.sum()),
        _mean(differences[judged]),
        _mean(np.abs(comparison.numerical[judged])),
        worst,
        _verdict(len(at), x.size, comparison.wrong.sum(), comparison.kinks.sum(), small.sum()),
    )


def _can_change(claim: Claim) -> bool:
    """Return whether an array can change the values at all, with any parameters and any step.

    A weight of 0 behind it, or a gradient of 0 with respect to the values, would hide it now.
    """
    rng, parameters = np.random.default_rng(0), claim.depends_on[0]
    before, x_before = parameters.copy(), claim.x.copy()
    try:
        parameters[...] += rng.standard_normal(parameters.shape)
        start, here = claim.x.copy(), claim.values()
        for size in STRIDES:
            claim.x[...] = start + size * rng.standard_normal(start.shape)
            if not np.array_equal(claim.values(), here):
                return True
    except (LayerkitError, ArithmeticError, LookupError, ValueError):
        return False  # no step is possible if a layer takes symbols or a range of numbers
    finally:
        parameters[...], claim.x[...] = before, x_before
    return False


def _sample(gradient: Array, size: int) -> Array:
    """Return the indices to check: half of them anywhere, half where the gradient is not 0.

    Behind a relu most of a gradient may be 0, and a small sample would contain only zeros.
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
