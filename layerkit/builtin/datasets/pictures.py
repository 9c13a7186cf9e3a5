"""Decoding of images, through Pillow."""

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from layerkit import Array, DataError, Shape, check_memory
from layerkit.builtin.datasets.files import opened

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {"grey": "L", "rgb": "RGB"}
"""The mode of Pillow for each colour."""

MOST_PROBLEMS = 20
"""The most images that cannot be used of which a message tells."""


ZEROS = bytes(2**20)


class UnusableError(ValueError):
    """An image cannot be used; the message continues after the file's name."""


class Pictures:
    """Decodes images of one size and one mode.

    Args:
        folder: The folder that messages begin with.
        first: The first image, whose size is the size of all unless one is given.
        size: Rows and columns to resize to, or None.
        colour: ``grey`` or ``rgb``.

    Attributes:
        shape: The shape of a decoded image, ``(channels, rows, columns)``.
        notes: What the user may not expect, known after decoding.

    Raises:
        DataError: Pillow is not installed, or the first image cannot be read.
    """

    def __init__(
        self, folder: Path, first: Path, size: tuple[int, int] | None, colour: str
    ) -> None:
        self._pil = _pillow(folder)
        self._folder, self._first = folder, first
        self._size, self._mode = size, MODES[colour]
        self.notes: tuple[str, ...] = ()
        if size is None:
            try:
                # What Pillow warns about is noted when all images are decoded.
                with _recorded([], first), opened(first) as file, self._open(file) as image:
                    size = self._upright(image).size[::-1]
            except UnusableError as error:
                raise DataError(f"{first}: {error}") from None
        self.shape: Shape = (len(self._mode), *size)

    def decoded(self, files: Sequence[Path]) -> Array:
        """Return images as bytes, ``(count, channels, rows, columns)``.

        Raises:
            DataError: An image cannot be used, or there is neither memory nor disk space for them.
        """
        images = self._empty(len(files))
        problems: list[str] = []
        transparent: list[Path] = []
        warned: list[str] = []
        for i, path in enumerate(files):
            try:
                with _recorded(warned, path):
                    images[i] = self._decoded(path, transparent)
            except UnusableError as error:
                problems.append(f"{path}: {error}")
                if len(problems) == MOST_PROBLEMS:
                    problems.append("there may be more")
                    break
        if len(problems) == 1:
            raise DataError(problems[0])
        if problems:
            raise DataError(f"{self._folder}: some images cannot be used:", problems)
        if transparent:
            warned.append(f"{_which(transparent)} partly transparent, which is ignored")
        self.notes = tuple(warned[:MOST_PROBLEMS])
        return images

    def _empty(self, count: int) -> Array:
        """Return an array for images, mapped to a temporary file if memory is short."""
        shape = (count, *self.shape)
        size = prod(shape)
        try:
            check_memory(f"{self._folder}: {count:,} images", 2 * size)
        except DataError:
            try:
                # The file has no name, so the system removes it with the last mapping.
                with tempfile.TemporaryFile() as file:
                    _reserve(file, size)
                    return np.memmap(file, np.uint8, "r+", shape=shape)
            except OSError as full:
                raise DataError(
                    f"{self._folder}: {count:,} images take {size / 1e9:.3g} GB, more than half of "
                    f"the free memory, and a temporary file for them cannot be written in "
                    f"{tempfile.gettempdir()}: {full.strerror}; set a smaller size, or TMPDIR to a "
                    "folder on another disk"
                ) from full
        return np.empty(shape, np.uint8)

    def _decoded(self, path: Path, transparent: list[Path]) -> Array:
        with opened(path) as file, self._open(file) as image:
            if image.mode[0] in "IF":
                raise UnusableError(
                    f"has more than 8 bits a channel (mode {image.mode}); store it with 8"
                )
            image = self._upright(image)
            with _faults():
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    if np.asarray(image)[..., 3].min() < 255:
                        transparent.append(path)
                    image = image.convert("RGB")
                image = image.convert(self._mode)
        rows, columns = self.shape[1:]
        if image.size != (columns, rows):
            if self._size is None:
                raise DataError(  # at once, because most other images may differ too
                    f"{path}: has {image.height} rows and {image.width} columns, and {self._first} "
                    f"has {rows} and {columns}; set size, as in [{rows}, {columns}]"
                )
            image = image.resize((columns, rows), self._pil.Resampling.BILINEAR)
        pixels = np.asarray(image)
        return pixels[np.newaxis] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _open(self, file: BufferedReader) -> "Image":
        with _faults():
            image: Image = self._pil.open(file, formats=("PNG", "JPEG"))
            return image

    def _upright(self, image: "Image") -> "Image":
        # Imported here, because Pillow comes with the extra images, and takes long.
        from PIL.ImageOps import exif_transpose

        with _faults():
            return exif_transpose(image)


def _which(files: Sequence[Path]) -> str:
    """Return the subject and the verb of a sentence about files."""
    return f"{files[0]} is" if len(files) == 1 else f"{len(files):,} images, as {files[0]}, are"


@contextmanager
def _recorded(messages: list[str], path: Path) -> Iterator[None]:
    """Collect what Pillow warns about a file, which would be printed with lines of its code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages += dict.fromkeys(f"{path}: {warning.message}" for warning in caught)


@contextmanager
def _faults() -> Iterator[None]:
    """Report whatever Pillow raises about a file as a fault of the file."""
    # Imported here, because Pillow comes with the extra images, and takes long.
    from PIL import UnidentifiedImageError

    try:
        yield
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise UnusableError("is no PNG or JPEG image; remove it, or store it as one") from None
    # The decoders raise OSError, SyntaxError, struct.error, zlib.error, IndexError and others.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise UnusableError(f"is damaged ({reason}); remove it, or copy it again") from error


def _reserve(file: IO[bytes], size: int) -> None:
    """Give a file its size, with room on the disk; a mapping without it ends the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for start in range(0, size, len(ZEROS)):
        file.write(ZEROS[: size - start])
    file.flush()


def _pillow(folder: Path) -> Any:
    """Return the module of images of Pillow, which is imported only here."""
    try:
        # Imported here, because Pillow comes with the extra images, and takes long.
        from PIL import Image
    except ImportError as error:
        raise DataError(
            f"{folder}: images are read through Pillow, which is not installed ({error}); pip "
            'install "layerkit[images]"'
        ) from error
    return Image
