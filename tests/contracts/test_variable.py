import numpy as np
import pytest

from layerkit import LayerkitError, Parameter, State
from layerkit.contracts.variable import bind_all


def allocated(shape, init=0.0):
    parameter = Parameter(shape, init)
    parameter.allocate(np.float64)
    parameter.initialize(np.random.default_rng(0))
    return parameter


def test_assigning_a_value_copies_it_into_place():
    parameter = allocated((2, 2))
    held, given = parameter.value, np.array([[1.0, 2], [3, 4]])

    parameter.value = given
    given[0, 0] = 9

    assert parameter.value is held
    assert held.tolist() == [[1, 2], [3, 4]]


def test_assigning_a_gradient_copies_it_into_place():
    parameter = allocated((2,))
    held = parameter.grad

    parameter.grad = [5, 6]

    assert parameter.grad is held
    assert held.tolist() == [5, 6]


def test_adding_to_a_gradient_or_value_changes_it_in_place():
    parameter = allocated((2,))
    value, grad = parameter.value, parameter.grad

    parameter.value += 1
    parameter.grad += np.array([1.0, 2])
    parameter.grad *= 10

    assert (parameter.value is value, parameter.grad is grad) == (True, True)
    assert (value.tolist(), grad.tolist()) == ([1, 1], [10, 20])


def test_assigning_converts_to_the_type_and_broadcasts_to_the_shape():
    parameter = Parameter((2, 2))
    parameter.allocate(np.float32)

    parameter.value = 0.5

    assert parameter.value.dtype == np.float32
    assert parameter.value.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_assigning_an_array_of_another_shape_is_an_error():
    parameter = allocated((2, 2))

    with pytest.raises(ValueError, match="broadcast"):
        parameter.value = np.zeros((3, 2))


@pytest.mark.parametrize("name", ["value", "grad"])
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (np.zeros((3, 2)), r"the shape \(2, 2\), or one that broadcasts to it, got \(3, 2\)$"),
        ([[1], [1, 2]], "an array of numbers: "),
        ("a", "an array of integers or floats, got <U1$"),
        (1j, "an array of integers or floats, got complex128$"),
        (np.ones((2, 2), complex), "an array of integers or floats, got complex128$"),
        (None, "an array of integers or floats, got object$"),
    ],
    ids=["shape", "ragged", "text", "complex", "complex array", "None"],
)
def test_what_is_assigned_are_numbers_of_its_shape(name, numbers, message):
    parameter = allocated((2, 2), 3.0)

    with pytest.raises(LayerkitError, match=rf"^Parameter\.{name} must (be|have) {message}"):
        setattr(parameter, name, numbers)
    assert parameter.value.tolist() == [[3, 3], [3, 3]]


def test_a_value_that_becomes_infinite_is_refused():
    parameter = Parameter((2,), 3.0)
    parameter.allocate(np.float32)
    parameter.value = 3

    with pytest.raises(LayerkitError, match=r"Parameter\.value must be from .* float32 holds"):
        parameter.value = np.array([1e300, 1])
    assert parameter.value.tolist() == [3, 3]


def test_a_state_has_no_gradient():
    assert not hasattr(State((2,)), "grad")


def test_the_first_value_is_a_number_or_comes_from_a_callable_of_shape_and_rng():
    drawn = allocated((3,), lambda shape, rng: rng.normal(size=shape))

    assert allocated((2,), 7).value.tolist() == [7, 7]
    np.testing.assert_array_equal(drawn.value, np.random.default_rng(0).normal(size=3))


def test_a_value_that_is_not_allocated_yet_is_told_with_what_to_do():
    parameter = Parameter((2,))

    with pytest.raises(LayerkitError) as caught:
        parameter.value  # noqa: B018

    assert str(caught.value) == (
        "a parameter has no value yet; first call initialize() of the network, "
        "or of a layer that is used alone"
    )


def test_a_parameter_may_have_no_axes_or_no_elements():
    scalar, nothing = allocated((), 3), allocated((0, 5))

    assert (scalar.size, float(scalar.value)) == (1, 3)
    assert (nothing.size, nothing.value.shape) == (0, (0, 5))


def test_variables_bound_together_are_views_of_one_vector_in_order():
    a, b = State((2, 2)), State((3,))

    vector = bind_all([a, b], np.float64)
    a.value = [[1, 2], [3, 4]]
    b.value = 5
    vector[0] = 9

    assert vector.tolist() == [9, 2, 3, 4, 5, 5, 5]
    assert a.value[0, 0] == 9
    assert vector.flags.c_contiguous


def test_declared_fans_reach_an_initializer_that_takes_them():
    class ByFans:
        takes_fans = True

        def __call__(self, shape, rng, fans):
            return np.full(shape, fans[0] / fans[1])

    parameter = Parameter((2, 3), ByFans(), fans=(6, 4))
    parameter.allocate("float64")
    parameter.initialize(np.random.default_rng(0))

    assert parameter.value.tolist() == [[1.5] * 3] * 2


def test_declared_fans_are_kept_from_an_initializer_that_takes_shape_and_rng_alone():
    parameter = Parameter((2,), lambda shape, rng: np.ones(shape), fans=(6, 4))
    parameter.allocate("float64")
    parameter.initialize(np.random.default_rng(0))

    assert parameter.value.tolist() == [1, 1]
