"""Turns that threads take at using a network.

Layers keep what their ``backward`` needs and reuse the same arrays, so a network serves one thread
at a time. Predictions take turns. Training does not wait for another training: two that took turns
would mix their steps, so the second one is refused.
"""

import os
import time
from threading import Lock, RLock, local
from weakref import WeakSet

import layerkit.threads  # noqa: F401  first, so that at a fork its lock is taken after the turns
from layerkit.errors import UserError

PATIENCE = 10.0
"""The seconds for which a fork waits for passes under way to end."""

COURTESY = 1e-4
"""The seconds for which a thread sleeps after its turn if others wait. A waiting thread needs about
50 microseconds to wake, and a training thread would take the next turn before that."""


class Turn:
    """A reentrant context that one thread at a time can enter; others wait."""

    __slots__ = ("_give", "_take", "_waiting")

    def __init__(self) -> None:
        lock = RLock()
        self._take, self._give = lock.acquire, lock.release
        self._waiting: list[None] = []

    @property
    def is_wanted(self) -> bool:
        """Whether another thread waits."""
        return bool(self._waiting)

    def acquire(self, timeout: float = -1) -> bool:
        """Wait up to ``timeout`` seconds for the turn (-1: for ever); return whether it came."""
        if self._take(False):
            return True
        self._waiting.append(None)
        try:
            return self._take(timeout=timeout)
        finally:
            self._waiting.pop()

    def release(self) -> None:
        """Give the turn to a waiting thread."""
        self._give()
        if self._waiting:
            time.sleep(COURTESY)

    # Every prediction calls these two, so they are optimised for speed.

    def __enter__(self) -> None:
        if not self._take(False):
            self.acquire()

    def __exit__(self, *exception: object) -> None:
        self._give()
        if self._waiting:
            time.sleep(COURTESY)


class Training:
    """A context in which one thread trains a network; it refuses a second one.

    Raises:
        UserError: Another thread is training the network.
    """

    def __init__(self) -> None:
        self._lock = RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise UserError(
                "another thread is training this network, and its gradients are in the same "
                "memory; let one thread train at a time, or train copies: copy.deepcopy(network)"
            )

    def __exit__(self, *exception: object) -> None:
        self._lock.release()


class Turns:
    """The turns at a network.

    Attributes:
        turn: The context of a pass; see ``Turn``.
        training: The context of a training; see ``Training``.
    """

    def __init__(self) -> None:
        self.begin_again()
        with _all_lock:
            _all.add(self)

    def begin_again(self) -> None:
        """Start without a thread that has the turn."""
        self.turn = Turn()
        self.training = Training()


class _Held(local):
    """The turns that this thread holds while it forks."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []


_all: "WeakSet[Turns]" = WeakSet()
_all_lock = Lock()
_held = _Held()


def _wait_for_passes() -> None:
    """Take all turns, so that no pass is under way.

    A process forked in the middle of a pass would have half of its numbers, and locks held by
    threads that do not exist in it.
    """
    until = time.monotonic() + PATIENCE
    while not _take_all() and time.monotonic() < until:
        pass


def _take_all() -> bool:
    """Take all turns or none, because a thread that has one may be waiting for another."""
    with _all_lock:
        all_turns = list(_all)
    for turns in all_turns:
        if not turns.turn.acquire(timeout=PATIENCE / 100):
            _give_back()
            return False
        _held.turns.append(turns.turn)
    return True


def _give_back() -> None:
    while _held.turns:
        _held.turns.pop().release()


def _begin_again() -> None:
    """Reset all turns in a forked process, because the threads that held them do not exist."""
    global _all_lock
    _all_lock = Lock()
    _give_back()
    for turns in list(_all):
        turns.begin_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_for_passes, after_in_parent=_give_back, after_in_child=_begin_again
    )
