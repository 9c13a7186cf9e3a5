"""Mend a spec: apply the suggestions that are certain, and change nothing else."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import Any, TypeVar

from layerkit.builder import build
from layerkit.contracts.registrar import KINDS
from layerkit.errors import Problem, Span, SpecError, UserError
from layerkit.registry import Registry
from layerkit.spec import parse_spec
from layerkit.spec.components import slips_of_type
from layerkit.spec.repair import distinct_words, keeps_words, repaired, tidiest, untidiness
from layerkit.spec.report import suggested_edit
from layerkit.spec.text import Document, parse, parsed, position
from layerkit.wording import is_one_edit_away

T = TypeVar("T")

MOST_ROUNDS = 50
"""The most times that a spec is mended and checked again."""

MOST_READ = 2_000_000
"""How many characters are examined in all: a large spec with many problems takes seconds."""

MOST_TRIED = 300
"""The most readings of a spec that are compared for one problem."""


@dataclass(frozen=True)
class Edit:
    """A piece of a text that is replaced.

    Attributes:
        span: The offsets of the characters that are replaced.
        old: The text that is replaced.
        new: The text that replaces it.
        line: The line where it begins, from 1.
        column: The column where it begins, from 1.
    """

    span: Span
    old: str
    new: str
    line: int
    column: int


@dataclass(frozen=True)
class Fixed:
    """A spec that was mended as far as is certain.

    Attributes:
        text: The mended text.
        edits: The edits in order, each with its place in the text after the edits before it.
        error: The remaining problems; None if there are none.
    """

    text: str
    edits: list[Edit]
    error: SpecError | None


@dataclass(frozen=True)
class _Findings:
    """What is wrong with a text.

    Attributes:
        stage: How far the spec got: 0 is not JSON, 1 not a spec, 2 not a network, 3 is valid.
        error: The problems.
    """

    stage: int
    error: SpecError | None = None

    @property
    def problems(self) -> Sequence[Problem]:
        return () if self.error is None else self.error.problems

    @property
    def rank(self) -> tuple[int, int]:
        """Its place among others: less is better."""
        return -self.stage, len(self.problems)


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
    fixer = _Fixer(registry, file, folder)
    edits: list[Edit] = []
    findings = fixer.examined(text)
    for _ in range(MOST_ROUNDS):
        step = fixer.step(text, findings)
        if step is None:
            break
        text, new_edits, findings = step
        edits += new_edits
    return Fixed(text, edits, findings.error)


class _Fixer:
    def __init__(self, registry: Registry, file: str, folder: FilePath) -> None:
        self.registry, self.file, self.folder = registry, file, folder
        self.left = MOST_READ

    def examined(self, text: str, is_built: bool = True) -> _Findings:
        self.left -= len(text)
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
        """Return the text after the next edits, the edits, and what is then wrong with it."""
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
            if self.left <= 0:
                break
            meant = self._meant(text, problem, findings)
            if meant is not None and not _invents(edit := _difference(text, meant)):
                after = self.examined(meant)
                if after.rank < findings.rank and not (
                    after.problems and findings.stage == 0 and _has_bracket(edit)
                ):
                    return meant, [edit], after
        return None

    def _tidiest(self, text: str, mended: str, span: Span, stage: int) -> str:
        """Return the tidiest of the texts with the same content as a mended one."""
        if stage:
            return tidiest(text, mended, span)
        try:
            value = repr(parsed(mended))
        except ValueError:  # a key appears twice
            return mended
        _, texts = repaired(text, span[0]).get(value, (None, []))
        return min([mended, *texts], key=untidiness)

    def _helps(self, text: str, edits: list[Edit], after: _Findings, before: _Findings) -> bool:
        """Return whether edits helped: less is wrong, or only problems that are sure to be mended.

        Text that has become JSON also needs a valid value at the edited place.
        """
        if before.stage == 0:
            values = parse(text, self.file).spans(after.problems)
            touched = [(s, e) for s, e in values if text[s : s + 1] not in ("{", "[")]
            if any(s <= edit.span[0] <= e for s, e in touched for edit in edits):
                return False
        return after.rank < before.rank or (
            after.stage == before.stage
            and all(p.code == "missing-key" or _is_certain(p) for p in after.problems)
            and {(p.path, p.span) for p in after.problems}
            != {(p.path, p.span) for p in before.problems}
        )

    def _certain(self, text: str, problems: Iterable[Problem]) -> list[Edit]:
        """Return the edits that the problems suggest as certain, without overlaps."""
        certain = [p for p in problems if _is_certain(p)]
        places = [place for p in certain if (place := suggested_edit(p)) is not None]
        edits: dict[int, Edit] = {}
        end = 0
        spans = parse(text, self.file).spans(places)
        for span, problem in sorted(zip(spans, certain, strict=True), key=lambda pair: pair[0]):
            [suggestion] = problem.suggestions
            old = text[slice(*span)]
            if span[0] >= end and old != suggestion.text and _keeps_number(old, suggestion.text):
                edits[span[0]] = _edit(text, span, suggestion.text)
                end = max(span[1], span[0] + 1)
        return list(edits.values())

    def _meant(self, text: str, problem: Problem, findings: _Findings) -> str | None:
        """Return the text that was meant, if trials can determine it."""
        if findings.stage == 0:
            if problem.span is None or problem.path:
                return None
            readings = repaired(text, problem.span[0])
            if len(readings) > MOST_TRIED:
                return None
            return self._best([texts for _, texts in readings.values()], text)
        return self._best([[t] for t in self._alternatives(text, problem)])

    def _alternatives(self, text: str, problem: Problem) -> Iterator[str]:
        """Yield the texts in which a name is replaced by one that is a slip away."""
        document = parse(text, self.file)
        name = _at(document.value, problem.path)
        if not isinstance(name, str) or problem.hint:  # a hint: a broken plugin may have the name
            return
        if problem.code == "unknown-type" and problem.expected in KINDS:
            for other in slips_of_type(name, self.registry.names(problem.expected)):
                yield _replaced(document, problem, other)
        if problem.code not in ("unknown-input", "wrong-pattern"):
            return
        names = list(_names(document.value))
        # A name that stands elsewhere too is no slip: the layers may only be in the wrong order.
        if problem.code == "unknown-input" and sum(name == other for _, other in names) > 1:
            return
        for place, other in names:
            if is_one_edit_away(name, other):
                yield _replaced(document, problem, other)
                if problem.code == "unknown-input":  # or the other name is misspelt
                    yield _replaced(document, place, name)

    def _best(self, readings: list[list[str]], written: str = "") -> str | None:
        """Return the tidiest text of the best reading; None if several are equally good.

        Args:
            readings: The texts of each reading, which differ only in blanks.
            written: The original text that is not JSON. A reading that adds a missing mark is
                preferred to one that removes letters or digits.
        """
        if not readings:
            return None
        judged = [(self.examined(texts[0], is_built=False), texts) for texts in readings]
        judged = _least(judged, lambda f: f[0].rank)
        if len(judged) > 1 and judged[0][0].stage == 2:
            built = [(self._built(texts[0]), texts) for _, texts in judged]
            judged = _least(built, lambda f: f[0].rank)
        if len(judged) > 1:
            judged = _least(judged, lambda f: distinct_words(f[1][0]))
        if len(judged) > 1 and written:
            judged = _least(judged, lambda f: not any(keeps_words(written, t) for t in f[1]))
        texts = [min(texts, key=untidiness) for _, texts in judged]
        if len(texts) > 1:  # the edits that are certain next may make these texts equal
            pairs = zip(texts, judged, strict=True)
            mended = [_applied(t, self._certain(t, f.problems)) for t, (f, _) in pairs]
            texts = list(dict.fromkeys(mended))
        if len(texts) > 1:
            texts = _least(texts, untidiness)
        return texts[0] if len(texts) == 1 else None

    def _built(self, text: str) -> _Findings:
        try:
            return self.examined(text)
        except UserError:  # a plugin failed on a reading that nobody may have meant
            return _Findings(2)


def _least(items: list[T], measure: Callable[[T], Any]) -> list[T]:
    """Return the items with the least measure."""
    measures = [measure(item) for item in items]
    least = min(measures)
    return [item for item, m in zip(items, measures, strict=True) if m == least]


def _is_certain(problem: Problem) -> bool:
    """Return whether a problem has exactly one suggestion, and it is certain."""
    suggestions = problem.suggestions
    return len(suggestions) == 1 and suggestions[0].applicability == "certain"


def _invents(edit: Edit) -> bool:
    """Return whether an edit writes new digits, or turns a letter into a decimal point."""
    digits = any(c.isdecimal() and c not in edit.old for c in edit.new)
    return digits or ("." in edit.new and any(c.isalpha() for c in edit.old))


def _has_bracket(edit: Edit) -> bool:
    return any(c in "{}[]" for c in edit.old + edit.new)


def _keeps_number(old: str, new: str) -> bool:
    """Return whether an edit that replaces a number writes the same number."""
    try:
        number = Decimal(old)
    except InvalidOperation:
        return True
    if new.startswith('"'):
        return new[1:-1] == old
    try:
        return Decimal(new) == number
    except InvalidOperation:
        return True


def _at(value: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def _names(value: Any) -> Iterator[tuple[Problem, str]]:
    """Yield the names of inputs and layers in a spec, each with its place."""
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
    return Edit(span, text[slice(*span)], new, *position(text, span[0]))


def _difference(old: str, new: str) -> Edit:
    """Return the single edit that turns one text into another."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return _edit(old, (start, len(old) - end), new[start : len(new) - end])


def _applied(text: str, edits: Sequence[Edit]) -> str:
    """Return a text after edits, which come in the order of the text."""
    pieces, end = [], 0
    for edit in edits:
        pieces += [text[end : edit.span[0]], edit.new]
        end = edit.span[1]
    return "".join([*pieces, text[end:]])


def _replaced(document: Document, place: Problem, name: str) -> str:
    """Return the text of a document with another name at a place."""
    [span] = document.spans([place])
    return _applied(
        document.text, [_edit(document.text, span, json.dumps(name, ensure_ascii=False))]
    )
