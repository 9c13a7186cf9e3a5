"""Turns of threads at one network.

Layers keep what their ``backward`` needs, and work in the same arrays again and again, so a network
serves one thread at a time. Predictions take turns. Training does not wait for another training:
two that take turns would mix their steps, so the second one is refused.
"""

import os
import time
from threading import Lock, RLock, local
from weakref import WeakSet

import layerkit.threads  # noqa: F401  at a fork, its lock is taken after the turns: registered first
from layerkit.errors import UserError

PATIENCE = 10.0
"""The seconds for which a fork waits for passes under way to end."""

COURTESY = 1e-4
"""The seconds for which a thread steps back after its turn where others wait. A thread that waits
takes some 50 microseconds to wake, and one that trains would have the next turn before that."""


class Turn:
    """A context in which one thread is in a network, again and again if it likes; others wait."""

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
        """Wait for the turn, and return whether it came within so many seconds; -1 is for ever."""
        if self._take(False):
            return True
        self._waiting.append(None)
        try:
            return self._take(timeout=timeout)
        finally:
            self._waiting.pop()

    def release(self) -> None:
        """Give the turn to whoever waits."""
        self._give()
        if self._waiting:
            time.sleep(COURTESY)

    # Each prediction comes by these two, so they are written to be short.

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
    """Whose turn it is at a network.

    Attributes:
        turn: The context of a pass; see ``Turn``.
        training: A context for whoever trains; see ``Training``.
    """

    def __init__(self) -> None:
        self.begin_again()
        with _all_lock:
            _all.add(self)

    def begin_again(self) -> None:
        """Let nobody have the turn."""
        self.turn = Turn()
        self.training = Training()


class _Held(local):
    """The turns that this thread has while it forks."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []


_all: "WeakSet[Turns]" = WeakSet()
_all_lock = Lock()
_held = _Held()


def _wait_for_passes() -> None:
    """Take all turns, so that no pass is under way.

    A process forked off in the middle of one would have half of its numbers, and locks that are
    held by threads it does not have.
    """
    until = time.monotonic() + PATIENCE
    while not _take_all() and time.monotonic() < until:
        pass


def _take_all() -> bool:
    """Take all turns, or else none: whoever has one may be waiting for another."""
    with _all_lock:
        everyone = list(_all)
    for turns in everyone:
        if not turns.turn.acquire(timeout=PATIENCE / 100):
            _give_back()
            return False
        _held.turns.append(turns.turn)
    return True


def _give_back() -> None:
    while _held.turns:
        _held.turns.pop().release()


def _begin_again() -> None:
    """Let nobody have a turn in a process that was forked off: other threads are not there."""
    global _all_lock
    _all_lock = Lock()
    _give_back()
    for turns in list(_all):
        turns.begin_again()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_for_passes, after_in_parent=_give_back, after_in_child=_begin_again
    )
