import copy

import numpy as np
import pytest

from layerkit import (
    Data,
    DataError,
    Network,
    Optimizer,
    ShapeError,
    Split,
    State,
    Trainer,
    UserError,
)
from layerkit.arrays import CACHE_LINE
from layerkit.builtin.layers import Affine
from layerkit.builtin.losses import MeanSquaredError
from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from layerkit.spec import TrainingSettings


class Drawn(Optimizer):
    """An optimizer whose state begins with random numbers."""

    def __init__(self):
        self.learning_rate = 0.1

    def build(self, size):
        self.noise = State((size,), lambda shape, rng: rng.normal(size=shape))

    def update(self, params, grads, step):
        params -= self.noise.value * grads


class Both(Optimizer):
    """Two optimizers that take turns."""

    def __init__(self, first: Optimizer, second: Optimizer):
        self.turns = {"first": first, "second": second}
        self.learning_rate = 0.1

    def build(self, size):
        for optimizer in self.turns.values():
            optimizer.build(size)

    def update(self, params, grads, step):
        self.turns["second" if step % 2 else "first"].update(params, grads, step)


def test_an_optimizer_alone_is_ready_after_initialize():
    adam = Adam(0.1)

    vector = adam.initialize(3, dtype=np.float32)

    assert (vector.tolist(), vector.dtype) == ([0] * 6, np.float32)
    assert np.shares_memory(vector, adam.gradients.value)
    assert np.shares_memory(vector, adam.squares.value)
    assert vector.ctypes.data % CACHE_LINE == 0
    params = np.ones(3, np.float32)
    adam.update(params, np.ones(3, np.float32), 0)
    np.testing.assert_allclose(params, 0.9, rtol=1e-6)  # Adam's first step is the learning rate


def test_the_states_begin_with_what_the_generator_draws():
    drawn = Drawn()

    vector = drawn.initialize(4, 7)

    expected = np.random.default_rng(7).normal(size=4)
    np.testing.assert_array_equal(vector, expected)
    np.testing.assert_array_equal(drawn.initialize(4, np.random.default_rng(7)), expected)


def test_initialize_forgets_what_was_remembered():
    sgd, params = SGD(0.1, momentum=0.9), np.zeros(2)
    sgd.initialize(2)
    sgd.update(params, np.ones(2), 0)

    sgd.initialize(2)

    assert sgd.velocity.value.tolist() == [0, 0]


def test_optimizers_inside_an_optimizer_are_initialised_with_it():
    inner = SGD(0.1, momentum=0.5)
    both = Both(inner, Adam(0.1))

    vector = both.initialize(2, dtype="float32")

    assert vector.shape == (6,)
    assert (inner.dtype, inner.is_initialized) == (np.float32, True)
    assert np.shares_memory(vector, inner.velocity.value)


def test_a_state_of_somebody_else_is_refused():
    class Borrows(SGD):
        pass

    lender, borrower = Adam(), Borrows()
    lender.initialize(2)
    borrower.seen = lender.squares

    with pytest.raises(UserError) as caught:
        borrower.initialize(2)

    assert str(caught.value) == (
        "Borrows: its state seen already belongs to another optimizer or network; give it its own"
    )


OPTIMIZERS = [SGD(0.1), SGD(0.1, momentum=0.9), Adam(), AdamW(), AdaGrad(), RMSprop()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize(
    ("params", "grads", "said"),
    [
        ((3,), (1,), "gradients must have the shape of the parameters, (3,), got (1,)"),
        ((3,), (), "gradients must have the shape of the parameters, (3,), got ()"),
        ((3,), (4,), "gradients must have the shape of the parameters, (3,), got (4,)"),
        ((1,), (3,), "gradients must have the shape of the parameters, (1,), got (3,)"),
        ((4,), (4,), "was initialised for parameters of shape (3,), got (4,); call initialize(4)"),
        ((1, 3), (1, 3), "was initialised for parameters of shape (3,), got (1, 3); call "),
    ],
)
def test_vectors_that_do_not_fit_are_refused(optimizer, params, grads, said):
    optimizer.initialize(3)
    params = np.ones(params)

    with pytest.raises(ShapeError) as refusal:
        optimizer.update(params, np.ones(grads), 0)

    assert str(refusal.value).startswith(f"{type(optimizer).__name__}: {said}")
    assert (params == 1).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("wrong", [[1.0, 1, 1], np.ones(3, int), np.ones(3, "f2"), 1.0, None])
def test_so_is_anything_but_floats(optimizer, wrong):
    optimizer.initialize(3)
    right = np.ones(3)

    for vectors, name in (((wrong, right), "parameters"), ((right, wrong), "gradients")):
        with pytest.raises(DataError) as refusal:
            optimizer.update(*vectors, 0)
        assert str(refusal.value).startswith(
            f"{type(optimizer).__name__}: {name} must be an array of float32 or float64, got "
        )
    assert (right == 1).all()


def test_an_optimizer_that_overrides_another_may_hand_it_a_part():
    class First(SGD):
        def build(self, size):
            super().build(size - 1)

        def update(self, params, grads, step):
            super().update(params[1:], grads[1:], step)

    first, params = First(0.5, momentum=0.5), np.ones(3)
    first.initialize(3)

    first.update(params, np.ones(3), 0)

    assert params.tolist() == [1, 0.5, 0.5]
    network = Network([Affine(1)], (2,), loss=MeanSquaredError(), dtype="float64").initialize()
    split = Split(np.ones((4, 2)), np.ones(4))
    list(
        Trainer(
            network, Data(split, split), First(), TrainingSettings(epochs=1, batch_size=2), {}
        ).run()
    )


def test_the_size_is_that_of_the_last_initialize():
    sgd = SGD(0.5)
    sgd.update(np.ones((2, 2)), np.ones((2, 2)), 0)  # one without states needs no initialize
    sgd.initialize(2)
    sgd.initialize(3)

    copy.deepcopy(sgd).update(np.ones(3), np.ones(3), 0)
