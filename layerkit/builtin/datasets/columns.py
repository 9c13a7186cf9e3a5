"""The columns of a table: numbers, or words that name classes and categories."""

import math
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from layerkit import Array
from layerkit.builtin.datasets.names import MISSING, MOST_LOOKED_AT, quoted
from layerkit.builtin.datasets.numerals import PLAIN, Numerals

NO_VALUE = -1
"""The code of a missing word."""


class WordFoundError(ValueError):
    """A column that may hold words holds one."""


class Column(ABC):
    """The values of a column, collected chunk by chunk.

    Args:
        numerals: The notation of numbers.
        missing: The texts that mark a missing value.
        keeps_missing: Whether a missing value is kept, as NaN or as an absent word, rather than
            refused.
    """

    def __init__(self, numerals: Numerals, missing: Sequence[str], keeps_missing: bool) -> None:
        self.numerals = numerals
        self.missing = frozenset((*missing, ""))
        self._keeps_missing = keeps_missing
        # It grows in place, where blocks would be in memory twice when they are put together.
        self._values: array[Any] = array(self._typecode)

    @property
    @abstractmethod
    def _typecode(self) -> str: ...

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> Array:
        """The values as numbers, ``(count,)``; words as codes from 0."""
        return np.asarray(self._values)

    @property
    @abstractmethod
    def is_missing(self) -> Array:
        """Whether each value is missing, ``(count,)``."""

    @abstractmethod
    def extend(self, texts: Sequence[str]) -> bool:
        """Add values, or none of them if ``add`` would refuse one; return whether they were added.

        It takes a fraction of the time of ``add``.
        """

    def add(self, text: str) -> None:
        """Add a value.

        Raises:
            ValueError: It is missing or of the wrong kind; the message says what was expected.
        """
        if text not in self.missing:
            self._add(text)
        elif self._keeps_missing:
            self._add_missing()
        else:
            mark = f"the mark {quoted(text)} of a missing one" if text else "none"
            raise ValueError(
                f"expected a value, got {mark}; fill it in, remove the line, drop the column or "
                f"set on_missing{self._not_missing(text)}"
            )

    def add_value(self, value: Any) -> None:
        """Add a value that may not be text; None and NaN are missing.

        Raises:
            ValueError: It is missing or of the wrong kind; the message says what was expected.
        """
        self.add("" if value is None or value != value else str(value).strip())

    def _not_missing(self, text: str) -> str:
        """Return advice for a mark that is a value like any other."""
        return ""

    @abstractmethod
    def _add(self, text: str) -> None: ...

    @abstractmethod
    def _add_missing(self) -> None: ...


class Numbers(Column):
    """A column of finite numbers, and of NaN for those that are missing.

    Args:
        advice: Advice for a value that is text.
        numerals: The notation of numbers.
        missing: The texts that mark a missing value.
        keeps_missing: Whether a missing value is kept rather than refused.
        may_be_words: Whether the column is to be read again, as one of words, if it has a word.
    """

    def __init__(
        self,
        advice: str = "",
        numerals: Numerals = PLAIN,
        missing: Sequence[str] = MISSING,
        keeps_missing: bool = False,
        may_be_words: bool = False,
    ) -> None:
        super().__init__(numerals, missing, keeps_missing)
        self._may_be_words = may_be_words
        self._advice = advice
        marks = [numerals.number(mark) for mark in missing]
        self._numeric_marks = [m for m in marks if m is not None and math.isfinite(m)]

    @property
    def _typecode(self) -> str:
        return "d"

    @property
    def is_missing(self) -> Array:
        """Whether each number is missing."""
        return np.isnan(self.values)

    def extend(self, texts: Sequence[str]) -> bool:
        """Add numbers, or none of them."""
        plain = self.numerals.plain(texts)
        if plain is None:
            return False
        try:
            numbers = np.fromiter(map(float, plain), np.float64, len(plain))
            if self.extend_parsed(numbers):
                return True
        except ValueError:
            pass
        if not self._keeps_missing:
            return False
        marks = [text.strip() in self.missing for text in texts]
        try:
            parsed = [math.nan if m else float(t) for m, t in zip(marks, plain, strict=True)]
        except ValueError:
            return False
        return self.extend_parsed(np.array(parsed), np.array(marks))

    def extend_parsed(self, numbers: Array, is_missing: Array | None = None) -> bool:
        """Add numbers that were text, or none of them; return whether they were added.

        Args:
            numbers: The numbers, ``(count,)``; any number where one is missing.
            is_missing: Whether each is missing, ``(count,)``; by default, none is.
        """
        is_finite = np.isfinite(numbers)
        if is_missing is not None:
            if not self._keeps_missing:
                return False
            numbers = np.where(is_missing, np.nan, numbers)
            is_finite |= is_missing
        if not is_finite.all() or (
            # A mark such as -999 that was read as a number.
            self._numeric_marks and np.isin(numbers, self._numeric_marks).any()
        ):
            return False
        self._values.frombytes(np.ascontiguousarray(numbers).view(np.uint8).data)
        return True

    def _add(self, text: str) -> None:
        number = self.numerals.number(text)
        if number is None and self._may_be_words:
            raise WordFoundError
        if number is None:
            advice = self.numerals.advice(text) or self._advice
            raise ValueError(f"expected a number, got {quoted(text)}; {advice}")
        if not math.isfinite(number):
            raise ValueError(
                f"expected a finite number, got {quoted(text)}; correct it or remove the line"
            )
        self._values.append(number)

    def add_value(self, value: Any) -> None:
        """Add a number, or a text that is one; None and NaN are missing."""
        if isinstance(value, Real) and math.isfinite(value):
            self._values.append(float(value))
        else:
            super().add_value(value)

    def _add_missing(self) -> None:
        self._values.append(math.nan)


