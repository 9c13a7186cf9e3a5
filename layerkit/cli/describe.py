"""``layerkit describe``: one component in full."""

import json as jsonlib
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerkit.cli.arguments import Json
from layerkit.cli.terminal import echo_text, print_json
from layerkit.errors import UserError
from layerkit.wording import did_you_mean

if TYPE_CHECKING:
    from layerkit.contracts.registrar import Entry
    from layerkit.registry import Registry

GUESSES: dict[str | None, list[Any]] = {
    "integer": [10, 1, 2],
    "number": [0.1, 1, 10],
    "string": ["name", ","],
    "boolean": [True, False],
    "array": [[1], [0.1], ["name"]],
}
"""Values of each JSON type to try for a required option, in search of an example."""

MOST_GUESSES = 1000


def describe(
    name: Annotated[str, typer.Argument(help="The name, as a spec writes it.")],
    kind: Annotated[
        str | None, typer.Option(help="The kind, if components of several kinds have that name.")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a component: its options, its shapes and an example.

    Example: layerkit describe affine
    """
    # Here and below, imports wait until the verb runs: NumPy, pydantic and the plugins take longer
    # to import than everything that --help needs.
    from layerkit.contracts.registrar import KINDS
    from layerkit.plugins import load_registry

    if kind is not None and kind not in KINDS:
        raise UserError(f'--kind: must be one of {", ".join(KINDS)}, got "{kind}"')
    registry = load_registry()
    entries = _matching(registry, name, [kind] if kind else list(KINDS))
    descriptions = [_description(registry, entry) for entry in entries]
    if json:
        print_json(descriptions)
    else:
        echo_text("\n\n".join(_text(description) for description in descriptions))


def _matching(registry: "Registry", name: str, kinds: list[str]) -> "list[Entry]":
    # Late, for the reason given in describe.
    from layerkit.registry import ContestedNameError, UnknownComponentError

    entries, errors = [], []
    for kind in kinds:
        try:
            entries.append(registry.find(kind, name))
        except UnknownComponentError as error:
            errors.append(error)
    if entries:
        return entries
    contested = [error for error in errors if isinstance(error, ContestedNameError)]
    if contested or len(errors) == 1:
        raise UserError(str((contested or errors)[0]))
    names = sorted({n for kind in kinds for n in registry.names(kind)})
    advice = registry.suspects(name) + did_you_mean(name, names)
    raise UserError(f'nothing is named "{name}"{advice or "; see: layerkit layers --kind all"}')


def _description(registry: "Registry", entry: "Entry") -> dict[str, Any]:
    # Late, for the reason given in describe.
    from layerkit.docstrings import docstring_sections
    from layerkit.spec.options import options_schema

    sections = docstring_sections(entry.cls)
    schema = options_schema(entry.cls, registry)
    return {
        "name": registry.name_of(entry),
        "kind": entry.kind,
        "provider": f"{entry.provider.distribution} {entry.provider.version}",
        "text": sections.pop(""),
        "options": schema.get("properties", {}),
        "required": schema.get("required", []),
        "sections": {title: text for title, text in sections.items() if title != "Args"},
        "examples": _examples(registry, entry, schema),
    }


def _examples(registry: "Registry", entry: "Entry", schema: dict[str, Any]) -> list[Any]:
    """Return uses of a component as a spec writes them: its own examples, or else a guessed one.

    A layer of several inputs is shown with names of earlier layers for them.
    """
    # Late, for the reason given in describe.
    from layerkit.contracts.layer import Layer, input_count

    uses = [dict(example.options) for example in entry.cls.examples]
    name = registry.name_of(entry)
    cls = entry.cls
    count = input_count(cls)[0] if issubclass(cls, Layer) else 1
    inputs = {"inputs": list(ascii_lowercase[:count])} if count > 1 else {}
    written = [
        {"type": name, **use, **inputs} if use or inputs else name
        for use in uses or _guess(registry, entry, schema)
    ]
    return [use for i, use in enumerate(written) if use not in written[:i]]


def _guess(registry: "Registry", entry: "Entry", schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return valid options, if they can be guessed: a value for each required one."""
    # Late, for the reason given in describe.
    from pydantic import ValidationError

    from layerkit.contracts.registrar import KINDS
    from layerkit.spec.components import Reading

    reading, name = Reading(registry, Path()), registry.name_of(entry)
    required = schema.get("required", [])
    guesses = [_values(registry, schema["properties"][option]) for option in required]
    for values in islice(product(*guesses), MOST_GUESSES):
        options = dict(zip(required, values, strict=True))
        try:
            reading.component(KINDS[entry.kind], {"type": name, **options})
        except ValidationError:
            continue
        return [options]
    return []


def _values(registry: "Registry", option: dict[str, Any]) -> list[Any]:
    """Return values that an option with that JSON Schema may take."""
    if "anyOf" in option:
        return [value for part in option["anyOf"] for value in _values(registry, part)]
    if "enum" in option or "const" in option:
        return list(option.get("enum", [option.get("const")]))
    if option.get("format") == "path":
        return ["path/to/file"]
    kind = option.get("type")
    if isinstance(kind, list):
        return registry.names(option["title"])
    return GUESSES.get(kind, [])


def _text(description: dict[str, Any]) -> str:
    lines = [
        f"{description['name']} ({description['kind']}, from {description['provider']})",
        "",
        _plain(description["text"]),
    ]
    if description["options"]:
        lines += ["", "Options:"]
    for name, option in description["options"].items():
        default = (
            "required"
            if name in description["required"]
            else "default " + jsonlib.dumps(option.get("default"))
        )
        lines.append(f"  {name}: {type_text(option)}; {default}")
        if option.get("description"):
            lines.append(f"      {_plain(option['description'])}")
    for title, text in description["sections"].items():
        lines += ["", f"{title}:", *(f"  {line}" for line in _plain(text).splitlines())]
    if description["examples"]:
        lines += ["", "In a spec:"]
    lines += [f"  {jsonlib.dumps(example)}" for example in description["examples"]]
    return "\n".join(lines)


def type_text(option: dict[str, Any]) -> str:
    """Return the type and the bounds in an option's JSON Schema, in words."""
    if "anyOf" in option:
        return " or ".join(type_text(o) for o in option["anyOf"])
    if "enum" in option or "const" in option:
        return " or ".join(jsonlib.dumps(v) for v in option.get("enum", [option.get("const")]))
    kind = option.get("type", "any value")
    if isinstance(kind, list):
        return f"{option['title']} (its name, or an object with its type)"
    if kind == "array":
        items = option.get("items")
        return f"array of {type_text(items)}" if isinstance(items, dict) else "array"
    bounds = [
        f"{sign} {option[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("exclusiveMaximum", "<"),
            ("maximum", "<="),
        )
        if key in option
    ]
    return " ".join([kind, " and ".join(bounds)]).strip()


def _plain(text: str) -> str:
    return text.replace("``", "")
