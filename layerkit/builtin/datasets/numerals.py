"""The notation of numbers in a table."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

Decimal: TypeAlias = Literal[".", ","]
"""The decimal separator of a number."""

Thousands: TypeAlias = Literal["", ",", ".", " ", "'"]
"""The separator of groups of three digits."""

_VARIANTS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})
"""Characters that typesetters use instead of a blank or an apostrophe."""


@dataclass(frozen=True)
class Numerals:
    """A notation of numbers.

    Attributes:
        decimal: The decimal separator.
        thousands: The optional separator of groups of three digits, or of two as in India; none if
            empty.
    """

    decimal: Decimal = "."
    thousands: Thousands = ""

    def number(self, text: str) -> float | None:
        """Return the value of a text, or None if it is not a number."""
        if "_" in text:
            # Python reads 1_000 as a number, but hardly anyone writes so in a table.
            return None
        if self.thousands or self.decimal != ".":
            plain = self._plain(text)
            if plain is None:
                return None
            text = plain
        try:
            return float(text)
        except ValueError:
            return None

    def plain(self, texts: Sequence[str]) -> Sequence[str] | None:
        """Return the texts in Python's notation; None if ``number`` must look at each of them."""
        joined = "\n".join(texts)
        if "_" in joined or (self.thousands and self.thousands in joined.translate(_VARIANTS)):
            return None
        if self.decimal == ".":
            return texts
        # Python's own notation does not count, and a value with a line break is no number.
        plain = joined.replace(self.decimal, ".").split("\n")
        return None if "." in joined or len(plain) != len(texts) else plain

    def _plain(self, text: str) -> str | None:
        """Return a number in Python's notation; None if its digits are not grouped correctly."""
        text = text.translate(_VARIANTS) if self.thousands in (" ", "'") else text
        whole, point, fraction = text.partition(self.decimal)
        if self.thousands and self.thousands in whole:
            groups = rf"[+-]?\d{{1,3}}(?:{re.escape(self.thousands)}\d{{2,3}})*"
            if not re.fullmatch(rf"{groups}{re.escape(self.thousands)}\d{{3}}", whole):
                return None
            whole = whole.replace(self.thousands, "")
        # Python's own notation does not count: 1.5 is not a number with a decimal comma.
        rest = whole + fraction
        return None if "," in rest or "." in rest else f"{whole}{'.' if point else ''}{fraction}"

    def advice(self, text: str) -> str:
        """Return which options would turn a text into a number; empty if none would."""
        meanings: dict[float, tuple[int, int, str]] = {}
        for i, (decimal, thousands) in enumerate(product(DECIMALS, THOUSANDS)):
            if decimal == thousands:
                continue
            number = Numerals(decimal, thousands).number(text)
            if number is None or not math.isfinite(number):
                continue
            changes = [
                f'{option} to "{value}"'
                for option, value, present in (
                    ("decimal", decimal, self.decimal),
                    ("thousands", thousands, self.thousands),
                )
                if value != present
            ]
            meaning = len(changes), i, f"set {' and '.join(changes)} if it means {number:.10g}"
            meanings[number] = min(meanings.get(number, meaning), meaning)
        return ", or ".join(proposal for *_, proposal in sorted(meanings.values()))


DECIMALS: tuple[Decimal, ...] = (".", ",")
THOUSANDS: tuple[Thousands, ...] = ("", ",", ".", " ", "'")

PLAIN = Numerals()
"""The notation of Python and most programs."""
