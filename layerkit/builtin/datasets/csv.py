"""Tables as comma-separated values."""

import csv
import difflib
import json
import math
import re
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Literal

import numpy as np

from layerkit import Array, Data, DataError, Dataset, Form, NonNegativeInt, Targets
from layerkit.builtin.datasets.files import unreadable
from layerkit.builtin.datasets.splitting import TestFraction, split

MOST_PROBLEMS = 5
"""How many problems of a file are told at once."""

MOST_OF_A_COLUMN = 2
"""How many of them may be of one column, which may be wrong in every line."""


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
            and their variance 1 in the training part; one that is the same throughout becomes 0.
        test_fraction: The share of the lines to test on, drawn at random.
        seed: What the choice of the test lines follows from.

    Shapes:
        x: ``(count, features)``
        t: ``(count,)``, labels from 0 or numbers

    Raises:
        ValueError: A column has two roles, or the delimiter is not one character that could be.
    """

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
                f"a column can be in only one of target, categories and drop: {_quoted(twice[0])}"
            )
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError(
                "delimiter must be one character, and neither a quote nor a line break, "
                f"got {_quoted(delimiter)}"
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
        columns = _Reader(self).columns()
        target = columns.pop(self.target)
        t = target.targets()
        x = np.concatenate([column.features() for column in columns.values()], axis=1)
        data = split(x, t, self.test_fraction, np.random.default_rng(self.seed))
        if self.standardize:
            is_number = [isinstance(column, _Numbers) for column in columns.values()]
            _standardize(data, np.repeat(is_number, [c.width for c in columns.values()]))
        return Form(x.shape[1:], Targets(classes=target.classes)), data


def _standardize(data: Data, is_number: Array) -> None:
    """Shift and scale columns in place, by the mean and the deviation of the training part."""
    x = data.train.x
    # A column that is the same throughout has a deviation of 0, or nearly so after rounding.
    varies = is_number & (x.min(axis=0) != x.max(axis=0))
    mean = np.where(varies, x.mean(axis=0), np.where(is_number, x[0], 0))
    deviation = np.where(varies, x.std(axis=0), 1)
    for part in (data.train, data.test):
        np.subtract(part.x, mean, out=part.x)
        np.divide(part.x, deviation, out=part.x)


class _Column(ABC):
    """The values of a column, gathered line by line.

    Attributes:
        width: How many columns of ``x`` it becomes.
        classes: How many classes it names as a target; None if it holds numbers.
    """

    width: int
    classes: int | None

    @abstractmethod
    def add(self, text: str) -> None:
        """Take in a value.

        Raises:
            ValueError: It is not of the column's kind; says what was expected.
        """

    @abstractmethod
    def features(self) -> Array:
        """Return its part of ``x``, ``(count, width)``."""

    @abstractmethod
    def targets(self) -> Array:
        """Return it as targets, ``(count,)``."""


class _Numbers(_Column):
    """A column of finite numbers.

    Args:
        advice: What to do about text.
    """

    width = 1
    classes = None

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._values = array("d")

    def add(self, text: str) -> None:
        number = _number(text)
        if number is None:
            raise ValueError(f"expected a number, got {_quoted(text)}; {self._advice}")
        if not math.isfinite(number):
            raise ValueError(
                f"expected a finite number, got {_quoted(text)}; correct it or remove the line"
            )
        self._values.append(number)

    def features(self) -> Array:
        return self.targets()[:, np.newaxis]

    def targets(self) -> Array:
        return np.array(self._values)


class _Words(_Column):
    """A column of categories or classes."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._values = array("q")

    @property
    def width(self) -> int:  # type: ignore[override]  # known when all is read
        return len(self._codes)

    @property
    def classes(self) -> int:  # type: ignore[override]
        return len(self._codes)

    @property
    def words(self) -> list[str]:
        """The distinct values, sorted."""
        numbers = {word: _number(word) for word in self._codes}
        if all(n is not None and math.isfinite(n) for n in numbers.values()):
            return sorted(numbers, key=lambda word: (numbers[word], word))
        return sorted(numbers)

    def add(self, text: str) -> None:
        self._values.append(self._codes.setdefault(text, len(self._codes)))

    def features(self) -> Array:
        one_hot = np.zeros((len(self._values), self.width))
        one_hot[np.arange(len(one_hot)), self.targets()] = 1
        return one_hot

    def targets(self) -> Array:
        # The codes count the words as they came; labels count them sorted.
        labels = np.empty(len(self._codes), np.int64)
        labels[[self._codes[word] for word in self.words]] = np.arange(len(labels))
        return np.asarray(labels[np.array(self._values)])


