"""Standard output that cannot be written costs no run its results, and shows no traceback."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from layerkit.cli.streams import do_without_output, guarded

SPEC = {
    "version": 1,
    "name": "piped",
    "data": {"type": "spiral", "per_class": 20},
    "layers": [{"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"epochs": 5, "batch_size": 12},
}

GRAPH = {
    "version": 1,
    "inputs": {"a": 2, "b": 3},
    "layers": [{"type": "mul", "inputs": ["a", "b"]}],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text(json.dumps(SPEC))
    Path("graph.json").write_text(json.dumps(GRAPH))


def layerkit(arguments, redirect, **options):
    """Run the installed command below a shell that redirects its output."""
    environment = {**os.environ, "LAYERKIT_PLUGINS": "", **options}
    command = ["sh", "-c", f'exec "$0" -m layerkit {arguments} {redirect}', sys.executable]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def closed_pipe():
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    os.set_inheritable(writer, True)
    yield writer
    os.close(writer)


def record():
    return json.loads(Path("out", "run.json").read_text())


REASONS = {
    "closed": "Bad file descriptor",
    "pipe": "Broken pipe",
    "full": "No space left on device",
}


def start(arguments, output, closed_pipe, **options):
    """Run the command with standard output closed, a pipe without reader, or a full device."""
    environment = {**os.environ, "LAYERKIT_PLUGINS": "", **options}
    shell = {"closed": ">&-", "pipe": f">&{closed_pipe}", "full": ">/dev/full"}[output]
    command = ["bash", "-c", f'exec "$0" -m layerkit {arguments} {shell}', sys.executable]
    return subprocess.run(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        pass_fds=[closed_pipe],
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("form", "buffering"),
    [
        ("", {"PYTHONUNBUFFERED": ""}),
        ("", {"PYTHONUNBUFFERED": "1"}),
        ("--json", {"PYTHONUNBUFFERED": ""}),
    ],
    ids=["table", "unbuffered", "json"],
)
@pytest.mark.parametrize("output", list(REASONS))
def test_a_training_goes_on_to_its_end(closed_pipe, output, form, buffering):
    done = start(f"run spec.json --out out {form}", output, closed_pipe, **buffering)

    assert (done.returncode, done.stderr) == (
        0,
        f"warning: standard output: cannot be written: {REASONS[output]}; the run continues "
        "without it\n",
    )
    assert (record()["status"], record()["steps"]) == ("finished", 20)
    with np.load("out/last.npz") as saved:  # no file got the number of the closed stream
        assert sorted(saved) == ["layers[0].W", "layers[0].b"]


def test_a_quiet_training_needs_no_output(closed_pipe):
    done = start("run spec.json --out out --quiet", "closed", closed_pipe)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_that_takes_the_reader_along_loses_nothing():
    # Ctrl-C under "| tee" reaches both: the reader is gone before the run prints again.
    Path("spec.json").write_text(
        json.dumps({**SPEC, "training": {"steps": 100_000_000, "evaluate_every": 1000}})
    )
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "layerkit", "run", "spec.json", "--out", "out"]
    environment = {**os.environ, "LAYERKIT_PLUGINS": ""}
    run = subprocess.Popen(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(writer)
    wait_for_evaluations(1)

    os.close(reader)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)

    assert run.returncode == 130
    assert err in (
        "",
        "warning: standard output: cannot be written: Broken pipe; the run continues without it\n",
    )
    assert (record()["status"], record()["reason"]) == ("interrupted", "SIGINT")
    assert Path("out", "last.npz").exists()


def test_a_terminal_that_goes_away_does_not_end_a_run():
    pty = pytest.importorskip("pty")  # which Windows does not have
    Path("spec.json").write_text(
        json.dumps({**SPEC, "training": {"steps": 100_000_000, "evaluate_every": 1000}})
    )
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "layerkit", "run", "spec.json", "--out", "out"]
    environment = {**os.environ, "LAYERKIT_PLUGINS": ""}
    run = subprocess.Popen(
        command, stdout=terminal, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(terminal)
    wait_for_evaluations(1)

    os.close(ours)
    wait_for_evaluations(2 + len(Path("out", "metrics.jsonl").read_text().splitlines()))
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=60)

    assert (run.returncode, err) == (
        143,
        "warning: standard output: cannot be written: Input/output error; the run continues "
        "without it\n",
    )
    assert record()["reason"] == "SIGTERM"


def wait_for_evaluations(count):
    deadline, file = time.monotonic() + 60, Path("out", "metrics.jsonl")
    while not file.exists() or len(file.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


VERBS = [
    "layers",
    "layers --json",
    "describe affine",
    "schema",
    "check spec.json",
    "run graph.json",
    "--help",
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_whose_reader_leaves_ends_as_unix_commands_do(closed_pipe, verb):
    done = start(verb, "pipe", closed_pipe)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("output", ["closed", "full"])
@pytest.mark.parametrize("verb", ["layers --json", "run graph.json", "--help"])
def test_a_verb_that_cannot_print_fails_and_says_why(closed_pipe, verb, output):
    done = start(verb, output, closed_pipe)

    assert (done.returncode, done.stderr) == (
        1, f"layerkit: standard output: cannot be written: {REASONS[output]}\n",
    )  # fmt: skip


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("arguments", "code"), [("run spec.json --out out --set data=nowhere", 2), ("layers", 0)]
)
def test_without_standard_error_the_exit_code_still_tells(arguments, code, redirect):
    done = layerkit(arguments, redirect)

    assert (done.returncode, done.stderr) == (code, "")


def test_a_mistake_counts_more_than_an_output_that_is_closed(closed_pipe):
    done = start("describe affin", "pipe", closed_pipe)

    assert done.returncode == 2
    assert "affin" in done.stderr


class TestGuarded:
    """The guard itself, around streams of the tests' own."""

    @staticmethod
    def call(monkeypatch, descriptor, print_it, unbuffered=False):
        """Return the exit code of a command that prints, and what stood on standard error."""
        errors, raw = io.StringIO(), io.FileIO(descriptor, "w")
        buffer = raw if unbuffered else io.BufferedWriter(raw)
        with io.TextIOWrapper(buffer, write_through=unbuffered) as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            monkeypatch.setattr(sys, "stderr", errors)
            with pytest.raises(SystemExit) as ended, guarded():
                print_it()
            assert sys.stdout is stdout
        return ended.value.code, errors.getvalue()

    @pytest.mark.parametrize("unbuffered", [False, True])
    def test_a_full_device_is_reported_once_the_command_is_done(self, monkeypatch, unbuffered):
        def print_it():
            print("to a full device", flush=True)
            print("to nowhere", flush=True)

        full = os.open("/dev/full", os.O_WRONLY)
        assert self.call(monkeypatch, full, print_it, unbuffered) == (
            1, "layerkit: standard output: cannot be written: No space left on device\n",
        )  # fmt: skip

    def test_a_reader_that_left_is_not_reported(self, monkeypatch, closed_pipe):
        pipe = os.dup(closed_pipe)

        assert self.call(monkeypatch, pipe, lambda: print("to nobody")) == (141, "")

    def test_a_failure_of_the_command_counts_more(self, monkeypatch, closed_pipe):
        def fail():
            print("to nobody", flush=True)
            sys.exit(2)

        assert self.call(monkeypatch, os.dup(closed_pipe), fail) == (2, "")

    def test_a_command_that_needs_no_output_complains_once(self, monkeypatch, closed_pipe):
        complaints = []

        def work():
            do_without_output(complaints.append)
            for _ in range(3):
                print("to nobody", flush=True)

        assert self.call(monkeypatch, os.dup(closed_pipe), work) == (0, "")
        assert complaints == [
            "standard output: cannot be written: Broken pipe; the run continues without it"
        ]

    def test_a_pipe_that_does_not_block_takes_everything(self, monkeypatch):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        text = "a line of a long listing\n" * 40_000  # more than a pipe holds
        received = []

        def read():
            with open(reader) as file:
                received.append(file.read())

        thread = Thread(target=read)
        thread.start()

        assert self.call(monkeypatch, writer, lambda: print(text, end="")) == (0, "")
        thread.join(60)
        assert received == [text]
