import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from layerkit.builtin.schedules import Step
from layerkit.contracts.ownership import variables

ALL = [
    SGD(0.1),
    SGD(0.02, momentum=0.9),
    SGD(0.02, momentum=0.9, nesterov=True),
    SGD(0.1, weight_decay=0.01),
    AdaGrad(0.5),
    RMSprop(0.01),
    Adam(0.05),
    Adam(0.05, weight_decay=0.01),
    AdamW(0.05),
]
every_optimizer = pytest.mark.parametrize("optimizer", ALL, ids=repr)


def built(optimizer, size, dtype=np.float64):
    """Make an optimizer ready, as the trainer does."""
    optimizer.dtype = dtype
    optimizer.build(size)
    for _, state in variables(optimizer):
        state.allocate(dtype)
        state.initialize(np.random.default_rng(0))
    return optimizer


def path(optimizer, *grads, start=1.0):
    """Return where a single parameter is after each gradient."""
    built(optimizer, 1)
    params, places = np.array([start]), []
    for step, grad in enumerate(grads):
        optimizer.update(params, np.array([grad]), step)
        places.append(float(params[0]))
    return places


def test_sgd_goes_against_the_gradient():
    assert path(SGD(0.5), 1.0, -2.0) == [0.5, 1.5]


def test_sgd_follows_its_schedule():
    assert path(SGD(Step(0.5, every=1, factor=0.5)), 1.0, 1.0, 1.0) == [0.5, 0.25, 0.125]


def test_momentum_keeps_a_share_of_the_velocity():
    # The velocities are 1, 0.5 + 1 and 0.75 - 1.
    assert path(SGD(1.0, momentum=0.5), 1.0, 1.0, -1.0) == [0, -1.5, -1.25]


def test_nesterov_steps_along_the_gradient_and_the_velocity_ahead():
    # The velocities are 1 and 1.5; the steps are 1 + 0.5 * 1 and 1 + 0.5 * 1.5.
    assert path(SGD(1.0, momentum=0.5, nesterov=True), 1.0, 1.0) == [-0.5, -2.25]


def test_weight_decay_pulls_toward_0_without_any_gradient():
    assert path(SGD(0.5, weight_decay=0.5), 0.0, 0.0) == [0.75, 0.5625]


def test_adagrad_divides_by_the_root_of_the_sum_of_squares():
    # The sums of squares are 9 and 25.
    places = path(AdaGrad(0.5), 3.0, 4.0)

    assert places == pytest.approx([1 - 0.5 * 3 / 3, 0.5 - 0.5 * 4 / 5])


def test_rmsprop_divides_by_the_root_of_the_mean_square():
    # The means are 0.75 * 4 = 3 and 0.25 * 3 + 0.75 * 1 = 1.5.
    places = path(RMSprop(0.5, decay=0.25), 2.0, 1.0)

    assert places == pytest.approx([1 - 1 / math.sqrt(3), 1 - 1 / math.sqrt(3) - 0.5 / 1.5**0.5])


def test_the_first_step_of_adam_is_as_long_as_the_learning_rate():
    assert path(Adam(0.25), 1e3) == pytest.approx([0.75])
    assert path(Adam(0.25), -1e-3) == pytest.approx([1.25], rel=1e-4)


def test_adam_divides_the_mean_gradient_by_the_root_of_the_mean_square():
    # With weights 1/2 and 1 the mean of 1 and 4 is 3; with weights 1/4 and 1 that of their
    # squares is (1/4 + 16) / (5/4) = 13.
    places = path(Adam(1.0, beta1=0.5, beta2=0.25, epsilon=1e-30), 1.0, 4.0)

    assert places == pytest.approx([0, -3 / math.sqrt(13)])


def test_epsilon_stands_outside_the_root():
    assert path(Adam(1.0, epsilon=1.0), 3.0) == pytest.approx([1 - 3 / (3 + 1)])
    assert path(AdaGrad(1.0, epsilon=1.0), 3.0) == pytest.approx([1 - 3 / (3 + 1)])
    assert path(RMSprop(1.0, decay=0.0, epsilon=1.0), 3.0) == pytest.approx([1 - 3 / (3 + 1)])


