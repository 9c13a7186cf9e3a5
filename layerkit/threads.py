"""How many threads matrix products use."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import Any

from threadpoolctl import OpenBLASController, get_cached_controller


class _Limit:
    """The least of the limits that are asked for at the moment, and without any what was before.

    OpenBLAS has one number of threads for the whole process, so it needs one owner: if each who
    sets a limit put back what it had found, one that came second and went last would leave the
    first one's limit behind.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._limits: list[int] = []
        self._allowed: list[tuple[Any, int]] = []

    def add(self, threads: int) -> None:
        """Have at most so many threads."""
        with self._lock:
            if not self._limits:
                self._allowed = _threads_by_library()
            self._limits.append(threads)
            self._set()

    def remove(self, threads: int) -> None:
        """Take one such limit away."""
        with self._lock:
            self._limits.remove(threads)
            self._set()

    def allowed(self) -> int:
        """Return how many threads products have without any limit."""
        with self._lock:
            now = self._allowed if self._limits else _threads_by_library()
        return max((threads for _, threads in now), default=1)

    def _set(self) -> None:
        # threadpoolctl heeds one thread of Python at a time, the first that comes, so as to have an
        # owner too; here it may be another one that takes a limit away.
        OpenBLASController.clear_controlling_thread(force=True)
        for library, allowed in self._allowed:
            library.set_num_threads(min([allowed, *self._limits]))
        OpenBLASController.clear_controlling_thread()


def _threads_by_library() -> list[tuple[Any, int]]:
    libraries = get_cached_controller().select(user_api="blas").lib_controllers
    return [(library, library.num_threads) for library in libraries]


_limit = _Limit()
_local = local()


@contextmanager
def limit_blas_threads(threads: int) -> Iterator[None]:
    """Return a context in which matrix products have at most so many threads.

    It may be entered within others and by several threads at once; the least limit counts. Within
    one of the same thread that is as low, which has to outlast it, it has nothing to do and takes
    no time.

    Args:
        threads: How many, at the most.
    """
    of_this_thread: list[int] = _local.__dict__.setdefault("limits", [])
    if of_this_thread and min(of_this_thread) <= threads:
        yield
        return
    _limit.add(threads)
    of_this_thread.append(threads)
    try:
        yield
    finally:
        of_this_thread.remove(threads)
        _limit.remove(threads)


def allowed_threads() -> int:
    """Return how many threads matrix products may have, as the user or the library set it."""
    return _limit.allowed()


def blas_libraries() -> list[dict[str, Any]]:
    """Return what is known of each library that computes matrix products, as threadpoolctl does."""
    libraries = get_cached_controller().select(user_api="blas").lib_controllers
    return [library.info() for library in libraries]
