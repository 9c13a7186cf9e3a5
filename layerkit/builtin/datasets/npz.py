"""Arrays of a NumPy archive."""

import zipfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import numpy as np
from numpy.lib import format as npy

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    DType,
    Form,
    NonNegativeInt,
    PositiveFloat,
    Shape,
    Split,
    Targets,
)
from layerkit.builtin.datasets.files import unreadable
from layerkit.builtin.datasets.splitting import TestFraction, split


class Npz(Dataset):
    """Examples and targets that ``np.savez`` or ``np.savez_compressed`` stored.

    Targets that are one integer for each example are the labels of classes, which count from 0;
    all others are numbers.

    Args:
        path: The ``.npz`` file.
        x: The name of the array of examples.
        t: The name of the array of targets.
        test_fraction: The share of the examples to test on, drawn at random; not used if the file
            has a test part.
        seed: What the choice of the test examples follows from.
        x_test: The name of the examples to test on, where the file has a test part.
        t_test: The name of their targets.
        scale: What each batch of ``x`` is multiplied by: 1/255 turns bytes into 0 to 1.

    Shapes:
        x: ``(count, *shape)``
        t: ``(count,)`` labels or numbers, or ``(count, *target_shape)`` numbers

    Raises:
        ValueError: ``x_test`` is given without ``t_test``, or the other way round.
    """

    def __init__(
        self,
        path: Path,
        x: str = "x",
        t: str = "t",
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        x_test: str | None = None,
        t_test: str | None = None,
        scale: PositiveFloat = 1.0,
    ) -> None:
        if (x_test is None) != (t_test is None):
            raise ValueError("x_test and t_test go together: give both or neither")
        self.path = path
        self.x = x
        self.t = t
        self.test_fraction = test_fraction
        self.seed = seed
        self.x_test = x_test
        self.t_test = t_test
        self.scale = scale

    def inspect(self) -> Form:
        """Return the form of the examples, reading the targets and the header of ``x``."""
        with _Archive(self.path) as archive:
            return self._form(archive, self._targets(archive))

    def load(self) -> Data:
        """Read the arrays, and part them unless they are."""
        with _Archive(self.path) as archive:
            ts = self._targets(archive)
            self._form(archive, ts)
            xs = [archive.numbers(name) for name, _ in self._parts()]
        if len(xs) == 2:
            return Data(Split(xs[0], ts[0], self.scale), Split(xs[1], ts[1], self.scale))
        rng = np.random.default_rng(self.seed)
        return split(xs[0], ts[0], self.test_fraction, rng, self.scale)

    def _parts(self) -> list[tuple[str, str]]:
        """Return the names of the examples and the targets of each part."""
        parts = [(self.x, self.t)]
        if self.x_test is not None and self.t_test is not None:
            parts.append((self.x_test, self.t_test))
        return parts

    def _targets(self, archive: "_Archive") -> list[Array]:
        return [archive.numbers(t) for _, t in self._parts()]

    def _form(self, archive: "_Archive", ts: list[Array]) -> Form:
        parts = self._parts()
        shapes = [archive.shape(x) for x, _ in parts]
        for (x, t), shape, targets in zip(parts, shapes, ts, strict=True):
            if shape[0] != len(targets):
                archive.refuse(
                    f'array "{x}" has {shape[0]} examples, but array "{t}" has {len(targets)} '
                    "targets; there must be as many"
                )
        if len(parts) == 1 and len(ts[0]) < 2:
            archive.refuse("needs at least 2 examples, one to train on and one to test on, got 1")
        for what, test, x_or_t in ((shapes[0], shapes[-1], 0), (ts[0].shape, ts[-1].shape, 1)):
            if what[1:] != test[1:]:
                archive.refuse(
                    f'array "{parts[1][x_or_t]}" must be like "{parts[0][x_or_t]}", whose entries '
                    f"have the shape {what[1:]}, got {test[1:]}"
                )
        if _are_labels(ts[0]) != _are_labels(ts[-1]):
            archive.refuse(
                f'arrays "{self.t}" and "{self.t_test}" must both hold integers or both not, '
                f"got {ts[0].dtype} and {ts[1].dtype}"
            )
        classes = self._classes(archive, ts) if _are_labels(ts[0]) else None
        return Form(shapes[0][1:], Targets(ts[0].shape[1:], classes))

    def _classes(self, archive: "_Archive", ts: list[Array]) -> int:
        """Return how many classes the labels name."""
        for (_, name), labels in zip(self._parts(), ts, strict=True):
            if labels.min() < 0:
                i = int(np.argmax(labels < 0))
                archive.refuse(f"{name}[{i}]: labels count from 0, got {labels[i]}")
        present = np.unique(np.concatenate([np.unique(labels) for labels in ts]))
        gaps = present != np.arange(len(present))
        if gaps.any():
            archive.refuse(
                f'array "{self.t}" has labels up to {present[-1]}, but none is '
                f"{int(np.argmax(gaps))}; number the classes without gaps, as "
                "np.unique(t, return_inverse=True)[1] does"
            )
        if len(present) == 1:
            archive.refuse(
                f'array "{self.t}" must have labels of at least 2 classes, got only 0; '
                "if its integers are no labels, store them as floats"
            )
        return len(present)


