"""What sdists and wheels hold; ``.ci/run packages`` builds them first."""

import re
import subprocess
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ["layerkit", *sorted(f.name for f in (ROOT / "plugins").iterdir() if f.is_dir())]
ADDED = {
    # What the build backends write themselves.
    r"PKG-INFO|setup\.cfg|layerkit_compiled\.egg-info/.*": NAMES,
    # hatch takes the file along that says what it leaves out.
    r"\.gitignore": NAMES,
    # The tests train specs that stand with those of layerkit in a checkout.
    r"specs/.*\.json": ["layerkit-conv", "layerkit-sequence"],
}
"""What an sdist holds and the folder of its package does not, and for which packages."""


def source(name: str) -> Path:
    return ROOT if name == "layerkit" else ROOT / "plugins" / name


def members(archive: Path) -> set[str]:
    """Return the names of the files in an sdist, without the folder around them."""
    with tarfile.open(archive) as opened:
        return {m.name.partition("/")[2] for m in opened.getmembers() if m.isfile()}


@pytest.mark.parametrize("name", NAMES)
def test_an_sdist_holds_what_its_folder_does(packages, name):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=source(name), check=True, capture_output=True, text=True,
    )  # fmt: skip
    files = set(listed.stdout.splitlines())

    held = members(packages.sdist(name))

    assert files - held == set()
    unexplained = {
        file
        for file in held - files
        if not any(name in names and re.fullmatch(rule, file) for rule, names in ADDED.items())
    }
    assert unexplained == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_package_carries_the_licence(packages, name):
    licence = (ROOT / "LICENSE").read_bytes()

    with tarfile.open(packages.sdist(name)) as sdist:
        [held] = [m for m in sdist.getmembers() if re.fullmatch(r"[^/]+/LICENSE", m.name)]
        assert sdist.extractfile(held).read() == licence
    with zipfile.ZipFile(packages.wheel(name)) as wheel:
        [held] = [n for n in wheel.namelist() if n.endswith(".dist-info/licenses/LICENSE")]
        assert wheel.read(held) == licence


@pytest.mark.parametrize("name", NAMES)
def test_the_description_that_an_index_shows_has_no_link_that_leads_nowhere(packages, name):
    with zipfile.ZipFile(packages.wheel(name)) as wheel:
        [metadata] = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        description = message_from_bytes(wheel.read(metadata)).get_payload()

    assert description.lstrip().startswith(f"# {name}\n")
    assert [u for u in re.findall(r"\]\(([^)]+)\)", description) if "://" not in u] == []


def test_one_wheel_in_c_serves_python_3_11_and_later(packages):
    wheel = packages.wheel("layerkit-compiled")

    assert wheel.name.split("-")[2:4] == ["cp311", "abi3"]
    with zipfile.ZipFile(wheel) as opened:
        assert [n for n in opened.namelist() if n.endswith((".so", ".pyd"))] == [
            "layerkit_compiled/_kernels.abi3.so"
        ]
