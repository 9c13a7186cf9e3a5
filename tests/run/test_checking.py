"""The gradient check itself: it passes what is right and refuses what is wrong, at any scale."""

from types import SimpleNamespace

import numpy as np
import pytest

from layerkit import Data, Layer, Network, Parameter, Split
from layerkit.builtin.layers import (
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    LeakyRelu,
    Relu,
    Reshape,
    Tanh,
)
from layerkit.builtin.losses import Huber, MeanSquaredError, SoftmaxWithLoss
from layerkit.comparison import compare
from layerkit.errors import NonFiniteError
from layerkit.initializers import Normal, Zeros
from layerkit.run.checking import check_gradients

rng = np.random.default_rng(7)
X = rng.standard_normal((6, 5))
LABELS = np.array([0, 2, 1, 1, 0, 2])
NUMBERS = rng.standard_normal((6, 3))


def check(layers, loss, x, t, spoil=None, watch=None, seed=0):
    """Return the checks by name; ``spoil`` changes what back-propagation gave."""
    network = Network(layers, x.shape[1:], loss=loss, dtype="float64")
    backward = network.backward

    def spoilt(dout):
        result = backward(dout)
        spoil(network.parameters)
        return result

    if spoil is not None:
        network.backward = spoilt
    experiment = SimpleNamespace(
        network=network,
        metrics={},
        dtype=np.dtype(np.float64),
        spec=SimpleNamespace(content=SimpleNamespace(seed=seed)),
    )
    data = Data(Split(x, t), Split(x, t))
    return {c.name: c for c in check_gradients(experiment, data, watch)}


SECONDS = "layerkit.run.verdicts._seconds"


def verdicts(checks):
    return {name: c.verdict for name, c in checks.items()}


def three_relus(std, units=20):
    layers = [part for _ in range(3) for part in (Affine(units, Normal(0, std)), Relu())]
    return [*layers, Affine(10, Normal(0, std))]


def digits():
    from layerkit.builtin.datasets.digits import Digits

    train = Digits().load().train
    return train.x[:3] * train.scale, train.t[:3]


SPOILERS = {
    "a wrong sign": lambda w: -w,
    "one per cent too much": lambda w: 1.01 * w,
    "half": lambda w: 0.5 * w,
    "transposed": lambda w: w.T,
    "nothing": lambda w: 0 * w,
    "NaN": lambda w: np.nan * w,
}


