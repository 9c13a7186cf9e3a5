"""Signals that end the command: SIGINT (Ctrl-C), SIGTERM and SIGHUP, all in the same way.

A training finishes its present step and writes its results; everything else ends where it is. A
second signal does not wait for the step, and a third ends the process at once.

This module imports nothing large: it is in charge before the command imports anything else.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

TYPE_CHECKING = False  # type checkers know the name; typing would be imported first, unguarded
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Stoppable(Protocol):
        """Something that ends after its present step when it is asked to, as a trainer does."""

        stop_requested: bool
        stop_reason: str


SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]

ONE_REQUEST = 0.2
"""Seconds in which a SIGTERM or SIGHUP that is repeated counts once.

``timeout`` and service managers send them to a process and again to its group.
"""

BY_TYPER = 130
"""The exit code that typer gives to a ``KeyboardInterrupt``."""


class Interrupts:
    """The owner of the signals; there is one, as signals belong to the process.

    Attributes:
        received: The first signal that came; None if none has.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._count = 0
        self._at = 0.0
        self._training: Stoppable | None = None
        self._is_handling = False

    @contextmanager
    def handled(self, until_exit: bool = False) -> Iterator[None]:
        """Return a context in which signals raise ``KeyboardInterrupt``, or end a training.

        It ends with the exit code that a signal asks for. A thread other than the main one, where
        Python does not allow handlers, and a context within another one change nothing.

        Args:
            until_exit: Whether the process ends after it; a signal then ends it without a word,
                where Python's own handler would print a traceback.
        """
        if self._is_handling or current_thread() is not main_thread():
            yield
            return
        self._is_handling = True
        self.received, self._count = None, 0
        before: dict[signal.Signals, Any] = {}
        for each in SIGNALS:
            handler = signal.getsignal(each)
            # What nohup has ignored stays ignored. SIGINT is not left so: a shell has it ignored by
            # whatever a script starts in the background, and it would be lost there.
            if handler is not None and (handler != signal.SIG_IGN or each == signal.SIGINT):
                before[each] = signal.signal(each, self._handle)
        try:
            yield
        except KeyboardInterrupt:
            raise SystemExit(self._exit_code) from None
        except SystemExit as exit_:
            if exit_.code == BY_TYPER:
                raise SystemExit(self._exit_code) from None
            raise
        finally:
            for each, handler in before.items():
                signal.signal(each, signal.SIG_DFL if until_exit else handler)
            self._is_handling = False

    @contextmanager
    def finishing(self, training: "Stoppable") -> Iterator[None]:
        """Return a context in which the first signal asks a training to end, and raises nothing."""
        if not self._is_handling or current_thread() is not main_thread():
            yield
            return
        if self.received is not None:  # and whoever caught it did not pass it on
            raise KeyboardInterrupt(self.received.name)
        self._training = training
        try:
            yield
        finally:
            self._training = None

    @property
    def _exit_code(self) -> int:
        return 128 + (self.received or signal.SIGINT)

    def _handle(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._at = signal.Signals(number), now
        elif number != signal.SIGINT and now - self._at < ONE_REQUEST:
            return
        self._count += 1
        if self._count > 2:
            os._exit(self._exit_code)
        if self._training is not None and self._count == 1:
            self._training.stop_requested = True
            self._training.stop_reason = self.received.name
            return
        raise KeyboardInterrupt(self.received.name)


interrupts = Interrupts()
"""The one owner of the signals of this process."""
