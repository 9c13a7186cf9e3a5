"""The command in a process of its own, beside packages whose metadata are damaged."""

import json
import os
import subprocess
import sys

import pytest

GRAPH = '{"version": 1, "inputs": {"x": 2}, "layers": ["relu"]}'


@pytest.fixture
def run(tmp_path):
    """Run the command with a folder of packages on the path, and no others of layerkit's."""

    def call(*arguments):
        (tmp_path / "graph.json").write_text(GRAPH)
        return subprocess.run(
            [sys.executable, "-m", "layerkit", *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def package(tmp_path, points, author="Jo"):
    info = tmp_path / "site" / "other-1.0.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: other\nVersion: 1.0\nAuthor: {author}\n"
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
