import numpy as np
import pytest

from layerkit import Data, Layer, Network, PositiveInt, Split, Trainer, UserError
from layerkit.builtin.layers import Affine, BatchNorm, LayerNorm, Relu
from layerkit.builtin.losses import Huber, MeanSquaredError
from layerkit.builtin.optimizers import AdaGrad, Adam, AdamW, RMSprop
from layerkit.initializers import Normal
from layerkit.spec import TrainingSettings


class Scaled(Layer):
    """A layer whose options are of several kinds."""

    def __init__(self, factor: float, times: PositiveInt = 2) -> None:
        self.factor = factor
        self.times = times

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


def test_options_are_those_of_the_constructor_by_name():
    assert Scaled(0.5, times=3).options() == {"factor": 0.5, "times": 3}
    assert Relu().options() == {}


def test_a_component_shows_its_options():
    assert repr(Scaled(0.5)) == "Scaled(factor=0.5, times=2)"
    assert repr(Relu()) == "Relu()"
    assert repr(Affine(3, weight_init=Normal(std=0.1), bias=False)) == (
        "Affine(units=3, weight_init=Normal(mean=0.0, std=0.1), bias_init=Zeros(), bias=False)"
    )


def test_scratch_is_of_the_components_own_type_unless_told():
    layer = Relu()
    layer.dtype = np.float32

    assert layer.scratch("y", (2, 3)).dtype == np.float32
    assert layer.scratch("active", (2, 3), bool).dtype == bool


def test_scratch_is_kept_from_call_to_call_and_apart_from_that_of_others():
    one, other = Relu(), Relu()

    assert one.scratch("y", (2, 3)) is one.scratch("y", (2, 3))
    assert one.scratch("y", (2, 3)) is not other.scratch("y", (2, 3))


@pytest.mark.parametrize("layer", [BatchNorm(epsilon=1e-50), LayerNorm(epsilon=1e-50)], ids=repr)
def test_an_epsilon_that_the_type_of_a_layer_does_not_hold_is_refused(layer):
    message = "epsilon must be a number that float32 holds, got 1e-50, which becomes 0; choose one"

    with pytest.raises(UserError, match=f"{type(layer).__name__}: {message}"):
        Network([layer], (3,))
    with pytest.raises(UserError, match=message):
        layer.initialize((3,), dtype="float32")
    Network([layer], (3,), dtype="float64")


def test_a_number_that_the_type_of_a_loss_does_not_hold_is_refused():
    with pytest.raises(UserError, match=r"Huber: delta .* got 1e.40, which becomes infinity"):
        Network([Relu()], (3,), loss=Huber(1e40))


@pytest.mark.parametrize("optimizer", [Adam, AdamW, AdaGrad, RMSprop])
def test_an_epsilon_that_the_type_of_an_optimizer_does_not_hold_is_refused(optimizer):
    part = Split(np.ones((4, 3)), np.ones((4, 3)))
    network = Network([Affine(3)], (3,), loss=MeanSquaredError()).initialize(0)

    with pytest.raises(UserError, match=f"{optimizer.__name__}: epsilon must be a number"):
        Trainer(
            network,
            Data(part, part),
            optimizer(epsilon=1e-50),
            TrainingSettings(epochs=1, batch_size=2),
            metrics={},
        )


def test_a_number_inside_an_option_is_refused_with_its_place():
    with pytest.raises(UserError, match=r"Affine: weight_init.std must be .* got 1e-60"):
        Network([Affine(2, weight_init=Normal(std=1e-60))], (3,))
