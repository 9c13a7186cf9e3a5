"""What TensorBoard reads of a run is what the run wrote down itself."""

import json
import os
import resource
import struct
import subprocess
import sys
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorBoard's own imports warn
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SPEC = {
    "version": 1,
    "name": "spiral",
    "data": {"type": "spiral", "per_class": 20},
    "layers": [{"type": "affine", "units": 8, "name": "hidden"}, "relu",
               {"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "learning_rate": 0.5}},
    "training": {"epochs": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a run of the installed command, with the installed plugin."""
    home = tmp_path_factory.mktemp("home")
    (home / "spiral.json").write_text(json.dumps(SPEC))
    command = [sys.executable, "-m", "layerkit", "run", "spiral.json", "--out", "run", "--quiet"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return home / "run"


@pytest.fixture(scope="module")
def events(folder):
    accumulator = EventAccumulator(str(folder), {"histograms": 0})  # 0 keeps them all
    accumulator.Reload()
    return accumulator


def test_every_score_of_every_evaluation_can_be_read(folder, events):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]

    assert set(events.Tags()["scalars"]) == {
        "loss/train", "loss/test", "accuracy/train", "accuracy/test", "learning_rate",
    }  # fmt: skip
    for tag, score in (("loss/train", "train_loss"), ("accuracy/test", "test_accuracy")):
        read = [(event.step, event.value) for event in events.Scalars(tag)]
        written = [(line["step"], line["scores"][score]) for line in lines]
        assert read == [(step, pytest.approx(value, rel=1e-6)) for step, value in written]
    rates = [event.value for event in events.Scalars("learning_rate")]
    assert rates == pytest.approx([line["learning_rate"] for line in lines], rel=1e-6)


def test_every_parameter_has_a_histogram_of_all_its_elements(events):
    sizes = {
        tag: [event.histogram_value.num for event in events.Histograms(tag)]
        for tag in events.Tags()["histograms"]
    }

    assert sizes == {
        "hidden.W": [16] * 4, "hidden.b": [8] * 4, "layers_2_.W": [24] * 4, "layers_2_.b": [3] * 4,
    }  # fmt: skip


def test_the_spec_and_the_end_of_the_run_are_there(events):
    texts = {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in events.Tags()["tensors"]
    }

    assert json.loads(texts["spec/text_summary"]) == SPEC
    assert texts["status/text_summary"].startswith("finished at step ")


def test_a_run_that_diverges_leaves_a_whole_file(tmp_path):
    spec = {**SPEC, "optimizer": {"type": "sgd", "learning_rate": 1e30}}
    (tmp_path / "spiral.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "layerkit", "run", "spiral.json", "--out", "run", "--quiet"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert done.returncode == 1
    status = events.Tensors("status/text_summary")[0].tensor_proto.string_val[0].decode()
    assert status.startswith("failed at step ")


def test_a_run_does_not_wait_for_torch_to_be_imported(tmp_path):
    (tmp_path / "spiral.json").write_text(json.dumps(SPEC))
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    command = [sys.executable, "-m", "layerkit", "run", "spiral.json", "--out", "run", "--quiet"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.glob("run/events.out.tfevents.*"))


def whole_records(file):
    """Return how many records an event file holds, and check that it ends with a whole one."""
    data, count, at = file.read_bytes(), 0, 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        at += 8 + 4 + length + 4  # the length, its checksum, the event, its checksum
        count += 1
    assert at == len(data)
    return count


def test_a_file_that_cannot_grow_is_reported_once_and_costs_the_run_nothing(tmp_path):
    # A limit on the size of files stands for a disk that fills; only event files get so large.
    (tmp_path / "spiral.json").write_text(json.dumps({**SPEC, "training": {"epochs": 40}}))
    command = [sys.executable, "-m", "layerkit", "run", "spiral.json", "--out", "run", "--quiet"]

    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )

    assert done.stderr == (
        "warning: plugin layerkit-tensorboard (tensorboard): layerkit_epoch_ended raised OSError: "
        "[Errno 27] File too large; it is not called again during this run\n"
    )
    assert done.returncode == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"
    (events,) = (tmp_path / "run").glob("events.*")
    # The version, the spec, and 9 events for each evaluation but the one that failed.
    assert whole_records(events) > 2 + 9
    assert (whole_records(events) - 2) % 9 == 0


SLOW = """
import os, sys, threading, time
from pathlib import Path

source = "import __main__; __main__.importing.set(); __main__.go_on.wait()"
Path("tensorboardX.py").write_text(source)
sys.path.insert(0, "")
import layerkit_tensorboard

importing, go_on = threading.Event(), threading.Event()

def start():
    try:
        layerkit_tensorboard._tensorboardx()
    except ImportError:  # the module has nothing in it
        pass

thread = threading.Thread(target=start)
thread.start()
importing.wait()
hidden_in_parent = "torch" in sys.modules
if not os.fork():
    is_free = layerkit_tensorboard._first_import.acquire(timeout=5)
    os._exit(0 if is_free and "torch" not in sys.modules else 1)
status = os.waitstatus_to_exitcode(os.wait()[1])
go_on.set()
thread.join()
print(hidden_in_parent, status, "torch" in sys.modules)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_process_forked_off_during_the_first_import_has_the_lock_and_torch(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SLOW],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("True 0 False\n", "")
