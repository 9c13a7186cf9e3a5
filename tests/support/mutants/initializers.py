"""Mutants of the laws of initializers."""

import numpy as np

from layerkit import Array, Initializer, Shape
from mutants.catalogue import breaks, sound


@sound
class Small(Initializer):
    """Uniform between 0 and 0.1."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return 0.1 * rng.random(shape)


@breaks("it_gives_the_shape", "asked for (4, 5), it gives (5, 4)")
class Transposes(Small):
    """Uniform, transposed."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return super().__call__(shape, rng).T


@breaks("rng_alone_decides", "draw from the rng it is given")
class DrawsFromNumpy(Small):
    """Uniform, from NumPy's own generator."""

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Array:
        return np.random.random(shape)  # noqa: NPY002
