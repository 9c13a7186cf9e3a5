"""Reads arrays of numbers from a NumPy archive."""

import lzma
import zipfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, NoReturn, Self, TypeVar

import numpy as np
from numpy.lib import format as npy

from layerkit import Array, DataError, Shape
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.stored import StoredArrays, read_header

T = TypeVar("T")

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
"""What comes of reading an array that is not what its header and its checksum say."""


class Archive(StoredArrays, AbstractContextManager["Archive"]):
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
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise DataError(f"{path}: {_why_no_archive(path)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError`` that names the file."""
        raise DataError(f"{self._path}: {reason}")

    def header(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Return the shape and the type of an array."""
        return self._read(name, read_header)

    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers."""
        self.shape(name)
        array = self._read(name, _content)
        # The least and the greatest are finite only if all are, and take no memory to find.
        if not np.isfinite(array.min()) or not np.isfinite(array.max()):
            place = tuple(np.argwhere(~np.isfinite(array))[0])
            self.refuse_number(name, place, array[place])
        return array

    def _read(self, name: str, read: Callable[[IO[bytes]], T]) -> T:
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
            except _DAMAGED as error:
                raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: Exception) -> DataError:
        return DataError(
            f'{self._path}: array "{name}" cannot be read ({error}); '
            "the file is damaged: store it again"
        )


def _why_no_archive(path: Path) -> str:
    """Return in what way a file is no zip archive."""
    with opened(path) as file:
        start = file.read(6)
    if start == npy.MAGIC_PREFIX:
        return "is a .npy file, which holds one array; store both with np.savez(path, x=x, t=t)"
    if start.startswith(b"PK"):
        return "is a damaged .npz file, perhaps cut short; store or copy it again"
    return "is not an .npz file; store one with np.savez(path, x=x, t=t)"


def _content(file: IO[bytes]) -> Array:
    """Return an array, of numbers only."""
    array: Array = npy.read_array(file, allow_pickle=False)
    # The checksum of the archive is compared when the end is reached.
    file.read(1)
    return array
