"""Specs with slips of the keys: what was meant comes back, and nothing else is touched."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from timing import timed

from layerkit import SpecError, build, load_registry
from layerkit.run.fixing import fix
from layerkit.spec import parse_spec

SPECS = Path(__file__).parents[2] / "specs"
KEYS = [chr(code) for code in range(32, 127)]
REGISTRY = load_registry()


def is_valid(text: str, folder: Path = SPECS) -> bool:
    try:
        build(parse_spec(text, REGISTRY, folder=folder))
    except SpecError:
        return False
    return True


# Some of the specs need plugins, which need not be installed where the tests of an sdist run.
FILES = [file for file in sorted(SPECS.glob("*.json")) if is_valid(file.read_text())]


def mended(text: str) -> str:
    return fix(text, REGISTRY, "spec.json", SPECS).text


def slip(random_: random.Random, text: str) -> tuple[str, str]:
    """Return what happened to one character, and the text that comes of it."""
    at, key = random_.randrange(len(text)), random_.choice(KEYS)
    kind = random_.choice(["deleted", "inserted", "replaced", "swapped"])
    before, rest = text[:at], text[at:]
    slipped = {
        "deleted": before + rest[1:],
        "inserted": before + key + rest,
        "replaced": before + key + rest[1:],
        "swapped": before + rest[1:2] + rest[:1] + rest[2:],
    }
    return kind, slipped[kind]


@pytest.mark.slow
def test_nine_of_ten_slips_of_the_keys_come_back_as_they_were():
    # One of the characters that a keyboard has, anywhere in any spec; blanks too. What leaves a
    # spec valid, such as another number of units, nobody can notice, and does not count.
    random_ = random.Random("slips")
    came_back: Counter[str] = Counter()
    lost: list[str] = []
    changed: list[str] = []
    while sum(came_back.values()) + len(lost) < 500:
        text = random_.choice(FILES).read_text()
        kind, slipped = slip(random_, text)
        if is_valid(slipped):
            continue
        result = mended(slipped)
        if result == text:
            came_back[kind] += 1
        else:
            lost.append(slipped)
            changed += [slipped] if result != slipped else []

    assert sum(came_back.values()) >= 450, came_back
    assert set(came_back) == {"deleted", "inserted", "replaced", "swapped"}
    assert len(changed) <= 5, changed  # the others are left as they are


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_valid_spec_is_left_alone(file):
    text = file.read_text()
    oddly_written = json.dumps(json.loads(text), separators=(" , ", " :")).replace("[", "[ \t")

    assert mended(text) == text
    assert mended(oddly_written) == oddly_written


DIGITS = (SPECS / "digits.json").read_text()

QUALIFIED = (
    DIGITS.replace('"relu"', '"layerkit/relu"')
    .replace('"softmax_with_loss"', '"layerkit/softmax_with_loss"')
    .replace('"units": 64', '"units": 64, "weight_init": "he"')
)
"""The same with the package of some components, and a name of two letters."""

MEANT = [
    ("a key", '"learning_rate"', '"learnig_rate"'),
    ("a key of the spec", '"layers"', '"leyers"'),
    ("the key of the type", '"type": "sgd"', '"tpye": "sgd"'),
    ("a type", '"relu"', '"Relu"'),
    ("a type in capitals", '"relu"', '"RELU"'),
    ("a qualified type in capitals", '"layerkit/relu"', '"layerkit/RELU"'),
    ("a qualified type", '"layerkit/softmax_with_loss"', '"layerkit/sofmax_with_loss"'),
    ("a short name in capitals", '"weight_init": "he"', '"weight_init": "He"'),
    ("a loss in capitals", '"softmax_with_loss"', '"SOFTMAX_WITH_LOSS"'),
    ("a number in quotes", '"learning_rate": 0.1', '"learning_rate": "0.1"'),
    ("an integer in quotes", '"units": 64', '"units": "64"'),
    ("an integer with a fraction", '"units": 64', '"units": 64.0'),
    ("a comma missing", '"version": 1,', '"version": 1'),
    ("a comma too many", '"units": 10}', '"units": 10,}'),
    ("a comma for a point", '"learning_rate": 0.1', '"learning_rate": 0,1'),
    ("no digit before the point", '"learning_rate": 0.1', '"learning_rate": .1'),
    ("single quotes", '"relu"', "'relu'"),
    ("a quote missing at the end", '"relu",', '"relu,'),
    ("a quote missing at the beginning", '"units": 64', 'units": 64'),
    ("a brace missing", '"units": 64},', '"units": 64,'),
    ("the bracket of all layers missing", "\n  ],", "\n  ,"),
    ("the last brace missing", "50}\n}\n", "50}\n\n"),
    ("a bracket too many", '"layers": [', '"layers": [['),
    ("a letter for a blank", '"type": "affine", "units": 64', '"type":x"affine", "units": 64'),
    ("two keys, a type and a comma",
     '"relu",\n    {"type": "affine", "units": 10}\n  ],\n  "loss"',
     '"rleu",\n    {"type": "affine", "unit": 10}\n  ]\n  "los"'),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong"), [c[1:] for c in MEANT], ids=[c[0] for c in MEANT])
def test_what_was_meant_comes_back(right, wrong):
    text = next(text for text in (DIGITS, QUALIFIED) if right in text)
    slipped = text.replace(right, wrong, 1)
    assert is_valid(text) and not is_valid(slipped)

    assert mended(slipped) == text


@pytest.mark.parametrize(("right", "wrong"), [("0.3", "True"), ("0.3", "Fals")])
def test_words_of_other_languages_are_written_as_json_has_them(right, wrong):
    text = DIGITS.replace('"data": "digits"', '"data": {"type": "mnist", "flat": %s}')

    assert mended(text % wrong) == text % {"True": "true", "Fals": "false"}[wrong]


UNDECIDED = {
    "a letter in a number": ('"units": 64', '"units": 6x4'),
    "a number cut off behind the point": ('"momentum": 0.9', '"momentum": 0.'),
    "a number out of bounds": ('"units": 64', '"units": -64'),
    "another version": ('"version": 1', '"version": 2'),
    "a last layer that does not fit": ('"units": 10', '"units": 100'),
    "a layer that nobody knows": ('"relu"', '"blorp"'),
    "a layer that the package does not have": ('"relu"', '"layerkit/blorp"'),
    "a layer of another package": ('"relu"', '"layerkit-foo/Relu"'),
    "a short name": ('"units": 64', '"units": 64, "weight_init": "ha"'),
    "a short qualified name": ('"units": 64', '"units": 64, "weight_init": "layerkit/ha"'),
    "a type between two": ('"sgd"', '"adamx"'),
    "text in a number's place": ('"units": 64', '"units": "many"'),
    "a zero that would be out of bounds": ('"learning_rate": 0.1', '"learning_rate": .0'),
}


@pytest.mark.parametrize(("right", "wrong"), UNDECIDED.values(), ids=UNDECIDED)
def test_what_may_have_been_meant_otherwise_is_left_alone(right, wrong):
    slipped = DIGITS.replace(right, wrong, 1)

    fixed = fix(slipped, REGISTRY, "spec.json", SPECS)

    assert fixed.text == slipped
    assert fixed.edits == []
    assert fixed.error is not None


GRAPH = """{
  "version": 1,
  "inputs": {"rain": 1, "rain_days": 2},
  "layers": [{"name": "all_rain", "type": "mul", "inputs": ["rain", "rain_days"]}]
}
"""


def test_of_two_spellings_of_a_name_the_one_that_is_used_elsewhere_is_right():
    assert mended(GRAPH.replace('"rain_days"]', '"ran_days"]')) == GRAPH
    assert mended(GRAPH.replace('"rain_days":', '"ran_days":')) == GRAPH


def test_a_name_that_is_spelt_in_two_ways_once_each_is_left_alone():
    spelt = GRAPH.replace('"rain_days"]', '"rain_dys"]')

    assert mended(spelt) == spelt


def test_a_name_that_a_broken_plugin_may_have_is_left_alone():
    registry = load_registry()
    registry.absent["plugin layerkit-foo (foo)"] = "it raised"
    text = DIGITS.replace('"relu"', '"relux"')

    assert fix(text, registry, "spec.json", SPECS).text == text


def test_an_edit_is_told_with_its_place():
    [edit] = fix(DIGITS.replace("epochs", "epoch"), REGISTRY, "spec.json", SPECS).edits

    assert (edit.line, edit.column, edit.old, edit.new) == (13, 16, '"epoch"', '"epochs"')


def test_a_text_that_is_too_long_to_try_is_left_alone():
    text = DIGITS.replace('"version": 1,', '"version": 1' + " " * 10_000)

    assert mended(text) == text


DIGITS = (SPECS / "digits.json").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"sgd"', '"asgd"'),
        ('"relu"', '"relu6"'),
        ('"relu",', '#"relu",'),
        ('"seed": 0,', '# "seed": 0,'),
        ('"momentum": 0.9', '"momentum": '),
        ('"units": 64', '"units": 0x40'),
        ('"learning_rate": 0.1', '"learning_rate": 0x1'),
        ('"name": "digits"', '"name": 2024.10'),
        ('"units": 64', '"units": 63.99999999999999999'),
        ('"layers": [', ""),
    ],
)
def test_what_may_be_meant_otherwise_is_left_alone(old, new):
    text = DIGITS.replace(old, new, 1)

    result = mended(text)

    assert result == text or (new == '"name": 2024.10' and '"2024.10"' in result)


def test_an_input_whose_layer_comes_later_is_left_alone():
    layers = [
        {"type": "affine", "units": 64, "name": "b10"},
        {"type": "add", "inputs": ["b10", "b11"]},
        {"type": "affine", "units": 64, "name": "b11"},
        {"type": "affine", "units": 10},
    ]
    text = json.dumps({**json.loads(DIGITS), "layers": layers})

    assert mended(text) == text


@pytest.mark.parametrize(
    ("slips", "remaining"),
    [
        ([("0.9}", "0.9,}"), ('"units": 64}', '"units": 64,}')], 0),
        ([("0.9}", ".9}"), ("0.1,", ".1,")], 0),
        ([('"seed": 0,', '"seed": 0, "seed": 1,'), ("0.9}", "0.9,}")], 1),
    ],
    ids=["two commas", "two points", "a key twice"],
)
def test_several_slips_are_mended_one_after_the_other(slips, remaining):
    text = DIGITS
    for old, new in slips:
        text = text.replace(old, new, 1)

    fixed = fix(text, REGISTRY, "spec.json", SPECS)

    assert len(fixed.error.problems if fixed.error else ()) == remaining
    assert remaining or fixed.text.replace("0.9", ".9").replace("0.1", ".1") == DIGITS.replace(
        "0.9", ".9"
    ).replace("0.1", ".1")


def test_many_wrong_names_end_in_time():
    layers = [{"type": "affine", "units": 4, "name": f"b{i}"} for i in range(100)]
    layers.append({"type": "add", "inputs": [f"c{i}" for i in range(100)]})
    text = json.dumps({**json.loads(DIGITS), "layers": layers})

    _, seconds = timed(lambda: fix(text, REGISTRY, "spec.json", SPECS), 12)

    assert seconds < 12


def test_many_misspelt_keys_are_mended_in_time():
    layers = [{"type": "affine", "unit": 10}] * 3000
    text = json.dumps({**json.loads(DIGITS), "layers": layers})

    fixed, seconds = timed(lambda: fix(text, REGISTRY, "spec.json", SPECS), 8)

    assert seconds < 8
    assert fixed.text == text.replace('"unit"', '"units"')
    assert len(fixed.edits) == 3000


def test_an_only_input_is_mended_where_a_layer_names_it_without_a_list():
    text = DIGITS.replace('"units": 64', '"units": 64, "inputs": "input"')

    assert mended(text.replace('"input"', '"inptu"')) == text


def test_a_comma_that_is_removed_leaves_no_blanks_and_no_empty_line():
    assert mended(DIGITS.replace('"units": 10}\n', '"units": 10}\n    ,\n')) == DIGITS


ILL_TYPED = [None, True, 5, -1.5, "a b", [], [5], [None], {}, {"a b": 5}, {"type": None}]
"""A value of each type of JSON, most of which are wrong wherever they stand."""

NESTED = {
    **json.loads(DIGITS),
    "layers": [
        {"name": "one", "type": "affine", "units": 10, "inputs": ["input"]},
        {"type": "add", "inputs": ["one", "one"]},
    ],
}
GRAPH_OF_WRONG_NAME = {**json.loads(GRAPH), "name": "a b"}


def places(value, path=()):
    """Yield the path of every value inside a value of JSON."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield (*path, key)
        if isinstance(value[key], dict | list):
            yield from places(value[key], (*path, key))


