"""Find the texts that a text was meant to be before a typing slip made it invalid JSON.

Every single edit near the place where reading stopped is tried, and the texts that are JSON are
returned. The rules of specs decide which of them was meant.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from layerkit.spec.edits import Edit
from layerkit.spec.text import parsed

LARGEST = 8000
"""The most characters of a text that is repaired; each attempt reads all of it."""

BEFORE, BEHIND, NEAR = 100, 80, 30
"""How far before and after the place where reading stopped punctuation is tried; ``NEAR`` is how
far other characters are."""

MOST_TOKENS = 400
"""How many tokens before that place are checked for a missing or superfluous bracket."""

PUNCTUATION = '",:{}[] \n'
OTHERS = ".-0123456789q"
"""Other characters that an edit may write: parts of numbers, and one letter for all letters."""

_decode = json.JSONDecoder().decode
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|"')
_LINE_END = re.compile(r"\r?\n")
_UNTIDY = re.compile(r"[ \t]\r?\n|\n[ \t]*\r?\n")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_WORD_OR_NUMBER = re.compile(r"[\w.]+")


def repaired(text: str, at: int) -> dict[str, tuple[Any, list[str]]]:
    """Return the texts that are JSON, grouped by value.

    Args:
        text: A text that is not JSON.
        at: The offset at which reading stopped.

    Returns:
        For each value, by its ``repr``: the value and all texts that have it.
    """
    groups: dict[str, tuple[Any, list[str]]] = {}
    if len(text) > LARGEST or text[at : at + 1] in ("#", ";", "*", "%"):
        return groups  # a line behind such a mark may be a comment, which must not come alive
    for candidate in dict.fromkeys(_edited(text, at)):
        try:
            _decode(candidate)  # most are not JSON, and this detects it in half the time
            value = parsed(candidate)
        except (ValueError, RecursionError):
            continue
        groups.setdefault(repr(value), (value, []))[1].append(candidate)
    return groups


def _edited(text: str, at: int) -> Iterator[str]:
    """Yield the texts that one edit makes, whether or not they are JSON."""
    last = text.find("\n", at)
    end = min(len(text), at + BEHIND if last < 0 else min(last + 1, at + BEHIND))
    start = max(0, at - BEFORE)
    for i in range(start, end + 1):
        before, rest = text[:i], text[i:]
        written = PUNCTUATION + OTHERS if abs(i - at) <= NEAR else PUNCTUATION
        yield from (before + c + rest for c in written)
        if rest:
            yield before + rest[1:]
            yield from (before + c + rest[1:] for c in written)
        if len(rest) > 1:
            yield before + rest[1] + rest[0] + rest[2:]
    # A missing or superfluous bracket may cause an error only many lines later.
    for token in list(_TOKEN.finditer(text, 0, start))[-MOST_TOKENS:]:
        if token.group() in ("{", "}", "[", "]"):
            yield text[: token.start()] + text[token.end() :]
            yield from (text[: token.start()] + c + text[token.end() :] for c in "{}[]")
        yield from (text[: token.start()] + c + text[token.start() :] for c in "{[")
        yield from (text[: token.end()] + c + text[token.end() :] for c in "}]")


def tidiest(text: str, mended: str, edit: Edit, is_json: bool) -> str:
    """Return the tidiest text with the value of a mended one.

    Args:
        text: The text before it was mended.
        mended: The text with the intended value.
        edit: The edit that gave it.
        is_json: Whether the text was JSON before; then two adjacent characters may be swapped.
            Otherwise any single edit may give the same value in other blanks.
    """
    try:
        value = repr(parsed(mended))
    except ValueError:  # a key appears twice
        return mended
    start, end = edit.span
    if is_json:
        near = range(max(0, start - 1), min(len(text) - 1, end + 1))
        others = [text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in near]
    else:
        others = repaired(text, start).get(value, (None, []))[1]
    others += _swept(mended, start + len(edit.new))
    texts = [mended, *(other for other in others if _has_value(other, value))]
    return min(texts, key=untidiness) if len(texts) > 1 else mended


def _has_value(text: str, value: str) -> bool:
    try:
        return repr(parsed(text)) == value
    except (ValueError, RecursionError):
        return False


def _swept(text: str, at: int) -> Iterator[str]:
    """Yield the text without the blanks before, behind and around an offset, if it has any."""
    before, behind = text[:at].rstrip(" \t"), text[at:].lstrip(" \t")
    if len(before) < at:
        yield before + text[at:]
    if len(behind) < len(text) - at:
        yield text[:at] + behind
    line_end = _LINE_END.match(behind)
    if line_end and before.endswith("\n"):  # the line is empty
        yield before + behind[line_end.end() :]
    elif len(before) + len(behind) < len(text):
        yield before + behind


def keeps_words(written: str, text: str) -> bool:
    """Return whether a text still has every word and number of what was written."""
    return Counter(_WORD_OR_NUMBER.findall(written)) <= Counter(_WORD_OR_NUMBER.findall(text))


def distinct_words(text: str) -> int:
    """Return how many different words a text has; a slip usually adds one."""
    return len(set(_WORD.findall(text)))


def untidiness(text: str) -> int:
    """Return how irregular the blanks of a JSON text are.

    The measure counts the different ways in which the text separates tokens of the same kinds, the
    places with blanks at the end of a line or with an empty line, and the misplaced closing
    brackets. If the first element is on its own line, so is the closing bracket, indented like the
    line that opened it. Otherwise the bracket follows the last element directly.
    """
    ways: set[tuple[Any, ...]] = set()
    odd = 0
    opened: list[tuple[bool, str]] = []
    before, end = "", 0
    for token in _TOKEN.finditer(text):
        blanks, kind = text[end : token.start()], token.group()
        odd += _UNTIDY.search(blanks) is not None
        kind = kind if kind in "{}[]:," else "value"
        if before in ("{", "["):
            line = text[text.rfind("\n", 0, end) + 1 : end]
            opened.append(("\n" in blanks, line[: len(line) - len(line.lstrip())]))
        if kind in ("}", "]") and opened:
            has_lines, indent = opened.pop()
            odd += blanks != (f"\n{indent}" if has_lines else "")
        # Lines of one depth begin alike.
        last = kind if kind in ("}", "]", ":", ",") else "value"
        ways.add((len(opened), blanks) if "\n" in blanks else (before, blanks, last))
        before, end = kind, token.end()
    return len(ways) + odd + (text[end:] not in ("\n", ""))
