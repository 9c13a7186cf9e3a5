import numpy as np
import pytest

from layerkit import Optimizer, State, UserError
from layerkit.arrays import CACHE_LINE
from layerkit.builtin.optimizers import SGD, Adam


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
        "Borrows: its state seen already belongs to another optimizer or network; give it one of "
        "its own"
    )
