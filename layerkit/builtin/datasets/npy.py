"""Arrays in NumPy's own files, which may be larger than memory."""

import io
import os
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.lib import format as npy

from layerkit import (
    Array,
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    NpyHeader,
    PositiveFloat,
    Shape,
    Split,
    read_npy_header,
)
from layerkit.builtin.datasets.files import opened, unreadable
from layerkit.builtin.datasets.splitting import noted
from layerkit.builtin.datasets.stored import (
    Channels,
    Part,
    StoredArrays,
    Task,
    about_channels,
    as_task,
    form_of,
    placed,
)

BLOCK = 2**20
"""How many numbers are checked at a time: a few megabytes."""


def _file(array: Array) -> bytes:
    """Return the contents of an example file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class Npy(Dataset):
    """Examples and targets that ``np.save`` stored, each array in its own file.

    The files are memory-mapped: a batch is read when it is needed, so they may be larger than
    memory. The system keeps what it has read for as long as it has room, though tools may count
    this as memory of this process. ``np.lib.format.open_memmap`` writes such a file piece by piece.

    Do not change a file while it is in use: if it becomes shorter, the system ends the process
    at the next missing batch (SIGBUS). Write the new file under another name and rename it;
    processes that have mapped the old one keep it.

    Targets that are one integer for each example are class labels, starting at 0; all others are
    numbers, unless ``task`` says otherwise.

    Args:
        x: The ``.npy`` file of the examples.
        t: The file of their targets.
        x_test: The file of the examples to test on.
        t_test: The file of their targets.
        scale: The factor of each batch of ``x``: 1/255 turns bytes into 0 to 1.
        task: Whether targets are labels, even if they are stored as whole floats or as booleans, or
            numbers, even if they are integers; by default, their type decides.
        channels: Whether an image is stored as ``(channels, rows, columns)``, which layers take, or
            with its channels last, which each batch then has first.

    Shapes:
        x: ``(count, *shape)``
        t: ``(count,)`` labels or numbers, or ``(count, *target_shape)`` numbers
    """

    examples = (
        Example(
            {"x": "x.npy", "t": "t.npy", "x_test": "x.npy", "t_test": "t.npy", "scale": 0.5},
            files={
                "x.npy": _file(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)),
                "t.npy": _file(np.array([0, 1, 1, 0])),
            },
        ),
    )

    def __init__(
        self,
        x: Path,
        t: Path,
        x_test: Path,
        t_test: Path,
        scale: PositiveFloat = 1.0,
        task: Task | None = None,
        channels: Channels | None = None,
    ) -> None:
        self.x = x
        self.t = t
        self.x_test = x_test
        self.t_test = t_test
        self.scale = scale
        self.task = task
        self.channels = channels

    def inspect(self) -> Form:
        """Return the form of the examples, reading the targets and the header of ``x``."""
        files = MappedFiles()
        ts = [self._targets(files, t) for _, t in self._parts()]
        return placed(files, str(self.x), form_of(files, self._parts(), ts), self.channels)

    def load(self) -> Data:
        """Map the files, after checking that all floats are finite."""
        form, files = self.inspect(), MappedFiles()
        train, test = (
            Split(self._examples(files, x), self._targets(files, t), self.scale)
            for x, t in self._parts()
        )
        notes = about_channels(str(self.x), form, self.channels)
        data, classes = Data(train, test, notes=notes), form.targets.classes
        return data if classes is None else noted(data, str(self.t), range(classes))

    def _examples(self, files: "MappedFiles", name: str) -> Array:
        x = files.numbers(name)
        return np.moveaxis(x, -1, 1) if self.channels == "last" else x

    def _targets(self, files: "MappedFiles", name: str) -> Array:
        return as_task(files, name, files.numbers(name), self.task)

    def _parts(self) -> list[Part]:
        """Return the files of the examples and the targets of each part."""
        return [(str(self.x), str(self.t)), (str(self.x_test), str(self.t_test))]


class MappedFiles(StoredArrays):
    """Arrays named by the paths of their ``.npy`` files."""

    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError``; the name of an array is the path of its file."""
        raise DataError(reason)

    def header(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Return the shape and the type of an array, whose file is complete."""
        with opened(Path(name)) as file:
            header = self._read_header(name, file)
        return header.shape, header.dtype

    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers, memory-mapped."""
        self.shape(name)
        with opened(Path(name)) as file:
            header = self._read_header(name, file)
            order: Literal["C", "F"] = "F" if header.fortran_order else "C"
            start = file.tell()
            try:
                array: Array = np.memmap(file, header.dtype, "r", start, header.shape, order)
            except (OSError, ValueError) as error:
                self.refuse(f"{name}: cannot be mapped into memory: {error}")
            file.seek(start)
            if array.dtype.kind == "f":
                self._check_finite(name, file, array, order)
        return array

    def _read_header(self, name: str, file: BufferedReader) -> NpyHeader:
        """Return the header of a file, which has at least as many bytes as the header states."""
        try:
            beginning = file.peek(len(npy.MAGIC_PREFIX))
            header = read_npy_header(file)
            size = os.fstat(file.fileno()).st_size - file.tell()
        except ValueError as error:
            self.refuse(f"{name}: {_why_no_array(beginning, error)}")
        except OSError as error:
            raise unreadable(Path(name), error) from error
        if size < header.size and not header.dtype.hasobject:
            self.refuse(
                f"{name}: holds less than its header says ({size:,} of {header.size:,} bytes); "
                "store or copy it again"
            )
        return header

    def _check_finite(
        self, name: str, file: BufferedReader, array: Array, order: Literal["C", "F"]
    ) -> None:
        for start in range(0, array.size, BLOCK):
            block = np.fromfile(file, array.dtype, min(BLOCK, array.size - start))
            if len(block) < min(BLOCK, array.size - start):
                self.refuse(f"{name}: became shorter while it was read")
            wrong = ~np.isfinite(block)
            if wrong.any():
                place = np.unravel_index(start + int(wrong.argmax()), array.shape, order)
                self.refuse_number(name, place, block[int(wrong.argmax())])


def _why_no_array(start: bytes, error: ValueError) -> str:
    """Return why a file with this beginning is not a ``.npy`` file."""
    if start.startswith(npy.MAGIC_PREFIX):
        reason = str(error).splitlines()[0]
        return f"has a damaged header ({reason}); store or copy it again"
    if start.startswith(b"PK"):
        return 'is an .npz archive; the data set "npz" reads those'
    return "is not a .npy file; store one with np.save(path, x)"
