"""The columns of a table: numbers, or words that stand for classes and categories."""

import json
import math
from abc import ABC, abstractmethod
from array import array

import numpy as np

from layerkit import Array


class Column(ABC):
    """The values of a column, gathered line by line."""

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
    """

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._values = array("d")

    def _add(self, text: str) -> None:
        number = _number(text)
        if number is None:
            raise ValueError(f"expected a number, got {quoted(text)}; {self._advice}")
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
    """A column of words, such as classes; what they are is known when all are read."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._values = array("q")

    def _add(self, text: str) -> None:
        self._values.append(self._codes.setdefault(text, len(self._codes)))

    @property
    def distinct(self) -> list[str]:
        """The distinct words, in the order of numbers if they all are, otherwise of text."""
        if self.are_numbers:
            return sorted(self._codes, key=lambda word: (_number(word), word))
        return sorted(self._codes)

    @property
    def are_numbers(self) -> bool:
        """Whether every word is a finite number."""
        numbers = map(_number, self._codes)
        return all(number is not None and math.isfinite(number) for number in numbers)

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
    """Return a text in quotes, of a long one the beginning."""
    return json.dumps(text if len(text) <= 40 else f"{text[:37]}...", ensure_ascii=False)


def _number(text: str) -> float | None:
    """Return the number that a text is, if it is one."""
    try:
        # Python, but hardly anyone who writes a table, takes 1_000 for a number.
        return None if "_" in text else float(text)
    except ValueError:
        return None