def without_or_ill_typed(spec):
    """Yield specs that lack one value, or have one of another type in its place."""
    for *parents, key in places(spec):
        for value in [..., *ILL_TYPED]:
            other = json.loads(json.dumps(spec))
            holder = other
            for parent in parents:
                holder = holder[parent]
            if value is ...:
                del holder[key]
            else:
                holder[key] = value
            yield other


@pytest.mark.parametrize(
    "spec",
    [NESTED, {**NESTED, "name": "a b"}, GRAPH_OF_WRONG_NAME],
    ids=["network", "network of a wrong name", "graph of a wrong name"],
)
def test_a_spec_that_lacks_a_key_or_has_it_in_another_type_is_mended_or_refused(spec):
    for wrong in without_or_ill_typed(spec):
        fixed = fix(json.dumps(wrong), REGISTRY, "spec.json", SPECS)

        assert (fixed.error is None) == is_valid(fixed.text), wrong


@pytest.mark.parametrize("spec", ILL_TYPED, ids=json.dumps)
def test_what_is_no_object_of_a_spec_is_refused(spec):
    assert fix(json.dumps(spec), REGISTRY, "spec.json", SPECS).error is not None


@pytest.mark.parametrize("layers", ["", ', "layers": null', ', "layers": 5'])
def test_a_wrong_name_without_a_list_of_layers_is_left_alone(layers):
    text = '{"version": 1, "name": "a b"' + layers + "}"

    fixed = fix(text, REGISTRY, "spec.json", SPECS)

    assert fixed.text == text
    assert "wrong-pattern" in [p.code for p in fixed.error.problems]
