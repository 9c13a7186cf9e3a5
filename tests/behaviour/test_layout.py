"""The layout of the tests: each test file is found from the module it tests, and vice versa."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
FILES = sorted(file.relative_to(TESTS) for file in TESTS.rglob("test_*.py"))
MIRRORING = [file for file in FILES if file.parts[0] not in ("behaviour", "packages")]
ABOUT_MORE = [file for file in FILES if file.parts[0] == "behaviour"]

FOLDERS_OF_THEIR_OWN = {
    "behaviour": "what several modules do together, and what the whole package promises",
    "packages": "packages as an index has them, each in an environment of its own",
    "specs": "specs that tests and the README read",
    "support": "what several files of tests import",
}
"""The folders of tests that are no folders of the package, each with what stands in it."""


@pytest.mark.parametrize("file", MIRRORING, ids=str)
def test_a_file_of_tests_stands_where_its_module_stands(file):
    place = ROOT / "layerkit" / file.parent / file.stem.removeprefix("test_")

    assert place.is_dir() or place.with_suffix(".py").is_file(), (
        f"layerkit has no {place.relative_to(ROOT / 'layerkit')}; what is about several modules "
        "belongs into tests/behaviour"
    )


@pytest.mark.parametrize("file", ABOUT_MORE, ids=str)
def test_a_file_about_several_modules_says_what_it_is_about(file):
    assert ast.get_docstring(ast.parse((TESTS / file).read_text()))


def test_every_other_folder_is_one_of_the_package():
    folders = {f.name for f in TESTS.iterdir() if f.is_dir() and any(f.rglob("*.[pj][ys]*"))}
    packages = {f.parent.name for f in (ROOT / "layerkit").glob("*/__init__.py")}

    assert folders - packages == set(FOLDERS_OF_THEIR_OWN)


def test_no_test_stands_among_what_tests_share():
    assert [file for file in FILES if file.parts[0] in ("specs", "support")] == []
