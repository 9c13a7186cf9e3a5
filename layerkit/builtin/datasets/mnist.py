"""The MNIST database of handwritten digits."""

import os
from pathlib import Path

from layerkit import Array, Data, DataError, Dataset, Form, Fraction, Split, Targets
from layerkit.builtin.datasets.files import unreadable
from layerkit.builtin.datasets.idx import IdxError, IdxFile, spellings

FILES = (
    IdxFile("train-images-idx3-ubyte", (60_000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
    IdxFile("train-labels-idx1-ubyte", (60_000,), "a25bea736e30d166cdddb491f175f624"),
    IdxFile("t10k-images-idx3-ubyte", (10_000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
    IdxFile("t10k-labels-idx1-ubyte", (10_000,), "27ae3e4e09519cfbb04c329615203637"),
)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

FOLDERS = ("mnist", "", "MNIST/raw")
"""Where the files may be in ``$LAYERKIT_DATA``; torchvision stores them in the last one."""


class Mnist(Dataset):
    """60,000 handwritten digits to train on and 10,000 to test on, of 28 x 28 pixels, 0 to 255.

    The four IDX files, unpacked or as ``.gz``, are searched in the folders ``mnist`` and
    ``MNIST/raw`` of ``$LAYERKIT_DATA``, in ``$LAYERKIT_DATA`` itself and in the user's cache. A
    missing file is downloaded into the cache, from ``$LAYERKIT_MNIST_MIRROR`` if that is set. Their
    content is compared with the published checksums. Pixels stay bytes in memory, 55 MB in all,
    and are multiplied by 1/255 batch by batch.

    Args:
        flat: Whether an image is a vector rather than one channel of rows.
        validation_fraction: The share of the 60,000 images, the last ones, to choose by; 0 for no
            validation part.

    Shapes:
        x: ``(count, 784)``, or ``(count, 1, 28, 28)`` if not flat
        t: ``(count,)``, labels 0 to 9

    Source:
        LeCun, Bottou, Bengio and Haffner (1998), "Gradient-Based Learning Applied to Document
        Recognition", section III.A.
    """

    downloads = True

    def __init__(self, flat: bool = True, validation_fraction: Fraction = 0.0) -> None:
        self.flat = flat
        self.validation_fraction = validation_fraction

    def inspect(self) -> Form:
        """Return the form of the images, reading nothing."""
        shape = (784,) if self.flat else (1, 28, 28)
        return Form(shape, Targets(classes=10), bool(self.validation_fraction))

    def load(self) -> Data:
        """Read the images, downloading them if necessary."""
        train_x, train_t, test_x, test_t = (_read(file) for file in FILES)
        shape = (-1, *self.inspect().shape)
        train = Split(train_x.reshape(shape), train_t, 1 / 255)
        test = Split(test_x.reshape(shape), test_t, 1 / 255)
        if not self.validation_fraction:
            return Data(train, test)
        count = len(train)
        chosen_by = min(max(round(count * self.validation_fraction), 1), count - 1)
        return Data(train[: count - chosen_by], test, train[count - chosen_by :])


def _read(file: IdxFile) -> Array:
    path = _path(file)
    try:
        return file.read(path)
    except IdxError as error:
        raise DataError(
            f"{path}: {error}; put the right file in its place, or remove it to have it downloaded"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _path(file: IdxFile) -> Path:
    """Return the path of a file, downloading it if it is missing."""
    root = os.path.expanduser(os.environ.get("LAYERKIT_DATA", ""))
    folders = [Path(root, name) for name in FOLDERS] if root else []
    path = _existing_path(file, folders)
    if path:
        return path
    # Imported here, because only a download needs its dependencies.
    from layerkit.builtin.datasets.downloading import cache_folder, download

    cache = cache_folder("mnist")
    path = _existing_path(file, [cache])
    if path:
        return path
    mirror = os.environ.get("LAYERKIT_MNIST_MIRROR")
    mirrors = (mirror,) if mirror else MIRRORS
    try:
        return download(f"{file.name}.gz", cache, mirrors, check=file.read)
    except DataError as error:
        places = ", ".join(str(folder) for folder in (*folders, cache))
        names = ", ".join(f.name for f in FILES)
        raise DataError(
            f"MNIST: {file.name} is not in {places}, and {error.message}",
            [
                *error.details,
                f"put the four files ({names}), unpacked or as .gz, into a folder "
                "mnist and set LAYERKIT_DATA to the folder that holds it",
            ],
        ) from error


def _existing_path(file: IdxFile, folders: list[Path]) -> Path | None:
    for folder in folders:
        for name in spellings(file.name):
            if _exists(folder / name):
                return folder / name
    return None


def _exists(path: Path) -> bool:
    """Return whether a path exists; whether it is a regular file is checked when it is opened."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from error
    return True
