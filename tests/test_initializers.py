import numpy as np
import pytest

from layerkit.builtin.initializers import Constant
from layerkit.initializers import He, Normal, Uniform, Xavier, Zeros

SHAPE = (300, 200)

RANDOM = [
    Normal(),
    Uniform(),
    Xavier(),
    Xavier("normal"),
    He(),
    He("uniform"),
]


def draw(initializer, shape=SHAPE, seed=0):
    return initializer(shape, np.random.default_rng(seed))


def test_zeros_are_zeros():
    np.testing.assert_array_equal(draw(Zeros(), (2, 3)), [[0, 0, 0], [0, 0, 0]])


def test_constant_repeats_its_number_as_a_float():
    np.testing.assert_array_equal(draw(Constant(2), (3,)), [2.0, 2.0, 2.0])
    assert draw(Constant(2), (3,)).dtype == np.float64


@pytest.mark.parametrize(
    ("initializer", "mean", "std"),
    [
        (Normal(), 0, 0.01),
        (Normal(mean=2, std=0.5), 2, 0.5),
        (Uniform(), 0, 0.1 / 12**0.5),
        (Uniform(low=1, high=4), 2.5, 3 / 12**0.5),
        (Xavier("uniform"), 0, (2 / 500) ** 0.5),
        (Xavier("normal"), 0, (2 / 500) ** 0.5),
        (He("uniform"), 0, (2 / 300) ** 0.5),
        (He("normal"), 0, (2 / 300) ** 0.5),
    ],
    ids=repr,
)
def test_mean_and_standard_deviation_are_those_of_the_formula(initializer, mean, std):
    values = draw(initializer)

    # 60,000 numbers: the standard error of their mean is std / 245, that of std about std / 346.
    assert values.mean() == pytest.approx(mean, abs=std / 50)
    assert values.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (Uniform(), -0.05, 0.05),
        (Xavier("uniform"), -((6 / 500) ** 0.5), (6 / 500) ** 0.5),
        (He("uniform"), -((6 / 300) ** 0.5), (6 / 300) ** 0.5),
    ],
    ids=repr,
)
def test_uniform_numbers_fill_their_range_and_stay_in_it(initializer, low, high):
    values = draw(initializer)

    assert low <= values.min() < low + 0.001 * (high - low)
    assert high - 0.001 * (high - low) < values.max() <= high


def test_fan_in_is_the_product_of_all_axes_but_the_last():
    kernel = draw(He(), (5, 5, 12, 200))

    assert kernel.std() == pytest.approx((2 / 300) ** 0.5, rel=0.02)


def test_a_vector_counts_as_the_outputs_of_one_input():
    assert draw(He(), (10_000,)).std() == pytest.approx(2**0.5, rel=0.03)
    assert draw(Xavier(), (9_999,)).std() == pytest.approx((2 / 10_000) ** 0.5, rel=0.03)


@pytest.mark.parametrize("initializer", RANDOM, ids=repr)
def test_the_same_generator_gives_the_same_numbers_in_float64(initializer):
    values = draw(initializer, (4, 3), seed=1)

    np.testing.assert_array_equal(values, draw(initializer, (4, 3), seed=1))
    assert (values != draw(initializer, (4, 3), seed=2)).all()
    assert values.dtype == np.float64


@pytest.mark.parametrize("initializer", [Zeros(), Constant(1.0), *RANDOM], ids=repr)
def test_the_shape_is_the_one_asked_for(initializer):
    for shape in [(), (3,), (4, 3), (2, 3, 4, 5)]:
        assert draw(initializer, shape).shape == shape


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (0.5, -0.5)])
def test_an_empty_uniform_range_is_refused(bounds):
    low, high = bounds
    with pytest.raises(ValueError, match=f"^low must be less than high, got low={low} and high="):
        Uniform(low, high)
