import math
import tracemalloc

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from layerkit import (
    Data,
    Layer,
    Metric,
    Network,
    NonFiniteError,
    Optimizer,
    Registry,
    Schedule,
    Split,
    State,
    Step,
    Trainer,
)
from layerkit.builtin.initializers import Constant
from layerkit.builtin.layers import Affine, BatchNorm, Dropout, Relu, Sigmoid
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from layerkit.builtin.schedules import Cosine, LinearWarmup
from layerkit.spec import TrainingSettings

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(50, 2))
CLASSES = (POINTS.sum(axis=1) > 0).astype(int)
REST = Split(POINTS[40:], CLASSES[40:])
POINTS_DATA = Data(Split(POINTS[:40], CLASSES[:40]), REST, validation=REST)

ONE = Split(np.array([[1.0]]), np.array([3.0]))
"""One example, whose loss is ``(w - 3)^2`` and its derivative ``2 (w - 3)``."""


FIELDS = TrainingSettings.model_fields

NONE = ()
"""Compilers: what is tested is the loop, with NumPy's steps, whichever plugins are installed."""


def line(optimizer=None, weight=0.0, data=ONE, test=None, dtype="float64", **options):
    """Return a trainer of ``y = w x`` on one example."""
    settings = {name: options.pop(name) for name in list(options) if name in FIELDS}
    network = Network(
        [Affine(1, weight_init=Constant(weight), bias=False)],
        (1,),
        loss=MeanSquaredError(),
        dtype=dtype,
    )
    network.compilers = NONE
    return Trainer(
        network.initialize(options.get("seed", 0)),
        Data(data, data if test is None else test, validation=data),
        optimizer or SGD(0.1),
        TrainingSettings(**{"steps": 2, **settings}),
        options.pop("metrics", {}),
        **options,
    )


def classifier(*hidden, seed=0, optimizer=None, dtype="float32", **settings):
    """Return a trainer of a network of two classes."""
    network = Network([*hidden, Affine(2)], (2,), loss=SoftmaxWithLoss(), dtype=dtype)
    network.compilers = NONE
    return Trainer(
        network.initialize(seed),
        POINTS_DATA,
        optimizer or Adam(0.01),
        TrainingSettings(**{"epochs": 2, "batch_size": 16, **settings}),
        {},
        seed=seed,
    )


def weight(trainer):
    return float(trainer.network.params[0])


class Scripted(Metric):
    """Scores that a test chooses, one for each evaluation."""

    def __init__(self, *scores):
        self.scores = [score for score in scores for _ in ("train", "validation", "test")]

    def reset(self):
        pass

    def update(self, y, t):
        pass

    def value(self):
        return self.scores.pop(0)


def scripted(*scores, higher_is_better=False, **stopping):
    """Return a trainer that evaluates after each step, with these scores."""
    return line(
        steps=len(scores),
        evaluate_every=1,
        metrics={"score": Scripted(*scores)},
        monitor="validation_score",
        higher_is_better=higher_is_better,
        early_stopping={"metric": "validation_score", **stopping} if stopping else None,
    )


# Steps


def test_a_step_goes_along_the_gradient():
    trainer = line(SGD(0.1))

    trainer.train_step()
    first = weight(trainer), trainer.loss
    trainer.train_step()

    assert first == (pytest.approx(0.6), 9)  # 0 - 0.1 * 2 (0 - 3)
    assert (weight(trainer), trainer.loss) == (pytest.approx(1.08), pytest.approx(2.4**2))
    assert trainer.step == 2


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"epochs": None, "steps": 7}, 7),
        ({"epochs": 2}, 6),  # 40 examples make 3 batches of 16, the last of 8
        ({"epochs": 2, "sampling": "with_replacement"}, 6),
        ({"epochs": 2, "batch_size": 100}, 2),
    ],
)
def test_the_length_of_the_training_is_a_number_of_steps_or_of_epochs(settings, steps):
    trainer = classifier(**settings)

    last = list(trainer.run())[-1]

    assert (trainer.total_steps, trainer.step, last.step) == (steps, steps, steps)


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"evaluate_every": "epoch"}, [(3, 1.0), (6, 2.0)]),
        ({"evaluate_every": 2}, [(2, 2 / 3), (4, 4 / 3), (6, 2.0)]),
        ({"evaluate_every": 4}, [(4, 4 / 3), (6, 2.0)]),
        ({"evaluate_every": 100}, [(6, 2.0)]),
        ({"epochs": None, "steps": 4}, [(3, 1.0), (4, 4 / 3)]),
    ],
)
def test_it_evaluates_as_often_as_asked_and_at_the_end(settings, at):
    evaluations = list(classifier(**settings).run())

    assert [(e.step, e.epoch) for e in evaluations] == at


