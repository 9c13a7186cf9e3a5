"""From a spec to a network, with nothing allocated."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from layerkit import SpecError, build, load_registry, load_spec
from layerkit.builder import build_experiment
from layerkit.run import load_data, run_training
from layerkit.spec import parse_spec
from layerkit.wording import amount

SPECS = Path(__file__).parents[1] / "specs"

SPEC = """{
  "version": 1,
  "data": {"type": "digits", "validation_fraction": 0.2},
  "layers": [{"type": "affine", "units": 10}],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "adam", "learning_rate": 0.1},
  "training": {"steps": 2, "batch_size": 5}
}"""


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def test_a_training_spec_becomes_its_network(registry):
    network = build(load_spec(SPECS / "digits.json", registry))

    assert [node.type for node in network.nodes] == ["affine", "relu", "affine"]
    assert network.shapes == [(64,), (64,), (64,), (10,)]
    assert not hasattr(network, "params")


def test_a_graph_spec_becomes_its_network(registry):
    network = build(load_spec(SPECS / "buy_apple.json", registry))

    assert [(node.name, node.inputs) for node in network.nodes] == [
        ("apple_price", (0, 1)),
        ("price", (3, 2)),
    ]


def test_layers_without_a_name_are_called_by_their_place(registry):
    assert [n.name for n in build(parse_spec(SPEC, registry)).nodes] == ["layers[0]"]


PARAMETERS = 64 * 10 + 10
# Each has its value, its gradient, the best value so far and a copy of that; Adam has two states.
OF_PARAMETERS = PARAMETERS * (4 + 2)


@pytest.mark.parametrize(
    ("train", "test", "kept"),
    [
        (100, 1, 100 + 5),  # an evaluation keeps the outputs of all examples, a step of five
        (3, 1, 3 + 3),  # a step has no more examples than there are
        (3, 100, 100 + 3),
        (10**9, 10**9, 4096 + 5),  # an evaluation takes as many at a time, at the most
    ],
)
def test_memory_is_that_of_parameters_states_a_step_and_an_evaluation(registry, train, test, kept):
    experiment = build_experiment(parse_spec(SPEC, registry))

    assert experiment.memory_for(train, test) == 4 * (OF_PARAMETERS + kept * (64 + 10))
    assert experiment.memory_for(train, test) <= experiment.memory


def test_drawn_with_replacement_a_batch_may_be_larger_than_the_data(registry):
    text = SPEC.replace('"batch_size": 5', '"batch_size": 50, "sampling": "with_replacement"')

    experiment = build_experiment(parse_spec(text, registry))

    assert experiment.memory_for(3) == 4 * (OF_PARAMETERS + (50 + 50) * (64 + 10))


def test_what_a_layer_says_it_keeps_counts(registry, install):
    source = """
        from layerkit import Layer, hookimpl

        class Hoarder(Layer):
            def build(self, shape):
                self.scratch_size = 1000
                return shape

            def forward(self, x):
                return x

            def backward(self, dout):
                return dout

        @hookimpl
        def layerkit_register(registry):
            registry.layer("hoarder", Hoarder)
        """
    install("layerkit-foo", source)
    text = SPEC.replace('"layers": [', '"layers": ["hoarder", ')

    experiment = build_experiment(parse_spec(text, load_registry()))

    assert experiment.memory_for(3) == 4 * (OF_PARAMETERS + (3 + 3) * (64 + 64 + 10 + 1000))


@pytest.mark.slow
@pytest.mark.parametrize(
    "layers",
    [
        '{"type": "affine", "units": 64}, "relu"',
        ", ".join(['{"type": "affine", "units": 100}, "relu"'] * 20),
        '{"type": "affine", "units": 2048}, "relu"',
        '{"type": "affine", "units": 500}, "batch_norm", "relu"',
        '{"type": "affine", "units": 500}, "layer_norm", "dropout"',
        '{"type": "affine", "units": 1000}, "gelu"',
    ],
)
@pytest.mark.parametrize("batch", [32, 1438])
def test_training_takes_about_the_memory_that_is_told(layers, batch, tmp_path):
    text = SPEC.replace('"layers": [', f'"layers": [{layers}, ').replace('": 5}', f'": {batch}}}')
    experiment = build_experiment(parse_spec(text, load_registry()))  # of NumPy's steps
    data = load_data(experiment)

    tracemalloc.start()
    run_training(experiment, data, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    told = experiment.memory_for(len(data.train), len(data.test))
    overhead = 2_000_000  # of records and modules, whatever the network
    assert told / 1.75 - overhead < peak < 1.75 * told + overhead


@pytest.mark.parametrize(
    ("training", "monitor", "higher_is_better"),
    [
        ('{"steps": 1}', "validation_accuracy", True),
        ('{"steps": 1, "early_stopping": {}}', "validation_loss", False),
        (
            '{"steps": 1, "early_stopping": {"metric": "validation_accuracy"}}',
            "validation_accuracy",
            True,
        ),
    ],
)
def test_the_best_is_judged_by_early_stopping_or_the_first_metric(
    registry, training, monitor, higher_is_better
):
    text = SPEC.replace('{"steps": 2, "batch_size": 5}', training)

    experiment = build_experiment(parse_spec(text, registry))

    assert (experiment.monitor, experiment.higher_is_better) == (monitor, higher_is_better)


def test_without_metrics_the_best_is_judged_by_the_loss(registry):
    experiment = build_experiment(
        parse_spec(SPEC.replace('"loss"', '"metrics": [], "loss"'), registry)
    )

    assert (experiment.monitor, experiment.higher_is_better) == ("validation_loss", False)
    assert experiment.metrics == {}


HINGE = """
    from layerkit.builtin.losses import SoftmaxWithLoss
    from layerkit import hookimpl

    class Hinge(SoftmaxWithLoss):
        metrics = ({metric!r},)

    @hookimpl
    def layerkit_register(registry):
        registry.loss("hinge", Hinge)
    """


def test_a_loss_whose_metric_nobody_has_is_told_at_the_loss(install):
    install("layerkit-foo", HINGE.format(metric="margin"))
    spec = parse_spec(SPEC.replace("softmax_with_loss", "hinge"), load_registry())

    with pytest.raises(SpecError) as raised:
        build(spec)

    [problem] = raised.value.problems
    assert problem.path == ("loss",)
    assert problem.message == ('no metric is named "margin"; see: layerkit layers --kind metric')


def test_a_loss_may_name_the_metric_of_a_package_and_its_bare_name_is_shown(install):
    install("layerkit-foo", HINGE.format(metric="layerkit/accuracy"))
    spec = parse_spec(SPEC.replace("softmax_with_loss", "hinge"), load_registry())

    assert list(build_experiment(spec).metrics) == ["accuracy"]


def test_metrics_of_one_name_from_two_packages_are_both_measured(install):
    source = """
        from layerkit.builtin.metrics import Accuracy
        from layerkit import hookimpl

        @hookimpl
        def layerkit_register(registry):
            registry.metric("accuracy", Accuracy)
        """
    install("layerkit-foo", source)
    both = '"metrics": ["accuracy", "layerkit-foo/accuracy"], "loss"'

    experiment = build_experiment(parse_spec(SPEC.replace('"loss"', both), load_registry()))

    assert list(experiment.metrics) == ["accuracy", "layerkit-foo/accuracy"]


def test_what_a_metric_keeps_of_every_example_counts_as_memory(registry, monkeypatch):
    text = SPEC.replace('"loss"', '"metrics": ["accuracy", "roc_auc"], "loss"')
    experiment = build_experiment(parse_spec(text, registry))
    without = build_experiment(parse_spec(SPEC, registry))

    needed = experiment.memory_for(10**6, 10**7)

    # 10 outputs of 4 bytes, a label and a weight, while they are joined twice; 10 probabilities of
    # 8 bytes and a curve
    kept = 10**7 * (2 * (10 * 4 + 8 + 8) + 10 * 8 + 64)
    assert needed == without.memory_for(10**6, 10**7) + kept
    monkeypatch.setattr("layerkit.footprint.available_memory", lambda: 2**29)
    without.check_memory(10**6, 10**7)
    with pytest.raises(SpecError) as refusal:
        experiment.check_memory(10**6, 10**7)
    (problem,) = refusal.value.problems
    assert problem.path == ("metrics",)
    assert problem.message.endswith(
        "are free; roc_auc keeps all outputs of an evaluation, 2.56 GB; leave it out"
    )
    of_the_loss = replace(without, metrics=experiment.metrics)
    with pytest.raises(SpecError) as refusal:
        of_the_loss.check_memory(10**6, 10**7)
    assert refusal.value.problems[0].path == ("loss",)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (8e12, "8 TB"), (1e23, "1e+05 EB")],
)
def test_an_amount_of_memory_is_told_in_its_unit(size, text):
    assert amount(size) == text


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (
            '"layers": [',
            '"layers": [{"type": "batch_norm", "epsilon": 1e-50}, ',
            ("layers", 0, "epsilon"),
            "must be a number that float32 holds, got 1e-50, which becomes 0; choose one from "
            '1.4e-45 to 3.4e+38, or compute in "dtype": "float64"',
        ),
        (
            '"layers": [',
            '"layers": [{"type": "layer_norm", "epsilon": 1e-46}, ',
            ("layers", 0, "epsilon"),
            "got 1e-46, which becomes 0",
        ),
        (
            '"units": 10',
            '"units": 10, "weight_init": {"type": "normal", "std": 1e-60}',
            ("layers", 0, "weight_init", "std"),
            "got 1e-60, which becomes 0",
        ),
        (
            '"learning_rate": 0.1',
            '"learning_rate": {"type": "cosine", "learning_rate": 1e40}',
            ("optimizer", "learning_rate", "learning_rate"),
            "got 1e+40, which becomes infinity",
        ),
        ('"type": "adam"', '"type": "adam", "epsilon": 1e-50', ("optimizer", "epsilon"), "1e-50"),
        ('"type": "adam"', '"type": "adamw", "epsilon": 1e-50', ("optimizer", "epsilon"), "1e-50"),
        ('"adam"', '"rmsprop", "epsilon": 1e-50', ("optimizer", "epsilon"), "1e-50"),
        ('"adam"', '"adagrad", "epsilon": 1e-50', ("optimizer", "epsilon"), "1e-50"),
    ],
)
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_an_option_that_the_type_does_not_hold_is_refused_at_its_place(
    registry, old, new, place, message, dtype
):
    with pytest.raises(SpecError) as caught:
        build_experiment(parse_spec(SPEC.replace(old, new), registry), dtype)

    (problem,) = caught.value.problems
    assert problem.path == place
    assert message in problem.message


def test_an_option_that_float64_holds_is_right_in_float64(registry):
    text = SPEC.replace('"type": "adam"', '"type": "adam", "epsilon": 1e-50')

    build_experiment(parse_spec(text.replace('"data"', '"dtype": "float64", "data"'), registry))
