"""Specs below 1 MB whose refusal once took minutes or gigabytes are refused in two seconds."""

import json
import random
import resource
import sys
import tracemalloc
from pathlib import Path

import pytest
from mistakes import assert_refused_in_time

from layerkit import SpecError, load_registry
from layerkit.spec import parse_spec

REGISTRY = load_registry()


def spec(layers: object = ("relu",), **changes: object) -> dict:
    return {
        "version": 1,
        "data": "digits",
        "layers": layers,
        "loss": "softmax_with_loss",
        "optimizer": "sgd",
        "training": {"steps": 1},
        **changes,
    }


def affine(**options: object) -> dict:
    return {"type": "affine", "units": 10, **options}


def permuted(count: int) -> list[dict]:
    """Return a layer with a very long name, and one whose input is a permutation of it."""
    letters = [chr(0x100 + i % 400) for i in range(count)]
    shuffled = letters[:]
    random.Random(1).shuffle(shuffled)
    return [affine(name="".join(letters)), affine(inputs="".join(shuffled))]


def nested(depth: int, inner: object) -> object:
    for _ in range(depth):
        inner = {"type": "warmup", "steps": 1, "after": inner}
    return inner


def schedule(value: object) -> dict:
    return spec([affine()], optimizer={"type": "sgd", "learning_rate": value})


LARGE = {
    "4,000 misspelt inputs": spec(
        [{"type": "relu", "name": f"layer{i}", "inputs": f"lazer{i}x"} for i in range(4000)]
    ),
    "8,000 inputs of a wrong type": spec([{"type": "relu", "inputs": 5}] * 8000),
    "a name of 80,000 characters": spec(permuted(80_000)),
    "8,000 names, all of them missed": spec(
        [{"type": "relu", "name": f"{i:x}" + "a" * 20, "inputs": "Z"} for i in range(8000)]
    ),
    "10,000 unknown layers": spec([{"type": f"re{i}u"} for i in range(10_000)]),
    "10,000 values out of bounds": spec([affine(units=-1)] * 10_000),
    "10,000 unknown keys, one in each layer": spec([affine(unit=i) for i in range(10_000)]),
    "10,000 unknown keys in one object": spec(**{f"lossy{i}": 0 for i in range(9_990)}),
    "10,000 outputs that nobody takes": spec(
        [{"type": "relu", "inputs": "input", "name": f"n{i}"} for i in range(10_000)]
    ),
    "10,000 equal names": spec([{"type": "relu", "name": "a"}] * 10_000),
    "140,000 layers": spec(["relu"] * 140_000),
    "an array of 500,000 numbers": spec(x=[0] * 500_000),
    "50 arrays of 10,000 numbers": spec(x=[[0] * 10_000] * 50),
    "340,000 empty objects": spec(x=[{}] * 340_000),
    "85,000 keys": {f"k{i}": 0 for i in range(85_000)},
    "300,000 bad numbers of a shape": spec([{"type": "reshape", "shape": [-1.5] * 9999}] * 16),
    "components nested 90 deep": schedule(nested(90, 0.1)),
    "numbers in components nested 90 deep": schedule(
        nested(90, {"type": "x", "y": [[0] * 9999] * 48})
    ),
    "a key of 900,000 characters": spec(**{"z" * 900_000: 1}),
    "a type of 900,000 characters": spec(["r" * 900_000]),
    "numbers of a graph": {
        "version": 1,
        "inputs": {"x": [[0]] * 240_000},
        "layers": ["rely"],
    },
}

TEXTS = {
    name: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for name, value in LARGE.items()
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_large_spec_is_refused_in_time_and_in_few_words(text):
    assert_refused_in_time(text, REGISTRY)


def test_the_memory_that_a_refusal_takes_is_bounded():
    text = TEXTS["8,000 names, all of them missed"]
    tracemalloc.start()
    with pytest.raises(SpecError):
        parse_spec(text, REGISTRY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100e6


def test_the_count_of_very_many_problems_is_a_lower_bound():
    with pytest.raises(SpecError, match=r"\n\.\.\. and more, at least 500 problems; nothing was"):
        parse_spec(TEXTS["10,000 unknown layers"], REGISTRY)


def test_an_array_that_is_too_long_is_told():
    with pytest.raises(SpecError, match="layers: must have at most 10,000 elements, got 140,000"):
        parse_spec(TEXTS["140,000 layers"], REGISTRY)


def test_the_problems_of_a_large_spec_are_each_told_at_their_place():
    layers = ["relu"] * 5000 + ["reul"] + ["relu"] * 4000 + [affine(units=-1)]
    with pytest.raises(SpecError) as caught:
        parse_spec(json.dumps(spec(layers), indent=0), REGISTRY)

    told = [line for line in str(caught.value).split("\n") if line.startswith("<text>")]
    assert told == [
        '<text>:5005:1: layers[5000]: no layer is named "reul"; did you mean "relu"?',
        "<text>:9008:10: layers[9001].units: must be greater than 0, got -1",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_the_command_refuses_a_large_spec_with_little_memory(tmp_path, process):
    Path(tmp_path, "spec.json").write_text(TEXTS["8,000 names, all of them missed"])

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))

    run = process("check", "spec.json", "--no-gradients", cwd=tmp_path, preexec_fn=limit)

    assert run.returncode == 2
    assert run.stderr.endswith("problems; nothing was run.\n")
