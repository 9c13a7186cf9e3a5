"""Names of classes and categories: their order, and names that may not be meant."""

import json
import math
from collections.abc import Iterable, Mapping

from layerkit.builtin.datasets.numerals import Numerals

MISSING = (
    "", "NA", "N/A", "#N/A", "#NA", "<NA>", "NaN", "NULL", "?", "-",
    "na", "n/a", "#n/a", "#na", "<na>", "nan", "NAN", "null", "Null",
)  # fmt: skip
"""The marks that programs write for a missing value."""

MOST_LOOKED_AT = 20
"""How many words are tested for numbers in another notation."""

MOST_DOUBTS = 3
"""How many doubtful words of a column a note names."""


def check_spelling(words: Iterable[str], numerals: Numerals) -> None:
    """Refuse a number that is written in two ways, which would become two names.

    Raises:
        ValueError: There is one; the message shows both ways.
    """
    words_of = dict[float, str]()
    for word, number in numbers_of(words, numerals).items():
        other = words_of.setdefault(number, word)
        if other != word:
            raise ValueError(
                f"{quoted(other)} and {quoted(word)} are the same number, and would be "
                "different names; write them the same way"
            )


def doubts(counts: Mapping[str, int], numerals: Numerals, is_inferred: bool) -> list[str]:
    """Return a sentence about each kind of name that may not be meant as one.

    Args:
        counts: How many rows have each name.
        numerals: The notation of numbers.
        is_inferred: Whether the column was taken for one of names because of its words.
    """
    notes = [f"{group} are taken for different names" for group in alike(counts)]
    notes += (
        f"{quoted(word)} is taken for a name like any other; if it marks a missing value, list it "
        "in missing"
        for word in counts
        if word in MISSING
    )
    texts = [word for word in counts if word not in MISSING and numerals.number(word) is None]
    # A few words are enough, because all are written alike.
    advice = [numerals.advice(text) for text in texts[:MOST_LOOKED_AT]]
    if advice and all(advice):
        notes.append(f"{quoted(texts[0])} is taken for a name; if it is a number, {advice[0]}")
    elif is_inferred and 0 < len(texts) < len(counts) / 2:
        shown = ", ".join(map(quoted, texts[:MOST_DOUBTS]))
        more = len(texts) - MOST_DOUBTS
        notes.append(
            f"most of its {len(counts):,} names are numbers, but not {shown}"
            f"{f' and {more:,} more' if more > 0 else ''}; is it a category?"
        )
    return notes


def alike(counts: Mapping[str, int]) -> list[str]:
    """Return for each group of words that hardly differ, such as ">50K" and ">50K.", its counts."""
    groups: dict[str, list[str]] = {}
    for word in counts:
        if len(word) > 1:  # "a" and "A" may be two letters
            key = " ".join(word.casefold().rstrip(".,;: ").split())
            groups.setdefault(key, []).append(word)
    return [
        " and ".join(f"{quoted(word)} ({counts[word]:,} rows)" for word in group)
        for group in groups.values()
        if len(group) > 1
    ]


def ordered(words: Iterable[str], numerals: Numerals) -> list[str]:
    """Return distinct words in numerical order if all are numbers, otherwise sorted."""
    numbers = numbers_of(words, numerals)
    return sorted(numbers, key=lambda word: (numbers[word], word)) or sorted(words)


def numbers_of(words: Iterable[str], numerals: Numerals) -> dict[str, float]:
    """Return the numeric value of each word; empty unless all are finite numbers."""
    numbers = {}
    for word in words:
        number = numerals.number(word)
        if number is None or not math.isfinite(number):
            return {}
        numbers[word] = number
    return numbers


def quoted(text: str) -> str:
    """Return a text in quotes, shortened, and with escapes for what a terminal would obey."""
    text = json.dumps(text if len(text) <= 40 else f"{text[:37]}...", ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