@pytest.mark.parametrize("scale", [1e-14, 1e-12, 1e-9, 1e-5, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("mistake", SPOILERS)
def test_a_wrong_gradient_is_refused_whatever_its_size(mistake, scale):
    def spoil(parameters):
        w = parameters["layers[0].W"]
        w.grad = SPOILERS[mistake](w.grad.copy())

    layers = [Affine(5, Normal(0, 0.3)), Tanh(), Affine(3, Normal(0, 0.3))]
    # The gradient with respect to W is as large as x; larger weights would make tanh flat.
    layers[0].weight_init = Normal(0, 0.3 / max(scale, 1))

    found = check(layers, MeanSquaredError(), scale * X, NUMBERS, spoil)

    assert found["layers[0].W"].mean_gradient == pytest.approx(0.1 * scale, rel=0.9)
    assert verdicts(found) == {
        "layers[0].W": "disagrees",
        "layers[0].b": "agrees",
        "layers[2].W": "agrees",
        "layers[2].b": "agrees",
        "output": "agrees",
    }


@pytest.mark.parametrize("scale", [1e-14, 1e-12, 1e-9, 1e-5, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("activation", [Tanh, Relu, LeakyRelu])
def test_a_right_gradient_passes_whatever_its_size(activation, scale):
    layers = [Affine(5, Normal(0, 0.3 / max(scale, 1))), activation(), Affine(3)]

    found = check(layers, MeanSquaredError(), scale * X, NUMBERS)

    assert set(verdicts(found).values()) == {"agrees"}


@pytest.mark.parametrize("std", [1e-2, 1e-3, 1e-4, 1e-6])
def test_several_kinks_within_a_step_are_no_mistake(std):
    found = check(three_relus(std), SoftmaxWithLoss(), *digits())

    assert set(verdicts(found).values()) == {"agrees"}


@pytest.mark.parametrize("size", [1e-4, 1e-5, 1e-6, 1e-9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kinks_close_to_a_bias_of_zero_are_no_mistake(size, seed):
    layers = [Affine(8), Relu(), Affine(3)]

    found = check(layers, SoftmaxWithLoss(), size * X, LABELS, seed=seed)

    assert set(verdicts(found).values()) <= {"agrees", "too small to tell"}
    assert verdicts(found)["layers[0].b"] == verdicts(found)["layers[0].W"] == "agrees"


@pytest.mark.parametrize("name", ["layers[0].b", "layers[2].b", "layers[4].b", "layers[4].W"])
@pytest.mark.parametrize("factor", [-1, 1.01, 2])
def test_a_mistake_does_not_hide_behind_kinks(name, factor):
    def spoil(parameters):
        parameters[name].grad *= factor

    found = check(three_relus(1e-3), SoftmaxWithLoss(), *digits(), spoil)

    assert [n for n, verdict in verdicts(found).items() if verdict == "disagrees"] == [name]


def test_one_wrong_element_of_thousands_is_found_and_shown():
    def spoil(parameters):
        parameters["layers[0].W"].grad[35, 17] *= 1.05

    x, t = digits()
    found = check([Affine(64), Tanh(), Affine(10)], SoftmaxWithLoss(), x, t, spoil)

    wrong = found["layers[0].W"]
    assert (wrong.checked, wrong.size, wrong.wrong) == (4096, 4096, 1)
    index, exact, numerical = wrong.worst
    assert index == (35, 17)
    assert exact / numerical == pytest.approx(1.05, rel=1e-4)
    assert found["layers[2].W"].verdict == "agrees"


class Shifted(MeanSquaredError):
    """A loss with a wrong derivative."""

    def backward_each(self, dout):
        return 1.01 * super().backward_each(dout)


def test_a_wrong_derivative_of_the_loss_is_told_from_those_of_the_layers():
    found = check([Affine(3), Tanh()], Shifted(), X, NUMBERS)

    assert verdicts(found) == {
        "layers[0].W": "agrees",
        "layers[0].b": "agrees",
        "output": "disagrees",
    }


def test_layers_that_draw_and_that_mix_examples_pass():
    layers = [Affine(6), BatchNorm(), Tanh(), Dropout(0.3), Affine(3)]

    found = check(layers, Huber(0.5), X, NUMBERS)

    # A shift of all examples is undone by the batch norm, so that this gradient is all rounding.
    assert found["layers[0].b"].verdict == "too small to tell"
    del found["layers[0].b"]
    assert set(verdicts(found).values()) == {"agrees"}


class Faint(Layer):
    """A layer whose input hardly counts, and which forgets it on the way back."""

    def forward(self, x):
        return 1 + 1e-30 * x

    def backward(self, dout):
        return np.zeros_like(dout)


def test_zeros_that_no_step_can_confirm_are_too_small_to_tell():
    found = check([Affine(3), Faint(), Affine(3)], MeanSquaredError(), X, NUMBERS)

    assert found["layers[0].W"].verdict == found["layers[0].b"].verdict == "too small to tell"
    assert found["layers[0].W"].too_small == 15
    assert found["layers[2].W"].verdict == "agrees"


class Double(Layer):
    """A layer that passes on twice the gradient, which is wrong."""

    def forward(self, x):
        return 1 * x

    def backward(self, dout):
        return 2 * dout


@pytest.mark.parametrize(
    ("last", "targets"),
    [(Affine(3, Zeros()), NUMBERS), (Affine(3, Zeros()), np.zeros((6, 3)))],
    ids=["weights of zero behind it", "no gradient at all"],
)
def test_a_mistake_that_nothing_flows_back_to_is_not_said_to_agree(last, targets):
    found = check([Affine(3), Double(), last], MeanSquaredError(), X, targets)

    assert found["layers[0].W"].verdict == found["layers[0].b"].verdict == "too small to tell"


class InPlace(Relu):
    """The book's own, which changes the gradient that it receives."""

    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


def test_a_last_layer_may_change_the_gradient_that_it_receives():
    found = check([Affine(3), InPlace()], MeanSquaredError(), X, NUMBERS)

    assert set(verdicts(found).values()) == {"agrees"}


class Adding(Layer):
    """A layer that adds to its gradients, which are right the first time only."""

    def build(self, shape):
        self.g = Parameter(shape, init=1.0)
        return shape

    def forward(self, x):
        return x + self.g.value

    def backward(self, dout):
        self.g.grad += dout.sum(axis=0)
        return dout


def test_gradients_that_add_up_disagree():
    found = check([Affine(3), Adding()], MeanSquaredError(), X, NUMBERS)

    assert found["layers[1].g"].verdict == "disagrees"


def test_zeros_of_weights_that_never_count_agree():
    # Inputs of zero make weights idle whatever they are, as those of the edges of digits.
    found = check([Affine(3)], MeanSquaredError(), 0 * X, NUMBERS)

    assert set(verdicts(found).values()) == {"agrees"}


def test_windows_whose_maxima_tie_pass():
    conv = pytest.importorskip("layerkit_conv")
    images = np.zeros((3, 1, 6, 6))
    images[:, 0, 2:4, 2:4] = rng.standard_normal((3, 2, 2))
    layers = [
        conv.Conv2d(4, 3, padding=1),
        Relu(),
        conv.MaxPool2d(2),
        Flatten(),
        Affine(3),
    ]

    found = check(layers, SoftmaxWithLoss(), images, LABELS[:3])

    assert set(verdicts(found).values()) == {"agrees"}


class Zigzag(Layer):
    """Has a kink at every point where it is evaluated, as ``|x - x0|`` has at ``x0``."""

    def forward(self, x):
        if not hasattr(self, "_x0"):
            self._x0 = x.copy()
        return np.abs(x - self._x0)

    def backward(self, dout):
        return 0.3 * dout


def test_a_gradient_that_lies_at_kinks_alone_is_not_told():
    found = check([Affine(3), Zigzag()], MeanSquaredError(), X, NUMBERS)

    assert found["layers[0].W"].verdict == "too many kinks to tell"
    assert found["layers[0].W"].kinks == 15


class Narrow(Layer):
    """Computes in float32, whose stairs are higher than what a step of 1e-5 moves it by."""

    def forward(self, x):
        return x.astype("f4").astype("f8")

    def backward(self, dout):
        return dout


def test_stairs_neither_refute_a_right_gradient_nor_hide_a_wrong_one():
    def turn(parameters):
        parameters["layers[0].W"].grad *= -1

    right, wrong = (
        check([Affine(3, Normal(0, 1)), Narrow()], MeanSquaredError(), X, NUMBERS, spoil)
        for spoil in (None, turn)
    )

    assert set(verdicts(right).values()) == {"agrees"}
    assert verdicts(wrong)["layers[0].W"] == "disagrees"


class Shifting(Layer):
    """Loses the digits below 1e-8 in a sum with a large number."""

    def forward(self, x):
        return (x + 1e8) - 1e8

    def backward(self, dout):
        return dout


class NarrowProduct(Layer):
    """Multiplies in float32."""

    def build(self, shape):
        self.W = Parameter((*shape, *shape), init=Normal(0, 1))
        return shape

    def forward(self, x):
        self._x = x
        return (x.astype("f4") @ self.W.value.astype("f4")).astype("f8")

    def backward(self, dout):
        self.W.grad = self._x.T @ dout
        return dout @ self.W.value.T


class Coarse(Layer):
    """Rounds to a thousandth, whose stairs no step that the check takes is long enough for."""

    def forward(self, x):
        return np.round(x, 3)

    def backward(self, dout):
        return dout


AROUND_IT = {
    "first": lambda rounding: [Affine(4, Normal(0, 1)), rounding, Affine(3, Normal(0, 1))],
    "deep": lambda rounding: [
        Affine(4, Normal(0, 1)),
        Tanh(),
        Affine(4, Normal(0, 1)),
        rounding,
        Tanh(),
        Affine(3, Normal(0, 1)),
    ],
    "behind relu": lambda rounding: [
        Affine(6, Normal(0, 1)),
        Relu(),
        rounding,
        Affine(3, Normal(0, 1)),
    ],
}


@pytest.mark.parametrize("place", AROUND_IT)
@pytest.mark.parametrize("rounding", [Narrow, Shifting, NarrowProduct])
def test_a_layer_that_rounds_agrees_wherever_it_stands(rounding, place):
    right = check(AROUND_IT[place](rounding()), MeanSquaredError(), X, NUMBERS)

    assert set(verdicts(right).values()) == {"agrees"}


@pytest.mark.parametrize("place", AROUND_IT)
@pytest.mark.parametrize("rounding", [Narrow, Shifting, NarrowProduct])
@pytest.mark.parametrize("factor", [-1, 0, 1.1])
def test_a_mistake_does_not_hide_behind_a_layer_that_rounds(rounding, place, factor):
    def spoil(parameters):
        parameters["layers[0].W"].grad *= factor

    wrong = check(AROUND_IT[place](rounding()), MeanSquaredError(), X, NUMBERS, spoil)

    assert [n for n, verdict in verdicts(wrong).items() if verdict == "disagrees"] == [
        "layers[0].W"
    ]


class Gate(Layer):
    """Jumps once, where its input crosses 0."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def forward(self, x):
        self._y = np.tanh(x)
        return self._y + (x > 0)

    def backward(self, dout):
        return self.factor * dout * (1 - self._y**2)


class Half(Layer):
    """Computes in half precision, whose stairs are of many heights."""

    def forward(self, x):
        self._x = x
        return np.tanh(x.astype("f2")).astype("f8")

    def backward(self, dout):
        return dout * (1 - np.tanh(self._x) ** 2)


@pytest.mark.parametrize("seed", range(50, 60))
def test_half_precision_is_no_mistake(seed):
    draw = np.random.default_rng(1000 + seed)
    x, t = draw.standard_normal((6, 5)), draw.standard_normal((6, 3))

    found = check(AROUND_IT["behind relu"](Half()), MeanSquaredError(), x, t, seed=seed)

    assert "disagrees" not in verdicts(found).values()


def gated(factor, seed):
    draw = np.random.default_rng(seed)
    x, t = draw.standard_normal((6, 5)), draw.standard_normal((6, 3))
    layers = [Affine(4, Normal(0, 1)), Gate(factor), Affine(3, Normal(0, 1))]
    return verdicts(check(layers, MeanSquaredError(), x, t, seed=seed))


@pytest.mark.parametrize("factor", [-1, 0])
@pytest.mark.parametrize("seed", range(40))
def test_a_mistake_does_not_hide_behind_a_jump(factor, seed):
    found = gated(factor, seed)

    assert found["layers[0].W"] == found["layers[0].b"] == "disagrees"


@pytest.mark.parametrize("seed", range(10))
def test_a_layer_that_jumps_agrees(seed):
    assert set(gated(1, seed).values()) == {"agrees"}


@pytest.mark.parametrize("jump", [0.105, 0.1001, 0.095, 0.5])
def test_a_single_jump_is_no_stair(jump):
    x = np.array([0.1])
    slope = 1 - np.tanh(x) ** 2

    def terms():
        return np.tanh(x) + (x > jump)

    assert compare(terms, x, -slope, 1e-16).wrong.all()
    assert compare(terms, x, slope, 1e-16).agrees.all()


@pytest.mark.parametrize("place", ["first", "deep"])
def test_stairs_that_are_too_high_leave_nothing_to_tell(place):
    found = check(AROUND_IT[place](Coarse()), MeanSquaredError(), X, NUMBERS)

    assert verdicts(found)["layers[0].W"] == "too small to tell"
    assert "disagrees" not in verdicts(found).values()


def test_a_loss_that_is_not_finite_at_first_is_an_error_with_its_place():
    x = np.where(np.arange(30).reshape(6, 5) == 7, np.inf, X)

    with pytest.raises(NonFiniteError, match=r"at the initial values .* arose in the data"):
        check([Affine(3)], MeanSquaredError(), x, NUMBERS)


def test_a_network_that_is_slow_is_sampled(monkeypatch):
    monkeypatch.setattr(SECONDS, lambda f: 0.005)  # 500 elements in 5 seconds

    found = check([Affine(300), Tanh(), Affine(3)], SoftmaxWithLoss(), X, LABELS)

    assert [(c.checked, c.size) for c in found.values()] == [
        (100, 1500),
        (100, 300),
        (100, 900),
        (3, 3),
        (9, 9),
    ]
    assert set(verdicts(found).values()) == {"agrees"}


def test_a_sample_of_a_gradient_that_is_mostly_0_is_not_of_zeros_alone(monkeypatch):
    monkeypatch.setattr(SECONDS, lambda f: 0.2)  # 12 elements in 5 seconds
    x = np.zeros((3, 300))
    x[:, 140] = 1

    def turn(parameters):
        parameters["layers[0].W"].grad *= -1

    found = check([Affine(4), Tanh(), Affine(3)], SoftmaxWithLoss(), x, LABELS[:3], turn)

    assert found["layers[0].W"].checked == 2
    assert found["layers[0].W"].verdict == "disagrees"


def test_a_network_that_takes_seconds_is_checked_as_far_as_there_is_time(monkeypatch):
    monkeypatch.setattr(SECONDS, lambda f: 2.0)  # 7 evaluations in 15 seconds

    found = check([Affine(30), Tanh(), Affine(3)], SoftmaxWithLoss(), X, LABELS)

    assert verdicts(found) == {
        "layers[0].W": "agrees",
        "layers[0].b": "agrees",
        "layers[2].W": "no time left",
        "layers[2].b": "no time left",
        "output": "no time left",
    }
    assert [c.checked for c in found.values()] == [1, 1, 0, 0, 0]


def test_who_watches_is_told_how_far_it_is():
    told = []

    check([Affine(3)], SoftmaxWithLoss(), X, LABELS, watch=lambda *seen: told.append(seen))

    made, expected = zip(*told, strict=True)
    assert list(made) == sorted(made)
    assert made[-1] == expected[-1] > 50


def test_parameters_are_left_as_they_were():
    def layers():
        return [Affine(4), Dropout(), BatchNorm(), Affine(3)]

    before, checked = layers(), layers()
    Network(before, (5,), dtype="float64").initialize(0)

    check(checked, SoftmaxWithLoss(), X, LABELS)

    np.testing.assert_array_equal(checked[0].W.value, before[0].W.value)


def test_an_output_that_nothing_moves_agrees_with_a_gradient_of_zero():
    layers = [Affine(3, Zeros()), Relu(), Reshape((3,))]

    found = check(layers, MeanSquaredError(), 0 * X, NUMBERS)

    assert found["layers[0].W"].verdict == "agrees"
    assert found["layers[0].W"].mean_gradient == 0
