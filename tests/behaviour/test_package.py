"""The package as a whole: its exports, and the cost of importing it."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import layerkit

SPEC = Path(__file__).parents[2] / "specs" / "mnist_two_layer.json"


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh Python has loaded after a statement."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_what_a_layer_needs_loads_neither_pydantic_nor_typer_nor_rich():
    loaded = loaded_by("from layerkit import Layer, Network, Parameter, PositiveInt, hookimpl")

    assert not loaded & {"pydantic", "pydantic_core", "typer", "rich", "click", "pooch"}


def test_the_command_line_starts_without_what_only_its_verbs_need():
    needed_later = {"numpy", "pydantic", "rich", "pooch", "threadpoolctl"}

    assert not loaded_by("import layerkit.cli") & needed_later


def test_every_public_name_can_be_had_from_where_type_checkers_look_for_it():
    source = ast.parse(Path(layerkit.__file__).read_text())
    seen_by_type_checkers = {
        name.name: statement.module
        for statement in ast.walk(source)
        if isinstance(statement, ast.ImportFrom) and statement.col_offset
        for name in statement.names
    }

    assert sorted(seen_by_type_checkers) == layerkit.__all__ == dir(layerkit)
    for name, module in seen_by_type_checkers.items():
        assert getattr(layerkit, name) is getattr(importlib.import_module(module), name)


def test_modules_are_attributes_of_the_package():
    assert "layerkit.training" in loaded_by("import layerkit; layerkit.training.evaluate")


def test_names_may_be_loaded_by_several_threads_at_once():
    # The first thread is still within the package when the second asks for one of its modules.
    code = """
import importlib.abc, sys, threading, time
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "layerkit.contracts":
            contracts_are_coming.set()
            time.sleep(0.3)
contracts_are_coming = threading.Event()
sys.meta_path.insert(0, Slow())
import layerkit
found = []
first = threading.Thread(target=lambda: found.append(layerkit.Layer))
first.start()
contracts_are_coming.wait()
found.append(layerkit.Loss)
first.join()
assert len(found) == 2, found
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Afine'"):
        _ = layerkit.Afine


@pytest.mark.slow
def test_training_on_mnist_stays_below_200_megabytes(mnist_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERKIT_PLUGINS", "")  # whatever those that are installed may take
    code = (
        "import resource, subprocess, sys;"
        f"subprocess.run([sys.executable, '-m', 'layerkit', 'run', '{SPEC}',"
        f"'--set', 'training.steps=700', '--quiet', '--out', '{tmp_path / 'run'}'], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"  # Linux: kilobytes
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert int(done.stdout) < 200_000
