"""What README and the plugins tell to install, in environments made by venv, uv and pipx."""

import os
import re
import sys
import tarfile
from pathlib import Path

import pytest
from commands import run

ROOT = Path(__file__).parents[2]
TRAIN = ("run", "specs/digits.json", "--set", "training.epochs=1", "--quiet", "--json")
NEW = "tests/cli/test_new.py::test_a_new_plugin_installs_and_passes_its_tests_as_it_stands"


@pytest.fixture(scope="session")
def environment(unpacked, tmp_path_factory) -> Path:
    """An environment made by uv, with layerkit and what its tests need."""
    folder = tmp_path_factory.mktemp("uv") / "venv"
    run("uv", "venv", "--python", sys.executable, folder, cwd=unpacked)
    python = folder / "bin" / "python"
    requirements = "tests/requirements.txt"
    run("uv", "pip", "install", "--python", python, "-r", requirements, cwd=unpacked)
    return folder


def test_venv_and_pip_install_the_sdist(packages, unpacked, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=unpacked)
    tools = tmp_path / "venv" / "bin"

    run(tools / "python", "-m", "pip", "install", packages.sdist("layerkit"), cwd=unpacked)

    trained = run(tools / "layerkit", *TRAIN, "--out", tmp_path / "run", cwd=unpacked)
    assert '"status": "finished"' in trained


def test_the_tests_run_from_the_sdist(unpacked, environment):
    """Those of the face, the documents and the core, and the one that installs a package."""
    passed = run(
        environment / "bin" / "python", "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider",
        "tests/behaviour/test_docs.py", "tests/behaviour/test_package.py", "tests/network",
        "tests/behaviour/test_readme.py", "tests/behaviour/test_listing.py", NEW,
        cwd=unpacked, CI="",
    )  # fmt: skip

    [count] = re.findall(r"(\d+) passed", passed)
    assert int(count) > 50


@pytest.mark.parametrize("name", ["layerkit-conv", "layerkit-example", "layerkit-compiled"])
def test_the_tests_of_a_plugin_run_from_its_sdist(packages, environment, tmp_path, name):
    with tarfile.open(packages.sdist(name)) as sdist:
        sdist.extractall(tmp_path, filter="data")
    [inside] = tmp_path.iterdir()
    quick = {"layerkit-compiled": ["tests/test_compiled_arguments.py"]}.get(name, ["tests"])
    # Which module is meant, the installed one or that in the folder, is no question for a wheel.
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=append", "-m", "not slow"]
    if name == "layerkit-example":
        options = options[:-2]

    passed = run(environment / "bin" / "python", "-m", "pytest", *options, *quick, cwd=inside)

    assert re.search(r"\d+ passed", passed)


def test_pipx_installs_the_command_and_adds_plugins(unpacked, tmp_path):
    home = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    pipx = (sys.executable, "-m", "pipx")

    run(*pipx, "install", "--python", sys.executable, ".", cwd=unpacked, **home)
    run(*pipx, "inject", "layerkit", "plugins/layerkit-conv", cwd=unpacked, **home)

    command = tmp_path / "bin" / "layerkit"
    assert "layerkit-conv" in run(command, "plugins", cwd=unpacked)
    assert '"status": "finished"' in run(command, *TRAIN, "--out", tmp_path / "run", cwd=unpacked)


def blocks() -> list[tuple[str, str]]:
    """Return the shell blocks of all documents that have no mark of their own, and their places."""
    return [
        (f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}", match[2])
        for pattern in ("*.md", "docs/*.md", "plugins/*/README.md", "benchmarks/*.md")
        for file in sorted(ROOT.glob(pattern))
        for text in [file.read_text()]
        for match in re.finditer(r"(<!-- .+ -->\n)?```sh\n([\s\S]*?)```", text)
        if match[1] is None
    ]


@pytest.mark.parametrize("block", [b for _, b in blocks()], ids=[place for place, _ in blocks()])
def test_a_shell_block_of_a_document_works_in_a_checkout(unpacked, environment, block):
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"

    run("bash", "-euo", "pipefail", "-c", block, cwd=unpacked, PATH=path, CI="")
