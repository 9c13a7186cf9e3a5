"""Nothing that a stranger wrote reaches the terminal raw, and no name forges a line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from identity import identity_plugin

from layerkit.cli import terminal

EVIL = "a\x1b[31mb\x9b2Jc\x7fd\u202ee\u2028f\nlayerkit: all is well\r\n  spec.json:1:1: forged"
"""What a terminal would obey, and two line breaks with what they would forge."""

SHOWN = r"a\x1b[31mb\x9b2Jc\x7fd\u202ee\u2028f\nlayerkit: all is well\r\n  spec.json:1:1: forged"

SPEC = {
    "version": 1,
    "data": {"type": "npz", "path": "data.npz"},
    "layers": [{"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": "sgd",
    "training": {"steps": 1},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.normal(size=(30, 4)), t=np.arange(30) % 3)


def write(**changes) -> str:
    Path("spec.json").write_text(json.dumps({**SPEC, **changes}))
    return "spec.json"


def table(text: str, **options) -> str:
    Path("data.csv").write_text(text)
    return write(data={"type": "csv", "path": "data.csv", "target": "kind", **options})


QUOTED = '"' + EVIL.replace("\x00", "") + '"'


def file_name(layerkit, install):
    Path(EVIL).write_text("{")
    return layerkit("check", EVIL)


def missing_file(layerkit, install):
    return layerkit("check", EVIL)


def argument(layerkit, install):
    return layerkit("check", write(), EVIL)


def option(layerkit, install):
    return layerkit("check", write(), f"--{EVIL}")


def verb(layerkit, install):
    return layerkit(EVIL)


def kind(layerkit, install):
    return layerkit("layers", "--kind", EVIL)


def described(layerkit, install):
    return layerkit("describe", EVIL)


def verified(layerkit, install):
    return layerkit("verify", EVIL)


def traceback_of(layerkit, install):
    return layerkit("plugins", "--traceback", EVIL)


def new_plugin(layerkit, install):
    return layerkit("new", "plugin", EVIL)


def new_spec(layerkit, install):
    return layerkit("new", "spec", EVIL)


def schema_out(layerkit, install):
    Path(EVIL.replace("/", "")).mkdir()
    return layerkit("schema", "--out", EVIL)


def run_out(layerkit, install):
    return layerkit("run", write(), "--out", EVIL)


def assignment(layerkit, install):
    return layerkit("check", write(), "--set", EVIL)


def assigned(layerkit, install):
    return layerkit("check", write(), "--set", f"layers[0].type={EVIL}")


def key(layerkit, install):
    return layerkit("check", write(**{EVIL: 1}))


def layer(layerkit, install):
    return layerkit("check", write(layers=[EVIL]))


def layer_name(layerkit, install):
    return layerkit("check", write(layers=[{"type": "relu", "name": EVIL}]))


def inputs(layerkit, install):
    return layerkit("check", write(layers=[{"type": "relu", "inputs": EVIL}]))


def value(layerkit, install):
    return layerkit("check", write(training=EVIL))


def text_that_is_no_json(layerkit, install):
    Path("spec.json").write_text(EVIL)
    return layerkit("check", "spec.json")


def data_file(layerkit, install):
    return layerkit("check", write(data={"type": "npz", "path": EVIL}))


def table_file(layerkit, install):
    return layerkit("check", write(data={"type": "csv", "path": EVIL, "target": "kind"}))


def array_name(layerkit, install):
    return layerkit("check", write(data={"type": "npz", "path": "data.npz", "x": EVIL}))


def column(layerkit, install):
    return layerkit("run", table(f"{QUOTED},b,kind\n1,two,x\nno,,y\n"))


def missing_column(layerkit, install):
    return layerkit("run", table("a,b,kind\n1,2,x\n3,4,y\n", drop=[EVIL]))


def number(layerkit, install):
    return layerkit("run", table(f"a,b,kind\n1,{QUOTED},x\nno,4,y\n"))


def lock(layerkit, install):
    package = {"name": "layerkit", "version": EVIL, "sha256": EVIL}
    text = json.dumps(
        {
            "version": 2,
            "packages": [package, {**package, "name": EVIL}],
            "components": [],
            "steps": EVIL,
            "machine": {EVIL: EVIL},
        }
    )
    Path("spec.lock.json").write_text(text)
    return layerkit("run", write(), "--locked")


def plugin_version(layerkit, install):
    install("layerkit-foo")
    [metadata] = Path("site-packages").glob("*.dist-info/METADATA")
    folded = EVIL.replace("\n", "\n ").replace("\r", "")
    metadata.write_text(metadata.read_text().replace("Version: 1.0", f"Version: {folded}"))
    return layerkit("plugins")


def plugin_reason(layerkit, install):
    install("layerkit-foo", f"raise OSError({EVIL!r})")
    return layerkit("plugins")


def plugin_traceback(layerkit, install):
    install("layerkit-foo", f"raise OSError({EVIL!r})")
    return layerkit("plugins", "--traceback", "foo")


def plugin_docstring(layerkit, install):
    install("layerkit-foo", identity_plugin("swish", EVIL.replace("\n", "\\n") + " activation."))
    return layerkit("describe", "swish")


def plugin_summary(layerkit, install):
    install("layerkit-foo", identity_plugin("swish", EVIL.replace("\n", "\\n") + " activation."))
    return layerkit("layers")


CARRIERS = [
    file_name, missing_file, argument, option, verb, kind, described, verified, traceback_of,
    new_plugin, new_spec, schema_out, run_out, assignment, assigned, key, layer, layer_name, inputs,
    value, text_that_is_no_json, data_file, table_file, array_name, column, missing_column, number,
    lock, plugin_version, plugin_reason, plugin_traceback, plugin_docstring, plugin_summary,
]  # fmt: skip

MANY_LINED = {plugin_traceback, plugin_docstring}
"""A docstring and a traceback have lines of their own."""


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_a_terminal_would_obey_is_shown(layerkit, install, carrier):
    outcome = carrier(layerkit, install)

    said = outcome.out + outcome.err
    assert re.search("a.{0,8}31mb", said), "the carrier was not quoted at all"
    assert [c for c in said if not c.isprintable() and c != "\n"] == []
    if carrier not in MANY_LINED:
        forged = ("layerkit: all is well", "  spec.json:1:1: forged")
        assert [line for line in said.split("\n") if line.startswith(forged)] == []


@pytest.mark.parametrize("verb", ["plugins", "layers"])
def test_json_holds_what_was_written_in_escapes(layerkit, install, verb):
    install("layerkit-foo", identity_plugin("swish", "a\x9b2Jb\u202ec\x7fd activation."))

    outcome = layerkit(verb, "--json")

    assert [c for c in outcome.out if not c.isprintable() and c != "\n"] == []
    if verb == "layers":
        [summary] = [c["summary"] for c in json.loads(outcome.out) if c["name"] == "swish"]
        assert summary.startswith("a\x9b2Jb\u202ec\x7fd activation")


def test_a_name_that_the_encoding_lacks_is_shown_in_escapes(tmp_path):
    Path("Ünet.json").write_text(json.dumps(SPEC))
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"}
    command = [sys.executable, "-m", "layerkit", "run", "Ünet.json"]

    run = subprocess.run(command, capture_output=True, env=environment, check=False)

    assert (run.returncode, run.stderr) == (0, b"")
    assert rb"results in runs/\xdcnet-" in run.stdout


def test_a_name_that_is_no_text_is_shown_in_escapes(layerkit):
    outcome = layerkit("check", "\udcff.json")

    assert outcome.err == (
        r"layerkit: \udcff.json: cannot be read: No such file or directory" + "\n"
    )


def test_nothing_else_prints():
    """All other files of the command print through this one."""
    for file in Path(terminal.__file__).parent.glob("*.py"):
        found = re.findall(r"(?<![.\w])print\(|typer\.s?echo", file.read_text(encoding="utf-8"))
        assert file.name == "terminal.py" or not found, file


def test_the_text_of_a_line_stays_one_line(capsys):
    terminal.echo("a\nb", "c")

    assert capsys.readouterr().out == "a\\nb\nc\n"
