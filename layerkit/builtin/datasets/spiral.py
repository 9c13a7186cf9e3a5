"""Spirals, which no straight line separates."""

from typing import Annotated

import numpy as np
from annotated_types import Ge

from layerkit import (
    Data,
    Dataset,
    Form,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Targets,
    check_memory,
)
from layerkit.builtin.datasets.splitting import TestFraction, check_fractions, split

BYTES_OF_A_POINT = 80
"""The memory of a point while it is generated: ten numbers."""


class Spiral(Dataset):
    """Points on spirals around the origin, one arm for each class, generated.

    Point ``i`` of ``n`` of class ``c`` lies at ``(r sin a, r cos a)`` with the radius ``r = i / n``
    and the angle ``a = 4 c + 4 r + noise * g`` in radians, where ``g`` is drawn from the standard
    normal distribution.

    Args:
        classes: The number of arms.
        per_class: The points of each arm.
        noise: The standard deviation of the angle, in radians.
        test_fraction: The share of the points to test on, drawn at random.
        seed: The seed of the points and of the choice of those to test on.
        stratify: Whether the shares hold for each arm.
        validation_fraction: The share of the points to choose by; 0 for no validation part.

    Shapes:
        x: ``(count, 2)``
        t: ``(count,)``, labels from 0

    Source:
        Saito (2018), "Deep Learning from Scratch 2", section 1.4.1; after Karpathy's notes for
        Stanford's CS231n, "Putting it together: Minimal Neural Network Case Study", whose radius
        reaches 1 at the last point.
    """

    def __init__(
        self,
        classes: Annotated[int, Ge(2)] = 3,
        per_class: PositiveInt = 100,
        noise: NonNegativeFloat = 0.2,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        stratify: bool = False,
        validation_fraction: Fraction = 0.0,
    ) -> None:
        check_fractions(test_fraction, validation_fraction)
        self.classes = classes
        self.per_class = per_class
        self.noise = noise
        self.test_fraction = test_fraction
        self.seed = seed
        self.stratify = stratify
        self.validation_fraction = validation_fraction

    def inspect(self) -> Form:
        """Return the form of the points."""
        count = self.classes * self.per_class
        check_memory(
            f"{self.classes:,} arms of {self.per_class:,} points", count * BYTES_OF_A_POINT
        )
        return Form((2,), Targets(classes=self.classes), bool(self.validation_fraction))

    def load(self) -> Data:
        """Generate the points and split them."""
        self.inspect()
        rng = np.random.default_rng(self.seed)
        t = np.repeat(np.arange(self.classes), self.per_class)
        radius = np.tile(np.arange(self.per_class) / self.per_class, self.classes)
        angle = 4 * t + 4 * radius + self.noise * rng.standard_normal(len(t))
        x = np.stack((radius * np.sin(angle), radius * np.cos(angle)), axis=1)
        return split(
            x,
            t,
            self.test_fraction,
            rng,
            stratify=self.stratify,
            validation_fraction=self.validation_fraction,
        )
