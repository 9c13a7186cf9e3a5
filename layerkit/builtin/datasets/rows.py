"""The rows of a table in a text file, whatever its encoding and delimiter."""

import codecs
import csv
import itertools
import json
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from gzip import GzipFile
from io import BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from layerkit import DataError
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.names import quoted

LONGEST = 2**26
"""The most characters of a line, and of a value, which may have several lines. A file without line
ends or with an unclosed quote is refused before all of it is in memory."""

DELIMITERS = (",", ";", "\t", "|", "whitespace")
"""The delimiters that are looked for."""

LOOKED_AT = 20
"""The number of rows in which the delimiter is looked for."""

_MARKS = (
    # The mark of UTF-32 begins like that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BETWEEN_BLANKS = re.compile(r'"((?:[^"]|"")*)"(?!\S)|([^\s"]\S*)|(\S+)')


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes:
        delimiter: The character between two values; "whitespace" for runs of blanks and tabs, and
            "auto" for the one that the first rows have.
        encoding: The name of the encoding; "auto" for that of the byte-order mark, or else UTF-8.
        comment: The start of lines that do not count; none if empty.
        skip: The number of lines that do not count at the start.
        header: Whether the first row names the columns.
        names: The names of the columns of a file without a header; by default, their positions.
        other: Characters that "auto" does not take for delimiters.
    """

    delimiter: str = "auto"
    encoding: str = "auto"
    comment: str = ""
    skip: int = 0
    header: bool = True
    names: tuple[str, ...] = ()
    other: str = ""

    def __post_init__(self) -> None:
        if self.delimiter not in ("auto", "whitespace") and (
            len(self.delimiter) != 1 or self.delimiter in '"\r\n'
        ):
            raise ValueError(
                'delimiter must be "auto", "whitespace" or one character, and neither a quote nor '
                f"a line break, got {quoted(self.delimiter)}"
            )
        if self.names and self.header:
            raise ValueError("names are those of a file without a header: set header to false")
        if self.encoding != "auto":
            try:
                "".encode(self.encoding)
            except (LookupError, ValueError):
                raise ValueError(
                    'encoding must be "auto" or the name of an encoding that Python knows, such as '
                    f'"utf-8", "cp1252" or "utf-16", got {quoted(self.encoding)}'
                ) from None
        if self.comment.strip() != self.comment or set(self.comment) & set('"\r\n'):
            raise ValueError(
                'comment must be characters other than blanks and quotes, such as "#", got '
                f"{quoted(self.comment)}"
            )


class Rows:
    """The rows of a table with their lines; a context that closes the file.

    Args:
        path: The file, which may be compressed with gzip.
        layout: How it is written.

    Attributes:
        path: The file.
        layout: How it is written.
        delimiter: The delimiter, found if the layout does not name it.

    Raises:
        DataError: The file cannot be read, or several delimiters are possible.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.delimiter = layout.delimiter
        if layout.delimiter == "auto":
            self.delimiter = _found_delimiter(path, layout)
        self.layout = layout
        self._line = 0
        self._first_line = 1
        self._is_between_rows = True

    def __iter__(self) -> Generator[tuple[int, list[str]]]:
        """Yield each row that is not blank, with the number of its first line.

        Raises:
            DataError: The file cannot be read or decoded, or a line is too long.
            csv.Error: A row cannot be parsed.
        """
        with self.stream() as (stream, encoding), _values_of_any_length:
            try:
                # Any line end counts.
                with TextIOWrapper(stream, encoding, newline="") as text:
                    yield from self._rows(text)
            except UnicodeDecodeError as error:
                raise self._undecodable(error) from error

    @contextmanager
    def stream(self) -> Iterator[tuple[BufferedReader, str]]:
        """Return the decompressed bytes of the file, without their mark, and their encoding."""
        with _reading(self.path), opened(self.path) as file:
            stream: Any = file
            if file.peek(2)[:2] == b"\x1f\x8b":
                stream = BufferedReader(GzipFile(fileobj=file))
            encoding, start = self.layout.encoding, stream.peek(4)[:4]
            for mark, marked in _MARKS:
                # A mark says which form of the encoding it is, unless another encoding is named.
                if start.startswith(mark) and (
                    encoding == "auto" or codecs.lookup(encoding).name in (marked, marked[:6])
                ):
                    stream.read(len(mark))
                    encoding = marked
                    break
            yield stream, "utf-8" if encoding == "auto" else codecs.lookup(encoding).name

    @property
    def size(self) -> int:
        """The size of the file, in bytes."""
        return self.path.stat().st_size

    @property
    def first_line(self) -> int:
        """The number of the first line of the last row that was begun."""
        return self._first_line

    def _rows(self, text: TextIO) -> Iterator[tuple[int, list[str]]]:
        lines = self._lines(text)
        rows = (
            map(_split_at_blanks, lines)
            if self.delimiter == "whitespace"
            else csv.reader(
                lines,
                delimiter=self.delimiter,
                # Quotes after a blank count, too.
                skipinitialspace=self.delimiter != " ",
                strict=True,
            )
        )
        for row in rows:
            self._is_between_rows = True
            if len(row) > 1 or (row and row[0].strip()):
                yield self._first_line, row

    def _lines(self, text: TextIO) -> Iterator[str]:
        comment, skip = self.layout.comment, self.layout.skip
        while line := text.readline(LONGEST):
            self._line += 1
            if len(line) == LONGEST:
                raise DataError(
                    f"{self.path}: line {self._line} has more than {LONGEST:,} characters; "
                    "is the file a table?"
                )
            if self._is_between_rows:
                if self._line <= skip or (comment and line.lstrip().startswith(comment)):
                    continue
                self._first_line = self._line
                self._is_between_rows = False
            yield line

    def _undecodable(self, error: UnicodeDecodeError) -> DataError:
        """Return the error for a byte that the encoding does not have, with its line."""
        with self.stream() as (stream, encoding):
            text = TextIOWrapper(stream, encoding, _MARKING, newline="")
            # The loop ends at the first byte that cannot be decoded.
            for line in itertools.count(1):  # noqa: B007
                if _UNDECODABLE in text.readline(LONGEST):
                    break
        return DataError(
            f"{self.path}: line {line}: expected text in {encoding.upper()}, got the byte "
            f"0x{error.object[error.start]:02x}; if the file is a table, set encoding to its "
            'encoding, such as "cp1252" for a file from Windows in western Europe'
        )


def _split_at_blanks(line: str) -> list[str]:
    """Return the values between runs of blanks; quotes enclose a value with blanks."""
    if '"' not in line:
        return line.split()
    values = []
    for quoted_value, plain, wrong in _BETWEEN_BLANKS.findall(line):
        if wrong:
            raise csv.Error("a quoted value must end, with a quote and a blank, in the same line")
        values.append(plain or quoted_value.replace('""', '"'))
    return values


def _found_delimiter(path: Path, layout: Layout) -> str:
    """Return the only delimiter that splits the first rows into the same number of values.

    Raises:
        DataError: Several do so.
    """
    splitting, regular = {}, {}
    for delimiter in DELIMITERS:
        if delimiter in layout.other or (delimiter == "whitespace" and " " in layout.other):
            continue
        rows = iter(Rows(path, replace(layout, delimiter=delimiter)))
        try:
            counts = [len(row) for _, row in islice(rows, LOOKED_AT)]
        except csv.Error:
            counts = []
        finally:
            rows.close()
        if counts and counts[0] > 1:
            splitting[delimiter] = counts[0]
            if len(set(counts)) == 1:
                regular[delimiter] = counts[0]
    found = regular or splitting
    if len(found) > 1 and found.get("whitespace", 0) <= found.get("\t", 1000 * LONGEST):
        # Blanks are in many texts, and behind many delimiters. Only runs of blanks that give more
        # values than tabs are a rival.
        found.pop("whitespace", None)
    if not regular and "," in found:
        found = {",": found[","]}
    if len(found) > 1:
        names = " or ".join(json.dumps(name) for name in found)
        raise DataError(
            f"{path}: the first rows can be split at more than one delimiter; set delimiter to "
            f"{names}"
        )
    return next(iter(found), ",")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Report a file that cannot be read to its end."""
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be decompressed: {error}") from error


_UNDECODABLE = "\ud800"
"""Takes the place of bytes that cannot be decoded. No text in a file contains it."""

_MARKING = "layerkit-mark-undecodable"
codecs.register_error(_MARKING, lambda error: (_UNDECODABLE, getattr(error, "end")))  # noqa: B009


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
