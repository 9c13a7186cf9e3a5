"""The division of the rows of a table into parts: to train, to validate and to test on."""

from dataclasses import dataclass

import numpy as np

from layerkit import Array, DataError, Rng
from layerkit.builtin.datasets.columns import Words
from layerkit.builtin.datasets.header import Key
from layerkit.builtin.datasets.names import quoted
from layerkit.builtin.datasets.splitting import check_fractions, drawn, drawn_groups
from layerkit.builtin.datasets.table import Table

PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""The part that each word of a split column names."""


@dataclass(frozen=True)
class Division:
    """How rows are divided.

    Attributes:
        test_fraction: The share of the rows to test on, if the file does not tell them.
        seed: The seed of the choice of these rows.
        stratify: Whether the share holds for each class; by default, if it can.
        split: The column that names the part of each row.
        group: The column whose rows of one value stay in one part.
        shuffle: Whether the rows to test on are drawn, rather than the last ones.
        has_test_file: Whether the rows to test on are in a file of their own.
        is_classification: Whether the target is a class.
        validation_fraction: The share of all rows that training chooses by; 0 for no such part,
            unless the file tells them.

    Raises:
        ValueError: Two of them exclude each other.
    """

    test_fraction: float
    seed: int
    stratify: bool | None
    split: Key | None
    group: Key | None
    shuffle: bool
    has_test_file: bool
    is_classification: bool
    validation_fraction: float

    def __post_init__(self) -> None:
        given = {
            "split": self.split is not None,
            "test_path": self.has_test_file,
            "group": self.group is not None,
            '"shuffle": false': not self.shuffle,
            '"stratify": true': bool(self.stratify),
        }
        options = [option for option, is_given in given.items() if is_given]
        if len(options) > 1:
            raise ValueError(
                f"{options[0]} and {options[1]} exclude each other: each says which rows to test on"
            )
        check_fractions(0 if self.has_test_file else self.test_fraction, self.validation_fraction)
        if self.split is not None and self.validation_fraction:
            raise ValueError(
                "split and validation_fraction exclude each other: each says which "
                "rows to validate with"
            )
        if self.stratify and not self.is_classification:
            raise ValueError('stratify needs task "classification", got "regression"')

    @property
    def is_stratified(self) -> bool:
        """Whether the share to test on holds for each class."""
        can = (
            self.is_classification
            and self.shuffle
            and self.split is self.group is None
            and not (self.has_test_file and not self.validation_fraction)
        )
        return can and self.stratify is not False

    def parts(self, table: Table, rows: Array) -> dict[str, Array]:
        """Return the rows of each part, in the order of the file.

        Args:
            table: The table.
            rows: The rows to divide.

        Raises:
            DataError: A part has no rows, or a word names no part.
        """
        if self.split is not None:
            return _named_parts(table, rows)
        rng, count = np.random.default_rng(self.seed), len(rows)
        parts = {"train": rows}
        for part, share in (
            ("test", 0 if self.has_test_file else self.test_fraction),
            ("validation", self.validation_fraction),
        ):
            if share:
                rows = parts["train"]
                parts["train"], parts[part] = self._divided(
                    table, rows, part, share * count / max(1, len(rows)), rng
                )
        return parts

    def _divided(
        self, table: Table, rows: Array, part: str, share: float, rng: Rng
    ) -> tuple[Array, Array]:
        """Return the rows that are left, and those of another part."""
        purpose = "test on" if part == "test" else "validate with"
        if len(rows) < 2:
            raise DataError(
                f"expected at least 2 rows of data, one to train on and one to {purpose}, "
                f"got {len(rows)}"
            )
        if not self.shuffle:
            count = min(max(round(len(rows) * share), 1), len(rows) - 1)
            return rows[:-count], rows[-count:]
        if self.group is None:
            (name, *_) = table.roles["target"]
            labels = table.columns[name].values[rows] if self.is_stratified else None
            is_taken = drawn(len(rows), share, rng, labels)
        else:
            (name,) = table.roles["group"]
            groups = table.columns[name].values[rows]
            if (groups == groups[0]).all():
                raise DataError(
                    f"column {quoted(name)}: expected at least 2 groups, one to train on and one "
                    f"to {purpose}, got the same one in every row"
                )
            is_taken = drawn_groups(groups, share, rng)
        return rows[~is_taken], rows[is_taken]


def _named_parts(table: Table, rows: Array) -> dict[str, Array]:
    """Return the rows of each part that a column names."""
    (name,) = table.roles["split"]
    column = table.columns[name]
    assert isinstance(column, Words)
    parts = [PARTS.get(word.lower()) for word in column.words]
    codes = column.values[rows]
    for code, (word, part) in enumerate(zip(column.words, parts, strict=True)):
        if part is None and (codes == code).any():
            line = table.line(rows[np.argmax(codes == code)])
            raise DataError(
                f"line {line}, column {quoted(name)}: expected the name of a part, "
                f'"train", "validation" or "test", got {quoted(word)}'
            )
    divided = {}
    for part in ("train", "validation", "test"):
        is_part = np.array([other == part for other in parts], bool)
        divided[part] = rows[is_part[codes]]
        if part != "validation" and not len(divided[part]):
            raise DataError(f'column {quoted(name)}: no row is in the part "{part}"')
    return divided
