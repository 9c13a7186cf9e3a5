"""The IDX format of the MNIST files: a magic number, the shape, and the numbers."""

import gzip
import hashlib
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from layerkit import Array, Shape, open_file

CHUNK = 2**18
"""The number of bytes that are unpacked at a time."""

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The types of numbers, by their codes."""

MOST_AXES = 32
"""The most axes of an array; more are not meant."""


class IdxError(ValueError):
    """A file is not the expected IDX file; the message continues after the file's name."""


@dataclass(frozen=True)
class IdxFile:
    """An array of bytes as a published file stores it.

    Attributes:
        name: The name of the unpacked file.
        shape: The shape of the array.
        md5: The MD5 checksum of the unpacked file; packed files differ from site to site.

    Source:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", "File formats".
    """

    name: str
    shape: Shape
    md5: str

    def read(self, path: Path) -> Array:
        """Return the array in a file, which may be packed.

        The file is unpacked into the array piece by piece, so it is never in memory twice.

        Raises:
            IdxError: It does not hold this array.
            OSError: It cannot be read.
        """
        array = np.empty(self.shape, np.uint8)
        digest = hashlib.md5(usedforsecurity=False)
        with unpacked(path) as file:
            digest.update(self._header(file))
            fill(array, file, digest.update)
        if digest.hexdigest() != self.md5:
            raise IdxError(
                f"has the MD5 checksum {digest.hexdigest()} where {self.md5} was expected "
                "(of the unpacked file)"
            )
        return array

    def _header(self, file: BufferedIOBase) -> bytes:
        """Return the magic number and the shape, if they are right."""
        # Two zeros, 8 for unsigned bytes, and the number of axes.
        magic = bytes((0, 0, 8, len(self.shape)))
        start = file.read(len(magic))
        if start != magic:
            raise IdxError(
                f"is not an IDX file of {len(self.shape)} axes: expected it to begin with "
                f"{magic.hex(' ')}, got {start.hex(' ') or 'nothing'}"
            )
        sizes = file.read(4 * len(self.shape))
        if len(sizes) < 4 * len(self.shape):
            raise IdxError("ends within its header")
        shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
        if shape != self.shape:
            raise IdxError(f"has the shape {shape} where {self.shape} was expected")
        return magic + sizes


class IdxHeader(NamedTuple):
    """What the header of an IDX file says.

    Attributes:
        shape: The shape of the array.
        dtype: The type of its numbers, in the byte order of the file.
    """

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The number of bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: BufferedIOBase) -> IdxHeader:
    """Read the header of any IDX file, and leave the file at the start of the array.

    Raises:
        IdxError: There is none.
        OSError: The file cannot be read.
    """
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not start[3]:
        raise IdxError(
            "is not an IDX file: expected it to begin with two zeros, the code of a type and the "
            f"number of axes, got {start.hex(' ') or 'nothing'}"
        )
    if start[3] > MOST_AXES:
        raise IdxError(f"has {start[3]} axes, and at most {MOST_AXES} are read")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise IdxError("ends within its header")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    return IdxHeader(shape, np.dtype(TYPES[start[2]]))


def fill(array: Array, file: BufferedIOBase, seen: Callable[[Any], object]) -> None:
    """Read an array in place, piece by piece, to the end of a file.

    Args:
        array: The array, contiguous, in the byte order of the file.
        file: The file, at the start of the array.
        seen: Called with each piece.

    Raises:
        IdxError: The file has fewer bytes, or more.
        OSError: It cannot be read.
    """
    view, done = array.reshape(-1).view(np.uint8).data, 0
    while done < len(view):
        size = file.readinto(view[done : done + CHUNK])
        if not size:
            raise IdxError(f"ends after {done:,} of {len(view):,} bytes of data")
        seen(view[done : done + size])
        done += size
    if file.read(1):
        raise IdxError(f"continues after {len(view):,} bytes of data, where it should end")


def spellings(name: str) -> tuple[str, ...]:
    """Return the names under which a file of the MNIST database is distributed.

    The original has hyphens only; others write ``train-images.idx3-ubyte``. Each may be packed.
    """
    dotted = name.replace("-idx", ".idx")
    return name, f"{name}.gz", dotted, f"{dotted}.gz"


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file for reading, through gzip if its content is packed, whatever its name."""
    with open_file(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        try:
            with gzip.open(file) as unpacked:
                yield unpacked
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise IdxError(f"is damaged: {error}") from error
