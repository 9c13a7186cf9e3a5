"""The built-in optimizers, one file each."""

from layerkit.builtin.optimizers.adagrad import AdaGrad
from layerkit.builtin.optimizers.adam import Adam
from layerkit.builtin.optimizers.adamw import AdamW
from layerkit.builtin.optimizers.rmsprop import RMSprop
from layerkit.builtin.optimizers.sgd import SGD

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "RMSprop"]
