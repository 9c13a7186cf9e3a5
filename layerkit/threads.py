"""The number of threads: those of matrix products, and those that may share other work."""

import math
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock, local
from typing import Any, NamedTuple

import numpy as np  # noqa: F401  threadpoolctl finds only libraries that are loaded
from threadpoolctl import OpenBLASController, get_cached_controller

from layerkit.control_groups import control_groups


class _Library(NamedTuple):
    """A library of matrix products: how to ask for its number of threads, and how to set it."""

    get: Callable[[], int]
    set: Callable[[int], object]


@cache
def _libraries() -> list[_Library]:
    libraries = get_cached_controller().select(user_api="blas").lib_controllers
    return [_functions(library) or _through_controller(library) for library in libraries]


def _functions(library: Any) -> _Library | None:
    """Return the library's own two functions; None unless it is OpenBLAS with its own threads.

    A call through threadpoolctl takes 20 times as long, longer than a small prediction. It also
    supports only one Python thread at a time, while here one thread may set a limit and another
    remove it.
    """
    if not isinstance(library, OpenBLASController) or library.threading_layer == "openmp":
        return None
    for prefix in ("", "scipy_"):
        for suffix in ("", "64_", "_64"):
            names = (f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            get, set_ = (getattr(library.dynlib, name, None) for name in names)
            if get is not None and set_ is not None:
                return _Library(get, set_)
    return None


def _through_controller(library: Any) -> _Library:
    return _Library(lambda: int(library.num_threads), library.set_num_threads)


class _Limits:
    """The limits in force, of which the lowest applies.

    OpenBLAS has one number of threads for the whole process, so it needs one owner. If each
    context restored the number that it had replaced, one that entered second and exited last would
    leave the first one's limit behind.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.limits: list[int] = []
        self.least = sys.maxsize
        self._allowed: list[int] = []

    def begin_again(self) -> None:
        """Keep only this thread's limits in a forked process, which has no other threads."""
        self.lock = Lock()
        self.limits = list(_own.limits)
        if min(self.limits, default=sys.maxsize) != self.least:
            self.change()

    def change(self) -> None:
        """Set the number of threads after the lowest limit has changed."""
        libraries, least = _libraries(), min(self.limits, default=sys.maxsize)
        if self.least == sys.maxsize:
            self._allowed = [get() for get, _ in libraries]
        self.least = least
        for (_, set_), allowed in zip(libraries, self._allowed, strict=True):
            set_(min(least, allowed))

    def allowed(self) -> int:
        """Return how many threads products would have without any limit."""
        with self.lock:
            now = self._allowed if self.limits else [library.get() for library in _libraries()]
        return max(now, default=1)


class _Own(local):
    """The limits that this thread has set, which are needed only after a fork."""

    def __init__(self) -> None:
        self.limits: list[int] = []


_limits = _Limits()
_own = _Own()
if hasattr(os, "register_at_fork"):
    # The lock is held during a fork, so that no limit is half changed.
    os.register_at_fork(
        before=lambda: _limits.lock.acquire(),
        after_in_parent=lambda: _limits.lock.release(),
        after_in_child=_limits.begin_again,
    )


class limit_blas_threads:
    """A context that limits the threads of matrix products.

    It may be nested, reused, and entered by several threads at once; the lowest limit applies.

    Args:
        threads: The most threads.
    """

    __slots__ = ("_threads",)

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        # Every prediction calls this, so it is optimised for speed.
        _own.limits.append(self._threads)
        with _limits.lock:
            _limits.limits.append(self._threads)
            if self._threads < _limits.least:
                _limits.change()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        own = _own.limits
        if self._threads in own:  # not so if a generator entered in another thread
            own.remove(self._threads)
        with _limits.lock:
            _limits.limits.remove(self._threads)
            if self._threads == _limits.least and self._threads not in _limits.limits:
                _limits.change()


one_blas_thread = limit_blas_threads(1)
"""The context in which a network computes. Work that is worth more threads is shared among threads
of our own; see ``sharing.py``."""


def allowed_threads() -> int:
    """Return how many threads may compute at once in this process.

    It is the minimum of three numbers: the threads of matrix products, as the user or the library
    set them (``OMP_NUM_THREADS``, ``OPENBLAS_NUM_THREADS``, threadpoolctl); the processors that
    the process may run on; and the quota of its control groups, rounded up.
    """
    return min(_limits.allowed(), _processors(), _quota())


def _processors() -> int:
    """Return how many processors the process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _quota() -> int:
    """Return how many processors the quotas of the process's control groups correspond to."""
    return min((_worth(*group) for group in control_groups("cpu")), default=sys.maxsize)


def _worth(version: int, group: Path) -> int:
    """Return how many processors the quota of a control group corresponds to, rounded up."""
    try:
        if version == 2:
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text()
            period = (group / "cpu.cfs_period_us").read_text()
        worth = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return sys.maxsize
    return worth if worth > 0 else sys.maxsize  # -1 means no quota


def blas_libraries() -> list[dict[str, Any]]:
    """Return threadpoolctl's information about each library that computes matrix products."""
    libraries = get_cached_controller().select(user_api="blas").lib_controllers
    return [library.info() for library in libraries]
