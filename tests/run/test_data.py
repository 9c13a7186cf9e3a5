"""Targets that the loss cannot take: what the command says of them, and where."""

import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refusal(layerkit):
    """Run a spec that must be refused before anything is written, and return its problems."""

    def call(data, layers, loss, verb="run", **more):
        spec = {
            "version": 1,
            "data": data,
            "layers": layers,
            "loss": loss,
            "optimizer": {"type": "sgd", "learning_rate": 0.1},
            "training": {"epochs": 1, "batch_size": 8},
            **more,
        }
        Path("spec.json").write_text(json.dumps(spec))
        before = sorted(Path().iterdir())
        outcome = layerkit(verb, "spec.json")
        assert (outcome.code, outcome.out) == (2, "")
        assert sorted(Path().iterdir()) == before
        return [
            line.split(": ", 1)[1]
            for line in outcome.err.splitlines()
            if line.startswith("spec.json:")
        ]

    return call


X = np.random.default_rng(0).normal(size=(40, 3))
YES = X[:, 0] > 0
NPZ = {"type": "npz", "path": "data.npz"}


def one(units):
    return [{"type": "affine", "units": units}]


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize(
    ("t", "says"),
    [
        (2.0 * YES - 1, "got -1 to 1; (t + 1) / 2 maps them there"),
        (1.0 + YES, "got 1 to 2; t - 1 maps them there"),
        (255 * YES.astype(np.uint8)[:, None], "got 0 to 255; t / 255 maps them there"),
    ],
)
def test_yes_and_no_in_other_numbers(refusal, t, says, verb):
    np.savez("data.npz", x=X, t=t)

    assert refusal(NPZ, one(1), "sigmoid_with_loss", verb) == [
        f"data: the training part: targets must be probabilities, from 0 to 1, {says}"
    ]


@pytest.mark.parametrize("scale", [lambda t: 255 * t, lambda t: t - 0.5])
def test_one_hot_rows_in_other_numbers(refusal, scale):
    np.savez("data.npz", x=X, t=scale(np.eye(2)[YES.astype(int)]))

    (problem,) = refusal(NPZ, one(2), "softmax_with_loss")

    assert problem.startswith("data: the training part: targets must be probabilities, from 0 to 1")


def test_a_metric_that_has_no_use_for_the_targets(refusal):
    np.savez("data.npz", x=X, t=X[:, 0])

    (problem,) = refusal(NPZ, one(1), "mean_squared_error", metrics=["binary_accuracy"])

    assert problem.startswith("data: the training part: targets must be probabilities, from 0 to 1")


def test_a_metric_that_has_no_use_for_logits(refusal):
    np.savez("data.npz", x=X, t=1.0 * YES)

    assert refusal(NPZ, one(1), "sigmoid_with_loss", metrics=["r2"]) == [
        "metrics[0]: r2 compares outputs with targets, but to the loss the outputs are logits; "
        'use "binary_accuracy"'
    ]


@pytest.mark.parametrize("t", [1.0 * YES, YES], ids=["floats", "booleans"])
def test_labels_that_are_stored_as_other_numbers(refusal, t):
    np.savez("data.npz", x=X, classes=t)

    assert refusal({**NPZ, "t": "classes"}, one(2), "softmax_with_loss") == [
        "data: softmax_with_loss takes labels of classes, or one probability for each class, got "
        "single numbers; labels are integers; store classes.astype(int), or set task to "
        '"classification"'
    ]


def test_numbers_that_are_no_labels_are_told_of_a_loss_for_them(refusal):
    np.savez("data.npz", x=X, t=X[:, 0])

    (problem,) = refusal(NPZ, one(2), "softmax_with_loss")

    assert problem.startswith("layers[0]: ")
    assert problem.endswith('for numbers there is "mean_squared_error"')


def test_labels_that_are_stored_as_text(refusal):
    np.savez("data.npz", x=X, t=np.where(YES, "yes", "no"))

    assert refusal(NPZ, one(2), "softmax_with_loss") == [
        'data: data.npz: array "t" must hold numbers, got <U3; '
        "np.unique(t, return_inverse=True)[1] numbers the classes of a text"
    ]


def table(target):
    rows = "".join(f"{a:.3f},{b:.3f},{value}\n" for (a, b, _), value in zip(X, target, strict=True))
    Path("data.csv").write_text(f"rooms,age,price\n{rows}")
    return {"type": "csv", "path": "data.csv", "target": "price"}


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("loss", ["mean_squared_error", "softmax_with_loss"])
def test_a_quantity_that_is_taken_for_a_class_in_most_lines(refusal, units, loss):
    data = table([f"{1e5 * (1 + x):.2f}" for x in X[:, 2]])

    assert refusal(data, one(units), loss) == [
        'data: data.csv: column "price": has 40 classes in 40 rows; if it is a quantity, set task '
        'to "regression"; if it names classes, list them in classes'
    ]


@pytest.mark.parametrize("units", [1, 2])
def test_a_quantity_that_is_taken_for_a_class(refusal, units):
    data = table([f"{1e5 * (i % 8)}" for i in range(len(X))])

    assert refusal(data, one(units), "mean_squared_error") == [
        "data: mean_squared_error takes numbers as targets, got labels of 8 classes; "
        'if "price" is a quantity, set task to "regression"'
    ]


def test_a_class_that_is_taken_for_a_quantity(refusal):
    data = table(YES.astype(int))

    assert refusal({**data, "task": "regression"}, one(2), "softmax_with_loss") == [
        "data: softmax_with_loss takes labels of classes, or one probability for each class, got "
        'single numbers; if "price" names a class, set task to "classification"'
    ]


def test_words_are_classes_whatever_the_loss(refusal):
    data = table(np.where(YES, "dear", "cheap"))

    assert refusal(data, one(1), "mean_squared_error") == [
        "layers[0]: mean_squared_error takes numbers as targets, got labels of 2 classes; "
        'use "softmax_with_loss"'
    ]


def test_a_layer_whose_work_the_loss_does(refusal):
    np.savez("data.npz", x=X, t=YES.astype(int))

    assert refusal(NPZ, [*one(2), "softmax"], "softmax_with_loss") == [
        "layers[1]: softmax gives probabilities, but the loss takes logits, which it turns into "
        "probabilities itself; leave this layer out"
    ]
