"""The JSON Schema (draft 2020-12) of specs, for the components that are installed here."""

from typing import Any

from layerkit.contracts.layer import Layer
from layerkit.contracts.registrar import KINDS, Entry
from layerkit.docstrings import descriptions, docstring_sections
from layerkit.registry import Registry
from layerkit.spec.components import Place
from layerkit.spec.extending import KEY as EXTENDS
from layerkit.spec.models import EarlyStopping, GraphSpec, TrainingSettings, TrainingSpec
from layerkit.spec.options import SpecModel, options_schema

TITLE = "layerkit spec"

PLACED_LAYER = "placed_layer"
"""A layer that may have a name and inputs; a layer that is an option of another has neither."""


def spec_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema with which editors complete and check specs.

    It refuses unknown keys and names, wrong types and numbers out of bounds, as layerkit does. It
    cannot check anything that depends on other parts of a spec (shapes, names of inputs).

    Args:
        registry: The components to offer, each with the package it comes from.
    """
    definitions: dict[str, Any] = {}
    for kind in KINDS:
        entries = [entry for entry in registry if entry.kind == kind]
        definitions[kind] = _choice(registry, entries, {})
        if kind == Layer.kind:
            place = _definition(Place, definitions)["properties"]
            definitions[PLACED_LAYER] = _choice(registry, entries, place)
    for part in (EarlyStopping, TrainingSettings):
        definitions[part.__name__] = _definition(part, definitions)
    training = _definition(TrainingSpec, definitions)
    training["properties"]["training"]["oneOf"] = [
        {"required": [key], "properties": {key: {"type": "integer"}}} for key in ("steps", "epochs")
    ]
    graph = _definition(GraphSpec, definitions)
    for spec in (training, graph):
        spec["properties"]["layers"]["items"] = {"$ref": f"#/$defs/{PLACED_LAYER}"}
    definitions |= {"graph_spec": graph, "training_spec": training}
    either = {**graph, "properties": {**graph["properties"], **training["properties"]}}
    extending = _partial(either, definitions)
    extending["properties"][EXTENDS] = {
        "type": "string",
        "minLength": 1,
        "description": "The spec that this one is merged into, relative to this file.",
    }
    extending["description"] = "The values of a spec that differ from those of another one."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "type": "object",
        "if": {"required": [EXTENDS]},
        "then": {"$ref": "#/$defs/extending_spec"},
        "else": {
            "if": {"required": ["inputs"]},
            "then": {"$ref": "#/$defs/graph_spec"},
            "else": {"$ref": "#/$defs/training_spec"},
        },
        "$defs": {**definitions, "extending_spec": extending},
    }


def _partial(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that may be merged into another one.

    Its objects lack members and may have nulls; arrays are as they were. The schemas that it refers
    to are added to the definitions.
    """
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        partial = f"partial_{name}"
        if partial not in definitions:
            definitions[partial] = {}  # it may refer to itself
            definitions[partial] = _partial(definitions[name], definitions)
        schema = {**schema, "$ref": f"#/$defs/{partial}"}
    schema = {k: v for k, v in schema.items() if k not in ("required", "oneOf", "minProperties")}
    for key in ("properties", "patternProperties"):
        for name, member in schema.get(key, {}).items():
            either = {"anyOf": [_partial(member, definitions), {"type": "null"}]}
            if "description" in member:
                either["description"] = member["description"]
            schema[key] = {**schema[key], name: either}
    if "anyOf" in schema:
        schema["anyOf"] = [_partial(choice, definitions) for choice in schema["anyOf"]]
    return schema


def _definition(model: type[SpecModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a model; the schemas it refers to are added to the definitions."""
    schema: dict[str, Any] = _with_kinds(model.model_json_schema())
    for name, definition in schema.pop("$defs", {}).items():
        definitions.setdefault(name, definition)
    for name, text in descriptions(model, "Attributes").items():
        key = model.model_fields[name].alias or name
        schema["properties"][key]["description"] = text.replace("``", "")
    return {**schema, "description": docstring_sections(model)[""].partition("\n")[0]}


def _choice(registry: Registry, entries: list[Entry], place: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of any of these components, by bare name or as an object."""
    objects, bare = [], []
    for entry in entries:
        names = _names(registry, entry)
        component = _component(registry, entry, names, place)
        objects.append(component)
        if component["required"] == ["type"]:
            said = {key: component[key] for key in ("description", "x-provider")}
            bare.append({"enum": names, **said})
    return {"anyOf": [*bare, *objects]}


def _names(registry: Registry, entry: Entry) -> list[str]:
    """Return the names of a component: the qualified one, and the bare one if it is its own."""
    usable = entry.name in registry.names(entry.kind)
    is_bare = usable and registry.find(entry.kind, entry.name) is entry
    return [*([entry.name] if is_bare else []), entry.qualified_name]


def _component(
    registry: Registry, entry: Entry, names: list[str], place: dict[str, Any]
) -> dict[str, Any]:
    schema = _with_kinds(options_schema(entry.cls, registry))
    provider = f"{entry.provider.distribution} {entry.provider.version}"
    summary = " ".join(docstring_sections(entry.cls)[""].partition("\n\n")[0].split())
    options = schema.get("properties", {})
    return {
        "type": "object",
        "title": entry.name,
        "description": f"{summary} ({provider})".replace("``", ""),
        "x-provider": provider,
        "properties": {"type": {"enum": names}, **options, **place},
        "required": ["type", *schema.get("required", [])],
        "additionalProperties": False,
    }


def _with_kinds(schema: Any) -> Any:
    """Replace the places where a model takes a component by references to its kind."""
    if isinstance(schema, list):
        return [_with_kinds(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == ["string", "object"] and schema.get("title") in KINDS:
        kept = {key: schema[key] for key in ("description", "default") if key in schema}
        return {"$ref": f"#/$defs/{schema['title']}", **kept}
    return {key: _with_kinds(value) for key, value in schema.items()}
