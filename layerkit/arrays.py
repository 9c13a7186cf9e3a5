"""The only place where memory for numbers is allocated.

All code that trains takes its arrays from here, so another kind of memory (aligned, shared
between processes, on a device) requires a change only to this file.
"""

import math
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from layerkit.types import Array, Shape

DType: TypeAlias = npt.DTypeLike

CACHE_LINE = 64
"""The bytes that a processor fetches at a time, and the most that it loads at once. NumPy's own
arrays are aligned only to 16 bytes, so such a load may touch two lines: a training step of a
network with 1024 x 1024 weights then takes a twentieth longer."""


def empty(shape: Shape, dtype: DType) -> Array:
    """Return an uninitialised array, aligned to a cache line."""
    return _aligned(np.empty, shape, dtype)


def zeros(shape: Shape, dtype: DType) -> Array:
    """Return an array of zeros, aligned to a cache line."""
    return _aligned(np.zeros, shape, dtype)


def _aligned(allocate: Callable[..., Array], shape: Shape, dtype: DType) -> Array:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > sys.maxsize - CACHE_LINE:  # NumPy would raise a ValueError
        raise MemoryError(f"no memory has place for {math.prod(shape)} numbers")
    memory = allocate(size + CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


class Scratch:
    """Named arrays that are reused from one call to the next.

    A buffer grows to the largest size requested and returns a slice of it, so the smaller last
    batch of an epoch causes no reallocation, and neither does the full batch after it.

    Attributes:
        handed_out: The arrays that were last returned, by name.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}
        self.handed_out: dict[str, Array] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Scratch, ()  # a copy does not need the contents

    def __call__(self, name: str, shape: Shape, dtype: DType) -> Array:
        """Return the array of that name, with undefined contents."""
        array = self.handed_out.get(name)
        if array is not None and array.shape == shape and array.dtype == dtype:
            return array
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size or buffer.dtype != dtype:
            buffer = self._buffers[name] = empty((size,), dtype)
        array = self.handed_out[name] = buffer[:size].reshape(shape)
        return array
