"""What is learnt from the training rows of a table, and its use for any rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from layerkit import Array, DataError
from layerkit.builtin.datasets.columns import Column, Numbers, Words
from layerkit.builtin.datasets.names import ordered, quoted
from layerkit.builtin.datasets.numerals import Decimal, Numerals, Thousands

Fill: TypeAlias = Literal["error", "drop", "mean", "median", "most_frequent", "category"]
"""What is done with missing values."""

ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""The relative difference of numbers that were equal before they were rounded, such as 0.3 and the
sum of 0.1 and 0.2."""

BLOCK = 2**16
"""The number of values of ``x`` that are written at a time."""

OWN_CATEGORY = ""
"""The name of the category of missing values. No other value is empty."""


@dataclass(frozen=True)
class Number:
    """A column of numbers that becomes one column of ``x``: ``(2**exponent v - mean) / deviation``.

    Attributes:
        name: The column.
        fill: The number that replaces a missing one; None if a missing one is refused.
        exponent: The power of 2 that keeps squares of very large or small numbers representable.
        mean: The number that becomes 0.
        deviation: The difference from it that becomes 1.
        tolerance: The difference up to which a number counts as the mean.
    """

    name: str
    fill: float | None = None
    exponent: int = 0
    mean: float = 0.0
    deviation: float = 1.0
    tolerance: float = 0.0

    @property
    def width(self) -> int:
        """The number of columns of ``x``."""
        return 1

    @classmethod
    def fitted(cls, name: str, values: Array, fill: Fill, standardize: bool) -> Self:
        """Return what the numbers of the training rows tell, of which NaN are missing.

        Raises:
            ValueError: All are missing, or the fill does not suit numbers.
        """
        is_missing = np.isnan(values)
        has_missing = bool(is_missing.any())
        present = values[~is_missing] if has_missing else values
        if not len(present):
            raise ValueError("the training part has no value, all are missing; drop the column")
        if fill == "category" and has_missing:
            raise ValueError(
                'missing numbers are no category; set on_missing to "mean", "median" or another, '
                "or name the column in categories"
            )
        size = max(abs(float(present.min())), abs(float(present.max())))
        is_extreme = size > 0 and not 1e-100 <= size <= 1e100
        # Scaling by a power of 2 is exact, and keeps squares from overflow and underflow.
        exponent = -math.frexp(size)[1] if is_extreme else 0
        if exponent:
            present, size = np.ldexp(present, exponent), math.ldexp(size, exponent)
        replacement = _replacement(present, fill)
        scaled_back = None if replacement is None else math.ldexp(replacement, -exponent)
        if not standardize:
            return cls(name, scaled_back)
        filled = present
        if has_missing:
            filled = np.full(len(values), math.nan if replacement is None else replacement)
            filled[~is_missing] = present
        low, high = float(filled.min()), float(filled.max())
        if high - low <= ROUNDING * size:
            return cls(name, scaled_back, exponent, low, tolerance=ROUNDING * size)
        mean = filled.mean(keepdims=True)
        return cls(name, scaled_back, exponent, float(mean[0]), float(filled.std(mean=mean)))

    def write(self, column: Column, rows: Array, out: Array) -> Array:
        """Write some rows of a column into ``out``, and return which of them cannot be."""
        values = column.values[rows]
        if self.fill is not None:
            values[np.isnan(values)] = self.fill
        with np.errstate(over="ignore", invalid="ignore"):
            if self.exponent:
                np.ldexp(values, self.exponent, out=values)
            if self.mean:
                np.subtract(values, self.mean, out=values)
            if self.deviation != 1:
                np.divide(values, self.deviation, out=values)
        if self.tolerance:
            values[np.abs(values) <= self.tolerance] = 0
        # The columns of out lie apart in memory, so it is written once.
        out[:, 0] = values
        return ~np.isfinite(values)


