"""Tables as comma-separated values."""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Literal

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    Fraction,
    NonNegativeInt,
    PositiveInt,
    Split,
    Targets,
    check_memory,
)
from layerkit.builtin.datasets.columns import Column, Words
from layerkit.builtin.datasets.division import Division
from layerkit.builtin.datasets.header import Key
from layerkit.builtin.datasets.names import (
    MISSING,
    alike,
    check_spelling,
    numbers_of,
    ordered,
    quoted,
)
from layerkit.builtin.datasets.numerals import Decimal, Numerals, Thousands
from layerkit.builtin.datasets.preparation import Fill, Preparation
from layerkit.builtin.datasets.roles import Roles
from layerkit.builtin.datasets.rows import Layout
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, noted
from layerkit.builtin.datasets.table import Table

FRUIT = b"kind,grams,price\n" + b"apple,150,0.4\nplum,40,0.1\napple,170,0.5\nplum,50,0.2\n" * 3
OBST = b";Art;Gramm;Preis\r\n" + b"0;Melone;1.150;2,4\r\n1;Apfel;140;0,35\r\n" * 5
"""Another table, as a German spreadsheet may store it."""


FEW_ROWS = 20
"""The number of rows from which on it is no coincidence that most have a class of their own."""


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
            least two lines is in both parts; by default, for classes unless another option says
            which lines to test on.
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
        split: The column that names the part of each line: "train", "validation" or "test".
        test_path: A file of lines to test on, of the same columns.
        target_path: The file of the targets, one for each line, if ``path`` has none.
        test_target_path: The file of the targets of ``test_path``.
        group: The column whose lines of one value stay in one part, such as a patient.
        shuffle: Whether lines to test on are drawn; otherwise they are the last ones, as for
            series.
        validation_fraction: The share of the lines of ``path`` that training chooses by, taken as
            those to test on are; 0 for no validation part, unless ``split`` names one.

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
        Example(
            {
                "path": "fruit.txt",
                "target": -1,
                "task": "regression",
                "header": False,
                "categories": "infer",
                "on_missing": [["1", "median"], [0, "category"]],
            },
            files={"fruit.txt": FRUIT.partition(b"\n")[2].replace(b"50,", b",") + b"?,60,0.3\n"},
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
        stratify: bool | None = None,
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
        split: Key | None = None,
        test_path: Path | None = None,
        target_path: Path | None = None,
        test_target_path: Path | None = None,
        group: Key | None = None,
        shuffle: bool = True,
        validation_fraction: Fraction = 0.0,
    ) -> None:
        targets = target if isinstance(target, tuple) else (target,)
        roles: dict[str, tuple[Key, ...]] = {
            "target": targets,
            "categories": () if categories == "infer" else categories,
            "drop": drop,
            "split": () if split is None else (split,),
            "group": () if group is None else (group,),
        }
        if target_path is None:
            used = Counter(key for keys in roles.values() for key in set(keys))
            for key, count in used.most_common(1):
                if count > 1:
                    first, second = [option for option, keys in roles.items() if key in keys][:2]
                    raise ValueError(
                        f"a column has only one role: {first} and {second} both name "
                        f"{quoted(str(key))}"
                    )
        fills = on_missing if isinstance(on_missing, tuple) else ()
        for key, count in Counter(key for key, _ in fills).most_common(1):
            if count > 1:
                raise ValueError(f"on_missing: {quoted(str(key))} is named {count} times")
        for key, _ in fills:
            if key in drop:
                raise ValueError(f"on_missing and drop both name {quoted(str(key))}")
        if not targets:
            raise ValueError("target must name a column, got none")
        if (test_target_path is None) == (target_path is not None and test_path is not None):
            raise ValueError("test_target_path goes together with target_path and test_path")
        if decimal == thousands:
            raise ValueError(f'decimal and thousands must differ, both are "{decimal}"')
        if classes and task == "regression":
            raise ValueError('classes needs task "classification", got "regression"')
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
        self.split = split
        self.test_path = test_path
        self.target_path = target_path
        self.test_target_path = test_target_path
        self.group = group
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        is_classification = task == "classification"
        self._division = Division(
            test_fraction,
            seed,
            stratify,
            split,
            group,
            shuffle,
            test_path is not None,
            is_classification,
            validation_fraction,
        )
        self._layout = Layout(
            delimiter, encoding, comment, skip, header, names, other=decimal + thousands
        )
        self._numerals = Numerals(decimal, thousands)
        self._roles = Roles(
            roles,
            is_classification,
            classes,
            categories == "infer",
            on_missing,
            missing,
            self._numerals,
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

    def read(self) -> Table:
        """Return the columns of ``path`` as they are stored, reading it anew.

        Raises:
            DataError: The file is missing or wrong; the message names every line and column.
        """
        return self._roles.read(self.path, self._layout, self.target_path)

    @cached_property
    def _content(self) -> tuple[Form, Data, Preparation]:
        table = self.read()
        test = None
        if self.test_path is not None:
            test = self._roles.read(self.test_path, self._layout, self.test_target_path, table)
        try:
            return self._prepared(table, test)
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None

    def _prepared(self, table: Table, test: Table | None) -> tuple[Form, Data, Preparation]:
        doubts = self._roles.doubts(table, self.max_categories)
        if not table.features:
            raise DataError("expected a column to learn from, got only the target")
        rows = self._roles.complete(table)
        parts = self._division.parts(table, rows)
        classes = self._classes(table, test)
        preparation = self._roles.fitted(
            table, parts["train"], classes, self.standardize, self.unseen
        )
        width = preparation.width
        check_memory(f"{len(rows):,} rows of {width:,} columns", 8 * len(rows) * width)
        doubts.append(self._roles.replaced(table, rows, preparation))
        notes = [*table.notes, *(f"{self.path}: {doubt}" for doubt in doubts if doubt)]
        train = self._part(table, parts["train"], preparation)
        if test is None:
            tested = self._part(table, parts["test"], preparation)
        else:
            rows = self._roles.complete(test)
            tested = self._part(test, rows, preparation)
            doubt = self._roles.replaced(test, rows, preparation)
            notes += [f"{test.path}: {doubt}"] if doubt else []
        validated = parts.get("validation", rows[:0])
        validation = self._part(table, validated, preparation) if len(validated) else None
        data = Data(train, tested, validation, tuple(notes))
        if classes is not None:
            advice = STRATIFY if self.stratify is False else ""
            data = noted(data, str(self.path), [quoted(name) for name in classes], advice)
        count = None if classes is None else len(classes)
        target = table.columns[table.roles["target"][0]]
        targets = Targets(train.t.shape[1:], count, self._advice(target))
        return Form((width,), targets, validation is not None), data, preparation

    def _part(self, table: Table, rows: Array, preparation: Preparation) -> Split:
        t = preparation.t(table.columns, rows)
        if t.ndim == 2 and not isinstance(self.target, tuple):
            t = t[:, 0]

        def place(row: int) -> str:
            file = "" if table.path == self.path else f"{table.path}, "
            return f"{file}line {table.line(row)}"

        return Split(preparation.x(table.columns, rows, place), t)

    def _classes(self, *tables: Table | None) -> list[str] | None:
        """Return the classes in the order of their labels; None if the target is a quantity."""
        counts = Counter[str]()
        for table in filter(None, tables):
            name = table.roles["target"][0]
            column = table.columns[name]
            if not isinstance(column, Words):
                return None
            counts += column.counts
        where = f"column {quoted(name)}"
        distinct = list(self.classes) or ordered(counts, self._numerals)
        if len(counts) < 2:
            raise DataError(f"{where}: expected at least 2 classes, got the same one in every row")
        try:
            check_spelling(counts, self._numerals)
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None
        rows = counts.total()
        if (
            not self.classes
            and rows >= FEW_ROWS
            and len(counts) > rows / 2
            and numbers_of(counts, self._numerals)
        ):
            raise DataError(
                f"{where}: has {len(counts):,} classes in {rows:,} rows; if it is a quantity, set "
                'task to "regression"; if it names classes, list them in classes'
            )
        similar = [] if self.classes else alike(counts)
        if similar:
            raise DataError(
                f"{where}: {'; '.join(similar)} would be different classes; write them alike, or "
                "list all classes in classes"
            )
        return distinct

    def _advice(self, target: Column) -> str:
        """Return advice for a loss that needs the other kind of targets."""
        name = quoted(str(self.target))
        if not isinstance(target, Words):
            return f'if {name} names a class, set task to "classification"'
        are_numbers = bool(numbers_of(target.words, self._numerals))
        return f'if {name} is a quantity, set task to "regression"' if are_numbers else ""
