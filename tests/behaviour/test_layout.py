"""The layout of the tests: each test file is found from the module it tests, and vice versa."""

import ast
from itertools import groupby
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


def imports_inside_functions(source: str) -> list[list[ast.stmt]]:
    """Return the imports inside functions, those that follow each other as one group."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    blocks = {
        id(block): block
        for function in ast.walk(ast.parse(source)) if isinstance(function, functions)
        for node in ast.walk(function)
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
        if isinstance(block, list)
    }  # fmt: skip
    return [
        list(group)
        for block in blocks.values()
        for is_import, group in groupby(block, lambda s: isinstance(s, ast.Import | ast.ImportFrom))
        if is_import
    ]


def has_reason(lines: list[str], group: list[ast.stmt]) -> bool:
    """Return whether a comment stands above a group of imports, or on one of its lines."""
    first, last = group[0].lineno, group[-1].end_lineno
    comments = [line.partition("#")[2].strip() for line in lines[first - 2 : last]]
    return any(comment and not comment.startswith(("noqa", "type:")) for comment in comments)


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        ("def f():\n    import a\n", [False]),
        ("def f():\n    # It takes 20 ms.\n    import a\n", [True]),
        ("def f():\n    import a  # it takes 20 ms\n    from b import c\n", [True]),
        ("def f():\n    import a  # noqa: F401\n", [False]),
        ("def f():\n    # It takes 20 ms.\n    import a\n    a.b()\n    import c\n", [True, False]),
        ("def f():\n    try:\n        import a\n    finally:\n        pass\n", [False]),
        ("import a\n\n\nclass B:\n    def f(self):\n        import c\n", [False]),
    ],
)
def test_an_import_inside_a_function_without_a_reason_is_seen(source, reasons):
    groups = imports_inside_functions(source)

    assert [has_reason(source.splitlines(), group) for group in groups] == reasons


def test_each_import_inside_a_function_has_its_reason_beside_it():
    files = [*(ROOT / "layerkit").rglob("*.py"), *(ROOT / "plugins").glob("*/layerkit_*/**/*.py")]
    files += (ROOT / "plugins").glob("*/layerkit_*.py")
    missing_reasons = []
    for file in files:
        source = file.read_text()
        missing_reasons += [
            f"{file.relative_to(ROOT)}:{group[0].lineno}"
            for group in imports_inside_functions(source)
            if not has_reason(source.splitlines(), group)
        ]

    assert missing_reasons == []
