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
"""How far a number may be from a symbol, times the symbol if that is greater than 1. It is twice
the step of a numerical derivative."""


class Embedding(Layer):
    """A trained vector for each symbol, ``y = W[x]``.

    Symbols are whole numbers. Floats with a whole value count too, and so do floats very close to
    one, which numerical derivatives use. The gradient with respect to symbols is 0.

    Args:
        vocabulary: The number of symbols; they start at 0.
        units: The length of a vector.
        weight_init: The initial value of ``W``.

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
        # A vector comes from one symbol, not from all: like PyTorch, count its length as inputs.
        fans = self.units, self.vocabulary
        self.W = Parameter((self.vocabulary, self.units), self.weight_init, fans)
        return (*shape, self.units)

    def forward(self, x: Array) -> Array:
        """Return the vector of every symbol."""
        self._symbols = self._checked(x) if x.size else x.astype(np.intp)
        y = self.scratch("y", (*x.shape, self.units))
        # The bounds are checked above; the default mode would gather into a buffer and copy it.
        return self.W.value.take(self._symbols, axis=0, out=y, mode="clip")

    def _checked(self, x: Array) -> Array:
        """Return the symbols as integers, each from the vocabulary."""
        whole = x if x.dtype.kind != "f" else np.rint(x)
        # Both are NaN if any number is, and then every comparison is false.
        least, most = np.minimum.reduce(whole, axis=None), np.maximum.reduce(whole, axis=None)
        if not 0 <= least <= most < self.vocabulary:
            raise DataError(
                f"an embedding of {self.vocabulary} symbols takes numbers from 0 to "
                f"{self.vocabulary - 1}, got {least:.17g} to {most:.17g}"
            )
        # Comparing bytes takes a fifth of the time of comparing numbers.
        if whole is not x and whole.tobytes() != x.tobytes():
            self._refuse_fractions(x, whole)
        return whole.astype(np.intp)

    def _refuse_fractions(self, x: Array, whole: Array) -> None:
        """Refuse numbers that are not close to whole ones."""
        far = np.abs(whole - x) > NEAR * np.maximum(1, whole)
        if far.any():
            at = np.unravel_index(far.argmax(), far.shape)
            raise DataError(
                f"an embedding of {self.vocabulary} symbols takes whole numbers from 0 to "
                f"{self.vocabulary - 1}, got {x[at]:g} at {[int(i) for i in at]}"
            )

    def backward(self, dout: Array) -> Array:
        """Set the gradient of ``W``: for each symbol, the sum over all its positions."""
        symbols, rows = self._symbols.reshape(-1), dout.reshape(-1, self.units)
        # Sorting lets one call add all positions of a symbol; add.at would add them one by one.
        order = np.argsort(symbols, kind="stable")
        used, starts = np.unique(symbols[order], return_index=True)
        self.W.grad = 0
        if len(used):
            self.W.grad[used] = np.add.reduceat(rows[order], starts, axis=0)
        return np.zeros(self._symbols.shape, dout.dtype)
