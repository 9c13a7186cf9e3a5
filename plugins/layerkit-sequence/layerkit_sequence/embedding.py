"""Vectors for symbols."""

import numpy as np

from layerkit import (
    Array,
    DataError,
    Example,
    Initializer,
    Layer,
    Normal,
    Parameter,
    PositiveInt,
    Shape,
)

NEAR = 2e-5
"""How far a number may be from a symbol, times the size of symbols greater than 1. It is twice the
step of a numerical derivative."""


class Embedding(Layer):
    """A trained vector for each symbol, ``y = W[x]``.

    Symbols are whole numbers, and a float that is one counts as such; so does one right next to it,
    as numerical derivatives take. The gradient with respect to them is 0.

    Args:
        vocabulary: How many symbols there are, from 0 on.
        units: The length of a vector.
        weight_init: The first value of ``W``.

    Shapes:
        x: ``(batch, *shape)``, whole numbers less than ``vocabulary``
        y: ``(batch, *shape, units)``
        W: ``(vocabulary, units)``

    Raises:
        DataError: By ``forward``, for a number that is not whole, or not in the vocabulary.

    Source:
        Bengio, Ducharme, Vincent and Jauvin (2003), "A Neural Probabilistic Language Model",
        section 2.
    """

    examples = (
        Example({"vocabulary": 5, "units": 3}, [(4,)], below=5),
        Example({"vocabulary": 3, "units": 2}, [()], below=3),
    )
    W: Parameter

    def __init__(
        self,
        vocabulary: PositiveInt,
        units: PositiveInt,
        weight_init: Initializer = Normal(std=1.0),  # noqa: B008  initializers hold no state
    ) -> None:
        self.vocabulary = vocabulary
        self.units = units
        self.weight_init = weight_init

    def build(self, shape: Shape) -> Shape:
        """Declare ``W``."""
        # A vector comes from one symbol, not from all: PyTorch counts its length as the inputs.
        fans = self.units, self.vocabulary
        self.W = Parameter((self.vocabulary, self.units), self.weight_init, fans)
        return (*shape, self.units)

    def forward(self, x: Array) -> Array:
        """Return the vector of every symbol."""
        self._symbols = self._checked(x) if x.size else x.astype(np.intp)
        y = self.scratch("y", (*x.shape, self.units))
        # Checked above; the default mode would gather into a buffer and copy that.
        return self.W.value.take(self._symbols, axis=0, out=y, mode="clip")

    def _checked(self, x: Array) -> Array:
        """Return the symbols as integers, each from the vocabulary."""
        whole = x if x.dtype.kind != "f" else np.rint(x)
        # Both are NaN where any number is, which compares as false.
        least, most = np.minimum.reduce(whole, axis=None), np.maximum.reduce(whole, axis=None)
        if not 0 <= least <= most < self.vocabulary:
            raise DataError(
                f"an embedding of {self.vocabulary} symbols takes numbers from 0 to "
                f"{self.vocabulary - 1}, got {least:.17g} to {most:.17g}"
            )
        # Bytes are compared in a fifth of the time of numbers.
        if whole is not x and whole.tobytes() != x.tobytes():
            self._refuse_fractions(x, whole)
        return whole.astype(np.intp)

    def _refuse_fractions(self, x: Array, whole: Array) -> None:
        """Refuse numbers that are not next to whole ones."""
        far = np.abs(whole - x) > NEAR * np.maximum(1, whole)
        if far.any():
            at = np.unravel_index(far.argmax(), far.shape)
            raise DataError(
                f"an embedding of {self.vocabulary} symbols takes whole numbers from 0 to "
                f"{self.vocabulary - 1}, got {x[at]:g} at {[int(i) for i in at]}"
            )

    def backward(self, dout: Array) -> Array:
        """Set the gradient of ``W``: for each symbol, the sum over all its places."""
        symbols, rows = self._symbols.reshape(-1), dout.reshape(-1, self.units)
        # Side by side the places of a symbol are added in one call; add.at takes them singly.
        order = np.argsort(symbols, kind="stable")
        used, starts = np.unique(symbols[order], return_index=True)
        self.W.grad = 0
        if len(used):
            self.W.grad[used] = np.add.reduceat(rows[order], starts, axis=0)
        return np.zeros(self._symbols.shape, dout.dtype)
