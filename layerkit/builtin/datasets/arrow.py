"""Reading large tables with Apache Arrow, which takes a tenth of the time, if it is installed.

Arrow reads less than layerkit does and explains nothing. So a file that it does not read, or may
read in another way, is read row by row.
"""

import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from io import BufferedReader

import numpy as np

from layerkit import check_memory
from layerkit.builtin.datasets.columns import Column, Numbers, Words
from layerkit.builtin.datasets.numerals import PLAIN
from layerkit.builtin.datasets.rows import Rows

SMALLEST = 2**19
"""The bytes of a file from which on Arrow is faster, although its import takes a while."""

BLOCK = 2**20
"""The number of bytes that are read at a time."""

CHECKED = 16
"""The number of blocks after which the free memory is checked."""

_QUOTE = ord('"')


def add_rows(rows: Rows, first_line: int, columns: Sequence[Column | None]) -> int | None:
    """Add the rows of a table to its columns, and return how many they are.

    Args:
        rows: The rows.
        first_line: The line of the first one to add.
        columns: All columns; None for those that are omitted.

    Returns:
        The number of rows; None if they must be read row by row, into other columns.
    """
    kept = {f"f{i}": column for i, column in enumerate(columns) if column is not None}
    layout = rows.layout
    numerals = next((column.numerals for column in kept.values()), PLAIN)
    if (
        not kept
        or len(columns) < 2
        or layout.comment
        or not (len(rows.delimiter) == 1 and rows.delimiter.isascii())
        or numerals.thousands
        or rows.size < SMALLEST
        or find_spec("pyarrow") is None
    ):
        return None
    # Imported here, because Arrow comes with the extra tables, and takes long.
    import pyarrow as pa
    from pyarrow import csv

    try:
        with rows.stream() as (stream, encoding):
            has_quotes = encoding == "utf-8" and _quotes(stream, rows.delimiter)
        if has_quotes is None or encoding != "utf-8":
            return None
        total = 0
        with rows.stream() as (stream, _):
            batches = csv.open_csv(
                stream,
                csv.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    skip_rows=first_line - 1,
                    autogenerate_column_names=True,
                ),
                csv.ParseOptions(delimiter=rows.delimiter, newlines_in_values=has_quotes),
                csv.ConvertOptions(
                    column_types={
                        name: pa.float64()
                        if isinstance(column, Numbers)
                        else pa.dictionary(pa.int32(), pa.string())
                        for name, column in kept.items()
                    },
                    include_columns=list(kept),
                    null_values=sorted(set().union(*(c.missing for c in kept.values()))),
                    strings_can_be_null=False,
                    decimal_point=numerals.decimal,
                ),
            )
            for number, batch in enumerate(batches):
                if number % CHECKED == 0:
                    size = 2 * CHECKED * batch.nbytes
                    check_memory(f"{rows.path}: the values after row {total}", size)
                total += batch.num_rows
                for array, column in zip(batch.columns, kept.values(), strict=True):
                    if isinstance(column, Words):
                        words = array.dictionary.to_pylist()
                        codes = array.indices.to_numpy()
                        was_added = column.extend_coded(words, codes)
                    else:
                        assert isinstance(column, Numbers)
                        numbers = array.to_numpy(zero_copy_only=False)
                        nulls = array.is_null() if array.null_count else None
                        was_added = column.extend_parsed(
                            numbers, None if nulls is None else nulls.to_numpy(zero_copy_only=False)
                        )
                    if not was_added:
                        return None
    except (pa.ArrowException, OSError, EOFError, zlib.error):
        return None
    return total


def _quotes(stream: BufferedReader, delimiter: str) -> bool | None:
    """Return whether a table has quotes; None if Arrow may read them as Python does not.

    Quotes are plain if each that opens a value stands at its start, and each that closes one at its
    end, or beside another quote.
    """
    ends = np.frombuffer(f'{delimiter}"\r\n'.encode(), np.uint8)
    before, count = b"\n", 0
    while True:
        block = stream.read(BLOCK)
        text = before + (block or b"\n")
        if b"\0" in block:
            return None
        if b'"' in text:
            codes = np.frombuffer(text, np.uint8)
            places = np.flatnonzero(codes[1:-1] == _QUOTE) + 1
            is_closing = (count + np.arange(len(places))) % 2 == 1
            if not np.isin(codes[np.where(is_closing, places + 1, places - 1)], ends).all():
                return None
            count += len(places)
        if not block:
            return count > 0 if count % 2 == 0 else None
        before = text[-2:]
