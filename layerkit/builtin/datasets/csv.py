"""Tables as comma-separated values."""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    NonNegativeInt,
    PositiveInt,
    Split,
    Targets,
    check_memory,
)
from layerkit.builtin.datasets.columns import MISSING, Column, Words, alike, quoted
from layerkit.builtin.datasets.header import Key
from layerkit.builtin.datasets.numerals import Decimal, Numerals, Thousands
from layerkit.builtin.datasets.preparation import Fill, Preparation
from layerkit.builtin.datasets.roles import Roles
from layerkit.builtin.datasets.rows import Layout
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, drawn, noted
from layerkit.builtin.datasets.table import Table

FRUIT = b"kind,grams,price\n" + b"apple,150,0.4\nplum,40,0.1\napple,170,0.5\nplum,50,0.2\n" * 3
OBST = b";Art;Gramm;Preis\r\n" + b"0;Melone;1.150;2,4\r\n1;Apfel;140;0,35\r\n" * 5
"""Another table, as a German spreadsheet may store it."""


class Csv(Dataset):
    """A table with one example per line.

    The columns of ``x`` are in the order of the file. A category becomes one column for each of its
    values: 1 for the value of the line, 0 for the others. Its values, like classes, are in
    numerical order if all are numbers, otherwise in alphabetical order. Blanks around a value are
    ignored. A column is named by its name or by its position: 0 is the first, -1 the last. The file
    may be compressed with gzip.

    Means, deviations, replacements of missing values and categories are those of the training part.

    Args:
        path: The file.
        target: The column to predict, or several columns of quantities.
        task: Whether the target is a class, as text or a number, or a quantity.
        categories: The columns whose values are names rather than numbers; "infer" for all that
            have a value that is no number.
        drop: The columns to leave out; "" is every column without a name.
        delimiter: The character between two values; "whitespace" for runs of blanks and tabs, and
            "auto" for the one that the first rows have.
        standardize: Whether the columns of numbers are shifted and scaled so that their mean is 0
            and their variance 1 in the training part; a column that is constant, up to rounding,
            becomes 0.
        test_fraction: The share of the lines to test on, drawn at random.
        seed: The seed of the choice of the test lines.
        stratify: Whether the share to test on holds for each class, so that every class of at
            least two lines is in both parts.
        decimal: The decimal separator of a number.
        thousands: The separator that groups of digits may have, as in 1,234,567; none if empty.
        max_categories: The most values that a category may have, because each becomes a column.
        classes: The classes in the order of their labels, so that a label means the same in every
            file; by default, the classes in the file.
        header: Whether the first row names the columns.
        names: The names of the columns of a file without a header; by default, their positions:
            "0", "1" and so on.
        encoding: The encoding of the file; "auto" for that of its byte-order mark, or else UTF-8.
        comment: The start of lines that do not count, such as "#"; none if empty.
        skip: The number of lines that do not count at the start of the file.
        missing: The texts that mark a missing value; an empty one always does.
        on_missing: What is done with missing values: "error" refuses them, "drop" leaves out the
            line, "mean", "median" and "most_frequent" replace them by that of the training part,
            and "category" makes them a category of their own; or pairs of a column and one of
            these, for other columns "error". A line without a target is left out unless that is an
            error.
        unseen: Whether a category that is in no training line is refused or ignored: 0 in all
            columns of its category.

    Shapes:
        x: ``(count, features)``
        t: ``(count,)``, labels from 0 or numbers; ``(count, targets)`` if several are named

    Raises:
        ValueError: A column has two roles, the delimiter is not a usable character, ``decimal`` and
            ``thousands`` are equal, a class is listed twice, or two options exclude each other.
    """

    examples = (
        Example({"path": "fruit.csv", "target": "kind"}, files={"fruit.csv": FRUIT}),
        Example(
            {"path": "fruit.csv", "target": "grams", "task": "regression", "categories": ["kind"]},
            files={"fruit.csv": FRUIT},
        ),
        Example(
            {
                "path": "obst.csv",
                "target": "Art",
                "drop": [""],
                "delimiter": ";",
                "decimal": ",",
                "thousands": ".",
                "stratify": True,
                "classes": ["Melone", "Apfel"],
            },
            files={"obst.csv": OBST},
        ),
    )

    def __init__(
        self,
        path: Path,
        target: Key | tuple[Key, ...],
        task: Literal["classification", "regression"] = "classification",
        categories: tuple[Key, ...] | Literal["infer"] = (),
        drop: tuple[Key, ...] = (),
        delimiter: str = "auto",
        standardize: bool = True,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        stratify: bool = False,
        decimal: Decimal = ".",
        thousands: Thousands = "",
        max_categories: PositiveInt = 1_000,
        classes: tuple[str, ...] = (),
        header: bool = True,
        names: tuple[str, ...] = (),
        encoding: str = "auto",
        comment: str = "",
        skip: NonNegativeInt = 0,
        missing: tuple[str, ...] = MISSING,
        on_missing: Fill | tuple[tuple[Key, Fill], ...] = "error",
        unseen: Literal["error", "ignore"] = "error",
    ) -> None:
        targets = target if isinstance(target, tuple) else (target,)
        named = () if categories == "infer" else categories
        roles = Counter((*set(targets), *set(named), *set(drop)))
        twice = [name for name, count in roles.items() if count > 1]
        if twice:
            raise ValueError(
                "a column can be in only one of target, categories and drop: "
                f"{quoted(str(twice[0]))}"
            )
        if not targets:
            raise ValueError("target must name a column, got none")
        if decimal == thousands:
            raise ValueError(f'decimal and thousands must differ, both are "{decimal}"')
        for option, present in (("stratify", stratify), ("classes", classes)):
            if present and task == "regression":
                raise ValueError(f'{option} needs task "classification", got "regression"')
        if isinstance(target, tuple) and task == "classification":
            raise ValueError('several targets need task "regression", got "classification"')
        for name, count in Counter(classes).most_common(1):
            if count > 1:
                raise ValueError(f"classes: {quoted(name)} is listed {count} times")
        self.path = path
        self.target = target
        self.task = task
        self.categories = categories
        self.drop = drop
        self.delimiter = delimiter
        self.standardize = standardize
        self.test_fraction = test_fraction
        self.seed = seed
        self.stratify = stratify
        self.decimal = decimal
        self.thousands = thousands
        self.max_categories = max_categories
        self.classes = classes
        self.header = header
        self.names = names
        self.encoding = encoding
        self.comment = comment
        self.skip = skip
        self.missing = missing
        self.on_missing = on_missing
        self.unseen = unseen
        self._layout = Layout(
            delimiter, encoding, comment, skip, header, names, other=decimal + thousands
        )
        self._roles = Roles(
            {"target": targets, "categories": named, "drop": drop},
            task == "classification",
            classes,
            categories == "infer",
            on_missing,
            missing,
            Numerals(decimal, thousands),
        )

    def inspect(self) -> Form:
        """Return the form of the table; the classes are known only after all of it is read."""
        return self._content[0]

    def load(self) -> Data:
        """Return the parts of the table, reading it unless ``inspect`` did."""
        return self._content[1]

    @property
    def preparation(self) -> Preparation:
        """What the training part told, and any rows are prepared with."""
        return self._content[2]

    @cached_property
    def _content(self) -> tuple[Form, Data, Preparation]:
        table = self._roles.read(self.path, self._layout)
        try:
            return self._prepared(table)
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None

    def _prepared(self, table: Table) -> tuple[Form, Data, Preparation]:
        doubts = self._roles.doubts(table, self.max_categories)
        rows = self._roles.complete(table)
        if not table.features:
            raise DataError("expected a column to learn from, got only the target")
        if len(rows) < 2:
            raise DataError(
                "expected at least 2 rows of data, one to train on and one to test on, "
                f"got {len(rows)}"
            )
        target = table.columns[table.roles["target"][0]]
        classes = self._classes(table, rows)
        labels = target.values[rows] if self.stratify else None
        rng = np.random.default_rng(self.seed)
        is_test = drawn(len(rows), self.test_fraction, rng, labels)
        train, test = rows[~is_test], rows[is_test]
        preparation = self._roles.fitted(table, train, classes, self.standardize, self.unseen)
        width = preparation.width
        check_memory(f"{len(rows):,} rows of {width:,} columns", 8 * len(rows) * width)
        train_part, test_part = (self._part(table, part, preparation) for part in (train, test))
        doubts.append(self._roles.replaced(table, rows, preparation))
        notes = [f"{self.path}: {doubt}" for doubt in doubts if doubt]
        data = Data(train_part, test_part, (*table.notes, *notes))
        if classes is not None:
            names = [quoted(word) for word in classes]
            data = noted(data, str(self.path), names, "" if self.stratify else STRATIFY)
        shape = (len(table.roles["target"]),) if isinstance(self.target, tuple) else ()
        targets = Targets(shape, None if classes is None else len(classes), self._advice(target))
        return Form((preparation.width,), targets), data, preparation

    def _part(self, table: Table, rows: Array, preparation: Preparation) -> Split:
        t = preparation.t(table.columns, rows)
        if t.ndim == 2 and not isinstance(self.target, tuple):
            t = t[:, 0]
        return Split(preparation.x(table.columns, rows, table.lines), t)

    def _classes(self, table: Table, rows: Array) -> list[str] | None:
        """Return the classes in the order of their labels; None if the target is a quantity."""
        (name, *_) = table.roles["target"]
        target = table.columns[name]
        if not isinstance(target, Words):
            return None
        where = f"column {quoted(name)}"
        if len(target.distinct) == 1:
            raise DataError(f"{where}: expected at least 2 classes, got the same one in every row")
        similar = [] if self.classes else alike(target.counts)
        if similar:
            raise DataError(
                f"{where}: {'; '.join(similar)} would be different classes; write them alike, or "
                "list all classes in classes"
            )
        return target.distinct

    def _advice(self, target: Column) -> str:
        """Return advice for a loss that needs the other kind of targets."""
        name = quoted(str(self.target))
        if not isinstance(target, Words):
            return f'if {name} names a class, set task to "classification"'
        return f'if {name} is a quantity, set task to "regression"' if target.are_numbers else ""
