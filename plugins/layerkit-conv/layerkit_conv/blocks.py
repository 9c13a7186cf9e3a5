"""Blocks of examples that fit into the cache of a core."""

from collections.abc import Iterator

BLOCK = 2**18
"""How many numbers there are to work on in a block at most: as float32, 1 MB, what the
second-level cache of a core holds. Windows are copied out of the images again in ``backward``,
which takes less time than to fetch them from memory."""


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield the places in a batch of blocks of its examples.

    Args:
        count: The examples of the batch.
        size: How many numbers there are to work on for each.
    """
    step = max(1, BLOCK // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
