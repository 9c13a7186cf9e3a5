"""A spec is parsed once, and each of its components is made once."""

import json
from collections import Counter
from pathlib import Path

import pydantic
import pytest

from layerkit import build, load_registry
from layerkit.contracts.component import Component
from layerkit.spec import components, parse_spec

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture
def made(monkeypatch):
    """The number of components that specs have made, by the name of their class."""
    counts: Counter[str] = Counter()
    created = components.created

    def counting_created(cls: type[Component], options):
        counts[cls.__name__] += 1
        return created(cls, options)

    monkeypatch.setattr(components, "created", counting_created)
    return counts


def test_from_file_to_network_json_is_parsed_once_and_each_component_made_once(made, monkeypatch):
    registry = load_registry()
    text = (SPECS / "digits_residual.json").read_text()
    build(parse_spec(text, registry))  # what is made once for each class is made
    parsed: list[str] = []
    loads = json.loads

    def counting_loads(source, *arguments, **options):
        parsed.append(source)
        return loads(source, *arguments, **options)

    def refused(*_, **__):
        raise AssertionError("a spec is no JSON text any more, once it is parsed")

    monkeypatch.setattr(json, "loads", counting_loads)
    monkeypatch.setattr(json, "dumps", refused)
    monkeypatch.setattr(pydantic.BaseModel, "model_validate_json", refused)
    made.clear()

    build(parse_spec(text, registry))

    assert parsed == [text]
    assert made == {
        "Digits": 1, "Affine": 3, "LayerNorm": 1, "Gelu": 1, "Add": 1, "Dropout": 1,
        "SoftmaxWithLoss": 1, "AdamW": 1, "LinearWarmup": 1, "Cosine": 1,
    }  # fmt: skip


def test_each_network_of_a_spec_has_components_of_its_own():
    spec = parse_spec((SPECS / "digits.json").read_text(), load_registry())

    first, second = build(spec), build(spec)

    assert not {id(n.layer) for n in first.nodes} & {id(n.layer) for n in second.nodes}


def test_a_component_is_taken_once_and_created_as_often_as_one_asks(made):
    spec = parse_spec((SPECS / "digits.json").read_text(), load_registry())
    relu = spec.content.layers[1].component
    counts = [made["Relu"]]

    instances = []
    for get in (relu.create, relu.take, relu.take, relu.create):
        instances.append(get())
        counts.append(made["Relu"])

    assert counts == [1, 2, 2, 3, 4]  # the first take makes none
    assert len(set(map(id, instances))) == 4


def test_a_nested_component_is_taken_with_the_one_that_holds_it(made):
    spec = parse_spec((SPECS / "digits_residual.json").read_text(), load_registry())
    optimizer = spec.content.optimizer
    made.clear()

    taken = optimizer.take()
    assert made == {}

    new = optimizer.create()
    assert made == {"AdamW": 1, "LinearWarmup": 1, "Cosine": 1}
    assert taken.learning_rate is not new.learning_rate
    assert taken.learning_rate.after is not new.learning_rate.after
