"""Reads the columns of a table from a CSV file."""

import csv
import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from layerkit import DataError
from layerkit.builtin.datasets.columns import Column, quoted
from layerkit.builtin.datasets.files import opened, unreadable

MOST_PROBLEMS = 5
"""How many problems of a file are told at once."""

MOST_OF_A_COLUMN = 2
"""How many of them may be of one column, which may be wrong in every line."""


class TableReader:
    """Reads a table, gathering problems so that several can be put right at once.

    Args:
        path: The file, in UTF-8, with a header that names the columns.
        delimiter: The character between two values.
        named: For each option that names columns, the names; all must be in the header.
        column: Returns what gathers the values of the column of that name, or None to leave it out.
    """

    def __init__(
        self,
        path: Path,
        delimiter: str,
        named: Mapping[str, tuple[str, ...]],
        column: Callable[[str], Column | None],
    ) -> None:
        self._path = path
        self._delimiter = delimiter
        self._named = named
        self._column = column
        self._problems: list[str] = []

    def columns(self) -> dict[str, Column]:
        """Return the columns that are not left out, by name, in the order of the file.

        Raises:
            DataError: The file is missing or wrong; the message names every line and column.
        """
        try:
            with opened(self._path) as file:
                return self._read(file)
        except OSError as error:
            raise unreadable(self._path, error) from error

    def _read(self, file: BinaryIO) -> dict[str, Column]:
        rows = self._rows(file)
        line, header = next(rows, (1, []))
        header = [name.strip() for name in header]
        self._check_header(line, header)
        self._raise_problems()
        columns = [self._column(name) for name in header]
        problems_of = Counter[str]()
        for line, row in rows:
            if len(row) != len(header):
                self._add(f"line {line}: expected {len(header)} values, got {len(row)}")
                continue
            for i, (name, column, text) in enumerate(zip(header, columns, row, strict=True)):
                if column is None or problems_of[name] == MOST_OF_A_COLUMN:
                    continue
                try:
                    column.add(text.strip())
                except ValueError as error:
                    problems_of[name] += 1
                    # Quoted values before this one may have taken several lines.
                    at = line + sum(before.count("\n") for before in row[:i])
                    self._add(f"line {at}, column {quoted(name)}: {error}")
        self._raise_problems()
        return {n: c for n, c in zip(header, columns, strict=True) if c is not None}

    def _rows(self, file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the line it begins at."""
        reader = csv.reader(self._lines(file), delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                self._add(f"line {line}: cannot be parsed: {error}; check the quotes")
                return
            if row is None:
                return
            if row:
                yield line, row

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        for number, line in enumerate(file, start=1):
            try:
                # A spreadsheet may put a byte-order mark at the start, which "-sig" leaves out.
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self._path}: line {number}: expected text in UTF-8, got the byte "
                    f"0x{line[error.start]:02x}; if the file is a table, save it as UTF-8"
                ) from error

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
                    f"line {line}: {count} columns are named {quoted(name)}; "
                    "give each a name of its own"
                )
        for option, names in self._named.items():
            for name in names:
                if name not in header:
                    self._add(f"{option}: no column is named {quoted(name)}{_advice(name, header)}")

    def _add(self, problem: str) -> None:
        self._problems.append(problem)
        if len(self._problems) == MOST_PROBLEMS:
            self._problems.append("there may be more")
            self._raise_problems()

    def _raise_problems(self) -> None:
        if len(self._problems) == 1:
            raise DataError(f"{self._path}: {self._problems[0]}")
        if self._problems:
            raise DataError(f"{self._path}:", self._problems)


def _advice(name: str, header: list[str]) -> str:
    """Return what to do about a name that is not in the header."""
    if len(header) == 1:
        return f"; the only column is {quoted(header[0])}: is the delimiter right?"
    close = difflib.get_close_matches(name, header, n=1)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    return f"; there are {', '.join(map(quoted, header))}"
