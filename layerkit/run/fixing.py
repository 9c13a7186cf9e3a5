"""Mend a spec: apply the suggestions that are certain, and change nothing else."""

import json
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from layerkit.errors import Path, Problem, SpecError
from layerkit.registry import Registry
from layerkit.run.findings import Examiner, Findings
from layerkit.run.guessing import MOST_TRIED, Guesser
from layerkit.spec.edits import Edit, applied, difference, edits_of, invents, spans_after
from layerkit.spec.repair import tidiest
from layerkit.spec.report import suggested_edit

MOST_ROUNDS = 500
"""The most times that a spec is mended and checked again."""


@dataclass(frozen=True)
class Fixed:
    """A spec that was mended as far as is certain.

    Attributes:
        text: The mended text.
        edits: The edits in order. Each has its place in the text before the edits that were made
            together with it.
        error: The remaining problems; None if there are none.
    """

    text: str
    edits: list[Edit]
    error: SpecError | None


def fix(text: str, registry: Registry, file: str, folder: FilePath) -> Fixed:
    """Apply the edits to a spec that are certain to have been meant, until none is left.

    An edit is certain if only one thing can have been meant: a name that is a single slip away from
    exactly one valid name, or a value of another type that says the same. Text that is not JSON is
    mended if, of all the texts that one edit makes of it, the best specs have the same content.

    Args:
        text: The text of the spec.
        registry: The available components.
        file: The name of the spec in messages.
        folder: The folder that its paths are relative to.
    """
    fixer = _Fixer(Examiner(registry, file, folder))
    edits: list[Edit] = []
    findings = fixer.examiner.examined(text)
    for _ in range(MOST_ROUNDS):
        step = fixer.step(findings)
        if step is None:
            break
        new_edits, findings = step
        edits += new_edits
    return Fixed(findings.text, edits, fixer.examiner.error(findings))


class _Fixer:
    def __init__(self, examiner: Examiner) -> None:
        self.examiner = examiner
        self.guesser = Guesser(examiner, lambda f: applied(f.text, _certain(f)))

    def step(self, before: Findings) -> tuple[list[Edit], Findings] | None:
        """Return the next edits, and what is wrong after them; None if nothing is certain."""
        pending = deque([_certain(before)])
        while pending and self.examiner.left > 0:
            edits = pending.popleft()
            if not edits:
                continue
            after = self.examiner.examined(applied(before.text, edits))
            refused = _refused(before, edits, after)
            if not refused:
                return self._tidied(before, edits, after)
            others = [edit for edit in edits if edit not in refused]
            middle = len(edits) // 2
            if others:
                pending.appendleft(others)
            elif middle:  # together they did not help, but some of them may
                pending += [edits[:middle], edits[middle:]]
        for text in self._guesses(before):
            edits, after = [difference(before.text, text)], self.examiner.examined(text)
            if not _refused(before, edits, after):
                return self._tidied(before, edits, after)
        return None

    def _guesses(self, findings: Findings) -> Iterator[str]:
        for problem in findings.problems[:MOST_TRIED]:
            if self.examiner.left <= 0:
                return
            meant = self.guesser.meant(findings, problem)
            if meant is not None:
                yield meant

    def _tidied(
        self, before: Findings, edits: list[Edit], after: Findings
    ) -> tuple[list[Edit], Findings]:
        """Return an edit of a text so that it leaves no untidy blanks behind."""
        if len(edits) > 1 or not after.stage:
            return edits, after
        tidy = tidiest(before.text, after.text, edits[0], is_json=before.stage > 0)
        if tidy == after.text:
            return edits, after
        return [difference(before.text, tidy)], self.examiner.examined(tidy)


def _refused(before: Findings, edits: list[Edit], after: Findings) -> list[Edit]:
    """Return the edits that are not to be made; this is the one rule for all of them.

    No edit invents a number, and no edited place may be wrong afterwards. All together must help:
    less is wrong than before, or only what is sure to be mended next. If a bracket was missing or
    superfluous, there are many places to put it, so nothing may be wrong afterwards.
    """
    refused = [edit for edit in edits if invents(before.text, edit)]
    refused += [edit for edit in _wrong(edits, after) if edit not in refused]
    has_bracket = any(c in "{}[]" for edit in edits for c in edit.old + edit.new)
    if refused or (
        _helps(before, after) and not (before.stage == 0 and has_bracket and after.problems)
    ):
        return refused
    return edits


def _helps(before: Findings, after: Findings) -> bool:
    return after.rank < before.rank or (
        after.stage == before.stage
        and all(p.code == "missing-key" or _is_certain(p) for p in after.problems)
        and {(p.path, p.span) for p in after.problems}
        != {(p.path, p.span) for p in before.problems}
    )


def _wrong(edits: list[Edit], after: Findings) -> Iterator[Edit]:
    """Yield the edits that wrote part of a key or a value that is wrong afterwards."""
    spans = [span for span in after.document.spans(after.problems) if span[0] < span[1]]
    spans = sorted(span for span in spans if after.text[span[0]] not in "{[")
    for edit, (start, end) in zip(edits, spans_after(edits), strict=True):
        # Keys and plain values do not overlap, so the last one that begins before decides.
        k = bisect_left(spans, (max(end, start + 1), 0)) - 1
        if k >= 0 and start < spans[k][1] and (start < end or spans[k][0] < start):
            yield edit


def _certain(findings: Findings) -> list[Edit]:
    """Return the edits that the problems suggest as certain, without overlaps."""
    certain = [p for p in findings.problems if _is_certain(p)]
    places = [place for p in certain if (place := suggested_edit(p)) is not None]
    keys = Counter(
        key for p, place in zip(certain, places, strict=True) if (key := _new_key(p, place))
    )
    spans = findings.document.spans(places)
    replacements = []
    end = 0
    for span, problem, place in sorted(
        zip(spans, certain, places, strict=True), key=lambda each: each[0]
    ):
        key = _new_key(problem, place)
        if key and (keys[key] > 1 or key[1] in findings.document.at(key[0])):
            continue  # an object has a key once, so it is unclear which one was meant
        [suggestion] = problem.suggestions
        if span[0] >= end and findings.text[slice(*span)] != suggestion.text:
            replacements.append((span, suggestion.text))
            end = max(span[1], span[0] + 1)
    return edits_of(findings.text, replacements)


def _new_key(problem: Problem, place: Problem) -> tuple[Path, str] | None:
    """Return the key that a suggestion writes, with the path of its object."""
    if not place.at_key or not place.path:
        return None
    return place.path[:-1], json.loads(problem.suggestions[0].text)


def _is_certain(problem: Problem) -> bool:
    """Return whether a problem has exactly one suggestion, and it is certain."""
    suggestions: Sequence[Any] = problem.suggestions
    return len(suggestions) == 1 and suggestions[0].applicability == "certain"
