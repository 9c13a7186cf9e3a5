"""Examples that become infinite or equal in the type of a network are refused."""

import re

import numpy as np
import pytest

from layerkit import (
    Data,
    DataError,
    Network,
    Split,
    Trainer,
    UserError,
    numerical_gradient,
)
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.losses import MeanSquaredError
from layerkit.builtin.optimizers import SGD
from layerkit.errors import OptionError
from layerkit.spec import TrainingSettings


def network(dtype="float32", shape=(2,)):
    layers = [Affine(2)] if shape == (2,) else [Relu()]
    return Network(layers, shape, loss=MeanSquaredError(), dtype=dtype).initialize()


def train(made, split):
    return Trainer(made, Data(split, split), SGD(), TrainingSettings(steps=1), {})


USES = ["predict", "forward", "loss", "gradient", "train_step", "accuracy"]


def use(made, name, x):
    arguments = (x,) if name in ("predict", "forward") else (x, np.zeros((len(x), 2)))
    return getattr(made, name)(*arguments)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("largest", [1e300, -1e300, np.longdouble("1e3000")])
def test_numbers_that_become_infinite_are_refused(name, largest):
    x = np.array([[1, 2], [3, largest]])

    with pytest.raises(DataError) as refusal:
        use(network(), name, x)

    assert re.fullmatch(
        r"examples must be from -3\.4e\+38 to 3\.4e\+38, which float32 holds, got numbers up to "
        r'1e\+3000?; scale them, or compute in "dtype": "float64"',
        str(refusal.value),
    )


def test_float64_holds_more_and_not_all():
    assert np.isfinite(network("float64").predict(np.array([[1e300, 0]]))).all()
    with pytest.raises(DataError, match=r"got numbers up to 1e\+3000; scale them$"):
        network("float64").predict(np.array([[np.longdouble("1e3000"), 0]]))


@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_what_is_infinite_already_passes(special):
    made = network(shape=(3,))

    assert not np.isfinite(made.predict(np.array([[special, 1, 2]]))).all()


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64, np.float64])
def test_whole_numbers_that_become_the_same_are_refused(name, dtype):
    x = np.array([[2**24, 5], [7, 5], [2**24 + 1, 5]]).astype(dtype)

    with pytest.raises(DataError) as refusal:
        use(network(), name, x)

    assert str(refusal.value) == (
        "examples must not have both 16777216 and 16777217 in column 0, which float32 makes the "
        "same: it holds whole numbers up to 16,777,216; drop them if they name examples, subtract "
        'their least number, scale them, or compute in "dtype": "float64"'
    )


@pytest.mark.parametrize(
    "x",
    [
        [[2**24 + 1, 5], [2**24 + 1, 6]],
        [[2**24 + 1, 2**24], [2**30, 2**30 + 1]],
        [[2**24 + 0.5, 5], [2**24 + 1, 5]],
        [[65535, 5], [65534, 6]],
        [[2**40, 5]],
        np.zeros((0, 2), np.int64),
    ],
)
def test_numbers_that_stay_apart_in_their_columns_are_taken(x):
    assert network().predict(np.array(x)).shape == (len(x), 2)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("rows_at_once", [1, 2, 5])
def test_whole_numbers_are_compared_across_the_parts_of_a_batch(name, rows_at_once):
    made = network()
    made.rows_at_once = rows_at_once
    x = np.array([[2**24, 5], [7, 5], [8, 5], [2**24 + 1, 5]])

    with pytest.raises(DataError, match="not have both 16777216 and 16777217 in column 0"):
        use(made, name, x)


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("least", [1e-300, -1e-60, np.longdouble("1e-3000")])
def test_a_column_that_becomes_0_is_refused(name, least):
    x = np.array([[1, least], [3, least / 2]])

    with pytest.raises(DataError) as refusal:
        use(network(), name, x)

    assert re.fullmatch(
        r"examples have numbers of at most (1e-300|1e-60|1e-3000) in column 1, which float32 "
        r"makes 0; scale them, set them to 0 if they count for nothing, or compute in .*",
        str(refusal.value),
    )


