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
