"""Work shared among threads that sleep when they are idle.

Work is divided into shares whose number follows from sizes alone, so the results do not depend on
the number of threads. The threads of OpenBLAS, by contrast, spin while they wait for each other
and for the next product. If another program occupies one of the cores, a product of a tenth of a
millisecond then takes as long as that program's time slice, several milliseconds.
"""

import os
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from threading import local
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from layerkit.threads import allowed_threads, one_blas_thread
from layerkit.types import Array

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MOST_THREADS = 8

SHARES = ((1e10, 8), (6.4e7, 4), (1.6e7, 2))
"""The number of shares of a product from so many operations on. A thread starts within about 20
microseconds, in which it could make about 1e6 operations. Each share costs time to copy its
operands into the order that OpenBLAS uses: for a product of 4e9 operations 3% with 4 shares and
9% with 8."""

FEWEST = SHARES[-1][0] / 2
"""The least number of multiplications of a product that is shared."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""The seconds for which work is not shared after sharing took longer than one thread would have.
The pause doubles each time this happens, and is reset when sharing pays."""


class Gate:
    """Decides whether sharing currently pays.

    A thread that has taken a share may have to wait for a processor while another program runs, and
    all others wait for it. So the time of each sharing is compared with the time that all shares
    would have taken one after the other.
    """

    def __init__(self) -> None:
        self._opens = 0.0
        self._pause = SHORTEST_PAUSE

    def is_open(self) -> bool:
        """Return whether to share."""
        return perf_counter() >= self._opens

    def judge(self, taken: float, alone: float) -> None:
        """Update the gate after a sharing.

        Args:
            taken: The seconds it took.
            alone: The seconds that all shares would have taken one after the other.
        """
        if taken <= alone:
            self._pause = SHORTEST_PAUSE
            return
        self._opens = perf_counter() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


class _Sharing(local):
    """Whether this thread is doing a share, and therefore must not share its work again."""

    is_active = False


_gate = Gate()
_sharing = _Sharing()
_executor: "ThreadPoolExecutor | None" = None


def _forget_threads() -> None:
    """Forget the threads, which do not exist in a forked process."""
    global _executor
    _executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def share(task: Callable[[int], object], count: int) -> None:
    """Call ``task(i)`` for every ``i`` below ``count``, on several threads if that is faster.

    Tasks may run at the same time and in any order. NumPy's error state and other context
    variables are those of the caller. Each task has one thread for its matrix products.

    Args:
        task: Does one share. It writes only where no other share reads or writes.
        count: The number of shares.

    Raises:
        Exception: A task raised it; all tasks that had begun have ended.
    """
    with one_blas_thread:
        helpers = min(allowed_threads(), count, MOST_THREADS) - 1
        if helpers < 1 or _sharing.is_active or not _gate.is_open():
            for i in range(count):
                task(i)
        else:
            _share(task, count, helpers)


def _share(task: Callable[[int], object], count: int, helpers: int) -> None:
    global _executor
    executor = _executor
    if executor is None:
        # Imported here, because the import is slow and small networks share nothing.
        from concurrent.futures import ThreadPoolExecutor

        executor = _executor = ThreadPoolExecutor(MOST_THREADS - 1, "layerkit")
    remaining = deque(range(count))

    def work() -> int:
        """Do shares until none is left, and return how many."""
        _sharing.is_active = True
        done = 0
        try:
            while remaining:
                try:
                    i = remaining.popleft()
                except IndexError:  # another thread has just taken the last one
                    break
                task(i)
                done += 1
        finally:
            _sharing.is_active = False
        return done

    began = perf_counter()
    futures = []
    try:
        for _ in range(helpers):
            futures.append(executor.submit(copy_context().run, work))  # noqa: PERF401
    except RuntimeError:  # the interpreter is shutting down and starts no more threads
        pass
    try:
        done = work()
    finally:
        remaining.clear()
        finished = perf_counter()
        # A thread that has not begun has nothing to do, so cancel it rather than wait.
        errors = [future.exception() for future in futures if not future.cancel()]
    for error in errors:
        if error is not None:
            raise error
    if done:
        _gate.judge(perf_counter() - began, (finished - began) / done * count)


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return the matrix product ``a b``, as ``numpy.matmul`` does; threads share a large one.

    The numbers do not depend on the number of threads. Stacks of matrices are divided along
    their first axis, matrices along the longer axis of the product.

    Args:
        a: ``(..., m, k)``
        b: ``(..., k, n)``
        out: The array to write to, ``(..., m, n)``; a new one by default.

    Raises:
        ValueError: The shapes do not match.
    """
    # Most products are small, and this is the fastest way to detect and compute them: numpy.dot
    # starts in half the time of numpy.matmul, but accepts fewer arrays as out.
    if a.ndim == 2 == b.ndim and len(a) * b.size < FEWEST:
        try:
            return a.dot(b, out)
        except ValueError:
            return np.matmul(a, b, out)
    operations = 2 * (a.size * b.shape[-1] if a.ndim >= b.ndim else a.shape[-2] * b.size)
    if operations < SHARES[-1][0]:
        return np.matmul(a, b, out=out)
    if out is None:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = np.empty((*stack, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    product: Any = out
    axis = 0 if product.ndim > 2 else int(product.shape[1] > product.shape[0])
    size = product.shape[axis]
    shares = min(size, next(shares for least, shares in SHARES if operations >= least))

    def task(i: int) -> None:
        part: Any = slice(size * i // shares, size * (i + 1) // shares)
        if axis:
            np.matmul(a, b[:, part], out=product[:, part])
        elif product.ndim == 2:
            np.matmul(a[part], b, out=product[part])
        else:
            x, y = (z[part] if z.ndim == product.ndim and len(z) == size else z for z in (a, b))
            np.matmul(x, y, out=product[part])

    share(task, shares)
    return out
