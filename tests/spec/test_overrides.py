"""Values from the command line: what they mean, and what is said where they mean nothing."""

import json
from pathlib import Path

import pytest
from mistakes import SPEC as TEXT
from timing import timed

from layerkit import SpecError, UserError, load_registry
from layerkit.spec import parse_spec
from layerkit.spec.overrides import override
from layerkit.spec.text import parse

SPEC = {
    "version": 1,
    "data": "digits",
    "layers": [{"type": "affine", "units": 8}, "relu", {"type": "affine", "units": 10}],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
    "training": {"steps": 1},
}


def document_after(*words: str):
    """Return the document of the spec after changes, valid or not."""
    document = parse(json.dumps(SPEC), "spec.json")
    override(document, words)
    return document


def value_after(*words: str):
    return parse_spec(json.dumps(SPEC), load_registry(), overrides=words).document.value


@pytest.mark.parametrize(
    ("words", "part", "expected"),
    [
        ("layers[-1].units=12", "layers", [*SPEC["layers"][:2], {"type": "affine", "units": 12}]),
        ("layers[-3].units=12", "layers", [{"type": "affine", "units": 12}, *SPEC["layers"][1:]]),
        ('layers=["relu"]', "layers", ["relu"]),
        ("layers[1]=tanh", "layers", [SPEC["layers"][0], "tanh", SPEC["layers"][2]]),
        ("name=net_2", "name", "net_2"),
        ('name="123"', "name", "123"),
        ("optimizer.learning_rate=1e-2", "optimizer", {"type": "sgd", "learning_rate": 0.01}),
        ("optimizer.learning_rate= 1", "optimizer", {"type": "sgd", "learning_rate": 1}),
        ("optimizer=adam", "optimizer", "adam"),
        ("layers[+]=softplus", "layers", [*SPEC["layers"], "softplus"]),
        ('layers[+]={"type": "relu"}', "layers", [*SPEC["layers"], {"type": "relu"}]),
        ("metrics[+]=accuracy", "metrics", ["accuracy"]),
    ],
)
def test_a_value_is_set(words, part, expected):
    assert document_after(words).value[part] == expected


@pytest.mark.parametrize(
    ("words", "part", "expected"),
    [
        (["~layers[1]"], "layers", [SPEC["layers"][0], SPEC["layers"][2]]),
        (["~layers[-1]"], "layers", SPEC["layers"][:2]),
        (["~layers[0]", "~layers[0]"], "layers", SPEC["layers"][2:]),
        (["layers[+]=relu", "~layers[-1]"], "layers", SPEC["layers"]),
        (["~layers[0].units"], "layers", [{"type": "affine"}, *SPEC["layers"][1:]]),
        (["~optimizer.learning_rate"], "optimizer", {"type": "sgd"}),
        (["~loss"], "loss", None),
    ],
)
def test_a_value_is_removed(words, part, expected):
    assert document_after(*words).value.get(part) == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["~loss"], '--set ~loss: needs "loss"'),
        (["~layers[2].units"], '--set ~layers[2].units: layers[2]: needs "units"'),
        (["~layers[2].units", "~layers[1]"],
         '--set ~layers[2].units: layers[1]: needs "units"'),
        (["~training.steps"],
         '--set ~training.steps: training: needs either "steps" or "epochs"'),
        (["~seed", "training.steps=0"],
         "--set training.steps=0: training.steps: must be greater than 0, got 0"),
    ],
)  # fmt: skip
def test_a_key_that_is_missing_is_blamed_on_what_removed_it(words, told):
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps({**SPEC, "seed": 1}), load_registry(), overrides=words)

    assert str(caught.value) == f"{told}\n1 problem; nothing was run."
    assert caught.value.records[0]["set"] == told.partition(": ")[0]


