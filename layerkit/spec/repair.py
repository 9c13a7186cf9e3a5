"""What a text that is not quite JSON may have been before a slip of the keys.

Every text that one edit makes of it near the place where reading stopped is tried, and those that
are JSON are returned. Which of them was meant, the rules of specs have to tell.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from layerkit.errors import Span
from layerkit.spec.text import parsed

LARGEST = 8000
"""The characters of a text that is repaired; each attempt reads it whole."""

BEFORE, BEHIND, NEAR = 100, 80, 30
"""How far around the place at which reading stopped punctuation is tried, and any character."""

MOST_TOKENS = 400
"""How many tokens before that may lack a bracket, or be one too many."""

PUNCTUATION = '",:{}[] \n'
OTHERS = ".-0123456789q"
"""What else an edit may write: parts of numbers, and a letter that stands for all others."""

_decode = json.JSONDecoder().decode
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|"')
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_WORD_OR_NUMBER = re.compile(r"[\w.]+")


def repaired(text: str, at: int) -> dict[str, tuple[Any, list[str]]]:
    """Return the texts that are JSON, in groups that say the same.

    Args:
        text: A text that is no JSON.
        at: The offset at which it could not be read on.

    Returns:
        For each thing that may be said, the value and all texts that say it.
    """
    groups: dict[str, tuple[Any, list[str]]] = {}
    if len(text) > LARGEST:
        return groups
    for candidate in dict.fromkeys(_edited(text, at)):
        try:
            _decode(candidate)  # most are no JSON, and this tells it in half of the time
            value = parsed(candidate)
        except (ValueError, RecursionError):
            continue
        groups.setdefault(repr(value), (value, []))[1].append(candidate)
    return groups


def _edited(text: str, at: int) -> Iterator[str]:
    """Yield the texts that one edit makes, without a look at whether they are JSON."""
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
    # A bracket that is missing, or one too many, may show only many lines later.
    for token in list(_TOKEN.finditer(text, 0, start))[-MOST_TOKENS:]:
        if token.group() in ("{", "}", "[", "]"):
            yield text[: token.start()] + text[token.end() :]
            yield from (text[: token.start()] + c + text[token.end() :] for c in "{}[]")
        yield from (text[: token.start()] + c + text[token.start() :] for c in "{[")
        yield from (text[: token.end()] + c + text[token.end() :] for c in "}]")


def tidiest(text: str, mended: str, span: Span) -> str:
    """Return the tidier of a mended text and one that says the same with two characters swapped.

    Args:
        text: The text before.
        mended: The text that says what was meant.
        span: The characters of the text that were replaced.
    """
    value = repr(parsed(mended))
    texts = [mended]
    for i in range(max(0, span[0] - 1), min(len(text) - 1, span[1] + 1)):
        swapped = text[:i] + text[i + 1] + text[i] + text[i + 2 :]
        try:
            if repr(parsed(swapped)) == value:
                texts.append(swapped)
        except (ValueError, RecursionError):
            continue
    return min(texts, key=untidiness)


def keeps_words(written: str, text: str) -> bool:
    """Return whether a text still has every word and number of what was written."""
    return Counter(_WORD_OR_NUMBER.findall(written)) <= Counter(_WORD_OR_NUMBER.findall(text))


def distinct_words(text: str) -> int:
    """Return how many different words a text has: a slip most often makes one more."""
    return len(set(_WORD.findall(text)))


def untidiness(text: str) -> int:
    """Return how irregular the blanks of a JSON text are.

    That is the number of different ways in which it separates tokens of the same kinds. A closing
    bracket stands alone on its line, as deep as the line that opened it, or with the last element.
    """
    ways: set[tuple[Any, ...]] = set()
    odd = 0
    opened: list[tuple[bool, str]] = []
    before, end = "", 0
    for token in _TOKEN.finditer(text):
        blanks, kind = text[end : token.start()], token.group()
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
