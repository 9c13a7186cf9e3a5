"""What the README shows is what comes out."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"```console\n\$ layerkit (.*)\n([\s\S]*?)```", README)


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_a_command_prints_what_the_readme_shows(layerkit, monkeypatch, command, shown):
    monkeypatch.chdir(ROOT)

    outcome = layerkit(*shlex.split(command))

    assert (outcome.out + outcome.err).rstrip() == shown.rstrip()


def test_the_spec_in_the_readme_is_the_one_in_specs():
    assert (ROOT / "specs" / "digits.json").read_text() in README


def test_the_loop_in_the_readme_trains(capsys):
    build, train = re.findall(r"```python\n([\s\S]*?)```", README.partition("## In Python")[2])[:2]
    x, t = np.random.default_rng(0).random((300, 784)), np.arange(300) % 10
    names = {"x_train": x, "t_train": t, "x_test": x, "t_test": t}

    exec(build + train, names)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "6", "9"]
    assert "test_loss" in lines[-1]
