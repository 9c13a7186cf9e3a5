"""Arrays in IDX files, such as those of MNIST and its relatives."""

import os
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    NonNegativeInt,
    PositiveFloat,
    Shape,
    Split,
    check_memory,
)
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.idx import IdxError, IdxHeader, fill, read_header, unpacked
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, noted, split
from layerkit.builtin.datasets.stored import Part, StoredArrays, form_of

_NAME = re.compile(
    r"(.*?)[-_.]?\b(train|t10k|test)[-_.](images|labels)[-_.]idx\d+[-_.]?[a-z]*(\.gz)?"
)
"""The name of a file in a folder: the data set, the part, what it holds, whether it is packed."""

MOST_NAMES = 10
"""The most data sets of a folder that a message names."""


def _idx(array: Array) -> bytes:
    """Return the contents of an example file."""
    return (
        bytes((0, 0, 8, array.ndim))
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


_FILES = {
    "train-images-idx3-ubyte": _idx(np.arange(24).reshape(6, 2, 2)),
    "train-labels-idx1-ubyte": _idx(np.array([1, 2, 1, 2, 2, 1])),
    "t10k-images-idx3-ubyte": _idx(np.arange(8).reshape(2, 2, 2)),
    "t10k-labels-idx1-ubyte": _idx(np.array([1, 2])),
}


class Idx(Dataset):
    """Examples and targets in IDX files, the format of MNIST, Fashion-MNIST, KMNIST and EMNIST.

    Each file may be packed with gzip. A folder has files named like ``train-images-idx3-ubyte`` or
    ``emnist-letters-test-labels.idx1-ubyte.gz``, or has a folder ``raw`` of them, as torchvision
    stores them. Files with other names are given one by one. Data without a test part are split.

    Targets that are one integer for each example are class labels. Labels that start above 0, such
    as 1 to 26, are mapped to labels from 0, and a note says so. All other targets are numbers.

    Args:
        path: The folder of the files; or the file of the examples, together with ``t``.
        prefix: How the names of the files begin, if there are several data sets in the folder:
            ``emnist-letters``.
        t: The file of the targets, if ``path`` is a file.
        x_test: The file of the examples to test on, if there is one.
        t_test: The file of their targets.
        flat: Whether an example is a vector. Otherwise an image of rows and columns gets one
            channel, and other arrays keep their axes.
        scale: The factor of each batch of ``x``; by default 1/255 for bytes, and 1 for other
            numbers.
        test_fraction: The share of the examples to test on, drawn at random; not used if there is a
            test part.
        seed: The seed of the choice of the test examples.
        stratify: Whether the share to test on holds for each class.

    Shapes:
        x: ``(count, features)``; if not flat, ``(count, 1, rows, columns)`` or ``(count, *shape)``
        t: ``(count,)`` labels or numbers, or ``(count, *target_shape)`` numbers

    Raises:
        ValueError: ``prefix`` is set although ``t`` names a file; only one of ``x_test`` and
            ``t_test`` is given, or both without ``t``; or ``stratify`` is set although there is a
            test part.

    Source:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", "File formats".
    """

    examples = (
        Example({"path": "."}, files=_FILES),
        Example({"path": ".", "flat": False, "scale": 0.5}, files=_FILES),
        Example(
            {"path": "train-images-idx3-ubyte", "t": "train-labels-idx1-ubyte", "stratify": True},
            files=_FILES,
        ),
    )

    def __init__(
        self,
        path: Path,
        prefix: str | None = None,
        t: Path | None = None,
        x_test: Path | None = None,
        t_test: Path | None = None,
        flat: bool = True,
        scale: PositiveFloat | None = None,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        stratify: bool = False,
    ) -> None:
        if prefix is not None and t is not None:
            raise ValueError(
                "prefix chooses files of a folder, and t names a file; give one of them"
            )
        if (x_test is None) != (t_test is None):
            raise ValueError("x_test and t_test go together: give both or neither")
        if x_test is not None and t is None:
            raise ValueError("x_test needs t, the file of the targets to train on")
        if stratify and x_test is not None:
            raise ValueError("stratify needs one part to split, and x_test names another part")
        self.path = path
        self.prefix = prefix
        self.t = t
        self.x_test = x_test
        self.t_test = t_test
        self.flat = flat
        self.scale = scale
        self.test_fraction = test_fraction
        self.seed = seed
        self.stratify = stratify

    def inspect(self) -> Form:
        """Return the form of the examples, reading the targets and the header of ``x``."""
        parts = self._parts()
        stored = IdxArrays()
        form = form_of(stored, parts, self._targets(stored, parts)[0])
        if self.stratify and (len(parts) == 2 or form.targets.classes is None):
            reason = "a test part exists" if len(parts) == 2 else f"{parts[0][1]} holds numbers"
            raise DataError(f"stratify draws a share of each class, and {reason}; leave it out")
        return Form(self._shape(form.shape), form.targets)

    def load(self) -> Data:
        """Read the files, and split them if there is no test part."""
        parts, stored, form = self._parts(), IdxArrays(), self.inspect()
        ts, note = self._targets(stored, parts)
        xs = [stored.numbers(x) for x, _ in parts]
        scale = self.scale or (1 / 255 if xs[0].dtype == np.uint8 else 1.0)
        xs = [x.reshape(len(x), *form.shape) for x in xs]
        if len(parts) == 2:
            data = Data(Split(xs[0], ts[0], scale), Split(xs[1], ts[1], scale))
        else:
            rng = np.random.default_rng(self.seed)
            data = split(xs[0], ts[0], self.test_fraction, rng, scale, self.stratify)
        data = replace(data, notes=(note,) if note else ())
        if form.targets.classes is None:
            return data
        advice = "" if self.stratify or len(parts) == 2 else STRATIFY
        return noted(data, parts[0][1], range(form.targets.classes), advice)

    def _shape(self, shape: Shape) -> Shape:
        """Return the shape in which an example is given."""
        if self.flat:
            return (int(np.prod(shape)),)
        return (1, *shape) if len(shape) == 2 else shape

    def _parts(self) -> list[Part]:
        """Return the files of the examples and the targets of each part."""
        if os.path.isdir(self.path):
            if self.t is not None:
                raise DataError(
                    f"{self.path}: is a folder; path must be the file of the examples if t names "
                    "that of their targets"
                )
            return _found(self.path, self.prefix)
        if self.t is None:
            opened(self.path).close()  # there may be no such file
            raise DataError(f"{self.path}: is a file; t must name the file of its targets")
        parts = [(str(self.path), str(self.t))]
        if self.x_test is not None:
            parts.append((str(self.x_test), str(self.t_test)))
        return parts

    def _targets(self, stored: "IdxArrays", parts: list[Part]) -> tuple[list[Array], str]:
        """Return the targets of each part, with labels from 0, and a note if these were moved."""
        ts = [stored.numbers(t) for _, t in parts]
        if any(t.ndim != 1 or t.dtype.kind not in "iu" for t in ts):
            return ts, ""
        present = np.unique(np.concatenate([np.unique(t) for t in ts]))
        first, last = int(present[0]), int(present[-1])
        if first <= 0 or last - first + 1 != len(present):
            return ts, ""
        note = f"{parts[0][1]}: the labels {first} to {last} became 0 to {last - first}"
        return [t - t.dtype.type(first) for t in ts], note


def _found(folder: Path, prefix: str | None) -> list[Part]:
    """Return the files of the training part in a folder, and of the test part if there is one."""
    files = _files(folder) or _files(folder / "raw")
    prefixes = sorted({dataset for dataset, part, _ in files if part == "train"})
    if not prefixes:
        inside = [path for path in sorted(folder.glob("*/raw")) if _files(path)]
        advice = "if they have other names, give them as path and t"
        if inside:
            advice = f"set path to {' or '.join(map(str, inside[:MOST_NAMES]))}"
        raise DataError(
            f"{folder}: expected files named like train-images-idx3-ubyte and "
            f"train-labels-idx1-ubyte, unpacked or as .gz; {advice}"
        )
    listed = ", ".join(f'"{p}"' for p in prefixes[:MOST_NAMES])
    if prefix is None and len(prefixes) > 1:
        raise DataError(f"{folder}: holds several data sets; set prefix to one of {listed}")
    if prefix is not None and prefix not in prefixes:
        raise DataError(f'{folder}: no file begins with "{prefix}-train"; prefix may be {listed}')
    dataset = prefixes[0] if prefix is None else prefix
    parts = []
    for part in ("train", "test"):
        pair = [files.get((dataset, part, what)) for what in ("images", "labels")]
        if part == "train" or any(pair):
            for what, path in zip(("images", "labels"), pair, strict=True):
                if path is None:
                    other = next(p for p in pair if p is not None)
                    raise DataError(
                        f"{folder}: has {other.name} and no {what} of that part; add them"
                    )
            parts.append((str(pair[0]), str(pair[1])))
    return parts


def _files(folder: Path) -> dict[tuple[str, str, str], Path]:
    """Return the files of a folder by data set, part and content; unpacked ones before packed."""
    try:
        entries = sorted(os.listdir(folder), key=lambda name: name.endswith(".gz"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(folder, error) from error
    files: dict[tuple[str, str, str], Path] = {}
    for entry in entries:
        named = _NAME.fullmatch(entry)
        if named is None:
            continue
        path = folder / entry
        # Some archives unpack into a folder for each file.
        path = path / entry if os.path.isdir(path) else path
        part = "train" if named[2] == "train" else "test"
        files.setdefault((named[1], part, named[3]), path)
    return files


class IdxArrays(StoredArrays):
    """Arrays named by the paths of their IDX files."""

    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError``; the name of an array is the path of its file."""
        raise DataError(reason)

    def header(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Return the shape and the type of an array."""
        header, _ = self._read(name, is_whole=False)
        return header.shape, header.dtype

    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers, in the byte order of the machine."""
        self.shape(name)
        _, array = self._read(name, is_whole=True)
        if not array.dtype.isnative:
            array = array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0])
            self.refuse_number(name, place, array[place])
        return array

    def _read(self, name: str, is_whole: bool) -> tuple[IdxHeader, Array]:
        path = Path(name)
        opened(path).close()  # its message says what a relative path is relative to
        try:
            with unpacked(path) as file:
                header = read_header(file)
                array = np.empty(0, header.dtype)
                if is_whole:
                    check_memory(name, header.size)
                    array = np.empty(header.shape, header.dtype)
                    fill(array, file, lambda piece: None)
                return header, array
        except IdxError as error:
            raise DataError(f"{name}: {error}") from error
        except OSError as error:
            raise unreadable(path, error) from error
