"""Networks that many threads use at once: more threads than cores, and not one wrong number."""

import copy
import os
import pickle
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import layerkit.turns
from layerkit import (
    Data,
    LayerkitError,
    Network,
    Optimizer,
    PositiveFloat,
    Split,
    Step,
    Trainer,
    UserError,
)
from layerkit.builtin.layers import Affine, BatchNorm, Dropout, Flatten, Relu, Sigmoid
from layerkit.builtin.losses import SoftmaxWithLoss
from layerkit.builtin.metrics import Accuracy
from layerkit.builtin.optimizers import SGD, Adam
from layerkit.spec import TrainingSettings
from layerkit.training import evaluate
from layerkit_compiled.compiling import CompiledStep, compiled_step
from layerkit_conv import Conv2d, MaxPool2d
from layerkit_sequence import Lstm

THREADS = 8
CALLS = int(os.environ.get("LAYERKIT_CALLS", "400"))
"""How often each of eight threads calls. 400 calls find the fault in every network without turns.
``LAYERKIT_CALLS=2000`` looks for longer."""

NETS = {
    "affine": lambda: ([Affine(30), Relu(), Affine(4)], (12,)),
    "dropout": lambda: ([Affine(30), Dropout(0.5), Sigmoid(), Affine(4)], (12,)),
    "batch norm": lambda: ([Affine(30), BatchNorm(), Relu(), Affine(4)], (12,)),
    "lstm": lambda: ([Lstm(6), Affine(4)], (3, 3)),
    "convolution": lambda: (
        [Conv2d(2, 3), Relu(), MaxPool2d(2), Flatten(), Affine(4)],
        (1, 6, 6),
    ),
}

# By name, for what takes some seconds with two of them.
EACH = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in ("lstm", "convolution")))
    for name in NETS
]


def network(layers, shape):
    return Network(layers, shape, loss=SoftmaxWithLoss()).initialize(0)


@pytest.fixture(params=NETS)
def net(request):
    return network(*NETS[request.param]())


def trainer(net, steps=10, optimizer=SGD):
    split = Split(examples(net, 64), np.arange(64) % 4)
    settings = TrainingSettings(steps=steps, batch_size=32)
    return Trainer(net, Data(split, split), optimizer(0.01), settings, {})


STEPS = {"NumPy": Step, "compiled": CompiledStep}
COMPILERS = {"NumPy": [], "compiled": [compiled_step]}


@pytest.fixture(params=STEPS)
def made_by(request, net):
    """Who makes the steps, and a network of which it has made some."""
    net.compilers = COMPILERS[request.param]
    made = trainer(net)
    list(made.run())
    assert type(made.fastest_step) is STEPS[request.param]
    return made


def in_each_thread(task):
    """Call ``task(k)`` in each of eight threads, ``k`` from 0 to 7, all at the same time."""
    barrier = threading.Barrier(THREADS, timeout=60)

    def call(k):
        barrier.wait()
        return task(k)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(THREADS)))


def answers_of(predict, batches, first):
    """Return the answers to ``CALLS`` calls, one after the other, in one array."""
    return np.stack([predict(batches[i % len(batches)]) for i in range(first, first + CALLS)])


def wrong_answers(answers, expected, first):
    """Count the answers in which any number is wrong."""
    which = np.arange(first, first + CALLS) % len(expected)
    return int((answers != expected[which]).reshape(CALLS, -1).any(axis=1).sum())


