"""The IDX format of the MNIST files: a magic number, the shape, and bytes."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from layerkit import Array, Shape, open_file

CHUNK = 2**18
"""The number of bytes that are unpacked at a time."""


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
        with _unpacked(path) as file:
            digest.update(self._header(file))
            view, done = array.reshape(-1).data, 0
            while done < len(view):
                size = file.readinto(view[done : done + CHUNK])
                if not size:
                    raise IdxError(f"ends after {done:,} of {len(view):,} bytes of data")
                digest.update(view[done : done + size])
                done += size
            if file.read(1):
                raise IdxError(f"continues after {len(view):,} bytes of data, where it should end")
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


@contextmanager
def _unpacked(path: Path) -> Iterator[BufferedIOBase]:
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
