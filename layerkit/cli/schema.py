"""``layerkit schema``: the JSON Schema with which editors complete and check specs."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from layerkit.cli.arguments import path
from layerkit.cli.terminal import echo, print_json
from layerkit.errors import UserError
from layerkit.paths import expanded, write_whole


def schema(
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; by default the schema is printed.",
            parser=path,
        ),
    ] = None,
) -> None:
    """Write the JSON Schema of specs for installed components.

    Example: layerkit schema --out specs/layerkit.schema.json
    """
    # Only when the verb runs, because --help does without them.
    from layerkit.plugins import load_registry
    from layerkit.spec.schema import TITLE, spec_schema

    json_schema = spec_schema(load_registry())
    if out is None:
        print_json(json_schema)
        return
    out = expanded(out)
    if os.path.lexists(out) and not _is_schema(out, TITLE):
        raise UserError(f"--out {out}: already exists and is not such a schema; choose another")
    try:
        text = json.dumps(json_schema, indent=2, ensure_ascii=False) + "\n"
        write_whole(out, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror}") from None
    echo(f'wrote {out}; a spec beside it names it by "$schema": "{out.name}"')


def _is_schema(file: Path, title: str) -> bool:
    """Return whether a file is an earlier schema, which a newer one may replace."""
    try:
        value = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("title") == title