@dataclass(frozen=True)
class Category:
    """A column of names that becomes one column of ``x`` for each of its values.

    Attributes:
        name: The column.
        values: The values of the training rows. An empty one is that of missing values.
        fill: The value that replaces a missing one, which may be unseen itself; None if a missing
            one is refused.
        unseen: Whether a value of no training row is refused or has 0 in all columns.
    """

    name: str
    values: tuple[str, ...]
    fill: str | None = None
    unseen: Literal["error", "ignore"] = "error"

    @property
    def width(self) -> int:
        """The number of columns of ``x``."""
        return len(self.values)

    @classmethod
    def fitted(
        cls,
        name: str,
        words: Sequence[str],
        codes: Array,
        numerals: Numerals,
        fill: Fill,
        unseen: Literal["error", "ignore"],
    ) -> Self:
        """Return what the names of the training rows tell, of which codes below 0 are missing.

        Raises:
            ValueError: All are missing, or the fill does not suit names.
        """
        present, counts = np.unique(codes[codes >= 0], return_counts=True)
        values = ordered([words[code] for code in present], numerals)
        if fill in ("mean", "median") and (codes < 0).any():
            raise ValueError(f'names have no {fill}; set on_missing to "most_frequent" or another')
        if fill == "category":
            own = [OWN_CATEGORY] if (codes < 0).any() else []
            return cls(name, (*values, *own), OWN_CATEGORY, unseen)
        if not values:
            raise ValueError("the training part has no value, all are missing; drop the column")
        if fill != "most_frequent":
            return cls(name, tuple(values), None, unseen)
        most = {words[code] for code in present[counts == counts.max()]}
        return cls(name, tuple(values), next(v for v in values if v in most), unseen)

    def write(self, column: Column, rows: Array, out: Array) -> Array:
        """Write some rows of a column into ``out``, and return which of them cannot be."""
        assert isinstance(column, Words)
        position = {value: i for i, value in enumerate(self.values)}
        unknown = -1 if self.unseen == "error" else len(self.values)
        missing = -1 if self.fill is None else position.get(self.fill, unknown)
        # The code of a missing name is -1, the last position.
        known = np.array([*(position.get(word, unknown) for word in column.words), missing])
        columns = known[column.values[rows]]
        out[:] = 0
        at = np.flatnonzero((columns >= 0) & (columns < len(self.values)))
        out[at, columns[at]] = 1
        return np.asarray(columns < 0)


