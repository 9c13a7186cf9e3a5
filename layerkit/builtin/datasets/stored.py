"""Arrays of numbers in files, and the form of the data set that they make up."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np

from layerkit import Array, Form, Shape, Targets

Part: TypeAlias = tuple[str, str]
"""The names of the examples and of the targets of a part of a data set."""


Task: TypeAlias = Literal["classification", "regression"]
"""Whether targets are labels or numbers, if their type does not say it."""

Channels: TypeAlias = Literal["first", "last"]
"""Where the channels of images are stored."""

COUNTS_OF_CHANNELS = (1, 3, 4)
"""The numbers of channels of usual images."""

MOST_GAPS = 5
"""The most gaps between labels that a message names."""


class StoredArrays(ABC):
    """Named arrays, which are read one at a time, in full or only their headers.

    Raises:
        DataError: By every method, if a file or an array in it is wrong.
    """

    @abstractmethod
    def refuse(self, reason: str) -> NoReturn:
        """Raise a ``DataError`` that names the file."""

    @abstractmethod
    def header(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Return the shape and the type of an array."""

    @abstractmethod
    def numbers(self, name: str) -> Array:
        """Return an array of finite numbers."""

    def shape(self, name: str) -> Shape:
        """Return the shape of an array of numbers, reading no more than its header."""
        shape, dtype = self.header(name)
        if dtype.hasobject:
            self.refuse(
                f'array "{name}" holds Python objects, which could run code when they are read; '
                "store it as numbers"
            )
        if dtype.kind == "V":
            self.refuse(
                f'array "{name}" must hold numbers, got records; store each field separately'
            )
        if dtype.kind not in "biuf":
            advice = f"; np.unique({name}, return_inverse=True)[1] numbers the classes of a text"
            self.refuse(
                f'array "{name}" must hold numbers, got {dtype}'
                + (advice if dtype.kind in "US" and len(shape) == 1 else "")
            )
        if 0 in (shape or (0,)):
            self.refuse(f'array "{name}" must hold at least one example, got the shape {shape}')
        return shape

    def refuse_number(self, name: str, place: Sequence[Any], number: Any) -> NoReturn:
        """Raise a ``DataError`` about a number that is not finite."""
        at = ", ".join(str(int(i)) for i in place)
        self.refuse(f"{name}[{at}]: must be a finite number, got {number}")


def form_of(stored: StoredArrays, parts: Sequence[Part], ts: Sequence[Array]) -> Form:
    """Return the form of examples, reading only their headers.

    Args:
        stored: The arrays.
        parts: The training part, and the test part if there is one.
        ts: The targets of each part.

    Raises:
        DataError: The arrays do not match, or cannot be targets.
    """
    shapes = [stored.shape(x) for x, _ in parts]
    for (x, t), shape, targets in zip(parts, shapes, ts, strict=True):
        if shape[0] != len(targets):
            stored.refuse(
                f'array "{x}" has {shape[0]} examples, but array "{t}" has {len(targets)} '
                "targets; the numbers must match"
            )
    if len(parts) == 2:
        _check_alike(stored, parts, shapes, ts)
    elif len(ts[0]) == 1:
        stored.refuse("needs at least 2 examples, one to train on and one to test on, got 1")
    if _are_labels(ts[0]):
        return Form(shapes[0][1:], Targets(classes=_classes(stored, parts, ts)))
    could_be_labels = ts[0].ndim == 1 and (ts[0] == np.rint(ts[0])).all()
    name = parts[0][1]
    advice = (
        f'labels are integers; store {name}.astype(int), or set task to "classification"'
        if could_be_labels
        else ""
    )
    return Form(shapes[0][1:], Targets(ts[0].shape[1:], advice=advice))


def _check_alike(
    stored: StoredArrays, parts: Sequence[Part], shapes: Sequence[Shape], ts: Sequence[Array]
) -> None:
    """Refuse a test part whose form differs from the training part's."""
    xs, names_of_ts = zip(*parts, strict=True)
    for (train, test), (first, second) in (
        (xs, shapes),
        (names_of_ts, [t.shape for t in ts]),
    ):
        if first[1:] != second[1:]:
            stored.refuse(
                f'each entry of array "{test}" must have the shape {first[1:]}, like those of '
                f'"{train}", got {second[1:]}'
            )
    if _are_labels(ts[0]) != _are_labels(ts[1]):
        train, test = names_of_ts
        stored.refuse(
            f'arrays "{train}" and "{test}" must both hold integers or both floats, '
            f"got {ts[0].dtype} and {ts[1].dtype}"
        )


