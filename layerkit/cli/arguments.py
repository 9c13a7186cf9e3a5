"""Arguments and options that several verbs take."""

from pathlib import Path
from typing import Annotated

import typer

from layerkit.paths import expanded


def path(text: str | Path) -> Path:
    """Return the path in an argument or its default; ``Path("")`` would be a folder.

    Raises:
        BadParameter: It is empty, such as an unset shell variable.
    """
    if text == "":
        raise typer.BadParameter("must be a path, got an empty text")
    return Path(text)


def spec(text: str | Path) -> Path:
    """Return the path of a spec; ``-`` means standard input, as usual in Unix."""
    return Path("/dev/stdin") if text == "-" else expanded(path(text))


Spec = Annotated[
    Path,
    typer.Argument(
        help="The spec, a JSON file; - reads standard input.", show_default=False, parser=spec
    ),
]

Set = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a value of the spec, as in training.epochs=5 or layers[-1].units=30; the "
        "value is read as JSON, or else as text. 'layers[+]=relu' appends, '~layers[1]' removes.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
