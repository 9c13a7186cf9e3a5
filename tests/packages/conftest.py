"""The packages that ``.ci/run packages`` has built."""

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Packages:
    """The folder of all sdists and wheels."""

    folder: Path

    def sdist(self, name: str) -> Path:
        [file] = self.folder.glob(f"{name.replace('-', '_')}-[0-9]*.tar.gz")
        return file

    def wheel(self, name: str) -> Path:
        [file] = self.folder.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
        return file


@pytest.fixture(scope="session")
def packages() -> Packages:
    """All packages, built from this checkout."""
    folder = os.environ.get("LAYERKIT_PACKAGES")
    if not folder:
        pytest.fail("LAYERKIT_PACKAGES names no folder of packages; use .ci/run packages")
    return Packages(Path(folder))


@pytest.fixture(scope="session")
def unpacked(packages, tmp_path_factory) -> Path:
    """The sdist of layerkit, unpacked: a checkout without git."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(packages.sdist("layerkit")) as sdist:
        sdist.extractall(folder, filter="data")
    [inside] = folder.iterdir()
    return inside
