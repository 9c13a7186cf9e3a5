"""Signals that end the command: SIGINT (Ctrl-C), SIGTERM and SIGHUP, all in the same way.

A training finishes its present step and writes its results; everything else ends immediately. A
second signal does not wait for the step, and a third ends the process at once.

This module imports nothing large, because it must work before the command imports anything else.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

TYPE_CHECKING = False  # type checkers know the name; importing typing would delay the handlers
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Stoppable(Protocol):
        """An object that can be asked to end after its present step, such as a trainer."""

        stop_requested: bool
        stop_reason: str


SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]

ONE_REQUEST = 0.2
"""The seconds within which a repeated SIGTERM or SIGHUP counts once.

``timeout`` and service managers send them to a process and again to its group.
"""

BY_TYPER = 130
"""The exit code that typer gives to a ``KeyboardInterrupt``."""


class Interrupts:
    """The owner of the signals; there is one, because signals belong to the process.

    Attributes:
        received: The first signal received, or None.
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

        An interrupted context exits with the exit code of the signal. The context has no effect
        inside another one, or in a thread other than the main one, where Python allows no handlers.

        Args:
            until_exit: Whether the process ends after the context. A later signal then ends it
                silently, where Python's own handler would print a traceback.
        """
        if self._is_handling or current_thread() is not main_thread():
            yield
            return
        self._is_handling = True
        self.received, self._count = None, 0
        before: dict[signal.Signals, Any] = {}
        for number in SIGNALS:
            handler = signal.getsignal(number)
            # Signals that nohup ignores stay ignored. SIGINT does not, because shells also ignore
            # it in background jobs of scripts, where it would be lost.
            if handler is not None and (handler != signal.SIG_IGN or number == signal.SIGINT):
                before[number] = signal.signal(number, self._handle)
        try:
            yield
        except KeyboardInterrupt:
            raise SystemExit(self._exit_code) from None
        except SystemExit as exit_:
            if exit_.code == BY_TYPER:
                raise SystemExit(self._exit_code) from None
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if until_exit else handler)
            self._is_handling = False

    @contextmanager
    def finishing(self, training: "Stoppable") -> Iterator[None]:
        """Return a context in which the first signal asks a training to end, and raises nothing."""
        if not self._is_handling or current_thread() is not main_thread():
            yield
            return
        if self.received is not None:  # an earlier signal whose exception was swallowed
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
"""The only owner of the signals of this process."""
