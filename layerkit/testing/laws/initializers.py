"""Laws of initializers."""

import numpy as np

from layerkit.testing.subject import LawBroken, Subject

SHAPES = ((6,), (4, 5), (2, 3, 3, 4))


def it_gives_the_shape(subject: Subject) -> None:
    """The array has the requested shape, and only finite numbers."""
    for _, spec in subject.uses:
        for shape in SHAPES:
            values = np.asarray(spec.create()(shape, np.random.default_rng(0)))
            if values.shape != shape:
                raise LawBroken(f"asked for {shape}, it gives {values.shape}")
            if not np.isfinite(values).all():
                raise LawBroken(f"asked for {shape}, it gives numbers that are not finite")


def rng_alone_decides(subject: Subject) -> None:
    """The same generator gives the same numbers."""
    for _, spec in subject.uses:
        draws = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002  it must not draw from this generator
            draws.append(spec.create()((4, 5), np.random.default_rng(3)))
        if not np.array_equal(*draws):
            raise LawBroken("the same rng gives other numbers; draw from the rng it is given")


LAWS = (it_gives_the_shape, rng_alone_decides)
