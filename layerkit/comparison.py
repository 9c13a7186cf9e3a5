"""Comparison of derivatives with difference quotients: right, wrong, or too small to tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from layerkit.gradients import STEP, flat_view
from layerkit.stairs import stair_heights
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
                remaining = ~agrees[elements]
                open_, rounding = elements[remaining], noises[remaining]
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

        recheck = np.flatnonzero(~agrees & ~wrong)[:most]
        check_again(recheck, np.full(len(recheck), noise))
        # Steps within one stair all agree on a slope of 0, or on that of the other examples.
        doubtful = recheck[np.where(agrees[recheck], exact[recheck] == 0, suspected[recheck])]
        heights = stair_heights(
            terms,
            here,
            flat,
            at[doubtful],
            numerical[doubtful],
            exact[doubtful],
            longest[doubtful],
            SAFETY * noise,
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
