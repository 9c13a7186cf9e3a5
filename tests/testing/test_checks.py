"""The ways to use the kit: as tests, as records, and with failures that are expected."""

import pytest

from layerkit import Array, Example, Layer, Shape, ShapeError, UserError
from layerkit.builtin.layers import Affine, Relu
from layerkit.testing import check_component, check_layer, checks, parametrize_with_checks


class Double(Layer):
    """Twice the input, with a mistake in ``backward``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        return 2 * x

    def backward(self, dout: Array) -> Array:
        return 3 * dout


WRONG = {
    "it_is_registered": "it is made up",
    "gradients_of_inputs_are_the_numerical_ones": "it has a mistake",
    "backward_goes_with_the_last_forward": "it has a mistake",
}


def test_each_law_has_a_record():
    records = check_layer(Relu)

    assert len(records) == len(list(checks(Relu))) > 20
    assert {(r.component, r.status, r.reason) for r in records} == {("Relu", "passed", "")}
    assert all(record.seconds >= 0 for record in records)


def test_a_broken_law_is_told_with_its_reason():
    failed = {r.check: r.reason for r in check_layer(Double) if r.status == "failed"}

    assert list(failed) == list(WRONG)
    assert "it is 1.5 times the numerical one" in failed[list(WRONG)[1]]


def test_failures_that_are_expected_count_apart_and_keep_their_reason():
    records = check_component(Double, expected_failures={"Double": WRONG})

    expected = {r.check: r.reason for r in records if r.status == "expected failure"}
    assert expected == WRONG
    assert not [r for r in records if r.status == "failed"]


def test_a_law_that_holds_although_it_was_expected_to_fail_is_a_failure():
    records = check_layer(Relu, {"Relu": {"the_type_is_kept": "long ago"}})

    (failed,) = [r for r in records if r.status == "failed"]
    assert (failed.check, failed.reason) == (
        "the_type_is_kept",
        "was expected to fail (long ago), but passes",
    )


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"the_tipe_is_kept": "so"}, 'Relu has no law "the_tipe_is_kept"; did you mean'),
        ({"the_type_is_kept": " "}, "Relu, the_type_is_kept: needs a reason"),
    ],
)
def test_an_expected_failure_needs_a_law_and_a_reason(expected, message):
    with pytest.raises(UserError, match=message):
        check_layer(Relu, {"Relu": expected})


def test_only_classes_of_components_can_be_checked():
    with pytest.raises(UserError, match=r"the kit checks classes of components, got Relu\(\)"):
        list(checks(Relu()))


@parametrize_with_checks([Relu, Affine])
def test_as_tests_each_check_has_its_own_id(check, request):
    assert request.node.callspec.id == str(check)
    check()


@parametrize_with_checks([Double], {"Double": WRONG})
def test_as_tests_expected_failures_are_strict(check):
    check()


def test_as_tests_there_has_to_be_a_component():
    with pytest.raises(UserError, match="needs at least one component"):
        parametrize_with_checks([])


def test_as_tests_expected_failures_are_of_components_that_are_checked():
    with pytest.raises(UserError, match='"Affin" is not checked; did you mean "Affine"'):
        parametrize_with_checks([Affine], {"Affin": {"the_type_is_kept": "so"}})


class NeedsUnits(Layer):
    """A layer whose option has no default."""

    def __init__(self, units: int) -> None:
        self.units = units

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dout: Array) -> Array:
        return dout


class OnlyPairs(NeedsUnits):
    """A layer that takes no common shape."""

    examples = (Example({"units": 3}),)

    def build(self, shape: Shape) -> Shape:
        if shape != (2,):
            raise ShapeError("takes pairs")
        return shape


class WrongExample(NeedsUnits):
    """A layer whose example has a mistake."""

    examples = (Example({"units": "three"}, [(2,)]),)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (
            NeedsUnits,
            "cannot be tried, because units has no default; declare in the class, with values "
            'that fit: examples = (Example({"units": ...}, [(3,)]),)',
        ),
        (OnlyPairs, "takes none of the shapes that are tried, (5,), (3, 4), (2, 3, 4) for each"),
        (WrongExample, 'units: must be an integer, got "three"; in its Example('),
    ],
)
def test_a_layer_that_cannot_be_tried_is_told_what_to_declare(cls, message):
    records = {record.check: record for record in check_layer(cls)}

    assert records["the_type_is_kept"].status == "failed"
    assert message in records["the_type_is_kept"].reason


class Exits(Double):
    """A layer that ends the program."""

    def forward(self, x: Array) -> Array:
        raise SystemExit(3)


def test_whatever_a_layer_raises_is_told_with_its_place():
    records = {record.check: record for record in check_layer(Exits)}

    assert records["the_type_is_kept"].status == "failed"
    assert (
        "forward raised SystemExit: 3 (test_checks.py, line " in records["the_type_is_kept"].reason
    )
