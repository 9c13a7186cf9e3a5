"""How many threads the matrix products of a training step use."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

from layerkit.network import Network

SHARE = 1e7
"""The operations of a product that are worth a thread. A second thread shortens a step with
products of 17e6 operations by a quarter. One with products of 8e6 it shortens by a tenth where the
cores are idle and share a cache, and makes longer by a quarter where they do not: what one core has
written (a batch, the new parameters) the other then has to fetch."""


class _Limit:
    """The limit of the whole process, which trainings in several of its threads have in common.

    The first one to come sets it and the last one to go takes it away: if each put back what it
    had found, one that came second and went last would leave the first one's limit behind.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders = 0
        self._limiter: Any = None
        self._allowed = 1

    def hold(self, threads: int) -> None:
        """Set the limit, if nobody has."""
        with self._lock:
            if not self._holders:
                blas = ThreadpoolController().select(user_api="blas")
                self._allowed = _most_threads(blas)
                if self._allowed > threads:
                    self._limiter = blas.limit(limits=threads)
            self._holders += 1

    def release(self) -> None:
        """Take the limit away, if nobody else holds it."""
        with self._lock:
            self._holders -= 1
            if not self._holders and self._limiter is not None:
                self._limiter.restore_original_limits()
                self._limiter = None

    @property
    def allowed(self) -> int:
        """How many threads products have without it."""
        with self._lock:
            if self._holders:
                return self._allowed
            return _most_threads(ThreadpoolController().select(user_api="blas"))


def _most_threads(blas: ThreadpoolController) -> int:
    return max((library["num_threads"] for library in blas.info()), default=1)


_limit = _Limit()


@contextmanager
def blas_threads(network: Network, batch_size: int) -> Iterator[None]:
    """Return a context in which the products have as many threads as are worth it.

    The choice follows from sizes alone and not from a measurement, because the number of threads
    changes the rounding, and the same spec is to give the same bytes.

    Args:
        network: Its largest parameter tells the size of its products.
        batch_size: The examples of a step.
    """
    largest = max((p.size for p in network.parameters.values()), default=0)
    _limit.hold(1 + int(2 * batch_size * largest / SHARE))
    try:
        yield
    finally:
        _limit.release()


def allowed_threads() -> int:
    """Return how many threads matrix products may have, as the user or the library set it."""
    return _limit.allowed