class _Reader:
    """Reads a table, gathering problems so that several can be put right at once.

    Args:
        options: Which columns there are to be, and of what kind.
    """

    def __init__(self, options: Csv) -> None:
        self._options = options
        self._path = options.path
        self._problems: list[str] = []

    def columns(self) -> dict[str, _Column]:
        """Return the columns in use, in the order of the file.

        Raises:
            DataError: The file is missing or wrong.
        """
        try:
            # A spreadsheet may put a byte-order mark at the start, which "-sig" leaves out.
            with open(self._path, encoding="utf-8-sig", newline="") as file:
                columns = self._read(file)
        except OSError as error:
            raise unreadable(self._path, error) from error
        except UnicodeDecodeError as error:
            raise DataError(f"{self._path}: {_not_utf8(self._path)}") from error
        self._raise_problems()
        return columns

    def _read(self, file: IO[str]) -> dict[str, _Column]:
        rows = self._rows(file)
        line, header = next(rows, (1, []))
        header = [name.strip() for name in header]
        self._check_header(line, header)
        self._raise_problems()
        columns = {name: self._column(name) for name in header if name not in self._options.drop}
        count, problems_of = 0, Counter[str]()
        for line, row in rows:
            count += 1
            if len(row) != len(header):
                self._add(f"line {line}: expected {len(header)} values, got {len(row)}")
                continue
            for i, (name, text) in enumerate(zip(header, row, strict=True)):
                if name not in columns or problems_of[name] == MOST_OF_A_COLUMN:
                    continue
                try:
                    self._take(columns[name], text.strip())
                except ValueError as error:
                    problems_of[name] += 1
                    # A quoted value may have taken several lines before this column.
                    at = line + sum(len(re.findall(r"\r\n|\r|\n", before)) for before in row[:i])
                    self._add(f"line {at}, column {_quoted(name)}: {error}")
        self._raise_problems()
        self._check_rows(count, columns)
        return columns

    def _rows(self, file: IO[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the line it begins at."""
        reader = csv.reader(file, delimiter=self._options.delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                self._add(f"line {line}: cannot be parsed from here on: {error}; check its quotes")
                return
            if row is None:
                return
            if row:
                yield line, row

    def _check_header(self, line: int, header: list[str]) -> None:
        if not header:
            self._add("is empty; expected a header that names the columns, then the data")
            return
        for i, name in enumerate(header, start=1):
            if not name:
                self._add(f"line {line}: column {i} has no name; give it one")
        for name, count in Counter(header).items():
            if name and count > 1:
                self._add(
                    f"line {line}: {count} columns are named {_quoted(name)}; "
                    "give each a name of its own"
                )
        options = self._options
        for option, names in (
            ("target", (options.target,)),
            ("categories", options.categories),
            ("drop", options.drop),
        ):
            for name in names:
                if name not in header:
                    self._add(
                        f"{option}: no column is named {_quoted(name)}{_advice(name, header)}"
                    )
        if not set(header) - {options.target, *options.drop}:
            self._add("no column is left to learn from besides the target")

    def _column(self, name: str) -> _Column:
        options = self._options
        if name == options.target:
            if options.task == "classification":
                return _Words()
            return _Numbers('if it names a class, set task to "classification"')
        if name in options.categories:
            return _Words()
        return _Numbers("if it is a category, name it in categories")

    def _take(self, column: _Column, text: str) -> None:
        if not text:
            raise ValueError("a value is missing; fill it in or remove the line")
        column.add(text)

    def _check_rows(self, count: int, columns: dict[str, _Column]) -> None:
        target = columns[self._options.target]
        if count < 2:
            self._add(
                "needs at least 2 rows of data, one to train on and one to test on, "
                f"got {count or 'none'}"
            )
        elif target.classes == 1:
            self._add(
                f"column {_quoted(self._options.target)}: expected at least 2 classes, "
                "got the same one in every row"
            )

    def _add(self, problem: str) -> None:
        self._problems.append(problem)
        if len(self._problems) == MOST_PROBLEMS:
            self._problems.append("(there may be more)")
            self._raise_problems()

    def _raise_problems(self) -> None:
        if len(self._problems) == 1:
            raise DataError(f"{self._path}: {self._problems[0]}")
        if self._problems:
            raise DataError("\n  ".join((f"{self._path}:", *self._problems)))


def _number(text: str) -> float | None:
    """Return the number that a text is, if it is one."""
    try:
        # Python, and nobody else, reads 1_000 as a number.
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 40 else f"{text[:37]}...", ensure_ascii=False)


def _advice(name: str, header: list[str]) -> str:
    """Return what to do about a name that is in no header."""
    if len(header) == 1:
        return f"; the only column is {_quoted(header[0])}: is the delimiter right?"
    close = difflib.get_close_matches(name, header, n=1)
    if close:
        return f"; did you mean {_quoted(close[0])}?"
    return f"; there are {', '.join(map(_quoted, header))}"


def _not_utf8(path: Path) -> str:
    """Return where a file stops being UTF-8."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", content[: error.start])) + 1
        return (
            f"line {line}: byte 0x{content[error.start]:02x} is not UTF-8 text; "
            "if the file is a text, save it as UTF-8"
        )
    return "is not UTF-8 text"
