"""Arrays of a NumPy archive."""

import io
from pathlib import Path

import numpy as np

from layerkit import (
    Array,
    Data,
    Dataset,
    Example,
    Form,
    NonNegativeInt,
    PositiveFloat,
    Shape,
    Split,
    Targets,
)
from layerkit.builtin.datasets.archive import Archive
from layerkit.builtin.datasets.splitting import TestFraction, split


def _xor() -> bytes:
    """Return an example of a file."""
    file = io.BytesIO()
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5, np.float32)
    np.savez(file, x=x, t=(x[:, 0] != x[:, 1]).astype(np.int64))
    return file.getvalue()


class Npz(Dataset):
    """Examples and targets that ``np.savez`` or ``np.savez_compressed`` stored.

    Targets that are one integer for each example are the labels of classes, which count from 0;
    all others are numbers.

    Args:
        path: The ``.npz`` file.
        x: The name of the array of examples.
        t: The name of the array of targets.
        test_fraction: The share of the examples to test on, drawn at random; not used if the file
            has a test part.
        seed: What the choice of the test examples follows from.
        x_test: The name of the examples to test on, where the file has a test part.
        t_test: The name of their targets.
        scale: What each batch of ``x`` is multiplied by: 1/255 turns bytes into 0 to 1.

    Shapes:
        x: ``(count, *shape)``
        t: ``(count,)`` labels or numbers, or ``(count, *target_shape)`` numbers

    Raises:
        ValueError: ``x_test`` is given without ``t_test``, or the other way round.
    """

    examples = (
        Example({"path": "xor.npz"}, files={"xor.npz": _xor()}),
        Example(
            {"path": "xor.npz", "x_test": "x", "t_test": "t", "scale": 0.5},
            files={"xor.npz": _xor()},
        ),
    )

    def __init__(
        self,
        path: Path,
        x: str = "x",
        t: str = "t",
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        x_test: str | None = None,
        t_test: str | None = None,
        scale: PositiveFloat = 1.0,
    ) -> None:
        if (x_test is None) != (t_test is None):
            raise ValueError("x_test and t_test go together: give both or neither")
        self.path = path
        self.x = x
        self.t = t
        self.test_fraction = test_fraction
        self.seed = seed
        self.x_test = x_test
        self.t_test = t_test
        self.scale = scale

    def inspect(self) -> Form:
        """Return the form of the examples, reading the targets and the header of ``x``."""
        with Archive(self.path) as archive:
            return self._form(archive, self._targets(archive))

    def load(self) -> Data:
        """Read the arrays, and part them unless they are."""
        with Archive(self.path) as archive:
            ts = self._targets(archive)
            self._form(archive, ts)
            xs = [archive.numbers(name) for name, _ in self._parts()]
        if len(xs) == 2:
            return Data(Split(xs[0], ts[0], self.scale), Split(xs[1], ts[1], self.scale))
        rng = np.random.default_rng(self.seed)
        return split(xs[0], ts[0], self.test_fraction, rng, self.scale)

    def _parts(self) -> list[tuple[str, str]]:
        """Return the names of the examples and the targets of each part."""
        parts = [(self.x, self.t)]
        if self.x_test is not None and self.t_test is not None:
            parts.append((self.x_test, self.t_test))
        return parts

    def _targets(self, archive: Archive) -> list[Array]:
        return [archive.numbers(t) for _, t in self._parts()]

    def _form(self, archive: Archive, ts: list[Array]) -> Form:
        parts = self._parts()
        shapes = [archive.shape(x) for x, _ in parts]
        for (x, t), shape, targets in zip(parts, shapes, ts, strict=True):
            if shape[0] != len(targets):
                archive.refuse(
                    f'array "{x}" has {shape[0]} examples, but array "{t}" has {len(targets)} '
                    "targets; there must be as many"
                )
        if len(parts) == 2:
            self._check_alike(archive, shapes, ts)
        elif len(ts[0]) == 1:
            archive.refuse("needs at least 2 examples, one to train on and one to test on, got 1")
        classes = self._classes(archive, ts) if _are_labels(ts[0]) else None
        return Form(shapes[0][1:], Targets(ts[0].shape[1:], classes))

    def _check_alike(self, archive: Archive, shapes: list[Shape], ts: list[Array]) -> None:
        """Refuse a test part of another form than the training part."""
        targets = [t.shape for t in ts]
        for train, test, (first, second) in (
            (self.x, self.x_test, shapes),
            (self.t, self.t_test, targets),
        ):
            if first[1:] != second[1:]:
                archive.refuse(
                    f'each entry of array "{test}" must have the shape {first[1:]}, like those of '
                    f'"{train}", got {second[1:]}'
                )
        if _are_labels(ts[0]) != _are_labels(ts[1]):
            archive.refuse(
                f'arrays "{self.t}" and "{self.t_test}" must both hold integers or both floats, '
                f"got {ts[0].dtype} and {ts[1].dtype}"
            )

    def _classes(self, archive: Archive, ts: list[Array]) -> int:
        """Return how many classes the labels name."""
        for (_, name), labels in zip(self._parts(), ts, strict=True):
            if labels.min() < 0:
                i = int(np.argmax(labels < 0))
                archive.refuse(f"{name}[{i}]: labels count from 0, got {labels[i]}")
        present = np.unique(np.concatenate([np.unique(labels) for labels in ts]))
        gaps = present != np.arange(len(present))
        if gaps.any():
            archive.refuse(
                f'array "{self.t}" has labels up to {present[-1]}, but none is '
                f"{int(np.argmax(gaps))}; number the classes without gaps, as "
                "np.unique(t, return_inverse=True)[1] does"
            )
        if len(present) == 1:
            archive.refuse(
                f'array "{self.t}" must have labels of at least 2 classes, got only 0; '
                "if its integers are no labels, store them as floats"
            )
        return len(present)


def _are_labels(t: Array) -> bool:
    return t.ndim == 1 and t.dtype.kind in "iu"
