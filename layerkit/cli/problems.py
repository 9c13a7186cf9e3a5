"""The printed form of a spec's problems, and of the edits that mended it."""

import difflib
from typing import TYPE_CHECKING, Any

from layerkit.errors import SpecError

if TYPE_CHECKING:
    from layerkit.run.fixing import Fixed
    from layerkit.spec.edits import Edit


def problems_as_json(error: SpecError | None) -> dict[str, Any]:
    """Return the problems of a spec as ``--json`` prints them: the count and the first ones."""
    if error is None:
        return {"count": 0, "problems": []}
    return {"count": len(error.problems), "problems": list(error.records)}


def edits_as_json(edits: "list[Edit]") -> list[dict[str, Any]]:
    """Return the edits that mended a spec as ``--json`` prints them."""
    return [
        {
            "location": {"line": edit.line, "column": edit.column},
            "old": edit.old,
            "new": edit.new,
        }
        for edit in edits
    ]


def edit_lines(file: str, before: str, fixed: "Fixed") -> list[str]:
    """Return a line for each edit with its place, then the changed lines, old and new."""
    lines = [f"{file}:{edit.line}:{edit.column}: {_words(edit)}" for edit in fixed.edits]
    difference = difflib.unified_diff(before.split("\n"), fixed.text.split("\n"), n=0, lineterm="")
    changed = [line.rstrip("\r") for line in difference if line[:1] in "+-"][2:]  # not the header
    return [*lines, *(f"{line[:1]} {line[1:]}" for line in changed)]


def _words(edit: "Edit") -> str:
    if not edit.old:
        return f"inserted {edit.new}"
    return f"{edit.old} became {edit.new}" if edit.new else f"removed {edit.old}"
