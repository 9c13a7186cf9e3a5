"""``layerkit verify``: checks that components keep the laws of their kind."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from layerkit.cli.arguments import Json
from layerkit.cli.terminal import echo, print_json, print_table
from layerkit.errors import RunError, UserError
from layerkit.wording import did_you_mean

if TYPE_CHECKING:
    from layerkit.contracts.registrar import Entry
    from layerkit.registry import Registry
    from layerkit.testing import Record


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|PACKAGE]...",
            help="A component, or a package for all its components; by default everything.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check that components keep the laws of their kind.

    Example: layerkit verify layerkit-conv
    """
    # Here and below, imports wait until the verb runs: NumPy, pydantic and the plugins take longer
    # to import than everything that --help needs.
    from layerkit.plugins import load_plugins
    from layerkit.testing import Status, check_component, checks

    plugins = load_plugins()
    registry = plugins.registry
    entries = _matching(registry, names or [])
    # If everything is verified, report plugins that could not be loaded, too.
    absent = [r for r in plugins.reports if r.state not in ("ok", "unreadable") and not r.entries]
    absent = [] if names else absent
    verified = [(entry, check_component(entry.cls, registry=registry)) for entry in entries]
    records = [record for _, entry_records in verified for record in entry_records]
    failed = [record for record in records if record.status is Status.FAILED]
    check_count = sum(1 for entry in entries for _ in checks(entry.cls, registry=registry))
    if json:
        print_json(
            [
                {"kind": entry.kind, "name": registry.name_of(entry), **asdict(record)}
                for entry, entry_records in verified
                for record in entry_records
            ]
        )
    else:
        _print(registry, verified)
        for report in absent:
            echo(f"{report} is {report.state}: {report.reason}")
    made = f"{len(records)} of {check_count} checks of {len(entries)} components"
    summary = f"{made}: {len(failed)} failed"
    if absent:
        summary += f"; plugins that do not work: {len(absent)}"
    if failed or absent or len(records) < check_count:
        raise RunError(summary)
    if not json:
        echo(summary)


def _matching(registry: "Registry", names: list[str]) -> "list[Entry]":
    """Return the components with these names or from these packages, by package and kind."""
    # Late, for the reason given in verify.
    from layerkit.contracts.registrar import KINDS
    from layerkit.distributions import canonical_name
    from layerkit.registry import split_name

    kinds = list(KINDS)
    entries = sorted(registry, key=lambda e: (e.provider.distribution, kinds.index(e.kind), e.name))
    if not names:
        return entries
    chosen = []
    for name in names:
        distribution, bare = split_name(name)
        matches = [
            e
            for e in entries
            if (bare == e.name and distribution in ("", e.provider.distribution))
            or canonical_name(name) == e.provider.distribution
        ]
        if not matches:
            valid_names = {n for e in entries for n in (e.name, e.provider.distribution)}
            raise UserError(
                f'no component and no package is named "{name}"'
                + (
                    registry.suspects(name) + did_you_mean(name, sorted(valid_names))
                    or "; see: layerkit plugins"
                )
            )
        chosen += [e for e in matches if e not in chosen]
    return chosen


def _print(registry: "Registry", verified: "list[tuple[Entry, list[Record]]]") -> None:
    """Print a line for each component, and below them the failures with their reasons."""
    # Late, for the reason given in verify.
    from layerkit.testing import Status

    rows = []
    for entry, records in verified:
        statuses = [record.status for record in records]
        rows.append(
            (
                registry.name_of(entry),
                entry.kind,
                entry.provider.distribution,
                str(len(records)),
                str(statuses.count(Status.FAILED)),
                f"{sum(record.seconds for record in records):.2f}",
            )
        )
    header = ("component", "kind", "package", "checks", "failed", "seconds")
    print_table(header, rows, right={3, 4, 5})
    for entry, records in verified:
        for record in records:
            if record.status is Status.FAILED:
                echo(f"{registry.name_of(entry)}: {record.check}: {record.reason}")
