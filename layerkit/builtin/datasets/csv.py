"""Tables as comma-separated values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    NonNegativeInt,
    PositiveInt,
    Targets,
    check_memory,
)
from layerkit.builtin.datasets.columns import Column, Numbers, Words, quoted
from layerkit.builtin.datasets.numerals import Decimal, Numerals, Thousands
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, noted, split
from layerkit.builtin.datasets.table import TableReader

FRUIT = b"kind,grams,price\n" + b"apple,150,0.4\nplum,40,0.1\napple,170,0.5\nplum,50,0.2\n" * 3
OBST = b";Art;Gramm;Preis\r\n" + b"0;Melone;1.150;2,4\r\n1;Apfel;140;0,35\r\n" * 5
"""Another table, as a German spreadsheet may store it."""

ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""The relative difference of numbers that were equal before they were rounded, such as 0.3 and the
sum of 0.1 and 0.2."""


class Csv(Dataset):
    """A table with one example per line and a header that names the columns, in UTF-8.

    The columns of ``x`` are in the order of the file. A category becomes one column for each of its
    values: 1 for the value of the line, 0 for the others. Its values, like classes, are in
    numerical order if all are numbers, otherwise in alphabetical order. Blanks around a value are
    ignored. An index that pandas stored is a column without a name, which ``"drop": [""]`` omits.

    Args:
        path: The file.
        target: The column to predict.
        task: Whether the target is a class, as text or a number, or a quantity.
        categories: The columns whose values are names rather than numbers.
        drop: The columns to leave out.
        delimiter: The character between two values.
        standardize: Whether the columns of numbers are shifted and scaled so that their mean is 0
            and their variance 1 in the training part; a column that is constant, up to rounding,
            becomes 0.
        test_fraction: The share of the lines to test on, drawn at random.
        seed: The seed of the choice of the test lines.
        stratify: Whether the share to test on holds for each class, so that every class of at
            least two lines is in both parts.
        decimal: The decimal separator of a number.
        thousands: The separator that groups of digits may have, as in 1,234,567; none if empty.
        max_categories: The most values that a category may have, because each becomes a column.
        classes: The classes in the order of their labels, so that a label means the same in every
            file; by default, the classes in the file.

    Shapes:
        x: ``(count, features)``
        t: ``(count,)``, labels from 0 or numbers

    Raises:
        ValueError: A column has two roles, the delimiter is not a usable character, ``decimal`` and
            ``thousands`` are equal, a class is listed twice, or ``classes`` or ``stratify`` is set
            although the target is a quantity.
    """

    examples = (
        Example({"path": "fruit.csv", "target": "kind"}, files={"fruit.csv": FRUIT}),
        Example(
            {"path": "fruit.csv", "target": "grams", "task": "regression", "categories": ["kind"]},
            files={"fruit.csv": FRUIT},
        ),
        Example(
            {
                "path": "obst.csv",
                "target": "Art",
                "drop": [""],
                "delimiter": ";",
                "decimal": ",",
                "thousands": ".",
                "stratify": True,
                "classes": ["Melone", "Apfel"],
            },
            files={"obst.csv": OBST},
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
        stratify: bool = False,
        decimal: Decimal = ".",
        thousands: Thousands = "",
        max_categories: PositiveInt = 1_000,
        classes: tuple[str, ...] = (),
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
        if decimal == thousands:
            raise ValueError(f'decimal and thousands must differ, both are "{decimal}"')
        for option, present in (("stratify", stratify), ("classes", classes)):
            if present and task == "regression":
                raise ValueError(f'{option} needs task "classification", got "regression"')
        for name, count in Counter(classes).most_common(1):
            if count > 1:
                raise ValueError(f"classes: {quoted(name)} is listed {count} times")
        self.path = path
        self.target = target
        self.task = task
        self.categories = categories
        self.drop = drop
        self.delimiter = delimiter
        self.standardize = standardize
        self.test_fraction = test_fraction
        self.seed = seed
        self.stratify = stratify
        self.decimal = decimal
        self.thousands = thousands
        self.max_categories = max_categories
        self.classes = classes
        self._numerals = Numerals(decimal, thousands)

    def inspect(self) -> Form:
        """Return the form of the table; the classes are known only after all of it is read."""
        return self._content[0]

    def load(self) -> Data:
        """Return the parts of the table, reading it unless ``inspect`` did."""
        return self._content[1]

    @cached_property
    def _content(self) -> tuple[Form, Data]:
        named = {"target": (self.target,), "categories": self.categories, "drop": self.drop}
        columns = TableReader(self.path, self.delimiter, named, self._column).columns()
        notes = self._check_words(columns)
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
        blocks = self._features(columns)
        x = np.concatenate(blocks, axis=1)
        rng = np.random.default_rng(self.seed)
        data = split(x, t, self.test_fraction, rng, stratify=self.stratify)
        data = replace(data, notes=notes)
        if isinstance(target, Words):
            names = [quoted(word) for word in target.distinct]
            data = noted(data, str(self.path), names, "" if self.stratify else STRATIFY)
        if self.standardize:
            widths = [block.shape[1] for block in blocks]
            are_numbers = [isinstance(column, Numbers) for column in columns.values()]
            unfit = _standardize(data, np.repeat(are_numbers, widths))
            for name in np.repeat(list(columns), widths)[unfit]:
                raise self._error(
                    f"column {quoted(name)}: its numbers are too large to standardize; write them "
                    "in a larger unit"
                )
        return Form(x.shape[1:], Targets(classes=classes, advice=self._advice(target))), data

    def _advice(self, target: Column) -> str:
        """Return advice for a loss that needs the other kind of targets."""
        if not isinstance(target, Words):
            return f'if {quoted(self.target)} names a class, set task to "classification"'
        if target.are_numbers:
            return f'if {quoted(self.target)} is a quantity, set task to "regression"'
        return ""

    def _check_words(self, columns: Mapping[str, Column]) -> tuple[str, ...]:
        """Refuse names that cannot be intended, and return notes about doubtful ones."""
        notes: list[str] = []
        for name, column in columns.items():
            if not isinstance(column, Words):
                continue
            where = f"{self.path}: column {quoted(name)}"
            try:
                column.check()
            except ValueError as error:
                raise DataError(f"{where}: {error}") from None
            count = len(column.distinct)
            if name != self.target and count > self.max_categories:
                raise DataError(
                    f"{where}: has {count:,} different values, and each becomes a column; drop it "
                    "if it names single examples, or raise max_categories "
                    f"({self.max_categories:,})"
                )
            notes += (f"{where}: {doubt}" for doubt in column.doubts())
        return tuple(notes)

    def _features(self, columns: Mapping[str, Column]) -> list[Array]:
        """Return the columns of ``x`` that each column of the table becomes."""
        width = sum(column.width for column in columns.values())
        count = max(map(len, columns.values()))
        # Once for each column of the table, and once concatenated.
        check_memory(f"{self.path}: {count:,} rows of {width:,} columns", 2 * 8 * count * width)
        return [column.features() for column in columns.values()]

    def _column(self, name: str) -> Column | None:
        """Return an object that collects the values of a column; None to drop them."""
        if name in self.drop:
            return None
        if name in self.categories:
            return Words(self._numerals)
        if name != self.target:
            return Numbers("if it is a category, name it in categories", self._numerals)
        if self.task == "classification":
            return Words(self._numerals, self.classes)
        return Numbers('if it names a class, set task to "classification"', self._numerals)

    def _error(self, reason: str) -> DataError:
        return DataError(f"{self.path}: {reason}")


def _standardize(data: Data, are_numbers: Array) -> Array:
    """Shift and scale columns of numbers in place, and return which are too large for it."""
    x, parts = data.train.x, (data.train.x, data.test.x)
    low, high = x.min(axis=0), x.max(axis=0)
    size = np.where(are_numbers, np.maximum(-low, high), 1.0)
    # Scaling by a power of 2 is exact, and keeps squares from overflow and underflow.
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
