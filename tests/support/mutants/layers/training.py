"""Mutants of the laws of layers about training."""

from typing import Any

import numpy as np

from layerkit import Array, Parameter, Shape
from mutants.catalogue import breaks
from mutants.layers.sound import Centre, OfCentre, OfScale, Scale


@breaks("the_same_seed_gives_the_same", "draw from self.rng")
class DrawsElsewhere(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, lambda shape, rng: 1 + np.random.default_rng().random(shape))
        return shape


@breaks("evaluation_changes_nothing", "a pass in evaluation changes mean")
class LearnsInEvaluation(OfCentre):
    __doc__ = Centre.__doc__

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        if not self.training and len(x):
            self.mean.value += self.momentum * (x.mean(axis=0) - self.mean.value)
        return y


@breaks("evaluation_changes_nothing", "draws random numbers")
class DrawsInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        if not self.training:
            self.rng.random()
        return super().forward(x)


@breaks("all_that_it_has_learnt_is_saved", "belongs in a Parameter or a State")
class KeepsAnAttribute(OfScale):
    __doc__ = Scale.__doc__
    _shift: Any = None

    def forward(self, x: Array) -> Array:
        if self.training and self._shift is None:
            self._shift = self.rng.normal(size=x.shape[1:]).astype(x.dtype)
        return super().forward(x) + (0 if self._shift is None else self._shift)


@breaks("a_step_changes_every_parameter", "the gradient of idle is 0 everywhere")
class Idles(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.idle = Parameter(shape)
        return super().build(shape)

    def backward(self, dout: Array) -> Array:
        self.idle.grad = 0
        return super().backward(dout)


@breaks("training_moves_its_states", "training leaves the state mean as it was")
class NeverMoves(OfCentre):
    __doc__ = Centre.__doc__

    def forward(self, x: Array) -> Array:
        self._x = x
        return self.w.value * x - self.mean.value


@breaks("the_same_seed_gives_the_same", "makes a random generator of its own")
class AlwaysDrawsTheSame(OfScale):
    __doc__ = Scale.__doc__

    def build(self, shape: Shape) -> Shape:
        self.w = Parameter(shape, lambda shape, rng: np.random.default_rng(0).normal(size=shape))
        return shape
