"""Blocks of examples that fit into the cache of a core."""

from collections.abc import Iterator

BLOCK = 2**18
"""The most numbers to work on in a block: as float32, 1 MB, which fits in the second-level cache of
a core. ``backward`` copies the windows out of the images again, which is faster than fetching them
from memory."""


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield the slices of a batch for blocks of its examples.

    Args:
        count: The number of examples in the batch.
        size: How many numbers there are to work on for each.
    """
    step = max(1, BLOCK // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
