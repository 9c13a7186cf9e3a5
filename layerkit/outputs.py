"""Redirecting a plugin's prints to standard error, where they do not mix with the results."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

_lock = Lock()
_outputs: list[TextIO] = []


def _renew_lock() -> None:
    """Create a free lock in a forked process."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def output_to_stderr() -> Iterator[None]:
    """Redirect standard output to standard error, even while other threads do the same.

    There is only one ``sys.stdout``: the first context to enter saves it, and the last one to exit
    restores it. If each restored the stream it had replaced, the second one would leave standard
    error behind.
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
