"""The verbs' output for people and for programs when nothing is wrong."""

import json
import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import typer

from layerkit import load_registry
from layerkit.cli import app
from layerkit.cli.describe import type_text
from layerkit.cli.output import number
from layerkit.contracts.registrar import KINDS

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "digits.json"
SHORT = ("--set", "training.epochs=2")


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAYERKIT_PLUGINS", raising=False)
    monkeypatch.delenv("LAYERKIT_STRICT", raising=False)


class TestVersionAndHelp:
    def test_version_is_that_of_the_distribution(self, layerkit):
        assert layerkit("--version").out == f"layerkit {version('layerkit')}\n"

    def test_without_a_verb_the_help_is_shown(self, layerkit):
        outcome = layerkit()

        assert outcome.code == 2
        assert "Usage:" in outcome.out + outcome.err

    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_help_lists_every_verb_with_a_summary_that_is_not_cut_short(self, layerkit, flag):
        outcome = layerkit(flag)

        listed = dict(re.findall(r"^  ([a-z]+) {2,}(\S.*)$", outcome.out, re.MULTILINE))
        assert outcome.code == 0
        assert set(verbs()) <= set(listed)
        assert "..." not in outcome.out.partition("Commands:")[2]
        assert all(summary.endswith(".") for verb, summary in listed.items() if verb in verbs())

    def test_help_of_every_verb_has_an_example_that_begins_with_it(self, layerkit):
        for verb in verbs():
            outcome = layerkit(verb, "--help")

            assert outcome.code == 0
            if "Commands:" in outcome.out:
                assert "..." not in outcome.out.partition("Commands:")[2]
            else:
                assert f"Example: layerkit {verb}" in outcome.out


def verbs() -> list[str]:
    return list(typer.main.get_command(app).commands)


def json_of(layerkit, *arguments):
    outcome = layerkit(*arguments, "--json")
    assert outcome.code == 0
    return json.loads(outcome.out)


class TestLayers:
    def test_a_line_for_each_layer_with_its_formula_and_who_provides_it(self, layerkit):
        lines = layerkit("layers").out.splitlines()

        assert lines[0].split() == ["name", "what", "it", "is", "provided", "by"]
        [relu] = [line for line in lines if line.startswith("relu ")]
        assert re.fullmatch(r"relu +Rectified linear unit, y = max\(x, 0\);.* layerkit \S+", relu)

    @pytest.mark.parametrize("kind", KINDS)
    def test_another_kind_is_listed_where_it_is_asked_for(self, layerkit, kind):
        rows = json_of(layerkit, "layers", "--kind", kind)

        assert [row["name"] for row in rows] == load_registry().names(kind)
        assert {row["kind"] for row in rows} == {kind}
        assert all(row["summary"] and "``" not in row["summary"] for row in rows)

    def test_all_kinds_are_listed_with_the_kind_of_each(self, layerkit):
        lines = layerkit("layers", "--kind", "all").out.splitlines()

        assert lines[0].split()[:2] == ["name", "kind"]
        assert {line.split()[1] for line in lines[1:]} == set(KINDS)

    def test_the_layer_of_a_stranger_is_listed(self, layerkit, install):
        install("layerkit-foo")

        rows = json_of(layerkit, "layers")

        assert {
            "name": "swish",
            "kind": "layer",
            "summary": "Self-gated activation, y = x * sigmoid(beta * x).",
            "provider": "layerkit-foo 1.0",
        } in rows

    def test_contested_layers_are_listed_by_the_names_that_can_be_used(self, layerkit, install):
        install("layerkit-foo")
        install("layerkit-bar")

        names = [row["name"] for row in json_of(layerkit, "layers")]

        assert {"layerkit-foo/swish", "layerkit-bar/swish"} <= set(names)
        assert "swish" not in names

    def test_an_unknown_kind_is_refused(self, layerkit):
        outcome = layerkit("layers", "--kind", "lair")

        assert outcome.code == 2
        assert outcome.err == (
            "layerkit: --kind: must be one of layer, loss, optimizer, schedule, initializer, "
            'dataset, metric or all, got "lair"\n'
        )


