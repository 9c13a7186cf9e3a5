"""The only way to the terminal: everything that the command prints passes through this module."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from layerkit.wording import visible

_NOT_PRINTED = re.compile(
    # Control characters that JSON does not escape, marks that change the direction of writing,
    # line and paragraph separators, and half surrogate pairs, which no file can hold.
    "[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def echo(*lines: str, err: bool = False) -> None:
    """Print lines, with escapes for everything that a terminal would obey, even line breaks.

    Args:
        *lines: The lines; a line break within one is escaped.
        err: Whether to print to standard error.
    """
    typer.echo("\n".join(_encodable(visible(line), err) for line in lines), err=err)


def echo_text(text: str, err: bool = False) -> None:
    """Print a text of several lines, keeping its line breaks."""
    echo(*text.split("\n"), err=err)


def warn(message: str) -> None:
    """Print a warning to standard error."""
    echo(f"warning: {message}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON, with escapes for everything that a terminal would obey."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(_encodable(_NOT_PRINTED.sub(lambda c: f"\\u{ord(c.group()):04x}", text), False))


def print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: set[int]) -> None:
    """Print aligned columns; those in ``right`` are aligned to the right."""
    table = [[visible(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        echo("  ".join(cells).rstrip())


def _encodable(text: str, err: bool) -> str:
    """Return a text with escapes for characters that the stream cannot encode, as in locale C."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
