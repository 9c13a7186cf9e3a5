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


class Embedding(Layer):
    """A trained vector for each symbol, ``y = W[x]``.

    Symbols are whole numbers; a float that comes instead of one is rounded. The gradient by them
    is 0.

    Args:
        vocabulary: How many symbols there are, from 0 on.
        units: The length of a vector.
        weight_init: The first value of ``W``.

    Shapes:
        x: ``(batch, *shape)``, whole numbers less than ``vocabulary``
        y: ``(batch, *shape, units)``
        W: ``(vocabulary, units)``

    Raises:
        DataError: By ``forward``, for a symbol that is not in the vocabulary.

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
        self._symbols = np.rint(x).astype(np.intp)
        if x.size and not 0 <= self._symbols.min() <= self._symbols.max() < self.vocabulary:
            raise DataError(
                f"an embedding of {self.vocabulary} symbols takes numbers from 0 to "
                f"{self.vocabulary - 1}, got {self._symbols.min()} to {self._symbols.max()}"
            )
        y = self.scratch("y", (*x.shape, self.units))
        # Checked above; the default mode would gather into a buffer and copy that.
        return self.W.value.take(self._symbols, axis=0, out=y, mode="clip")

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