class TestDescribe:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_component_is_described_with_an_example_that_its_kind_takes(self, layerkit, kind):
        from layerkit.spec.components import Reading

        registry = load_registry()
        for name in registry.names(kind):
            [description] = json_of(layerkit, "describe", name, "--kind", kind)

            assert (description["name"], description["kind"]) == (name, kind)
            assert set(description["required"]) <= set(description["options"])
            assert all(option["description"] for option in description["options"].values())
            reading = Reading(registry, Path())
            for example in description["examples"]:
                if kind == "layer":
                    reading.layer(example)
                else:
                    reading.component(KINDS[kind], example)
            assert description["examples"]

    def test_types_and_bounds_of_options_are_told_in_words(self, layerkit):
        text = layerkit("describe", "sgd").out

        assert (
            "  learning_rate: number > 0 or schedule (its name, or an object with its type); "
            "default 0.01\n" in text
        )
        assert "  momentum: number >= 0 and < 1; default 0.0\n" in text
        assert "  nesterov: boolean; default false\n" in text

    @pytest.mark.parametrize(
        ("schema", "words"),
        [
            ({"enum": ["a", "b"], "type": "string"}, '"a" or "b"'),
            ({"const": 1}, "1"),
            ({"type": "array", "items": {"type": "integer"}}, "array of integer"),
            ({"type": "array"}, "array"),
            ({}, "any value"),
            ({"type": "integer", "exclusiveMaximum": 3}, "integer < 3"),
            ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ],
    )
    def test_a_json_schema_is_told_in_words(self, schema, words):
        assert type_text(schema) == words

    def test_a_name_of_several_kinds_is_described_for_each(self, layerkit, install):
        source = """
            from layerkit import Layer, hookimpl

            class Adam(Layer):
                '''A layer of that name.'''

                def forward(self, x): ...
                def backward(self, dout): ...

            @hookimpl
            def layerkit_register(registry):
                registry.layer("adam", Adam)
            """
        install("layerkit-foo", source)

        both = json_of(layerkit, "describe", "adam")
        [one] = json_of(layerkit, "describe", "adam", "--kind", "layer")

        assert [d["kind"] for d in both] == ["layer", "optimizer"]
        assert (one["text"], one["examples"]) == ("A layer of that name.", ["adam"])

    def test_the_layer_of_a_stranger_is_described_in_full(self, layerkit, install):
        install("layerkit-foo")

        assert layerkit("describe", "swish").out == (
            "swish (layer, from layerkit-foo 1.0)\n"
            "\n"
            "Self-gated activation, y = x * sigmoid(beta * x).\n"
            "\n"
            "Options:\n"
            "  beta: number; default 1.0\n"
            "      Slope of the gate.\n"
            "\n"
            "Shapes:\n"
            "  x: (batch, *shape)\n"
            "  y: the shape of x\n"
            "\n"
            "Source:\n"
            "  Ramachandran, Zoph and Le (2017), eq. 1.\n"
            "\n"
            "In a spec:\n"
            '  "swish"\n'
        )

    def test_examples_of_a_contested_layer_use_the_name_that_can_be_used(self, layerkit, install):
        install("layerkit-foo")
        install("layerkit-bar")

        [description] = json_of(layerkit, "describe", "layerkit-foo/swish")

        assert description["name"] == "layerkit-foo/swish"
        assert description["examples"] == ["layerkit-foo/swish"]

    def test_a_layer_of_two_inputs_is_shown_with_names_for_them(self, layerkit):
        [description] = json_of(layerkit, "describe", "mul")

        assert description["examples"] == [{"type": "mul", "inputs": ["a", "b"]}]

    def test_values_of_required_options_are_guessed_by_their_types(self, layerkit, install):
        install("layerkit-foo", MANY_OPTIONS)

        [description] = json_of(layerkit, "describe", "many")

        assert description["examples"] == [
            {
                "type": "many",
                "mode": "slow",
                "gate": "add",
                "flag": True,
                "sizes": [1],
                "limit": 2,
                "path": "path/to/file",
            }
        ]

    def test_no_example_is_shown_where_none_can_be_guessed(self, layerkit, install):
        install("layerkit-foo", MANY_OPTIONS)

        [description] = json_of(layerkit, "describe", "odd")

        assert description["examples"] == []
        assert "In a spec" not in layerkit("describe", "odd").out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["rleu"], 'nothing is named "rleu"; did you mean "relu"?'),
            (["zzz"], 'nothing is named "zzz"; see: layerkit layers --kind all'),
            (
                ["adm", "--kind", "optimizer"],
                'no optimizer is named "adm"; did you mean "adam"?',
            ),
            (
                ["relu", "--kind", "loss"],
                'no loss is named "relu"; "relu" names a layer',
            ),
            (
                ["relu", "--kind", "lair"],
                "--kind: must be one of layer, loss, optimizer, schedule, initializer, dataset, "
                'metric, got "lair"',
            ),
        ],
    )
    def test_an_unknown_name_is_refused_with_advice(self, layerkit, arguments, message):
        outcome = layerkit("describe", *arguments)

        assert (outcome.code, outcome.out, outcome.err) == (2, "", f"layerkit: {message}\n")

    def test_a_contested_name_is_refused_with_the_names_that_can_be_used(self, layerkit, install):
        install("layerkit-foo")
        install("layerkit-bar")

        assert layerkit("describe", "swish").err == (
            'layerkit: layer "swish" is claimed by several packages; write "layerkit-bar/swish" '
            'or "layerkit-foo/swish"\n'
        )

    def test_a_plugin_that_may_have_an_unknown_name_is_told(self, layerkit, install):
        install("layerkit-foo", "raise OSError('no licence')")

        assert layerkit("describe", "swish").err == (
            'layerkit: nothing is named "swish"; plugin layerkit-foo (foo), which is not working, '
            "may have it: OSError: no licence\n"
        )


