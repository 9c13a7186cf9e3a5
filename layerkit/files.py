"""Opening files that somebody else named."""

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
    """Open a regular file for reading, and nothing else.

    A pipe may wait for ever and a device never end, and neither can be read twice.

    Raises:
        OSError: There is no such file, the system does not open it, or it is no regular file;
            ``strerror`` says which.
    """
    try:
        # Looked at first, because to open a device may already change it.
        _refuse_others(os.stat(path).st_mode)
        return open(path, "rb", opener=_open_regular)
    except ValueError as error:  # a null byte, which no path may have
        raise OSError(errno.EINVAL, str(error)) from None


def _open_regular(path: str, flags: int) -> int:
    # Without waiting and looked at again: a pipe may have taken the place of the file.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # which Windows does not have
    try:
        _refuse_others(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_others(mode: int) -> None:
    """Refuse all but regular files."""
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise OSError(
        errno.EINVAL, f"expected a file, got {kind}; store what comes from it in a file first"
    )
