"""Arguments and options that several verbs take."""

from pathlib import Path
from typing import Annotated

import typer

Spec = Annotated[Path, typer.Argument(help="The spec, a JSON file.", show_default=False)]

Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Replace a value of the spec, as in training.epochs=5 or layers[-1].units=30; the "
        "value is JSON, or else text.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
