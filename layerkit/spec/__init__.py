"""Read specs from JSON text, validate them, and report every problem where it occurs."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from layerkit.errors import Path, Problem, SpecError
from layerkit.paths import expanded
from layerkit.registry import Registry
from layerkit.spec.components import ComponentSpec, LayerSpec, Reading
from layerkit.spec.extending import extend, with_base
from layerkit.spec.malformed import ENOUGH, MAX_DEPTH, depth
from layerkit.spec.models import EarlyStopping, GraphSpec, TrainingSettings, TrainingSpec
from layerkit.spec.options import validated
from layerkit.spec.overrides import override
from layerkit.spec.problems import problems_of
from layerkit.spec.report import located, spec_error
from layerkit.spec.text import Document, descriptor, parse, read_text
from layerkit.spec.wiring import wire
from layerkit.spec.wording import DEFAULT_EFFORT, Effort, with_keys
from layerkit.wording import LONGEST_NAME

__all__ = [
    "ComponentSpec",
    "EarlyStopping",
    "GraphSpec",
    "LayerSpec",
    "Spec",
    "TrainingSettings",
    "TrainingSpec",
    "examined",
    "load_spec",
    "parse_spec",
]

MOST_ELEMENTS = 10_000
"""The most elements that an array or an object of a spec may have."""


@dataclass(frozen=True)
class Spec:
    """A valid spec.

    Attributes:
        content: The validated content.
        wiring: The positions of each layer's inputs, counted over the network's inputs, then the
            layers.
        document: The text it was read from, for messages that point into it.
        registry: The components that its names refer to.
        folder: The folder that its paths are relative to.
    """

    content: TrainingSpec | GraphSpec
    wiring: list[tuple[int, ...]]
    document: Document
    registry: Registry
    folder: FilePath

    @property
    def name(self) -> str:
        """Its name, or else the shortened name of its file; ``spec`` if it came from a pipe."""
        file = FilePath(self.document.file)
        stem = file.stem if descriptor(file) is None else "spec"
        return self.content.name or stem[:LONGEST_NAME]

    def located(self, problem: Problem) -> str:
        """Return the text of a problem, with the line of this spec that it is about."""
        return located(self.document, problem)

    def error(self, *problems: Problem) -> SpecError:
        """Return an error about places of this spec."""
        return spec_error(self.document, problems)


def load_spec(file: str | PathLike[str], registry: Registry, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec from a file.

    Args:
        file: The file. Paths in the spec are relative to its folder. A pipe without a name, such
            as ``/dev/stdin`` and ``/dev/fd/63``, is read to its end; paths are then relative to the
            current folder.
        registry: The available components, as ``load_registry()`` returns them.
        overrides: Values to replace, each ``PATH=VALUE``, such as ``training.epochs=5``.

    Raises:
        UserError: The file cannot be read, or an override is malformed.
        SpecError: The spec is wrong; the error lists its problems.
    """
    path = expanded(file)
    folder = path.parent if descriptor(path) is None else FilePath()
    return parse_spec(read_text(path), registry, str(path), folder, overrides)


def parse_spec(
    text: str,
    registry: Registry,
    file: str = "<text>",
    folder: FilePath = FilePath(),
    overrides: Sequence[str] = (),
) -> Spec:
    """Read a spec from its text; see ``load_spec``."""
    document = parse(text, file)
    if document.is_read and len(document.problems) < ENOUGH:
        extend(document, folder)
        override(document, overrides)
    result = examined(document, registry, folder)
    if isinstance(result, Spec):
        return result
    raise spec_error(document, result)


def examined(
    document: Document, registry: Registry, folder: FilePath, effort: Effort = DEFAULT_EFFORT
) -> Spec | list[Problem]:
    """Return the spec that a text is, or everything that is wrong with it.

    Args:
        document: The text as JSON.
        registry: The available components.
        folder: The folder that paths in the spec are relative to.
        effort: How much time to spend on what is wrong.
    """
    if not document.is_read or len(document.problems) >= ENOUGH:
        return document.problems
    if too_large := _too_large(document):
        return [too_large]
    is_graph = isinstance(document.value, dict) and "inputs" in document.value
    content: TrainingSpec | GraphSpec | None = None
    problems = list(document.problems)
    try:
        reading = Reading(registry, folder, effort)
        if is_graph:
            content = validated(GraphSpec, document.value, reading)
        else:
            content = validated(TrainingSpec, document.value, reading)
    except ValidationError as error:
        # With that key it would be a spec of the other kind.
        problems += [
            with_base(with_keys(p, p.path, [] if is_graph else ["inputs"]))
            for p in problems_of(error, document.value)
        ]
    wiring, misnamed = wire(document.value, registry, effort)
    problems += misnamed
    if problems or content is None:
        return problems[: effort.problems]
    return Spec(content, wiring, document, registry, folder)


def _too_large(document: Document) -> Problem | None:
    """Return where a spec is implausibly large, before anything traverses it.

    Only the arrays of a graph's inputs hold numbers in bulk.
    """
    value = document.value
    # Parsing has refused a text that nests too deeply.
    if (document.overridden or document.base) and depth(value) > MAX_DEPTH:
        return Problem("too-deep", expected=f"nested deeper than {MAX_DEPTH} levels")
    inputs = value.get("inputs") if isinstance(value, dict) else None
    exempt = set(map(id, inputs.values())) if isinstance(inputs, dict) else set()
    pending: deque[tuple[Path, Any]] = deque([((), value)])
    while pending:
        path, outer = pending.popleft()
        if not isinstance(outer, dict | list) or id(outer) in exempt:
            continue
        if len(outer) > MOST_ELEMENTS:
            most = f"at most {MOST_ELEMENTS:,} elements"
            return Problem("wrong-length", path, most, f"{len(outer):,}")
        items = outer.items() if isinstance(outer, dict) else enumerate(outer)
        pending += [((*path, k), v) for k, v in items if isinstance(v, dict | list)]
    return None
