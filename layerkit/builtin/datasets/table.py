"""Reading the columns of a table, with the line and the column of everything that is wrong."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from layerkit import DataError, check_memory
from layerkit.builtin.datasets.arrow import add_rows
from layerkit.builtin.datasets.columns import Column, WordFoundError
from layerkit.builtin.datasets.header import Header, header_of
from layerkit.builtin.datasets.names import quoted
from layerkit.builtin.datasets.rows import Layout, Rows

MOST_PROBLEMS = 5
"""The most problems of a file that are reported at once."""

MOST_OF_A_COLUMN = 2
"""The most problems reported for one column, which may be wrong in every line."""

VALUES = 2**18
"""The number of values that are converted at a time."""

FIRST_VALUES = 2**14
"""The number of values that are converted first, to tell words from numbers."""

BYTES_OF_A_VALUE = 80
"""The memory of a value while it is converted: a text and a number."""

NO_FEATURES = ("target", "split", "group")
"""The roles of columns that are read and are no part of ``x``."""

_LINE_END = re.compile("\r\n|\r|\n")


class WordsFoundError(Exception):
    """Columns that were taken for numbers hold words.

    Attributes:
        names: The columns.
    """

    def __init__(self, names: set[str]) -> None:
        super().__init__(names)
        self.names = names


@dataclass(frozen=True)
class Table:
    """The columns of a table, in the order of the file, without those that are omitted.

    Attributes:
        columns: The columns by name.
        roles: For each option that names columns, their names.
        names: The names of all columns of the file.
        count: The number of rows.
        path: The file.
        layout: How it is written.
        notes: Sentences about what may surprise the user.
    """

    columns: dict[str, Column]
    roles: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    count: int
    path: Path
    layout: Layout
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def with_targets(self, targets: "Table") -> "Table":
        """Return this table with the targets of another one, whose rows are in the same order."""
        # Columns of two files may have the same name, such as their number.
        names = {
            name: f"{name} of {targets.path.name}" if name in self.names else name
            for name in targets.roles["target"]
        }
        columns = {names[name]: column for name, column in targets.columns.items()}
        return replace(
            self,
            columns={**self.columns, **columns},
            roles={**self.roles, "target": tuple(names.values())},
            names=(*self.names, *names.values()),
            notes=(*self.notes, *targets.notes),
        )

    def line(self, row: int) -> int:
        """Return the first line of a row, for a message; the file is read again for it."""
        with closing(iter(Rows(self.path, self.layout))) as rows:
            line, _ = next(islice(rows, row + self.layout.header, None))
            return line

    @property
    def features(self) -> dict[str, Column]:
        """The columns of which ``x`` is made."""
        others = {name for role in NO_FEATURES for name in self.roles.get(role, ())}
        return {name: column for name, column in self.columns.items() if name not in others}


class TableReader:
    """Reads a table, collecting problems so that several can be corrected at once.

    Rows are converted in chunks, column by column, which is fast. Only a column of a chunk that
    cannot be converted is looked at value by value, to tell the line.

    Args:
        path: The file.
        layout: How it is written.
        column: Returns an object that collects the values of a column, or None to omit it, given
            its name and the header.
    """

    def __init__(
        self, path: Path, layout: Layout, column: Callable[[str, Header], Column | None]
    ) -> None:
        self._path = path
        self._layout = layout
        self._column = column
        self._problems: list[str] = []
        self._problems_of = Counter[str]()
        self._unparsed = ""
        self._first_line = 0

    def table(self, roles: Mapping[str, Sequence[str | int]]) -> Table:
        """Return the table.

        Args:
            roles: For each option that names columns, their names or positions; all must exist.

        Raises:
            DataError: The file is missing or wrong; the message names every line and column.
            WordsFoundError: Columns that were taken for numbers hold words.
        """
        reader = Rows(self._path, self._layout)
        with closing(iter(reader)) as rows:
            chunk = self._chunk(rows, reader, 2 if self._layout.header else 1)
            if not chunk:
                self._raise_problems()
                expected = "a header that names the columns, then the data"
                raise DataError(
                    f"{self._path}: is empty; expected "
                    f"{expected if self._layout.header else 'rows'}"
                )
            header = self._header(*chunk[0], reader.delimiter, roles)
            chunk = chunk[int(self._layout.header) :]
            columns = [self._column(name, header) for name in header.names]
            self._first_line = chunk[0][0] if chunk else 0
            total, count = 0, max(1, FIRST_VALUES // len(columns))
            while True:
                chunk += self._chunk(rows, reader, count - len(chunk))
                self._add(chunk, header.names, columns)
                if len(chunk) < count:
                    total += len(chunk)
                    break
                # The first rows told which columns are words, and whether anything is wrong.
                others = [] if total else [self._column(name, header) for name in header.names]
                if others and (number := add_rows(reader, self._first_line, others)) is not None:
                    columns, total = others, number
                    break
                self._check_memory(chunk[-1][0], columns)
                total, count, chunk = total + count, max(1, VALUES // len(columns)), []
        self._raise_problems()
        kept = {n: c for n, c in zip(header.names, columns, strict=True) if c is not None}
        notes = tuple(f"{self._path}: {note}" for note in header.notes)
        layout = replace(self._layout, delimiter=reader.delimiter)
        return Table(kept, header.roles, header.names, total, self._path, layout, notes)

    def _chunk(
        self, rows: Iterator[tuple[int, list[str]]], reader: Rows, count: int
    ) -> list[tuple[int, list[str]]]:
        """Return the next rows, up to one that cannot be parsed."""
        chunk: list[tuple[int, list[str]]] = []
        try:
            chunk.extend(islice(rows, count))
        except csv.Error as error:
            line = reader.first_line
            self._unparsed = f"line {line}: cannot be parsed: {error}; check the quotes"
        return chunk

    def _header(
        self, line: int, row: list[str], delimiter: str, roles: Mapping[str, Sequence[str | int]]
    ) -> Header:
        header = header_of(line, row, self._layout, roles, delimiter)
        for problem in header.problems:
            self._problem(problem)
        self._raise_problems()
        return header

    def _add(
        self,
        chunk: list[tuple[int, list[str]]],
        names: Sequence[str],
        columns: Sequence[Column | None],
    ) -> None:
        """Add rows to the columns."""
        found: list[tuple[int, int, str]] = []
        with_words = set()
        width = len(names)
        if any(len(row) != width for _, row in chunk):
            found += (
                (line, 0, f"line {line}: expected {width} values, got {len(row)}")
                for line, row in chunk
                if len(row) != width
            )
            chunk = [(line, row) for line, row in chunk if len(row) == width]
        texts_of = zip(*(row for _, row in chunk), strict=True)
        for i, (name, column, texts) in enumerate(zip(names, columns, texts_of, strict=False)):
            if column is None or column.extend(texts):
                continue
            for line, row in chunk:
                if self._problems_of[name] == MOST_OF_A_COLUMN:
                    break
                try:
                    column.add(row[i].strip())
                except WordFoundError:
                    with_words.add(name)
                    break
                except ValueError as error:
                    self._problems_of[name] += 1
                    # Quoted values before this one may span several lines.
                    at = line + sum(len(_LINE_END.findall(before)) for before in row[:i])
                    problem = f"line {at}, column {quoted(name)}: {error}"
                    if line == self._first_line and not self._layout.header:
                        problem += "; if this line names the columns, set header to true"
                    found.append((at, i, problem))
        if with_words:
            raise WordsFoundError(with_words)
        for _, _, problem in sorted(found):
            self._problem(problem)

    def _check_memory(self, line: int, columns: Sequence[Column | None]) -> None:
        """Refuse a table if there is no memory for the next rows."""
        size = BYTES_OF_A_VALUE * max(VALUES, len(columns))
        check_memory(f"{self._path}: the values after line {line}", size)

    def _problem(self, problem: str) -> None:
        self._problems.append(problem)
        if len(self._problems) == MOST_PROBLEMS:
            self._problems.append("there may be more")
            self._raise_problems()

    def _raise_problems(self) -> None:
        if self._unparsed:
            unparsed, self._unparsed = self._unparsed, ""
            self._problem(unparsed)
        if len(self._problems) == 1:
            raise DataError(f"{self._path}: {self._problems[0]}")
        if self._problems:
            raise DataError(f"{self._path}:", self._problems)
