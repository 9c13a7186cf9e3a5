"""The wording of messages: foreign text, numbers of bytes, suggestions."""

import difflib
from collections.abc import Iterable, Sequence

LONGEST_NAME = 100
"""The most characters of a name that a message shows."""

LONGEST_VALUE = 60
"""The most characters of an arbitrary value, such as a list or a piece of a file."""

MOST_LISTED = 20
"""The most names that a message lists."""

MOST_COMPARED = 100_000
"""The most pairs of characters that are compared for a suggestion; they take up to 20 ms."""


def visible(text: str) -> str:
    r"""Return a text as one line in which every character is visible.

    Characters that a terminal would obey (control characters of both sets, marks that change the
    direction of writing, line and paragraph separators) and characters that cannot be encoded
    (half a surrogate pair) become escapes such as ``\x1b``. So does a line break, which would forge
    a line.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Return the text, or its beginning if it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def quoted(name: str) -> str:
    """Return a name of any length and content in double quotes, as a message shows it."""
    return f'"{visible(shortened(name))}"'


def listed(names: Sequence[str] | Iterable[str]) -> str:
    """Return names separated by commas: at most the first ones, and the number of the others."""
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


def with_article(noun: str) -> str:
    """Return a noun with its indefinite article: ``"an optimizer"``."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def nearest(word: str, words: list[str]) -> str:
    """Return the word that comes closest, or nothing where none does.

    Many or long words are not compared at all, because that would take too long.
    """
    if len(word) * sum(map(len, words)) > MOST_COMPARED:
        return ""
    return next(iter(difflib.get_close_matches(word, words, n=1)), "")


def did_you_mean(word: str, words: list[str]) -> str:
    """Return ``'; did you mean "relu"?'``, or nothing where no word comes close."""
    close = nearest(word, words)
    return f"; did you mean {quoted(close)}?" if close else ""


def slips(word: str, words: Iterable[str]) -> list[str]:
    """Return the words that a single slip of the keys makes this one of.

    Where only case differs, or hyphens or blanks stand for underscores, no other slip counts.
    """
    near = [other for other in words if is_one_edit_away(word, other)]
    return [other for other in near if _alike(word) == _alike(other)] or near


def is_one_edit_away(word: str, other: str) -> bool:
    """Return whether a word is another one with a single slip of the keys.

    A character too many, too few or a wrong one; two of them swapped; or only another case, and
    hyphens or blanks for underscores. Two words of fewer than three characters have too little in
    common for any but the last.
    """
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    if _alike(word) == _alike(other):
        return True
    if max(len(word), len(other)) < 3:
        return False
    start, least = 0, min(len(word), len(other))
    while start < least and word[start] == other[start]:
        start += 1
    end = 0
    while end < least - start and word[-1 - end] == other[-1 - end]:
        end += 1
    one, two = word[start : len(word) - end], other[start : len(other) - end]
    return max(len(one), len(two)) == 1 or (len(one) == 2 and one == two[::-1])


def _alike(word: str) -> str:
    return word.translate(_UNDERSCORES).casefold()


_UNDERSCORES = str.maketrans("- ", "__")
