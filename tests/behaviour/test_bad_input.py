"""Every mistake in the input is reported with its place and a remedy, and nothing is run."""

from pathlib import Path

import pytest
from mistakes import LAST, SPEC, assert_told_at_its_place, excerpt, told_of

pytestmark = pytest.mark.usefixtures("data_folder")


def test_the_spec_that_all_others_are_made_from_runs(layerkit):
    Path("spec.json").write_text(SPEC)

    assert layerkit("run", "spec.json", "--quiet", "--out", "results").code == 0


PROBLEMS = {
    "a layer that does not fit its input": (
        '{"type": "relu"}',
        '{"type": "reshape", "shape": [2, 2]}',
        (
            "6:5",
            "layers[1]: reshape makes [2, 2] of each example, but layers[0] (affine) gives (5,)",
            '{"type": "reshape", "shape": [2, 2]}',
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
    "an early stop without a validation part": (
        '"batch_size": 4',
        '"early_stopping": {"patience": 3}',
        (
            "11:46",
            "training.early_stopping: needs a validation part to judge by, and these data have "
            "none; leave early_stopping out, or take a data set that has a validation part",
            '{"patience": 3}',
        ),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)


def test_what_does_not_fit_together_is_told_together(refused):
    text = SPEC.replace('"units": 3', '"units": 7').replace(
        '"batch_size": 4', '"batch_size": 4, "early_stopping": {"metric": "loss", "patience": 1}'
    )
    text = text.replace('"loss":', '"metrics": ["r2", "r2"], "loss":')

    told = told_of(refused, text)

    assert [line.split(": ")[1] for line in told.splitlines() if line.startswith("spec.json")] == [
        "layers[2]", "metrics[0]", "metrics[1]", "training.early_stopping",
        "training.early_stopping.metric",
    ]  # fmt: skip
    assert told.endswith("5 problems; nothing was run.\n")


DIGITS = """\
{
  "version": 1,
  "data": {"type": "digits", "validation_fraction": 0.2},
  "layers": [{"type": "affine", "units": 10}],
  "loss": "softmax_with_loss",
  "optimizer": "sgd",
  "training": {"steps": 2, "early_stopping": {"metric": "validation_loss"}}
}
"""


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("metric", ["validation_acuracy", "test_loss", "train_accuracy"])
def test_early_stopping_watches_only_scores_of_the_validation_part(refused, command, metric):
    problem = (
        "7:57",
        "training.early_stopping.metric: must be one of validation_loss, validation_accuracy, "
        f'got "{metric}"',
        f'"{metric}"',
    )

    told = told_of(refused, DIGITS.replace("validation_loss", metric), command)

    assert excerpt(DIGITS.replace("validation_loss", metric), *problem) in told
    assert told.endswith("1 problem; nothing was run.\n")


def test_a_data_set_that_can_split_off_a_validation_part_is_told_how(refused):
    text = DIGITS.replace(', "validation_fraction": 0.2', "")

    assert (
        "training.early_stopping: needs a validation part to judge by, and these data have none; "
        "give data a validation_fraction, such as 0.2, or leave early_stopping out\n"
    ) in told_of(refused, text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('"validation_fraction": 1', "data.validation_fraction: must be less than 1, got 1"),
        (
            '"validation_fraction": 0.8',
            "data: test_fraction and validation_fraction must add up to less than 1",
        ),
        (
            '"test_fraction": 0.5, "validation_fraction": 0.5',
            "data: test_fraction and validation_fraction must add up to less than 1",
        ),
    ],
)
def test_shares_that_leave_nothing_to_train_on_are_refused(refused, options, message):
    text = DIGITS.replace('"validation_fraction": 0.2', options)

    assert message in told_of(refused, text)


def test_a_lock_that_nests_too_deep_is_no_lock(refused):
    Path("spec.json").write_text(SPEC)
    Path("spec.lock.json").write_text("[" * 100_000)

    assert refused("run", "spec.json").startswith("layerkit: spec.lock.json: is not a lock")


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