MANY_OPTIONS = """
    from pathlib import Path
    from typing import Annotated, Literal

    from layerkit import Field, Layer, hookimpl

    class Many(Layer):
        def __init__(
            self,
            mode: Literal["slow", "fast"],
            gate: Layer,
            flag: bool,
            sizes: list[int],
            limit: Annotated[int, Field(ge=2, lt=10)] | None,
            path: Path,
        ) -> None:
            self.mode, self.gate, self.flag, self.sizes = mode, gate, flag, sizes
            self.limit, self.path = limit, path

        def forward(self, x): ...
        def backward(self, dout): ...

    class Odd(Many):
        def __init__(self, word: Annotated[str, Field(pattern="^xyzzy$")]) -> None:
            self.word = word

    @hookimpl
    def layerkit_register(registry):
        registry.layer("many", Many)
        registry.layer("odd", Odd)
    """


class TestPlugins:
    def test_a_line_for_each_plugin_and_what_is_wrong_below(self, layerkit, install):
        install("layerkit-foo")
        install("layerkit-bad", "1 / 0")
        install("layerkit-late", requires=("layerkit>=9",))

        lines = layerkit("plugins").out.splitlines()

        assert lines[0].split() == ["plugin", "distribution", "state", "provides"]
        assert re.fullmatch(r"layerkit +layerkit \S+ +ok +14 layers, 4 losses, .*", lines[1])
        shown = [" ".join(line.split()) for line in lines]
        assert "foo layerkit-foo 1.0 ok layer swish" in shown
        assert "bad layerkit-bad 1.0 broken nothing" in shown
        assert "late layerkit-late 1.0 incompatible nothing" in shown
        assert "bad is broken: ZeroDivisionError: division by zero" in lines
        this = version("layerkit")
        reason = f"needs layerkit >=9, this is {this}; upgrade layerkit"
        assert f"late is incompatible: {reason}" in lines

    def test_programs_are_told_the_same(self, layerkit, install):
        install("layerkit-foo")
        install("layerkit-bad", "1 / 0")

        plugins = {p["name"]: p for p in json_of(layerkit, "plugins")}

        assert plugins["foo"] == {
            "name": "foo",
            "distribution": "layerkit-foo",
            "version": "1.0",
            "module": "layerkit_foo",
            "state": "ok",
            "reason": "",
            "provides": [{"kind": "layer", "name": "swish"}],
            "watches_runs": False,
            "compiles_steps": False,
        }
        assert plugins["bad"]["state"] == "broken"
        assert plugins["bad"]["reason"] == "ZeroDivisionError: division by zero"
        assert plugins["layerkit"]["state"] == "ok"

    @pytest.mark.parametrize("name", ["bad", "layerkit-bad"])
    def test_the_traceback_of_a_broken_one_is_shown_in_full(self, layerkit, install, name):
        install("layerkit-bad", "1 / 0")

        outcome = layerkit("plugins", "--traceback", name)

        assert outcome.code == 0
        assert outcome.out.startswith("Traceback (most recent call last):\n")
        assert 'layerkit_bad.py", line 1, in <module>\n' in outcome.out
        assert outcome.out.rstrip().endswith("ZeroDivisionError: division by zero")

    def test_what_one_prints_goes_where_errors_go(self, layerkit, install):
        source = "print('imported')\nfrom layerkit import hookimpl\n@hookimpl\n"
        install("layerkit-loud", source + "def layerkit_register(registry): print('registering')")

        outcome = layerkit("plugins", "--json")

        assert [p["name"] for p in json.loads(outcome.out)] == ["layerkit", "loud"]
        assert outcome.err == "imported\nregistering\n"

    def test_one_that_works_has_no_traceback(self, layerkit):
        assert layerkit("plugins", "--traceback", "layerkit").out == (
            "layerkit is ok; nothing was raised\n"
        )

    def test_an_unknown_one_is_refused(self, layerkit):
        outcome = layerkit("plugins", "--traceback", "zzz")

        assert outcome.code == 2
        assert outcome.err.startswith(
            'layerkit: --traceback: no plugin is named "zzz"; there are: layerkit'
        )


