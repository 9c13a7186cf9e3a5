"""Numbers, names and files beyond what arrays, folders and the system can hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = {
    "version": 1,
    "data": "spiral",
    "layers": [{"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": "sgd",
    "training": {"steps": 1},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def told(layerkit):
    """Run a command that must be refused without a word of Python, and return its first line."""

    def call(spec: dict | str, verb: str = "run", *arguments: str) -> str:
        text = spec if isinstance(spec, str) else json.dumps(spec)
        Path("spec.json").write_text(text, encoding="utf-8")
        outcome = layerkit(verb, "spec.json", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert sorted(p.name for p in Path().iterdir()) == ["spec.json"]
        return outcome.err.split("\n")[0].partition(": ")[2]

    return call


def graph(layer: dict, x: object = ((1, 2),)) -> dict:
    return {"version": 1, "inputs": {"x": x}, "layers": [layer]}


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_graph_that_no_memory_holds_is_refused(told, verb):
    message = told(graph({"type": "affine", "units": 10**18}), verb)

    assert message.startswith("layers[0]: running the graph takes 320 EB of memory, and ")
    assert message.endswith(
        " are free; layers[0] (affine) alone has 3,000,000,000,000,000,000 parameters and "
        "1,000,000,000,000,000,000 outputs; make it smaller"
    )


def test_the_values_of_a_graph_are_counted_for_every_example(told, monkeypatch):
    monkeypatch.setattr("layerkit.footprint.available_memory", lambda: 80 * (1000 + 20 + 10) - 1)
    monkeypatch.setattr("layerkit.footprint.ALWAYS_FREE", 0)

    message = told(graph({"type": "affine", "units": 10}, [[1, 1]] * 100))

    assert "takes 82.4 kB of memory, and 82.4 kB are free" in message


def test_a_graph_that_just_fits_runs(layerkit, monkeypatch):
    monkeypatch.setattr("layerkit.footprint.available_memory", lambda: 80 * (1000 + 20 + 10))
    monkeypatch.setattr("layerkit.footprint.ALWAYS_FREE", 0)
    Path("spec.json").write_text(json.dumps(graph({"type": "affine", "units": 10}, [[1, 1]] * 100)))

    assert layerkit("run", "spec.json").code == 0


@pytest.mark.parametrize("axes", [33, 65, 90])
def test_inputs_of_more_axes_than_arrays_have_are_refused(told, axes):
    value: object = 1
    for _ in range(axes):
        value = [value]

    assert told(graph("relu", value)) == f"inputs.x: must have at most 32 axes, got {axes}"


@pytest.mark.parametrize("axes", [32, 64, 100])
def test_layers_of_more_axes_than_arrays_have_are_refused(told, axes):
    layer = {"type": "reshape", "shape": [1] * axes}
    expected = (
        f"layers[0]: reshape gives {axes + 1} axes, that of the batch included; take at most 32"
    )

    assert told(graph(layer, [[1]])) == expected
    assert told({**SPEC, "layers": [{**layer, "shape": [2] + [1] * (axes - 1)}]}) == expected


def test_as_many_axes_as_arrays_have_run(layerkit):
    layer = {"type": "reshape", "shape": [1] * 31}
    Path("spec.json").write_text(json.dumps(graph(layer, [[1]])))

    assert layerkit("run", "spec.json").code == 0


@pytest.mark.parametrize("option", ["per_class", "classes"])
def test_more_points_than_an_array_holds_are_refused(told, option):
    layers = [{"type": "affine", "units": 3 if option == "per_class" else 10**18}]
    spec = {**SPEC, "data": {"type": "spiral", option: 10**18}, "layers": layers}

    assert re.search(r"arms of .* points: needs .* of memory, and .* are free", told(spec))


def test_bounds_whose_difference_overflows_are_refused(told):
    uniform = {"type": "uniform", "low": -1e308, "high": 1e308}
    spec = {**SPEC, "layers": [{"type": "affine", "units": 3, "weight_init": uniform}]}

    assert told(spec) == (
        "layers[0].weight_init: low and high must not be as far apart as -1e+308 and 1e+308"
    )


LONG = "x" * 300


def test_a_name_that_no_folder_can_have_is_refused(told):
    assert told({**SPEC, "name": LONG}).startswith("name: must have at most 100 characters, got ")


def test_the_longest_name_runs(layerkit):
    Path("spec.json").write_text(json.dumps({**SPEC, "name": "x" * 100}))

    assert layerkit("run", "spec.json", "--quiet").code == 0


def test_a_spec_of_the_longest_file_name_runs(layerkit):
    Path("x" * 250 + ".json").write_text(json.dumps(SPEC))

    outcome = layerkit("run", "x" * 250 + ".json", "--quiet")

    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "spec.json", "--out", LONG],
        ["schema", "--out", LONG],
        ["new", "spec", f"{LONG}.json"],
        ["new", "plugin", LONG],
        ["new", "plugin", "swish", "--in", LONG],
        ["check", LONG],
    ],
)
def test_a_path_that_is_too_long_is_told(layerkit, arguments):
    Path("spec.json").write_text(json.dumps(SPEC))

    outcome = layerkit(*arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("layerkit: ")
    assert outcome.err.endswith("File name too long\n")
    assert sorted(p.name for p in Path().iterdir()) == ["spec.json"]


def test_a_data_file_whose_path_is_too_long_is_told(told):
    assert told({**SPEC, "data": {"type": "npz", "path": LONG}}).endswith("File name too long")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"units": 3', '"units": 3.0', "layers[0].units: must be an integer, got 3.0; write 3"),
        ('"steps": 1', '"steps": 1e3',
         "training.steps: must be an integer, got 1000.0; write 1000"),
        ('"steps": 1', '"steps": 1000000.0',
         "training.steps: must be an integer, got 1000000.0; write 1000000"),
        ('"steps": 1', '"steps": "5"', 'training.steps: must be an integer, got "5"'),
        ('"steps": 1', '"steps": true', "training.steps: must be an integer, got true"),
        ('"version": 1', '"version": 1.0',
         "version: must be 1, the version that this layerkit reads, got 1.0; write 1"),
        ('"version": 1', '"version": true',
         "version: must be 1, the version that this layerkit reads, got true"),
        ('"steps": 1', '"steps": 1, "max_gradient_norm": true',
         "training.max_gradient_norm: must be a number, got true"),
        ('"version": 1', '"version": 1, "name": 7',
         'name: must be text, got 7; for text write "7"'),
    ],
)  # fmt: skip
def test_types_are_strict(told, old, new, message):
    text = json.dumps(SPEC)
    assert old in text

    assert told(text.replace(old, new)) == message


def test_an_integer_stands_for_a_number(layerkit):
    spec = {**SPEC, "optimizer": {"type": "sgd", "learning_rate": 1}}
    Path("spec.json").write_text(json.dumps(spec))

    assert layerkit("check", "spec.json", "--no-gradients").code == 0


NOTATIONS = {
    "YAML": "version: 1\ndata: digits\nlayers:\n  - relu\n",
    "YAML with a comment": "# a net\n---\nversion: 1\n",
    "YAML, a list": "- relu\n- tanh\n",
    "TOML": "version = 1\n[data]\ntype = 'digits'\n",
    "TOML, a table": "[data]\ntype = 'digits'\n",
}


@pytest.mark.parametrize(("name", "text"), NOTATIONS.items(), ids=NOTATIONS)
def test_another_notation_is_told_by_its_name(layerkit, name, text):
    Path("spec.json").write_text(text)

    outcome = layerkit("run", "spec.json")

    assert outcome.code == 2
    notation = name[:4]
    assert (
        f"a spec is JSON, got {notation}; write it as JSON: an object in braces, keys and text in "
        "quotes" in outcome.err
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("file", ["pipe", "/dev/zero", "/dev/null"])
def test_a_spec_that_is_no_file_is_refused_and_not_waited_for(process, file):
    os.mkfifo("pipe")

    run = process("run", file)

    assert run.returncode == 2
    assert run.stderr == (
        f"layerkit: {file}: a spec is a file, got a pipe or a device; store what comes from it in "
        "a file first\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", ["0", "-1", "60", "140"])
def test_a_run_is_shown_whatever_the_columns_of_the_terminal(columns):
    import pty

    Path("spec.json").write_text(json.dumps(SPEC))
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": columns, "TERM": "xterm"}
    command = [sys.executable, "-m", "layerkit", "run", "spec.json"]
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as run:
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(leader)

    assert run.returncode == 0
    assert b"spec: 1 layers" in shown
    assert b"finished after 1 step" in shown
    assert b"results in runs/spec-" in shown
