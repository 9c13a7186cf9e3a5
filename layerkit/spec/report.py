"""Reports of a spec's problems for people: file, line, column, path, message and a caret."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unicodedata import east_asian_width

from layerkit.errors import Problem, Span, SpecError, place
from layerkit.spec.malformed import ENOUGH
from layerkit.spec.text import Document, position
from layerkit.wording import shortened, visible

WIDTH = 96
"""How much of a long line is shown around the caret."""

LONGEST = 1000
"""How much of a message is shown; it may quote a name of any length."""

MOST = 50
"""The most problems that are shown."""


def report(document: Document, problems: Sequence[Problem]) -> str:
    """Return the first problems with their places, in the order of the text, and their count."""
    ordered = document.in_order(problems)
    count = f"{len(ordered):,} problem{'s' if len(ordered) > 1 else ''}; nothing was run."
    if len(ordered) >= ENOUGH:
        count = f"... and more, at least {count}"
    elif len(ordered) > MOST:
        count = f"... and {len(ordered) - MOST:,} more; {count}"
    shown = ordered[:MOST]
    places = document.places(shown)
    return "\n".join([*(_one(document, *pair) for pair in zip(shown, places, strict=True)), count])


def spec_error(document: Document, problems: Sequence[Problem]) -> SpecError:
    """Return the error about places of a document."""
    return SpecError(problems, report(document, problems), records(document, problems))


def located(document: Document, problem: Problem) -> str:
    """Return one problem with its place and the line of the text."""
    [place] = document.places([problem])
    return _one(document, problem, place)


def records(document: Document, problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """Return the problems that are shown, as JSON for programs.

    A value that the command line set has no location in the text; its record has the words instead.
    """
    shown = document.in_order(problems)[:MOST]
    edits = [suggested_edit(problem) for problem in shown]
    places = document.places([*shown, *(edit for edit in edits if edit is not None)])
    of_edits = iter(places[len(shown) :])
    recorded = []
    for problem, edit, (holder, span) in zip(shown, edits, places, strict=False):
        overrides = _overrides(document, problem)
        record = {
            "code": problem.code,
            "message": visible(shortened(problem.message, LONGEST)),
            "file": visible(holder.file),
            "path": [shortened(p) if isinstance(p, str) else p for p in problem.path],
            "set": overrides[0] if overrides else None,
            **_location(holder, None if overrides else span),
            "expected": shortened(problem.expected, LONGEST) or None,
            "got": problem.got,
            "suggestion": None,
        }
        if edit is not None and (suggestion := problem.suggestions[0]):
            edited, at = next(of_edits)
            if edited is holder:  # a record names only one file
                record["suggestion"] = {
                    "replacement": suggestion.text,
                    "applicability": suggestion.applicability,
                    **_location(holder, None if overrides else at),
                }
        recorded.append(record)
    return recorded


def suggested_edit(problem: Problem) -> Problem | None:
    """Return the place that a problem's suggestion replaces, if there is exactly one."""
    if len(problem.suggestions) != 1:
        return None
    [suggestion] = problem.suggestions
    return replace(
        problem,
        path=(*problem.path, *suggestion.inside),
        at_key=problem.at_key if suggestion.at_key is None else suggestion.at_key,
        span=suggestion.span or problem.span,
    )


def _location(document: Document, span: Span | None) -> dict[str, Any]:
    """Return the line and column where characters begin and end, counted from 1."""
    names = ("location", "end_location")
    if span is None:
        return dict.fromkeys(names)
    return {
        name: dict(zip(("line", "column"), position(document.text, at), strict=True))
        for name, at in zip(names, span, strict=True)
    }


def _overrides(document: Document, problem: Problem) -> list[str]:
    """Return the words of the command line that are to blame for a problem.

    They set a value, a part of it or its surroundings, or removed a key that is now missing.
    """
    to_blame = [
        words
        for path, words in document.overridden.items()
        if problem.path and all(a == b for a, b in zip(path, problem.path, strict=False))
    ]
    to_blame += [
        words
        for (*path, key), words in document.dropped.items()
        if tuple(path) == problem.path and f'"{key}"' in problem.expected
    ]
    return [f"--set {visible(shortened(words))}" for words in to_blame]


def _one(document: Document, problem: Problem, at: tuple[Document, Span]) -> str:
    where = f"{place(problem.path)}: " if problem.path else ""
    said = _lines(where + problem.message)
    holder, (start, end) = at
    file, text = visible(holder.file), holder.text
    # The text does not show a value that the command line replaced.
    replaced = _overrides(document, problem)
    if replaced:
        suggestion, quotes = problem.suggestion, ""
        if suggestion is not None and suggestion.wording == "text":
            quotes = f"; in a shell that is '{place(problem.path)}={suggestion.text}'"
        return f"{' '.join(replaced[:MOST])}: {said}{quotes}"
    if not text.strip():
        return f"{file}:1:1: {said}"
    number, column = position(text, start)
    last = text.find("\n", start)
    line = text[start - column + 1 : last if last >= 0 else None].rstrip("\r")
    heading = f"{file}:{number}:{column}: {said}"
    return "\n".join([heading, *_excerpt(line, number, column - 1, end - start)])


def _excerpt(line: str, number: int, column: int, length: int) -> list[str]:
    """Return the line with carets below it; a long line is cut to the part around them."""
    left = max(0, column - WIDTH // 2) if len(line) > WIDTH else 0
    shown = "".join(c if c.isprintable() else " " for c in line[left : left + WIDTH])
    before = ("..." if left else "") + shown[: column - left]
    marked = shown[column - left :][: max(1, length)]
    after = "..." if left + WIDTH < len(line) else ""
    margin = " " * len(f"{number:>5}")
    return [
        f"{number:>5} | {'...' if left else ''}{shown}{after}",
        f"{margin} | {' ' * _cells(before)}{'^' * max(1, _cells(marked))}",
    ]


def _lines(message: str) -> str:
    """Return a message as the lines that its author meant, even if it quotes foreign text.

    Only a data set reports several things at one place, each in an indented line.
    """
    return "\n  ".join(map(visible, shortened(message, LONGEST).split("\n  ")))


def _cells(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)