def test_the_weight_decay_of_adam_passes_through_its_means_and_that_of_adamw_does_not():
    # Decay is all the gradient there is: adam makes a whole step of it.
    assert path(Adam(0.25, weight_decay=0.5), 0.0) == pytest.approx([0.75])
    assert path(AdamW(0.25, weight_decay=0.5), 0.0) == [1 - 0.25 * 0.5]


def test_adamw_without_decay_is_adam():
    grads = [0.3, -1.0, 2.0]

    assert path(AdamW(0.1, weight_decay=0.0), *grads) == path(Adam(0.1), *grads)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match=r"^nesterov needs a momentum greater than 0$"):
        SGD(nesterov=True)


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (SGD(), []),
        (SGD(momentum=0.9), ["velocity"]),
        (AdaGrad(), ["squares"]),
        (RMSprop(), ["squares"]),
        (Adam(), ["gradients", "squares"]),
        (AdamW(), ["gradients", "squares"]),
    ],
    ids=repr,
)
def test_states_are_only_what_is_kept_from_step_to_step(optimizer, names):
    optimizer.build(5)

    assert [(n, s.shape) for n, s in variables(optimizer)] == [(n, (5,)) for n in names]


@every_optimizer
def test_every_optimizer_lowers_a_quadratic(optimizer):
    built(optimizer, 3)
    curvature = np.array([0.5, 1.0, 4.0])
    params = np.array([1.0, -2.0, 0.5])

    def height():
        return float(curvature @ params**2) / 2

    start = height()
    for step in range(500):
        optimizer.update(params, curvature * params, step)

    assert height() < 1e-3 * start


@every_optimizer
def test_a_gradient_of_zeros_is_no_reason_to_divide_by_zero(optimizer):
    built(optimizer, 2)
    params = np.zeros(2)

    optimizer.update(params, np.zeros(2), 0)

    np.testing.assert_array_equal(params, [0, 0])


@every_optimizer
def test_steps_in_float32_lead_near_those_in_float64(optimizer):
    rng = np.random.default_rng(0)
    grads = rng.normal(size=(10, 50))
    results = {}
    for dtype in (np.float32, np.float64):
        built(optimizer, 50, dtype)
        params = np.linspace(-1, 1, 50, dtype=dtype)
        for step, grad in enumerate(grads):
            optimizer.update(params, grad.astype(dtype), step)
        results[dtype] = params

    np.testing.assert_allclose(results[np.float32], results[np.float64], rtol=1e-4, atol=1e-5)


@every_optimizer
def test_an_update_allocates_nothing_that_grows_with_the_parameters(optimizer):
    size = 20_000
    built(optimizer, size)
    params, grads = np.ones(size), np.ones(size)
    optimizer.update(params, grads, 0)

    tracemalloc.start()
    optimizer.update(params, grads, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < size, "a byte for each parameter would be more"


@every_optimizer
def test_an_update_with_restored_states_goes_on_where_it_stopped(optimizer):
    rng = np.random.default_rng(0)
    grads = rng.normal(size=(6, 4))

    def run(params, steps):
        for step in steps:
            optimizer.update(params, grads[step].copy(), step)
        return params

    built(optimizer, 4)
    whole = run(np.ones(4), range(6))
    built(optimizer, 4)
    half = run(np.ones(4), range(3))
    saved = {name: state.value.copy() for name, state in variables(optimizer)}
    built(optimizer, 4)
    for name, state in variables(optimizer):
        state.value = saved[name]

    np.testing.assert_array_equal(run(half, range(3, 6)), whole)


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_adaptive_steps_do_not_depend_on_the_scale_of_the_loss(scale, seed):
    grads = np.random.default_rng(seed).uniform(0.5, 2, 5)

    for adaptive in (AdaGrad, RMSprop, Adam, AdamW):
        optimizer = adaptive(0.1, epsilon=1e-30)
        assert path(optimizer, *grads * scale) == pytest.approx(path(optimizer, *grads))
