"""The only reader of NumPy's files: ``.npy`` headers, and the arrays of ``.npz`` archives.

``numpy.load`` trusts a header: a damaged one raises whatever Python's parser raises, may print
warnings, and may request any amount of memory. This module allocates nothing before it has compared
the size that a header claims with the size of the file, and it reports every fault as a
``ValueError``.
"""

import ast
import math
import re
import sys
import zipfile
from collections.abc import Callable
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from numpy.lib import format as npy

from layerkit.types import Array, Shape
from layerkit.wording import LONGEST_VALUE, shortened

T = TypeVar("T")

LONGEST_HEADER = 10_000
"""The most bytes of a header; as in NumPy, because longer ones could exhaust Python's parser."""

MOST_AXES = 64
"""The limit of NumPy 2."""

CHUNK = 2**18
"""The number of bytes that are unpacked at a time."""

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
"""The number of bytes that store the length of the header, by version of the format."""

_LONG = re.compile(r"(?<=\d)L\b")
"""The suffix of long integers in Python 2."""

_LITERALS = re.compile(r"""(?:'[^'\\]*'|"[^"\\]*"|-?\d++|True|False|[\s{}()\[\],:])*""")
"""The only tokens of a header. Python's parser would warn about some others, and recurse."""

_TYPE = re.compile(r"[<>|=]?[biufcOSUVmM]\d*(\[\w+\])?")
"""The name of a type in a header; NumPy warns about some other names."""


class NpyHeader(NamedTuple):
    """The content of the header of a ``.npy`` file.

    Attributes:
        shape: The shape of the array.
        dtype: The type of its elements.
        fortran_order: Whether the first axis varies fastest.
    """

    shape: Shape
    dtype: np.dtype[Any]
    fortran_order: bool

    @property
    def size(self) -> int:
        """The number of bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(file: IO[bytes]) -> NpyHeader:
    """Read the header of a ``.npy`` file, and leave the file at the start of the array.

    Raises:
        ValueError: There is no header, or it is damaged.
        OSError: The file cannot be read.
    """
    version = npy.read_magic(file)
    if version not in _LENGTH_BYTES:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not known")
    length = int.from_bytes(_read_exactly(file, _LENGTH_BYTES[version]), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"the header has {length:,} bytes, more than {LONGEST_HEADER:,}")
    encoding = "utf-8" if version == (3, 0) else "latin-1"
    text = _read_exactly(file, length).decode(encoding)
    shape, fortran_order, descr = _parse(text)
    return NpyHeader(_checked_shape(shape), _dtype(descr), fortran_order)


def _read_exactly(file: IO[bytes], count: int) -> bytes:
    content = file.read(count)
    if len(content) < count:
        raise ValueError(f"EOF: the header ends after {len(content):,} of {count:,} bytes")
    return content


def _parse(text: str) -> tuple[Any, bool, Any]:
    """Return the shape, the order and the type in the text of a header."""
    text = _LONG.sub("", text)
    try:
        if not _LITERALS.fullmatch(text):
            raise ValueError
        content = ast.literal_eval(text)
        if content.keys() != {"descr", "fortran_order", "shape"}:
            raise ValueError
        shape, fortran_order, descr = (content[k] for k in ("shape", "fortran_order", "descr"))
        if type(shape) is not tuple or type(fortran_order) is not bool:
            raise ValueError
    # Python's parser may raise almost anything on a damaged header: SyntaxError, TypeError,
    # RecursionError, MemoryError, and others in other versions.
    except Exception:
        raise ValueError(f"cannot parse the header: {_shown(text.strip())}") from None
    return shape, fortran_order, descr


def _checked_shape(shape: tuple[Any, ...]) -> Shape:
    if len(shape) > MOST_AXES:
        raise ValueError(f"the header has {len(shape)} axes, and NumPy takes at most {MOST_AXES}")
    if not all(type(n) is int and 0 <= n <= sys.maxsize for n in shape):
        raise ValueError(f"the header has the shape {_shown(shape)}")
    return shape


def _dtype(descr: Any) -> np.dtype[Any]:
    """Return the type that a header describes; all records are alike, because none is a number."""
    if type(descr) is list:
        return np.dtype("V")
    try:
        if not _TYPE.fullmatch(descr):
            raise ValueError
        dtype: np.dtype[Any] = np.dtype(descr)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"descr is not a valid dtype descriptor: {_shown(descr)}") from None
    return dtype


def _shown(value: Any) -> str:
    """Return a value from a header as a message shows it."""
    return shortened(ascii(value), LONGEST_VALUE)


class NpzFile:
    """An ``.npz`` archive, from which single arrays or only their headers are read.

    Args:
        file: The archive; the caller closes it.

    Attributes:
        names: The names of the arrays, in the order of the file.

    Raises:
        ValueError: It is not such an archive, or is damaged.
        OSError: It cannot be read.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = _all_as_value_errors(lambda: zipfile.ZipFile(file))
        self.names = [name.removesuffix(".npy") for name in self._zip.namelist()]

    def header(self, name: str) -> NpyHeader:
        """Return the header of an array, which is among ``names``.

        Raises:
            ValueError: The array is damaged.
            OSError: The file cannot be read.
        """
        return self._read(name, lambda member, header: header)

    def array(self, name: str) -> Array:
        """Return an array of numbers, after comparing its checksum.

        Raises:
            ValueError: The array is damaged, or does not hold numbers.
            OSError: The file cannot be read.
        """
        return self._read(name, _content)

    def _read(self, name: str, read: Callable[[IO[bytes], NpyHeader], T]) -> T:
        if self.names.count(name) > 1:
            raise ValueError("there are several arrays of that name")
        members = self._zip.NameToInfo
        info = members.get(f"{name}.npy") or members[name]
        if info.flag_bits & 1:
            raise ValueError("it is encrypted; store it without a password")

        def read_member() -> T:
            with self._zip.open(info) as member:
                header = read_npy_header(member)
                present = info.file_size - member.tell()
                # The size of pickled objects and of records does not follow from the header.
                if header.size != present and header.dtype.kind not in "OV":
                    raise ValueError(
                        f"the header claims {header.size:,} bytes of numbers, "
                        f"and there are {present:,}"
                    )
                return read(member, header)

        return _all_as_value_errors(read_member)


def _content(member: IO[bytes], header: NpyHeader) -> Array:
    """Return the array that follows its header."""
    if header.dtype.kind not in "biufc":
        raise ValueError(f"it holds {header.dtype} instead of numbers")
    array = np.empty(math.prod(header.shape), header.dtype)
    view = array.view(np.uint8).data
    done = 0
    while done < len(view):
        chunk = member.read(min(CHUNK, len(view) - done))
        if not chunk:
            raise ValueError(f"EOF: it ends after {done:,} of {len(view):,} bytes")
        view[done : done + len(chunk)] = chunk
        done += len(chunk)
    # Reading to the end makes zipfile compare the checksum.
    member.read(1)
    return array.reshape(header.shape, order="F" if header.fortran_order else "C")


def _all_as_value_errors(read: Callable[[], T]) -> T:
    """Return the result of a function that reads an archive; raise only two kinds of errors.

    A damaged archive may raise the errors of every decompressor, and those of ``zipfile`` range
    from ``struct.error`` to ``NotImplementedError``.
    """
    try:
        return read()
    except (ValueError, OSError):
        raise
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from error