def together(task, count):
    """Call ``task(i)`` for all ``i`` in as many threads as there are, all at the same time."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(task, range(count)))


def examples(net, count):
    return np.random.default_rng(0).normal(size=(count, *net.shapes[0])).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("net", EACH, indirect=True)
def test_any_number_of_threads_may_predict_with_a_trained_network(made_by, batch):
    net = made_by.network
    batches = examples(net, 40 * batch).reshape(40, batch, *net.shapes[0])
    expected = np.stack([net.predict(b) for b in batches])

    wrong = in_each_thread(
        lambda k: wrong_answers(answers_of(net.predict, batches, k), expected, k)
    )

    assert wrong == [0] * THREADS


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", EACH)
def test_any_number_of_threads_may_predict_with_a_network_in_training(name, steps, batch):
    def fresh():
        net = network(*NETS[name]())
        net.compilers = COMPILERS[steps]
        return trainer(net, steps=30, optimizer=Adam)

    alone, watched = fresh(), fresh()
    x = examples(alone.network, batch)
    expected = [alone.network.predict(x).tobytes()]
    for _ in range(alone.total_steps):
        alone.train_step()
        expected.append(alone.network.predict(x).tobytes())
    some_came, is_trained = threading.Semaphore(0), threading.Event()

    def watch(_):
        answers = []
        for i in range(CALLS):
            if i == 10:
                some_came.release()
            if i == CALLS - 10:
                is_trained.wait(60)
            answers.append(watched.network.predict(x).tobytes())
        return answers

    def train():
        for _ in range(THREADS):
            some_came.acquire(timeout=60)
        try:
            watched.train_until(watched.total_steps)
        finally:
            is_trained.set()

    with ThreadPoolExecutor(1) as training:
        trained = training.submit(train)
        answers = in_each_thread(watch)
        trained.result()

    assert type(watched.fastest_step) is STEPS[steps]
    assert len(set(expected)) == len(expected)  # every step shows
    for each in answers:
        # Each thread sees whole steps, in their order, from before the first to after the last.
        seen = [expected.index(answer) for answer in dict.fromkeys(each)]
        assert seen == sorted(seen)
        assert (seen[0], seen[-1]) == (0, alone.total_steps)


@pytest.mark.parametrize("name", ["affine", "lstm"])
def test_any_number_of_threads_may_ask_a_compiled_step_for_outputs(name):
    net = network(*NETS[name]())
    net.compilers = COMPILERS["compiled"]
    made = trainer(net)
    list(made.run())
    x = examples(net, 40 * 32).reshape(40, 32, *net.shapes[0])
    parts = [Split(b, np.zeros(32, int)) for b in x]
    outputs = made.fastest_step.outputs
    expected = np.stack([outputs(part) for part in parts])
    np.testing.assert_allclose(expected[0], net.predict(x[0]), rtol=1e-4, atol=1e-6)

    wrong = in_each_thread(lambda k: wrong_answers(answers_of(outputs, parts, k), expected, k))

    assert wrong == [0] * THREADS


def test_any_number_of_threads_may_evaluate(net):
    x, t = examples(net, 60), np.arange(60) % 4
    parts = [Split(x[i : i + 20], t[i : i + 20]) for i in range(0, 60, 20)]

    def judged(i):
        part = parts[i % 3]
        scores = evaluate(net, part, {"accuracy": Accuracy()})
        return scores, net.loss(part.x, part.t), net.accuracy(part.x, part.t)

    expected = [judged(i) for i in range(3)]

    assert together(judged, 300) == [expected[i % 3] for i in range(300)]


def test_large_batches_are_predicted_beside_small_ones(net):
    net.rows_at_once = 7
    large, small = examples(net, 50), examples(net, 2)
    expected = [net.predict(large), net.predict(small)]

    answers = together(lambda i: net.predict(small if i % 2 else large), 200)

    assert all(np.array_equal(y, expected[i % 2]) for i, y in enumerate(answers))


@pytest.mark.parametrize("compilers", [[], None], ids=["NumPy", "whatever is installed"])
def test_who_predicts_meanwhile_leaves_the_training_as_it_is(compilers):
    results = []
    for watched in (False, True):
        net = network([Affine(30), Dropout(0.2), Relu(), Affine(4)], (12,))
        net.compilers = compilers
        running, x = trainer(net, steps=400), examples(net, 3)
        ended = threading.Event()

        def watch(net=net, x=x, ended=ended):
            while not ended.is_set():
                assert np.isfinite(net.predict(x)).all()

        with ThreadPoolExecutor(4) as pool:
            watchers = [pool.submit(watch) for _ in range(4 if watched else 0)]
            try:
                list(running.run())
            finally:
                ended.set()
            for watcher in watchers:
                watcher.result()
        results.append(net.params.tobytes())

    assert results[0] == results[1]


class Counter(Optimizer):
    """Sets every parameter to the number of the step."""

    def __init__(self, learning_rate: PositiveFloat = 1.0) -> None:
        self.learning_rate = learning_rate

    def build(self, size):
        pass

    def update(self, params, grads, step):
        for half in np.array_split(params, 2):
            half[...] = step + 1
            time.sleep(1e-3)  # others come in between


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_that_is_made_meanwhile_has_no_half_of_a_step(copied):
    net = network([Affine(30), BatchNorm(), Relu(), Affine(4)], (12,))
    net.compilers = []
    net.params[...] = 0
    running = trainer(net, steps=10**6, optimizer=Counter)
    copies = []

    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(running.train_until, 10**6)
        try:
            while running.step < 20 and not training.done():
                copies.append(copied(net))
        finally:
            running.stop_requested = True
        training.result()

    steps = [np.unique(copy.params).tolist() for copy in copies]
    assert all(len(numbers) == 1 for numbers in steps), steps
    assert steps[0] < steps[-1], steps


def test_where_a_loss_became_infinite_is_known_whoever_predicts_meanwhile():
    net = network([Affine(4)], (12,))
    net.nodes[0].layer.b.value = np.inf
    x, t = examples(net, 4), np.zeros(4, int)

    with np.errstate(all="ignore"):
        scores = evaluate(net, Split(x, t), {})
        net.nodes[0].layer.b.value = 0
        together(lambda i: net.predict(x), THREADS)

        assert not np.isfinite(scores["loss"])
        assert net.first_non_finite() == "layers[0] (Affine), in its b"
        assert net.loss(x, t) > 0
        assert net.first_non_finite() is None


class TestTraining:
    REFUSED = "another thread is training this network"

    def held(self, net):
        """Return a thread that is training, and the event that ends it."""
        begun, end = threading.Event(), threading.Event()

        def hold():
            with net.turns.training:
                begun.set()
                end.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait(30)
        return thread, end

    @pytest.mark.parametrize(
        "train",
        [
            lambda net: net.train_step(examples(net, 2), np.zeros(2, int)),
            lambda net: net.gradient(examples(net, 2), np.zeros(2, int)),
            lambda net: net.numerical_gradient(examples(net, 2), np.zeros(2, int)),
            lambda net: trainer(net).train_step(),
            lambda net: list(trainer(net).run()),
        ],
        ids=["train_step", "gradient", "numerical_gradient", "Trainer.train_step", "Trainer.run"],
    )
    def test_a_second_thread_is_refused(self, net, train):
        running = trainer(net)
        assert running.network is net
        thread, end = self.held(net)
        try:
            with pytest.raises(UserError, match=self.REFUSED):
                train(net)
        finally:
            end.set()
            thread.join()

    def test_predictions_go_on(self, net):
        x = examples(net, 2)
        expected = net.predict(x)
        thread, end = self.held(net)
        try:
            np.testing.assert_array_equal(net.predict(x), expected)
        finally:
            end.set()
            thread.join()

    def test_of_threads_that_train_at_once_the_second_hears_of_it(self):
        both, refused = threading.Barrier(2, timeout=30), threading.Event()

        class Waits(Affine):
            def forward(self, x):
                # The first thread to come is in its pass until the second one has been refused.
                if not refused.is_set():
                    both.wait()
                    refused.wait(30)
                return super().forward(x)

        net = network([Waits(30), Affine(4)], (12,))

        def train(i):
            if i:
                both.wait()
            try:
                net.train_step(examples(net, 2), np.zeros(2, int))
            except UserError as error:
                refused.set()
                return str(error)
            return ""

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(train, range(2)))

        assert answers[0] == ""
        assert answers[1].startswith(self.REFUSED)

    def test_its_gradients_are_copied_before_anybody_else_trains(self, net):
        x, t = examples(net, 4), np.arange(4) % 4
        expected = net.gradient(x, t)
        again = net.gradient(x, t)
        differs = any(not np.array_equal(expected[n], again[n]) for n in expected)  # dropout

        def gradient(i):
            try:
                return net.gradient(x, t)
            except UserError:
                return None

        answers = [answer for answer in together(gradient, 200) if answer is not None]

        assert answers
        if not differs:
            wrong = [a for a in answers if any((a[n] != expected[n]).any() for n in expected)]
            assert wrong == []

    def test_a_copy_has_no_half_of_a_step(self):
        net = network([Affine(60)], (12,))
        ended = threading.Event()

        def fill():
            number = 0
            while not ended.is_set():
                number += 1
                with net.turns.training, net.turns.turn:
                    net.params[:300] = number
                    net.params[300:] = number

        thread = threading.Thread(target=fill)
        thread.start()
        try:
            copies = [copy.deepcopy(net) for _ in range(50)]
        finally:
            ended.set()
            thread.join()

        assert [len(np.unique(each.params)) for each in copies[1:]] == [1] * 49


@pytest.mark.parametrize("steps", STEPS)
def test_trainers_of_one_thread_may_alternate_on_a_network(steps):
    # As with several optimizers in PyTorch: each step starts from the present parameters, whoever
    # made them, and each optimizer keeps its own states.
    layers = [Affine(30), Relu(), Affine(4)]
    net = network(layers, (12,))
    net.compilers = COMPILERS[steps]
    made = [trainer(net, optimizer=SGD), trainer(net, optimizer=Adam)]
    x, t = examples(net, 64), np.arange(64) % 4
    for one in made:  # the whole split in one batch, so that the order does not matter
        one.batches.size = 64
    by_hand = copy.deepcopy(net)
    optimizers = [SGD(0.01), Adam(0.01)]
    for optimizer in optimizers:
        optimizer.initialize(net.parameter_count, np.random.default_rng(0), net.dtype)

    for step in range(8):
        for one, optimizer in zip(made, optimizers, strict=True):
            one.train_step()
            by_hand.train_step(x, t)
            optimizer.update(by_hand.params, by_hand.grads, step)
            np.testing.assert_allclose(net.params, by_hand.params, rtol=1e-3, atol=1e-5)


class TestBackward:
    @pytest.mark.parametrize(
        "between",
        [
            lambda net, x: net.predict(x),
            lambda net, x: net.accuracy(x, np.zeros(len(x), int)),
            lambda net, x: together(lambda i: net.forward(x), 1),
        ],
        ids=["predict", "accuracy", "forward by another thread"],
    )
    def test_it_refuses_to_go_back_through_another_pass(self, net, between):
        x = examples(net, 3)
        y = net.forward(x, training=True)
        dout = np.ones_like(y)

        between(net, x)

        with pytest.raises(LayerkitError, match="has passed through the network"):
            net.backward(dout)

    @pytest.mark.parametrize("steps", STEPS)
    @pytest.mark.parametrize("what", ["evaluation", "evaluate", "step"])
    def test_it_refuses_to_go_back_after_a_trainer(self, steps, what):
        net = network([Affine(30), Relu(), Affine(4)], (12,))
        net.compilers = COMPILERS[steps]
        x, made = examples(net, 3), trainer(net)
        y = net.forward(x, training=True)
        dout = np.ones_like(y)

        if what == "step":
            made.train_step()
        elif what == "evaluation":
            next(made.run())
        else:
            evaluate(net, Split(x, np.zeros(3, int)), {})

        with pytest.raises(LayerkitError, match=r"an evaluation, a training step .* has passed"):
            net.backward(dout)

    def test_the_loss_refuses_to_go_back_through_that_of_another_thread(self, net):
        x, other_x = examples(net, 3), -examples(net, 5)
        net.loss(x, np.zeros(3, int))

        together(lambda i: net.loss(other_x, np.ones(5, int)), 1)

        with pytest.raises(LayerkitError, match="another thread has computed a loss: call forward"):
            net.loss_function.backward()

    def test_it_goes_back_through_the_last_forward(self, net):
        x = examples(net, 3)
        net.predict(x)
        y = net.forward(x, training=True)

        assert len(net.backward(np.ones_like(y))) == len(net.shapes)

    def test_before_any_forward_it_says_so(self, net):
        with pytest.raises(LayerkitError, match="backward follows a forward"):
            net.backward(np.ones((1, 4), np.float32))


def exit_code(holds):
    """Return 0 if something holds in a process that is forked off."""
    child = os.fork()
    if not child:
        code = 2
        try:
            code = 0 if holds() else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
class TestFork:
    def trains_and_predicts(self, net, x):
        next(trainer(net, steps=3).run())
        return np.array_equal(net.predict(x), net.predict(x)) and np.isfinite(net.params).all()

    def test_processes_may_be_forked_off_while_another_thread_trains(self):
        net = network([Affine(60), Relu(), Affine(4)], (12,))
        net.compilers = []
        running, ended = trainer(net, steps=10**9), threading.Event()
        thread = threading.Thread(target=lambda: [None for _ in running.run()])
        thread.start()
        x = examples(net, 5)
        try:
            codes = [exit_code(lambda: self.trains_and_predicts(net, x)) for _ in range(40)]
        finally:
            running.stop_requested = True
            ended.set()
            thread.join()

        assert codes == [0] * 40

    def test_a_fork_does_not_wait_for_ever(self, monkeypatch):
        monkeypatch.setattr(layerkit.turns, "PATIENCE", 0.1)
        net = network([Affine(4)], (12,))
        begun, end = threading.Event(), threading.Event()

        def hold():
            with net.turns.turn:
                begun.set()
                end.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        begun.wait(30)
        try:
            code = exit_code(lambda: len(net.predict(examples(net, 7))) == 7)
        finally:
            end.set()
            thread.join()

        assert code == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda n, x: setattr(n, "params", n.params * 0.5),
        lambda n, x: setattr(n, "states", n.states * 0.5),
        lambda n, x: n.forward(x, training=True),
        lambda n, x: n.loss(x, np.zeros(len(x), int), training=True),
    ],
    ids=["params", "states", "forward", "loss"],
)
def test_nobody_else_changes_a_network_that_is_trained(change):
    net = Network([Affine(5), BatchNorm(), Dropout(0.5), Affine(4)], (12,), loss=SoftmaxWithLoss())
    net.initialize()
    before = net.params.copy(), net.states.copy()
    x = np.ones((4, 12), np.float32)

    with net.turns.training, ThreadPoolExecutor(1) as other:
        refused = other.submit(change, net, x).exception()

    assert isinstance(refused, UserError)
    assert "another thread is training this network" in str(refused)
    assert ((net.params == before[0]).all(), (net.states == before[1]).all()) == (True, True)


ROWS = np.random.default_rng(3)
OUTPUTS = [ROWS.normal(size=(rows, 50)) for rows in (400, 500, 400, 450)]
TARGETS = {
    "labels": [ROWS.integers(0, 50, len(y)) for y in OUTPUTS],
    "probabilities": [ROWS.dirichlet(np.ones(50), len(y)) for y in OUTPUTS],
}


@pytest.mark.parametrize("t", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("of_network", [False, True], ids=["alone", "of a network"])
def test_a_loss_gives_each_of_many_threads_its_own_numbers_or_none(t, of_network):
    net = Network([Affine(50)], (5,), loss=SoftmaxWithLoss(), dtype="float64").initialize(0)
    loss = net.loss_function if of_network else SoftmaxWithLoss()
    forward = net.loss_of if of_network else loss.forward
    expected = [(forward(y, of), loss.backward().copy()) for y, of in zip(OUTPUTS, t, strict=True)]

    def numbers(i):
        i %= len(OUTPUTS)
        value = forward(OUTPUTS[i], t[i])
        try:
            return i, value, loss.backward().copy()
        except LayerkitError:
            return i, value, expected[i][1]

    answers = together(numbers, 400)

    wrong = [
        i
        for i, value, dout in answers
        if value != expected[i][0] or not np.array_equal(dout, expected[i][1])
    ]
    assert wrong == []
