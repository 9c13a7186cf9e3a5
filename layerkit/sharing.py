"""Work shared out among threads that sleep when there is none.

Work comes in shares whose number follows from sizes alone, so what is computed does not depend on
how many threads there are. The threads of OpenBLAS, by contrast, wait by spinning, for each other
and for the next product: where another program has one of the cores, a product of a tenth of a
millisecond takes as long as that program's turn, several milliseconds.
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
"""The operations of a product, and how many shares it then has. A thread begins within some 20
microseconds, in which it would make about 1e6 operations. Shares cost time, as each has to copy its
operands into the order in which OpenBLAS takes them: of a product of 4e9 operations 3% with 4
shares and 9% with 8."""

FEWEST = SHARES[-1][0] / 2
"""The multiplications of a product that is shared, at the least."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""The seconds in which work is not shared after sharing took longer than doing it alone. The pause
doubles from one such time to the next, and starts anew when sharing pays."""


class Gate:
    """Tells whether sharing pays at the moment.

    A thread that has taken a share may have to wait for a processor while another program runs, and
    everybody waits for it. So the time of each sharing is compared with the time that all shares
    would have taken one after the other.
    """

    def __init__(self) -> None:
        self._opens = 0.0
        self._pause = SHORTEST_PAUSE

    def is_open(self) -> bool:
        """Return whether to share."""
        return perf_counter() >= self._opens

    def judge(self, taken: float, alone: float) -> None:
        """Learn from a sharing.

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
    """Whether this thread is doing a share, and so has none to give away."""

    is_active = False


_gate = Gate()
_sharing = _Sharing()
_executor: "ThreadPoolExecutor | None" = None


def _forget_threads() -> None:
    """Forget the threads, which a process that was forked off does not have."""
    global _executor
    _executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def share(task: Callable[[int], object], count: int) -> None:
    """Call ``task(i)`` for every ``i`` below ``count``, on several threads where that is faster.

    Tasks may run at the same time and in any order; NumPy's error state and other context
    variables are those of the caller. Each has one thread for its matrix products.

    Args:
        task: Does one share. It writes where no other share reads or writes.
        count: The number of shares.

    Raises:
        Exception: A task raised it; all that had begun have ended.
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
        # Imported here, as it takes long and small networks share nothing.
        from concurrent.futures import ThreadPoolExecutor

        executor = _executor = ThreadPoolExecutor(MOST_THREADS - 1, "layerkit")
    left = deque(range(count))

    def work() -> int:
        """Do shares until none is left, and return how many."""
        _sharing.is_active = True
        done = 0
        try:
            while left:
                try:
                    i = left.popleft()
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
    except RuntimeError:  # the interpreter is ending, and starts nothing for those still at work
        pass
    try:
        done = work()
    finally:
        left.clear()
        finished = perf_counter()
        # A thread that has not begun has nothing left to do, and nobody waits for it.
        errors = [future.exception() for future in futures if not future.cancel()]
    for error in errors:
        if error is not None:
            raise error
    if done:
        _gate.judge(perf_counter() - began, (finished - began) / done * count)


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return the matrix product ``a b``, as ``numpy.matmul`` does; threads share a large one.

    The numbers do not depend on how many threads there are. Stacks of matrices are shared along
    their first axis, matrices along the longer axis of the product.

    Args:
        a: ``(..., m, k)``
        b: ``(..., k, n)``
        out: Where to write the product, ``(..., m, n)``; a new array by default.

    Raises:
        ValueError: The shapes do not fit.
    """
    # Most products are small, and this is the shortest way to see it and to make them: numpy.dot
    # begins in half the time of numpy.matmul, but writes into fewer arrays.
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
