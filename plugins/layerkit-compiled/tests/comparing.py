"""Networks, and trainers of them whose steps are in C or in NumPy."""

import numpy as np

from layerkit import (
    Batches,
    Data,
    Network,
    Split,
    Trainer,
)
from layerkit.builtin.layers import Affine, Flatten, Relu, Reshape, Sigmoid, Tanh
from layerkit.builtin.optimizers import SGD, Adam, AdamW
from layerkit.builtin.schedules import Cosine
from layerkit.spec import TrainingSettings
from layerkit_compiled import layerkit_compile
from layerkit_sequence import Lstm

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (130, 60), np.uint8)
LABELS = RNG.integers(0, 7, 130)
NUMBERS = RNG.normal(size=(130, 7))
CLASSES = Split(BYTES, LABELS, 1 / 255)
VALUES = Split(BYTES, NUMBERS, 1 / 255)
ONE_HOT = Split(BYTES, np.eye(7)[LABELS], 1 / 255)

MOSTLY_ZEROS = RNG.integers(1, 256, (130, 300), np.uint8) * (RNG.random((130, 300)) < 0.1)
READ_ONLY = MOSTLY_ZEROS.copy()
READ_ONLY.flags.writeable = False

LAYERS = {
    "affine": lambda: [Affine(7)],
    "the chapter's": lambda: [Affine(20), Relu(), Affine(7)],
    "sigmoid": lambda: [Affine(20), Sigmoid(), Affine(7)],
    "tanh": lambda: [Affine(20, bias=False), Tanh(), Affine(7, bias=False)],
    "activation first": lambda: [Tanh(), Sigmoid(), Affine(7)],
    "activations in a row": lambda: [Affine(7), Sigmoid(), Relu(), Tanh()],
    "shapes": lambda: [Reshape([6, 10]), Relu(), Flatten(), Affine(7), Reshape([7, 1]), Flatten()],
    "narrow": lambda: [Affine(1), Tanh(), Affine(7)],
    "shared by rows": lambda: [Affine(300), Relu(), Affine(300), Sigmoid(), Affine(7)],
    "shared by columns": lambda: [Affine(400), Relu(), Affine(401), Tanh(), Affine(7)],
    "lstm": lambda: [Reshape([6, 10]), Lstm(20), Affine(7)],
    "lstm, all steps": lambda: [
        Reshape([6, 10]),
        Lstm(20, returns="sequence"),
        Tanh(),
        Flatten(),
        Affine(7),
    ],
    "lstm, backwards": lambda: [Reshape([6, 10]), Lstm(20, reverse=True), Relu(), Affine(7)],
    "lstms on top of each other": lambda: [
        Affine(400),
        Reshape([4, 100]),
        Lstm(20, returns="sequence", reverse=True),
        Lstm(13, returns="sequence"),
        Lstm(9),
        Affine(7),
    ],
}
OPTIMIZERS = {
    "sgd": lambda: SGD(0.1),
    "sgd with decay": lambda: SGD(0.1, weight_decay=0.01),
    "momentum": lambda: SGD(0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda: SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.01),
    "adam with decay": lambda: Adam(0.01, beta1=0.8, beta2=0.99, epsilon=1e-4, weight_decay=0.1),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1),
    "a schedule": lambda: AdamW(Cosine(0.01)),
}


def trainer(layers, loss, split=CLASSES, optimizer=None, *, compiled=True, dtype="float32", **how):
    """Return a trainer whose steps are in C where they can be, or else all in NumPy."""
    network = Network(layers(), split.x.shape[1:], loss=loss(), dtype=dtype)
    network.compilers = [layerkit_compile] if compiled else []
    made = (optimizer or OPTIMIZERS["sgd"])()
    training = TrainingSettings(**{"epochs": 3, "batch_size": 50, **how})
    return Trainer(network.initialize(), Data(split, split), made, training, {})


def step(network, split):
    """Return the step that the plugin gives for a network, whatever a trainer would say to it."""
    optimizer = SGD(0.1)
    optimizer.initialize(network.parameter_count, dtype=network.dtype)
    batches = Batches(split, 50, "shuffle", network.dtype, np.random.default_rng(0))
    return layerkit_compile(network, optimizer, batches)


def both(*what, **how):
    """Return a trainer with steps in C, and the same with steps in NumPy."""
    return trainer(*what, **how), trainer(*what, **how, compiled=False)


def gradients_of(trainer, count=50):
    loss = trainer.fastest_step.gradients(np.arange(count))
    return loss, trainer.network.grads.copy()


def assert_close(got, wanted, rtol=1e-5):
    """Compare to a few units in the last digit of the largest number."""
    largest = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * largest)
