"""The command works in its own process beside packages with damaged metadata."""

import json
import os
import resource

import pytest
from identity import identity_plugin

GRAPH = '{"version": 1, "inputs": {"x": 2}, "layers": ["relu"]}'


@pytest.fixture
def run(tmp_path, process):
    """Run the command with a folder of packages on the path, and no others of layerkit's."""

    def call(*arguments, graph=GRAPH, **settings):
        (tmp_path / "graph.json").write_text(graph)
        return process(
            *arguments,
            env={"PYTHONPATH": str(tmp_path / "site"), **settings},
            cwd=tmp_path,
            timeout=30,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33)),
        )

    return call


def package(tmp_path, points, author="Jo", name="other", ending=".dist-info"):
    info = tmp_path / "site" / f"{name}-1.0{ending}"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nAuthor: {author}\n"
    (info / "METADATA").write_bytes(metadata.encode("latin-1"))
    (info / "entry_points.txt").write_text(points)
    return info


def test_malformed_entry_points_of_any_package_end_no_command(run, tmp_path):
    info = package(tmp_path, "[console_scripts]\nother\n")

    ran, listed = run("run", "graph.json", "--json"), run("plugins")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)[0]["value"] == 2
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines()[-1] == (
        f"other is unreadable: {info}/entry_points.txt: line 2 is neither [GROUP] nor "
        "NAME = MODULE: other; install other again"
    )


def test_a_plugin_with_damaged_metadata_is_warned_of(run, tmp_path):
    info = package(tmp_path, "[layerkit]\nghost = ghost\n", author="J\xfcrgen")

    ran = run("run", "graph.json", "--quiet")

    assert ran.returncode == 0
    assert ran.stderr == (
        f"warning: plugin other (other) is broken: {info}: its metadata cannot be read: "
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfc in position 56: invalid start "
        "byte; install other again\n"
    )


COMMANDS = [
    ["plugins"],
    ["layers"],
    ["run", "graph.json"],
    ["check", "graph.json"],
    ["describe", "affine"],
    ["verify", "relu"],
    ["new", "spec", "net.json"],
    ["new", "plugin", "swish"],
    ["schema"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_reads_a_pipe_or_a_device_in_place_of_metadata(run, tmp_path, command):
    for kind in ("pipe", "device"):
        for name in ("entry_points.txt", "METADATA", "PKG-INFO", "requires.txt", "direct_url.json"):
            info = package(tmp_path, POINTS, name=f"{kind}_{name[0]}")
            put_in_place_of(info / name, kind)
        egg = package(tmp_path, POINTS, name=f"{kind}_egg", ending=".egg-info")
        (egg / "METADATA").rename(egg / "PKG-INFO")
        put_in_place_of(egg / "requires.txt", kind)

    done = run(*command)

    assert done.returncode == 0
    warned = {line.split(" (")[0] for line in done.stderr.splitlines()}
    damaged = [f"warning: plugin {kind}-{what}" for kind in ("pipe", "device") for what in DAMAGED]
    assert warned == set(damaged if command[0] == "run" else [])


POINTS = "[layerkit]\nother = other\n"

DAMAGED = ("egg", "m", "p", "r")
"""What has a pipe where a plugin is read; one that names none by its entry points is no plugin."""


def put_in_place_of(file, kind):
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")


def test_the_files_of_a_plugin_are_hashed_beside_a_pipe(run, tmp_path):
    info = package(tmp_path, "[layerkit]\nother = other\n")
    (tmp_path / "site" / "other.py").write_text(identity_plugin("other"))
    put_in_place_of(info / "direct_url.json", "pipe")
    graph = GRAPH.replace("relu", "other")

    ran = run("run", "graph.json", graph=graph)

    assert (ran.returncode, ran.stderr) == (0, "")


PLUGIN_OF_PYDANTIC = """
import sys
print("loaded", file=sys.stderr)

class Plugin:
    def new_schema_validator(self, *_, **__):
        return None, None, None

plugin = Plugin()
"""


@pytest.mark.parametrize(("setting", "printed"), [(None, ""), ("", "loaded\n")])
def test_plugins_of_pydantic_are_loaded_only_on_request(run, tmp_path, setting, printed):
    package(tmp_path, "[pydantic]\nother = other:plugin\n")
    (tmp_path / "site" / "other.py").write_text(PLUGIN_OF_PYDANTIC)

    done = run("check", "graph.json", PYDANTIC_DISABLE_PLUGINS=setting)

    assert (done.returncode, done.stderr) == (0, printed)