def test_an_example_that_becomes_0_as_a_whole_is_refused():
    with pytest.raises(DataError, match=r"numbers of at most 1e-300, which float32 makes 0"):
        network().predict(np.array([[1e-300, 0]]))


@pytest.mark.parametrize(
    "x", [[[1e-300, 1]], [[1e-300, 1], [1, 1e-300]], [[0, 1e-44]], [[0.0, 0]], [[1e-40, 1e-41]]]
)
def test_small_numbers_beside_larger_ones_are_rounded(x):
    x = np.array(x)
    with np.errstate(under="ignore"):
        expected = network().predict(x.astype("f4"))

    assert (network().predict(x) == expected).all()
    assert np.isfinite(network("float64").predict(np.array([[1e-300, 0]]))).all()


def test_the_parts_of_a_batch_are_judged_together():
    made = network()
    made.rows_at_once = 1
    x = np.array([[1.0, 1e-300], [1, 2], [1e-300, 3], [1e-300, 1e-300]])

    assert (made.predict(x) == network().predict(x)).all()


def test_float64_tells_them_apart():
    assert network("float64").predict(np.array([[2**24, 5], [2**24 + 1, 5]])).shape == (2, 2)


def message(refused):
    with pytest.raises(DataError) as refusal:
        refused()
    return str(refusal.value)


TINY, HUGE = np.longdouble("1e-3000"), np.longdouble("1e3000")


class TestTrainer:
    """A trainer refuses of a data set what ``predict`` refuses of a batch, in the same words."""

    @pytest.mark.parametrize(
        ("dtype", "column"),
        [
            ("float64", [2**53, 2**53 + 1]),
            ("float64", np.array([2**63, 2**63 + 1], np.uint64)),
            ("float64", [-(2**63), 1 - 2**63]),
            ("float32", [-(2**63), 1 - 2**63]),
            ("float32", [2**24, 2**24 + 1]),
            ("float32", np.array([2**24, 2**24 + 1], np.float64)),
            ("float32", [1e300, 1]),
            ("float32", [1e300, np.nan]),
            ("float32", [-1e300, np.inf]),
            ("float32", [1e-300, -1e-300]),
            ("float32", [1e-300, np.nan]),
            ("float32", [TINY, 0]),
            ("float64", [TINY, 0]),
            ("float64", [HUGE, 0]),
            ("float64", [-HUGE, np.nan]),
        ],
        ids=str,
    )
    def test_it_refuses_what_predict_refuses(self, dtype, column):
        column = np.asarray(column)
        x = np.stack([np.zeros_like(column), column], axis=1)
        split = Split(x, np.zeros((2, 2)))
        made = network(dtype)

        refusal = message(lambda: made.predict(x))

        assert re.match("examples (must|have)", refusal)
        assert message(lambda: train(made, split)) == refusal.replace(
            "examples", "the examples of the training part", 1
        )

    @pytest.mark.parametrize(
        ("dtype", "column"),
        [
            ("float64", [2**53, 2**53 + 2]),
            ("float64", [2**53 - 1, 2**53]),
            ("float64", [-(2**63), 2**63 - 1]),
            ("float64", np.array([5, 6], np.uint64)),
            ("float32", [np.nan, 1.0]),
            ("float32", [np.inf, 1.0]),
            ("float32", [1e-300, 1.0]),
        ],
        ids=str,
    )
    def test_it_takes_what_predict_takes(self, dtype, column):
        column = np.asarray(column)
        x = np.stack([np.ones_like(column), column], axis=1)
        made = network(dtype)

        with np.errstate(invalid="ignore"):
            assert made.predict(x).shape == (2, 2)
        train(made, Split(x, np.zeros((2, 2))))

    def test_targets_that_become_0_or_infinite_are_refused(self):
        x = np.ones((2, 2), np.float32)

        assert message(lambda: train(network(), Split(x, np.full((2, 2), 1e300)))) == (
            "the targets of the training part must be from -3.4e+38 to 3.4e+38, which float32 "
            'holds, got numbers up to 1e+300; scale them, or compute in "dtype": "float64"'
        )
        assert message(lambda: train(network(), Split(x, x * [1, np.float64(1e-60)]))) == (
            "the targets of the training part have numbers of at most 1e-60 in column 1, which "
            "float32 makes 0; scale them, set them to 0 if they count for nothing, or compute in "
            '"dtype": "float64"'
        )