class TestSchema:
    def test_is_printed(self, layerkit):
        schema = json.loads(layerkit("schema").out)

        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def test_is_written_to_a_file_and_may_replace_itself(self, layerkit):
        for _ in range(2):
            outcome = layerkit("schema", "--out", "layerkit.schema.json")

            assert outcome.code == 0
            assert outcome.out == (
                'wrote layerkit.schema.json; a spec beside it names it by "$schema": '
                '"layerkit.schema.json"\n'
            )
            written = json.loads(Path("layerkit.schema.json").read_text())
            assert written == json.loads(layerkit("schema").out)

    @pytest.mark.parametrize("content", ["{}", "precious", "[]"])
    def test_never_replaces_another_file(self, layerkit, content):
        Path("mine.json").write_text(content)

        outcome = layerkit("schema", "--out", "mine.json")

        assert (outcome.code, outcome.err) == (
            2,
            "layerkit: --out mine.json: already exists and is not such a schema; choose another\n",
        )
        assert Path("mine.json").read_text() == content

    def test_that_cannot_be_written_is_told(self, layerkit):
        outcome = layerkit("schema", "--out", "nowhere/schema.json")

        assert (outcome.code, outcome.err) == (
            2,
            "layerkit: --out nowhere/schema.json: cannot be written: No such file or directory\n",
        )


EVALUATION = r" +\d+ +\d+\.\d\d( +\d\.\d{4}){4,6} +\d+\.\ds(  \*)?"


VALIDATED = ["--set", 'data={"type": "digits", "validation_fraction": 0.1}']


