"""``layerkit layers``: the components that a spec can name."""

from typing import Annotated

import typer

from layerkit.cli.arguments import Json
from layerkit.cli.terminal import print_json, print_table
from layerkit.errors import UserError


def layers(
    kind: Annotated[
        str, typer.Option(help="The kind of component, or all for every kind.")
    ] = "layer",
    json: Json = False,
) -> None:
    """List the layers, or the components of another kind.

    Example: layerkit layers --kind loss
    """
    # Only when the verb runs, because --help does without them.
    from layerkit.contracts.registrar import KINDS
    from layerkit.docstrings import docstring_sections
    from layerkit.plugins import load_registry

    if kind not in (*KINDS, "all"):
        raise UserError(f'--kind: must be one of {", ".join(KINDS)} or all, got "{kind}"')
    registry = load_registry()
    rows = []
    for listed_kind in KINDS if kind == "all" else (kind,):
        for name in registry.names(listed_kind):
            entry = registry.find(listed_kind, name)
            summary = docstring_sections(entry.cls)[""].partition("\n\n")[0]
            provider = f"{entry.provider.distribution} {entry.provider.version}"
            summary = " ".join(summary.split()).replace("``", "")
            rows.append((name, listed_kind, summary, provider))
    if json:
        keys = ("name", "kind", "summary", "provider")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        header = ("name", "kind", "what it is", "provided by")
        shown = [0, 1, 2, 3] if kind == "all" else [0, 2, 3]
        table = [tuple(row[i] for i in shown) for row in (header, *rows)]
        print_table(table[0], table[1:], right=set())