class TestAdvice:
    """Nothing is advised that the network does already, or that fits other numbers only."""

    @pytest.mark.parametrize(
        ("column", "advice"),
        [
            ([HUGE, 0], "scale them"),
            ([TINY, 0], "scale them, or set them to 0 if they count for nothing"),
            (
                [2**53, 2**53 + 1],
                "drop them if they name examples, subtract their least number, or scale them",
            ),
        ],
        ids=["infinite", "zero", "equal"],
    )
    def test_float64_is_not_advised_to_a_network_in_float64(self, column, advice):
        x = np.stack([column, column], axis=1)
        made = network("float64")

        for refused in (
            lambda: made.predict(x),
            lambda: train(made, Split(x, np.zeros((2, 2)))),
        ):
            assert message(refused).partition("; ")[2] == advice

    def test_a_value_of_a_parameter_names_no_examples(self):
        layer = network().nodes[0].layer

        with pytest.raises(OptionError) as refusal:
            layer.b.value = np.array([2**24, 2**24 + 1])

        assert str(refusal.value) == (
            "Parameter.value must not have both 16777216 and 16777217, which float32 makes the "
            "same: it holds whole numbers up to 16,777,216; scale them, or compute in "
            '"dtype": "float64"'
        )


class TestNumericalGradients:
    def test_a_network_in_float32_is_refused_by_name(self):
        with pytest.raises(UserError, match='use a network with dtype="float64"'):
            network().numerical_gradient(np.ones((1, 2)), np.ones((1, 2)))

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.ones(3, np.float32), "x must be float64, got float32"),
            (np.ones((3, 3)).T[:, :2], "x must be contiguous"),
            ([1.0, 2.0], r"x must be a float64 array, which is changed in place, got \[1.0"),
            (2.0, "x must be a float64 array, which is changed in place, got 2.0"),
        ],
    )
    def test_what_cannot_be_changed_in_its_place_is_refused(self, x, message):
        with pytest.raises(UserError, match=f"^{message}"):
            numerical_gradient(lambda: 0.0, x)

    @pytest.mark.parametrize("at", [[3], [-4], [0.5], ["a"], 3])
    def test_indices_that_are_none_are_refused(self, at):
        with pytest.raises(UserError, match=r"^at must be flat indices from 0 to 2, got "):
            numerical_gradient(lambda: 0.0, np.ones(3), at=at)

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("q", "'q', which is not a parameter"),
            (
                "layer[0].W",
                "'layer[0].W', which is not a parameter; did you mean \"layers[0].W\"?",
            ),
        ],
    )
    def test_indices_for_no_parameter_are_refused(self, name, said):
        made = network("float64")
        at = {known: [0] for known in made.parameters} | {name: [1]}

        with pytest.raises(UserError) as refusal:
            made.numerical_gradient(np.ones((1, 2)), np.ones((1, 2)), at=at)

        assert str(refusal.value) == f"at has indices for {said}"

    def test_a_parameter_without_indices_is_named(self):
        made = network("float64")

        with pytest.raises(UserError, match=r'^at must have indices for "layers\[0\]\.b"; '):
            made.numerical_gradient(
                np.ones((1, 2)), np.ones((1, 2)), at={"layers[0].W": np.array([0])}
            )
