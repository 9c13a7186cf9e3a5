"""Errors say what to call first where that helps, and leave a misspelt attribute alone."""

import copy

import numpy as np
import pytest

from layerkit import Layer, Loss, MeanMetric, Metric, Optimizer, Parameter, Schedule, State
from layerkit.builtin.layers import Affine
from layerkit.errors import NotReadyError

X = np.ones((2, 3))
FORWARD = "backward needs what forward keeps: call forward first"
INITIALIZE = "first call initialize() of the network, or of a layer that is used alone"


class Misspelt(Layer):
    """Has parameters, and misspells one of them."""

    def build(self, shape):
        self._weight = Parameter(shape, 1.0)
        return shape

    def forward(self, x):
        self._x = x
        return x * self._wieght.value

    def backward(self, dout):
        return dout * self._weigth.value


class Scale(Layer):
    """Needs no initialize, and misspells its option."""

    def __init__(self, factor: float = 2.0):
        self.factor = factor

    def forward(self, x):
        self._keep(x)
        return x * self.factr

    def backward(self, dout):
        return dout * self._x * self._fcator

    def _keep(self, x):
        self._x = x


class Right(Scale):
    def forward(self, x):
        self._keep(x)
        return x * self.factor

    def backward(self, dout):
        return dout * self._x


class Distance(Loss):
    def check(self, shape, targets):
        pass

    def each(self, y, t):
        self._y = y
        return np.abs(y - self._tt)

    def backward_each(self, dout):
        return np.sign(self._y) * self._dout


class Steps(Optimizer):
    learning_rate = 0.1

    def build(self, size):
        self._velocity = State((size,))

    def update(self, params, grads, step):
        params -= self._velcity.value


class Falling(Schedule):
    def build(self, total_steps):
        self._total = total_steps

    def __call__(self, step):
        return 1 - step / self._totl


class Share(Metric):
    def reset(self):
        self._sum = 0.0

    def update(self, y, t):
        self._sum += self._count

    def value(self):
        return self._summ


def error_of(call, *arguments):
    with pytest.raises(AttributeError) as refusal:
        call(*arguments)
    return refusal.value


def initialized(component, *shapes):
    component.initialize(*shapes)
    return component


MISSPELT = {
    "in forward, initialised": (initialized(Misspelt(), (3,)).forward, (X,), "_wieght"),
    "in forward, not initialised": (Misspelt().forward, (X,), "_wieght"),
    "in backward, initialised": (initialized(Misspelt(), (3,)).backward, (X,), "_weigth"),
    "an option": (Scale().forward, (X,), "factr"),
    "a loss": (Distance().each, (X, X), "_tt"),
    "an optimizer": (Steps().update, (X[0], X[0], 0), "_velcity"),
    "a schedule": (Falling(), (0,), "_totl"),
    "a metric": (Share().value, (), "_summ"),
}


@pytest.mark.parametrize(("call", "arguments", "name"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_attribute_gets_no_advice(call, arguments, name):
    error = error_of(call, *arguments)

    assert not isinstance(error, NotReadyError)
    assert (error.name, str(error).endswith(f"has no attribute '{name}'")) == (name, True)


def test_neither_after_a_forward():
    scale, loss = Scale(), Distance()
    scale._x, loss._y = X, X

    assert str(error_of(scale.backward, X)).endswith("has no attribute '_fcator'")
    assert str(error_of(loss.backward_each, X)).endswith("has no attribute '_dout'")


def test_what_another_method_of_forward_keeps_is_waited_for():
    assert str(error_of(Right().backward, X)).endswith(FORWARD)
    assert str(error_of(copy.deepcopy(Right()).backward, X)).endswith(FORWARD)
    assert str(error_of(Distance().backward)).endswith(FORWARD)


def test_what_build_sets_is_waited_for():
    class Own(Affine):
        def forward(self, x):
            return x @ self._own.value

        def build(self, shape):
            self._own = Parameter((*shape, 2))
            return super().build(shape)

    assert str(error_of(Own(2).forward, X)).endswith(INITIALIZE)
    assert str(error_of(Own(2).backward, X)).endswith(INITIALIZE)


def test_what_reset_sets_is_waited_for():
    class Mean(MeanMetric):
        def reset(self):
            self._seen = 0

        def each(self, y, t):
            return y + self._seen

    assert str(error_of(Mean().update, X, X)).endswith("call reset() first")