def test_places_are_those_of_the_text_after_elements_were_removed():
    spec = {**SPEC, "layers": ["relu", "tanh", {"type": "affine", "units": 0}, "relu", "tanhh"]}
    text = json.dumps(spec, indent=1)
    words = ["layers[3]=reluu", "~layers[0]", "~layers[0]", "layers[+]=affine"]

    with pytest.raises(SpecError) as caught:
        parse_spec(text, load_registry(), "spec.json", overrides=words)

    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), start=1)}
    records = {tuple(r["path"]): r for r in caught.value.records}
    assert list(records) == [
        ("layers", 0, "units"), ("layers", 1), ("layers", 2), ("layers", 3)
    ]  # fmt: skip
    assert lines[records["layers", 0, "units"]["location"]["line"]] == '"units": 0'
    assert lines[records["layers", 2]["location"]["line"]] == '"tanhh"'
    assert records["layers", 1]["set"] == "--set layers[3]=reluu"
    assert records["layers", 3]["set"] == "--set layers[+]=affine"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("layers[-4].units=1", "layers has 3 elements, counted from 0; 'layers[+]=...' appends "
         "one"),
        ("layers[3]=softmax", "layers has 3 elements, counted from 0; 'layers[+]=...' appends "
         "one"),
        ("layers[1]=", "has no value; an empty text is written 'layers[1]=\"\"', and "
         "'~layers[1]' removes what is there"),
        ("layers[+].units=3", "must be PATH=VALUE, as in training.epochs=5"),
        ("[+]=relu", "must be PATH=VALUE, as in training.epochs=5"),
        ("layers[+][+]=relu", "must be PATH=VALUE, as in training.epochs=5"),
        ("loss[+]=relu", "loss has no elements"),
        ("layers+=relu", "to append an element, write 'layers[+]=...'"),
        ("layers[]=relu", "to append an element, write 'layers[+]=...'"),
        ("~layers[3]", "layers has 3 elements, counted from 0; 'layers[+]=...' appends one"),
        ("~layers[-4]", "layers has 3 elements, counted from 0; 'layers[+]=...' appends one"),
        ("~loss[0]", "loss has no elements"),
        ("~optimizer.momentun", "optimizer has no momentun"),
        ("~loss.type", "loss has no type"),
        ("~training.early_stopping.patience", "training has no early_stopping"),
        ("~nosuch", "the spec has no nosuch"),
        ("~layers[1]=relu", "~ removes, and takes no value: '~layers[1]'"),
        ("~layers[1]=", "~ removes, and takes no value: '~layers[1]'"),
        ("~", "must be ~PATH, as in ~layers[1]"),
        ("~layers[+]", "must be ~PATH, as in ~layers[1]"),
        ("extends=base.json", "a spec extends another before --set applies; write it in the file"),
        ("~extends", "a spec extends another before --set applies; write it in the file"),
        ("optimizer.learning_rate=.01", "JSON writes this number 0.01; text is written "
         "'optimizer.learning_rate=\".01\"'"),
        ("optimizer.learning_rate=1.", "JSON writes this number 1.0; text is written "
         "'optimizer.learning_rate=\"1.\"'"),
        ("training.steps=+5", "JSON writes this number 5; text is written 'training.steps=\"+5\"'"),
        ("training.steps=007", "JSON writes this number 7; text is written "
         "'training.steps=\"007\"'"),
        ("layers[1.units=3", "must be PATH=VALUE, as in training.epochs=5"),
        ("training.steps", "must be PATH=VALUE, as in training.epochs=5"),
        ("=5", "must be PATH=VALUE, as in training.epochs=5"),
        ("layers[1]=[\"relu\"", 'expected "," or "]", got the end of the text'),
        ("name=1e999", "the number is too large"),
        ("name=" + "9" * 5000, "the number is too large"),
        ("name=+" + "9" * 5000, "expected a value, got +; JSON writes no plus sign"),
    ],
)  # fmt: skip
def test_words_that_mean_nothing_are_told_with_what_to_write(words, told):
    with pytest.raises(UserError) as caught:
        value_after(words)

    shown = words if len(words) <= 100 else f"{words[:97]}..."
    assert str(caught.value) == f"--set {shown}: {told}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("name=123", 'name: must be text, got 123; for text write "123"; in a shell that is '
         "'name=\"123\"'"),
        ("name=true", 'name: must be text, got true; for text write "true"; in a shell that is '
         "'name=\"true\"'"),
        ("training.steps=1e3", "training.steps: must be an integer, got 1000.0; write 1000"),
        ("training.steps=five", 'training.steps: must be an integer, got "five"'),
        ("optimizer.learning_rate=stp", 'optimizer.learning_rate: must be a number, got "stp"; no '
         'schedule is named "stp"; did you mean "step"?'),
        ("layers[-1].units=x", 'layers[2].units: must be an integer, got "x"'),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_told_with_what_to_write(words, told):
    with pytest.raises(SpecError) as caught:
        value_after(words)

    assert str(caught.value) == f"--set {words}: {told}\n1 problem; nothing was run."


