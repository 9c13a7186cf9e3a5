"""The command ``layerkit``: one file for each verb, and in this file what they share.

Exit codes: 0 done; 1 the run failed, or the output cannot be written; 2 the spec, the data or the
command line is wrong; 128 + signal when interrupted (130 SIGINT, 143 SIGTERM, 129 SIGHUP); 141
the program that reads the output exited. A training that finishes exits with 0 even if its output
cannot be written.

A verb imports what it needs when it runs, because NumPy, pydantic and the plugins take longer to
import than everything that ``--help`` needs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from layerkit.cli.check import check
from layerkit.cli.describe import describe
from layerkit.cli.layers import layers
from layerkit.cli.new import new
from layerkit.cli.plugins import plugins
from layerkit.cli.problems import problems_as_json
from layerkit.cli.run import run
from layerkit.cli.schema import schema
from layerkit.cli.streams import guarded
from layerkit.cli.terminal import echo, print_json
from layerkit.cli.verify import verify
from layerkit.errors import RunError, SpecError, UserError
from layerkit.interrupts import interrupts
from layerkit.version import __version__
from layerkit.wording import visible


class _Verbs(TyperGroup):
    """The group of all verbs; its messages quote a wrong call with escapes."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse the options before the verb."""
        with _visible_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Parse the rest, and run the verb."""
        with _visible_errors():
            return super().invoke(ctx)


class _Verb(TyperCommand):
    """A verb, which prints the problems of a spec as JSON too where it was asked for JSON."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except SpecError as error:
            if ctx.params.get("json") and not ctx.params.get("fix"):  # that prints them itself
                print_json(problems_as_json(error))
            raise


@contextmanager
def _visible_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # An error of typer, or of click, on which older versions are built; both print a message.
        if isinstance(message := getattr(error, "message", None), str):
            error.message = visible(message)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    name="layerkit",
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help, because a layout with rich takes as long as the rest of the start.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, check, layers, describe, plugins, schema, verify):
    app.command(cls=_Verb)(command)
app.add_typer(new)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        echo(f"layerkit {__version__}")
        raise typer.Exit


@app.callback()
def _layerkit(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Declare a network in JSON, train it with NumPy, and let any package add layers."""


def main() -> None:
    """Run the command line, and turn errors of layerkit into messages and exit codes."""
    with interrupts.handled(), guarded():
        _run_app()


def _run_app() -> None:
    try:
        app()
    except SpecError as error:
        _fail(*str(error).split("\n"), code=2)
    except UserError as error:
        _fail(f"layerkit: {error}", code=2)
    except RunError as error:
        _fail(f"layerkit: {error}", code=1)
    except MemoryError as error:
        _fail(f"layerkit: there is not enough memory: {error}", code=1)
    except (Exception, SystemExit) as error:  # a component may end the command silently
        # Only here, because a command that succeeds has nobody to blame.
        from layerkit.cli.blame import mistake_of_plugin

        mistake = mistake_of_plugin(error)
        if not mistake:
            raise
        _fail(f"layerkit: {mistake}", code=2)


def _fail(*lines: str, code: int) -> None:
    echo(*lines, err=True)
    sys.exit(code)
