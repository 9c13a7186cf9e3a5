"""Sums, written as text."""

from typing import Annotated

import numpy as np

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Field,
    Form,
    NonNegativeInt,
    PositiveInt,
    Split,
    Targets,
    check_memory,
)

PLUS = 10
"""The symbol of ``+``; the symbols of digits are the digits themselves."""


class Addition(Dataset):
    """Two numbers to add, written as text, and the digits of their sum: ``27+95`` and ``122``.

    Each pair of numbers occurs at most once, so no test sum is a training sum. Numbers are
    written with leading zeros.

    Args:
        digits: The number of digits of each number.
        train: The number of sums to train on.
        test: The number of sums to test on.
        seed: The seed of the numbers.

    Shapes:
        x: ``(count, 2 digits + 1)``, whole numbers: the digits themselves, and 10 for ``+``
        t: ``(count, digits + 1)``, labels 0 to 9

    Raises:
        DataError: There are not enough different pairs of numbers.

    Source:
        Saito (2018), "Deep Learning from Scratch 2", section 7.2.
    """

    examples = (Example({"train": 30, "test": 10}), Example({"digits": 1, "train": 80, "test": 20}))

    def __init__(
        self,
        digits: Annotated[int, Field(ge=1, le=8)] = 2,
        train: PositiveInt = 9_000,
        test: PositiveInt = 1_000,
        seed: NonNegativeInt = 0,
    ) -> None:
        self.digits = digits
        self.train = train
        self.test = test
        self.seed = seed

    def inspect(self) -> Form:
        """Return the form of the data."""
        pairs = 100**self.digits
        if self.train + self.test > pairs:
            raise DataError(
                f"there are {pairs:,} pairs of numbers of {self.digits} digits, fewer than "
                f"{self.train:,} to train on and {self.test:,} to test on"
            )
        check_memory(f"{self.train + self.test:,} sums", self._memory())
        return Form((2 * self.digits + 1,), Targets((self.digits + 1,), classes=10))

    def _memory(self) -> int:
        """Return how many bytes the sums take while they are drawn."""
        count, pairs = self.train + self.test, 100**self.digits
        # If a large share of all pairs is drawn, NumPy shuffles all of them.
        drawn = 8 * (pairs if count > pairs // 50 else 3 * count)
        # A digit takes 8 bytes before it is converted to a byte.
        return drawn + count * (4 * 8 + 2 * 8 * (self.digits + 1))

    def load(self) -> Data:
        """Draw the numbers."""
        self.inspect()
        rng = np.random.default_rng(self.seed)
        pairs = rng.choice(100**self.digits, self.train + self.test, replace=False)
        a, b = np.divmod(pairs, 10**self.digits)
        plus = np.full((len(pairs), 1), PLUS, np.uint8)
        x = np.hstack([_written(a, self.digits), plus, _written(b, self.digits)])
        t = _written(a + b, self.digits + 1)
        split = self.train
        return Data(Split(x[:split], t[:split]), Split(x[split:], t[split:]))


def _written(numbers: Array, digits: int) -> Array:
    """Return the digits of numbers, ``(count, digits)``, the highest first."""
    powers = 10 ** np.arange(digits - 1, -1, -1)
    return (numbers[:, np.newaxis] // powers % 10).astype(np.uint8)
