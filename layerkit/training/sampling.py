"""Batches: which examples a step sees, and their conversion to the network's type."""

import math
from typing import Literal, NamedTuple

import numpy as np

from layerkit.arrays import DType, Scratch
from layerkit.contracts.dataset import Split
from layerkit.types import Array, Rng

DRAWN = 2**16
"""How many examples are drawn with replacement at once."""


class Batches:
    """An endless supply of batches of one split, gathered into the same arrays each time.

    Args:
        split: The examples.
        size: The examples of a batch. The last batch of a shuffled epoch may have fewer, and
            with shuffling no batch has more than the split.
        sampling: ``shuffle`` takes each example once per epoch; ``with_replacement`` draws each
            batch independently.
        dtype: The type that batches are converted to.
        rng: The source of the order.

    Attributes:
        size: The most examples in a batch.
        gather: Picks and converts examples.
        per_epoch: The number of batches in an epoch.
        order: The indices of the present epoch, or of many batches drawn with replacement.
        position: How many of these indices have been taken.
    """

    def __init__(
        self,
        split: Split,
        size: int,
        sampling: Literal["shuffle", "with_replacement"],
        dtype: DType,
        rng: Rng,
    ) -> None:
        self.shuffled = sampling == "shuffle"
        self.size = min(size, max(1, len(split))) if self.shuffled else size
        self.rng = rng
        self.per_epoch = math.ceil(len(split) / size)
        self.order: Array = np.empty(0, np.intp)
        self.position = 0
        self.gather = Gather(split, dtype)

    def next(self) -> "Batch":
        """Return the next batch; it is valid until the next call."""
        return self.gather(self.indices())

    def indices(self) -> Array:
        """Return the indices of the examples in the next batch."""
        if self.position >= len(self.order):
            self.order, self.position = self._draw(), 0
        start, self.position = self.position, self.position + self.size
        return self.order[start : self.position]

    def _draw(self) -> Array:
        """Return the indices for many batches, because a small draw takes as long as a big one."""
        count = self.gather.count
        if self.shuffled:
            return self.rng.permutation(count)
        batches = min(self.per_epoch, max(1, DRAWN // self.size))
        return self.rng.integers(0, count, batches * self.size)


class Batch(NamedTuple):
    """Some examples of a split, as a network takes them.

    Attributes:
        x: The examples, ``(batch, *shape)``.
        t: Their targets, ``(batch, *targets.shape)``.
        weights: Their weights, ``(batch,)``; None if all are equal.
    """

    x: Array
    t: Array
    weights: Array | None = None


class Gather:
    """Picks examples of a split and converts them, for example bytes times 1/255 to floats.

    Args:
        split: The examples.
        dtype: The type that they are converted to; targets stay as they are.
    """

    def __init__(self, split: Split, dtype: DType) -> None:
        self.count = len(split)
        self.split = split
        self._dtype = np.dtype(dtype)
        self._scale = np.asarray(split.scale, self._dtype)
        self._as_stored = split.x.dtype == self._dtype and split.scale == 1
        self._scratch = Scratch()

    def __call__(self, indices: Array) -> Batch:
        """Return the examples at these indices."""
        split = self.split
        x, t = self._take("x", split.x, indices), self._take("t", split.t, indices)
        weights = split.weights
        if weights is not None:
            weights = self._take("weights", weights, indices)
        return Batch(self._converted(x), t, weights)

    def slice(self, start: int, stop: int) -> Batch:
        """Return the examples of a range."""
        part = self.split[start:stop]
        return Batch(self._converted(part.x), part.t, part.weights)

    def _take(self, name: str, source: Array, indices: Array) -> Array:
        out = self._scratch(name, (len(indices), *source.shape[1:]), source.dtype)
        if not source.flags.c_contiguous:
            out[...] = source[indices]  # take would copy the whole source first
            return out
        # The default mode, which checks bounds, would gather into a buffer and copy it.
        return source.take(indices, axis=0, out=out, mode="clip")

    def _converted(self, x: Array) -> Array:
        if self._as_stored:
            return x
        out = self._scratch("converted", x.shape, self._dtype)
        # Two passes, because a multiplication of mixed types would convert via a small buffer.
        np.copyto(out, x, casting="unsafe")
        out *= self._scale
        return out
