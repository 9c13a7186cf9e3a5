"""Paths as people write them, and files that are written whole or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import IO

from layerkit.errors import UserError
from layerkit.wording import visible


def expanded(path: str | PathLike[str]) -> Path:
    """Return a path with the home folder put in where it begins with ``~``.

    A shell does so only with some words, and not with ``--out=~/runs`` or the text of a spec.

    Raises:
        UserError: It names the home of a user that does not exist.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{visible(str(path))}: there is no such home folder") from None


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file aside, flush it to the disk, and then put it in its place.

    Whoever reads the path meets the old content or the new, also when the disk is full, the
    process is killed or the power fails.

    Args:
        path: The file.
        write: Writes the content to an open file.

    Raises:
        OSError: It cannot be written; what stood there before is untouched.
    """
    import tempfile  # here, as it takes long for a command that writes nothing

    # A name of its own: two processes may write the same file, and a name that is as long as the
    # file system allows has no room for an ending.
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(_mode(path))
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


# The system tells it only by setting it, for all threads: once, before there are others.
_MASK = os.umask(0o077)
os.umask(_MASK)


def _mode(path: Path) -> int:
    """Return the permissions of a file that is replaced, or those that a new one is given."""
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        return 0o666 & ~_MASK


def _flush_folder(folder: Path) -> None:
    """Flush the name of a new file too, where the system can (Windows opens no folder)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
