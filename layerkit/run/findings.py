"""What is wrong with a text as a spec, found again and again while the spec is mended."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from layerkit.builder import build
from layerkit.errors import Problem, SpecError
from layerkit.registry import Registry
from layerkit.spec import Spec, examined, parse_spec
from layerkit.spec.text import Document, parse
from layerkit.spec.wording import Effort

MOST_READ = 2_000_000
"""How many characters are examined in all: a large spec with many problems takes seconds."""

LAYER = 40
"""How many characters take as long as one layer, however short it is written."""

EFFORT = Effort(problems=sys.maxsize, similar=0)
"""All problems, because each search costs the same; no suggestion that a person must confirm."""


@dataclass(frozen=True)
class Findings:
    """What is wrong with a text.

    Attributes:
        document: The text.
        stage: How far the spec got: 0 is not JSON, 1 not a spec, 2 not a network, 3 is valid.
        problems: The problems.
        spec: The spec, if it is one.
        error: The error that the network raised.
    """

    document: Document
    stage: int
    problems: Sequence[Problem] = ()
    spec: Spec | None = None
    error: SpecError | None = None

    @property
    def text(self) -> str:
        """The text."""
        return self.document.text

    @property
    def rank(self) -> tuple[int, int]:
        """Its place among others: less is better."""
        return -self.stage, len(self.problems)


class Examiner:
    """Examines texts that may be a spec, until it has read too much.

    Args:
        registry: The available components.
        file: The name of the spec in messages.
        folder: The folder that its paths are relative to.
    """

    def __init__(self, registry: Registry, file: str, folder: FilePath) -> None:
        self.registry, self.file, self.folder = registry, file, folder
        self.left = MOST_READ

    def examined(self, text: str) -> Findings:
        """Return what is wrong with a text, or with the network that it describes."""
        return self.built(self.read(text))

    def read(self, text: str) -> Findings:
        """Return what is wrong with a text, whether or not its network can be built."""
        document = parse(text, self.file)
        if not document.is_read:
            self.left -= len(text) // 4  # it is parsed only
            return Findings(document, 0, document.problems)
        self._charge(document)
        result = examined(document, self.registry, self.folder, EFFORT)
        if isinstance(result, Spec):
            return Findings(document, 2, spec=result)
        return Findings(document, 1, result)

    def built(self, findings: Findings) -> Findings:
        """Return what is wrong with the network of a spec; other findings as they are."""
        if findings.spec is None:
            return findings
        self._charge(findings.document)
        try:
            build(findings.spec)
        except SpecError as error:
            return Findings(findings.document, 2, error.problems, error=error)
        return Findings(findings.document, 3)

    def error(self, findings: Findings) -> SpecError | None:
        """Return the error that reports findings to people; None if nothing is wrong."""
        if findings.error is not None or findings.stage == 3:
            return findings.error
        try:
            parse_spec(findings.text, self.registry, self.file, self.folder)
        except SpecError as error:
            return error
        return None

    def _charge(self, document: Document) -> None:
        layers = document.value.get("layers") if isinstance(document.value, dict) else None
        count = len(layers) if isinstance(layers, list) else 0
        self.left -= len(document.text) + LAYER * count
