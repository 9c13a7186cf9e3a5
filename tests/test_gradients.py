import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import LayerkitError, numerical_gradient
from layerkit.gradients import slopes

numbers = st.floats(-3, 3, allow_nan=False)


def test_the_derivative_of_a_square_is_twice_the_number():
    x = np.array([[1.0, -2], [0.5, 3]])

    gradient = numerical_gradient(lambda: float((x**2).sum()), x)

    assert gradient == pytest.approx(2 * x, abs=1e-9)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=4))
def test_the_derivative_of_a_cubic_is_exact_up_to_the_square_of_the_step(coefficients):
    a, b, c, d = np.array(coefficients).T
    x = np.linspace(-1, 1, len(a))

    gradient = numerical_gradient(lambda: float((a * x**3 + b * x**2 + c * x + d).sum()), x)

    assert gradient == pytest.approx(3 * a * x**2 + 2 * b * x + c, abs=2e-9)


def test_the_array_is_left_as_it_was():
    x = np.array([0.1, 0.2, 0.3])

    numerical_gradient(lambda: float(np.exp(x).sum()), x)

    assert x.tolist() == [0.1, 0.2, 0.3]


def test_only_the_indices_asked_for_are_differentiated_by():
    x = np.arange(6.0).reshape(2, 3)

    gradient = numerical_gradient(lambda: float((x**2).sum()), x, at=[5, 0])

    assert gradient == pytest.approx([10, 0], abs=1e-9)


def test_the_step_grows_with_the_number_so_that_it_is_not_lost_in_its_rounding():
    x = np.array([5e12])

    gradient = numerical_gradient(lambda: float(3 * x[0]), x)

    assert gradient == pytest.approx([3], rel=1e-10)


def test_the_slopes_of_a_relu_differ_at_its_kink_alone():
    x = np.array([-1.0, 0, 1])

    left, right = slopes(lambda: float(np.maximum(x, 0).sum()), x)

    assert left == pytest.approx([0, 0, 1], abs=1e-9)
    assert right == pytest.approx([0, 1, 1], abs=1e-9)


def test_the_gradient_at_a_kink_is_the_mean_of_both_slopes():
    x = np.array([0.0])

    assert numerical_gradient(lambda: abs(x[0]), x) == pytest.approx([0], abs=1e-9)


def test_a_number_that_overflows_gives_a_gradient_that_is_not_finite():
    x = np.array([1.0])

    assert not math.isfinite(numerical_gradient(lambda: math.inf, x)[0])


def test_float32_is_refused_because_its_rounding_would_hide_the_difference():
    x = np.zeros(2, np.float32)

    with pytest.raises(ValueError, match=r'x must be float64, got float32: use .* dtype="float64"'):
        numerical_gradient(lambda: 0.0, x)


def test_an_array_that_is_not_contiguous_is_refused_because_a_copy_would_be_changed():
    x = np.zeros((4, 4))

    with pytest.raises(ValueError, match="x must be contiguous"):
        numerical_gradient(lambda: 0.0, x[:, :2])
    with pytest.raises(ValueError, match="x must be contiguous"):
        numerical_gradient(lambda: 0.0, np.asfortranarray(np.zeros((2, 3))))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda: np.ones(2), r"^f must return one number, got array\(\[1\., 1\.\]\); sum an array"),
        (lambda: np.ones(1), r"^f must return one number, got array\(\[1\.\]\); sum an array"),
        (lambda: None, "^f must return one number, got None"),
        (lambda: 1j, "^f must return one number, got 1j"),
        (lambda x: float(x.sum()), r"^f must be a function without arguments, .* takes \(x\)"),
        (3, "^f must be a function that returns a number, got 3$"),
    ],
    ids=["array", "array of one", "None", "complex", "argument", "no function"],
)
def test_what_is_no_number_is_not_differentiated(f, message):
    x = np.ones(2)

    with pytest.raises(LayerkitError, match=message):
        numerical_gradient(f, x)
    assert x.tolist() == [1, 1]


@pytest.mark.parametrize("step", [0, -1e-5, math.inf, math.nan, "a"])
def test_a_step_is_above_0(step):
    with pytest.raises(LayerkitError, match=r"^step must be a number above 0, got "):
        numerical_gradient(lambda: 1.0, np.ones(2), step=step)


def test_numbers_of_other_types_are_differentiated_too():
    x = np.array([3.0])

    assert numerical_gradient(lambda: (x**2)[0], x) == pytest.approx([6])
    assert numerical_gradient(lambda: (x**2).sum(keepdims=True)[0], x) == pytest.approx([6])
    assert numerical_gradient(lambda: np.asarray(x[0] ** 2), x) == pytest.approx([6])
