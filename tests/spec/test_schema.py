"""The JSON Schema accepts what layerkit accepts, and refuses what it refuses for its form."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from layerkit import Example, SpecError, load_registry
from layerkit.contracts.registrar import KINDS
from layerkit.spec import parse_spec
from layerkit.spec.schema import spec_schema

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.json"))
REGISTRY = load_registry()
SCHEMA = spec_schema(REGISTRY)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

TRAINING = {
    "version": 1,
    "data": "digits",
    "layers": [{"type": "affine", "units": 10}],
    "loss": "softmax_with_loss",
    "optimizer": "sgd",
    "training": {"epochs": 1},
}
GRAPH = {"version": 1, "inputs": {"x": 1, "y": [[2.5, 3]]}, "layers": ["relu"]}

JUNK = [-1, 0, 0.5, 1, 1.0, 1.5, 3, 1e9, "", "x", "relu", "sgd", True, None, [], [1, 2], ["x"], {}]


BEYOND_FORM = (
    "; write 1",  # for 1.0, which a schema takes for an integer
    "a column can",
    "delimiter must",
    "encoding must",
    "filters must be a multiple",
    "go together",
    "goes together",
    "is the name of",
    "low must",
    "names are those",
    "must be rectangular",
    "needs a stride of 1",
    "nesterov needs",
    "no later layer",
    "nothing earlier",
    "padding must be at most",
    "target must name",
    "several targets need",
    "shape must",
    "takes ",
)
"""Parts of messages about how things go together, which a schema cannot know."""


def agree(document: object) -> bool:
    """Return whether schema and layerkit agree about the form of a document."""
    accepted = VALIDATOR.is_valid(document)
    try:
        parse_spec(json.dumps(document), REGISTRY)
    except SpecError as error:
        of_form = [
            p for p in error.problems if not any(words in p.message for words in BEYOND_FORM)
        ]
        return not (of_form and accepted)
    return accepted


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Return the path of every value inside a document."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(p for key, inner in items for p in places(inner, (*path, key)))]


def replaced(document: object, path: tuple, value: object) -> object:
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


def test_it_is_a_valid_schema_of_draft_2020_12():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", SPECS, ids=[f.stem for f in SPECS])
def test_every_spec_that_ships_is_accepted(file):
    VALIDATOR.validate(json.loads(file.read_text()))


@pytest.mark.parametrize(
    "entry", list(REGISTRY), ids=[f"{entry.kind}-{entry.name}" for entry in REGISTRY]
)
def test_an_option_is_refused_by_the_schema_exactly_if_layerkit_refuses_it(entry):
    definition = {"$ref": f"#/$defs/{entry.kind}", "$defs": SCHEMA["$defs"]}
    options = next(
        c["properties"]
        for c in SCHEMA["$defs"][entry.kind]["anyOf"]
        if c.get("title") == entry.name
    )
    example = next(iter(entry.cls.examples), Example())
    complete = {"type": entry.name, **example.options}
    assert jsonschema.Draft202012Validator(definition).is_valid(complete)

    for option in [*options, "no_such_option"]:
        for junk in JUNK:
            document = spec_with(entry.kind, {**complete, option: junk})
            assert agree(document), (option, junk)


def spec_with(kind: str, component: dict) -> dict:
    spec = copy.deepcopy(TRAINING)
    if kind == "layer":
        spec["layers"] = [component]
    elif kind == "dataset":
        spec["data"] = component
    elif kind == "metric":
        spec["metrics"] = [component]
    elif kind == "schedule":
        spec["optimizer"] = {"type": "sgd", "learning_rate": component}
    elif kind == "initializer":
        spec["layers"][0]["weight_init"] = component
    else:
        spec[kind] = component
    return spec


@pytest.mark.parametrize("spec", [TRAINING, GRAPH], ids=["training", "graph"])
def test_a_value_anywhere_is_refused_by_the_schema_exactly_if_layerkit_refuses_it(spec):
    assert VALIDATOR.is_valid(spec)
    for path in places(spec)[1:]:
        for junk in JUNK:
            document = replaced(spec, path, junk)
            assert agree(document), (path, junk)


EXTENDING = [
    {},
    {"seed": 1, "name": None, "metrics": ["accuracy"]},
    {"training": {"batch_size": 5, "epochs": None, "steps": 3, "early_stopping": {"patience": 3}}},
    {"optimizer": "adam", "data": {"flat": True}},
    {"optimizer": {"learning_rate": {"final": 0.1}, "momentum": None}},
    {"layers": ["relu", {"type": "affine", "units": 10}]},
]


@pytest.mark.parametrize("own", EXTENDING)
def test_a_spec_that_extends_another_lacks_whatever_it_does_not_change(own, tmp_path):
    rate = {"type": "cosine", "learning_rate": 0.1}
    base = {**TRAINING, "optimizer": {"type": "sgd", "learning_rate": rate, "momentum": 0.9}}
    (tmp_path / "base.json").write_text(json.dumps(base))
    document = {"extends": "base.json", **own}

    assert VALIDATOR.is_valid(document)
    parse_spec(json.dumps(document), REGISTRY, folder=tmp_path)


@pytest.mark.parametrize(
    "own",
    [
        {"extends": 1},
        {"extends": ""},
        {"sede": 1},
        {"seed": -1},
        {"training": {"batchsize": 5}},
        {"optimizer": {"type": "sgd", "learningrate": 1}},
        {"optimizer": {"momentun": 1}},
        {"layers": [{"units": 10}]},
        {"layers": []},
        {"layers": [{"type": "affine", "units": None}]},
    ],
)
def test_what_a_spec_changes_in_another_is_checked(own):
    assert not VALIDATOR.is_valid({"extends": "base.json", **own})


def test_every_component_says_which_package_it_comes_from():
    installed = {f"{e.provider.distribution} {e.provider.version}" for e in REGISTRY}
    for kind in KINDS:
        for choice in SCHEMA["$defs"][kind]["anyOf"]:
            assert choice["x-provider"] in installed
            assert choice["description"].endswith(f"({choice['x-provider']})")


def test_every_option_has_a_description():
    for kind in KINDS:
        for choice in SCHEMA["$defs"][kind]["anyOf"]:
            for name, option in choice.get("properties", {}).items():
                assert name == "type" or option["description"], (choice["title"], name)
