"""Specs that extend others: what is merged, and where messages about it point."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from layerkit import SpecError, load_registry, load_spec
from layerkit.builder import build_experiment
from layerkit.errors import Problem
from layerkit.spec.extending import extend
from layerkit.spec.text import parse

BASE = """{
  "version": 1,
  "seed": 3,
  "data": "digits",
  "layers": [
    {"type": "affine", "units": 8},
    "relu",
    {"type": "affine", "units": 10}
  ],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9},
  "training": {"epochs": 2, "batch_size": 50}
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("base.json").write_text(BASE)
    return tmp_path


def extended(own, base="base.json", file="spec.json", **options):
    """Return the value of a spec that extends another."""
    Path(file).write_text(json.dumps({"extends": base, **own}))
    return load_spec(file, load_registry(), **options).document.value


def error_of(file="spec.json", **options):
    with pytest.raises(SpecError) as caught:
        load_spec(file, load_registry(), **options)
    return caught.value


@pytest.mark.parametrize(
    ("own", "key", "expected"),
    [
        ({}, "seed", 3),
        ({"seed": 4}, "seed", 4),
        ({"seed": None}, "seed", None),
        ({"training": {"batch_size": 10}}, "training", {"epochs": 2, "batch_size": 10}),
        (
            {"training": {"epochs": None, "steps": 7}},
            "training",
            {"batch_size": 50, "steps": 7},
        ),
        ({"metrics": ["accuracy"]}, "metrics", ["accuracy"]),
        (
            {"layers": ["relu", {"type": "affine", "units": 10}]},
            "layers",
            ["relu", {"type": "affine", "units": 10}],
        ),
        (
            {"optimizer": {"learning_rate": 0.5}},
            "optimizer",
            {"type": "sgd", "learning_rate": 0.5, "momentum": 0.9},
        ),
        (
            {"optimizer": {"type": "sgd", "momentum": None}},
            "optimizer",
            {"type": "sgd", "learning_rate": 0.1},
        ),
        ({"optimizer": {"type": "adam"}}, "optimizer", {"type": "adam"}),
        ({"optimizer": {"type": "adam", "momentum": None}}, "optimizer", {"type": "adam"}),
        ({"optimizer": "sgd"}, "optimizer", "sgd"),
        ({"data": {"flat": False}, "layers": ["flatten", {"type": "affine", "units": 10}]},
         "data", {"type": "digits", "flat": False}),
        ({"training": {"early_stopping": None}}, "training",
         {"epochs": 2, "batch_size": 50, "early_stopping": None}),
    ],
)  # fmt: skip
def test_objects_are_merged_and_everything_else_is_replaced(own, key, expected):
    value = extended(own)

    assert value.get(key) == expected
    assert "extends" not in value


def test_a_schedule_inside_an_option_is_merged_too():
    rate = {"type": "cosine", "learning_rate": 0.4, "final": 0.02}
    in_base = BASE.replace('"learning_rate": 0.1', f'"learning_rate": {json.dumps(rate)}')
    Path("base.json").write_text(in_base)

    value = extended({"optimizer": {"learning_rate": {"final": 0.04}}})

    assert value["optimizer"]["learning_rate"] == {
        "type": "cosine",
        "learning_rate": 0.4,
        "final": 0.04,
    }


def test_a_graph_may_extend_a_graph():
    mul = {"type": "mul", "inputs": ["x", "y"]}
    graph = {"version": 1, "inputs": {"x": 2, "y": 3}, "layers": [mul]}
    Path("base.json").write_text(json.dumps(graph))

    value = extended({"inputs": {"y": 5}})

    assert value == {"version": 1, "inputs": {"x": 2, "y": 5}, "layers": [mul]}


