"""Every mistake in the input is reported with its place and a remedy, and nothing is run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from layerkit.run import RunFolder

SPEC = """\
{
  "version": 1,
  "data": {"type": "npz", "path": "data.npz"},
  "layers": [
    {"type": "affine", "units": 5},
    {"type": "relu"},
    {"type": "affine", "units": 3}
  ],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "sgd", "learning_rate": 0.1},
  "training": {"steps": 2, "batch_size": 4}
}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Work in a folder with data of 4 features and 3 classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAYERKIT_DATA", raising=False)
    rng = np.random.default_rng(0)
    write_data(rng.normal(size=(30, 4)), np.arange(30) % 3)


def write_data(x, t) -> None:
    np.savez("data.npz", x=x, t=t)


def listing() -> dict[str, bytes | None]:
    """Return every file below the present folder with what it holds, and every folder.

    But for byte code, which Python writes of the plugins there where it may.
    """
    return {
        str(p): p.read_bytes() if p.is_file() and os.access(p, os.R_OK) else None
        for p in Path().rglob("*")
        if "__pycache__" not in p.parts
    }


@pytest.fixture
def refused(layerkit):
    """Run a command that must be refused: ``refused("run", "spec.json")`` is what it says."""

    def call(*arguments: object) -> str:
        before = listing()
        outcome = layerkit(*arguments)
        assert outcome.code == 2
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        assert listing() == before
        return outcome.err

    return call


def excerpt(text: str, place: str, message: str, marked: str) -> str:
    """Return what is said of one problem at ``line:column`` of a spec."""
    line, column = map(int, place.split(":"))
    shown = text.split("\n")[line - 1]
    assert shown[column - 1 :].startswith(marked)
    carets = " " * (column - 1) + "^" * len(marked)
    return f"spec.json:{place}: {message}\n{line:>5} | {shown}\n      | {carets}\n"


def told_of(refused, text: str, command: str = "run") -> str:
    Path("spec.json").write_text(text)
    return refused(command, "spec.json")


def test_the_spec_that_all_others_are_made_from_runs(layerkit):
    Path("spec.json").write_text(SPEC)

    assert layerkit("run", "spec.json", "--quiet", "--out", "results").code == 0


AFFINE = '{"type": "affine", "units": 5}'
LAST = '{"type": "affine", "units": 3}'