def test_an_evaluation_tells_every_score_of_all_parts():
    trainer = line(SGD(0.1), metrics={"score": Scripted(5)}, steps=1)

    (evaluation,) = trainer.run()

    assert evaluation.scores == {
        "train_loss": pytest.approx(2.4**2),
        "train_score": 5,
        "validation_loss": pytest.approx(2.4**2),
        "validation_score": 5,
        "test_loss": pytest.approx(2.4**2),
        "test_score": 5,
    }
    assert (evaluation.step, evaluation.epoch, evaluation.learning_rate) == (1, 1, 0.1)


def test_the_loop_ends_after_the_step_in_which_it_is_asked_to():
    class Asking(SGD):
        def update(self, params, grads, step):
            super().update(params, grads, step)
            trainer.stop_requested = step == 13

    trainer = classifier(steps=100, epochs=None, evaluate_every=10, optimizer=Asking(0.1))

    assert [e.step for e in trainer.run()] == [10, 14]
    assert list(trainer.run()) == []


def test_a_trained_network_is_better_than_an_untrained_one():
    trainer = classifier(Affine(8), Relu(), epochs=30)

    evaluations = list(trainer.run())

    assert evaluations[0].scores["test_loss"] > 2 * evaluations[-1].scores["test_loss"]


# Seeds


def test_the_same_seed_gives_the_same_parameters_to_the_byte():
    def trained(seed):
        trainer = classifier(Affine(8), BatchNorm(), Dropout(0.2), seed=seed)
        scores = [evaluation.scores for evaluation in trainer.run()]
        return trainer.network.params.tobytes(), trainer.network.states.tobytes(), scores

    assert trained(3) == trained(3)
    assert trained(3)[0] != trained(4)[0]


def test_evaluating_more_often_changes_nothing_in_the_training():
    often, seldom = (
        classifier(Affine(8), BatchNorm(), Dropout(), evaluate_every=n) for n in (1, 100)
    )

    list(often.run())
    list(seldom.run())

    assert often.network.params.tobytes() == seldom.network.params.tobytes()


# The learning rate


class Recording(Schedule):
    """Notes what it is told and asked."""

    def __init__(self):
        self.asked = []

    def build(self, total_steps):
        self.total_steps = total_steps

    def __call__(self, step):
        self.asked.append(step)
        return np.float32(0.25)


def test_a_schedule_is_told_the_number_of_steps_and_asked_at_each():
    schedule = Recording()
    trainer = line(SGD(schedule), steps=4, evaluate_every=4)

    (evaluation,) = trainer.run()

    assert schedule.total_steps == 4
    assert schedule.asked[:4] == [0, 1, 2, 3]
    assert (evaluation.learning_rate, type(evaluation.learning_rate)) == (0.25, float)


