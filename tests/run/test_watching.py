"""Plugins that watch runs."""

import json
import sys
from threading import Event, Thread
from types import SimpleNamespace

import pluggy
import pytest

from layerkit import hookimpl
from layerkit.markers import PROJECT
from layerkit.plugins import hookspecs
from layerkit.run.watching import PluginWatcher

SPEC = {
    "version": 1,
    "name": "watched",
    "data": {"type": "spiral", "per_class": 4},
    "layers": [{"type": "affine", "units": 3}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"epochs": 2},
}

NOTES = """
    from layerkit import hookimpl

    @hookimpl
    def layerkit_run_started(folder, spec, trainer):
        note(folder, f"started {spec['name']} with {trainer.network.parameter_count}")

    @hookimpl
    def layerkit_epoch_ended(folder, evaluation):
        note(folder, f"epoch {evaluation.epoch:g}")

    @hookimpl
    def layerkit_run_ended(folder, result):
        note(folder, result.status)

    def note(folder, line):
        with (folder / "notes.txt").open("a") as file:
            print(line, file=file)
"""

RAISES = """
    from layerkit import hookimpl

    @hookimpl
    def layerkit_run_started():
        print("heard of it")

    @hookimpl
    def layerkit_epoch_ended():
        raise SystemExit("no connection")
"""


@pytest.fixture
def spec(tmp_path):
    file = tmp_path / "watched.json"
    file.write_text(json.dumps(SPEC))
    return file


def test_the_hooks_of_a_plugin_hear_of_a_run(install, layerkit, spec, tmp_path):
    install("layerkit-notes", NOTES)

    outcome = layerkit("run", spec, "--quiet", "--out", tmp_path / "out")

    assert (outcome.code, outcome.err) == (0, "")
    notes = (tmp_path / "out" / "notes.txt").read_text().splitlines()
    assert notes == ["started watched with 9", "epoch 1", "epoch 2", "finished"]


def test_the_list_of_plugins_says_who_watches_runs(install, layerkit):
    install("layerkit-notes", NOTES)

    assert layerkit("plugins").out.splitlines()[-1].endswith("ok     watches runs")


def test_a_run_that_diverges_is_told_to_the_hooks_too(install, layerkit, spec, tmp_path):
    install("layerkit-notes", NOTES)
    endless = "optimizer.learning_rate=3e38"

    outcome = layerkit("run", spec, "--quiet", "--set", endless, "--out", tmp_path / "out")

    assert outcome.code == 1
    assert (tmp_path / "out" / "notes.txt").read_text().splitlines()[-1] == "failed"


def test_a_hook_that_raises_is_told_once_and_ends_neither_the_run_nor_the_others(
    install, layerkit, spec, tmp_path
):
    install("layerkit-angry", RAISES)
    install("layerkit-notes", NOTES)

    outcome = layerkit("run", spec, "--quiet", "--out", tmp_path / "out")

    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        "heard of it\n"
        "warning: plugin layerkit-angry (angry): layerkit_epoch_ended raised SystemExit: "
        "no connection; it is not called again during this run\n"
    )
    assert (tmp_path / "out" / "notes.txt").read_text().endswith("finished\n")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "finished"


def test_runs_in_two_threads_leave_standard_output_where_it_was(tmp_path, capsys):
    # The hook of the second begins within that of the first, and ends after it.
    first_began, second_began, first_ended = Event(), Event(), Event()

    class First:
        @hookimpl
        def layerkit_run_started(self):
            print("of the first")
            first_began.set()
            assert second_began.wait(60)

    class Second:
        @hookimpl
        def layerkit_run_started(self):
            second_began.set()
            assert first_ended.wait(60)
            print("of the second")

    def watch(plugin):
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(plugin)
        report = SimpleNamespace(hooks=manager.hook)
        PluginWatcher([report], {}, pytest.fail).started(None, tmp_path)

    before = sys.stdout
    first, second = (Thread(target=watch, args=[hooks]) for hooks in (First(), Second()))
    first.start()
    assert first_began.wait(60)
    second.start()
    first.join(60)
    first_ended.set()
    second.join(60)

    assert sys.stdout is before
    assert capsys.readouterr() == ("", "of the first\nof the second\n")


def test_where_plugins_must_work_a_hook_that_raises_is_an_error(
    install, layerkit, spec, tmp_path, monkeypatch
):
    monkeypatch.setenv("LAYERKIT_STRICT", "1")
    install("layerkit-angry", RAISES)

    outcome = layerkit("run", spec, "--quiet", "--out", tmp_path / "out")

    assert outcome.code == 2
    assert "layerkit_epoch_ended raised SystemExit: no connection; LAYERKIT_STRICT" in outcome.err


LINES = """
    from layerkit import hookimpl

    @hookimpl({started})
    def layerkit_run_started(folder):
        with (folder / "notes.txt").open("a") as file:
            print("{name} started", file=file)

    @hookimpl({ended})
    def layerkit_run_ended(folder):
        with (folder / "notes.txt").open("a") as file:
            print("{name} ended", file=file)
"""


def test_each_hook_is_called_in_the_order_that_plugins_ask_for(install, layerkit, spec, tmp_path):
    install("layerkit-a", LINES.format(name="a", started="trylast=True", ended="tryfirst=True"))
    install("layerkit-b", LINES.format(name="b", started="", ended=""))
    install("layerkit-c", LINES.format(name="c", started="tryfirst=True", ended="trylast=True"))

    assert layerkit("run", spec, "--quiet", "--out", tmp_path / "out").code == 0

    notes = (tmp_path / "out" / "notes.txt").read_text().splitlines()
    assert notes == [
        *("c started", "b started", "a started"),
        *("a ended", "b ended", "c ended"),
    ]


COMPILES = """
    from layerkit import Step, hookimpl

    class Fast(Step):
        pass

    @hookimpl
    def layerkit_compile(network, optimizer, batches):
        return {result}
"""


class TestAPluginThatCompilesSteps:
    def test_is_listed_as_one(self, install, layerkit):
        install("layerkit-fast", COMPILES.format(result="None"))

        assert layerkit("plugins").out.splitlines()[-1].endswith("ok     compiles steps")

    @pytest.mark.parametrize(
        ("result", "step"),
        [
            ("Fast(network, optimizer, batches)", "layerkit_fast.Fast"),
            ("None", "layerkit.training.step.Step"),
        ],
    )
    def test_is_named_in_the_record_of_a_run_that_it_made_faster(
        self, install, layerkit, spec, tmp_path, result, step
    ):
        install("layerkit-fast", COMPILES.format(result=result))

        assert layerkit("run", spec, "--quiet", "--out", tmp_path / "out").code == 0

        assert json.loads((tmp_path / "out" / "run.json").read_text())["step"] == step

    def test_is_named_when_it_raises_and_nothing_is_written(
        self, install, layerkit, spec, tmp_path
    ):
        install("layerkit-fast", COMPILES.format(result="1 / 0"))

        outcome = layerkit("run", spec, "--quiet", "--out", tmp_path / "out")

        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            "layerkit: plugin layerkit-fast (fast): layerkit_compile raised ZeroDivisionError: "
            "division by zero; LAYERKIT_PLUGINS can name the plugins to load without it\n"
        )
        assert not (tmp_path / "out").exists()