def test_a_message_points_into_the_file_in_which_its_value_is():
    Path("base.json").write_text(BASE.replace('"units": 8', '"units": -8').replace("sgd", "sdg"))
    Path("spec.json").write_text("""{
  "extends": "base.json",
  "seed": -1,
  "training": {"batchsize": 5, "epochs": 1.5}
}
""")

    error = error_of()

    assert (
        str(error)
        == """\
spec.json:3:11: seed: must be at least 0, got -1
    3 |   "seed": -1,
      |           ^^
spec.json:4:16: training.batchsize: unknown key "batchsize"; did you mean "batch_size"?
    4 |   "training": {"batchsize": 5, "epochs": 1.5}
      |                ^^^^^^^^^^^
spec.json:4:42: training.epochs: must be an integer, got 1.5
    4 |   "training": {"batchsize": 5, "epochs": 1.5}
      |                                          ^^^
base.json:6:33: layers[0].units: must be greater than 0, got -8
    6 |     {"type": "affine", "units": -8},
      |                                 ^^
base.json:11:25: optimizer.type: no optimizer is named "sdg"; did you mean "sgd"?
   11 |   "optimizer": {"type": "sdg", "learning_rate": 0.1, "momentum": 0.9},
      |                         ^^^^^
5 problems; nothing was run."""
    )
    places = [(r["file"], r["location"]["line"], r["location"]["column"]) for r in error.records]
    assert places == [
        ("spec.json", 3, 11),
        ("spec.json", 4, 16),
        ("spec.json", 4, 42),
        ("base.json", 6, 33),
        ("base.json", 11, 25),
    ]
    suggestion = error.records[4]["suggestion"]
    assert (suggestion["replacement"], suggestion["location"]) == (
        '"sgd"',
        {"line": 11, "column": 25},
    )


def test_a_message_points_into_the_third_file_of_a_chain():
    Path("base.json").write_text(BASE.replace('"seed": 3', '"seed": -3'))
    Path("middle.json").write_text('{"extends": "base.json",\n "dtype": "float16"}')

    Path("spec.json").write_text('{"extends": "middle.json",\n "loss": "crossentropy"}')

    lines = [line for line in str(error_of()).splitlines() if line[0] not in " "]
    assert [line.partition(" ")[0] for line in lines[:3]] == [
        "spec.json:2:10:",
        "middle.json:2:11:",
        "base.json:3:11:",
    ]


def test_what_the_layers_and_the_data_do_not_fit_is_reported_in_their_file():
    Path("base.json").write_text(BASE.replace('"units": 10', '"units": 9'))
    Path("spec.json").write_text('{"extends": "base.json", "seed": 1}')

    with pytest.raises(
        SpecError, match=r"^base\.json:8:5: layers\[2\]: softmax_with_loss takes one"
    ):
        build_experiment(load_spec("spec.json", load_registry()))


def test_a_type_in_the_base_counts_for_a_bare_name():
    Path("base.json").write_text(BASE.replace('"data": "digits"', '"data": "digitz"'))
    Path("spec.json").write_text('{"extends": "base.json", "data": {"flat": true}}')

    assert str(error_of()).startswith('base.json:4:11: data.type: no dataset is named "digitz"')


def test_a_misspelt_extends_is_asked_about():
    Path("spec.json").write_text('{"extend": "base.json"}')

    assert 'unknown key "extend"; did you mean "extends"?' in str(error_of())


def test_a_value_of_the_command_line_replaces_that_of_any_file():
    value = extended({"seed": 4}, overrides=["seed=5", "training.epochs=9", "layers[0].units=4"])

    assert (value["seed"], value["training"]["epochs"], value["layers"][0]["units"]) == (5, 9, 4)
    assert str(error_of(overrides=["layers[0].units=-4"])).startswith(
        "--set layers[0].units=-4: layers[0].units: must be greater than 0"
    )


