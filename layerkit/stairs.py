"""Stairs of a sum that computes with fewer digits than float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from layerkit.types import Array

PROBES = 4
"""The number of elements of an array for each of which the height of its stairs is measured."""

REACHES = 1.0, 10.0
"""The distances at which a sum is searched for stairs, in multiples of the longest step."""

STAIRS = 8.0
"""The number of stairs along which a sum must keep to one slope. A single jump does not."""

ALIKE = 4.0
"""The factor by which the stairs near one element may be higher than those near another."""

CERTAIN = 6
"""The number of halvings of an interval after which a change that remains is that of a jump."""

EPSILON = float(np.finfo(np.float64).eps)


def stair_heights(
    terms: Callable[[], Array],
    here: Array,
    flat: Array,
    at: Array,
    slopes: Array,
    exact: Array,
    longest: Array,
    noise: float,
) -> Array:
    """Return the heights of the stairs that a sum has near some elements, 0 where it has none.

    Args:
        terms: Computes the terms of the sum from the present contents of ``flat``.
        here: The terms at present.
        flat: All elements; each is changed while ``terms`` is called, and restored.
        at: The indices of the elements to search near, ``(count,)``.
        slopes: The derivatives that short steps give, ``(count,)``.
        exact: The derivatives to judge, ``(count,)``.
        longest: The longest steps, ``(count,)``.
        noise: The largest change of the sum that may be rounding in float64.
    """
    heights = np.zeros(len(at))
    lines = [
        _Line(terms, here, flat, int(i), float(slope), float(g), float(step), noise)
        for i, slope, g, step in zip(at, slopes, exact, longest, strict=True)
    ]
    measured: list[float] = []
    for k, line in enumerate(lines):
        heights[k] = line.stair(max(measured) if len(measured) == PROBES else 0)
        if heights[k] and len(measured) < PROBES:
            measured.append(float(heights[k]))
    if measured:
        common = bool(2 * np.count_nonzero(heights) >= len(heights))
        # Where the slopes of the examples cancel, stairs go up and down and show no slope.
        for k in range(len(heights)):
            if not heights[k]:
                heights[k] = lines[k].hidden_stair(max(measured), common)
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
    longest: float
    noise: float

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
        if not abs(right) > max(abs(self.exact - self.slope) / 8, self.noise / distance):
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
                if height > self.noise and (
                    length <= distance or abs(self.climb(length) - further) <= abs(further) / 2
                ):
                    return height
        return 0.0

    def hidden_stair(self, known: float, common: bool) -> float:
        """Return the height of a stair where the sum keeps to no slope, or 0 if there is none.

        Args:
            known: The height where other elements have stairs.
            common: Whether most elements have them. Then the next stair may also be out of reach.
        """
        reach = REACHES[-1] * self.longest
        if common and abs(self.exact - self.slope) * reach <= known:
            return known
        for end in (reach, -reach):
            if (height := self.jump(end)) > self.noise:
                return max(height, known) if height <= ALIKE * known else 0.0
        return 0.0

    def jump(self, end: float) -> float:
        """Return the height of a jump up to ``end``, or about the noise if there is none.

        The interval is halved again and again, and the half is kept in which the sum leaves the
        line the most. Its change there vanishes with the length if it is continuous, at a kink too.
        The change at a jump remains.
        """
        near, far, near_value, far_value = 0.0, end, 0.0, self.apart(end)
        least, remained = 4 * EPSILON * max(abs(float(self.flat[self.i])), abs(end)), 0
        while (
            abs(far - near) > least
            and abs(far_value - near_value) > self.noise
            and remained < CERTAIN
        ):
            before = abs(far_value - near_value)
            middle = (near + far) / 2
            value = self.apart(middle)
            if abs(value - near_value) > abs(far_value - value):
                far, far_value = middle, value
            else:
                near, near_value = middle, value
            remained = remained + 1 if abs(far_value - near_value) > 0.9 * before else 0
        return abs(far_value - near_value)
