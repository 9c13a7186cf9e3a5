"""The columns of a table: numbers, or words that stand for classes and categories."""

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
"""What programs write where a value is missing, in lower case."""

MOST_LOOKED_AT = 20
"""How many words are looked at for numbers that are written in another way."""


class Column(ABC):
    """The values of a column, gathered line by line."""

    _values: "array[Any]"

    def __len__(self) -> int:
        return len(self._values)

    @property
    def width(self) -> int:
        """How many columns of ``x`` it makes."""
        return 1

    def add(self, text: str) -> None:
        """Take in a value.

        Raises:
            ValueError: It is missing or of the wrong kind; says what was expected.
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
        advice: What to do about text.
        numerals: How numbers are written.
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
    """A column of words, such as classes; what they are is known when all are read.

    Args:
        numerals: How numbers are written, among the words.
        listed: The only words there may be, in their order; any if empty.
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
        """The distinct words, as listed or in the order of numbers if they all are, or of text."""
        if self._listed:
            return list(self._listed)
        numbers = self._numbers()
        return sorted(numbers, key=lambda word: (numbers[word], word)) or sorted(self._codes)

    def _numbers(self) -> dict[str, float]:
        """Return the number that each word is; nothing unless all are finite numbers."""
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
        """A column for each distinct word."""
        return len(self._codes)

    def check(self) -> None:
        """Refuse numbers that are written in two ways, and would be two names.

        Raises:
            ValueError: There is one; says which.
        """
        words_of = dict[float, str]()
        for word, number in self._numbers().items():
            other = words_of.setdefault(number, word)
            if other != word:
                raise ValueError(
                    f"{quoted(other)} and {quoted(word)} are the same number, and would be "
                    "different names; write them alike"
                )

    def doubts(self) -> list[str]:
        """Return a sentence about each word that may not be meant as a name."""
        said = [
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
        # A look at some is enough, as they are written alike.
        advice = [self._numerals.advice(text) for text in texts[:MOST_LOOKED_AT]]
        if advice and all(advice):
            said.append(f"{quoted(texts[0])} is taken for a name; if it is a number, {advice[0]}")
        return said

    def targets(self) -> Array:
        """Return the position of each word among the distinct ones."""
        # The codes count the words as they came.
        labels = np.empty(len(self._codes), np.int64)
        labels[[self._codes[word] for word in self.distinct]] = np.arange(len(labels))
        return np.asarray(labels[np.asarray(self._values)])

    def features(self) -> Array:
        """Return a column for each distinct word, 1 where it stands and 0 elsewhere."""
        one_hot = np.zeros((len(self._values), len(self._codes)))
        one_hot[np.arange(len(one_hot)), self.targets()] = 1
        return one_hot


def quoted(text: str) -> str:
    """Return a text in quotes, of a long one the beginning, and without what a terminal obeys."""
    text = json.dumps(text if len(text) <= 40 else f"{text[:37]}...", ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
