"""Specs: read a JSON text, validate it against the registry, tell every problem at its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from layerkit.errors import Path, Problem, SpecError
from layerkit.registry import Registry
from layerkit.spec.models import (
    ComponentSpec,
    EarlyStopping,
    GraphSpec,
    LayerSpec,
    Reading,
    TrainingSettings,
    TrainingSpec,
)
from layerkit.spec.options import validated
from layerkit.spec.overrides import override
from layerkit.spec.report import located, report
from layerkit.spec.text import Document, parse, read_text
from layerkit.spec.wiring import wire

__all__ = [
    "ComponentSpec",
    "EarlyStopping",
    "GraphSpec",
    "LayerSpec",
    "Spec",
    "TrainingSettings",
    "TrainingSpec",
    "load_spec",
    "parse_spec",
]


@dataclass(frozen=True)
class Spec:
    """A valid spec.

    Attributes:
        content: What it says.
        wiring: For each layer the positions of its inputs: those of the network, then the layers.
        document: The text it was read from, for messages that point into it.
        registry: The components its names stand for.
    """

    content: TrainingSpec | GraphSpec
    wiring: list[tuple[int, ...]]
    document: Document
    registry: Registry

    @property
    def name(self) -> str:
        """Its name, or that of its file."""
        return self.content.name or FilePath(self.document.file).stem

    def located(self, path: Path, message: str) -> str:
        """Return a message about a place of this spec, with the line that it is about."""
        return located(self.document, Problem(path, message))

    def error(self, *problems: tuple[Path, str]) -> SpecError:
        """Return an error about places of this spec, each with a message."""
        return _error(self.document, [Problem(path, message) for path, message in problems])


def load_spec(file: str | PathLike[str], registry: Registry, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec from a file.

    Args:
        file: The file. Paths in the spec are relative to its folder.
        registry: The components there are, as ``load_registry()`` finds them.
        overrides: Values to replace, each ``PATH=VALUE``, as in ``training.epochs=5``.

    Raises:
        UserError: The file cannot be read, or an override has no such form.
        SpecError: All that is wrong with the spec.
    """
    path = FilePath(file)
    return parse_spec(read_text(path), registry, str(file), path.parent, overrides)


def parse_spec(
    text: str,
    registry: Registry,
    file: str = "<text>",
    folder: FilePath = FilePath(),
    overrides: Sequence[str] = (),
) -> Spec:
    """Read a spec from its text; see ``load_spec``."""
    document = parse(text, file)
    if any(p.span and not p.path for p in document.problems):  # the text could not be read on
        raise _error(document, document.problems)
    override(document, overrides)
    is_graph = isinstance(document.value, dict) and "inputs" in document.value
    content: TrainingSpec | GraphSpec | None = None
    problems = list(document.problems)
    try:
        reading = Reading(registry, folder)
        if is_graph:
            content = validated(GraphSpec, document.value, reading)
        else:
            content = validated(TrainingSpec, document.value, reading)
    except ValidationError as error:
        problems += problems_of(error, document.value)
    wiring, misnamed = wire(document.value, registry)
    problems += misnamed
    if problems or content is None:
        raise _error(document, problems)
    return Spec(content, wiring, document, registry)


def _error(document: Document, problems: Sequence[Problem]) -> SpecError:
    return SpecError(problems, report(document, problems))


def problems_of(error: ValidationError, value: Any) -> list[Problem]:
    """Return pydantic's errors as problems at places of the document.

    Between the keys of a place pydantic names the members of a union that it tried; what is no key
    of the document is such a name. The members' errors about one value become one problem, and
    where a member got further into the value than the others, its errors alone count.
    """
    single: list[Problem] = []
    tried: dict[Path, list[str]] = {}
    for found in error.errors(include_url=False):
        path = _path(found["loc"], value)
        at_key = found["msg"].startswith("unknown key")
        if len(path) == len(found["loc"]):
            single.append(Problem(path, found["msg"], at_key))
        else:
            tried.setdefault(path, []).append(found["msg"])
    for path, messages in tried.items():
        deeper = (p for p in [*tried, *(s.path for s in single)] if len(p) > len(path))
        if not any(p[: len(path)] == path for p in deeper):
            single.append(Problem(path, _either(messages), messages[0].startswith("unknown key")))
    return single


def _path(loc: tuple[str | int, ...], value: Any) -> Path:
    path: list[str | int] = []
    for part in loc:
        inside = part in value if isinstance(value, dict) else False
        inside = inside or (isinstance(value, list) and isinstance(part, int))
        if inside:
            path.append(part)
            value = value[part]
    return tuple(path)


def _either(messages: list[str]) -> str:
    """Join what each member of a union expected: ``must be a or b, got c``."""
    heads = list(dict.fromkeys(m.partition(", got ")[0] for m in messages))
    tail = messages[0].partition(", got ")[2]
    text = " or ".join([heads[0], *(head.removeprefix("must be ") for head in heads[1:])])
    return text + (f", got {tail}" if tail else "")