class TestRun:
    def test_prints_a_line_for_each_evaluation_and_where_the_results_are(self, layerkit):
        lines = layerkit("run", SPEC, *SHORT, *VALIDATED).out.splitlines()

        assert lines[0] == (
            "digits: 3 layers, 64 -> 10, 4,810 parameters; 1,258 training, 180 validation and 359 "
            "test examples; 52 steps"
        )
        assert lines[1].split() == [
            "step",
            "epoch",
            "train_loss",
            "validation_loss",
            "test_loss",
            "train_accuracy",
            "validation_accuracy",
            "test_accuracy",
            "time",
        ]
        assert all(re.fullmatch(EVALUATION, line) for line in lines[2:4])
        assert re.fullmatch(
            r"finished after 52 steps in \d+\.\d s; best validation_accuracy \d\.\d{4} at step \d+ "
            r"\(\*\)",
            lines[4],
        )
        [folder] = Path("runs").iterdir()
        assert lines[5:] == [f"results in {folder}"]
        assert re.fullmatch(r"digits-\d{8}-\d{6}", folder.name)
        assert np.load(folder / "best.npz")["layers[0].W"].shape == (64, 64)

    def test_without_a_validation_part_nothing_is_the_best(self, layerkit):
        lines = layerkit("run", SPEC, *SHORT, "--out", "results").out.splitlines()

        assert lines[0] == (
            "digits: 3 layers, 64 -> 10, 4,810 parameters; 1,438 training and 359 test examples; "
            "58 steps"
        )
        assert "  *" not in "".join(lines)
        assert re.fullmatch(r"finished after 58 steps in \d+\.\d s", lines[4])
        assert not Path("results", "best.npz").exists()

    def test_quietly_prints_nothing(self, layerkit):
        outcome = layerkit("run", SPEC, *SHORT, "-q", "--out", "results")

        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
        assert Path("results", "last.npz").exists()

    def test_for_programs_prints_json_only(self, layerkit):
        result = json_of(layerkit, "run", SPEC, *SHORT, *VALIDATED, "--out", "results")

        assert (result["folder"], result["status"], result["steps"]) == ("results", "finished", 52)
        assert [e["step"] for e in result["evaluations"]] == [26, 52]
        assert result["last"] == result["evaluations"][-1]
        assert set(result["best"]["scores"]) == {
            f"{part}_{name}"
            for part in ("train", "validation", "test")
            for name in ("loss", "accuracy")
        }

    def test_of_one_step_that_is_never_the_best_says_so_without_a_best(self, layerkit):
        lines = layerkit("run", SPEC, "--set", 'training={"steps": 1}').out.splitlines()

        assert re.match(r"finished after 1 step in \d+\.\d s", lines[3])

    def test_takes_every_value_from_the_command_line(self, layerkit):
        settings = ["training.epochs=1", "layers[0].units=5", "optimizer=adam", "name=other"]
        arguments = [word for setting in settings for word in ("--set", setting)]

        outcome = layerkit("run", SPEC, *arguments, "--out", "results")

        written = json.loads(Path("results", "spec.json").read_text())
        assert written["training"]["epochs"] == 1
        assert written["layers"][0]["units"] == 5
        assert (written["optimizer"], written["name"]) == ("adam", "other")
        assert outcome.out.startswith("other: 3 layers, 64 -> 10, 385 parameters; ")

    def test_that_stops_early_says_so(self, layerkit):
        stopping = 'training.early_stopping={"patience": 1, "min_delta": 100}'

        outcome = layerkit("run", SPEC, *VALIDATED, "--set", stopping, "--out", "results")

        assert "stopped early after 52 steps in" in outcome.out

    def test_prints_numbers_of_any_size_in_columns(self, layerkit):
        Path("big.json").write_text(BIG)
        Path("big.csv").write_text("x,y\n1,1e12\n2,-1e12\n3,1e12\n4,-1e12\n5,1e12\n")

        header, row = layerkit("run", "big.json").out.splitlines()[1:3]

        names, cells = header.split(), row.split()
        assert names[2:4] == ["train_loss", "test_loss"]
        assert cells[2:4] == ["1.00e+24", "1.00e+24"]
        ends = [match.end() for match in re.finditer(r"\S+", header)]
        assert [match.end() for match in re.finditer(r"\S+", row)][: len(ends)] == ends

    def test_on_a_terminal_shows_a_bar_that_is_gone_at_the_end(self, layerkit, monkeypatch):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

        outcome = layerkit("run", SPEC, *SHORT, "--out", "results")

        shown, cursor = re.sub(r"\x1b\[[\d;]*[A-Z]", "", outcome.out), "\x1b[?25h"
        lines = re.sub(r"\x1b\[[^a-zA-Z]*[a-z]", "", shown.replace("\r", "\n")).split("\n")
        assert outcome.code == 0
        assert sum(bool(re.fullmatch(EVALUATION, line)) for line in lines) == 2
        assert any("58 of 58 steps loss 0." in line for line in lines)
        assert "nan" not in shown
        # The cursor is shown again, and what comes after it is plain.
        assert re.fullmatch(
            r"\s*finished after 58 steps in [^\x1b]*\nresults in results\n",
            shown.rpartition(cursor)[2],
        )

    def test_of_a_graph_prints_values_and_derivatives_for_programs_too(self, layerkit):
        nodes = json_of(layerkit, "run", ROOT / "specs" / "buy_apple.json")

        assert [(n["name"], n["value"]) for n in nodes[3:]] == [
            ("apple_price", 200.0),
            ("price", pytest.approx(220)),
        ]
        assert nodes[0]["derivative"] == pytest.approx(2.2)

    def test_of_a_graph_prints_nothing_quietly(self, layerkit):
        outcome = layerkit("run", ROOT / "specs" / "buy_apple.json", "--quiet")

        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (1e300, "1e+300"),
            ([[1.0, 2.5]], "[[1, 2.5]]"),
            (None, ""),
        ],
    )
    def test_numbers_are_shown_with_ten_digits(self, value, text):
        assert number(value) == text

    def test_as_a_module_is_the_same_command(self, process):
        done = process("run", SPEC, *SHORT, "--quiet", "--out", "results", check=True)

        assert (done.stdout, done.stderr) == ("", "")
        assert Path("results", "run.json").exists()


