"""Guess what a text with a typing slip was meant to be, by trying what it may have been.

A guess counts only if it is the single best one of all readings.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from layerkit.contracts.registrar import KINDS
from layerkit.errors import Problem, UserError
from layerkit.run.findings import Examiner, Findings
from layerkit.spec.components import slips_of_type
from layerkit.spec.edits import applied, edits_of
from layerkit.spec.repair import distinct_words, keeps_words, repaired, untidiness
from layerkit.spec.text import Document
from layerkit.spec.wiring import mentions
from layerkit.wording import is_one_edit_away

T = TypeVar("T")

MOST_TRIED = 300
"""The most readings of a spec that are compared for one problem."""

PAIR = 10
"""How many characters take as long as the comparison of two names."""


class Guesser:
    """Determines by trials what was meant.

    Args:
        examiner: Examines the readings.
        mended: Returns the text of findings after the edits that are certain.
    """

    def __init__(self, examiner: Examiner, mended: Callable[[Findings], str]) -> None:
        self._examiner, self._mended = examiner, mended

    def meant(self, findings: Findings, problem: Problem) -> str | None:
        """Return the text that was meant, if trials can determine it."""
        text = findings.text
        if findings.stage == 0:
            if problem.span is None or problem.path:
                return None
            readings = repaired(text, problem.span[0])
            if len(readings) > MOST_TRIED:
                return None
            return self._best([texts for _, texts in readings.values()], text)
        alternatives = dict.fromkeys(self._alternatives(findings.document, problem))
        return self._best([[t] for t in alternatives])

    def _alternatives(self, document: Document, problem: Problem) -> Iterator[str]:
        """Yield the texts in which a name is replaced by one that is a slip away."""
        name = document.at(problem.path)
        if not isinstance(name, str) or problem.hint:  # a hint: a broken plugin may have the name
            return
        if problem.code == "unknown-type" and problem.expected in KINDS:
            for other in slips_of_type(self._examiner.registry, problem.expected, name):
                yield _replaced(document, problem, other)
        if problem.code not in ("unknown-input", "wrong-pattern"):
            return
        mentioned = list(mentions(document.value))
        self._examiner.left -= PAIR * len(mentioned)
        is_input = problem.code == "unknown-input"
        layer = next((m.layer for m in mentioned if m.path == problem.path), 0)
        # A name that stands elsewhere too is no slip: the layers may only be in the wrong order.
        if is_input and sum(name == m.name for m in mentioned) > 1:
            return
        for mention in mentioned:
            other = mention.name
            # Names that differ in their numbers are names of different things.
            if not is_one_edit_away(name, other) or _digits(name) != _digits(other):
                continue
            if is_input and not (mention.gives and mention.layer < layer):
                continue
            yield _replaced(document, problem, other)
            if is_input and mention.place is not None:  # or the other name is misspelt
                yield _replaced(document, mention.place, name)

    def _best(self, readings: list[list[str]], written: str = "") -> str | None:
        """Return the tidiest text of the best reading; None if several are equally good.

        Args:
            readings: The texts of each reading, which differ only in blanks.
            written: The original text that is not JSON. A reading that adds a missing mark is
                preferred to one that removes letters or digits.
        """
        if not readings:
            return None
        judged = [(self._examiner.read(texts[0]), texts) for texts in readings]
        judged = _least(judged, lambda f: f[0].rank)
        if len(judged) > 1 and judged[0][0].stage == 2:
            judged = _least([(self._built(f), t) for f, t in judged], lambda f: f[0].rank)
        if len(judged) > 1:
            judged = _least(judged, lambda f: distinct_words(f[1][0]))
        if len(judged) > 1 and written:
            judged = _least(judged, lambda f: not any(keeps_words(written, t) for t in f[1]))
        tidy = [(f, min(texts, key=untidiness)) for f, texts in judged]
        if len(tidy) == 1:
            return tidy[0][1]
        # The edits that are certain next may make these texts equal.
        mended = list(dict.fromkeys(self._mended(self._examiner.read(text)) for _, text in tidy))
        mended = _least(mended, untidiness)
        return mended[0] if len(mended) == 1 else None

    def _built(self, findings: Findings) -> Findings:
        try:
            return self._examiner.built(findings)
        except UserError:  # a plugin failed on a reading that nobody may have meant
            return Findings(findings.document, 2)


def _least(items: list[T], measure: Callable[[T], Any]) -> list[T]:
    """Return the items with the least measure."""
    measures = [measure(item) for item in items]
    least = min(measures)
    return [item for item, m in zip(items, measures, strict=True) if m == least]


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdecimal())


def _replaced(document: Document, place: Problem, name: str) -> str:
    """Return the text of a document with another name at a place."""
    [span] = document.spans([place])
    edits = edits_of(document.text, [(span, json.dumps(name, ensure_ascii=False))])
    return applied(document.text, edits)
