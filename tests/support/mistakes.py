"""A spec that runs, and what the command says of a mistake in it."""

from pathlib import Path

import numpy as np
import pytest
from timing import timed

from layerkit import SpecError
from layerkit.registry import Registry
from layerkit.spec import parse_spec

SPEC = """\
{
  "version": 1,
  "data": {"type": "npz", "path": "data.npz"},
  "layers": [
    {"type": "affine", "units": 5},
    {"type": "relu"},
    {"type": "affine", "units": 3}
  ],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "sgd", "learning_rate": 0.1},
  "training": {"steps": 2, "batch_size": 4}
}
"""
"""The spec that all others are made from."""

AFFINE = '{"type": "affine", "units": 5}'
LAST = '{"type": "affine", "units": 3}'

SECONDS = 2.0
"""The most processor time of a refusal, to which the start of the command comes."""


def write_data(x, t) -> None:
    np.savez("data.npz", x=x, t=t)


def write_examples() -> None:
    """Write data that fit ``SPEC``: 30 examples of 4 features, in 3 classes."""
    rng = np.random.default_rng(0)
    write_data(rng.normal(size=(30, 4)), np.arange(30) % 3)


def excerpt(text: str, place: str, message: str, marked: str) -> str:
    """Return what is said of one problem at ``line:column`` of a spec."""
    line, column = map(int, place.split(":"))
    shown = text.split("\n")[line - 1]
    assert shown[column - 1 :].startswith(marked)
    carets = " " * (column - 1) + "^" * len(marked)
    return f"spec.json:{place}: {message}\n{line:>5} | {shown}\n      | {carets}\n"


def told_of(refused, text: str, command: str = "run") -> str:
    Path("spec.json").write_text(text)
    return refused(command, "spec.json")


def assert_told_at_its_place(refused, command: str, old: str, new: str, problem: tuple) -> None:
    """Assert that one change of the spec is the one problem that is reported."""
    assert old in SPEC
    text = SPEC.replace(old, new, 1)

    told = told_of(refused, text, command)

    assert told == excerpt(text, *problem) + "1 problem; nothing was run.\n"


def assert_refused_in_time(text: str, registry: Registry) -> None:
    """Assert that the text of a spec, below 1 MB, is refused in time and in few words."""
    assert len(text.encode()) < 2**20

    def refusal() -> SpecError:
        with pytest.raises(SpecError) as caught:
            parse_spec(text, registry)
        return caught.value

    error, seconds = timed(refusal, SECONDS)

    assert seconds < SECONDS
    assert len(str(error)) < 60_000
    assert len(error.problems) <= 500
    assert all(len(problem.message) < 10_000 for problem in error.problems)
