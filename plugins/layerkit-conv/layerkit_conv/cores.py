"""Work on a batch by all cores of the machine.

NumPy computes with one core but for its matrix products, and many small ones gain nothing from
threads of BLAS, which wait for each other after each of them. So a batch is cut into blocks of
examples, and each thread takes the next block when it has done one; NumPy lets others run while it
computes. What is computed does not depend on how many threads there are.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, CORES - 1), "layerkit-conv")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)  # a child has no threads


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def for_each(items: Sequence[T], work: Callable[[T, int], None]) -> None:
    """Call ``work`` for every item, by as many threads as there are cores, and wait for them.

    Args:
        items: They are begun in order.
        work: Takes an item, and the number of the thread, for memory of its own.
    """
    waiting = iter(items)

    def take(thread: int) -> None:
        for item in waiting:
            work(item, thread)

    count = min(CORES, len(items))
    with _blas().limit(limits=1):
        # NumPy's error state is that of the context; the trainer has set it.
        others = [_threads().submit(copy_context().run, take, i) for i in range(1, count)]
        try:
            take(0)
        finally:
            for other in others:
                if not other.cancel():
                    other.result()
