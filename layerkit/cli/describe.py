"""``layerkit describe``: one component in full."""

import json as jsonlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layerkit.cli.options import Json, print_json
from layerkit.errors import UserError

if TYPE_CHECKING:
    from layerkit.registry import Entry, Registry


def describe(
    name: Annotated[str, typer.Argument(help="The name, as a spec writes it.")],
    kind: Annotated[
        str | None, typer.Option(help="Which kind, where several have that name.")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a component: what it does, its options, shapes, provider, and an example.

    Example: layerkit describe affine
    """
    from layerkit.plugins import load_registry
    from layerkit.registry import KINDS

    if kind is not None and kind not in KINDS:
        raise UserError(f'--kind: must be one of {", ".join(KINDS)}, got "{kind}"')
    registry = load_registry()
    descriptions = [
        _description(registry, entry) for entry in _found(registry, name, kind, list(KINDS))
    ]
    if json:
        print_json(descriptions)
    else:
        typer.echo("\n\n".join(_text(description) for description in descriptions))


def _found(registry: "Registry", name: str, kind: str | None, kinds: list[str]) -> "list[Entry]":
    from layerkit.registry import UnknownComponentError, did_you_mean

    found = []
    errors = []
    for each in [kind] if kind else kinds:
        try:
            found.append(registry.find(each, name))
        except UnknownComponentError as error:
            errors.append(str(error))
    if found:
        return found
    claimed = [message for message in errors if "claimed" in message]
    if kind or claimed:
        raise UserError((claimed or errors)[0])
    names = sorted({n for each in kinds for n in registry.names(each)})
    raise UserError(
        f'nothing is named "{name}"{did_you_mean(name, names) or "; see: layerkit layers"}'
    )


def _description(registry: "Registry", entry: "Entry") -> dict[str, Any]:
    from layerkit.spec.options import docstring_sections, options_schema

    sections = docstring_sections(entry.cls)
    schema = options_schema(entry.cls, registry)
    options = schema.get("properties", {})
    return {
        "name": entry.name,
        "kind": entry.kind,
        "provider": f"{entry.provider.distribution} {entry.provider.version}",
        "text": sections.pop(""),
        "options": options,
        "required": schema.get("required", []),
        "sections": {title: text for title, text in sections.items() if title != "Args"},
        "example": _example(entry, schema),
    }


def _example(entry: "Entry", schema: dict[str, Any]) -> Any:
    """Return a line of a spec that uses the component; None if a value cannot be guessed."""
    from itertools import product

    from pydantic import ValidationError

    from layerkit.spec.options import options_model

    required = schema.get("required", [])
    guesses = (10, 0.5, 1.0, "data.npz", "name", [1], ["name"], True)
    model = options_model(entry.cls)
    for values in product(guesses, repeat=min(len(required), 3)):
        options = dict(zip(required, values, strict=False))
        try:
            model.model_validate_json(jsonlib.dumps(options))
        except ValidationError:
            continue
        return {"type": entry.name, **options} if options else entry.name
    return None


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
    if description["example"] is not None:
        lines += ["", f"In a spec: {jsonlib.dumps(description['example'])}"]
    return "\n".join(lines)


def type_text(option: dict[str, Any]) -> str:
    """Return the type and the bounds of an option's JSON Schema in words."""
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
