import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from layerkit.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def layerkit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command line in this process: ``layerkit("run", "spec.json").code``."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["layerkit", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
