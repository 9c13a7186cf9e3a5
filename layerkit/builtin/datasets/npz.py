"""Arrays in a NumPy archive."""

import io
from dataclasses import replace
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
    Split,
)
from layerkit.builtin.datasets.archive import Archive
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, noted, split
from layerkit.builtin.datasets.stored import (
    Channels,
    Part,
    Task,
    about_channels,
    as_task,
    channels_first,
    form_of,
    placed,
)


def _xor() -> bytes:
    """Return the contents of an example file."""
    file = io.BytesIO()
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5, np.float32)
    np.savez(file, x=x, t=(x[:, 0] != x[:, 1]).astype(np.int64))
    return file.getvalue()


class Npz(Dataset):
    """Examples and targets that ``np.savez`` or ``np.savez_compressed`` stored.

    Targets that are one integer for each example are class labels, starting at 0;
    all others are numbers, unless ``task`` says otherwise.

    Args:
        path: The ``.npz`` file.
        x: The name of the array of examples.
        t: The name of the array of targets.
        test_fraction: The share of the examples to test on, drawn at random; not used if the file
            has a test part.
        seed: The seed of the choice of the test examples.
        x_test: The name of the examples to test on, if the file has a test part.
        t_test: The name of their targets.
        scale: The factor of each batch of ``x``: 1/255 turns bytes into 0 to 1.
        stratify: Whether the share to test on holds for each class, so that every class of at
            least two examples is in both parts.
        task: Whether targets are labels, even if they are stored as whole floats or as booleans, or
            numbers, even if they are integers; by default, their type decides.
        channels: Whether an image is stored as ``(channels, rows, columns)``, which layers take, or
            with its channels last, which are then put first.

    Shapes:
        x: ``(count, *shape)``
        t: ``(count,)`` labels or numbers, or ``(count, *target_shape)`` numbers

    Raises:
        ValueError: Only one of ``x_test`` and ``t_test`` is given, or ``stratify`` is set although
            the file has a test part.
    """

    examples = (
        Example({"path": "xor.npz"}, files={"xor.npz": _xor()}),
        Example({"path": "xor.npz", "stratify": True}, files={"xor.npz": _xor()}),
        Example(
            {"path": "xor.npz", "x_test": "x", "t_test": "t", "scale": 0.5},
            files={"xor.npz": _xor()},
        ),
        Example(
            {"path": "xor.npz", "task": "regression", "channels": "first"},
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
        stratify: bool = False,
        task: Task | None = None,
        channels: Channels | None = None,
    ) -> None:
        if (x_test is None) != (t_test is None):
            raise ValueError("x_test and t_test go together: give both or neither")
        if stratify and x_test is not None:
            raise ValueError("stratify needs one part to split, and x_test names another part")
        self.path = path
        self.x = x
        self.t = t
        self.test_fraction = test_fraction
        self.seed = seed
        self.x_test = x_test
        self.t_test = t_test
        self.scale = scale
        self.stratify = stratify
        self.task = task
        self.channels = channels

    def inspect(self) -> Form:
        """Return the form of the examples, reading the targets and the header of ``x``."""
        with Archive(self.path) as archive:
            return self._form(archive, self._targets(archive))

    def load(self) -> Data:
        """Read the arrays, and split them if there is no test part."""
        with Archive(self.path) as archive:
            ts = self._targets(archive)
            form = self._form(archive, ts)
            xs = [archive.numbers(name) for name, _ in self._parts()]
        if self.channels == "last":
            xs = [channels_first(x) for x in xs]
        if len(xs) == 2:
            data = Data(Split(xs[0], ts[0], self.scale), Split(xs[1], ts[1], self.scale))
        else:
            rng = np.random.default_rng(self.seed)
            data = split(xs[0], ts[0], self.test_fraction, rng, self.scale, self.stratify)
        data = replace(data, notes=about_channels(str(self.path), form, self.channels))
        if form.targets.classes is None:
            return data
        advice = "" if self.stratify or len(xs) == 2 else STRATIFY
        return noted(data, str(self.path), range(form.targets.classes), advice)

    def _form(self, archive: Archive, ts: list[Array]) -> Form:
        form = form_of(archive, self._parts(), ts)
        if self.stratify and form.targets.classes is None:
            archive.refuse(f'stratify needs labels, and array "{self.t}" holds numbers')
        return placed(archive, self.x, form, self.channels)

    def _parts(self) -> list[Part]:
        """Return the names of the examples and the targets of each part."""
        parts = [(self.x, self.t)]
        if self.x_test is not None and self.t_test is not None:
            parts.append((self.x_test, self.t_test))
        return parts

    def _targets(self, archive: Archive) -> list[Array]:
        ts = [t for _, t in self._parts()]
        return [as_task(archive, t, archive.numbers(t), self.task) for t in ts]
