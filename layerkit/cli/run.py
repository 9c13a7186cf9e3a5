"""``layerkit run``: training, or running a graph."""

import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerkit.cli.arguments import Json, Set, Spec, path
from layerkit.cli.streams import do_without_output
from layerkit.cli.terminal import print_json, print_table, warn
from layerkit.errors import UserError
from layerkit.paths import expanded

if TYPE_CHECKING:
    from layerkit.plugins import Plugins
    from layerkit.run import Provenance
    from layerkit.spec import Spec as LoadedSpec


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
        bool,
        typer.Option("--locked", help="Refuse to run if packages differ from the spec's lock."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")
    ] = False,
    json: Json = False,
) -> None:
    """Train the network of a spec, or run its graph.

    Example: layerkit run specs/digits.json --set training.epochs=5
    """
    # Here and below, imports wait until the verb runs: NumPy, pydantic and the plugins take longer
    # to import than everything that --help needs.
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
        if report.state == "broken" and not report.provider.module:  # its metadata is damaged
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
    # Late, for the reason given in run.
    from layerkit.cli.output import number
    from layerkit.run import provenance, run_graph

    _compare_with_lock(spec, provenance(spec, is_in_full=locked), locked)
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
    # Late, for the reason given in run.
    from layerkit.builder import build_experiment
    from layerkit.cli.output import JsonSummary, data_of
    from layerkit.cli.progress import Table
    from layerkit.run import (
        Interruptible,
        plugin_watchers,
        run_training,
    )

    out = None if out is None else expanded(out)
    if out is not None and os.path.lexists(out):
        raise UserError(f"--out {out}: already exists; a run never overwrites another")
    experiment = build_experiment(spec)
    data = data_of(experiment)
    watchers: list[Any] = []
    if json:
        watchers.append(JsonSummary())
    elif not quiet:
        watchers.append(Table(experiment, data))
    watchers += plugin_watchers(plugins.reports, spec.document.value, warn)
    do_without_output(warn)
    with ExitStack() as training:
        watchers.insert(0, Interruptible(training))
        result = run_training(
            experiment,
            data,
            out,
            watchers,
            lambda now: _compare_with_lock(spec, now, locked),
            locked,
        )
    if result.status == "interrupted":
        raise KeyboardInterrupt


def _compare_with_lock(spec: "LoadedSpec", now: "Provenance", locked: bool) -> None:
    # Late, for the reason given in run.
    from layerkit.run import compare, lock_of

    lock = lock_of(Path(spec.document.file))
    for difference in compare(lock, now, locked=locked):
        warn(f"{lock}: {difference}")
