import dataclasses
import json
import platform

import numpy as np
import pytest

import layerkit
from layerkit import (
    Data,
    Dataset,
    Form,
    Network,
    NonFiniteError,
    RunError,
    SpecError,
    Split,
    Targets,
    Trainer,
    load_model,
    load_registry,
    load_spec,
)
from layerkit.builder import build_experiment
from layerkit.builtin.layers import Affine
from layerkit.builtin.losses import MeanSquaredError
from layerkit.run import RunFolder, load_data, run_training
from layerkit.run.training import recorded
from layerkit.spec import parse_spec
from layerkit.training.data_checks import check_data

SPEC = {
    "version": 1,
    "name": "little",
    "data": {"type": "spiral", "per_class": 25, "validation_fraction": 0.2},
    "layers": [
        {"type": "affine", "units": 8},
        "batch_norm",
        "relu",
        {"type": "affine", "units": 3},
    ],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "training": {"epochs": 3, "batch_size": 12},
}


def experiment(**changes):
    return build_experiment(parse_spec(json.dumps({**SPEC, **changes}), load_registry()))


def run(out, watchers=(), **changes):
    """Run the little spec, with some keys replaced."""
    made = experiment(**changes)
    return made, run_training(made, load_data(made), out, watchers)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def record(folder):
    return json.loads((folder / "run.json").read_text())


class Watching:
    """Notes all that it hears."""

    def __init__(self):
        self.heard = []

    def started(self, trainer, folder):
        self.trainer = trainer
        self.heard.append(("started", trainer.step, folder.name))

    def evaluated(self, evaluation, is_best):
        self.heard.append(("evaluated", evaluation.step, is_best))

    def ended(self, result):
        self.heard.append(("ended", result.status))


class Stopping(Watching):
    """Asks for the end at the first evaluation."""

    def evaluated(self, evaluation, is_best):
        super().evaluated(evaluation, is_best)
        self.trainer.stop_requested = True


