"""How foreign text, and how a number of bytes, stand in a message."""

from collections.abc import Iterable, Sequence

LONGEST_NAME = 100
"""The characters of a name or a value that a message shows."""

LONGEST_VALUE = 60
"""The characters of a value that may be anything, such as a list or a piece of a file."""

MOST_LISTED = 20
"""How many names a message lists."""


def visible(text: str) -> str:
    r"""Return a text as one line in which every character can be seen.

    What a terminal would obey (control characters of both sets, marks that turn the direction of
    writing, line and paragraph separators) and what cannot be encoded (half a surrogate pair)
    becomes an escape such as ``\x1b``. A line break does too: it would forge a line.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Return the text, or the beginning of one that is longer."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def quoted(name: str) -> str:
    """Return a name of any length and content in double quotes, as a message shows it."""
    return f'"{visible(shortened(name))}"'


def listed(names: Sequence[str] | Iterable[str]) -> str:
    """Return names in a row; of very many the first ones and the number of the others."""
    names = list(names)
    shown = ", ".join(visible(shortened(name)) for name in names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


def amount(size: int) -> str:
    """Return a number of bytes as people read it: ``1.5 GB``."""
    number, units = float(min(size, 10**300)), ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.3g} {units[0]}"
