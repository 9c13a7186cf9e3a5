"""Guards for standard output and standard error, so that a failure to print never ends a run.

A reader that leaves (``| head -1``), a full disk or a closed stream is detected below everything
that prints, so it cannot be mistaken for a failure of the work itself.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from layerkit.cli.terminal import echo

READER_LEFT = 141
"""The exit code if the reader of the output leaves: 128 + SIGPIPE, as for any Unix command."""


class _Guarded(io.FileIO):
    """A standard stream whose writes always succeed, and which records the first failure.

    After a failure, the file descriptor points to the null device, which also swallows the rest of
    all buffers.

    Attributes:
        failure: The error of the first failed write, or None.
        expendable: Whether the command can do its work without the stream.
        complain: Called with the message if the stream is expendable.
    """

    failure: OSError | None = None
    expendable = False
    complain: Callable[[str], object] | None = None

    def write(self, data: Any) -> int:
        try:
            count = super().write(data)
            while count is None:  # the parent process has made the descriptor non-blocking
                select.select([], [self], [])
                count = super().write(data)
        except OSError as error:
            self._fail(error)
            return len(memoryview(data).cast("B"))
        return count

    def _fail(self, error: OSError) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        self.failure = error
        if self.complain is not None:
            self.complain(f"{_message(error)}; the run continues without it")


def _message(error: OSError) -> str:
    return f"standard output: cannot be written: {error.strerror}"


@contextmanager
def guarded() -> Iterator[None]:
    """Return a context in which printing never fails, and which ends with ``SystemExit``.

    A command that succeeds except for its output ends with ``READER_LEFT`` if the reader left, and
    otherwise with 1 and a message.
    """
    _open_closed_descriptors()
    before = sys.stdout, sys.stderr
    guards = sys.stdout, sys.stderr = _guard(sys.stdout, 1), _guard(sys.stderr, 2)
    code: Any = 0
    try:
        try:
            yield
        except SystemExit as exit_:
            code = exit_.code
        sys.stdout.flush()
        stream = _guard_of(sys.stdout)
        if stream is not None and stream.failure and not stream.expendable and not code:
            if stream.failure.errno == errno.EPIPE:
                code = READER_LEFT
            else:
                echo(f"layerkit: {_message(stream.failure)}", err=True)
                code = 1
    finally:
        if guards != before:  # otherwise a command in another thread owns the guards
            sys.stdout, sys.stderr = before
    sys.exit(code)


def do_without_output(complain: Callable[[str], object]) -> None:
    """Let the command do its work even if its output cannot be written.

    Args:
        complain: Called once with the message if it cannot.
    """
    stream = _guard_of(sys.stdout)
    if stream is not None:
        stream.expendable, stream.complain = True, complain


def _open_closed_descriptors() -> None:
    """Reserve the descriptors of closed standard streams, so that no file gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Opened read-only, so that a write fails as on a closed descriptor.
            null = os.open(os.devnull, os.O_RDONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)


def _guard(stream: Any, number: int) -> Any:
    """Return a guarded version of a text stream; the stream itself if it is not a system stream."""
    if stream is None:  # Python found its descriptor closed
        return io.TextIOWrapper(io.BufferedWriter(_Guarded(number, "w", closefd=False)))
    raw = _raw(stream)
    if not isinstance(raw, io.FileIO) or isinstance(raw, _Guarded):
        return stream
    with suppress(OSError):
        stream.flush()
    guard = _Guarded(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        guard if stream.buffer is raw else io.BufferedWriter(guard),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream: Any) -> Any:
    """Return the lowest layer of a Python stream; with PYTHONUNBUFFERED it is the only one."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _guard_of(stream: Any) -> _Guarded | None:
    raw = _raw(stream)
    return raw if isinstance(raw, _Guarded) else None
