"""SIGINT, SIGTERM and SIGHUP end a run alike, and nothing that was trained is lost."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from layerkit import load_model
from layerkit.cli import main
from layerkit.run import RunFolder

SPEC = {
    "version": 1,
    "name": "long",
    "data": {"type": "spiral", "per_class": 20, "validation_fraction": 0.2},
    "layers": [{"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 100_000_000, "batch_size": 12, "evaluate_every": 1000},
}

ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
SHORT = ["--set", "training.steps=3"]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text(json.dumps(SPEC))


@pytest.fixture
def start():
    """Start the command on the spec; what still runs after the test is ended by its id."""
    started = []

    def call(*arguments, **options):
        command = [sys.executable, "-m", "layerkit", "run", "spec.json", *arguments]
        environment = {**os.environ, "LAYERKIT_PLUGINS": "", **options.pop("env", {})}
        run = subprocess.Popen(
            [*command, "--out", "out"],
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )
        started.append(run)
        return run

    yield call
    for run in started:
        run.kill()
        with run:  # which waits for it and closes its pipes
            pass


def record():
    return json.loads(Path("out", "run.json").read_text())


def evaluations():
    file = Path("out", "metrics.jsonl")
    return len(file.read_text().splitlines()) if file.exists() else 0


def wait_until(happened) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_a_run_that_a_signal_ends_keeps_everything_and_says_which_it_was(start, number, code):
    run = start("--quiet")
    wait_until(evaluations)

    run.send_signal(number)
    out, err = run.communicate(timeout=60)

    assert (run.returncode, out, err) == (code, "", "")
    assert (record()["status"], record()["reason"]) == ("interrupted", number.name)
    assert sorted(p.name for p in Path("out").iterdir()) == [
        "best.npz", "last.npz", "metrics.jsonl", "run.json", "spec.json", "spec.lock.json",
    ]  # fmt: skip
    assert (
        record()["steps"]
        == json.loads(Path("out/metrics.jsonl").read_text().splitlines()[-1])["step"]
    )
    assert load_model("out").predict(np.zeros((1, 2))).shape == (1, 3)


def test_a_hangup_that_nohup_ignores_does_not_end_a_run(start):
    run = start("--quiet", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(evaluations)

    run.send_signal(signal.SIGHUP)
    before = evaluations()
    wait_until(lambda: evaluations() > before + 1)
    run.send_signal(signal.SIGTERM)

    assert run.wait(timeout=60) == 143
    assert record()["reason"] == "SIGTERM"


@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        *(("typer", *ending) for ending in ENDINGS),
        ("pydantic", signal.SIGINT, 130),
        ("numpy", signal.SIGTERM, 143),
    ],
)
def test_a_signal_while_the_command_imports_ends_it_without_a_word(start, module, number, code):
    Path("first").mkdir()
    Path("first", f"{module}.py").write_text(
        f"import os\nos.kill(os.getpid(), {int(number)})\nraise SystemExit('the signal was lost')"
    )

    run = start(env={"PYTHONPATH": str(Path("first").absolute())})
    out, err = run.communicate(timeout=60)

    assert (run.returncode, out, err) == (code, "", "")
    assert not Path("out").exists()


def test_the_installed_command_heeds_signals_before_it_imports_anything_large():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"layerkit": "layerkit.__main__:main"}

    code = "import sys; from layerkit.__main__ import main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"typer", "click", "numpy", "pydantic", "layerkit.cli"} & set(done.stdout.split())


@pytest.fixture
def default_signals():
    """Signals as a shell leaves them, even if the tests run under nohup, which ignores one."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number, _ in ENDINGS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_a_signal_before_training_leaves_no_folder(layerkit, monkeypatch, number, code):
    written = RunFolder.write_json

    def write_and_signal(self, *arguments):
        written(self, *arguments)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(RunFolder, "write_json", write_and_signal)

    outcome = layerkit("run", "spec.json", "--out", "out")

    assert (outcome.code, outcome.out, outcome.err) == (code, "", "")
    assert not Path("out").exists()


