"""The contract of a data set, and the data that it returns."""

import sys
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from layerkit.contracts.component import Component
from layerkit.errors import DataError
from layerkit.memory import available_memory
from layerkit.targets import check_range_of_labels
from layerkit.types import Array, Shape


@dataclass(frozen=True)
class Targets:
    """The form of the targets.

    Attributes:
        shape: The shape of one target; ``()`` for a label or a single number.
        classes: The number of classes if a target is the integer label of a class; labels start
            at 0. None if targets are numbers.
        advice: How to change the data if a loss needs labels rather than numbers, or numbers
            rather than labels; empty if there is no advice.
    """

    shape: Shape = ()
    classes: int | None = None
    advice: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.classes is not None:
            return f"labels of {self.classes} classes"
        return f"numbers of shape {self.shape}" if self.shape else "single numbers"


@dataclass(frozen=True)
class Form:
    """The form of a data set, known before its examples are read.

    Attributes:
        shape: The shape of one example.
        targets: The form of its target.
        has_validation: Whether ``load`` returns a validation part.
    """

    shape: Shape
    targets: Targets
    has_validation: bool = False


@dataclass(frozen=True)
class Split:
    """Examples with their targets, held in memory or memory-mapped as they were stored.

    Attributes:
        x: The examples, ``(count, *shape)``, integers or floats.
        t: The targets, ``(count, *targets.shape)``.
        scale: The factor by which each batch of ``x`` is multiplied: 1/255 turns bytes into 0 to 1.
            Integers thus stay integers in memory.
        weights: The weights of the examples in the loss and in metrics, ``(count,)``, from 0; None
            if all are equal.

    Raises:
        DataError: The numbers of examples, targets and weights differ.
    """

    x: Array
    t: Array
    scale: float = 1.0
    weights: Array | None = None

    def __post_init__(self) -> None:
        if len(self.x) != len(self.t):
            raise DataError(
                f"there must be a target for each example, got {len(self.x)} examples "
                f"and {len(self.t)} targets"
            )
        if self.weights is not None and np.shape(self.weights) != (len(self.x),):
            raise DataError(
                f"there must be a weight for each of {len(self.x)} examples, got weights of the "
                f"shape {np.shape(self.weights)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def arrays(self) -> list[Array]:
        """All its arrays."""
        return [self.x, self.t] + ([] if self.weights is None else [self.weights])

    def __getitem__(self, rows: slice | Array) -> "Split":
        """Return some of the examples: a range of them, or those at some indices."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, x=self.x[rows], t=self.t[rows], weights=weights)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle, with the read-only flags that pickles of arrays lose."""
        return {**vars(self), "writeable": [array.flags.writeable for array in self.arrays]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        flags = state.pop("writeable")
        vars(self).update(state)
        for array, writeable in zip(self.arrays, flags, strict=True):
            if not writeable:
                array.flags.writeable = False


@dataclass(frozen=True)
class Data:
    """The parts of a data set.

    Attributes:
        train: The examples to train on.
        test: The examples to test on; nothing is ever chosen by them.
        validation: The examples by which training chooses the best parameters and the time to stop;
            None if it chooses nothing.
        notes: Sentences about anything that the data set read in a way that may surprise the user;
            the command prints them as warnings.
    """

    train: Split
    test: Split
    validation: Split | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Split]:
        """The parts by their names in messages, those that are there."""
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def most_evaluated(self) -> int:
        """The number of examples in the largest part that is only evaluated."""
        return max(len(self.test), 0 if self.validation is None else len(self.validation))


class Dataset(Component):
    """A source of examples.

    ``inspect`` returns the form, so that a network that does not fit is refused before the examples
    are read; ``load`` reads them. An option annotated ``pathlib.Path`` is relative to the spec.

    Attributes:
        downloads: Whether ``load`` may have to download files; the conformance kit then checks
            only the form.
    """

    kind: ClassVar[str] = "dataset"
    downloads: ClassVar[bool] = False

    @abstractmethod
    def inspect(self) -> Form:
        """Return the form of the data, reading no more than it needs for that.

        Raises:
            DataError: A file is missing or wrong.
        """

    @abstractmethod
    def load(self) -> Data:
        """Read or generate the examples; a run makes the arrays read-only.

        Raises:
            DataError: A file is missing or wrong; the message names the file and the place in it.
        """


def check_form(data: Data, form: Form) -> None:
    """Refuse data that do not have the form that ``inspect`` returned beforehand.

    Args:
        data: The data.
        form: What ``inspect`` of the data set returned.

    Raises:
        DataError: There is a validation part and should be none, or the other way round; a part
            has no examples; examples or targets have another shape; or a label is out of range.
    """
    if (data.validation is not None) is not form.has_validation:
        expected, got = ("a", "none") if form.has_validation else ("no", "one")
        raise DataError(f"the data set must have {expected} validation part, as it said, got {got}")
    for part, split in data.parts.items():
        check_not_empty(part, split)
        shapes = (len(split), *form.shape), (len(split), *form.targets.shape)
        if (split.x.shape, split.t.shape) != shapes:
            raise DataError(
                f"the {part} part must have examples {shapes[0]} and targets {shapes[1]}, "
                f"got {split.x.shape} and {split.t.shape}"
            )
        if form.targets.classes is not None:
            try:
                check_range_of_labels(split.t, form.targets.classes)
            except DataError as error:
                raise DataError(f"the {part} part: {error}") from None


def check_not_empty(part: str, split: Split) -> None:
    """Refuse a part without examples.

    Raises:
        DataError: The part has none.
    """
    if not len(split):
        raise DataError(f"the {part} part has no examples")


def check_memory(what: str, size: int) -> None:
    """Refuse arrays that take more memory than is free, before they are allocated.

    Args:
        what: What the arrays hold; the message begins with it.
        size: How many bytes they take.

    Raises:
        DataError: Less memory is free. If the system does not report its free memory, only sizes
            that no system has are refused.
    """
    free = available_memory()
    if size > (sys.maxsize if free is None else free):
        free_text = "" if free is None else f", and {free / 1e9:.3g} GB are free"
        raise DataError(f"{what}: needs {min(size, 10**300) / 1e9:.3g} GB of memory{free_text}")
