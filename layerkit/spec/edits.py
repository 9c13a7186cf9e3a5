"""Edits of a text: what is replaced, where, and whether a number would be invented."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from layerkit.errors import Span
from layerkit.spec.malformed import is_number

_ENDS = frozenset(" \t\r\n,:{}[]")
"""The characters between the words and numbers of a JSON text."""


@dataclass(frozen=True)
class Edit:
    """A piece of a text that is replaced.

    Attributes:
        span: The offsets of the characters that are replaced.
        old: The text that is replaced.
        new: The text that replaces it.
        line: The line where it begins, from 1.
        column: The column where it begins, from 1.
    """

    span: Span
    old: str
    new: str
    line: int
    column: int


def edits_of(text: str, replacements: Iterable[tuple[Span, str]]) -> list[Edit]:
    """Return replacements, which come in the order of the text, as edits with their places."""
    edits: list[Edit] = []
    line, line_start, last = 1, 0, 0
    for span, new in replacements:
        start, end = span
        line += text.count("\n", last, start)
        line_start = max(line_start, text.rfind("\n", last, start) + 1)
        last = start
        edits.append(Edit(span, text[start:end], new, line, start - line_start + 1))
    return edits


def applied(text: str, edits: Sequence[Edit]) -> str:
    """Return a text after edits, which come in the order of the text."""
    pieces, end = [], 0
    for edit in edits:
        pieces += [text[end : edit.span[0]], edit.new]
        end = edit.span[1]
    return "".join([*pieces, text[end:]])


def spans_after(edits: Sequence[Edit]) -> list[Span]:
    """Return which characters each edit has written, as offsets of the text after all of them."""
    spans, shift = [], 0
    for edit in edits:
        start = edit.span[0] + shift
        spans.append((start, start + len(edit.new)))
        shift += len(edit.new) - len(edit.old)
    return spans


def difference(old: str, new: str) -> Edit:
    """Return the single edit that turns one text into another."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    [edit] = edits_of(old, [((start, len(old) - end), new[start : len(new) - end])])
    return edit


def invents(text: str, edit: Edit) -> bool:
    """Return whether an edit of a text writes a number that nobody has written.

    It does not if the number has the same value, as ``0.5`` for ``.5`` and ``64`` for ``"64.0"``,
    or if a name replaces a name.
    """
    start, end = edit.span
    while start and text[start - 1] not in _ENDS:
        start -= 1
    while end < len(text) and text[end] not in _ENDS:
        end += 1
    before = text[start:end]
    after = text[start : edit.span[0]] + edit.new + text[edit.span[1] : end]
    if before[:1] == after[:1] == '"' == before[-1:] == after[-1:]:
        return False
    if is_number(before) and after[:1] == '"':
        return after[1:-1] != before
    try:
        numbers = [Decimal(t.strip('" ')) for t in (before, after) if is_number(t.strip('"'))]
    except InvalidOperation:  # an exponent that is too large
        return True
    if len(numbers) == 2:
        return numbers[0] != numbers[1]
    digits = any(c.isdecimal() and c not in edit.old for c in edit.new)
    return digits or ("." in edit.new and any(c.isalpha() for c in edit.old))
