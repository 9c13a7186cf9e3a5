"""The command ``layerkit``: one file for each verb, and here what they share.

Exit codes: 0 done; 1 the run failed, or the output cannot be written; 2 the spec, the data or the
call is wrong; 128 + signal when interrupted (130 SIGINT, 143 SIGTERM, 129 SIGHUP); 141 the reader
of the output left. A training that finishes exits with 0 whatever becomes of its output.
"""

import sys
from typing import Annotated

import typer

from layerkit.cli.check import check
from layerkit.cli.describe import describe
from layerkit.cli.layers import layers
from layerkit.cli.new import new
from layerkit.cli.plugins import plugins
from layerkit.cli.run import run
from layerkit.cli.schema import schema
from layerkit.cli.streams import guarded
from layerkit.cli.verify import verify
from layerkit.errors import RunError, UserError
from layerkit.interrupts import interrupts

app = typer.Typer(
    name="layerkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: laying it out with rich takes as long as all the rest of the start.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, check, layers, describe, plugins, schema, verify):
    app.command()(command)
app.add_typer(new)


def _show_version(wanted: bool) -> None:
    if wanted:
        from layerkit import __version__

        typer.echo(f"layerkit {__version__}")
        raise typer.Exit


@app.callback()
def _layerkit(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Declare a network in JSON, train it with NumPy, let any package add layers."""


def main() -> None:
    """Run the command line, and turn layerkit's errors into messages and exit codes."""
    with interrupts.handled(), guarded():
        _run_app()


def _run_app() -> None:
    try:
        app()
    except UserError as error:
        _fail(str(error), 2)
    except RunError as error:
        _fail(str(error), 1)
    except MemoryError as error:
        _fail(f"there is not enough memory: {error}", 1)


def _fail(message: str, code: int) -> None:
    typer.echo(f"layerkit: {message}" if "\n" not in message else message, err=True)
    sys.exit(code)
