"""A spec is parsed once, and each of its components is made once."""

import json
from collections import Counter
from pathlib import Path

import pydantic

from layerkit import build, load_registry
from layerkit.contracts.component import Component
from layerkit.spec import components, parse_spec

SPECS = Path(__file__).parents[2] / "specs"


def test_from_file_to_network_json_is_parsed_once_and_each_component_made_once(monkeypatch):
    registry = load_registry()
    text = (SPECS / "digits_residual.json").read_text()
    build(parse_spec(text, registry))  # what is made once for each class is made
    parsed: list[str] = []
    made: Counter[str] = Counter()
    loads, created = json.loads, components.created

    def counting_loads(source, *arguments, **options):
        parsed.append(source)
        return loads(source, *arguments, **options)

    def counting_created(cls: type[Component], options):
        made[cls.__name__] += 1
        return created(cls, options)

    def refused(*_, **__):
        raise AssertionError("a spec is no JSON text any more, once it is parsed")

    monkeypatch.setattr(json, "loads", counting_loads)
    monkeypatch.setattr(json, "dumps", refused)
    monkeypatch.setattr(pydantic.BaseModel, "model_validate_json", refused)
    monkeypatch.setattr(components, "created", counting_created)

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


def test_a_component_is_taken_once_and_created_as_often_as_one_asks(monkeypatch):
    spec = parse_spec((SPECS / "digits.json").read_text(), load_registry())
    relu = spec.content.layers[1].component
    made: list[str] = []
    created = components.created
    monkeypatch.setattr(
        components,
        "created",
        lambda cls, options: made.append(cls.__name__) or created(cls, options),
    )

    new = relu.create()
    counts = [len(made)]
    validated = relu.take()
    counts.append(len(made))
    after = relu.take()
    counts.append(len(made))

    assert counts == [1, 1, 2]
    assert len({id(new), id(validated), id(after)}) == 3


def test_a_nested_component_is_taken_with_the_one_that_holds_it(monkeypatch):
    registry = load_registry()
    text = (SPECS / "digits_residual.json").read_text()
    optimizer = parse_spec(text, registry).content.optimizer
    made: list[str] = []
    created = components.created
    monkeypatch.setattr(
        components,
        "created",
        lambda cls, options: made.append(cls.__name__) or created(cls, options),
    )

    taken, new = optimizer.take(), optimizer.create()

    assert sorted(made) == ["AdamW", "Cosine", "LinearWarmup"]
    assert taken.learning_rate is not new.learning_rate
    assert taken.learning_rate.after is not new.learning_rate.after