PROBLEMS = {
    "a comma too many": (
        '"units": 5}',
        '"units": 5,}',
        ("5:34", 'a comma before "}" is not JSON; remove it', ","),
    ),
    "a comma missing": (
        '"version": 1,',
        '"version": 1',
        ("3:3", 'expected "," or "}", got "', '"'),
    ),
    "a comment": (
        '"version": 1,',
        '"version": 1, // the first',
        ("2:17", "expected a key in double quotes, got //; JSON has no comments", "//"),
    ),
    "single quotes": (
        '"version"',
        "'version'",
        (
            "2:3",
            "expected a key in double quotes, got 'version'; JSON takes double quotes",
            "'version'",
        ),
    ),
    "NaN": ("0.1}", "NaN}", ("10:49", "expected a value, got NaN; JSON has no NaN", "NaN")),
    "infinity": (
        "0.1}",
        "-Infinity}",
        ("10:49", "expected a value, got -", "-"),
    ),
    "a number too large": ("0.1}", "1e999}", ("10:49", "the number is too large", "1")),
    "more text": (
        '"batch_size": 4}\n}',
        '"batch_size": 4}\n} {}',
        ("12:3", "the spec ended here, but more text follows", "{"),
    ),
    "a key twice": (
        '"version": 1,',
        '"version": 1, "version": 1,',
        ("2:17", 'version: the key "version" appears twice; keep one', '"version"'),
    ),
    "an unknown key": (
        '"version": 1,',
        '"version": 1, "sede": 3,',
        ("2:17", 'sede: unknown key "sede"; did you mean "seed"?', '"sede"'),
    ),
    "another version": (
        '"version": 1',
        '"version": 2',
        ("2:14", "version: must be 1, the version that this layerkit reads, got 2", "2"),
    ),
    "an unknown layer": (
        '"relu"',
        '"reul"',
        ("6:14", 'layers[1].type: no layer is named "reul"; did you mean "relu"?', '"reul"'),
    ),
    "a layer named by a path of Python": (
        '"relu"',
        '"os.system"',
        (
            "6:14",
            'layers[1].type: no layer is named "os.system"; see: layerkit layers --kind layer',
            '"os.system"',
        ),
    ),
    "a loss where a layer should be": (
        '"relu"',
        '"huber"',
        ("6:14", 'layers[1].type: no layer is named "huber"; "huber" names a loss', '"huber"'),
    ),
    "an unknown optimizer": (
        '"sgd"',
        '"adamm"',
        ("10:25", 'optimizer.type: no optimizer is named "adamm"; did you mean "adam"?', '"adamm"'),
    ),
    "no component at all": (
        '{"type": "sgd", "learning_rate": 0.1}',
        "3",
        (
            "10:16",
            'optimizer: must be the name of an optimizer, or an object with its "type", got 3',
            "3",
        ),
    ),
    "a wrong type": (
        '"units": 5',
        '"units": "five"',
        ("5:33", 'layers[0].units: must be an integer, got "five"', '"five"'),
    ),
    "a fraction": (
        '"units": 5',
        '"units": 5.5',
        ("5:33", "layers[0].units: must be an integer, got 5.5", "5.5"),
    ),
    "out of bounds": (
        '"units": 5',
        '"units": -50',
        ("5:33", "layers[0].units: must be greater than 0, got -50", "-50"),
    ),
    "no layers": (
        f'[\n    {AFFINE},\n    {{"type": "relu"}},\n    {LAST}\n  ]',
        "[]",
        ("4:13", "layers: must have at least 1 element, got []", "[]"),
    ),
    "neither steps nor epochs": (
        '"steps": 2, ',
        "",
        ("11:15", 'training: needs either "steps" or "epochs"', '{"batch_size": 4}'),
    ),
    "a layer that does not fit its input": (
        '{"type": "relu"}',
        '{"type": "reshape", "shape": [2, 2]}',
        (
            "6:5",
            "layers[1]: reshape makes [2, 2] of each example, but layers[0] (affine) gives (5,)",
            '{"type": "reshape", "shape": [2, 2]}',
        ),
    ),
    "a name used twice": (
        '{"type": "relu"},',
        '{"type": "relu", "name": "a"}, {"type": "relu", "name": "a"},',
        ("6:61", 'layers[2].name: "a" is already the name of layers[1]; choose another', '"a"'),
    ),
    "the name of the input": (
        '{"type": "relu"}',
        '{"type": "relu", "name": "input"}',
        ("6:30", 'layers[1].name: "input" is the name of an input; choose another', '"input"'),
    ),
    "an input that comes later": (
        f'{{"type": "relu"}},\n    {LAST}',
        f'{{"type": "relu", "inputs": "last"}},\n    {LAST[:-1]}, "name": "last"}}',
        ("6:32", 'layers[1].inputs: nothing earlier is named "last"; there are: input', '"last"'),
    ),
    "an unknown input": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": ["imput"]}',
        (
            "6:33",
            'layers[1].inputs[0]: nothing earlier is named "imput"; did you mean "input"?',
            '"imput"',
        ),
    ),
    "too many inputs": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": ["input", "input"]}',
        ("6:32", "layers[1].inputs: relu takes 1 input, got 2", '["input", "input"]'),
    ),
    "too few inputs": (
        '{"type": "relu"}',
        '{"type": "mul"}',
        ("6:5", 'layers[1]: mul takes 2 inputs; name them: "inputs": [...]', '{"type": "mul"}'),
    ),
    "an output that nobody takes": (
        '{"type": "relu"}',
        '{"type": "relu", "inputs": "input"}',
        (
            "5:5",
            "layers[0]: no later layer takes its output; remove it, or name it in some inputs",
            AFFINE,
        ),
    ),
    "a last layer that does not fit the classes": (
        LAST,
        '{"type": "affine", "units": 7}',
        (
            "7:5",
            "layers[2]: softmax_with_loss takes one output for each of 3 classes, got (7,); give "
            "the last layer 3 units",
            '{"type": "affine", "units": 7}',
        ),
    ),
    "a last layer that does not fit the loss": (
        LAST,
        '{"type": "reshape", "shape": [5, 1]}',
        (
            "7:5",
            "layers[2]: softmax_with_loss takes a vector of one output for each class, got (5, 1); "
            'end the network with "flatten" and "affine"',
            '{"type": "reshape", "shape": [5, 1]}',
        ),
    ),
    "a metric that does not fit": (
        '"loss":',
        '"metrics": ["r2"], "loss":',
        (
            "9:15",
            'metrics[0]: r2 takes numbers as targets, got labels of 3 classes; use "accuracy"',
            '"r2"',
        ),
    ),
    "a metric twice": (
        '"loss":',
        '"metrics": ["accuracy", {"type": "accuracy"}], "loss":',
        (
            "9:27",
            'metrics[1]: "accuracy" is already among the metrics; leave one of them out',
            '{"type": "accuracy"}',
        ),
    ),
    "an early stop by what nobody measures": (
        '"batch_size": 4',
        '"early_stopping": {"metric": "test_acuracy"}',
        (
            "11:57",
            "training.early_stopping.metric: must be one of train_loss, train_accuracy, test_loss, "
            'test_accuracy, got "test_acuracy"',
            '"test_acuracy"',
        ),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert old in SPEC
    text = SPEC.replace(old, new, 1)

    told = told_of(refused, text, command)

    assert told == excerpt(text, *problem) + "1 problem; nothing was run.\n"


def test_several_problems_are_told_together_in_the_order_of_the_text(refused):
    text = (
        SPEC.replace('"units": 5', '"unit": 5')
        .replace('"relu"', '"reul"')
        .replace('"softmax_with_loss"', '"huger"')
        .replace("0.1", "-1")
        .replace('"steps": 2', '"steps": 2, "epochs": 3')
    )

    told = told_of(refused, text)

    assert told == (
        excerpt(text, "5:5", 'layers[0]: needs "units"', '{"type": "affine", "unit": 5}')
        + excerpt(
            text, "5:24", 'layers[0].unit: unknown key "unit"; did you mean "units"?', '"unit"'
        )
        + excerpt(
            text,
            "6:14",
            'layers[1].type: no layer is named "reul"; did you mean "relu"?',
            '"reul"',
        )
        + excerpt(text, "9:11", 'loss: no loss is named "huger"; did you mean "huber"?', '"huger"')
        + excerpt(
            text,
            "10:49",
            "optimizer.learning_rate: must be greater than 0 or the name of a schedule, or an "
            'object with its "type", got -1',
            "-1",
        )
        + excerpt(
            text,
            "11:15",
            'training: takes only one of "steps" and "epochs", got both; leave one out, or set it '
            "to null",
            '{"steps": 2, "epochs": 3, "batch_size": 4}',
        )
        + "6 problems; nothing was run.\n"
    )


def test_a_key_of_the_wrong_case_among_wide_characters_is_pointed_at(refused):
    text = SPEC.replace('"version": 1', '"name": "ネット", "Seed": 3, "version": 1')

    told = told_of(refused, text)

    # Each of the three characters takes two columns of a terminal.
    assert told.splitlines()[1:3] == [
        '    2 |   "name": "ネット", "Seed": 3, "version": 1,',
        "      |           ^^^^^^^^",
    ]
    assert told.splitlines()[4:6] == [
        '    2 |   "name": "ネット", "Seed": 3, "version": 1,',
        "      |                     ^^^^^^",
    ]


def test_what_a_terminal_would_obey_is_not_printed(refused):
    text = SPEC.replace('"relu"', r'"\u001b[31mrelu\u009b2J\u202e"')

    told = told_of(refused, text)

    assert all(c.isprintable() or c == "\n" for c in told)
    assert r'no layer is named "\x1b[31mrelu\x9b2J\u202e"' in told


WORDS = {
    "an empty file": (b"", "spec.json:1:1: the file is empty; a spec is a JSON object\n"),
    "blanks": (b" \n\t", "spec.json:1:1: the file is empty; a spec is a JSON object\n"),
    "an array": (b"[]", "spec.json:1:1: must be an object, got []\n"),
    "text": (b'"relu"', 'spec.json:1:1: must be an object, got "relu"\n'),
    "null": (b"null", "spec.json:1:1: must be an object, got null\n"),
    "an object cut short": (
        b'{"a": ',
        "spec.json:1:7: expected a value, got the end of the text\n",
    ),
    "arrays nested 10,000 deep": (
        b"[" * 10_000,
        "spec.json:1:101: nested deeper than 100 levels\n",
    ),
    "objects nested 10,000 deep": (
        b'{"a":' * 10_000,
        "spec.json:1:501: nested deeper than 100 levels\n",
    ),
    "a number of 10,000 digits": (
        b'{"seed": ' + b"9" * 10_000,
        "spec.json:1:10: the number is too large\n",
    ),
    "bytes that are no text": (b"\x80\x81", None),
    "UTF-16": ('{"version": 1}'.encode("utf-16"), None),
    "zeros": (bytes(100), "spec.json:1:1: expected a value, got '\\x00'\n"),
}


@pytest.mark.parametrize(("content", "heading"), WORDS.values(), ids=WORDS)
def test_a_file_that_is_no_spec_is_refused(refused, content, heading):
    Path("spec.json").write_bytes(content)

    told = refused("run", "spec.json")

    if heading is None:
        assert re.fullmatch(
            r"layerkit: spec\.json:1:1: a spec is JSON text in UTF-8, got the byte 0x\w\w, which "
            r"is not; if it is text, save it as UTF-8\n",
            told,
        )
    else:
        assert told.startswith(heading)
        assert told.endswith("1 problem; nothing was run.\n")


class TestAFileThatCannotBeRead:
    def test_because_it_is_missing(self, refused):
        assert refused("run", "nowhere.json") == (
            "layerkit: nowhere.json: cannot be read: No such file or directory\n"
        )

    def test_because_it_is_a_folder(self, refused):
        Path("folder.json").mkdir()

        assert refused("run", "folder.json") == (
            "layerkit: folder.json: cannot be read: Is a directory\n"
        )

    def test_because_its_name_is_too_long(self, refused):
        told = refused("run", "x" * 300)

        assert told.endswith("x: cannot be read: File name too long\n")

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
    def test_because_it_is_not_allowed(self, refused):
        Path("spec.json").write_text(SPEC)
        Path("spec.json").chmod(0)

        assert refused("run", "spec.json") == (
            "layerkit: spec.json: cannot be read: Permission denied\n"
        )

    def test_because_it_is_huge_and_so_it_is_not_read_on(self, layerkit):
        with open("huge.json", "wb") as file:
            file.truncate(40 * 2**30)  # sparse: it takes no room

        outcome = layerkit("run", "huge.json")

        assert outcome.code == 2
        assert outcome.err == (
            "layerkit: huge.json: a spec has at most 1 MB, and this file is larger; numbers in "
            "bulk belong in a data file\n"
        )


def test_what_does_not_fit_together_is_told_together(refused):
    text = SPEC.replace('"units": 3', '"units": 7').replace(
        '"batch_size": 4', '"batch_size": 4, "early_stopping": {"metric": "loss", "patience": 1}'
    )
    text = text.replace('"loss":', '"metrics": ["r2", "r2"], "loss":')

    told = told_of(refused, text)

    assert [line.split(": ")[1] for line in told.splitlines() if line.startswith("spec.json")] == [
        "layers[2]", "metrics[0]", "metrics[1]", "training.early_stopping.metric",
    ]  # fmt: skip
    assert told.endswith("4 problems; nothing was run.\n")


def test_of_very_many_problems_the_first_are_shown(refused):
    text = SPEC.replace('{"type": "relu"},', '"reul",' * 100)

    told = told_of(refused, text)

    assert told.count("no layer is named") == 50
    assert told.endswith("... and 50 more; 100 problems; nothing was run.\n")


def test_of_a_very_long_message_the_beginning_is_shown(refused):
    told = told_of(refused, SPEC.replace('"relu"', f'"{"x" * 100_000}"'))

    assert len(told) < 2000


def test_numbers_beyond_all_counting_are_refused(refused):
    told = told_of(refused, SPEC.replace('"units": 5', f'"units": {2**63}'))
    assert "the number is too large" in told

    told = told_of(refused, SPEC.replace('"units": 5', '"units": 1e300'))
    assert "layers[0].units: must be an integer, got 1e+300" in told


def test_digits_of_other_scripts_are_no_json(refused):
    assert 'expected "," or "}", got' in told_of(refused, SPEC.replace('"units": 5', '"units": 1٣'))


@pytest.mark.parametrize("size", [1, 28])
def test_batches_of_one_are_refused_where_a_layer_needs_more(refused, size):
    text = SPEC.replace('"relu"', '"batch_norm"').replace(
        '"batch_size": 4', f'"batch_size": {size}'
    )

    told = told_of(refused, text.replace('"data.npz"', '"data.npz", "test_fraction": 0.0001'))

    assert "training.batch_size: " in told
    assert "1 example of 29, and layers[1] (batch_norm) takes at least 2 in training" in told


def test_a_data_set_that_takes_more_memory_than_there_is_is_refused(refused):
    spiral = '{"type": "spiral", "per_class": 1000000000000000}'
    text = SPEC.replace('{"type": "npz", "path": "data.npz"}', spiral)

    told = told_of(refused, text)

    assert re.match(
        r"spec\.json:3:11: data: 3 arms of 1,000,000,000,000,000 points: needs 2\.4e\+08 GB of "
        r"memory, and [\d.]+ GB are free\n",
        told,
    )


def test_numbers_that_float32_does_not_hold_are_refused(refused):
    write_data(np.full((30, 4), 1e300), np.arange(30) % 3)

    told = told_of(refused, SPEC)

    assert "the training part must have examples of at most 3.4e+38, which float32 can hold" in told


@pytest.mark.parametrize("scale", ["1e300", "1e-300"])
def test_a_scale_that_float32_does_not_hold_is_refused(refused, scale):
    write_data(np.zeros((30, 4)), np.arange(30) % 3)

    told = told_of(refused, SPEC.replace('"data.npz"', f'"data.npz", "scale": {scale}'))

    assert "the training part must have a scale of 1.2e-38 to 3.4e+38, which float32 can" in told


@pytest.mark.parametrize(
    "data", ['"npz", "path": "\\u0000"', '"csv", "path": "\\u0000", "target": "y"']
)
def test_a_path_with_a_null_byte_is_refused(refused, data):
    told = told_of(refused, SPEC.replace('"npz", "path": "data.npz"', data))

    assert "\\x00': cannot be read: embedded null byte" in told


def test_labels_in_a_column_are_no_probabilities(refused):
    write_data(np.zeros((30, 4)), np.arange(30)[:, None] % 3)

    told = told_of(refused, SPEC)

    assert "got numbers of shape (1,); for numbers there is" in told
    assert "labels are stored without that last axis of 1" in told


def test_a_lock_that_nests_too_deep_is_no_lock(refused):
    Path("spec.json").write_text(SPEC)
    Path("spec.lock.json").write_text("[" * 100_000)

    assert refused("run", "spec.json").startswith("layerkit: spec.lock.json: is not a lock")


def test_a_folder_that_goes_away_during_a_run_ends_it(layerkit, monkeypatch):
    Path("spec.json").write_text(SPEC)
    append = RunFolder.append_json_line

    def append_to_nothing(self, name, value):
        shutil.rmtree(self.path)
        append(self, name, value)

    monkeypatch.setattr(RunFolder, "append_json_line", append_to_nothing)

    outcome = layerkit("run", "spec.json", "--out", "results", "--quiet")

    assert outcome.code == 1
    assert outcome.err == (
        "layerkit: results/metrics.jsonl: cannot be written: No such file or directory\n"
    )


def test_a_network_that_takes_more_memory_than_there_is_is_refused(refused):
    text = SPEC.replace('"units": 5', '"units": 1000000000000')

    told = told_of(refused, text)

    assert re.match(
        r"spec\.json:5:5: layers\[0\]: training takes 144 TB of memory, and [\d.]+ .?B are free; "
        r"layers\[0\] \(affine\) alone has 5,000,000,000,000 parameters and 1,000,000,000,000 "
        r"outputs for each example; make it or the batch smaller\n",
        told,
    )


def test_a_batch_that_takes_more_memory_than_there_is_is_refused_once_the_data_are_read(
    refused, monkeypatch
):
    monkeypatch.setattr("layerkit.footprint.available_memory", lambda: 40_000_000)
    data = '"data": {"type": "spiral", "per_class": 1000000}'
    text = re.sub(r'"data": [^\n]*,\n', f"{data},\n", SPEC.replace('"units": 5', '"units": 3'))

    told = told_of(refused, text.replace('"batch_size": 4', '"batch_size": 2400000'))

    assert "training takes 211 MB of memory, and 40 MB are free" in told
    assert "3 outputs for each of 2,400,000 examples; make it or the batch smaller" in told


@pytest.mark.parametrize(
    ("sampling", "takes"),
    [
        ("shuffle", "each step takes them all"),
        ("with_replacement", "each step draws some of them several times"),
    ],
)
@pytest.mark.parametrize("verb", [("run", "--quiet"), ("check",)])
def test_a_batch_larger_than_the_data_is_reported_where_it_stands(
    layerkit, tmp_path, monkeypatch, verb, sampling, takes
):
    monkeypatch.chdir(tmp_path)
    Path("large.json").write_text(LARGE_BATCH.replace("2000", f'2000, "sampling": "{sampling}"'))

    outcome = layerkit(*verb, "large.json")

    assert outcome.code == 0
    assert outcome.err == (
        "warning: large.json:6:42: training.batch_size: is 2,000, but there are 1,438 training "
        f"examples; {takes}\n"
        f'    6 |   "training": {{"steps": 1, "batch_size": 2000, "sampling": "{sampling}"}}\n'
        "      |                                          ^^^^\n"
    )


def test_nothing_is_said_of_a_batch_size_that_the_spec_leaves_out(layerkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = LARGE_BATCH.replace('"digits"', '{"type": "spiral", "per_class": 4}')
    Path("few.json").write_text(few.replace(', "batch_size": 2000', "").replace("10}", "3}"))

    assert layerkit("run", "few.json", "--quiet").err == ""


@pytest.mark.parametrize("size", [1438, 10**5, 10**8])
def test_memory_is_counted_for_no_more_examples_than_there_are(
    layerkit, tmp_path, monkeypatch, size
):
    monkeypatch.chdir(tmp_path)
    Path("large.json").write_text(LARGE_BATCH.replace("2000", str(size)))

    outcome = layerkit("check", "large.json")

    assert outcome.code == 0
    assert "650 parameters; training takes 862 kB, the data aside\n" in outcome.out
    assert layerkit("run", "large.json", "--quiet").code == 0


LARGE_BATCH = """{
  "version": 1,
  "data": "digits",
  "layers": [{"type": "affine", "units": 10}],
  "loss": "softmax_with_loss", "optimizer": "sgd",
  "training": {"steps": 1, "batch_size": 2000}
}
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nonsense", "layerkit: --set nonsense: must be PATH=VALUE, as in training.epochs=5\n"),
        ("a..b=1", "layerkit: --set a..b=1: must be PATH=VALUE, as in training.epochs=5\n"),
        (
            "layers[9].units=3",
            "layerkit: --set layers[9].units=3: layers has 3 elements, counted from 0; to add or "
            "to remove one, give them all: 'layers=[...]'\n",
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
    Path("spec.json").write_text(SPEC)

    assert refused("run", "spec.json", "--set", words) == told


def test_a_folder_that_is_there_is_never_written_to(refused):
    Path("spec.json").write_text(SPEC)
    Path("results").mkdir()
    Path("results", "precious.txt").write_text("keep me")

    assert refused("run", "spec.json", "--out", "results") == (
        "layerkit: --out results: already exists; a run never overwrites another\n"
    )


def test_a_folder_that_cannot_be_made_is_told(refused):
    Path("spec.json").write_text(SPEC)

    assert refused("run", "spec.json", "--out", "data.npz/results") == (
        "layerkit: data.npz/results: cannot be created: Not a directory\n"
    )


def test_a_graph_leaves_nothing_to_save(refused):
    Path("graph.json").write_text('{"version": 1, "inputs": {"x": 1}, "layers": ["relu"]}')

    assert refused("run", "graph.json", "--out", "results") == (
        "layerkit: --out: running a graph leaves nothing to save; leave out --out\n"
    )


GRAPHS = {
    "no inputs": ("{}", "1:26", "inputs: must have at least 1 element, got {}", "{}"),
    "text": (
        '{"x": "1"}',
        "1:32",
        'inputs.x: must be a number or an array of numbers, got "1"',
        '"1"',
    ),
    "a ragged array": (
        '{"x": [[1], [2, 3]]}',
        "1:32",
        "inputs.x: must be rectangular: arrays side by side have one shape, got [[1], [2, 3]]",
        "[[1], [2, 3]]",
    ),
    "batches of two sizes": (
        '{"x": [1, 2], "y": [1]}',
        "1:45",
        "inputs.y: must be a batch of 2, like the first input, got 1",
        "[1]",
    ),
}


@pytest.mark.parametrize(("inputs", "place", "message", "marked"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph_whose_inputs_are_wrong_is_refused(refused, inputs, place, message, marked):
    text = '{"version": 1, "inputs": %s,\n"layers": [{"type": "relu", "inputs": "x"}]}'
    layers = text.replace("relu", "add").replace('"x"', '["x", "y"]') if '"y"' in inputs else text

    told = told_of(refused, layers % inputs)

    assert excerpt(layers % inputs, place, message, marked) in told


def csv_spec(**options: object) -> str:
    data = {"type": "csv", "path": "data.csv", "target": "kind", **options}
    return SPEC.replace('{"type": "npz", "path": "data.npz"}', json.dumps(data))


MNIST = SPEC.replace('{"type": "npz", "path": "data.npz"}', '"mnist"').replace("3}", "10}")


def data_problem(refused, text: str) -> str:
    """Return what is said of the data of a spec, and check where."""
    told = told_of(refused, text)
    assert told.startswith("spec.json:3:11: data: ")
    assert told.endswith("^\n1 problem; nothing was run.\n")
    return told.removeprefix("spec.json:3:11: data: ").partition("\n    3 |")[0]


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_class_that_is_not_in_both_parts_is_warned_of(layerkit, verb):
    lines = [f"{i},{'ab'[i % 2]}" for i in range(20)]
    Path("data.csv").write_text("\n".join(["x,kind", *lines, "20,c"]))
    Path("spec.json").write_text(csv_spec(stratify=True))
    out = ("--out", "results") if verb == "run" else ()

    ran = layerkit(verb, "spec.json", *out)

    assert ran.code == 0
    assert ran.err == (
        'warning: data.csv: the test part has no example of class "c", which is not tested\n'
    )


@pytest.mark.parametrize(
    ("kind", "what"), [("pipe", "a pipe"), ("device", "a device"), ("folder", None)]
)
@pytest.mark.parametrize("data", ["csv", "npz", "npy"])
def test_what_is_no_file_is_refused_and_not_waited_for(refused, data, kind, what):
    path = "/dev/zero" if kind == "device" else kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        Path(path).mkdir()
    options = {
        "csv": {"path": path, "target": "kind"},
        "npz": {"path": path},
        "npy": dict.fromkeys(("x", "t", "x_test", "t_test"), path),
    }[data]

    described = json.dumps({"type": data} | options)
    text = SPEC.replace('{"type": "npz", "path": "data.npz"}', described)

    reason = f"expected a file, got {what}; store what" if what else "Is a directory"
    assert data_problem(refused, text).startswith(f"{path}: cannot be read: {reason}")


class TestData:
    def test_that_is_missing(self, refused):
        Path("data.npz").unlink()

        assert data_problem(refused, SPEC) == (
            "data.npz: there is no such file; a relative path starts at the folder of the spec"
        )

    def test_that_is_truncated(self, refused):
        whole = Path("data.npz").read_bytes()
        Path("data.npz").write_bytes(whole[: len(whole) // 2])

        assert data_problem(refused, SPEC) == (
            "data.npz: is a damaged .npz file, perhaps cut short; store or copy it again"
        )

    def test_that_is_no_archive(self, refused):
        Path("data.npz").write_text("x,t\n1,2\n")

        assert data_problem(refused, SPEC) == (
            "data.npz: is not an .npz file; store one with np.savez(path, x=x, t=t)"
        )

    def test_that_has_another_checksum(self, refused):
        x = np.arange(120.0).reshape(30, 4)
        write_data(x, np.arange(30) % 3)
        Path("data.npz").write_bytes(
            Path("data.npz").read_bytes().replace(x[3:5].tobytes(), bytes(64))
        )

        assert data_problem(refused, SPEC) == (
            "data.npz: array \"x\" cannot be read (Bad CRC-32 for file 'x.npy'); the file is "
            "damaged: store it again"
        )

    def test_of_another_shape(self, refused):
        write_data(np.zeros((30, 4)), np.arange(20) % 3)

        assert data_problem(refused, SPEC) == (
            'data.npz: array "x" has 30 examples, but array "t" has 20 targets; the numbers '
            "must match"
        )

    def test_with_text_where_numbers_should_be(self, refused):
        write_data(np.full((30, 4), "one"), np.arange(30) % 3)

        assert data_problem(refused, SPEC) == 'data.npz: array "x" must hold numbers, got <U3'

    def test_with_a_number_missing(self, refused):
        x = np.zeros((30, 4))
        x[7, 2] = np.nan
        write_data(x, np.arange(30) % 3)

        assert data_problem(refused, SPEC) == "data.npz: x[7, 2]: must be a finite number, got nan"

    def test_with_one_class_only(self, refused):
        write_data(np.zeros((30, 4)), np.zeros(30, int))

        assert data_problem(refused, SPEC) == (
            'data.npz: array "t" must have labels of at least 2 classes, got only 0; if its '
            "integers are no labels, store them as floats"
        )

    def test_with_python_objects_which_are_not_unpickled(self, refused):
        write_data(np.array([{}] * 30), np.arange(30) % 3)

        assert data_problem(refused, SPEC) == (
            'data.npz: array "x" holds Python objects, which could run code when they are read; '
            "store it as numbers"
        )

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ("", "is empty; expected a header that names the columns, then the data"),
            (
                "a,b,kind\n1,2,x\n3,four,y\n",
                'line 3, column "b": expected a number, got "four"; if it is a category, name it '
                "in categories",
            ),
            (
                "a,b,kind\n1,2,x\n,4,y\n",
                'line 3, column "a": expected a value, got none; fill it in, remove the line, '
                "drop the column or set on_missing",
            ),
            ("a,b,kind\n1,2,x\n3,y\n", "line 3: expected 3 values, got 2"),
            (
                "a,b,kind\n1,2,x\n3,4,x\n",
                'column "kind": expected at least 2 classes, got the same one in every row',
            ),
            ("a,b,kid\n1,2,x\n", 'target: no column is named "kind"; did you mean "kid"?'),
        ],
    )
    def test_of_a_table_is_told_with_line_and_column(self, refused, table, told):
        Path("data.csv").write_text(table)

        assert data_problem(refused, csv_spec()) == f"data.csv: {told}"

    def test_of_a_table_with_several_problems_is_told_with_all(self, refused):
        Path("data.csv").write_text("a,b,kind\n1,two,x\n3,,y\n")

        assert data_problem(refused, csv_spec()) == (
            "data.csv:\n"
            '  line 2, column "b": expected a number, got "two"; if it is a category, name it in '
            "categories\n"
            '  line 3, column "b": expected a value, got none; fill it in, remove the line, drop '
            "the column or set on_missing"
        )

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"hello", "is not an IDX file of 3 axes"),
            (bytes([0, 0, 8, 3]), "ends within its header"),
            (
                bytes([0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(9),
                "ends after 9 of",
            ),
        ],
    )
    def test_of_mnist_that_is_no_idx_file(self, refused, monkeypatch, content, told):
        monkeypatch.setenv("LAYERKIT_DATA", "data")
        Path("data").mkdir()
        Path("data", "train-images-idx3-ubyte").write_bytes(content)

        message = data_problem(refused, MNIST)

        assert message.startswith(f"data/train-images-idx3-ubyte: {told}")
        assert message.endswith(
            "; put the right file in its place, or remove it to have it downloaded"
        )

    def test_of_mnist_that_has_another_checksum(self, refused, monkeypatch, mnist_folder):
        monkeypatch.setenv("LAYERKIT_DATA", "data")
        Path("data").mkdir()
        [images] = mnist_folder.glob("train-images-idx3-ubyte*")
        Path("data", images.name).symlink_to(images)
        header = bytes([0, 0, 8, 1, 0, 0, 234, 96])
        Path("data", "train-labels-idx1-ubyte").write_bytes(header + bytes(60_000))

        message = data_problem(refused, MNIST)

        assert re.match(
            r"data/train-labels-idx1-ubyte: has the MD5 checksum \w{32} where "
            r"a25bea736e30d166cdddb491f175f624 was expected",
            message,
        )


def test_a_plugin_that_fails_is_named_where_a_spec_needs_it(refused, install, monkeypatch):
    install("layerkit-foo", "raise OSError('no licence')")
    text = SPEC.replace('"relu"', '"swish"')

    assert (
        told_of(refused, text)
        == excerpt(
            text,
            "6:14",
            'layers[1].type: no layer is named "swish"; plugin layerkit-foo (foo), which is not '
            "working, may have it: OSError: no licence",
            '"swish"',
        )
        + "1 problem; nothing was run.\n"
    )


def test_a_plugin_asked_for_that_is_not_installed_is_told(refused, monkeypatch):
    monkeypatch.setenv("LAYERKIT_PLUGINS", "zzz")
    Path("spec.json").write_text(SPEC)

    assert refused("run", "spec.json").startswith(
        'layerkit: LAYERKIT_PLUGINS: no plugin is named "zzz"; installed: '
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "Missing argument 'spec'"),
        (["rnu", "spec.json"], "No such command 'rnu'"),
        (["run", "spec.json", "--stes", "5"], "No such option: --stes"),
        (["run", "spec.json", "more.json"], "(more.json)"),
    ],
)
def test_a_wrong_call_is_told(refused, arguments, told):
    assert told in refused(*arguments)


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["run", ""], "spec"),
        (["run", "spec.json", "--out", ""], "--out"),
        (["run", "spec.json", "--out="], "--out"),
        (["check", ""], "spec"),
        (["schema", "--out", ""], "--out"),
        (["new", "plugin", "mine", "--in", ""], "--in"),
        (["new", "spec", ""], "file"),
    ],
)
def test_an_empty_path_is_refused(refused, arguments, where):
    Path("spec.json").write_text(SPEC)

    told = refused(*arguments).splitlines()[-1]

    assert told == f"Error: Invalid value for '{where}': must be a path, got an empty text"


@pytest.mark.parametrize("folder", [".", "..", "/"])
@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_folder_is_no_spec(refused, verb, folder):
    assert refused(verb, folder) == f"layerkit: {folder}: cannot be read: Is a directory\n"


PATHS = """
    from pathlib import Path
    from layerkit import Layer, hookimpl

    class Reading(Layer):
        def __init__(self, files: tuple[str, list[Path] | None] = ("", None)) -> None:
            self.files = files

        def forward(self, x):
            return x

        def backward(self, dout):
            return dout

    @hookimpl
    def layerkit_register(registry):
        registry.layer("reading", Reading)
    """


@pytest.mark.parametrize(
    ("part", "value", "place"),
    [
        ('{"type": "npz", "path": "data.npz"}', {"type": "npz", "path": ""}, "3:35: data.path"),
        ('{"type": "npz", "path": "data.npz"}',
         {"type": "npy", **dict.fromkeys(("x", "t", "x_test"), "a"), "t_test": ""},
         "3:72: data.t_test"),
        ('{"type": "relu"}', {"type": "reading", "files": ["", ["a", ""]]},
         "6:45: layers[1].files[1][1]"),
    ],
)  # fmt: skip
def test_an_empty_path_in_a_spec_is_refused(refused, install, part, value, place):
    install("layerkit-paths", PATHS)

    told = told_of(refused, SPEC.replace(part, json.dumps(value)))

    assert told.startswith(f'spec.json:{place}: must be the path of a file, got ""\n')


def test_an_empty_path_is_refused_where_it_is_set(refused):
    Path("spec.json").write_text(SPEC)

    told = refused("run", "spec.json", "--set", 'data.path=""')

    assert told == (
        '--set data.path="": data.path: must be the path of a file, got ""\n'
        "1 problem; nothing was run.\n"
    )


def test_a_loss_that_is_not_finite_fails_the_run_and_names_step_and_layer(layerkit):
    Path("spec.json").write_text(SPEC)
    settings = ["--set", "optimizer.learning_rate=1e30", "--set", "training.steps=50"]

    outcome = layerkit("run", "spec.json", "--out", "results", *settings)

    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert re.fullmatch(
        r"layerkit: the loss became nan at step \d+; the first value that is not finite arose in "
        r"layers\[\d\] \(\w+\), in its \w+; a lower learning_rate or a max_gradient_norm may "
        r"help\n",
        outcome.err,
    )
    assert json.loads(Path("results", "run.json").read_text())["status"] == "failed"


IMPATIENT = """
    import os, signal

    from layerkit import Layer, hookimpl

    class Impatient(Layer):
        def forward(self, x):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            return x

        def backward(self, dout):
            return dout

    @hookimpl
    def layerkit_register(registry):
        registry.layer("impatient", Impatient)
    """


class TestAnInterrupt:
    """Ctrl-C ends the run at the next step, with exit code 130 and the parameters saved."""

    @pytest.mark.parametrize("output", ["--quiet", "--json"])
    def test_of_a_long_run(self, output):
        Path("spec.json").write_text(SPEC.replace('"steps": 2', '"steps": 100000000'))
        command = [sys.executable, "-m", "layerkit", "run", "spec.json", output, "--out", "results"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: Path("results", "metrics.jsonl").exists())

        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)

        assert (run.returncode, err) == (130, "")
        assert np.load("results/last.npz")["layers[0].W"].shape == (4, 5)
        assert json.loads(Path("results", "run.json").read_text())["status"] == "interrupted"
        if output == "--json":
            assert json.loads(out)["status"] == "interrupted"

    def test_that_is_given_twice_ends_the_run_within_its_step(self, layerkit, install):
        install("layerkit-foo", IMPATIENT)
        Path("spec.json").write_text(SPEC.replace("relu", "impatient"))

        outcome = layerkit("run", "spec.json", "--quiet", "--out", "results")

        assert (outcome.code, outcome.out) == (130, "")
        assert "Traceback" not in outcome.err
        record = json.loads(Path("results", "run.json").read_text())
        assert (record["status"], record["steps"]) == ("interrupted", 0)
        assert Path("results", "last.npz").exists()

    def test_before_the_training_begins(self, layerkit, monkeypatch):
        def interrupt(*_):
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr("layerkit.run.run_training", interrupt)
        Path("spec.json").write_text(SPEC)

        assert layerkit("run", "spec.json").code == 130


def wait_until(happened) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