LONG = ["9", ".", "0.", "a", "a.", "[0]", "-", "1e", " ", '"', "[", "\\", "# ", "a:"]


@pytest.mark.parametrize("unit", LONG)
@pytest.mark.parametrize("end", ["", "x", "="])
def test_long_words_are_answered_in_time(unit, end):
    words = unit * (100_000 // len(unit)) + end

    def refuse() -> None:
        for text in (words, f"name={words}"):
            with pytest.raises(UserError) as caught:
                value_after(text)
            assert len(str(caught.value)) < 1500

    _, seconds = timed(refuse, 2.0)

    assert seconds < 2


@pytest.mark.parametrize(
    "words", ["a" + ".a" * 5000 + "=1", "layers" + "[0]" * 5000 + "=1", "x=" + "[" * 5000]
)
def test_deep_nesting_is_refused(words):
    with pytest.raises(UserError, match=r"nested deeper than 100 levels|has no elements"):
        value_after(words)


def test_values_that_nest_too_deep_only_together_are_refused():
    deep = "a" + ".a" * 80

    with pytest.raises(SpecError, match="nested deeper than 100 levels"):
        value_after(f"{deep}={'[' * 60}{']' * 60}")


def test_thousands_of_values_are_set_in_order(layerkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text(json.dumps(SPEC))
    words = [part for i in range(2000) for part in ("--set", f"seed={i}")]

    assert layerkit("check", "spec.json", "--no-gradients", *words).code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nonsense", "layerkit: --set nonsense: must be PATH=VALUE, as in training.epochs=5\n"),
        ("a..b=1", "layerkit: --set a..b=1: must be PATH=VALUE, as in training.epochs=5\n"),
        (
            "layers[9].units=3",
            "layerkit: --set layers[9].units=3: layers has 3 elements, counted from 0; "
            "'layers[+]=...' appends one\n",
        ),
        ("seed[0]=3", "layerkit: --set seed[0]=3: seed has no elements\n"),
        ("version.x=3", "layerkit: --set version.x=3: version is not an object\n"),
        (
            "training.steps=-1",
            "--set training.steps=-1: training.steps: must be greater than 0, got -1\n"
            "1 problem; nothing was run.\n",
        ),
        (
            "training.stepps=1",
            '--set training.stepps=1: training.stepps: unknown key "stepps"; did you mean '
            '"steps"?\n1 problem; nothing was run.\n',
        ),
        (
            "layers[1]=reul",
            '--set layers[1]=reul: layers[1]: no layer is named "reul"; did you mean "relu"?\n'
            "1 problem; nothing was run.\n",
        ),
        (
            "layers[2].units=7",
            "--set layers[2].units=7: layers[2]: softmax_with_loss takes one output for each of 3 "
            "classes, got (7,); give the last layer 3 units\n1 problem; nothing was run.\n",
        ),
        (
            "training.epochs=3",
            '--set training.epochs=3: training: takes only one of "steps" and "epochs", got both; '
            "leave one out, or set it to null\n1 problem; nothing was run.\n",
        ),
        (
            'layers[1]={"type": "relu", "type": "tanh"}',
            'layerkit: --set layers[1]={"type": "relu", "type": "tanh"}: the key "type" appears '
            "twice; keep one\n",
        ),
        ("training.steps=1e400", "layerkit: --set training.steps=1e400: the number is too large\n"),
        (
            f"layers[{'9' * 5000}].units=3",
            f"layerkit: --set layers[{'9' * 90}...: must be PATH=VALUE, as in training.epochs=5\n",
        ),
        ("layers.².units=3", "layerkit: --set layers.².units=3: layers is not an object\n"),
    ],
)
def test_a_wrong_value_from_the_command_line_is_told_with_its_words(refused, words, told):
    Path("spec.json").write_text(TEXT)

    assert refused("run", "spec.json", "--set", words) == told


def test_an_empty_path_is_refused_where_it_is_set(refused):
    Path("spec.json").write_text(TEXT)

    told = refused("run", "spec.json", "--set", 'data.path=""')

    assert told == (
        '--set data.path="": data.path: must be the path of a file, got ""\n'
        "1 problem; nothing was run.\n"
    )