def _classes(stored: StoredArrays, parts: Sequence[Part], ts: Sequence[Array]) -> int:
    """Return the number of classes that the labels name."""
    for (_, name), labels in zip(parts, ts, strict=True):
        if labels.min() < 0:
            i = int(np.argmax(labels < 0))
            stored.refuse(f"{name}[{i}]: labels start at 0, got {labels[i]}")
    present = np.unique(np.concatenate([np.unique(labels) for labels in ts]))
    name = parts[0][1]
    missing = _gaps([int(label) for label in present])
    if missing:
        stored.refuse(
            f'array "{name}" has labels up to {present[-1]}, but none is {missing}; '
            "number the classes without gaps, as np.unique(t, return_inverse=True)[1] does"
        )
    if len(present) == 1:
        stored.refuse(
            f'array "{name}" must have labels of at least 2 classes, got only 0; '
            'if its integers are no labels, set task to "regression", or store them as floats'
        )
    return len(present)


def _gaps(labels: list[int]) -> str:
    """Return in words which labels are missing from 0 to the last one."""
    ranges = [
        (before + 1, label - 1) for before, label in pairwise((-1, *labels)) if label > before + 1
    ]
    words = [str(first) if first == last else f"{first} to {last}" for first, last in ranges]
    if len(words) > MOST_GAPS:
        words[MOST_GAPS:] = [f"many more up to {ranges[-1][1]}"]
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def as_task(stored: StoredArrays, name: str, t: Array, task: Task | None) -> Array:
    """Return targets as labels or as numbers, which their type then says.

    Args:
        stored: The arrays, for messages.
        name: The name of the targets.
        t: The targets.
        task: What they are; None if their type says it.

    Raises:
        DataError: They cannot be labels.
    """
    if task is None or (task == "regression" and not _are_labels(t)):
        return t
    if task == "regression":
        return t.astype(np.float64)
    t = t[:, 0] if t.ndim == 2 and t.shape[1] == 1 else t
    if t.ndim != 1:
        stored.refuse(
            f'{name}: task is "classification", so it must hold one label for each example, got '
            f"entries of shape {t.shape[1:]}; for one-hot targets store {name}.argmax(axis=1)"
        )
    if t.dtype.kind == "f" and not (is_whole := t == np.rint(t)).all():
        i = int(is_whole.argmin())
        stored.refuse(
            f'{name}[{i}]: task is "classification", so it must be an integer, got {t[i]}'
        )
    return t if _are_labels(t) else t.astype(np.int64)


def placed(stored: StoredArrays, name: str, form: Form, channels: Channels | None) -> Form:
    """Return the form of examples after their channels have been put first.

    Raises:
        DataError: The examples have no channels.
    """
    if channels != "last":
        return form
    if len(form.shape) < 2:
        stored.refuse(
            f'{name}: channels "last" needs examples of at least 2 axes, got the shape {form.shape}'
        )
    return Form((form.shape[-1], *form.shape[:-1]), form.targets)


def channels_first(x: Array) -> Array:
    """Return examples with their last axis first, reordered in place so that no copy is needed."""
    rows = x.reshape(len(x), -1)
    for example, row in zip(x, rows, strict=True):
        row[...] = np.moveaxis(example, -1, 0).ravel()
    return rows.reshape(len(x), x.shape[-1], *x.shape[1:-1])


def about_channels(where: str, form: Form, channels: Channels | None) -> tuple[str, ...]:
    """Return a note if examples look like images whose channels are last."""
    shape = form.shape
    is_likely = (
        len(shape) == 3 and shape[2] in COUNTS_OF_CHANNELS and shape[0] not in COUNTS_OF_CHANNELS
    )
    if channels is not None or not is_likely:
        return ()
    return (
        f"{where}: examples of shape {shape} look like images with their channels last, and layers "
        'take channels first; set channels to "last", or to "first" if they are',
    )


def _are_labels(t: Array) -> bool:
    return t.ndim == 1 and t.dtype.kind in "iu"
