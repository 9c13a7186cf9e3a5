"""How a table writes numbers."""

import math
import re
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

Decimal: TypeAlias = Literal[".", ","]
"""What stands before the fraction of a number."""

Thousands: TypeAlias = Literal["", ",", ".", " ", "'"]
"""What stands between groups of three digits."""

_VARIANTS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})
"""What typesetters put in the place of a blank or an apostrophe."""


@dataclass(frozen=True)
class Numerals:
    """How numbers are written.

    Attributes:
        decimal: What stands before the fraction.
        thousands: What may stand between groups of three digits, and in India of two; nothing if
            empty.
    """

    decimal: Decimal = "."
    thousands: Thousands = ""

    def number(self, text: str) -> float | None:
        """Return the number that a text is, if it is one."""
        if "_" in text:
            # Python, but hardly anyone who writes a table, takes 1_000 for a number.
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

    def _plain(self, text: str) -> str | None:
        """Return a number as Python writes it; None if its groups are not those of a number."""
        text = text.translate(_VARIANTS) if self.thousands in (" ", "'") else text
        whole, point, fraction = text.partition(self.decimal)
        if self.thousands and self.thousands in whole:
            groups = rf"[+-]?\d{{1,3}}(?:{re.escape(self.thousands)}\d{{2,3}})*"
            if not re.fullmatch(rf"{groups}{re.escape(self.thousands)}\d{{3}}", whole):
                return None
            whole = whole.replace(self.thousands, "")
        # What is left must not be read as Python would: 1.5 is none with a decimal comma.
        rest = whole + fraction
        return None if "," in rest or "." in rest else f"{whole}{'.' if point else ''}{fraction}"

    def advice(self, text: str) -> str:
        """Return which options would make a number of a text that is none; empty if none would."""
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
        return ", or ".join(said for *_, said in sorted(meanings.values()))


DECIMALS: tuple[Decimal, ...] = (".", ",")
THOUSANDS: tuple[Thousands, ...] = ("", ",", ".", " ", "'")

PLAIN = Numerals()
"""As Python and most programs write numbers."""
