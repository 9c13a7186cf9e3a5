"""``layerkit run``: the main job."""

import os
import signal
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerkit.cli.options import Json, Set, Spec
from layerkit.cli.terminal import echo, print_json, print_table
from layerkit.errors import UserError
from layerkit.paths import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from layerkit.builder import Experiment
    from layerkit.plugins import Plugins
    from layerkit.run import Result
    from layerkit.spec import Spec as LoadedSpec
    from layerkit.training import Evaluation, Trainer


def run(
    spec: Spec,
    set_: Set = [],  # noqa: B006  typer does not change it
    out: Annotated[
        Path | None,
        typer.Option(help="The folder for the results; runs/NAME-TIME unless given."),
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Refuse to run if code differs from the spec's lock.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    json: Json = False,
) -> None:
    """Train the network of a spec, or run its graph.

    Example: layerkit run specs/digits.json --set training.epochs=5
    """
    from layerkit.plugins import load_plugins
    from layerkit.spec import GraphSpec, load_spec

    plugins = load_plugins()
    loaded = load_spec(spec, plugins.registry, set_)
    if isinstance(loaded.content, GraphSpec):
        if out is not None:
            raise UserError("--out: running a graph leaves nothing to save; leave --out away")
        _run_graph(loaded, locked, quiet, json)
    else:
        _run_training(loaded, plugins, out, locked, quiet, json)


def _run_graph(spec: "LoadedSpec", locked: bool, quiet: bool, json: bool) -> None:
    from layerkit.run import run_graph

    _compare_with_lock(spec, spec, locked)
    nodes = run_graph(spec)
    if json:
        print_json([asdict(node) for node in nodes])
    elif not quiet:
        rows = [
            (node.name, node.type, number(node.value), number(node.derivative)) for node in nodes
        ]
        print_table(("node", "type", "value", "derivative"), rows, right={2, 3})


def _run_training(
    spec: "LoadedSpec", plugins: "Plugins", out: Path | None, locked: bool, quiet: bool, json: bool
) -> None:
    from layerkit.builder import build_experiment
    from layerkit.cli.progress import Table
    from layerkit.run import load_data, plugin_watchers, run_training

    out = None if out is None else expanded(out)
    if out is not None and os.path.lexists(out):
        raise UserError(f"--out {out}: is there already; a run is never written over another")
    experiment = build_experiment(spec)
    _compare_with_lock(spec, experiment, locked)
    data = load_data(experiment)
    watchers: list[Any] = [_Interrupt()]
    if json:
        watchers.append(_Json())
    elif not quiet:
        watchers.append(Table(experiment, data))
    watchers += plugin_watchers(plugins.reports, spec.document.value, _warn)
    with _interruptible(watchers[0]):
        result = run_training(experiment, data, out, watchers)
    if result.status == "interrupted":
        raise typer.Exit(130)


def _compare_with_lock(spec: "LoadedSpec", used: "LoadedSpec | Experiment", locked: bool) -> None:
    from layerkit.run import compare, lock_of, provenance

    lock = lock_of(Path(spec.document.file))
    for change in compare(lock, provenance(used), locked=locked):
        _warn(f"{lock}: {change}")


def _warn(message: str) -> None:
    echo(f"warning: {message}", err=True)


def summary(result: "Result", evaluations: "list[Evaluation]") -> dict[str, Any]:
    """Return what ``--json`` prints of a run."""
    return {
        "folder": str(result.folder),
        "status": result.status,
        "steps": result.steps,
        "seconds": result.seconds,
        "best": asdict(result.best) if result.best else None,
        "last": asdict(result.last) if result.last else None,
        "evaluations": [asdict(evaluation) for evaluation in evaluations],
    }


def number(value: Any) -> str:
    """Return a number, or nested lists of them, with 10 significant digits."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"[{', '.join(number(v) for v in value)}]"
    return f"{value + 0:.10g}"  # -0 + 0 is 0


class _Watcher:
    """Hears everything and does nothing."""

    def started(self, trainer: "Trainer", folder: Path) -> None: ...

    def evaluated(self, evaluation: "Evaluation", is_best: bool) -> None: ...

    def ended(self, result: "Result") -> None: ...


class _Json(_Watcher):
    """Prints the run as JSON when it has ended."""

    def __init__(self) -> None:
        self.evaluations: list[Evaluation] = []

    def evaluated(self, evaluation: "Evaluation", is_best: bool) -> None:
        self.evaluations.append(evaluation)

    def ended(self, result: "Result") -> None:
        print_json(summary(result, self.evaluations))


class _Interrupt(_Watcher):
    """Ends the training at the next step when the user interrupts, so that nothing is lost."""

    trainer: "Trainer | None" = None

    def started(self, trainer: "Trainer", folder: Path) -> None:
        self.trainer = trainer

    def __call__(self, *_: object) -> None:
        if self.trainer is None or self.trainer.stop_requested:
            raise KeyboardInterrupt
        self.trainer.stop_requested = True


@contextmanager
def _interruptible(interrupt: _Interrupt) -> "Iterator[None]":
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