def test_a_schedule_inside_another_is_told_what_is_left():
    trainer = line(SGD(LinearWarmup(2, after=Cosine(0.1))), steps=6, evaluate_every=1)

    rates = [evaluation.learning_rate for evaluation in trainer.run()]

    # Up to 0.1 in two steps, then down half a cosine of four.
    down = [0.05 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    assert rates == pytest.approx([0.05, 0.1, *down])


def test_epochs_count_as_steps_for_a_schedule():
    schedule = Recording()

    classifier(optimizer=SGD(schedule), epochs=5)

    assert schedule.total_steps == 15


# What optimizers keep


def test_the_states_of_an_optimizer_begin_with_the_values_it_gave_them():
    class Kept(Optimizer):
        learning_rate = 0.1

        def build(self, size):
            self.ones, self.noise = State((size,), 1.0), State((2,), lambda s, rng: rng.random(s))

        def update(self, params, grads, step):
            pass

    optimizer = Kept()

    trainer = line(optimizer)

    assert optimizer.ones.value.tolist() == [1]
    assert optimizer.noise.value.all()
    assert trainer.optimizer_state.tolist() == [1, *optimizer.noise.value]


# Long gradients


def test_a_gradient_that_is_too_long_is_scaled_to_the_length_asked_for():
    by_hand, clipped = (
        classifier(Affine(4), Sigmoid(), dtype="float64", optimizer=SGD(1.0), max_gradient_norm=m)
        for m in (None, 0.05)
    )
    before = by_hand.network.params.copy()

    by_hand.train_step()
    clipped.train_step()
    step, short = by_hand.network.params - before, clipped.network.params - before

    assert np.linalg.norm(step) > 0.05
    assert short == pytest.approx(step * 0.05 / np.linalg.norm(step), abs=1e-15)
    assert np.linalg.norm(short) == pytest.approx(0.05)


def test_a_gradient_that_is_short_enough_is_left_alone():
    plain, clipped = line(), line(max_gradient_norm=6.1)

    plain.train_step()
    clipped.train_step()

    assert weight(clipped) == weight(plain) == pytest.approx(0.6)  # the gradient is -6


def test_a_gradient_whose_square_overflows_is_clipped_and_not_lost():
    trainer = line(SGD(1.0), weight=1e19, dtype="float32", max_gradient_norm=0.5e19, steps=1)

    list(trainer.run())

    # The gradient is 2e19, its square is beyond float32.
    assert weight(trainer) == pytest.approx(0.5e19)


def test_nor_in_float64():
    trainer = line(SGD(1.0), weight=1.2e154, max_gradient_norm=0.6e154, steps=1)

    list(trainer.run())

    # The loss is 1.44e308, the gradient 2.4e154, and its square beyond float64.
    assert weight(trainer) == pytest.approx(0.6e154)


@pytest.mark.parametrize("optimizer", [Adam, AdamW, AdaGrad, RMSprop])
def test_a_gradient_whose_square_overflows_does_not_stop_the_training_without_a_word(optimizer):
    trainer = line(optimizer(0.1), weight=1e19, dtype="float32", steps=1)

    # The loss of 1e38 is finite; the square of the gradient of 2e19 is not, so that its rate is 0.
    with pytest.raises(NonFiniteError, match=r"keeps of the gradients .* float32 .* before step 1"):
        list(trainer.run())


class Least(Optimizer):
    """Remembers the least gradient, infinity at first."""

    def __init__(self, learning_rate=0.1):
        self.learning_rate = learning_rate

    def build(self, size):
        self.least = State((size,), np.inf)

    def update(self, params, grads, step):
        params -= self.rate(step) * grads


def test_an_optimizer_may_begin_with_infinity():
    assert len(list(line(Least(), steps=1).run())) == 1


# The best parameters


def test_the_best_parameters_are_kept_while_training_goes_on():
    trainer = scripted(5, 3, 4, 6)

    weights = [weight(trainer) for _ in trainer.run()]

    assert trainer.best.evaluation.step == 2
    assert trainer.best.params.tolist() == [weights[1]]
    assert trainer.network.params.tolist() == [weights[3]]


def test_the_best_states_are_kept_with_them():
    trainer = classifier(BatchNorm(), evaluate_every=1)
    states = {e.step: trainer.network.states.copy() for e in trainer.run()}

    best = trainer.best

    np.testing.assert_array_equal(best.states, states[best.evaluation.step])


def test_higher_may_be_better():
    trainer = scripted(0.5, 0.8, 0.7, higher_is_better=True)

    list(trainer.run())

    assert trainer.best.evaluation.scores["validation_score"] == 0.8


def test_of_equally_good_parameters_the_first_are_kept():
    trainer = scripted(5, 3, 3, 3)

    list(trainer.run())

    assert trainer.best.evaluation.step == 2


def test_a_score_that_is_no_number_is_never_the_best():
    trainer = scripted(math.nan, 5, math.nan, 4)

    best = [trainer.best and trainer.best.evaluation.step for _ in trainer.run()]

    assert best == [None, 2, 2, 4]


def test_without_a_validation_part_nothing_is_the_best():
    network = Network([Affine(1)], (1,), loss=MeanSquaredError()).initialize(0)
    trainer = Trainer(network, Data(ONE, ONE), SGD(0.1), TrainingSettings(steps=3), {})

    (evaluation,) = list(trainer.run())[-1:]

    assert (trainer.monitor, trainer.best, trainer.stopped_early) == (None, None, False)
    assert list(evaluation.scores) == ["train_loss", "test_loss"]


# Early stopping


@pytest.mark.parametrize(
    ("scores", "patience", "last"),
    [
        ([5, 4, 3, 2, 1], 1, 5),
        ([5, 4, 4, 3, 2], 1, 3),
        ([5, 6, 4, 5, 6, 1], 2, 5),
        ([5, 6, 7, 4, 5, 6, 7, 1], 3, 7),
        ([math.nan, math.nan, 1], 2, 2),
    ],
)
def test_it_stops_after_so_many_evaluations_without_a_better_score(scores, patience, last):
    trainer = scripted(*scores, patience=patience)

    evaluations = list(trainer.run())

    assert evaluations[-1].step == last
    assert trainer.stopped_early == (last < len(scores))


def test_it_stops_likewise_where_higher_is_better():
    trainer = scripted(1, 2, 2, 1, 9, higher_is_better=True, patience=2)

    assert [e.step for e in trainer.run()] == [1, 2, 3, 4]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_score_counts_as_better_only_by_more_than_min_delta(sign):
    scores = [sign * score for score in (10, 9.5, 9, 8.5, 8.5)]

    trainer = scripted(*scores, higher_is_better=sign < 0, patience=2, min_delta=1)

    # 9.5 and 9 are within 1 of 10: after the second of them it stops.
    assert [e.step for e in trainer.run()] == [1, 2, 3]


def test_small_steps_count_once_they_add_up_to_more_than_min_delta():
    trainer = scripted(10, 9.5, 8.9, 8.5, 8.2, 9, patience=2, min_delta=1)

    # 8.9 is better than 10 by more than 1; 8.5 and 8.2 are not that much better than 8.9.
    assert [e.step for e in trainer.run()] == [1, 2, 3, 4, 5]


def test_the_best_parameters_are_the_best_even_if_not_better_by_min_delta():
    trainer = scripted(10, 9.5, 9.8, patience=2, min_delta=1)

    list(trainer.run())

    assert trainer.best.evaluation.scores["validation_score"] == 9.5


# Numbers that are not finite


ADVICE = "; a lower learning_rate or a max_gradient_norm may help"


@pytest.mark.parametrize(
    ("evaluate_every", "what"),
    [(100, "the loss became inf at step 7"), (6, "the training loss became inf after step 6")],
)
def test_a_loss_that_overflows_is_told_with_the_step(evaluate_every, what):
    trainer = line(SGD(1e30), steps=9, evaluate_every=evaluate_every)

    with pytest.raises(NonFiniteError) as caught:
        list(trainer.run())

    # Each step multiplies w - 3 by -2e30; after the sixth its square is beyond 1.8e308.
    assert str(caught.value) == (
        f"{what}; the first value that is not finite arose in the loss itself{ADVICE}"
    )


def test_a_loss_that_overflows_before_any_update_is_not_put_down_to_the_learning_rate():
    trainer = line(data=Split(np.array([[1.0]]), np.array([1e200])))

    with pytest.raises(NonFiniteError) as caught:
        list(trainer.run())

    assert str(caught.value) == (
        "the loss became inf at step 1; the first value that is not finite arose in the loss "
        "itself; scale the inputs or the targets"
    )


def test_the_layer_is_named_where_a_number_first_overflowed():
    trainer = classifier(Affine(4), Relu(), optimizer=SGD(1e38))

    with pytest.raises(NonFiniteError) as caught:
        list(trainer.run())

    assert str(caught.value) == (
        "the loss became nan at step 2; the first value that is not finite arose in layers[2] "
        f"(Affine), in its output{ADVICE}"
    )


def test_data_that_are_not_finite_are_told_and_no_advice_is_given():
    trainer = line(data=Split(np.array([[np.nan]]), np.array([3.0])))

    with pytest.raises(NonFiniteError) as caught:
        list(trainer.run())

    assert str(caught.value) == (
        "the loss became nan at step 1; the first value that is not finite arose in the data"
    )
    assert weight(trainer) == 0  # nothing was updated


def test_a_loss_that_is_not_finite_in_an_evaluation_is_told_with_its_part():
    bad = Split(np.array([[1.0], [1.0]]), np.zeros(2))
    trainer = line(steps=1, test=bad)
    bad.x[1] = np.inf

    with pytest.raises(NonFiniteError) as caught:
        list(trainer.run())

    assert str(caught.value).startswith("the test loss became inf after step 1; ")


def test_a_layer_that_divides_by_zero_is_told_and_warns_of_nothing():
    class Inverse(Layer):
        def forward(self, x):
            return 1 / x

        def backward(self, dout):
            return dout

    layers = [Affine(1, weight_init=Constant(0.0)), Inverse()]
    network = Network(layers, (1,), loss=MeanSquaredError()).initialize()
    network.compilers = NONE
    trainer = Trainer(network, Data(ONE, ONE), SGD(0.1), TrainingSettings(steps=1), {})

    with pytest.raises(NonFiniteError, match=r"layers\[1\] \(Inverse\), in its output"):
        list(trainer.run())


# Memory


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_a_step_allocates_nothing_that_grows_with_the_batch(sampling):
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 256, (20_000, 8), dtype=np.uint8), rng.integers(0, 2, 20_000)

    def peak_of_step(size):
        layers = [Affine(16), BatchNorm(), Dropout(), Affine(2)]
        network = Network(layers, (8,), loss=SoftmaxWithLoss()).initialize()
        network.compilers = NONE
        split = Split(x, t, 1 / 255)
        settings = TrainingSettings(
            steps=9, batch_size=size, sampling=sampling, max_gradient_norm=1e-3
        )
        trainer = Trainer(network, Data(split, split), Adam(), settings, {})
        trainer.train_step()
        tracemalloc.start()
        trainer.train_step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    # 4000 examples of 16 float32 take 256,000 bytes in each layer.
    assert peak_of_step(4000) - peak_of_step(1000) < 3_000


