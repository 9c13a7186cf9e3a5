"""``layerkit plugins``: who provides what, and what is wrong with whom."""

from typing import Annotated

import typer

from layerkit.cli.options import Json, print_json, print_table
from layerkit.errors import UserError


def plugins(
    traceback: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show why that plugin is broken, in full.")
    ] = None,
    json: Json = False,
) -> None:
    """List the installed plugins, and what is wrong with which.

    Example: layerkit plugins --traceback swish
    """
    from layerkit.plugins import load_plugins

    reports = load_plugins().reports
    if traceback is not None:
        found = [r for r in reports if traceback in (r.name, r.provider.distribution)]
        if not found:
            names = ", ".join(r.name for r in reports)
            raise UserError(f'--traceback: no plugin is named "{traceback}"; there are: {names}')
        for report in found:
            typer.echo(report.traceback or f"{report.name} is {report.state}; nothing was raised.")
    elif json:
        print_json(
            [
                {
                    "name": r.name,
                    "distribution": r.provider.distribution,
                    "version": r.provider.version,
                    "module": r.provider.module,
                    "state": r.state,
                    "reason": r.reason,
                    "provides": [{"kind": e.kind, "name": e.name} for e in r.entries],
                }
                for r in reports
            ]
        )
    else:
        rows = [
            (
                r.name,
                f"{r.provider.distribution} {r.provider.version}",
                r.state,
                f"{len(r.entries)} component{'' if len(r.entries) == 1 else 's'}",
            )
            for r in reports
        ]
        print_table(("plugin", "distribution", "state", "provides"), rows, right=set())
        for report in reports:
            if report.reason:
                typer.echo(f"{report.name} is {report.state}: {report.reason}")
