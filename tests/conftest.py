"""Where the tests find what does not stand in the repository."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mnist_folder():
    """The folder with the four MNIST files; without it a test is skipped, but fails in CI."""
    root = os.environ.get("LAYERKIT_DATA")
    folder = Path(root or ".", "mnist")
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    if root and all(any(folder.glob(f"{part}-ubyte*")) for part in parts):
        return folder
    found = f"{folder} lacks some of them" if root else "it is not set"
    reason = f"needs the MNIST files in the folder mnist of $LAYERKIT_DATA, but {found}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