@dataclass(frozen=True)
class Preparation:
    """What was learnt from the training rows of a table: plain data, applied to any rows.

    Attributes:
        features: The columns that become columns of ``x``, in their order.
        targets: The columns to predict.
        classes: The names of the classes, in the order of their labels; None if the targets are
            numbers.
        decimal: The decimal separator of a number that is text.
        thousands: The separator of its groups of digits.
        missing: The texts that mark a missing value.
    """

    features: tuple[Number | Category, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...] | None
    decimal: Decimal
    thousands: Thousands
    missing: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of columns of ``x``."""
        return sum(feature.width for feature in self.features)

    def x(
        self,
        columns: Mapping[str, Column],
        rows: Array,
        place: Callable[[int], str] = "row {}".format,
    ) -> Array:
        """Return ``x`` of some rows, ``(len(rows), width)``.

        Args:
            columns: The columns by name, those of ``columns`` or of a table that was read.
            rows: The positions of the rows.
            place: Returns where a row is, for messages.

        Raises:
            DataError: A value is missing and not replaced, or a name is unseen and not ignored, or
                a number is too large.
        """
        x = np.empty((len(rows), self.width))
        # A block of rows of all columns fits into the cache of the processor.
        step = max(1, BLOCK // max(1, self.width))
        for first in range(0, len(rows), step):
            block, start = rows[first : first + step], 0
            for feature in self.features:
                column, end = columns[feature.name], start + feature.width
                out = x[first : first + step, start:end]
                if feature.write(column, block, out).any():
                    refused = feature.write(column, rows, np.empty((len(rows), feature.width)))
                    raise _refusal(feature.name, column, rows[refused], place)
                start = end
        return x

    def t(self, columns: Mapping[str, Column], rows: Array) -> Array:
        """Return the targets of some rows: labels, or numbers in one column for each target."""
        if self.classes is not None:
            column = columns[self.targets[0]]
            assert isinstance(column, Words)
            label = {name: i for i, name in enumerate(self.classes)}
            labels = np.array([label.get(word, -1) for word in column.words], np.int64)
            return np.asarray(labels[column.values[rows]])
        return np.stack([columns[name].values[rows] for name in self.targets], axis=1)

    def columns(self, values: Mapping[str, Sequence[Any]]) -> dict[str, Column]:
        """Return rows in memory as columns.

        Args:
            values: For each column that becomes one of ``x``, its values as texts or numbers;
                None and NaN are missing.

        Raises:
            DataError: A column is missing or has another length, or a value is wrong.
        """
        columns: dict[str, Column] = {}
        for feature in self.features:
            if feature.name not in values:
                raise DataError(f"there is no column {quoted(feature.name)}")
            keeps_missing = feature.fill is not None
            numerals = Numerals(self.decimal, self.thousands)
            column: Column = (
                Numbers("the network learnt from numbers", numerals, self.missing, keeps_missing)
                if isinstance(feature, Number)
                else Words(numerals, (), self.missing, keeps_missing)
            )
            for row, value in enumerate(values[feature.name]):
                try:
                    column.add_value(value)
                except ValueError as error:
                    raise DataError(f"row {row}, column {quoted(feature.name)}: {error}") from None
            columns[feature.name] = column
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(f"{quoted(n)} {len(c):,}" for n, c in columns.items())
            raise DataError(f"columns must have the same number of values, got {lengths}")
        return columns

    def to_json(self) -> dict[str, Any]:
        """Return an object that JSON can hold, with every digit of every number."""
        kinds = [type(feature).__name__.lower() for feature in self.features]
        state = asdict(self)
        state["features"] = [
            {"kind": kind, **feature}
            for kind, feature in zip(kinds, state["features"], strict=True)
        ]
        return state

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """Return what ``to_json`` wrote.

        Raises:
            DataError: It did not write that.
        """
        try:
            features = [dict(feature) for feature in state["features"]]
            kinds = {"number": Number, "category": Category}
            made = tuple(
                kinds[feature.pop("kind")](**_with_tuples(feature)) for feature in features
            )
            return cls(**{**_with_tuples(state), "features": made})
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"is not what a table taught: {error!r}") from None


def _with_tuples(state: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in state.items()}


def _replacement(present: Array, fill: Fill) -> float | None:
    """Return the number that replaces missing ones; None if none does."""
    if fill == "most_frequent":
        values, counts = np.unique(present, return_counts=True)
        return float(values[counts.argmax()])
    if fill in ("mean", "median"):
        return float(present.mean() if fill == "mean" else np.median(present))
    return None


def _refusal(name: str, column: Column, rows: Array, place: Callable[[int], str]) -> DataError:
    """Return the error for rows whose value is missing or unseen."""
    at = place(int(rows[0]))
    more = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    code = column.values[rows[0]]
    if isinstance(column, Words) and code >= 0:
        return DataError(
            f"{at}{more}, column {quoted(name)}: {quoted(column.words[code])} is in no training "
            'row; correct it, or set unseen to "ignore" to have 0 in all columns of its category'
        )
    if isinstance(column, Numbers) and not np.isnan(code):
        return DataError(
            f"column {quoted(name)}: its numbers are too large to standardize; write them in a "
            "larger unit"
        )
    return DataError(
        f"{at}{more}, column {quoted(name)}: expected a value, got none; no "
        "number or name was learnt that replaces it"
    )
