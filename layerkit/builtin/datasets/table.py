"""Reading the columns of a table from a CSV file."""

import csv
import difflib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import TextIOWrapper
from pathlib import Path
from threading import Lock
from typing import TextIO

from layerkit import DataError, check_memory
from layerkit.builtin.datasets.columns import Column, quoted
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.numerals import PLAIN

MOST_PROBLEMS = 5
"""The most problems of a file that are reported at once."""

MOST_OF_A_COLUMN = 2
"""The most problems reported for one column, which may be wrong in every line."""

LONGEST = 2**26
"""The most characters of a line, and of a value, which may have several lines. A file without line
ends or with an unclosed quote is refused before all of it is in memory."""

ROWS = 2**16
"""The number of rows after which the free memory is checked."""

MOST_NAMES = 20
"""The most names of a header that a message shows."""

_LINE_END = re.compile("\r\n|\r|\n")


class _FieldLimit(AbstractContextManager[None]):
    """Allows values longer than Python's default limit of 131,072 characters.

    The limit belongs to the whole process: the first thread that reads a table raises it,
    and the last one restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._readers = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._before = csv.field_size_limit(LONGEST)
            self._readers += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                csv.field_size_limit(self._before)


_values_of_any_length = _FieldLimit()


class TableReader:
    """Reads a table, collecting problems so that several can be corrected at once.

    Args:
        path: The file, in UTF-8, with a header that names the columns.
        delimiter: The character between two values.
        named: The names for each option that names columns; all must be in the header.
        column: Returns an object that collects the values of a named column, or None to omit it.
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
        """Return the columns that are not omitted, by name, in the order of the file.

        Raises:
            DataError: The file is missing or wrong; the message names every line and column.
        """
        try:
            # Latin-1 keeps every byte, so the line of an invalid one is known. Any line end
            # counts.
            text = TextIOWrapper(opened(self._path), "latin-1", newline="")
            with text, _values_of_any_length:
                return self._read(text)
        except OSError as error:
            raise unreadable(self._path, error) from error

    def _read(self, file: TextIO) -> dict[str, Column]:
        rows = self._rows(file)
        line, header = next(rows, (1, []))
        self._raise_problems()
        header = [name.strip() for name in header]
        self._check_header(line, header)
        self._raise_problems()
        columns = [self._column(name) for name in header]
        problems_of = Counter[str]()
        for number, (line, row) in enumerate(rows, start=1):
            if not number % ROWS:
                self._check_memory(line, columns)
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
                    # Quoted values before this one may span several lines.
                    at = line + sum(len(_LINE_END.findall(before)) for before in row[:i])
                    self._add(f"line {at}, column {quoted(name)}: {error}")
        self._raise_problems()
        return {n: c for n, c in zip(header, columns, strict=True) if c is not None}

    def _check_memory(self, line: int, columns: Sequence[Column | None]) -> None:
        """Refuse a table if there is no memory for its next rows."""
        size = 16 * ROWS * sum(column is not None for column in columns)
        check_memory(f"{self._path}: the values after line {line}", size)

    def _rows(self, file: TextIO) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the number of its first line."""
        reader = csv.reader(
            self._lines(file),
            delimiter=self._delimiter,
            # Quotes after a blank count, too.
            skipinitialspace=self._delimiter != " ",
            strict=True,
        )
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

    def _lines(self, file: TextIO) -> Iterator[str]:
        for number in itertools.count(1):
            line = file.readline(LONGEST).encode("latin-1")
            if len(line) == LONGEST:
                raise DataError(
                    f"{self._path}: line {number} has more than {LONGEST:,} characters; "
                    "is the file a table?"
                )
            if not line:
                return
            try:
                # A spreadsheet may put a byte-order mark at the start, which "-sig" removes.
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
            if not name and "" not in self._named.get("drop", ()):
                self._add(
                    f'line {line}: column {i} has no name; give it one, or name "" in drop to '
                    "leave out unnamed columns"
                )
        for name, count in Counter(header).items():
            if name and count > 1:
                self._add(
                    f"line {line}: {count} columns are named {quoted(name)}; give each its own name"
                )
        for option, names in self._named.items():
            for name in names:
                if name not in header:
                    advice = _advice(name, header, self._delimiter)
                    self._add(f"{option}: no column is named {quoted(name)}{advice}")
        numbers = [name for name in header if PLAIN.number(name) is not None]
        if self._problems and len(numbers) >= len(header) / 2:
            self._add(
                f"line {line}: expected a header that names the columns, got "
                f"{', '.join(map(quoted, header[:MOST_NAMES]))}; if the file has none, write one "
                "above its first line"
            )

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


def _advice(name: str, header: list[str], delimiter: str) -> str:
    """Return advice about a name that is not in the header."""
    if len(header) == 1:
        only = quoted(header[0])
        if delimiter in header[0]:
            return f"; the only column is {only}, because quotes enclose the whole line"
        return f"; the only column is {only}: is the delimiter right?"
    close = difflib.get_close_matches(name, header, n=1)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    more = f" and {len(header) - MOST_NAMES:,} more" if len(header) > MOST_NAMES else ""
    return f"; there are {', '.join(map(quoted, header[:MOST_NAMES]))}{more}"
