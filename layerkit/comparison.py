"""Comparison of derivatives with difference quotients: right, wrong, or too small to tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from layerkit.gradients import STEP, flat_view
from layerkit.types import Array

LONGEST, SHORTEST = 1e-2, 1e-60
"""The bounds of the individual step for an element that the usual step does not settle."""

RELATIVE = 1e-4
"""The relative error that is allowed beyond rounding. A correct ``backward`` stays orders of
magnitude below it, and a wrong one far above."""

RESOLVED = 1e-3
"""The largest share of rounding in a derivative that can still be judged."""

SHARES = RESOLVED / 30, RESOLVED / 3
"""The shares of rounding with which an element is checked again if the usual step has not settled
it. A smaller share needs a longer step, which may cross more kinks."""

SAFETY = 4.0
"""The factor by which the rounding of a difference may exceed the estimate."""

PROBES = 4
"""The number of elements of an array for each of which the height of its stairs is measured."""

REACHES = 1.0, 10.0
"""The distances at which a sum is searched for stairs, in multiples of the longest step."""

STAIRS = 8.0
"""The number of stairs along which a sum must keep to one slope. A single jump does not."""

EPSILON = float(np.finfo(np.float64).eps)

DRAWS, RUNGS = 6, 16
"""The number of perturbations of each size that measure the noise, and the number of sizes. Each
size is four times the one before, so that even the steps of a float32 function are detected."""


@dataclass(frozen=True)
class Comparison:
    """The derivatives of one array, compared with difference quotients.

    Exactly one of the four marks is set for each element.

    Attributes:
        numerical: The difference quotients, ``(count,)``.
        agrees: Marks correct derivatives.
        wrong: Marks wrong ones.
        kinks: Marks those that cannot be judged because every usable step crosses a kink.
        small: Marks those that cannot be judged because rounding hides them.
    """

    numerical: Array
    agrees: Array
    wrong: Array
    kinks: Array
    small: Array


def rounding_noise(
    terms: Callable[[], Array], arrays: Sequence[Array], floor: float, draws: int = DRAWS
) -> float:
    """Estimate how much rounding changes a sum.

    All numbers that the sum depends on are perturbed at random by one part in ``1 / eps``, as
    rounding would perturb them during the computation. A sum that does not change at all is a step
    function: the perturbation then grows until the sum changes, which shows the height of a step.

    Args:
        terms: Computes the terms of the sum from the present contents of the arrays.
        arrays: All inputs of the sum; each is changed while ``terms`` is called, and restored.
        floor: The rounding of the sum itself.
        draws: The number of perturbations of each size.

    Source:
        Vignes (1993), "A stochastic arithmetic for reliable scientific computation".
    """
    rng = np.random.default_rng(0)
    before = [array.copy() for array in arrays]
    here = float(terms().sum())
    size = EPSILON
    try:
        for _ in range(RUNGS):
            changes = []
            for _ in range(draws):
                for array, values in zip(arrays, before, strict=True):
                    array[...] = values * (1 + rng.uniform(-size, size, array.shape))
                changes.append(abs(float(terms().sum()) - here))
            if max(changes) > 0:
                break
            size *= 4
    finally:
        for array, values in zip(arrays, before, strict=True):
            array[...] = values
    return max(floor, *changes)


def compare(
    terms: Callable[[], Array],
    x: Array,
    gradient: Array,
    noise: float,
    at: Array | None = None,
    most: int | None = None,
) -> Comparison:
    """Judge each derivative of a sum by difference quotients.

    The usual step settles nearly all elements. Any other element gets the shortest step at which
    rounding is a small share of its derivative, so that the step crosses as few kinks as possible.
    It is wrong only if the slopes on both sides, at that step and at a longer one, agree with each
    other and not with the derivative. If the sum has stairs there, because it computes with fewer
    digits than float64, their height counts as its rounding, and longer steps decide. They decide
    on a derivative of 0 too, which any step within one stair would confirm.

    Args:
        terms: Computes the terms of the sum from the present contents of ``x``.
        x: A float64 array; it is changed while ``terms`` is called, and restored.
        gradient: The derivatives to judge, of the shape of ``x``.
        noise: How much rounding changes the sum.
        at: The flat indices to judge; all of them by default.
        most: The most elements to check again if the usual step does not settle them; all of them
            by default. The rest counts as at a kink, or as too small.

    Raises:
        OptionError: ``x`` has another type, or is not contiguous.
    """
    flat = flat_view(x)
    at = np.arange(flat.size) if at is None else at
    exact = gradient.reshape(-1)[at]
    longest = LONGEST * np.maximum(1, np.abs(flat[at]))
    shortest = np.maximum(SHORTEST, 64 * EPSILON * np.abs(flat[at]))
    with np.errstate(all="ignore"):
        here = terms().copy()
        slopes = _Slopes.of(terms, here, flat, at, STEP * np.maximum(1, np.abs(flat[at])), noise)
        agrees, resolved = slopes.fit(exact), slopes.resolve(exact)
        numerical = np.where(agrees, slopes.nearest(exact), slopes.mean)
        wrong = ~np.isfinite(exact) & np.isfinite(numerical)
        suspected = np.zeros_like(wrong)

        def check_again(elements: Array, noises: Array) -> None:
            for share in SHARES:
                still_open = ~agrees[elements]
                open_, rounding = elements[still_open], noises[still_open]
                if not open_.size:
                    break
                g, before = exact[open_], numerical[open_]
                step = SAFETY * rounding / (share * np.maximum(np.abs(g), np.abs(before)))
                step = np.clip(np.nan_to_num(step, nan=STEP), shortest[open_], longest[open_] / 4)
                near = _Slopes.of(terms, here, flat, at[open_], step, rounding)
                far = _Slopes.of(terms, here, flat, at[open_], 4 * step, rounding)
                near_fits, far_fits = near.fit(g), far.fit(g)
                agrees[open_] = near_fits | far_fits
                # A refutation by a longer step needs the confirmation of a shorter one without a
                # kink.
                still = suspected[open_] & (2 * np.abs(g - near.mean) > np.abs(g - before))
                refuted = near.refute(g, far) | still
                suspected[open_], resolved[open_] = refuted, near.resolve(g)
                numerical[open_] = np.where(near_fits, near.nearest(g), near.mean)
                numerical[open_[far_fits]] = far.nearest(g)[far_fits]

        unsettled = np.flatnonzero(~agrees & ~wrong)[:most]
        check_again(unsettled, np.full(len(unsettled), noise))
        # Steps within one stair all agree on a slope of 0, or on that of the other examples.
        doubtful = unsettled[
            np.where(agrees[unsettled], exact[unsettled] == 0, suspected[unsettled])
        ]
        heights = _heights(
            terms, here, flat, at[doubtful], numerical[doubtful], exact[doubtful], noise
        )
        on_stairs = doubtful[heights > 0]
        agrees[on_stairs] = suspected[on_stairs] = False
        check_again(on_stairs, heights[heights > 0])
        wrong |= suspected & ~agrees
        # For a smooth sum the usual step gives more digits of the quotient that is shown.
        smooth = np.abs(slopes.mean - numerical) <= RELATIVE * np.abs(numerical)
        numerical = np.where(wrong & smooth, slopes.mean, numerical)
    unsettled = ~agrees & ~wrong
    return Comparison(numerical, agrees, wrong, unsettled & resolved, unsettled & ~resolved)


def _heights(
    terms: Callable[[], Array],
    here: Array,
    flat: Array,
    at: Array,
    slopes: Array,
    exact: Array,
    noise: float,
) -> Array:
    """Return the heights of the stairs that a sum has near some elements, 0 where it has none."""
    heights = np.zeros(len(at))
    lines = [
        _Line(terms, here, flat, i, slope, g, noise)
        for i, slope, g in zip(at, slopes, exact, strict=True)
    ]
    measured: list[float] = []
    for k, line in enumerate(lines):
        heights[k] = line.stair(max(measured) if len(measured) == PROBES else 0)
        if heights[k] and len(measured) < PROBES:
            measured.append(heights[k])
    # Where the slopes of the examples cancel, stairs go up and down and show no slope.
    for k in np.flatnonzero(heights == 0) if measured else ():
        if SAFETY * noise < lines[k].jump(lines[k].longest) <= SAFETY * max(measured):
            heights[k] = max(measured)
    return heights


@dataclass(frozen=True)
class _Line:
    """The line on which short steps of an element see a sum."""

    terms: Callable[[], Array]
    here: Array
    flat: Array
    i: int
    slope: float
    exact: float
    noise: float

    @property
    def longest(self) -> float:
        """The longest step of the element."""
        return LONGEST * max(1.0, abs(float(self.flat[self.i])))

    def apart(self, distance: float) -> float:
        """Return by how much the sum leaves the line."""
        before = self.flat[self.i]
        try:
            self.flat[self.i] = before + distance
            changes = float((self.terms() - self.here).sum())
            return changes - self.slope * float(self.flat[self.i] - before)
        finally:
            self.flat[self.i] = before

    def climb(self, distance: float) -> float:
        """Return the slope of the sum from the line, or 0 if it is not the same on both sides."""
        right = self.apart(distance) / distance
        # Most wrong derivatives are those of a sum that keeps to the line.
        if not abs(right) > max(abs(self.exact - self.slope) / 8, SAFETY * self.noise / distance):
            return 0.0
        left = -self.apart(-distance) / distance
        return (left + right) / 2 if abs(left - right) <= abs(left + right) / 2 else 0.0

    def stair(self, known: float) -> float:
        """Return the height of a stair, or 0 if the sum has no stairs here.

        A sum with stairs has another slope at a distance, the same on both sides, and the
        difference from the slope of the line is made up of jumps of about one height. A sum with a
        single jump has no common slope.

        Args:
            known: The height where other elements have stairs; 0 to measure it.
        """
        for reach in REACHES:
            distance = reach * self.longest
            if further := self.climb(distance):
                height = known or self.jump(distance)
                length = STAIRS * height / abs(further)
                if height > SAFETY * self.noise and (
                    length <= distance or abs(self.climb(length) - further) <= abs(further) / 2
                ):
                    return height
        return 0.0

    def jump(self, end: float) -> float:
        """Return the height of a jump at most ``end`` away, or about the noise if there is none.

        The interval is halved again and again, and the half is kept in which the sum leaves the
        line the most. Its change there vanishes with the length if it is continuous, at a kink too.
        The change at a jump remains.
        """
        near, far, near_value, far_value = 0.0, end, 0.0, self.apart(end)
        least, remained = 4 * EPSILON * max(abs(float(self.flat[self.i])), end), 0
        while far - near > least and abs(far_value - near_value) > self.noise and remained < 6:
            before = abs(far_value - near_value)
            middle = (near + far) / 2
            value = self.apart(middle)
            if abs(value - near_value) > abs(far_value - value):
                far, far_value = middle, value
            else:
                near, near_value = middle, value
            remained = remained + 1 if abs(far_value - near_value) > 0.9 * before else 0
        return abs(far_value - near_value)


@dataclass(frozen=True)
class _Slopes:
    """The slopes of a sum on both sides of some elements, and the rounding of their mean."""

    left: Array
    right: Array
    noise: Array

    @classmethod
    def of(
        cls,
        terms: Callable[[], Array],
        here: Array,
        flat: Array,
        at: Array,
        step: Array,
        noise: Array | float,
    ) -> "_Slopes":
        left, right, size = np.empty((3, len(at)))
        for k, (i, h) in enumerate(zip(at, step, strict=True)):
            before = flat[i]
            try:
                # Divide by the actual difference, which for a large number is not quite the step.
                flat[i] = before + h
                above, up = flat[i] - before, terms() - here
                flat[i] = before - h
                below, down = before - flat[i], here - terms()
            finally:
                flat[i] = before
            right[k], left[k] = up.sum() / above, down.sum() / below
            # Terms that cancel leave the rounding error of the largest, in backward too.
            size[k] = np.abs(up).sum() / above + np.abs(down).sum() / below
        return cls(left, right, SAFETY * (noise / step + 2 * EPSILON * size))

    @property
    def mean(self) -> Array:
        """The central difference quotients."""
        mean: Array = (self.left + self.right) / 2
        return mean

    def nearest(self, exact: Array) -> Array:
        """Return whichever of the mean and the two slopes is closest to a derivative."""
        slopes = np.stack([self.mean, self.left, self.right])
        best = np.argmin(np.abs(slopes - exact), axis=0)
        nearest: Array = np.take_along_axis(slopes, best[np.newaxis], axis=0)[0]
        return nearest

    def resolve(self, exact: Array) -> Array:
        """Return where rounding is a small share of the larger of the two derivatives."""
        resolved: Array = self.noise <= RESOLVED * np.maximum(np.abs(exact), np.abs(self.mean))
        return resolved

    def fit(self, exact: Array) -> Array:
        """Return where a derivative matches the mean of the slopes, or one slope at a kink."""
        nearest = self.nearest(exact)
        allowed = RELATIVE * np.maximum(np.abs(nearest), np.abs(exact)) + self.noise
        zero = (exact == 0) & (self.left == 0) & (self.right == 0)
        fits: Array = zero | (self.resolve(exact) & (np.abs(nearest - exact) <= allowed))
        return fits

    def refute(self, exact: Array, far: "_Slopes") -> Array:
        """Return where these slopes and those at a longer step agree, but not with a derivative."""
        mean = self.mean
        others = np.stack([self.left, self.right, far.left, far.right])
        spread = np.abs(others - mean).max(axis=0) + self.noise
        error = np.abs(exact - mean)
        size = np.maximum(np.abs(exact), np.abs(mean))
        refuted: Array = (5 * spread <= error) & (error > RELATIVE * size)
        return refuted
