"""``layerkit check``: everything that can be known of a spec before it is run."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from layerkit.cli.options import Json, Set, Spec
from layerkit.cli.terminal import echo, print_json, print_table
from layerkit.errors import GradientError

if TYPE_CHECKING:
    from layerkit.network import Network
    from layerkit.run import GradientCheck


def check(
    spec: Spec,
    set_: Set = [],  # noqa: B006  typer does not change it
    gradients: Annotated[
        bool, typer.Option(help="Also compare back-propagation with numerical gradients.")
    ] = True,
    json: Json = False,
) -> None:
    """Validate a spec, show its shapes, and check its gradients.

    Example: layerkit check specs/digits.json
    """
    from layerkit.builder import amount, build_experiment, build_graph
    from layerkit.plugins import load_registry
    from layerkit.run import check_gradients, check_graph, load_data
    from layerkit.spec import GraphSpec, load_spec

    loaded = load_spec(spec, load_registry(), set_)
    memory = None
    checks: list[GradientCheck] = []
    if isinstance(loaded.content, GraphSpec):
        network = build_graph(loaded)[0]
        checks = check_graph(loaded) if gradients else []
    else:
        experiment = build_experiment(loaded, dtype="float64" if gradients else None)
        network, memory = experiment.network, experiment.memory
        if gradients:
            checks = check_gradients(experiment, load_data(experiment))
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
        size = f"; training takes {amount(memory)}, the data aside" if memory is not None else ""
        echo(f"{network.parameter_count:,} parameters{size}")
        if checks:
            _print_checks(checks)
    wrong = [check.name for check in checks if not check.agrees]
    if wrong:
        raise GradientError(
            f"back-propagation and numerical gradients disagree for {', '.join(wrong)}"
        )


def _print_checks(checks: "list[GradientCheck]") -> None:
    rows = [
        (
            c.name,
            f"{c.checked:,} of {c.size:,}",
            f"{c.mean_difference:.2e}",
            f"{c.mean_gradient:.2e}",
            "agrees" if c.agrees else "DISAGREES",
        )
        for c in checks
    ]
    echo("", "back-propagation against numerical gradients, in float64:")
    header = ("gradient by", "checked", "mean |difference|", "mean |gradient|", "")
    print_table(header, rows, right={1, 2, 3})


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