REFUSED = {
    "a missing file": (
        '"nosuch.json"',
        "nosuch.json: cannot be read: No such file or directory; a relative path starts at the "
        "folder of this file",
    ),
    "a folder": ('"."', ".: cannot be read: Is a directory"),
    "itself": (
        '"spec.json"',
        "is circular: spec.json extends spec.json; name another file, or none",
    ),
    "itself by a link": (
        '"link.json"',
        "is circular: spec.json extends link.json; name another file, or none",
    ),
    "a circle": (
        '"circle.json"',
        "is circular: spec.json extends circle.json extends spec.json; name another file, or none",
    ),
    "a number": ("1", "must be the path of a spec, got 1"),
    "nothing": ("null", "must be the path of a spec, got null"),
    "several": (
        '["base.json"]',
        'must be the path of a spec, got ["base.json"]; a spec extends one other, which may '
        "extend another",
    ),
    "an empty text": ('""', "must not be empty"),
    "an array": ('"array.json"', "array.json is no spec: expected an object, got [1]"),
    "no home": ('"~nobody-of-that-name/x.json"', "~nobody-of-that-name/x.json: there is no such "
                "home folder"),
    "a null byte": ('"a\\u0000b"', "a\\x00b: cannot be read: embedded null byte"),
    "a link to itself": ('"loop.json"', "loop.json: cannot be read: Too many levels of symbolic "
                         "links"),
    "a pipe": ('"/dev/fd/7"', "/dev/fd/7 is a pipe; store what comes from it in a file first"),
    "a device": ('"/dev/null"', "/dev/null: a spec is a file, got a pipe or a device; store what "
                 "comes from it in a file first"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_extended_is_refused_where_it_is_named(name, layerkit):
    written, told = REFUSED[name]
    Path("spec.json").write_text(f'{{"version": 1,\n "extends": {written}}}')
    Path("link.json").symlink_to("spec.json")
    Path("loop.json").symlink_to("loop.json")
    Path("circle.json").write_text('{"extends": "spec.json"}')
    Path("array.json").write_text("[1]")

    outcome = layerkit("run", "spec.json")

    place = "circle.json:1:13" if name == "a circle" else "spec.json:2:13"
    assert (outcome.code, outcome.err.split("\n")[0]) == (2, f"{place}: extends: {told}")
    assert sorted(os.listdir()) == [
        "array.json", "base.json", "circle.json", "link.json", "loop.json", "spec.json"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "base.json:1:1: the file is empty; a spec is a JSON object"),
        ('{"version": 1,}', 'base.json:1:14: a comma before "}" is not JSON; remove it'),
        ("version: 1\n", "base.json:1:1: a spec is JSON, got YAML"),
        ('{"seed": 1, "seed": 2}', 'base.json:1:13: seed: the key "seed" appears twice; keep one'),
        ('{"packages": []}', 'base.json:1:2: packages: unknown key "packages"'),
    ],
)
def test_a_base_that_is_no_spec_is_reported_in_its_own_file(text, told):
    Path("base.json").write_text(text)
    Path("spec.json").write_text(BASE.replace("{", '{\n "extends": "base.json",', 1))

    assert str(error_of()).startswith(told)


def test_a_chain_of_sixteen_files_is_read_and_a_longer_one_refused():
    for i in range(15):
        Path(f"{i}.json").write_text(
            json.dumps({"extends": "base.json" if not i else f"{i - 1}.json"})
        )

    assert load_spec("14.json", load_registry()).content.seed == 3
    Path("15.json").write_text('{"extends": "14.json"}')
    assert str(error_of("15.json")).startswith(
        "0.json:1:13: extends: is a chain of more than 16 files; write some of them as one"
    )


POINTS = "a,b,kind\n" + "".join(f"{i},{i * i},{'xy'[i % 2]}\n" for i in range(20))


@pytest.fixture
def project(folder):
    """A project with a base, its data and its spec in folders of their own."""
    for name in ("shared", "shared/data", "mine"):
        (folder / name).mkdir()
    Path("shared/data/points.csv").write_text(POINTS)
    content = json.loads(BASE) | {
        "data": {"type": "csv", "path": "data/points.csv", "target": "kind"},
        "layers": [{"type": "affine", "units": 2}],
        "training": {"epochs": 2, "batch_size": 5},
    }
    Path("shared/base.json").write_text(json.dumps(content))
    Path("shared/middle.json").write_text('{"extends": "base.json", "seed": 7}')
    Path("mine/spec.json").write_text('{"extends": "../shared/middle.json", "data": {"seed": 5}}')
    return folder


def test_paths_of_a_base_are_relative_to_its_own_folder(project, layerkit):
    outcome = layerkit("run", "mine/spec.json", "-q", "--out", "run")

    assert (outcome.code, outcome.err) == (0, "")
    written = json.loads(Path("run/spec.json").read_text())
    assert written["data"] == {
        "type": "csv", "path": "../shared/data/points.csv", "target": "kind", "seed": 5,
    }  # fmt: skip
    assert (written["seed"], "extends" in written) == (7, False)


def test_the_spec_of_a_run_runs_again_by_itself(project, layerkit):
    assert layerkit("run", "mine/spec.json", "-q", "--out", "run").code == 0
    Path("shared/base.json").unlink()
    Path("mine/spec.json").unlink()

    assert layerkit("run", "run/spec.json", "-q", "--out", "again").code == 0
    assert Path("again/metrics.jsonl").read_bytes() == Path("run/metrics.jsonl").read_bytes()
    assert json.loads(Path("again/spec.json").read_text()) == json.loads(
        Path("run/spec.json").read_text()
    )