class TestFasterSteps:
    """A network may name compilers, which offer a faster step."""

    class Doubling(Step):
        """A step that is told apart by its loss and by its update."""

        def gradients(self, indices):
            return 2 * super().gradients(indices)

        def update(self, step):
            self.network.params += 1

    def test_the_first_that_is_offered_is_taken(self):
        trainer = line()
        trainer.network.compilers = [lambda *_: None, self.Doubling, Step]

        trainer.train_step()

        assert trainer.loss == 18.0  # 9 without it
        np.testing.assert_array_equal(trainer.network.params, [1.0])

    def test_a_network_that_names_none_takes_those_of_the_installed_plugins(self, monkeypatch):
        registry = Registry()
        registry.compilers.append(self.Doubling)
        monkeypatch.setattr("layerkit.plugins.load_registry", lambda: registry)
        trainer = line()
        trainer.network.compilers = None

        assert type(trainer.fastest_step) is self.Doubling

    def test_without_any_the_arithmetic_is_that_of_numpy(self):
        trainer = line()
        trainer.network.compilers = [lambda *_: None]

        trainer.train_step()

        assert (type(trainer.fastest_step), trainer.loss) == (Step, 9.0)

    def test_evaluations_take_their_outputs_from_it(self):
        class Guessing(Step):
            def outputs(self, examples):
                return np.full((len(examples), 1), 7.0)

        trainer = line(steps=1)
        trainer.network.compilers = [Guessing]

        (evaluation,) = trainer.run()

        targets = trainer.data.test.t
        assert evaluation.scores["test_loss"] == pytest.approx(np.mean((targets - 7) ** 2))

    def test_long_gradients_are_shortened_between_its_halves(self):
        trainer = line(max_gradient_norm=0.5)
        trainer.network.compilers = [Step]

        trainer.train_step()

        np.testing.assert_allclose(trainer.network.params, [0.1 * 0.5])

    def test_products_have_one_thread(self):
        found = []

        class Watching(Step):
            def gradients(self, indices):
                libraries = ThreadpoolController().select(user_api="blas").info()
                # SciPy has a library of its own, which another test may have loaded.
                numpys = (each for each in libraries if "numpy" in each["filepath"])
                found.extend(each["num_threads"] for each in numpys)
                return super().gradients(indices)

        trainer = line(steps=1)
        trainer.network.compilers = [Watching]
        with threadpool_limits(4, user_api="blas"):
            list(trainer.run())

        assert set(found) == {1}
