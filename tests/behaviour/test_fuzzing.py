"""Thousands of specs and values that nobody would write are run or refused, each in time.

By hand, for an hour and from another seed than in CI::

    LAYERKIT_FUZZ_SECONDS=3600 LAYERKIT_FUZZ_SEED=$RANDOM pytest -n 0 -k test_fuzzing
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from mutation import Mutator, seeds
from timing import timed
from typer.main import get_command

from layerkit import DataError, load_registry
from layerkit.cli import app

SECONDS = float(os.environ.get("LAYERKIT_FUZZ_SECONDS", "10"))
SEED = os.environ.get("LAYERKIT_FUZZ_SEED", "0")

LONGEST = 2.0
"""Seconds of processor time that an answer may take."""

LARGEST = 200_000
"""Characters that an answer may have; of up to 50 problems each has three lines."""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder with the data that some seeds read, and no way to download others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LAYERKIT_DATA", raising=False)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(30, 4)), np.arange(30) % 10
    np.savez("data.npz", x=x, t=t)
    np.save("x.npy", x)
    np.save("t.npy", t)
    rows = (f"{i},{'uvw'[i % 3]},{i % 10}" for i in range(30))
    Path("data.csv").write_text("\n".join(["a,b,kind", *rows]))

    def download(*_, **__):
        raise DataError("nothing is downloaded here")

    monkeypatch.setattr("layerkit.builtin.datasets.downloading.download", download)
    # Both are made anew for every call, and would take most of the time.
    registry, command = load_registry(), get_command(app)
    monkeypatch.setattr("layerkit.plugins.load_registry", lambda: registry)
    monkeypatch.setattr("layerkit.cli.app", command)


def examine(outcome, seconds: float, case: object) -> None:
    said = outcome.out + outcome.err
    assert outcome.code in (0, 1, 2), case
    assert "Traceback" not in said, case
    assert seconds < LONGEST, (seconds, case)
    assert len(said) < LARGEST, case
    assert all(c.isprintable() or c == "\n" for c in said), case
    if outcome.code == 2:
        assert outcome.out == "", case
        assert outcome.err, case


def check(layerkit, *arguments: str):
    """Return the outcome of a check, and the processor time that it took."""
    return timed(lambda: layerkit("check", "spec.json", "--no-gradients", *arguments), LONGEST)


def until_the_end(name: str):
    """Yield mutators, each with the seed that makes the same mutant again."""
    end, number = time.monotonic() + SECONDS / 2, 0
    while number < 20 or time.monotonic() < end:
        yield f"{SEED}-{name}-{number}"
        number += 1
    print(f"{number:,} {name}")


def test_every_mutant_of_a_spec_is_answered(layerkit):
    mutator = Mutator(SEED)
    codes = set()
    for seed in until_the_end("specs"):
        mutator.random.seed(seed)
        text = mutator.text()
        Path("spec.json").write_bytes(text.encode("utf-8", "surrogatepass"))

        outcome, seconds = check(layerkit)

        examine(outcome, seconds, (seed, text[:2000]))
        codes.add(outcome.code)
    assert codes >= {0, 2}


def test_every_value_from_the_command_line_is_answered(layerkit):
    mutator = Mutator(SEED)
    codes = set()
    for seed in until_the_end("assignments"):
        mutator.random.seed(seed)
        spec = mutator.random.choice(seeds())
        Path("spec.json").write_text(json.dumps(spec))
        words = [mutator.assignment() for _ in range(mutator.random.choice([1, 1, 1, 5]))]
        # The system hands no null byte over, and no text that it could not encode.
        words = [w.replace("\x00", "").encode("utf-8", "replace").decode() for w in words]

        outcome, seconds = check(layerkit, *(part for w in words for part in ("--set", w)))

        examine(outcome, seconds, (seed, spec, [w[:2000] for w in words]))
        codes.add(outcome.code)
    assert codes >= {0, 2}