def test_a_path_of_the_extending_file_or_of_the_command_line_is_relative_to_that_file(
    project, layerkit
):
    Path("mine/other.csv").write_text(POINTS)

    assert layerkit("check", "mine/spec.json", "--set", "data.path=other.csv").code == 0
    Path("mine/spec.json").write_text(
        '{"extends": "../shared/middle.json", "data": {"path": "other.csv"}}'
    )
    assert layerkit("check", "mine/spec.json").code == 0


@pytest.mark.parametrize("home", ["~", "absolute"])
def test_a_base_may_be_named_from_the_home_folder_or_the_root(home, project, layerkit, monkeypatch):
    monkeypatch.setenv("HOME", str(project))
    start = "~" if home == "~" else str(project)
    Path("mine/spec.json").write_text(json.dumps({"extends": f"{start}/shared/base.json"}))

    assert layerkit("run", "mine/spec.json", "-q", "--out", "run").code == 0
    assert json.loads(Path("run/spec.json").read_text())["data"]["path"] == (
        "../shared/data/points.csv"
    )


def test_a_spec_from_a_pipe_extends_a_file_of_the_current_folder(project, process):
    text = '{"extends": "shared/base.json"}'

    ended = process("check", "-", input=text, cwd=project)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_spec_that_extends_another_is_not_mended(layerkit):
    text = '{"extends": "base.json", "seed": "1"}'
    Path("spec.json").write_text(text)
    Path("base.json").write_text(BASE.replace("sgd", "sdg"))

    outcome = layerkit("check", "--fix", "spec.json")

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "layerkit: --fix: spec.json extends another file, and only a whole spec can be mended; "
        "correct the places that layerkit check spec.json shows\n"
    )
    assert Path("spec.json").read_text() == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b", "x/y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l", "m", "type"]), inner, max_size=4)
    ),
    max_leaves=12,
)
SPECS = st.dictionaries(st.sampled_from(["layers", "data", "training", "seed"]), VALUES)


def leaves(value, path=()):
    """Yield the path and the value of everything in a JSON value that holds nothing else."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list) and inner:
            yield from leaves(inner, (*path, key))
        else:
            yield (*path, key), inner


def emptied(value):
    """Return an object without its members of null."""
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def at(value, path):
    for part in path:
        value = {"type": value} if isinstance(value, str) and part == "type" else value
        value = value[part]
    return value


@given(st.lists(SPECS, min_size=1, max_size=4))
def test_every_value_is_found_in_the_text_of_its_file(tmp_path_factory, specs):
    folder = tmp_path_factory.mktemp("chain")
    for i, spec in enumerate(specs):
        extends = {"extends": f"{i - 1}.json"} if i else {}
        (folder / f"{i}.json").write_text(json.dumps({**extends, **spec}))
    last = folder / f"{len(specs) - 1}.json"
    document = parse(last.read_text(), str(last))

    extend(document, folder)

    for path, value in leaves(document.value):
        holder = document.holder(path)
        [(_, (start, end))] = document.places([Problem("x", path)])
        for found in (at(json.loads(holder.text), path), json.loads(holder.text[start:end])):
            # An object is empty too if null removed what the base has.
            assert (emptied(found) if value == {} else found) == value


def plain(value):
    """Return whether no object in a value has a type, and no text could be one."""
    if isinstance(value, dict):
        return "type" not in value and all(map(plain, value.values()))
    return all(map(plain, value)) if isinstance(value, list) else not isinstance(value, str)


def patched(base, own):
    """Return what JSON Merge Patch (RFC 7396, section 2) makes of a value."""
    if not isinstance(own, dict):
        return own
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in own.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


def without_nulls(value):
    """Return a value without the members of objects, outside arrays, that are null."""
    if not isinstance(value, dict):
        return value
    return {k: without_nulls(v) for k, v in value.items() if v is not None}


@given(SPECS.filter(plain), SPECS.filter(plain))
def test_values_without_types_are_merged_as_a_merge_patch_does(tmp_path_factory, base, own):
    folder = tmp_path_factory.mktemp("patch")
    (folder / "base.json").write_text(json.dumps(base))
    document = parse(json.dumps({"extends": "base.json", **own}), str(folder / "own.json"))

    extend(document, folder)

    assert without_nulls(document.value) == without_nulls(patched(base, own))
