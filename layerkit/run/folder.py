"""The folder of a run. Every file in it is complete: it is written aside and then renamed."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from layerkit.errors import RunError, UserError
from layerkit.paths import write_whole

FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)}
"""The error codes of a full disk, which is not the fault of the path."""


class RunFolder:
    """A new folder for the results of one run.

    Args:
        path: Its path; by default ``runs/NAME-TIME`` below the current folder.
        name: The name of the run.

    Raises:
        UserError: It already exists, or cannot be created.
        RunError: The disk is full.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        time = datetime.now().strftime("%Y%m%d-%H%M%S")
        candidates = [path] if path else _numbered(Path("runs") / f"{name}-{time}")
        for candidate in candidates:
            try:
                candidate.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                kind = RunError if error.errno in FULL else UserError
                raise kind(f"{candidate}: cannot be created: {error.strerror}") from None
            self.path = candidate
            return
        raise UserError(
            f"{candidate}: already exists, and a run never overwrites another; "
            "choose another --out, or remove it"
        )

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file."""
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        self.write(name, lambda file: file.write(text.encode()))

    def append_json_line(self, name: str, value: Any) -> None:
        """Append a line to a file of JSON lines; on failure, the file is unchanged."""
        line = memoryview(f"{json.dumps(value)}\n".encode())
        # Unbuffered, because closing the file would write the rest of a buffer again.
        with _named(self.path / name), (self.path / name).open("ab", buffering=0) as file:
            length = file.tell()
            try:
                while line:
                    line = line[file.write(line) :]
            except BaseException:
                file.truncate(length)
                raise

    @contextmanager
    def discarded_on_failure(self) -> Iterator[None]:
        """Return a context that removes the folder on failure, because it has no results yet."""
        try:
            yield
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
            raise

    def write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Write a file, completely or not at all.

        Args:
            name: Its name.
            write: Writes the contents.

        Raises:
            RunError: It cannot be written.
        """
        with _named(self.path / name):
            write_whole(self.path / name, write)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Turn an error of the system about a file that cannot be written into one that names it."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{file}: cannot be written: {error.strerror or error}") from error


def _numbered(path: Path) -> list[Path]:
    """Return the path, and alternatives in case two runs begin in the same second."""
    return [path, *(path.with_name(f"{path.name}-{n}") for n in range(2, 100))]
