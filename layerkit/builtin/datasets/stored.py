"""Arrays of numbers in files, and the form of the data set that they make up."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn, TypeAlias

import numpy as np

from layerkit import Array, Form, Shape, Targets

Part: TypeAlias = tuple[str, str]
"""The names of the examples and of the targets of a part of a data set."""


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
    advice = f"labels are integers; store {parts[0][1]}.astype(int)" if could_be_labels else ""
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
            "if its integers are no labels, store them as floats"
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


def _are_labels(t: Array) -> bool:
    return t.ndim == 1 and t.dtype.kind in "iu"
