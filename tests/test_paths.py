"""Files are written whole or not at all, and ~ is a home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from layerkit import UserError
from layerkit.paths import expanded, write_whole


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path):
    file = tmp_path / "a.json"

    write_whole(file, lambda opened: opened.write(b"first"))
    write_whole(file, lambda opened: opened.write(b"second"))

    assert file.read_bytes() == b"second"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_a_failure_halfway_leaves_what_stood_there_before(tmp_path, error):
    file = tmp_path / "a.json"
    file.write_bytes(b"precious")

    def half(opened):
        opened.write(b"half of it")
        opened.flush()
        raise error

    with pytest.raises(type(error)):
        write_whole(file, half)

    assert file.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.json"]


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path):
    file = tmp_path / ("x" * 255)

    write_whole(file, lambda opened: opened.write(b"all"))

    assert file.read_bytes() == b"all"


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_permissions_are_those_of_the_file_before_or_of_any_new_file(tmp_path):
    (tmp_path / "ordinary").write_text("")
    (tmp_path / "private").write_text("")
    (tmp_path / "private").chmod(0o600)

    write_whole(tmp_path / "new", lambda opened: opened.write(b""))
    write_whole(tmp_path / "private", lambda opened: opened.write(b""))

    modes = {file.name: file.stat().st_mode for file in tmp_path.iterdir()}
    assert modes["new"] == modes["ordinary"]
    assert modes["private"] & 0o777 == 0o600


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from layerkit.cli import main
sys.argv = ["layerkit", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["schema", "--out", "schema.json"], "--out schema.json"),
        (["new", "spec", "net.json"], "net.json"),
        (["new", "plugin", "swish"], "layerkit-swish"),
    ],
)
def test_what_does_not_fit_on_the_disk_leaves_nothing(tmp_path, arguments, written):
    # A limit of the process fails in the same way as a disk that is full.
    command = [sys.executable, "-c", LIMITED, *arguments]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 2
    assert run.stderr == f"layerkit: {written}: cannot be written: File too large\n"
    assert names(tmp_path) == []


def test_a_schema_that_does_not_fit_leaves_the_one_before(tmp_path, process):
    process("schema", "--out", "schema.json", cwd=tmp_path, check=True)
    before = (tmp_path / "schema.json").read_bytes()

    command = [sys.executable, "-c", LIMITED, "schema", "--out", "schema.json"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)

    assert (tmp_path / "schema.json").read_bytes() == before
    assert names(tmp_path) == ["schema.json"]


def test_home_is_put_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert expanded("~/a/~b") == tmp_path / "a" / "~b"
    with pytest.raises(UserError, match=r"^~nobody_at_all/a: there is no such home folder$"):
        expanded("~nobody_at_all/a")


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["schema", "--out", "~/schema.json"], "schema.json"),
        (["new", "spec", "~/net.json"], "net.json"),
        (["new", "plugin", "swish", "--in", "~"], "layerkit-swish"),
    ],
)
def test_the_command_puts_home_in(tmp_path, process, arguments, made):
    home = tmp_path / "home"
    home.mkdir()

    process(*arguments, cwd=tmp_path, env={"HOME": str(home)}, check=True)

    assert names(home) == [made]
    assert names(tmp_path) == ["home"]


def test_a_run_puts_home_in_for_its_spec_and_its_folder(tmp_path, process):
    home = tmp_path / "home"
    home.mkdir()
    for arguments in (
        ["new", "spec", "~/net.json"],
        ["run", "~/net.json", "--out=~/results", "--quiet", "--set", "training.epochs=1"],
    ):
        process(*arguments, cwd=tmp_path, env={"HOME": str(home)}, check=True)

    assert names(home) == ["net.json", "results"]
    assert (home / "results" / "run.json").exists()
