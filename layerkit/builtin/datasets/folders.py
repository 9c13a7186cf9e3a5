"""Folders that name the classes of the images in them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layerkit import Array, DataError
from layerkit.builtin.datasets.files import unreadable

SUFFIXES = {".png", ".jpg", ".jpeg"}
"""The endings of the names of images."""

TRAINING = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")
"""The names of the folders of parts, in any case; of several, the first one is taken."""

MOST_NAMES = 5
"""The most files or classes that a message names."""


@dataclass(frozen=True)
class Parts:
    """The images of a data set by part.

    Attributes:
        classes: The names of the classes, in the order of their labels.
        parts: The files and their labels, in the training part and, if there is one, the test part.
        notes: What the user may not expect.
    """

    classes: tuple[str, ...]
    parts: list[tuple[list[Path], Array]]
    notes: tuple[str, ...]


def found_images(folder: Path, classes: Sequence[str]) -> Parts:
    """Return the images below a folder, without opening one.

    Args:
        folder: The folder, of class folders, or of parts that hold class folders.
        classes: The only classes allowed, in the order of their labels; if empty, any.

    Raises:
        DataError: There are no such folders, or they do not make up a data set.
    """
    roots, notes = _roots(folder)
    found = [_folders(root) for root in roots]
    present = set[str]().union(*found)
    for root, part in zip(roots, found, strict=True):
        if not part:
            raise DataError(f"{root}: {_why_no_classes(root)}")
    labels = {name: i for i, name in enumerate(classes or _ordered(present))}
    for name in sorted(present - labels.keys()):
        raise DataError(f'{folder}: classes does not list the folder "{name}"; add it, or move it')
    if len(labels) < 2:
        raise DataError(
            f'{folder}: expected a folder for each of at least 2 classes, got only "{min(present)}"'
            + "; is it the part of a data set, or path a class?"
        )
    skipped: list[Path] = []
    parts = []
    for root, part in zip(roots, found, strict=True):
        files: list[Path] = []
        targets: list[int] = []
        for name in sorted(part, key=labels.__getitem__):
            images = list(_images(root / name, skipped))
            files += images
            targets += [labels[name]] * len(images)
        if not files:
            raise DataError(f"{root}: expected PNG or JPEG files in its folders, got none")
        parts.append((files, np.array(targets)))
    if len(parts) == 1 and len(parts[0][0]) < 2:
        raise DataError(f"{folder}: expected at least 2 images, one to train on and one to test on")
    if skipped:
        shown = ", ".join(str(path.relative_to(folder)) for path in skipped[:MOST_NAMES])
        more = f" and {len(skipped) - MOST_NAMES:,} more" if len(skipped) > MOST_NAMES else ""
        notes.append(f"{folder}: left out what is not named .png, .jpg or .jpeg: {shown}{more}")
    return Parts(tuple(labels), parts, tuple(notes))


def _roots(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the folder of each part, which hold class folders, and notes about the choice."""
    by_name = {name.lower(): name for name in _folders(folder)}
    train, *_ = [*(by_name[name] for name in TRAINING if name in by_name), None]
    tests = [by_name[name] for name in TEST if name in by_name]
    if train is None or not tests or len(by_name) > 1 + len(tests):
        return [folder], []
    notes = []
    if tests[0].lower() not in TEST[:2] or tests[1:]:
        unused = f", and {' and '.join(tests[1:])} is not used" if tests[1:] else ""
        notes.append(f"{folder}: {tests[0]} is taken for the test part{unused}")
    return [folder / train, folder / tests[0]], notes


def _folders(folder: Path) -> set[str]:
    """Return the names of the folders in a folder, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            return {e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__"))}
    except FileNotFoundError:
        raise DataError(
            f"{folder}: there is no such folder; a relative path starts at the folder of the spec"
        ) from None
    except OSError as error:
        raise unreadable(folder, error) from error
    except ValueError as error:  # a null byte
        raise DataError(f"{str(folder)!r}: cannot be read: {error}") from None


def _why_no_classes(root: Path) -> str:
    has_images = any(path.suffix.lower() in SUFFIXES for path in root.iterdir())
    got = "images" if has_images else "none"
    return f"expected a folder for each class, with its images in it, got {got}"


def _images(folder: Path, skipped: list[Path]) -> Iterator[Path]:
    """Yield the images below a folder in order, and record other files that are not hidden."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                yield path
            elif not name.startswith("."):
                skipped.append(path)


def _ordered(names: set[str]) -> list[str]:
    """Return names in numerical order if all are numbers, otherwise in alphabetical order."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
