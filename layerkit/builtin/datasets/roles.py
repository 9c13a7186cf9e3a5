"""The roles of the columns of a table, which say how each is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from layerkit import Array, DataError
from layerkit.builtin.datasets.columns import Column, Numbers, Words
from layerkit.builtin.datasets.header import INDEX, MOST_NAMES, Header, Key, resolved
from layerkit.builtin.datasets.names import check_spelling, doubts, quoted
from layerkit.builtin.datasets.numerals import Numerals
from layerkit.builtin.datasets.preparation import Category, Fill, Number, Preparation
from layerkit.builtin.datasets.rows import Layout
from layerkit.builtin.datasets.table import Table, TableReader, WordsFoundError

WITHOUT_VALUES = ("drop", INDEX)
"""The roles of columns that are not read."""

MARKS = ("split", "group")
"""The roles of columns that say where a row belongs."""

WORDS = {"mean": "mean", "median": "median", "most_frequent": "most frequent"}
"""The names of replacements in a sentence."""


@dataclass(frozen=True)
class Roles:
    """The roles of the columns of a table, and what its values mean.

    Attributes:
        keys: For each option that names columns, these.
        is_classification: Whether the target is a class.
        classes: The only classes allowed, in order; any if empty.
        infers: Whether columns that hold words are categories.
        fills: What is done with missing values, of all columns or of pairs.
        missing: The texts that mark a missing value.
        numerals: The notation of numbers.
    """

    keys: Mapping[str, Sequence[Key]]
    is_classification: bool
    classes: tuple[str, ...]
    infers: bool
    fills: Fill | tuple[tuple[Key, Fill], ...]
    missing: tuple[str, ...]
    numerals: Numerals

    def read(
        self, path: Path, layout: Layout, target_path: Path | None = None, like: Table | None = None
    ) -> Table:
        """Return a table.

        Args:
            path: The file.
            layout: How it is written.
            target_path: The file of the targets, if they are in a file of their own.
            like: The table whose columns this one must have.

        Raises:
            DataError: The file is missing or wrong; the message names every line and column.
        """
        if target_path is None:
            return self._checked(self._read(path, layout, self.keys, like))
        keys = {option: keys for option, keys in self.keys.items() if option != "target"}
        table = self._read(path, layout, keys, like)
        targets = self._read(target_path, layout, {"target": self.keys["target"]}, None)
        if len(table) != len(targets):
            raise DataError(
                f"{target_path}: expected a row for each of the {len(table):,} rows of {path}, "
                f"got {len(targets):,}"
            )
        return self._checked(table.with_targets(targets))

    def _checked(self, table: Table) -> Table:
        """Refuse columns in ``on_missing`` that do not exist."""
        problems: list[str] = []
        if isinstance(self.fills, tuple):
            keys = [key for key, _ in self.fills]
            resolved("on_missing", keys, list(table.names), problems, table.layout.delimiter)
        if problems:
            raise DataError(f"{table.path}: {problems[0]}")
        return table

    def _read(
        self, path: Path, layout: Layout, keys: Mapping[str, Sequence[Key]], like: Table | None
    ) -> Table:
        words: set[str] = set()
        if like is not None:
            words |= {name for name, column in like.columns.items() if isinstance(column, Words)}
        while True:
            try:
                reader = TableReader(path, layout, self._column_with(words, keys, like is None))
                table = reader.table(keys)
            except WordsFoundError as error:
                # The file is read again, because a number is no longer the text that it was.
                words |= error.names
            else:
                break
        if like is not None and table.features.keys() != like.features.keys():
            missing = [quoted(name) for name in like.features if name not in table.features]
            other = [quoted(name) for name in table.features if name not in like.features]
            raise DataError(
                f"{path}: expected the columns of {like.path}, got "
                + " and ".join(
                    f"{what} {', '.join(names[:MOST_NAMES])}"
                    for what, names in (("no column", missing), ("the column", other))
                    if names
                )
            )
        return table

    def _column_with(
        self, words: set[str], keys: Mapping[str, Sequence[Key]], infers: bool
    ) -> Callable[[str, Header], Column | None]:
        """Return a function that returns the object for the values of a column.

        Args:
            words: The columns that turned out to hold words.
            keys: For each option that names columns of the file, these.
            infers: Whether other columns may turn out to hold words.
        """

        def column(name: str, header: Header) -> Column | None:
            role = header.role_of(name)
            if role in WITHOUT_VALUES or (not role and list(keys) == ["target"]):
                return None
            keeps = role not in MARKS and self.fill_of(name, header.names) != "error"
            if role == "target" and self.is_classification:
                return Words(self.numerals, self.classes, self.missing, keeps)
            if role in ("categories", *MARKS) or name in words:
                return Words(self.numerals, (), self.missing, keeps)
            advice = (
                'if it names a class, set task to "classification"'
                if role == "target"
                else "if it is a category, name it in categories"
            )
            may_be_words = infers and self.infers and role != "target"
            return Numbers(advice, self.numerals, self.missing, keeps, may_be_words)

        return column

    def fill_of(self, name: str, names: Sequence[str]) -> Fill:
        """Return what is done with the missing values of a column.

        Args:
            name: The column.
            names: All columns of the file.
        """
        if isinstance(self.fills, str):
            return self.fills
        for key, fill in self.fills:
            if isinstance(key, int):
                key = names[key] if -len(names) <= key < len(names) else ""
            if key == name:
                return fill
        return "error"

    def fill_of_target(self, name: str, names: Sequence[str]) -> Fill:
        """Return what is done with rows whose target is missing: "error" or "drop".

        Raises:
            DataError: The target alone is to be replaced.
        """
        fill = self.fill_of(name, names)
        if isinstance(self.fills, tuple) and fill not in ("error", "drop"):
            raise DataError(
                f'on_missing: nothing replaces a target that is missing; set "drop" for '
                f"{quoted(name)} to leave out its rows"
            )
        return "error" if fill == "error" else "drop"

    def _fill(self, table: Table, name: str) -> Fill:
        is_target = name in table.roles["target"]
        return (self.fill_of_target if is_target else self.fill_of)(name, table.names)

    def complete(self, table: Table) -> Array:
        """Return the rows of a table that are not left out because of missing values."""
        is_complete = np.ones(len(table), bool)
        for name, column in table.columns.items():
            if self._fill(table, name) == "drop":
                is_complete &= ~column.is_missing
        return np.flatnonzero(is_complete)

    def doubts(self, table: Table, max_categories: int) -> list[str]:
        """Return sentences about names that may not be meant, and refuse those that cannot be.

        Raises:
            DataError: A number is written in two ways, or a category has too many values.
        """
        notes: list[str] = []
        for name, column in table.columns.items():
            is_target = name in table.roles["target"]
            if not isinstance(column, Words) or not (is_target or name in table.features):
                continue
            where = f"column {quoted(name)}"
            counts = column.counts
            try:
                check_spelling(counts, self.numerals)
            except ValueError as error:
                raise DataError(f"{where}: {error}") from None
            is_inferred = self.infers and not is_target
            doubtful = [] if is_target else doubts(counts, self.numerals, is_inferred)
            count = len(counts)
            if not is_target and count > max_categories:
                raise DataError(
                    f"{where}: has {count:,} different values, and each becomes a column; drop it "
                    f"if it names single examples, or raise max_categories ({max_categories:,})"
                    + "".join(f"; {doubt}" for doubt in doubtful)
                )
            notes += (f"{where}: {doubt}" for doubt in doubtful)
            if is_inferred:
                notes.append(f"{where}: is taken for a category of {count:,} values")
        return notes

    def fitted(
        self,
        table: Table,
        rows: Array,
        classes: Sequence[str] | None,
        standardize: bool,
        unseen: Literal["error", "ignore"],
    ) -> Preparation:
        """Return what the training rows of a table tell.

        Args:
            table: The table.
            rows: Its training rows.
            classes: The classes in order; None if the target is a quantity.
            standardize: Whether numbers are shifted and scaled.
            unseen: What is done with names that no training row has.

        Raises:
            DataError: A column has no value, or its missing values cannot be replaced.
        """
        features: list[Number | Category] = []
        for name, column in table.features.items():
            fill = self._fill(table, name)
            values = column.values[rows]
            try:
                features.append(
                    Category.fitted(name, column.words, values, self.numerals, fill, unseen)
                    if isinstance(column, Words)
                    else Number.fitted(name, values, fill, standardize)
                )
            except ValueError as error:
                raise DataError(f"column {quoted(name)}: {error}") from None
        numerals = self.numerals
        return Preparation(
            tuple(features),
            tuple(table.roles["target"]),
            None if classes is None else tuple(classes),
            numerals.decimal,
            numerals.thousands,
            tuple(self.missing),
        )

    def replaced(self, table: Table, rows: Array, preparation: Preparation) -> str:
        """Return a sentence about the missing values of a table; empty if there are none.

        Args:
            table: The table.
            rows: The rows that are not left out.
            preparation: What the training rows told.
        """
        dropped = len(table) - len(rows)
        fills = {feature.name: feature.fill for feature in preparation.features}
        texts = []
        for name, column in table.columns.items():
            fill = self._fill(table, name)
            if fill == "error":
                continue
            count = int((column.is_missing if fill == "drop" else column.is_missing[rows]).sum())
            if not count:
                continue
            text = f"{count:,} of {quoted(name)}"
            if fill == "category":
                text += " (a category of their own)"
            elif fill != "drop":
                value = fills[name]
                shown = quoted(value) if isinstance(value, str) else f"{value:.6g}"
                text += f" (replaced by the {WORDS[fill]} {shown})"
            texts.append(text)
        end = f"; {dropped:,} of {len(table):,} rows are left out" if dropped else ""
        return f"missing values: {', '.join(texts)}{end}" if texts else ""
