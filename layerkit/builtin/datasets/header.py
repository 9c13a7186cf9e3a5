"""The names of the columns of a table, and the options that name them."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from layerkit.builtin.datasets.names import quoted
from layerkit.builtin.datasets.numerals import PLAIN
from layerkit.builtin.datasets.rows import Layout

Key: TypeAlias = str | int
"""A column: its name, or its position, where 0 is the first and -1 the last."""

MOST_NAMES = 20
"""The most names of a header that a message shows."""

INDEX = "index"
"""The role of the column without a name that programs write in front of a table."""


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    Attributes:
        names: Their names, in the order of the file; those of an unnamed column are empty.
        roles: For each option that names columns, their names.
        problems: Sentences about what is wrong.
        notes: Sentences about what may surprise the user.
    """

    names: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def role_of(self, name: str) -> str:
        """Return the option that names a column, or an empty text."""
        return next((role for role, names in self.roles.items() if name in names), "")


def header_of(
    line: int,
    row: Sequence[str],
    layout: Layout,
    roles: Mapping[str, Sequence[Key]],
    delimiter: str,
) -> Header:
    """Return the columns that the first row of a file tells.

    Args:
        line: The line of the first row.
        row: The row.
        layout: Whether it names the columns, and how they are named otherwise.
        roles: The columns that each option names.
        delimiter: The delimiter, for advice.
    """
    problems: list[str] = []
    notes: list[str] = []
    found = [name.strip() for name in row]
    if not layout.header:
        found = list(layout.names) or [str(i) for i in range(len(row))]
        if len(found) != len(row):
            problems.append(
                f"names: lists {len(found)} columns, but line {line} has {len(row)} values"
            )
    by_option = {
        option: resolved(option, keys, found, problems, delimiter) for option, keys in roles.items()
    }
    if found[0] == "" and len(found) > 1 and "" not in by_option.get("drop", ()):
        by_option[INDEX] = ("",)
        notes.append(
            'the first column has no name; it is taken for an index and left out, as "" in drop '
            "would do"
        )
    for i, name in enumerate(found, start=1):
        if not name and i > 1 and "" not in by_option.get("drop", ()):
            problems.append(
                f'line {line}: column {i} has no name; give it one, or name "" in drop to '
                "leave out unnamed columns"
            )
    for name, count in Counter(found).items():
        if name and count > 1:
            problems.append(
                f"line {line}: {count} columns are named {quoted(name)}; give each its own name"
            )
    options = {
        name: [option for option, keys in by_option.items() if name in keys] for name in found
    }
    for name, (first, *others) in ((n, o) for n, o in options.items() if o):
        if others:
            problems.append(f"{first} and {others[0]} both name the column {quoted(name)}")
    if any("\0" in name for name in found):
        problems.append(
            f"line {line}: has zeros between its characters; if it is UTF-16 without a byte-order "
            'mark, set encoding to "utf-16-le"'
        )
    numbers = [name for name in found if PLAIN.number(name) is not None]
    if layout.header and problems and len(numbers) >= len(found) / 2:
        problems.append(
            f"line {line}: expected a header that names the columns, got "
            f"{', '.join(map(quoted, found[:MOST_NAMES]))}; if the file has none, set header to "
            "false"
        )
    return Header(tuple(found), by_option, tuple(problems), tuple(notes))


def resolved(
    option: str,
    keys: Sequence[Key],
    names: list[str],
    problems: list[str],
    delimiter: str,
) -> tuple[str, ...]:
    """Return the names of columns, and add a problem for each one that does not exist."""
    existing = []
    for key in keys:
        if isinstance(key, int):
            if -len(names) <= key < len(names):
                existing.append(names[key])
            else:
                problems.append(
                    f"{option}: there is no column {key}; the last one is {len(names) - 1}"
                )
        elif key in names:
            existing.append(key)
        else:
            advice = _advice(key, names, delimiter)
            problems.append(f"{option}: no column is named {quoted(key)}{advice}")
    return tuple(existing)


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