class Words(Column):
    """A column of words, such as classes; the set of words is known once all are read.

    Args:
        numerals: The notation of numbers among the words.
        listed: The only words allowed, in their order; if empty, any word is.
        missing: The texts that mark a missing value.
        keeps_missing: Whether a missing value is kept rather than refused.
    """

    def __init__(
        self,
        numerals: Numerals = PLAIN,
        listed: Sequence[str] = (),
        missing: Sequence[str] = MISSING,
        keeps_missing: bool = False,
    ) -> None:
        missing = [mark for mark in missing if mark not in listed]
        super().__init__(numerals, missing, keeps_missing)
        self._listed = listed
        self._codes = {word: code for code, word in enumerate(listed)}

    @property
    def _typecode(self) -> str:
        return "q"

    @property
    def is_missing(self) -> Array:
        """Whether each word is missing."""
        return np.asarray(self.values == NO_VALUE)

    @property
    def words(self) -> list[str]:
        """The distinct words, in the order of their codes."""
        return list(self._codes)

    def extend(self, texts: Sequence[str]) -> bool:
        """Add words, or none of them."""
        distinct = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        codes = np.fromiter(map(distinct.__getitem__, texts), np.int64, len(texts))
        return self.extend_coded(list(distinct), codes)

    def extend_coded(self, texts: Sequence[str], codes: Array) -> bool:
        """Add words, or none of them; return whether they were added.

        Args:
            texts: The distinct words, perhaps with blanks around them.
            codes: The position of each word among them, ``(count,)``.
        """
        words = list(map(str.strip, texts))
        is_missing = [word in self.missing for word in words]
        if (any(is_missing) and not self._keeps_missing) or (
            self._listed
            and any(w not in self._codes and not m for w, m in zip(words, is_missing, strict=True))
        ):
            return False
        own = [
            NO_VALUE if missing else self._codes.setdefault(word, len(self._codes))
            for word, missing in zip(words, is_missing, strict=True)
        ]
        self._values.frombytes(np.array(own, np.int64)[codes].view(np.uint8).data)
        return True

    def _add(self, text: str) -> None:
        if self._listed and text not in self._codes:
            shown = ", ".join(map(quoted, self._listed[:MOST_LOOKED_AT]))
            raise ValueError(
                f"expected one of the listed classes {shown}"
                f"{', ...' if len(self._listed) > MOST_LOOKED_AT else ''}, got {quoted(text)}"
            )
        self._values.append(self._codes.setdefault(text, len(self._codes)))

    def _add_missing(self) -> None:
        self._values.append(NO_VALUE)

    def add_value(self, value: Any) -> None:
        """Add a value that may not be text; None and NaN are missing.

        Raises:
            ValueError: It is missing or of the wrong kind; the message says what was expected.
        """
        self.add("" if value is None or value != value else str(value).strip())

    def _not_missing(self, text: str) -> str:
        return "; if it is a name like any other, list in missing only other marks" if text else ""

    @property
    def counts(self) -> Counter[str]:
        """How many rows have each word."""
        counts = np.bincount(self.values[~self.is_missing], minlength=len(self._codes))
        return Counter(dict(zip(self._codes, counts.tolist(), strict=True)))
