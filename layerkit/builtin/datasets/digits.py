"""The optical digits that ship with layerkit."""

from importlib import resources

import numpy as np

from layerkit import Data, Dataset, Form, Fraction, NonNegativeInt, Targets
from layerkit.builtin.datasets.splitting import TestFraction, check_fractions, split


class Digits(Dataset):
    """1,797 handwritten digits of 8 x 8 pixels, each from 0 to 16; they need no download.

    The test part is drawn at random. Pixels stay bytes in memory and are multiplied by 1/16 batch
    by batch.

    Args:
        test_fraction: The share of the images to test on.
        seed: The seed of the choice of the test images.
        flat: Whether an image is a vector rather than one channel of rows.
        stratify: Whether the shares hold for each digit.
        validation_fraction: The share of the images to choose by; 0 for no validation part.

    Shapes:
        x: ``(count, 64)``, or ``(count, 1, 8, 8)`` if not flat
        t: ``(count,)``, labels 0 to 9

    Source:
        Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine
        Learning Repository, doi:10.24432/C50P49, CC BY 4.0; see ``digits.LICENSE.md``.
    """

    def __init__(
        self,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        flat: bool = True,
        stratify: bool = False,
        validation_fraction: Fraction = 0.0,
    ) -> None:
        check_fractions(test_fraction, validation_fraction)
        self.test_fraction = test_fraction
        self.seed = seed
        self.flat = flat
        self.stratify = stratify
        self.validation_fraction = validation_fraction

    def inspect(self) -> Form:
        """Return the form of the images, reading nothing."""
        shape = (64,) if self.flat else (1, 8, 8)
        return Form(shape, Targets(classes=10), bool(self.validation_fraction))

    def load(self) -> Data:
        """Read the images and split them."""
        file = resources.files("layerkit.builtin.datasets") / "digits.npz"
        with file.open("rb") as stream, np.load(stream) as arrays:
            x, t = arrays["x"], arrays["t"]
        x = x.reshape(-1, *self.inspect().shape)
        rng = np.random.default_rng(self.seed)
        return split(x, t, self.test_fraction, rng, 1 / 16, self.stratify, self.validation_fraction)
