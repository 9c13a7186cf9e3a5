"""``layerkit run``: the main job."""

import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerkit.cli.options import Json, Set, Spec, path
from layerkit.cli.streams import do_without_output
from layerkit.cli.terminal import echo, echo_text, print_json, print_table
from layerkit.errors import UserError
from layerkit.interrupts import interrupts
from layerkit.paths import expanded

if TYPE_CHECKING:
    from layerkit.builder import Experiment
    from layerkit.plugins import Plugins
    from layerkit.run import Provenance, Result
    from layerkit.spec import Spec as LoadedSpec
    from layerkit.training import Evaluation, Trainer


def run(
    spec: Spec,
    set_: Set = [],  # noqa: B006  typer does not change it
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the results; by default runs/NAME-TIME.",
            parser=path,
        ),
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Refuse to run if code differs from the spec's lock.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")
    ] = False,
    json: Json = False,
) -> None:
    """Train the network of a spec, or run its graph.

    Example: layerkit run specs/digits.json --set training.epochs=5
    """
    from layerkit.plugins import load_plugins
    from layerkit.run import remember
    from layerkit.spec import GraphSpec, load_spec
    from layerkit.spec.text import descriptor

    if locked and descriptor(spec) is not None:
        raise UserError(
            "--locked: a spec from a pipe has no lock beside it; store it in a file first"
        )
    plugins = load_plugins()
    for report in plugins.reports:
        if report.state == "broken" and not report.provider.module:  # its metadata are damaged
            warn(f"{report} is broken: {report.reason}")
    remember(plugins.registry, spec)
    loaded = load_spec(spec, plugins.registry, set_)
    if isinstance(loaded.content, GraphSpec):
        if out is not None:
            raise UserError("--out: running a graph leaves nothing to save; leave out --out")
        _run_graph(loaded, locked, quiet, json)
    else:
        _run_training(loaded, plugins, out, locked, quiet, json)


def _run_graph(spec: "LoadedSpec", locked: bool, quiet: bool, json: bool) -> None:
    from layerkit.run import provenance, run_graph

    _compare_with_lock(spec, provenance(spec), locked)
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
        raise UserError(f"--out {out}: already exists; a run is never written over another")
    experiment = build_experiment(spec)
    data = load_data(experiment)
    for note in data.notes:
        warn(note)
    warn_of_large_batch(experiment, len(data.train))
    watchers: list[Any] = []
    if json:
        watchers.append(_Json())
    elif not quiet:
        watchers.append(Table(experiment, data))
    watchers += plugin_watchers(plugins.reports, spec.document.value, warn)
    do_without_output(warn)
    with ExitStack() as training:
        watchers.insert(0, _Interruptible(training))
        result = run_training(
            experiment, data, out, watchers, lambda now: _compare_with_lock(spec, now, locked)
        )
    if result.status == "interrupted":
        raise KeyboardInterrupt


def _compare_with_lock(spec: "LoadedSpec", now: "Provenance", locked: bool) -> None:
    from layerkit.run import compare, lock_of

    lock = lock_of(Path(spec.document.file))
    for difference in compare(lock, now, locked=locked):
        warn(f"{lock}: {difference}")


def warn_of_large_batch(experiment: "Experiment", examples: int) -> None:
    """Warn if the spec asks for batches of more examples than there are."""
    settings = experiment.settings
    if settings.batch_size <= examples or "batch_size" not in settings.model_fields_set:
        return
    takes = "each step takes them all"
    if settings.sampling == "with_replacement":
        takes = "each step draws some of them several times"
    message = f"is {settings.batch_size:,}, but there are {examples:,} training examples; {takes}"
    echo_text(f"warning: {experiment.spec.located(('training', 'batch_size'), message)}", err=True)


def warn(message: str) -> None:
    """Print a warning to standard error."""
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


class _Interruptible(_Watcher):
    """Has a signal end the training after its present step, so that nothing is lost."""

    def __init__(self, training: ExitStack) -> None:
        self.training = training

    def started(self, trainer: "Trainer", folder: Path) -> None:
        self.training.enter_context(interrupts.finishing(trainer))

    def ended(self, result: "Result") -> None:
        # The results are written; whoever hears of them next may be interrupted.
        self.training.close()