def _are_labels(t: Array) -> bool:
    return t.ndim == 1 and t.dtype.kind in "iu"


class _Archive(AbstractContextManager["_Archive"]):
    """An open ``.npz`` file, from which single arrays or only their headers are read.

    Args:
        path: The file.

    Raises:
        DataError: By every method, where the file or an array in it is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise unreadable(path, error) from error
        except zipfile.BadZipFile as error:
            raise DataError(f"{path}: {_why_no_archive(path)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError`` that names the file."""
        raise DataError(f"{self._path}: {reason}")

    def shape(self, name: str) -> Shape:
        """Return the shape of an array of numbers, reading no more than its header."""
        shape, dtype = self._read(name, _header)
        if dtype.hasobject:
            self.refuse(
                f'array "{name}" holds Python objects, which could run code when they are read; '
                "store it as numbers"
            )
        if dtype.kind not in "biuf":
            self.refuse(f'array "{name}" must hold numbers, got {dtype}')
        if 0 in (shape or (0,)):
            self.refuse(f'array "{name}" must hold at least one example, got the shape {shape}')
        return shape

    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers."""
        self.shape(name)
        array = self._read(name, _content)
        # The least and the greatest are finite only if all are, and take no memory to find.
        if not np.isfinite(array.min()) or not np.isfinite(array.max()):
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            at = ", ".join(map(str, place))
            self.refuse(f"{name}[{at}]: must be a finite number, got {array[place]}")
        return array

    def _read(self, name: str, read: Callable[[IO[bytes]], Any]) -> Any:
        try:
            member = self._zip.open(f"{name}.npy")
        except KeyError as error:
            names = ", ".join(f'"{n.removesuffix(".npy")}"' for n in self._zip.namelist())
            raise DataError(
                f'{self._path}: has no array "{name}"; it has {names or "no arrays at all"}'
            ) from error
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            raise self._damaged(name, error) from error
        with member:
            try:
                return read(member)
            except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
                raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: Exception) -> DataError:
        return DataError(
            f'{self._path}: array "{name}" cannot be read ({error}); '
            "the file is damaged: store it again"
        )


def _why_no_archive(path: Path) -> str:
    """Return in what way a file is no zip archive."""
    with path.open("rb") as file:
        start = file.read(6)
    if start == npy.MAGIC_PREFIX:
        return "is a .npy file, which holds one array; store both with np.savez(path, x=x, t=t)"
    if start.startswith(b"PK"):
        return "is a damaged .npz file, perhaps cut short; store or copy it again"
    return "is not an .npz file; store one with np.savez(path, x=x, t=t)"


def _header(file: IO[bytes]) -> tuple[Shape, DType]:
    """Return the shape and the type of an array."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _content(file: IO[bytes]) -> Array:
    """Return an array, of numbers only."""
    array = npy.read_array(file, allow_pickle=False)
    # The checksum of the archive is compared when the end is reached.
    file.read(1)
    return array
