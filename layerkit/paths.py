"""Paths with ``~``, and files that are written completely or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import IO

from layerkit.errors import UserError
from layerkit.wording import LONGEST_VALUE, shortened, visible


def expanded(path: str | PathLike[str]) -> Path:
    """Return a path with a leading ``~`` replaced by the home folder.

    A shell does not expand ``--out=~/runs`` or the text of a spec.

    Raises:
        UserError: It is not a path, or it names the home of a user that does not exist.
    """
    try:
        return Path(path).expanduser()
    except TypeError:
        got = shortened(repr(path), LONGEST_VALUE)
        raise UserError(f"a path must be a str or a pathlib.Path, got {got}") from None
    except RuntimeError:
        raise UserError(f"{visible(str(path))}: there is no such home folder") from None


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under another name, flush it to the disk, and then rename it.

    A reader of the path always sees the old or the new content, even if the disk is full, the
    process is killed or the power fails.

    Args:
        path: The file.
        write: Writes the content to an open file.

    Raises:
        OSError: It cannot be written; the old content is untouched.
    """
    import tempfile  # here, because the import is slow and most commands write nothing

    # A random name, because two processes may write the same file, and because the longest name
    # that the file system allows leaves no room for a suffix.
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


# Reading the mask requires setting it for all threads, so read it once, before there are others.
_MASK = os.umask(0o077)
os.umask(_MASK)


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or the default ones for a new file."""
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        return 0o666 & ~_MASK


def _flush_folder(folder: Path) -> None:
    """Flush the name of a new file too, if the system can (Windows cannot open a folder)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