class Raising(Watching):
    """Raises at the first evaluation."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def evaluated(self, evaluation, is_best):
        raise self.error


# The files


def test_a_run_leaves_its_spec_metrics_parameters_and_record(tmp_path):
    _, result = run(tmp_path / "out")

    assert result.folder == tmp_path / "out"
    assert sorted(p.name for p in result.folder.iterdir()) == [
        "best.npz",
        "last.npz",
        "metrics.jsonl",
        "run.json",
        "spec.json",
        "spec.lock.json",
    ]
    assert json.loads((result.folder / "spec.json").read_text()) == SPEC


def test_there_is_a_line_for_each_evaluation(tmp_path):
    _, result = run(tmp_path / "out")

    found = lines(result.folder)
    assert [(line["step"], line["epoch"], line["learning_rate"]) for line in found] == [
        (4, 1, 0.05),
        (8, 2, 0.05),
        (12, 3, 0.05),
    ]
    assert list(found[0]["scores"]) == [
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "test_loss",
        "test_accuracy",
    ]
    assert found[-1] == recorded(result.last)


def test_the_last_parameters_are_those_of_the_network(tmp_path):
    made, result = run(tmp_path / "out")

    with np.load(result.folder / "last.npz") as saved:
        assert sorted(saved) == sorted(made.network.variables)
        for name, variable in made.network.variables.items():
            np.testing.assert_array_equal(saved[name], variable.value)


def test_the_best_parameters_have_the_score_that_was_told(tmp_path):
    made, result = run(tmp_path / "out", training={"epochs": 12, "batch_size": 12})
    data = load_data(made)
    assert result.best.step < result.last.step

    with np.load(result.folder / "best.npz") as saved:
        for name, variable in made.network.variables.items():
            variable.value = saved[name]

    for part, split in (("validation", data.validation), ("test", data.test)):
        accuracy = made.network.accuracy(split.x, split.t)
        assert accuracy == result.best.scores[f"{part}_accuracy"]
        assert made.network.loss(split.x, split.t) == pytest.approx(
            result.best.scores[f"{part}_loss"], rel=1e-6
        )


def test_the_record_tells_how_it_went_and_with_what(tmp_path):
    _, result = run(tmp_path / "out")

    assert record(result.folder) == {
        "name": "little",
        "status": "finished",
        "steps": 12,
        "seconds": pytest.approx(result.seconds, abs=1e-3),
        "parameters": 67,
        "input_shape": [2],
        "monitor": "validation_accuracy",
        "best": recorded(result.best),
        "last": recorded(result.last),
        "step": "layerkit.training.step.Step",
        "versions": {
            "layerkit": layerkit.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_spec_gives_the_same_files_to_the_byte(tmp_path, dtype):
    layers = [*SPEC["layers"][:3], "dropout", SPEC["layers"][3]]
    one, other = (run(tmp_path / o, dtype=dtype, layers=layers)[1].folder for o in "ab")

    for name in ("spec.json", "metrics.jsonl", "best.npz", "last.npz"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_another_seed_gives_other_parameters(tmp_path):
    one, other = (run(tmp_path / str(s), seed=s)[1].folder for s in (1, 2))

    assert (one / "last.npz").read_bytes() != (other / "last.npz").read_bytes()


# How it ends


def test_watchers_are_told_of_the_start_each_evaluation_and_the_end(tmp_path):
    watcher = Watching()

    _, result = run(tmp_path / "out", [watcher])

    best = result.best.step
    assert watcher.heard[0] == ("started", 0, "out")
    assert [heard[:2] for heard in watcher.heard[1:-1]] == [
        ("evaluated", 4),
        ("evaluated", 8),
        ("evaluated", 12),
    ]
    assert [step for _, step, is_best in watcher.heard[1:-1] if is_best][-1] == best
    assert watcher.heard[-1] == ("ended", "finished")


def test_the_spec_in_a_folder_behind_a_link_finds_its_data(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.eye(4), t=np.arange(4) % 2)
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    data = {"type": "npz", "path": str(tmp_path / "data.npz")}

    _, result = run(tmp_path / "link" / "out", data=data, layers=[{"type": "affine", "units": 2}])

    again = load_spec(result.folder / "spec.json", load_registry())
    assert build_experiment(again).form.shape == (4,)


def test_a_run_can_stop_early(tmp_path):
    stopping = {"metric": "validation_loss", "patience": 1, "min_delta": 1000}

    made, result = run(tmp_path / "out", training={**SPEC["training"], "early_stopping": stopping})

    # The second loss is not better than the first by a thousand.
    assert (result.status, result.steps) == ("stopped early", 8)
    assert record(result.folder)["monitor"] == made.monitor == "validation_loss"


def test_a_run_that_is_interrupted_keeps_its_last_parameters(tmp_path):
    made, result = run(tmp_path / "out", [Stopping()])

    assert (result.status, result.steps) == ("interrupted", 4)
    assert record(result.folder)["status"] == "interrupted"
    with np.load(result.folder / "last.npz") as saved:
        np.testing.assert_array_equal(
            saved["layers[0].W"], made.network.variables["layers[0].W"].value
        )


def test_a_run_that_is_interrupted_at_its_end_has_finished(tmp_path):
    _, result = run(tmp_path / "out", [Stopping()], training={"epochs": 1, "batch_size": 12})

    assert result.status == "finished"


def test_an_impatient_interrupt_still_leaves_a_record_and_the_last_parameters(tmp_path):
    watcher, raising = Watching(), Raising(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", [watcher, raising])

    assert record(tmp_path / "out")["status"] == "interrupted"
    assert (tmp_path / "out" / "last.npz").exists()
    assert watcher.heard[-1] == ("ended", "interrupted")


def test_a_run_that_diverges_keeps_its_metrics_and_says_why(tmp_path):
    watcher = Watching()

    with pytest.raises(NonFiniteError) as caught:
        run(
            tmp_path / "out",
            [watcher],
            layers=[{"type": "affine", "units": 8}, {"type": "affine", "units": 3}],
            optimizer={"type": "sgd", "learning_rate": 1e6},
            training={"steps": 20, "batch_size": 12, "evaluate_every": 1},
        )

    found = record(tmp_path / "out")
    assert (found["status"], found["reason"]) == ("failed", str(caught.value))
    assert 0 < len(lines(tmp_path / "out")) == found["last"]["step"] <= found["steps"] < 20
    assert not (tmp_path / "out" / "last.npz").exists()
    assert watcher.heard[-1] == ("ended", "failed")


@pytest.mark.parametrize("name", ["last.npz", "run.json"])
def test_results_that_cannot_be_written_fail_the_run_and_watchers_are_told_once(
    tmp_path, monkeypatch, name
):
    watcher, write = Watching(), RunFolder.write

    def refuse(self, file, *arguments):
        if file == name:
            raise RunError(f"{file}: no room")
        write(self, file, *arguments)

    monkeypatch.setattr(RunFolder, "write", refuse)

    with pytest.raises(RunError, match=f"^{name}: no room$"):
        run(tmp_path / "out", [watcher])

    assert [heard for heard in watcher.heard if heard[0] == "ended"] == [("ended", "failed")]
    if name == "last.npz":
        found = record(tmp_path / "out")
        assert (found["status"], found["reason"]) == ("failed", "last.npz: no room")


def test_whatever_else_is_raised_is_written_down_and_goes_on(tmp_path):
    watcher, raising = Watching(), Raising(ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "out", [watcher, raising])

    found = record(tmp_path / "out")
    assert (found["status"], found["reason"]) == ("failed", "ZeroDivisionError")
    assert watcher.heard[-1] == ("ended", "failed")


# What is chosen, and by what


def test_nothing_is_chosen_by_the_test_part(tmp_path):
    bests, scores = [], []
    for name, change in (("one", 1), ("other", -1)):
        made = experiment(training={**SPEC["training"], "early_stopping": {"patience": 2}})
        data = load_data(made)
        other = Split(change * data.test.x, data.test.t, data.test.scale)
        result = run_training(made, dataclasses.replace(data, test=other), tmp_path / name)
        bests.append((result.folder / "best.npz").read_bytes())
        scores.append(result.best.scores["test_loss"])

    assert bests[0] == bests[1]
    assert scores[0] != scores[1]


ONLY_LAST = {"data": {"type": "spiral", "per_class": 25}}
"""A spec without a validation part."""


def test_without_a_validation_part_the_last_parameters_are_the_model(tmp_path):
    watcher = Watching()

    made, result = run(tmp_path / "out", [watcher], **ONLY_LAST)

    assert (made.monitor, result.best) == (None, None)
    assert [heard for heard in watcher.heard if heard[-1] is True] == []
    found = record(result.folder)
    assert (found["monitor"], found["best"]) == (None, None)
    assert not (result.folder / "best.npz").exists()
    x = load_data(made).test.x
    np.testing.assert_array_equal(load_model(result.folder).predict(x), made.network.predict(x))


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt()])
def test_without_a_validation_part_a_run_that_ends_badly_leaves_its_last_evaluation(
    tmp_path, error
):
    with pytest.raises(type(error)):
        run(tmp_path / "out", [Raising(error)], **ONLY_LAST)

    assert record(tmp_path / "out")["steps"] == 5
    assert np.isfinite(load_model(tmp_path / "out").params).all()


def test_without_a_validation_part_a_run_that_diverges_leaves_its_last_evaluation(tmp_path):
    with pytest.raises(NonFiniteError):
        run(
            tmp_path / "out",
            layers=[{"type": "affine", "units": 8}, {"type": "affine", "units": 3}],
            optimizer={"type": "sgd", "learning_rate": 1e6},
            training={"steps": 20, "batch_size": 12, "evaluate_every": 1},
            **ONLY_LAST,
        )

    assert not (tmp_path / "out" / "best.npz").exists()
    assert np.isfinite(load_model(tmp_path / "out").params).all()


# The data


class Promised(Dataset):
    """Data whose form is not always the one it promises."""

    def __init__(self, x, t, classes=3, target_shape=()):
        self.x, self.t = np.zeros(x), np.asarray(t)
        self.form = Form((2,), Targets(target_shape, classes), has_validation=True)

    def inspect(self):
        return self.form

    def load(self):
        split = Split(self.x, self.t)
        return Data(split, split, validation=split)


class Unvalidated(Promised):
    """Data without the validation part that they promise."""

    def load(self):
        data = super().load()
        return Data(data.train, data.test)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Promised((0, 2), []), "the training part has no examples"),
        (
            Promised((5, 3), [0, 1, 2, 0, 1]),
            "the training part must have examples (5, 2) and targets (5,), got (5, 3) and (5,)",
        ),
        (
            Promised((5, 2), [0, 1]),
            "there must be a target for each example, got 5 examples and 2 targets",
        ),
        (
            Promised((2, 2), [[0], [1]]),
            "the training part must have examples (2, 2) and targets (2,), got (2, 2) and (2, 1)",
        ),
        (
            Promised((2, 2), [1, 3]),
            "the training part: labels must be from 0 to 2, got 1 to 3",
        ),
        (
            Unvalidated((2, 2), [0, 1]),
            "the data set must have a validation part, as it said, got none",
        ),
        (
            Promised((2, 2), [-1, 2]),
            "the training part: labels must be from 0 to 2, got -1 to 2",
        ),
    ],
)
def test_data_that_break_their_promise_are_refused_before_training(dataset, message):
    made = dataclasses.replace(experiment(), dataset=dataset, form=dataset.form)

    with pytest.raises(SpecError) as caught:
        load_data(made)

    assert f"data: {message}\n" in str(caught.value)


def test_data_that_keep_their_promise_are_returned():
    numbers = Promised((2, 2), [[0.5], [1]], classes=None, target_shape=(1,))
    network = Network([Affine(1)], (2,), loss=MeanSquaredError())
    made = dataclasses.replace(
        experiment(), dataset=numbers, form=numbers.form, network=network, metrics={}
    )

    x = load_data(made).train.x

    assert x is numbers.x
    assert not x.flags.writeable


class Stored(Promised):
    """Data with given examples."""

    def __init__(self, x):
        super().__init__(x.shape, [0, 1])
        self.x = x


ABOVE = 2**24


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("int64", [ABOVE, ABOVE + 1]),
        ("int32", [-ABOVE - 1, -ABOVE]),
        ("uint64", [2**40, 2**40 + 3]),
        ("int64", [-(2**63), -(2**63) + 1]),
        ("float64", [20_000_003.0, 20_000_004.0]),
    ],
)
def test_whole_numbers_that_the_type_makes_the_same_are_refused(tmp_path, dtype, numbers):
    x = np.array([[0, n] for n in numbers], dtype)
    dataset = Stored(x)
    made = dataclasses.replace(experiment(), dataset=dataset, form=dataset.form)

    with pytest.raises(SpecError) as caught:
        run_training(made, load_data(made), tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert [problem.path for problem in caught.value.problems] == [("data",)]
    message = str(caught.value)
    one, other = map(int, sorted(numbers))
    assert (
        f"the examples of the training part must not have both {one} and {other} in column 1, "
        "which float32 makes the same: it holds whole numbers up to 16,777,216; drop them if they "
        "name examples, subtract their least number, scale them, or compute in"
    ) in " ".join(message.split())


@pytest.mark.parametrize(
    "column",
    [
        np.array([ABOVE, ABOVE + 2], "int64"),  # float32 holds both
        np.array([ABOVE + 1, 7], "int64"),  # the nearest it holds still tells them apart
        np.array([20_000_000.25, 20_000_000.5]),  # digits of a measurement
        np.array([0, 255], "uint8"),
        np.array([ABOVE, ABOVE + 1], "float32"),  # the same before
    ],
    ids=str,
)
def test_numbers_that_stay_apart_are_no_matter(column):
    dataset = Stored(np.stack([column, column], axis=1))
    made = dataclasses.replace(experiment(), dataset=dataset, form=dataset.form)

    data = load_data(made)

    assert data.train.x[1, 1] == column[1]
    check_data(made.network, data, [])


def test_a_network_in_float64_takes_larger_whole_numbers():
    dataset = Stored(np.array([[0, 2**24], [0, 2**24 + 1]]))
    made = dataclasses.replace(experiment(dtype="float64"), dataset=dataset, form=dataset.form)

    data = load_data(made)

    assert data.train.x[1, 1] == 2**24 + 1
    check_data(made.network, data, [])


class Counted(np.ndarray):
    """An array that counts how many of its numbers are read."""

    read = 0

    def __getitem__(self, index):
        part = np.asarray(self)[index]
        Counted.read += part.size
        return part

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        Counted.read += sum(each.size for each in inputs if isinstance(each, Counted))
        plain = [np.asarray(each) if isinstance(each, Counted) else each for each in inputs]
        return getattr(ufunc, method)(*plain, **options)


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_all_numbers_are_read_once_before_training(monkeypatch, dtype):
    monkeypatch.setattr("layerkit.conversion.BLOCK", 7)  # of three examples
    x = np.arange(40).reshape(20, 2).astype(dtype).view(Counted)
    split = Split(x, np.arange(20) % 3)
    dataset = Stored(x)
    dataset.load = lambda: Data(split, split, validation=split)
    made = dataclasses.replace(experiment(), dataset=dataset, form=dataset.form)
    monkeypatch.setattr(Counted, "read", 0)

    data = load_data(made)
    made.network.initialize()
    Trainer(made.network, data, made.optimizer, made.settings, made.metrics, made.monitor)

    assert Counted.read == 3 * 40  # all parts are the same