BIG = """{
  "version": 1,
  "data": {"type": "csv", "path": "big.csv", "target": "y", "task": "regression"},
  "layers": [{"type": "affine", "units": 1}],
  "loss": "mean_squared_error",
  "metrics": ["mean_absolute_error"],
  "optimizer": "sgd",
  "training": {"steps": 1}
}
"""


class TestCheck:
    def test_shows_shapes_sizes_and_gradients_that_agree(self, layerkit):
        lines = layerkit("check", SPEC, "--set", "layers[0].units=5").out.splitlines()

        assert [line.split() for line in lines[:4]] == [
            ["layer", "type", "output", "parameters"],
            ["layers[0]", "affine", "(5,)", "325"],
            ["layers[1]", "relu", "(5,)", "0"],
            ["layers[2]", "affine", "(10,)", "60"],
        ]
        assert re.fullmatch(r"385 parameters; training takes [\d.]+ kB, the data aside", lines[4])
        assert lines[6] == "back-propagation against numerical gradients, in float64:"
        compared = {line.split()[0]: line.split()[-1] for line in lines[8:]}
        assert compared == dict.fromkeys(
            ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b", "output"], "agrees"
        )

    def test_leaves_the_gradients_out_where_asked_to(self, layerkit):
        outcome = layerkit("check", SPEC, "--no-gradients")

        assert outcome.code == 0
        assert "gradient" not in outcome.out

    def test_for_programs_prints_json(self, layerkit):
        found = json_of(layerkit, "check", SPEC, "--set", "layers[0].units=5")

        assert found["layers"][0] == {
            "name": "layers[0]",
            "type": "affine",
            "shape": [5],
            "parameters": 325,
        }
        assert found["parameters"] == 385
        assert all(
            g["verdict"] == "agrees" and g["mean_difference"] < 1e-8 for g in found["gradients"]
        )
        assert found["gradients"][0] | {"mean_difference": 0, "mean_gradient": 0} == {
            "name": "layers[0].W",
            "size": 320,
            "checked": 320,
            "wrong": 0,
            "kinks": 0,
            "too_small": 0,
            "mean_difference": 0,
            "mean_gradient": 0,
            "worst": None,
            "verdict": "agrees",
        }

    @pytest.mark.parametrize("gradients", ["--gradients", "--no-gradients"])
    def test_of_a_graph_has_no_memory_to_tell(self, layerkit, gradients):
        found = json_of(layerkit, "check", ROOT / "specs" / "buy_apple.json", gradients)

        assert found["memory"] is None
        assert [g["name"] for g in found["gradients"]] == (
            ["apple", "apple_num", "tax"] if gradients == "--gradients" else []
        )

    def test_writes_nothing(self, layerkit):
        layerkit("check", SPEC)

        assert list(Path().iterdir()) == [Path("site-packages")] or not list(Path().iterdir())

    def test_fails_where_the_gradients_disagree_and_names_which(self, layerkit, install):
        source = """
            from layerkit import Layer, hookimpl

            class Wrong(Layer):
                def forward(self, x):
                    return x**2

                def backward(self, dout):
                    return dout

            @hookimpl
            def layerkit_register(registry):
                registry.layer("wrong", Wrong)
            """
        install("layerkit-foo", source)
        Path("graph.json").write_text('{"version": 1, "inputs": {"x": 3}, "layers": ["wrong"]}')

        outcome = layerkit("check", "graph.json")

        assert outcome.code == 1
        assert outcome.err == (
            "layerkit: back-propagation and numerical gradients disagree for x\n"
        )
        assert outcome.out.splitlines()[-1].split() == [
            *["x", "1", "of", "1", "5.00e+00", "6.00e+00"],
            *["DISAGREES:", "[0]", "is", "1,", "numerically", "6"],
        ]

    def test_tells_how_many_elements_it_could_not_judge(self, layerkit, install):
        source = """
            import numpy as np
            from layerkit import Layer, hookimpl

            class Bent(Layer):
                def forward(self, x):
                    return np.abs(x - 1) if x.ndim == 1 else x

                def backward(self, dout):
                    return 0.3 * dout

            @hookimpl
            def layerkit_register(registry):
                registry.layer("bent", Bent)
            """
        install("layerkit-foo", source)
        Path("graph.json").write_text('{"version": 1, "inputs": {"x": 1}, "layers": ["bent"]}')

        outcome = layerkit("check", "graph.json")

        assert outcome.code == 0
        assert outcome.out.splitlines()[-1].endswith("too many kinks to tell")

    def test_shows_its_progress_on_a_terminal_if_it_takes_more_than_a_second(
        self, layerkit, monkeypatch
    ):
        clock = iter(range(10**6))
        monkeypatch.setattr(time, "perf_counter", lambda: next(clock) / 100)
        monkeypatch.setattr(sys.modules["layerkit.cli.check"], "_on_terminal", lambda: True)

        outcome = layerkit("check", SPEC, "--set", "layers[0].units=5")

        shown = outcome.err.split("\r")
        assert shown[1].startswith("comparing gradients: ")
        assert len(shown) > 4
        assert (shown[-2].strip(), shown[-1]) == ("", "")

    def test_shows_no_progress_where_there_is_no_terminal(self, layerkit, monkeypatch):
        clock = iter(range(10**6))
        monkeypatch.setattr(time, "perf_counter", lambda: next(clock) / 100)

        assert layerkit("check", SPEC, "--set", "layers[0].units=5").err == ""
