"""Tables as comma-separated values."""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from layerkit import Array, Data, DataError, Dataset, Example, Form, NonNegativeInt, Targets
from layerkit.builtin.datasets.columns import Column, Numbers, Words, quoted
from layerkit.builtin.datasets.splitting import TestFraction, split
from layerkit.builtin.datasets.table import TableReader

FRUIT = b"kind,grams,price\n" + b"apple,150,0.4\nplum,40,0.1\napple,170,0.5\nplum,50,0.2\n" * 3
"""An example of a file."""

ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""The relative difference of numbers that were the same before they were rounded, as 0.3 and the
sum of 0.1 and 0.2 were."""


class Csv(Dataset):
    """A table with one example a line and a header that names the columns, in UTF-8.

    The columns follow each other in ``x`` as in the file, a category as one column for each of its
    values: 1 for the value that the line has, 0 for the others. Values are in the order of numbers
    if they all are numbers, otherwise of text; so are classes. Blanks around a value do not count.

    Args:
        path: The file.
        target: The column to predict.
        task: Whether the target is a class, as text or a number, or a quantity.
        categories: The columns whose values are names rather than numbers.
        drop: The columns to leave out.
        delimiter: The character between two values.
        standardize: Whether the columns of numbers are shifted and scaled so that their mean is 0
            and their variance 1 in the training part; one that is the same throughout, up to
            rounding, becomes 0.
        test_fraction: The share of the lines to test on, drawn at random.
        seed: What the choice of the test lines follows from.

    Shapes:
        x: ``(count, features)``
        t: ``(count,)``, labels from 0 or numbers

    Raises:
        ValueError: A column has two roles, or the delimiter is not one character that could be.
    """

    examples = (
        Example({"path": "fruit.csv", "target": "kind"}, files={"fruit.csv": FRUIT}),
        Example(
            {"path": "fruit.csv", "target": "grams", "task": "regression", "categories": ["kind"]},
            files={"fruit.csv": FRUIT},
        ),
    )

    def __init__(
        self,
        path: Path,
        target: str,
        task: Literal["classification", "regression"] = "classification",
        categories: tuple[str, ...] = (),
        drop: tuple[str, ...] = (),
        delimiter: str = ",",
        standardize: bool = True,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
    ) -> None:
        roles = Counter((target, *set(categories), *set(drop)))
        twice = [name for name, count in roles.items() if count > 1]
        if twice:
            raise ValueError(
                f"a column can be in only one of target, categories and drop: {quoted(twice[0])}"
            )
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError(
                "delimiter must be one character, and neither a quote nor a line break, "
                f"got {quoted(delimiter)}"
            )
        self.path = path
        self.target = target
        self.task = task
        self.categories = categories
        self.drop = drop
        self.delimiter = delimiter
        self.standardize = standardize
        self.test_fraction = test_fraction
        self.seed = seed

    def inspect(self) -> Form:
        """Return the form of the table, reading it all: what its classes are shows nowhere else."""
        return self._content[0]

    def load(self) -> Data:
        """Return the parts of the table, reading it unless ``inspect`` did."""
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[Form, Data]:
        named = {"target": (self.target,), "categories": self.categories, "drop": self.drop}
        columns = TableReader(self.path, self.delimiter, named, self._column).columns()
        target = columns.pop(self.target)
        t = target.targets()
        if not columns:
            raise self._error("expected a column to learn from, got only the target")
        if len(t) < 2:
            raise self._error(
                "expected at least 2 rows of data, one to train on and one to test on, "
                f"got {len(t)}"
            )
        classes = len(target.distinct) if isinstance(target, Words) else None
        if classes == 1:
            raise self._error(
                f"column {quoted(self.target)}: expected at least 2 classes, "
                "got the same one in every row"
            )
        blocks = [self._features(name, column) for name, column in columns.items()]
        x = np.concatenate(blocks, axis=1)
        data = split(x, t, self.test_fraction, np.random.default_rng(self.seed))
        if self.standardize:
            widths = [block.shape[1] for block in blocks]
            are_numbers = [isinstance(column, Numbers) for column in columns.values()]
            unfit = _standardize(data, np.repeat(are_numbers, widths))
            for name in np.repeat(list(columns), widths)[unfit]:
                raise self._error(
                    f"column {quoted(name)}: its numbers are too large to standardize; write them "
                    "in a larger unit"
                )
        return Form(x.shape[1:], Targets(classes=classes)), data

    def _features(self, name: str, column: Column) -> Array:
        """Return the columns of ``x`` that a column of the table makes."""
        try:
            return column.features()
        except MemoryError as error:
            raise self._error(
                f"column {quoted(name)}: its values make more columns of zeros and ones than there "
                "is memory for; if it names single examples, drop it"
            ) from error

    def _column(self, name: str) -> Column | None:
        """Return what gathers the values of a column."""
        if name in self.drop:
            return None
        if name in self.categories:
            return Words()
        if name != self.target:
            return Numbers("if it is a category, name it in categories")
        if self.task == "classification":
            return Words()
        return Numbers('if it names a class, set task to "classification"')

    def _error(self, reason: str) -> DataError:
        return DataError(f"{self.path}: {reason}")


def _standardize(data: Data, are_numbers: Array) -> Array:
    """Shift and scale columns of numbers in place; return which are too large for that."""
    x, parts = data.train.x, (data.train.x, data.test.x)
    low, high = x.min(axis=0), x.max(axis=0)
    size = np.where(are_numbers, np.maximum(-low, high), 1.0)
    # A power of 2 changes no digit, and then no square of a very small or large number is lost.
    is_extreme = (size > 0) & ((size < 1e-100) | (size > 1e100))
    exponents = np.where(is_extreme, -np.frexp(size)[1], 0)
    with np.errstate(over="ignore", invalid="ignore"):
        for array in (*parts, low, high, size) if is_extreme.any() else ():
            np.ldexp(array, exponents, out=array)
        varies = are_numbers & (high - low > ROUNDING * size)
        mean = np.where(varies, x.mean(axis=0), np.where(are_numbers, low, 0))
        deviation = np.where(varies, x.std(axis=0), 1)
        for part in parts:
            np.subtract(part, mean, out=part)
            np.divide(part, deviation, out=part)
    for part in parts:
        for i in np.flatnonzero(are_numbers & ~varies):
            part[np.abs(part[:, i]) <= ROUNDING * size[i], i] = 0
    return np.asarray(~np.isfinite(data.test.x).all(axis=0))
