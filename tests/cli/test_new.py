import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from layerkit import load_registry, load_spec


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, in which the command runs."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_new_plugin_has_all_it_takes_to_publish_it(layerkit, here):
    outcome = layerkit("new", "plugin", "gated-relu")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "wrote layerkit-gated-relu; now:\n"
        '  cd layerkit-gated-relu && pip install -e ".[test]" && pytest\n'
        "  layerkit describe gated_relu\n"
    )
    assert files(here) == [
        f"layerkit-gated-relu/{name}"
        for name in (
            ".github/workflows/test.yml",
            ".gitignore",
            "README.md",
            "layerkit_gated_relu.py",
            "pyproject.toml",
            "tests/test_layerkit_gated_relu.py",
        )
    ]
    project = tomllib.loads((here / "layerkit-gated-relu" / "pyproject.toml").read_text())
    assert project["project"]["name"] == "layerkit-gated-relu"
    assert project["project"]["entry-points"]["layerkit"] == {"gated_relu": "layerkit_gated_relu"}
    for file in (here / "layerkit-gated-relu").rglob("*.*"):
        if file.is_file() and file.name != "test.yml":
            assert not re.search(r"\$\w|MODULE|\.template", file.read_text()), file


@pytest.mark.slow
def test_a_new_plugin_installs_and_passes_its_tests_as_it_stands(layerkit, here, tmp_path):
    layerkit("new", "plugin", "layerkit-swish", "--in", here / "work")
    plugin, site = here / "work" / "layerkit-swish", tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--target", site, plugin)
    environment = {**os.environ, "PYTHONPATH": str(site), "LAYERKIT_PLUGINS": "swish"}

    tests = run(
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cwd=plugin, env=environment
    )
    verified = run(sys.executable, "-m", "layerkit", "verify", "layerkit-swish", env=environment)
    spec = re.findall(r"```json\n([\s\S]*?)```", (plugin / "README.md").read_text())[0]
    (here / "net.json").write_text(spec)
    trained = run(sys.executable, "-m", "layerkit", "run", "net.json", "--json", env=environment)

    [checks] = re.findall(r"(\d+) of \1 checks of 1 components: 0 failed", verified)
    assert int(checks) > 20
    assert f"{int(checks) + 1} passed" in tests  # and the numbers worked out by hand
    assert json.loads(trained)["last"]["scores"]["test_accuracy"] > 0.9


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_plugin_overwrites_nothing(layerkit, here):
    (here / "layerkit-swish").mkdir()
    (here / "layerkit-swish" / "mine.txt").write_text("mine")

    outcome = layerkit("new", "plugin", "swish")

    assert outcome.code == 2
    assert outcome.err == (
        "layerkit: layerkit-swish: already exists, and nothing is overwritten; remove it first\n"
    )
    assert files(here) == ["layerkit-swish/mine.txt"]


@pytest.mark.parametrize("name", ["Swish", "gated_relu", "2d", "-x", "a--b", "", "../up", "a b"])
def test_a_name_that_no_package_can_have_is_refused(layerkit, here, name):
    outcome = layerkit("new", "plugin", "--", name)

    assert outcome.code == 2
    assert outcome.err == (
        f'layerkit: a plugin is named in lower case, as in gated-relu, got "{name}"\n'
    )
    assert files(here) == []


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        *[(name, "something of layerkit") for name in ("relu", "softmax-with-loss", "parameter")],
        *[(name, "something of layerkit") for name in ("network", "trainer", "step", "data-error")],
        *[(name, "something of layerkit") for name in ("plugins", "run", "layerkit")],
        *[(name, "something of Python") for name in ("none", "exception", "warning", "lambda")],
        *[(name, "something of Python") for name in ("json", "math", "asyncio", "winreg")],
        *[(name, "an installed package") for name in ("numpy", "pydantic", "typer")],
        *[(name, "a device of Windows") for name in ("con", "nul", "aux", "prn", "com1", "lpt9")],
    ],
)
def test_a_name_that_something_else_has_already_is_refused(layerkit, here, name, owner):
    outcome = layerkit("new", "plugin", name)

    assert outcome.code == 2
    assert outcome.err == (
        f'layerkit: "{name}" already names {owner}; choose another name, such as my-{name}\n'
    )
    assert files(here) == []


def test_the_name_of_a_plugin_that_is_installed_is_refused(layerkit, here, install):
    install("layerkit-gated")

    outcome = layerkit("new", "plugin", "layerkit-gated")

    assert outcome.code == 2
    assert outcome.err == (
        'layerkit: "gated" already names an installed package; choose another name, such as '
        "my-gated\n"
    )


def test_the_name_of_a_module_that_was_made_by_hand_is_refused(layerkit, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "handmade", ModuleType("handmade"))

    assert layerkit("new", "plugin", "handmade").code == 2
    assert files(here) == []


def test_a_folder_or_a_file_beside_it_takes_no_name(layerkit, here, monkeypatch):
    monkeypatch.syspath_prepend(here)  # as python -m does
    (here / "swish").mkdir()
    (here / "gated.py").touch()

    assert [layerkit("new", "plugin", name).code for name in ("swish", "gated")] == [0, 0]


def test_a_link_that_leads_nowhere_is_not_followed(layerkit, here):
    (here / "a.json").symlink_to(here / "elsewhere.json")

    outcome = layerkit("new", "spec", "a.json")

    assert outcome.code == 2
    assert "a.json: already exists, and nothing is overwritten" in outcome.err
    assert not (here / "elsewhere.json").exists()


def test_where_nothing_can_be_written_nothing_is_left_behind(layerkit, here):
    (here / "file").write_text("in the way")

    outcome = layerkit("new", "plugin", "swish", "--in", "file")

    assert outcome.code == 2
    assert outcome.err.startswith("layerkit: file/layerkit-swish: cannot be written: ")
    assert files(here) == ["file"]


def test_a_new_spec_is_valid_and_named_after_its_file(layerkit, here):
    outcome = layerkit("new", "spec", "my_net.json")

    assert outcome.out == (
        "wrote my_net.json; now:\n  layerkit check my_net.json\n  layerkit run my_net.json\n"
    )
    assert load_spec("my_net.json", load_registry()).name == "my_net"
    assert layerkit("run", "my_net.json", "--quiet", "--set", "training.epochs=1").code == 0


def test_a_new_spec_overwrites_nothing(layerkit, here):
    (here / "a.json").write_text("mine")

    outcome = layerkit("new", "spec", "a.json")

    assert outcome.code == 2
    assert "a.json: already exists, and nothing is overwritten" in outcome.err
    assert (here / "a.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("a.yaml", "a spec is a file that ends in .json"),
        ("a b.json", "its name may have letters, digits, and _ . - inside"),
        ("con.json", 'on Windows "con" names a device, with any ending; choose another name'),
        ("NUL.a.json", 'on Windows "NUL" names a device, with any ending; choose another name'),
        ("no/such/folder.json", "cannot be written: No such file or directory"),
    ],
)
def test_a_file_that_can_be_no_spec_is_refused(layerkit, here, file, message):
    outcome = layerkit("new", "spec", file)

    assert outcome.code == 2
    assert outcome.err == f"layerkit: {Path(file)}: {message}\n"
    assert files(here) == []
