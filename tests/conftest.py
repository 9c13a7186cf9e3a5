"""Fixtures: data that is not in the repository, plugins to install, and ways to run the command."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from textwrap import dedent
from typing import Any

import hypothesis
import pytest

from layerkit.cli import main
from layerkit.distributions import installed

# Tests run in parallel, one on each core, so BLAS threads of different tests would only compete.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# On a busy machine an example may take long, which is no fault of the code.
hypothesis.settings.register_profile("layerkit", deadline=None)
hypothesis.settings.load_profile("layerkit")


@pytest.fixture(scope="session")
def mnist_folder():
    """The folder with the four MNIST files; a test without it is skipped, but fails in CI."""
    root = os.environ.get("LAYERKIT_DATA")
    folder = Path(root or ".", "mnist")
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    if root and all(any(folder.glob(f"{part}-ubyte*")) for part in parts):
        return folder
    found = f"{folder} lacks some of them" if root else "it is not set"
    reason = f"needs the MNIST files in the folder mnist of $LAYERKIT_DATA, but {found}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


SWISH = dedent(
    """
    from layerkit import Array, Layer, hookimpl

    class Swish(Layer):
        '''Self-gated activation, ``y = x * sigmoid(beta * x)``.

        Args:
            beta: Slope of the gate.

        Shapes:
            x: ``(batch, *shape)``
            y: the shape of ``x``

        Source:
            Ramachandran, Zoph and Le (2017), eq. 1.
        '''

        def __init__(self, beta: float = 1.0) -> None:
            self.beta = beta

        def forward(self, x: Array) -> Array:
            return x

        def backward(self, dout: Array) -> Array:
            return dout

    @hookimpl
    def layerkit_register(registry):
        registry.layer("swish", Swish)
    """
)
"""The module of a plugin that works."""


@pytest.fixture(autouse=True)
def plugin_folders(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose plugins are found; empty at first, so installed plugins are ignored."""
    folders: list[Path] = []

    def found() -> list[metadata.Distribution]:
        return [d for d in installed() if Path(str(d.locate_file(""))) in folders]

    monkeypatch.setattr("layerkit.plugins.installed.installed", found)
    return folders


@pytest.fixture
def install(
    tmp_path: Path, plugin_folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Install distributions as pip does; all traces of them are removed after the test.

    ``install("layerkit-foo")`` installs version 1.0 of a distribution whose entry point ``foo``
    names a module ``layerkit_foo`` that provides the layer ``swish``.
    """
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    plugin_folders.append(site)
    loaded = set(sys.modules)

    def call(
        name: str,
        source: str = SWISH,
        points: str | None = None,
        requires: tuple[str, ...] = ("layerkit",),
    ) -> None:
        module = name.replace("-", "_")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}"
        )
        if points is None:
            points = f"{name.removeprefix('layerkit-')} = {module}"
        (info / "entry_points.txt").write_text(f"[layerkit]\n{dedent(points)}\n")
        (site / f"{module}.py").write_text(dedent(source))
        importlib.invalidate_caches()

    yield call
    for name in set(sys.modules) - loaded:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(site)):
            del sys.modules[name]
    importlib.invalidate_caches()


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


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own: ``process("run", "spec.json").returncode``.

    If a test does not need a separate process, the fixture ``layerkit`` does the same 0.6 seconds
    faster. ``env`` adds to the environment, and None removes a variable; other options are those of
    ``subprocess.run``.
    """

    def call(
        *arguments: object, env: dict[str, str | None] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(env or {})}
        return subprocess.run(
            [sys.executable, "-m", "layerkit", *map(str, arguments)],
            env={name: value for name, value in environment.items() if value is not None},
            **{"capture_output": True, "text": True, "timeout": 60, "check": False, **options},
        )

    return call


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """Work in a folder with the data of ``mistakes.SPEC``: 4 features and 3 classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAYERKIT_DATA", raising=False)
    from mistakes import write_examples  # loads NumPy, which reads the environment as set above

    write_examples()


@pytest.fixture
def refused(layerkit, data_folder):
    """Run a command that must be refused: ``refused("run", "spec.json")`` is what it says.

    It works in ``data_folder``, of which it must change nothing.
    """

    def call(*arguments: object) -> str:
        before = _listing()
        outcome = layerkit(*arguments)
        assert outcome.code == 2
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        assert _listing() == before
        return outcome.err

    return call


def _listing() -> dict[str, bytes | None]:
    """Return every file below the present folder with what it holds, and every folder.

    But for byte code, which Python writes of the plugins there where it may.
    """
    return {
        str(p): p.read_bytes() if p.is_file() and os.access(p, os.R_OK) else None
        for p in Path().rglob("*")
        if "__pycache__" not in p.parts
    }
