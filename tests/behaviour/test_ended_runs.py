"""A run that cannot go on ends with its reason, and keeps what it has."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from identity import identity_plugin
from mistakes import SPEC

from layerkit.run import RunFolder

pytestmark = pytest.mark.usefixtures("data_folder")


def test_a_loss_that_is_not_finite_fails_the_run_and_names_step_and_layer(layerkit):
    Path("spec.json").write_text(SPEC)
    settings = ["--set", "optimizer.learning_rate=1e30", "--set", "training.steps=50"]

    outcome = layerkit("run", "spec.json", "--out", "results", *settings)

    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert re.fullmatch(
        r"layerkit: the loss became nan at step \d+; the first value that is not finite arose in "
        r"layers\[\d\] \(\w+\), in its \w+; a lower learning_rate or a max_gradient_norm may "
        r"help\n",
        outcome.err,
    )
    assert json.loads(Path("results", "run.json").read_text())["status"] == "failed"


def test_a_folder_that_goes_away_during_a_run_ends_it(layerkit, monkeypatch):
    Path("spec.json").write_text(SPEC)
    append = RunFolder.append_json_line

    def append_to_nothing(self, name, value):
        shutil.rmtree(self.path)
        append(self, name, value)

    monkeypatch.setattr(RunFolder, "append_json_line", append_to_nothing)

    outcome = layerkit("run", "spec.json", "--out", "results", "--quiet")

    assert outcome.code == 1
    assert outcome.err == (
        "layerkit: results/metrics.jsonl: cannot be written: No such file or directory\n"
    )


class TestAnInterrupt:
    """Ctrl-C ends the run at the next step, with exit code 130 and the parameters saved."""

    @pytest.mark.parametrize("output", ["--quiet", "--json"])
    def test_of_a_long_run(self, output):
        Path("spec.json").write_text(SPEC.replace('"steps": 2', '"steps": 100000000'))
        command = [sys.executable, "-m", "layerkit", "run", "spec.json", output, "--out", "results"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: Path("results", "metrics.jsonl").exists())

        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)

        assert (run.returncode, err) == (130, "")
        assert np.load("results/last.npz")["layers[0].W"].shape == (4, 5)
        assert json.loads(Path("results", "run.json").read_text())["status"] == "interrupted"
        if output == "--json":
            assert json.loads(out)["status"] == "interrupted"

    def test_that_is_given_twice_ends_the_run_within_its_step(self, layerkit, install):
        kill = "os.kill(os.getpid(), signal.SIGINT)"
        install("layerkit-foo", identity_plugin("impatient", before=f"{kill}; {kill}"))
        Path("spec.json").write_text(SPEC.replace("relu", "impatient"))

        outcome = layerkit("run", "spec.json", "--quiet", "--out", "results")

        assert (outcome.code, outcome.out) == (130, "")
        assert "Traceback" not in outcome.err
        record = json.loads(Path("results", "run.json").read_text())
        assert (record["status"], record["steps"]) == ("interrupted", 0)
        assert Path("results", "last.npz").exists()

    def test_before_the_training_begins(self, layerkit, monkeypatch):
        def interrupt(*_):
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr("layerkit.run.run_training", interrupt)
        Path("spec.json").write_text(SPEC)

        assert layerkit("run", "spec.json").code == 130


def wait_until(happened) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
