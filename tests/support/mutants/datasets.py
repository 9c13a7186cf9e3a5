"""Mutants of the laws of data sets."""

from typing import Any

import numpy as np

from layerkit import Data, Dataset, Form, PositiveInt, Split, Targets
from mutants.catalogue import breaks, sound


@sound
class Points(Dataset):
    """Points with labels.

    Args:
        count: How many.
    """

    def __init__(self, count: PositiveInt = 8) -> None:
        self.count = count

    def inspect(self) -> Form:
        return Form((2,), Targets(classes=3))

    def load(self) -> Data:
        rng = np.random.default_rng(0)
        split = Split(rng.random((self.count, 2)), rng.integers(0, 3, self.count))
        return Data(split, split)


class OfPoints(Points):
    __doc__ = Points.__doc__


@breaks("a_form_is_told_beforehand", "inspect must return a Form")
class TellsNoForm(OfPoints):
    __doc__ = Points.__doc__
    downloads = True

    def inspect(self) -> Any:
        return (2,)


@breaks(
    "the_data_has_the_form_that_was_told",
    "the training part: labels must be from 0 to 1, got 0 to 2",
)
class HasAnotherClass(OfPoints):
    __doc__ = Points.__doc__

    def inspect(self) -> Form:
        return Form((2,), Targets(classes=2))


@breaks(
    "the_data_has_the_form_that_was_told",
    "the data set must have a validation part, as it said, got none",
)
class PromisesValidation(OfPoints):
    __doc__ = Points.__doc__

    def inspect(self) -> Form:
        return Form((2,), Targets(classes=3), has_validation=True)


@breaks(
    "the_data_has_the_form_that_was_told",
    "the data set must have no validation part, as it said, got one",
)
class HidesValidation(OfPoints):
    __doc__ = Points.__doc__

    def load(self) -> Data:
        data = super().load()
        return Data(data.train, data.test, data.test)


@breaks("loaded_again_it_is_the_same", "draw from a generator with a seed")
class LoadsAnew(OfPoints):
    __doc__ = Points.__doc__

    def load(self) -> Data:
        data = super().load()
        split = Split(data.train.x + np.random.default_rng().random(), data.train.t)
        return Data(split, split)


@breaks("examples_are_numbers", "there are numbers that are not finite")
class HasHoles(OfPoints):
    __doc__ = Points.__doc__

    def load(self) -> Data:
        data = super().load()
        x = data.train.x.copy()
        x[0] = np.inf
        return Data(Split(x, data.train.t), data.test)
