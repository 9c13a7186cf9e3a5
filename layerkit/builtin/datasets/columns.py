"""The columns of a table: numbers, or words that name classes and categories."""

import json
import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from layerkit import Array
from layerkit.builtin.datasets.numerals import PLAIN, Numerals

MISSING = {"na", "n/a", "#n/a", "<na>", "nan", "null", "?"}
"""The marks that programs write for a missing value, in lower case."""

MOST_LOOKED_AT = 20
"""How many words are tested for numbers in another notation."""


class Column(ABC):
    """The values of a column, collected line by line."""

    _values: "array[Any]"

    def __len__(self) -> int:
        return len(self._values)

    @property
    def width(self) -> int:
        """The number of columns of ``x`` that it becomes."""
        return 1

    def add(self, text: str) -> None:
        """Add a value.

        Raises:
            ValueError: It is missing or of the wrong kind; the message says what was expected.
        """
        if not text:
            raise ValueError(
                "expected a value, got none; fill it in, remove the line or drop the column"
            )
        self._add(text)

    @abstractmethod
    def _add(self, text: str) -> None: ...

    @abstractmethod
    def targets(self) -> Array:
        """Return the values as targets, ``(count,)``."""

    @abstractmethod
    def features(self) -> Array:
        """Return the values as columns of ``x``, ``(count, width)``."""


class Numbers(Column):
    """A column of finite numbers.

    Args:
        advice: Advice for a value that is text.
        numerals: The notation of numbers.
    """

    def __init__(self, advice: str, numerals: Numerals = PLAIN) -> None:
        self._advice = advice
        self._numerals = numerals
        self._values = array("d")

    def _add(self, text: str) -> None:
        number = self._numerals.number(text)
        if number is None:
            advice = self._numerals.advice(text) or self._advice
            if text.lower() in MISSING:
                advice = (
                    "if it marks a missing value, fill it in, remove the line or drop the column; "
                    f"{self._advice}"
                )
            raise ValueError(f"expected a number, got {quoted(text)}; {advice}")
        if not math.isfinite(number):
            raise ValueError(
                f"expected a finite number, got {quoted(text)}; correct it or remove the line"
            )
        self._values.append(number)

    def targets(self) -> Array:
        """Return the numbers."""
        return np.asarray(self._values)

    def features(self) -> Array:
        """Return the numbers as one column."""
        return self.targets()[:, np.newaxis]


class Words(Column):
    """A column of words, such as classes; the set of words is known once all are read.

    Args:
        numerals: The notation of numbers among the words.
        listed: The only words allowed, in their order; if empty, any word is.
    """

    def __init__(self, numerals: Numerals = PLAIN, listed: Sequence[str] = ()) -> None:
        self._numerals = numerals
        self._listed = listed
        self._codes = {word: code for code, word in enumerate(listed)}
        self._values = array("q")

    def _add(self, text: str) -> None:
        if self._listed and text not in self._codes:
            shown = ", ".join(map(quoted, self._listed[:MOST_LOOKED_AT]))
            raise ValueError(
                f"expected one of the listed classes {shown}"
                f"{', ...' if len(self._listed) > MOST_LOOKED_AT else ''}, got {quoted(text)}"
            )
        self._values.append(self._codes.setdefault(text, len(self._codes)))

    @property
    def distinct(self) -> list[str]:
        """The distinct words: as listed, or else in numerical (if possible) or sorted order."""
        if self._listed:
            return list(self._listed)
        numbers = self._numbers()
        return sorted(numbers, key=lambda word: (numbers[word], word)) or sorted(self._codes)

    def _numbers(self) -> dict[str, float]:
        """Return the numeric value of each word; empty unless all are finite numbers."""
        numbers = {}
        for word in self._codes:
            number = self._numerals.number(word)
            if number is None or not math.isfinite(number):
                return {}
            numbers[word] = number
        return numbers

    @property
    def are_numbers(self) -> bool:
        """Whether every word is a finite number."""
        return bool(self._numbers())

    @property
    def width(self) -> int:
        """The number of distinct words, each of which becomes a column."""
        return len(self._codes)

    def check(self) -> None:
        """Refuse a number that is written in two ways, which would become two names.

        Raises:
            ValueError: There is one; the message shows both ways.
        """
        words_of = dict[float, str]()
        for word, number in self._numbers().items():
            other = words_of.setdefault(number, word)
            if other != word:
                raise ValueError(
                    f"{quoted(other)} and {quoted(word)} are the same number, and would be "
                    "different names; write them the same way"
                )

    def doubts(self) -> list[str]:
        """Return a sentence about each word that may not be meant as a name."""
        notes = [
            f"{quoted(word)} is taken for a name like any other; if it marks a missing value, "
            "fill it in or remove the line"
            for word in self._codes
            if word.lower() in MISSING
        ]
        texts = [
            word
            for word in self._codes
            if word.lower() not in MISSING and self._numerals.number(word) is None
        ]
        # A few words are enough, because all are written alike.
        advice = [self._numerals.advice(text) for text in texts[:MOST_LOOKED_AT]]
        if advice and all(advice):
            notes.append(f"{quoted(texts[0])} is taken for a name; if it is a number, {advice[0]}")
        return notes

    def targets(self) -> Array:
        """Return the position of each word among the distinct ones."""
        # The codes number the words in the order of their first occurrence.
        labels = np.empty(len(self._codes), np.int64)
        labels[[self._codes[word] for word in self.distinct]] = np.arange(len(labels))
        return np.asarray(labels[np.asarray(self._values)])

    def features(self) -> Array:
        """Return a column for each distinct word: 1 in the rows that have it, 0 elsewhere."""
        one_hot = np.zeros((len(self._values), len(self._codes)))
        one_hot[np.arange(len(one_hot)), self.targets()] = 1
        return one_hot


def quoted(text: str) -> str:
    """Return a text in quotes, shortened, and with escapes for what a terminal would obey."""
    text = json.dumps(text if len(text) <= 40 else f"{text[:37]}...", ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
