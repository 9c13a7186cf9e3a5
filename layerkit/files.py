"""Opening files whose names come from outside."""

import errno
import os
import stat
from collections.abc import Callable
from io import BufferedReader
from os import PathLike

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(path: str | PathLike[str]) -> BufferedReader:
    """Open a file for reading, but only a regular one.

    A pipe may wait for ever, a device may never end, and neither can be read twice.

    Raises:
        OSError: There is no such file, the system does not open it, or it is not a regular file;
            ``strerror`` says which.
    """
    try:
        # Check before opening, because opening a device may already change it.
        _refuse_others(os.stat(path).st_mode)
        return open(path, "rb", opener=_open_regular)
    except ValueError as error:  # a null byte, which is invalid in a path
        raise OSError(errno.EINVAL, str(error)) from None


def _open_regular(path: str, flags: int) -> int:
    # Open without waiting and check again: a pipe may have replaced the file.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows lacks O_NONBLOCK
    try:
        _refuse_others(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_others(mode: int) -> None:
    """Refuse everything except regular files."""
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise OSError(
        errno.EINVAL, f"expected a file, got {kind}; store what comes from it in a file first"
    )
