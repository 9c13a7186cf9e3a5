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


TESTED_ELSEWHERE = {
    # What a command prints is judged as a whole.
    "behaviour/test_bad_input.py": ["cli/arguments"],
    "behaviour/test_listing.py": [
        "cli/check", "cli/describe", "cli/layers", "cli/output", "cli/plugins", "cli/progress",
        "cli/run", "cli/schema", "docstrings",
    ],
    "cli/test_fix.py": ["cli/problems"],
    "cli/test_streams.py": ["__main__"],
    # Contracts and checks show in the components that keep or violate them.
    "behaviour/test_unheld_numbers.py": ["contracts/unheld", "conversion"],
    "behaviour/test_python_api.py": ["annotations", "arguments", "contracts/dataset"],
    "behaviour/test_wrong_returns.py": ["contracts/schedule"],
    "builtin/test_layers.py": ["builtin/functions"],
    "builtin/test_losses.py": ["builtin/fitting", "functions"],
    "test_initializers.py": ["builtin/initializers", "contracts/initializer"],
    "testing/test_laws.py": ["testing/subject"],
    # Parts of one thing, which other code uses only as a whole.
    "builtin/datasets/test_images.py": ["builtin/datasets/folders", "builtin/datasets/pictures"],
    "builtin/datasets/test_rows.py": ["builtin/datasets/header"],
    "builtin/datasets/test_csv.py": [
        "builtin/datasets/names", "builtin/datasets/roles",
        "builtin/datasets/columns", "builtin/datasets/numerals", "builtin/datasets/table",
    ],
    "builtin/datasets/test_mnist.py": ["builtin/datasets/downloading", "builtin/datasets/idx"],
    "builtin/datasets/test_npz.py": [
        "builtin/datasets/archive", "builtin/datasets/files", "builtin/datasets/stored",
    ],
    "network/test_network.py": [
        "network/derivatives", "network/layout", "network/node", "network/passes",
        "network/vectors",
    ],
    "plugins/test_discovery.py": ["plugins/installed", "plugins/reports"],
    "run/test_checking.py": ["comparison", "stairs", "run/verdicts"],
    "run/test_fixing.py": ["run/findings", "run/guessing", "spec/edits", "spec/repair"],
    "run/test_folder.py": ["run/weights"],
    "run/test_watching.py": ["outputs"],
    "spec/test_report.py": ["spec/problems"],
    "spec/test_text.py": ["spec/locating"],
    "test_interrupts.py": ["run/interrupting"],
    "test_memory.py": ["control_groups"],
    "test_builder.py": ["spec/metrics"],
    "test_registry.py": ["contracts/registrar", "wording"],
    "training/test_trainer.py": ["training/data_checks", "training/step", "training/stopping"],
}  # fmt: skip
"""Modules without a file of tests of their own, by the file that tests them."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def has_code(module: Path) -> bool:
    """Return whether a module has a function with a body besides its docstring."""
    functions = [n for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, DEFINITIONS)]
    return any(not is_text(part) for function in functions for part in function.body)


def is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def names_of_tests(module: Path) -> list[Path]:
    """Return where the tests of a module may stand: a file for it, or for a package around it."""
    places = [module, *(p for p in module.parents if p.name)]
    return [place.parent / f"test_{place.stem}.py" for place in places]


def test_every_module_with_code_has_a_file_of_tests_or_says_which_tests_it():
    package = ROOT / "layerkit"
    modules = {
        str(module.relative_to(package).with_suffix("")): module.relative_to(package)
        for module in package.rglob("*.py")
        if module.stem != "__init__" and has_code(module)
    }
    tested = {m for m, path in modules.items() if set(names_of_tests(path)) & set(FILES)}
    listed = {module for modules in TESTED_ELSEWHERE.values() for module in modules}

    assert modules.keys() - tested - listed == set(), "add a file of tests"
    assert listed - (modules.keys() - tested) == set(), "is no longer to be listed"
    assert [file for file in TESTED_ELSEWHERE if Path(file) not in FILES] == []


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
