"""Specs that come through a pipe: standard input, and the path a shell gives ``<(command)``."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from layerkit import UserError, load_registry, load_spec

GRAPH = '{"version": 1, "inputs": {"x": 2}, "layers": ["relu"]}'

TRAINING = {
    "version": 1,
    "data": {"type": "csv", "path": "data/points.csv", "target": "kind"},
    "layers": [{"type": "affine", "units": 2}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 1},
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")


def start(tmp_path, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "layerkit", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def run(tmp_path, *arguments, text=None, **options):
    """Run the command with a text as its standard input."""
    if text is not None:
        options["stdin"] = subprocess.PIPE
    started = start(tmp_path, *arguments, **options)
    out, err = started.communicate(None if text is None else text.encode(), timeout=30)
    return started.returncode, out.decode(), err.decode()


@pytest.fixture
def piped():
    """Return the number of a descriptor from which a text can be read, as ``<(cat file)`` is."""
    readers = []

    def call(text):
        reader, writer = os.pipe()
        readers.append(reader)
        os.write(writer, text.encode())
        os.close(writer)
        return reader

    yield call
    for reader in readers:
        os.close(reader)


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_spec_is_read_from_standard_input(tmp_path, verb, name):
    code, out, err = run(tmp_path, verb, name, "--json", text=GRAPH)

    assert (code, err) == (0, "")
    assert json.loads(out)


@pytest.mark.parametrize("verb", ["run", "check", "check --fix"])
def test_a_terminal_is_refused_as_standard_input(tmp_path, verb):
    controller, terminal = os.openpty()
    try:
        code, out, err = run(tmp_path, *verb.split(), "-", stdin=terminal)
    finally:
        os.close(controller)
        os.close(terminal)

    assert (code, out) == (2, "")
    assert err == (
        "layerkit: standard input is a terminal; pass a file, as in layerkit run spec.json, or a "
        "pipe, as in make_spec | layerkit run -\n"
    )


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_a_spec_is_read_from_a_pipe_that_a_shell_opened(tmp_path, piped, folder):
    reader = piped(GRAPH)

    code, out, err = run(tmp_path, "run", f"{folder}/{reader}", "--json", pass_fds=[reader])

    assert (code, err) == (0, "")
    assert json.loads(out)[0]["value"] == 2


def test_a_pipe_of_which_nothing_comes_at_once_is_waited_for(tmp_path):
    started = start(tmp_path, "run", "-", "--json", stdin=subprocess.PIPE)
    for part in (GRAPH[:20], GRAPH[20:]):
        time.sleep(0.3)
        started.stdin.write(part.encode())
        started.stdin.flush()

    assert json.loads(started.communicate(timeout=30)[0])[0]["value"] == 2


def test_a_pipe_that_does_not_block_is_waited_for():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def write():
        time.sleep(0.3)
        os.write(writer, GRAPH.encode())
        os.close(writer)

    with ThreadPoolExecutor(1) as other, os.fdopen(reader):
        other.submit(write)
        spec = load_spec(f"/dev/fd/{reader}", load_registry())

    assert (spec.name, spec.folder) == ("spec", Path())
    assert spec.document.text == GRAPH


def test_no_more_of_a_pipe_is_read_than_a_spec_may_have():
    reader, writer = os.pipe()
    with ThreadPoolExecutor(1) as other, os.fdopen(reader) as opened:
        written = other.submit(lambda: os.write(writer, bytes(2**22)))
        with pytest.raises(UserError, match="a spec has at most 1 MB, and this file is larger"):
            load_spec(f"/dev/fd/{reader}", load_registry())
        opened.close()
        assert written.result() < 2**22
    os.close(writer)


def test_whoever_waits_for_a_spec_can_be_interrupted(tmp_path):
    started = start(tmp_path, "run", "-", stdin=subprocess.PIPE)
    os.write(started.stdin.fileno(), b"{")
    deadline = time.monotonic() + 30
    while unread(started.stdin) and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)

    _, err = started.communicate(timeout=30)

    assert (started.returncode, err) == (130, b"")


def unread(pipe):
    """Return how many bytes of a pipe nobody has read yet."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_run_of_a_piped_spec_can_be_run_again_from_its_folder(tmp_path):
    (tmp_path / "data").mkdir()
    lines = [f"{i},{'ab'[i % 2]}" for i in range(20)]
    (tmp_path / "data" / "points.csv").write_text("\n".join(["x,kind", *lines]))

    first = run(tmp_path, "run", "-", "--quiet", text=json.dumps(TRAINING))
    [folder] = (tmp_path / "runs").iterdir()
    again = run(tmp_path, "run", str(folder / "spec.json"), "--locked", "--quiet", "--out", "again")

    assert (first, again) == ((0, "", ""), (0, "", ""))
    assert folder.name.startswith("spec-")
    data = {**TRAINING["data"], "path": "../../data/points.csv"}
    assert json.loads((folder / "spec.json").read_text()) == {**TRAINING, "data": data}
    metrics = [(f / "metrics.jsonl").read_text() for f in (folder, tmp_path / "again")]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "/dev/stdin:1:1: the file is empty; a spec is a JSON object\n"
         "1 problem; nothing was run.\n"),
        (" " * (2**20 + 1), "layerkit: /dev/stdin: a spec has at most 1 MB, and this file is "
         "larger; numbers in bulk belong in a data file\n"),
    ],
    ids=["empty", "too large"],
)  # fmt: skip
def test_what_is_no_spec_is_refused(tmp_path, text, told):
    assert run(tmp_path, "run", "-", text=text) == (2, "", told)


@pytest.mark.parametrize(
    ("shell", "told"),
    [
        ("run - < /dev/zero", "/dev/stdin: a spec has at most 1 MB, and this file is larger; "
         "numbers in bulk belong in a data file"),
        ("run /dev/fd/7 7< .", "/dev/fd/7: cannot be read: Is a directory"),
        ("run /dev/fd/77", "/dev/fd/77: cannot be read: Bad file descriptor"),
        ("run /dev/fd/99999999999", "/dev/fd/99999999999: cannot be read: No such file or "
         "directory"),
        ("run - --locked < graph.json", "--locked: a spec from a pipe has no lock beside it; "
         "store it in a file first"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(tmp_path, shell, told):
    (tmp_path / "graph.json").write_text(GRAPH)

    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m layerkit {shell}', sys.executable],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"layerkit: {told}\n")
