"""Reads arrays of numbers from a NumPy archive."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

import numpy as np
from numpy.lib import format as npy

from layerkit import Array, DataError, NpyHeader, NpzFile, Shape, check_memory
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.stored import StoredArrays

T = TypeVar("T")

MOST_NAMES = 20
"""The most arrays of a file that a message names."""


class Archive(StoredArrays, AbstractContextManager["Archive"]):
    """An open ``.npz`` file, from which single arrays or only their headers are read.

    Args:
        path: The file.

    Raises:
        DataError: By every method, if the file or an array in it is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = opened(path)
        try:
            self._npz = NpzFile(self._file)
        except OSError as error:
            self._file.close()
            raise unreadable(path, error) from error
        except ValueError as error:
            self._file.close()
            raise DataError(f"{path}: {_why_no_archive(path)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError`` that names the file."""
        raise DataError(f"{self._path}: {reason}")

    def header(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Return the shape and the type of an array."""
        header = self._header(name)
        return header.shape, header.dtype

    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers."""
        self.shape(name)
        check_memory(f'{self._path}: array "{name}"', self._header(name).size)
        array = self._read(name, self._npz.array)
        # The minimum and the maximum are finite only if all are, and need no memory.
        if not np.isfinite(array.min()) or not np.isfinite(array.max()):
            place = tuple(np.argwhere(~np.isfinite(array))[0])
            self.refuse_number(name, place, array[place])
        return array

    def _header(self, name: str) -> NpyHeader:
        return self._read(name, self._npz.header)

    def _read(self, name: str, read: Callable[[str], T]) -> T:
        if name not in self._npz.names:
            names = ", ".join(f'"{name}"' for name in self._npz.names[:MOST_NAMES])
            if len(self._npz.names) > MOST_NAMES:
                names += f" and {len(self._npz.names) - MOST_NAMES:,} more"
            self.refuse(f'has no array "{name}"; it has {names or "no arrays at all"}')
        try:
            return read(name)
        except (ValueError, OSError) as error:
            raise DataError(
                f'{self._path}: array "{name}" cannot be read ({error}); '
                "the file is damaged: store it again"
            ) from error


def _why_no_archive(path: Path) -> str:
    """Return why a file is not a zip archive."""
    with opened(path) as file:
        start = file.read(6)
    if start == npy.MAGIC_PREFIX:
        return "is a .npy file, which holds one array; store both with np.savez(path, x=x, t=t)"
    if start.startswith(b"PK"):
        return "is a damaged .npz file, perhaps cut short; store or copy it again"
    return "is not an .npz file; store one with np.savez(path, x=x, t=t)"