KILLS = """
    import os, signal, time

    from layerkit import Layer, hookimpl

    class Kills(Layer):
        signals = [{signals}]

        def forward(self, x):
            while self.signals:
                os.kill(os.getpid(), self.signals.pop())
            return x

        def backward(self, dout):
            return dout

    @hookimpl
    def layerkit_register(registry):
        registry.layer("kills", Kills)
    """


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_request_to_end_that_comes_twice_at_once_is_one(layerkit, install, name, code):
    # As timeout sends it: to the process, and to its group.
    install("layerkit-kills", KILLS.format(signals=f"signal.{name}, signal.{name}"))
    Path("spec.json").write_text(json.dumps({**SPEC, "layers": [*SPEC["layers"], "kills"]}))

    outcome = layerkit("run", "spec.json", "--quiet", "--out", "out")

    assert (outcome.code, outcome.err) == (code, "")
    assert (record()["status"], record()["steps"]) == ("interrupted", 1)
    assert Path("out", "best.npz").exists()


def test_a_second_signal_while_results_are_written_loses_none_of_them(layerkit, monkeypatch):
    savez = np.savez
    signals, files = [signal.SIGINT], []

    def stop(_, evaluation, is_best):
        os.kill(os.getpid(), signal.SIGINT)

    def signal_halfway(file, **arrays):
        file.write(b"half of it")
        files.append(file)
        if signals and len(files) == 2:  # the first one holds the best parameters
            os.kill(os.getpid(), signals.pop())
        file.seek(0)
        savez(file, **arrays)

    monkeypatch.setattr("layerkit.cli.progress.Table.evaluated", stop)
    monkeypatch.setattr(np, "savez", signal_halfway)

    outcome = layerkit("run", "spec.json", "--out", "out")

    assert (outcome.code, outcome.err, signals) == (130, "", [])
    assert (record()["status"], record()["reason"]) == ("interrupted", "SIGINT")
    assert not list(Path("out").glob(".*"))
    with np.load("out/last.npz") as saved:
        assert saved["layers[0].W"].shape == (2, 3)


HANGS = """
    import os, signal, threading

    from layerkit import hookimpl

    @hookimpl
    def layerkit_epoch_ended():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait()

    @hookimpl
    def layerkit_run_ended():
        threading.Event().wait()
    """


def test_a_second_signal_ends_a_run_whose_plugin_hangs(layerkit, install):
    install("layerkit-hangs", HANGS)

    outcome = layerkit("run", "spec.json", "--quiet", "--out", "out")

    assert (outcome.code, outcome.err) == (130, "")
    assert (record()["status"], record()["reason"]) == ("interrupted", "SIGINT")
    assert Path("out", "last.npz").exists()


def test_a_third_signal_ends_even_a_command_that_does_not_unwind(start):
    Path("first").mkdir()
    Path("first", "pydantic.py").write_text(
        "import os, signal, threading\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "finally:\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        threading.Event().wait()\n"
    )

    run = start(env={"PYTHONPATH": str(Path("first").absolute())})

    assert run.communicate(timeout=60) == ("", "")
    assert run.returncode == 130


def test_an_interrupt_that_something_swallows_still_ends_the_command(layerkit, monkeypatch):
    from layerkit.run import load_data

    def swallow(experiment):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            return load_data(experiment)

    monkeypatch.setattr("layerkit.cli.output.load_data", swallow)

    assert layerkit("run", "spec.json", "--quiet", "--out", "out").code == 143


def test_handlers_are_put_back(layerkit):
    numbers = [number for number, _ in ENDINGS]
    before = [signal.getsignal(number) for number in numbers]

    assert layerkit("run", "spec.json", "--quiet", *SHORT).code == 0

    assert [signal.getsignal(number) for number in numbers] == before


def test_the_command_works_in_several_threads_at_once(monkeypatch):
    codes = []

    def call():
        try:
            main()
        except SystemExit as exit_:
            codes.append(exit_.code or 0)

    monkeypatch.setattr(sys, "argv", ["layerkit", "run", "spec.json", "--quiet", *SHORT])
    before = [signal.getsignal(number) for number, _ in ENDINGS], sys.stdout, sys.stderr
    threads = [Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert codes == [0, 0, 0]
    records = [json.loads(file.read_text()) for file in Path("runs").glob("*/run.json")]
    assert [record["status"] for record in records] == ["finished"] * 3
    assert before == ([signal.getsignal(number) for number, _ in ENDINGS], sys.stdout, sys.stderr)
