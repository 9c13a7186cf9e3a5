import errno
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from layerkit import Network, RunError, UserError
from layerkit.builtin.layers import Affine, BatchNorm
from layerkit.run import RunFolder, folder
from layerkit.run.weights import write_weights


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty present folder, where the time is always the same second."""

    class Frozen(datetime):
        @classmethod
        def now(cls):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(folder, "datetime", Frozen)
    return tmp_path


def names(path):
    return sorted(p.name for p in path.iterdir())


def test_a_run_without_a_folder_gets_one_named_after_it_and_the_time(here):
    assert str(RunFolder(None, "digits").path) == "runs/digits-20260102-030405"


def test_two_runs_in_one_second_get_two_folders(here):
    paths = [str(RunFolder(None, "a").path) for _ in range(3)]

    assert paths == [
        "runs/a-20260102-030405",
        "runs/a-20260102-030405-2",
        "runs/a-20260102-030405-3",
    ]


def test_when_no_name_is_left_the_error_says_so(here, monkeypatch):
    for _ in range(99):
        RunFolder(None, "a")

    with pytest.raises(UserError, match=r"^runs/a-20260102-030405-99: already exists"):
        RunFolder(None, "a")


def test_a_folder_that_is_asked_for_is_made_with_those_above_it(tmp_path):
    made = RunFolder(tmp_path / "a" / "b", "name")

    assert made.path == tmp_path / "a" / "b"
    assert made.path.is_dir()


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.write_text("precious")])
def test_what_is_there_already_is_never_written_over(tmp_path, make):
    make(tmp_path / "out")

    with pytest.raises(UserError) as caught:
        RunFolder(tmp_path / "out", "name")

    assert str(caught.value) == (
        f"{tmp_path / 'out'}: already exists, and a run never overwrites another; "
        "choose another --out, or remove it"
    )


def test_a_folder_that_cannot_be_made_is_told_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError) as caught:
        RunFolder(tmp_path / "file" / "out", "name")

    assert str(caught.value) == f"{tmp_path / 'file' / 'out'}: cannot be created: Not a directory"


def test_json_is_written_for_people_and_programs(tmp_path):
    out = RunFolder(tmp_path / "out", "name")

    out.write_json("run.json", {"name": "Übung", "steps": 3})

    text = (out.path / "run.json").read_text(encoding="utf-8")
    assert text == '{\n  "name": "Übung",\n  "steps": 3\n}\n'


def test_lines_of_json_are_added_one_by_one(tmp_path):
    out = RunFolder(tmp_path / "out", "name")

    out.append_json_line("metrics.jsonl", {"step": 1})
    out.append_json_line("metrics.jsonl", {"step": 2})

    assert (out.path / "metrics.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_line_that_does_not_fit_leaves_no_half_of_it(tmp_path):
    resource = pytest.importorskip("resource")
    out = RunFolder(tmp_path / "out", "name")
    out.append_json_line("metrics.jsonl", {"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    # 20 bytes: the system takes 8 of the second line's 12, and then says that the file is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(RunError) as caught:
            out.append_json_line("metrics.jsonl", {"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    file = out.path / "metrics.jsonl"
    assert str(caught.value) == f"{file}: cannot be written: File too large"
    assert file.read_text() == '{"step": 1}\n'


def test_a_folder_for_which_the_disk_has_no_room_fails_the_run(tmp_path, monkeypatch):
    def full(self, parents):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)

    with pytest.raises(RunError) as caught:
        RunFolder(tmp_path / "out", "name")

    assert str(caught.value) == f"{tmp_path / 'out'}: cannot be created: No space left on device"


def test_parameters_and_states_are_written_by_name(tmp_path):
    out = RunFolder(tmp_path / "out", "name")
    network = Network([Affine(2), BatchNorm()], (3,)).initialize()

    write_weights(out, "best", network, network.params, network.states)

    with np.load(out.path / "best.npz") as saved:
        assert sorted(saved) == sorted(network.variables)
        for name, variable in network.variables.items():
            np.testing.assert_array_equal(saved[name], variable.value)
            assert saved[name].dtype == np.float32


def test_a_file_that_is_written_again_is_replaced(tmp_path):
    out = RunFolder(tmp_path / "out", "name")

    out.write_json("run.json", [1])
    out.write_json("run.json", [2])

    assert json.loads((out.path / "run.json").read_text()) == [2]
    assert names(out.path) == ["run.json"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError("No space left on device"), RunError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_write_that_fails_halfway_leaves_the_old_file_and_no_half_one(
    tmp_path, monkeypatch, error, raised
):
    out = RunFolder(tmp_path / "out", "name")
    network = Network([Affine(2)], (3,)).initialize()
    write_weights(out, "best", network, network.params, network.states)
    before = (out.path / "best.npz").read_bytes()

    def half(file, **arrays):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(raised):
        write_weights(out, "best", network, network.params, network.states)

    assert (out.path / "best.npz").read_bytes() == before
    assert names(out.path) == ["best.npz"]
