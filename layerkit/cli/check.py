"""``layerkit check``: everything that can be known about a spec before it is run."""

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Self

import typer

from layerkit.cli.arguments import Json, Set, Spec
from layerkit.cli.terminal import echo, print_json, print_table
from layerkit.errors import GradientError
from layerkit.wording import amount

if TYPE_CHECKING:
    from layerkit.network import Network
    from layerkit.run import GradientCheck


def check(
    spec: Spec,
    set_: Set = [],  # noqa: B006  typer does not change it
    gradients: Annotated[
        bool, typer.Option(help="Also compare back-propagation with numerical gradients.")
    ] = True,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Correct mistakes in the file if the correction is certain; report the rest.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Validate a spec, show its shapes, and check its gradients.

    Example: layerkit check specs/digits.json
    """
    if fix:
        # Only with --fix, because it needs everything that reads a spec.
        from layerkit.cli.fix import fix_file

        fix_file(spec, set_, json)
        return
    # Only when the verb runs, because --help does without them.
    from layerkit.builder import build_experiment, build_graph
    from layerkit.cli.output import data_of
    from layerkit.plugins import load_registry
    from layerkit.run import check_gradients, check_graph, remember
    from layerkit.spec import GraphSpec, load_spec

    registry = load_registry()
    remember(registry, spec)
    loaded = load_spec(spec, registry, set_)
    memory, at_most = None, ""
    checks: list[GradientCheck] = []
    if isinstance(loaded.content, GraphSpec):
        network = build_graph(loaded)[0]
        if gradients:
            with _Progress() as progress:
                checks = check_graph(loaded, progress)
    else:
        experiment = build_experiment(loaded, dtype="float64" if gradients else None)
        network, memory = experiment.network, experiment.memory
        at_most = " at most"  # the number of examples is unknown until they are read
        if gradients:
            data = data_of(experiment)
            at_most, memory = "", experiment.memory_for(len(data.train), data.most_evaluated)
            with _Progress() as progress:
                checks = check_gradients(experiment, data, progress)
    if json:
        print_json(_as_json(network, memory, checks))
    else:
        rows = [
            (node.name, node.type, str(shape), f"{sum(p.size for p in node.parameters()):,}")
            for node, shape in zip(
                network.nodes, network.shapes[network.input_count :], strict=True
            )
        ]
        print_table(("layer", "type", "output", "parameters"), rows, right={3})
        size = ""
        if memory is not None:
            size = f"; training takes{at_most} {amount(memory)}, the data aside"
        echo(f"{network.parameter_count:,} parameters{size}")
        if checks:
            _print_checks(checks)
    wrong = [check.name for check in checks if check.verdict == "disagrees"]
    if wrong:
        raise GradientError(
            f"back-propagation and numerical gradients disagree for {', '.join(wrong)}"
        )


def _on_terminal() -> bool:
    return sys.stderr.isatty()


class _Progress:
    """Shows on a terminal how far the comparison is, once it has taken a second."""

    def __init__(self) -> None:
        self._due = time.perf_counter() + 1
        self._shown = False

    def __call__(self, made: int, expected: int) -> None:
        """Show the progress, at most ten times a second."""
        now = time.perf_counter()
        if now < self._due or not _on_terminal():
            return
        self._due, self._shown = now + 0.1, True
        sys.stderr.write(f"\rcomparing gradients: {100 * made // max(1, expected):3} %")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the line."""
        if self._shown:
            sys.stderr.write("\r" + " " * 40 + "\r")
            sys.stderr.flush()


def _print_checks(checks: "list[GradientCheck]") -> None:
    rows = [
        (
            c.name,
            f"{c.checked:,} of {c.size:,}",
            f"{c.mean_difference:.2e}",
            f"{c.mean_gradient:.2e}",
            _verdict(c),
        )
        for c in checks
    ]
    echo("", "back-propagation against numerical gradients, in float64:")
    header = ("gradient with respect to", "checked", "mean |difference|", "mean |gradient|", "")
    print_table(header, rows, right={1, 2, 3})


def _verdict(check: "GradientCheck") -> str:
    """Return a verdict in words, with the worst element or the counts of unjudged ones."""
    if check.worst is not None:
        index, exact, numerical = check.worst
        which = f"{check.wrong:,} DISAGREE" if check.wrong > 1 else "DISAGREES"
        return f"{which}: {list(index)} is {exact:.4g}, numerically {numerical:.4g}"
    excluded = [(check.kinks, "at a kink"), (check.too_small, "too small to tell")]
    notes = [f"{count:,} {why}" for count, why in excluded if count]
    return "; ".join([check.verdict, *notes]) if check.verdict == "agrees" else check.verdict


def _as_json(
    network: "Network", memory: int | None, checks: "list[GradientCheck]"
) -> dict[str, object]:
    shapes = network.shapes[network.input_count :]
    return {
        "layers": [
            {
                "name": node.name,
                "type": node.type,
                "shape": shape,
                "parameters": sum(p.size for p in node.parameters()),
            }
            for node, shape in zip(network.nodes, shapes, strict=True)
        ],
        "parameters": network.parameter_count,
        "memory": memory,
        "gradients": [asdict(check) for check in checks],
    }
