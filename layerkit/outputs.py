"""Where a plugin's prints go: to standard error, where they spoil no output of the command."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

_lock = Lock()
_outputs: list[TextIO] = []


def _renew_lock() -> None:
    """Have a lock that nobody holds, in a process that was forked off."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def output_to_stderr() -> Iterator[None]:
    """Lead standard output to standard error, also while other threads do.

    There is one ``sys.stdout``: the first to come keeps it, and the last to leave puts it back. If
    each put back what it had found, one that came second would leave standard error behind.
    """
    with _lock:
        _outputs.append(sys.stdout if not _outputs else _outputs[0])
        sys.stdout = sys.stderr
    try:
        yield
    finally:
        with _lock:
            output = _outputs.pop()
            if not _outputs:
                sys.stdout = output
