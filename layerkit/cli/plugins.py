"""``layerkit plugins``: what each plugin provides, and why a plugin does not work."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from layerkit.cli.arguments import Json
from layerkit.cli.terminal import echo, echo_text, print_json, print_table
from layerkit.errors import UserError

if TYPE_CHECKING:
    from layerkit.plugins import PluginReport

MOST_NAMES = 12
"""If a plugin provides more components than this, only their number is shown."""


def plugins(
    traceback: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show the traceback of a broken plugin.")
    ] = None,
    json: Json = False,
) -> None:
    """List the installed plugins, and why any of them fails.

    Example: layerkit plugins --traceback swish
    """
    # Only when the verb runs, because --help does without them.
    from layerkit.distributions import canonical_name
    from layerkit.plugins import load_plugins

    reports = load_plugins().reports
    if traceback is not None:
        names = {traceback, canonical_name(traceback)}
        matching = [r for r in reports if names & {r.name, r.provider.distribution}]
        if not matching:
            plugin_names = ", ".join(r.name for r in reports)
            raise UserError(
                f'--traceback: no plugin is named "{traceback}"; there are: {plugin_names}'
            )
        for report in matching:
            reason = f": {report.reason}" if report.reason else ""
            summary = f"{report.name} is {report.state}{reason}; nothing was raised"
            echo_text(report.traceback or summary)
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
                    "watches_runs": r.watches_runs,
                    "compiles_steps": r.compiles_steps,
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
                _provided(r),
            )
            for r in reports
        ]
        print_table(("plugin", "distribution", "state", "provides"), rows, right=set())
        for report in reports:
            if report.reason:
                echo(f"{report.name} is {report.state}: {report.reason}")


def _provided(report: "PluginReport") -> str:
    """Return what a plugin provides, in words: ``layer conv2d, layer max_pool2d``."""
    provided = [f"{entry.kind} {entry.name}" for entry in report.entries]
    if len(provided) > MOST_NAMES:
        counts = Counter(entry.kind for entry in report.entries)
        plural = {kind: f"{kind}es" if kind.endswith("s") else f"{kind}s" for kind in counts}
        provided = [f"{count} {plural[kind]}" for kind, count in counts.items()]
    services = {"watches runs": report.watches_runs, "compiles steps": report.compiles_steps}
    provided += [service for service, is_provided in services.items() if is_provided]
    return ", ".join(provided) or "nothing"
