"""Mending a spec: what is certain is applied, and nothing else is changed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from layerkit.builder import build
from layerkit.errors import Problem, Span, SpecError, UserError
from layerkit.registry import KINDS, Registry
from layerkit.spec import parse_spec
from layerkit.spec.repair import distinct_words, keeps_words, repaired, tidiest, untidiness
from layerkit.spec.report import suggested_edit
from layerkit.spec.text import parse, parsed
from layerkit.wording import is_one_edit_away, slips

MOST_ROUNDS = 50
"""How often a spec is mended and checked again."""

MOST_TRIED = 300
"""How many readings of a spec are compared for one problem."""


@dataclass(frozen=True)
class Edit:
    """A piece of a text that is replaced.

    Attributes:
        span: The characters that go, by their offsets.
        old: What they are.
        new: What comes in their place.
        line: The line where they begin, from 1.
        column: The column where they begin, from 1.
    """

    span: Span
    old: str
    new: str
    line: int
    column: int


@dataclass(frozen=True)
class Fixed:
    """A spec that was mended as far as that is certain.

    Attributes:
        text: The text.
        edits: What was changed, in order; each at its place in the text as it was by then.
        error: What remains; None if nothing does.
    """

    text: str
    edits: list[Edit]
    error: SpecError | None


@dataclass(frozen=True)
class _Findings:
    """What is wrong with a text.

    Attributes:
        stage: How far the spec came: 0 it is no JSON, 1 no spec, 2 no network, 3 all is well.
        error: The problems.
    """

    stage: int
    error: SpecError | None = None

    @property
    def problems(self) -> Sequence[Problem]:
        return () if self.error is None else self.error.problems

    def is_better_than(self, other: "_Findings") -> bool:
        return (-self.stage, len(self.problems)) < (-other.stage, len(other.problems))


def fix(text: str, registry: Registry, file: str, folder: FilePath) -> Fixed:
    """Apply to a spec what is certain to have been meant, until nothing more is.

    A suggestion is applied where only one thing can have been meant: a name that is a single slip
    away from exactly one that would do, a value of another type that says the same. A text that is
    no JSON is mended where, of all the texts that one edit makes of it, those that are the best
    specs say the same.

    Args:
        text: The text of the spec.
        registry: The components there are.
        file: What messages call the spec.
        folder: What its paths are relative to.
    """
    fixer = _Fixer(registry, file, folder)
    edits: list[Edit] = []
    findings = fixer.examined(text)
    for _ in range(MOST_ROUNDS):
        step = fixer.step(text, findings)
        if step is None:
            break
        text, findings = step[0], step[2]
        edits += step[1]
    return Fixed(text, edits, findings.error)


class _Fixer:
    def __init__(self, registry: Registry, file: str, folder: FilePath) -> None:
        self.registry, self.file, self.folder = registry, file, folder

    def examined(self, text: str, is_built: bool = True) -> _Findings:
        try:
            spec = parse_spec(text, self.registry, self.file, self.folder)
        except SpecError as error:
            is_json = not any(p.span is not None and not p.path for p in error.problems)
            return _Findings(int(is_json), error)
        if not is_built:
            return _Findings(2)
        try:
            build(spec)
        except SpecError as error:
            return _Findings(2, error)
        return _Findings(3)

    def step(self, text: str, findings: _Findings) -> tuple[str, list[Edit], _Findings] | None:
        """Return the text after the next edits, these, and what is wrong with it then."""
        certain = self._certain(text, findings.problems)
        for edits in (certain, *([edit] for edit in certain if len(certain) > 1)):
            mended = _applied(text, edits)
            if edits and self._helps(mended, edits, after := self.examined(mended), findings):
                if len(edits) == 1 and after.stage:
                    tidy = self._tidiest(text, mended, edits[0].span, findings.stage)
                    edits = edits if tidy == mended else [_difference(text, tidy)]
                    return tidy, edits, after
                return mended, edits, after
        for problem in findings.problems[:MOST_TRIED]:
            meant = self._meant(text, problem, findings)
            if meant is not None:
                after = self.examined(meant)
                if after.is_better_than(findings):
                    return meant, [_difference(text, meant)], after
        return None

    def _tidiest(self, text: str, mended: str, span: Span, stage: int) -> str:
        """Return the tidiest of the texts that say what a mended one does."""
        if stage:
            return tidiest(text, mended, span)
        _, texts = repaired(text, span[0]).get(repr(parsed(mended)), (None, []))
        return min([mended, *texts], key=untidiness)

    def _helps(self, text: str, edits: list[Edit], after: _Findings, before: _Findings) -> bool:
        """Return whether edits were right: less is wrong, or only what is certain to be mended."""
        if before.stage == 0:  # it is JSON now, but the value must also be one that may stand here
            values = parse(text, self.file).spans(after.problems)
            touched = [(s, e) for s, e in values if text[s : s + 1] not in ("{", "[")]
            if any(s <= edit.span[0] <= e for s, e in touched for edit in edits):
                return False
        return after.is_better_than(before) or (
            after.stage == before.stage
            and all(p.code == "missing-key" or _is_certain(p) for p in after.problems)
            and {p.path for p in after.problems} != {p.path for p in before.problems}
        )

    def _certain(self, text: str, problems: Iterable[Problem]) -> list[Edit]:
        """Return the edits that the problems themselves are certain of, none across another."""
        certain = [p for p in problems if _is_certain(p)]
        places = [place for p in certain if (place := suggested_edit(p)) is not None]
        edits: dict[int, Edit] = {}
        end = 0
        spans = parse(text, self.file).spans(places)
        for span, problem in sorted(zip(spans, certain, strict=True), key=lambda each: each[0]):
            [suggestion] = problem.suggestions
            if span[0] >= end and text[slice(*span)] != suggestion.text:
                edits[span[0]] = _edit(text, span, suggestion.text)
                end = max(span[1], span[0] + 1)
        return list(edits.values())

    def _meant(self, text: str, problem: Problem, findings: _Findings) -> str | None:
        """Return the text that was meant, if that can be found out by trying."""
        if findings.stage == 0:
            if problem.span is None or problem.path:
                return None
            readings = repaired(text, problem.span[0])
            if len(readings) > MOST_TRIED:
                return None
            return self._best([texts for _, texts in readings.values()], text)
        return self._best([[t] for t in self._alternatives(text, problem)])

    def _alternatives(self, text: str, problem: Problem) -> Iterator[str]:
        """Yield the texts in which a name is one that is a slip away from it."""
        value = parse(text, self.file).value
        name = _at(value, problem.path)
        if not isinstance(name, str) or problem.hint:  # as a plugin that does not work may have it
            return
        if problem.code == "unknown-type" and problem.expected in KINDS:
            for other in slips(name, self.registry.names(problem.expected)):
                yield self._replaced(text, problem, other)
        if problem.code in ("unknown-input", "wrong-pattern"):
            for place, other in _names(value):
                if is_one_edit_away(name, other):
                    yield self._replaced(text, problem, other)
                    if problem.code == "unknown-input":  # or it is right, and the other misspelt
                        yield self._replaced(text, place, name)

    def _replaced(self, text: str, place: Problem, name: str) -> str:
        [span] = parse(text, self.file).spans([place])
        return _applied(text, [_edit(text, span, json.dumps(name, ensure_ascii=False))])

    def _best(self, readings: list[list[str]], written: str = "") -> str | None:
        """Return the tidiest text of the best reading; None where several are as good.

        Args:
            readings: For each of them the texts, which differ in blanks alone.
            written: A text that is no JSON. To add a mark that is missing comes before taking away
                letters or digits that somebody has typed.
        """
        if not readings:
            return None
        judged = [(self.examined(texts[0], is_built=False), texts) for texts in readings]
        judged = _least(judged, lambda f: (-f[0].stage, len(f[0].problems)))
        if len(judged) > 1 and judged[0][0].stage == 2:
            built = [(self._built(texts[0]), texts) for _, texts in judged]
            judged = _least(built, lambda f: (-f[0].stage, len(f[0].problems)))
        if len(judged) > 1:
            judged = _least(judged, lambda f: distinct_words(f[1][0]))
        if len(judged) > 1 and written:
            judged = _least(judged, lambda f: not any(keeps_words(written, t) for t in f[1]))
        texts = [min(texts, key=untidiness) for _, texts in judged]
        if len(texts) > 1:  # what is certain to be mended next may make one text of them
            found = zip(texts, judged, strict=True)
            mended = [_applied(t, self._certain(t, f.problems)) for t, (f, _) in found]
            texts = list(dict.fromkeys(mended))
        if len(texts) > 1:
            texts = _least(texts, untidiness)
        return texts[0] if len(texts) == 1 else None

    def _built(self, text: str) -> _Findings:
        try:
            return self.examined(text)
        except UserError:  # a plugin that cannot cope with what nobody may have meant
            return _Findings(2)


def _least(items: list[Any], measure: Any) -> list[Any]:
    """Return the items whose measure is the least."""
    measures = [measure(item) for item in items]
    return [item for item, m in zip(items, measures, strict=True) if m == min(measures)]


def _is_certain(problem: Problem) -> bool:
    """Return whether a problem is certain of what was meant, with one suggestion."""
    suggestions = problem.suggestions
    return len(suggestions) == 1 and suggestions[0].applicability == "certain"


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def _names(value: Any) -> Iterator[tuple[Problem, str]]:
    """Yield where names of inputs and layers stand in a spec, and each of them."""
    inputs = value.get("inputs")
    if isinstance(inputs, dict):
        for key in inputs:
            yield Problem("", ("inputs", key), at_key=True), key
    for i, layer in enumerate(value.get("layers", ())):
        if not isinstance(layer, dict):
            continue
        if isinstance(layer.get("name"), str):
            yield Problem("", ("layers", i, "name")), layer["name"]
        taken = layer.get("inputs")
        for k, name in enumerate(taken if isinstance(taken, list) else ()):
            if isinstance(name, str):
                yield Problem("", ("layers", i, "inputs", k)), name


def _edit(text: str, span: Span, new: str) -> Edit:
    start, end = span
    line_start = text.rfind("\n", 0, start) + 1
    return Edit(span, text[start:end], new, text.count("\n", 0, start) + 1, start - line_start + 1)


def _difference(old: str, new: str) -> Edit:
    """Return the one edit that makes a text of another."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return _edit(old, (start, len(old) - end), new[start : len(new) - end])


def _applied(text: str, edits: Sequence[Edit]) -> str:
    for edit in reversed(edits):
        text = text[: edit.span[0]] + edit.new + text[edit.span[1] :]
    return text
