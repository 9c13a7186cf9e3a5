"""Folders of images."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from layerkit import (
    Data,
    DataError,
    Dataset,
    Example,
    Form,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Split,
    Targets,
)
from layerkit.builtin.datasets.folders import Parts, found_images
from layerkit.builtin.datasets.pictures import Pictures
from layerkit.builtin.datasets.splitting import STRATIFY, TestFraction, noted, split


def _png(shade: int) -> bytes:
    """Return a grey image of 2 x 2 pixels, an example file."""
    rows = 2 * bytes((0, shade, shade))

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


_FILES = {f"{name}/{i}.png": _png(40 * i) for name in ("cat", "dog") for i in range(3)}


class Images(Dataset):
    """Images in PNG or JPEG files, in a folder for each class.

    The class folders of the training part are in the folder ``train`` or ``training``, and those of
    the test part in ``test``, ``testing``, ``val``, ``valid`` or ``validation``; or there is one
    set of class folders, which is split. Images in folders below a class folder count too. Classes
    are in numerical order if all names are numbers, otherwise in alphabetical order.

    Every image is turned upright as its EXIF data say, converted to grey or RGB, and resized if
    ``size`` is given, with a bilinear filter and regardless of its proportions. Transparency is
    ignored. The images stay bytes and are multiplied by 1/255 batch by batch. If they take more
    than half of the free memory, they are decoded into a temporary file (in ``$TMPDIR``), which is
    mapped and disappears with the process.

    Needs Pillow: ``pip install "layerkit[images]"``.

    Args:
        path: The folder.
        size: Rows and columns of an image, or one number for a square; by default, all images must
            have the same size.
        colour: Whether an image has one channel, its luma as in ITU-R 601-2, or three.
        flat: Whether an image is a vector rather than channels of rows.
        test_fraction: The share of the images to test on, drawn at random; not used if there is a
            test part.
        seed: The seed of the choice of the test images.
        stratify: Whether the share to test on holds for each class.
        classes: The names of the class folders in the order of their labels; by default, those that
            there are.
        scale: The factor of each batch of ``x``.

    Shapes:
        x: ``(count, channels * rows * columns)``; if not flat, ``(count, channels, rows, columns)``
        t: ``(count,)``, labels from 0

    Raises:
        ValueError: A class is listed twice.
    """

    examples = (
        Example({"path": "."}, files=_FILES),
        Example(
            {"path": ".", "size": [3, 4], "colour": "grey", "flat": False, "stratify": True},
            files=_FILES,
        ),
        Example(
            {"path": ".", "size": 2, "classes": ["dog", "cat"], "scale": 1.0},
            files={f"{part}/{name}": _FILES[name] for part in ("train", "test") for name in _FILES},
        ),
    )

    def __init__(
        self,
        path: Path,
        size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None,
        colour: Literal["rgb", "grey"] = "rgb",
        flat: bool = True,
        test_fraction: TestFraction = 0.2,
        seed: NonNegativeInt = 0,
        stratify: bool = False,
        classes: tuple[str, ...] = (),
        scale: PositiveFloat = 1 / 255,
    ) -> None:
        if len(set(classes)) < len(classes):
            raise ValueError("classes must differ from each other")
        self.path = path
        self.size = size
        self.colour = colour
        self.flat = flat
        self.test_fraction = test_fraction
        self.seed = seed
        self.stratify = stratify
        self.classes = classes
        self.scale = scale

    def inspect(self) -> Form:
        """Return the form of the images, listing the folders and opening the first image."""
        parts = found_images(self.path, self.classes)
        return self._form(parts, self._pictures(parts))

    def load(self) -> Data:
        """Decode the images, into memory or into a temporary file."""
        parts = found_images(self.path, self.classes)
        pictures = self._pictures(parts)
        form = self._form(parts, pictures)
        (files, labels), *test = parts.parts
        if test:
            [(test_files, test_labels)] = test
            order = Data(
                Split(np.arange(len(files)), labels),
                Split(np.arange(len(files), len(files) + len(test_files)), test_labels),
            )
            files = [*files, *test_files]
        else:
            # Drawn before decoding: afterwards images would be moved, perhaps in a large file.
            rng = np.random.default_rng(self.seed)
            indices = np.arange(len(files))
            order = split(indices, labels, self.test_fraction, rng, stratify=self.stratify)
        count = len(order.train)
        x = pictures.decoded([files[i] for i in np.concatenate([order.train.x, order.test.x])])
        x = x.reshape(len(x), *form.shape)
        data = replace(
            order,
            train=Split(x[:count], order.train.t, self.scale),
            test=Split(x[count:], order.test.t, self.scale),
            notes=(*parts.notes, *pictures.notes),
        )
        advice = "" if self.stratify or test else STRATIFY
        return noted(data, str(self.path), parts.classes, advice)

    def _pictures(self, parts: Parts) -> Pictures:
        """Return the reader of the images."""
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        return Pictures(self.path, parts.parts[0][0][0], size, self.colour)

    def _form(self, parts: Parts, pictures: Pictures) -> Form:
        if self.stratify and len(parts.parts) == 2:
            raise DataError(
                f"{self.path}: stratify needs one part to split, and there is a folder for each "
                "part; leave it out"
            )
        shape = pictures.shape
        targets = Targets(classes=len(parts.classes))
        return Form((int(np.prod(shape)),) if self.flat else shape, targets)
