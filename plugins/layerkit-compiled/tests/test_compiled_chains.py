"""Random chains of layers, in C and in NumPy, for data of every type, order and alignment.

``LAYERKIT_FUZZ_SECONDS`` says for how long, 5 by default; ``LAYERKIT_FUZZ_SEED`` which ones.
"""

import os
import time

import numpy as np
from comparing import assert_close, both

from layerkit import Network, Split
from layerkit.builtin.layers import Affine, Flatten, Relu, Reshape, Sigmoid, Tanh
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, Adam, AdamW
from layerkit_compiled import _kernels
from layerkit_compiled.compiling import CompiledStep
from layerkit_sequence import Lstm

SECONDS = float(os.environ.get("LAYERKIT_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("LAYERKIT_FUZZ_SEED", "0"))
TYPES = ("uint8", "int32", "int64", "float32", "float64")
LABEL_TYPES = ("uint8", "int32", "int64")


class Case:
    """A network with its data and the way it is trained, all drawn from one generator."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng([SEED, seed])
        self.log = [f"LAYERKIT_FUZZ_SEED={SEED}, case {seed}"]
        self.batch = int(rng.integers(1, 201))
        self.examples = int(rng.integers(1, 300))
        self.classes = int(rng.integers(1, 40))
        narrow, wide = int(rng.integers(1, 70)), int(rng.integers(512, 800))
        self.shape = self.pick((narrow,), (wide,), (4, 5), (3, 2, 7), (130,), (250,))
        self.layers = self.chain()
        self.loss = self.pick(SoftmaxWithLoss, MeanSquaredError)
        self.optimizer = self.pick(
            lambda: SGD(0.05),
            lambda: SGD(0.05, momentum=0.9, nesterov=True),
            lambda: SGD(0.05, momentum=0.5, weight_decay=0.1),
            lambda: Adam(0.01),
            lambda: Adam(0.01, beta1=0.5, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
            lambda: AdamW(0.01),
        )
        self.split = Split(
            self.arranged(self.x()), self.arranged(self.t()), self.scale, self.weights()
        )
        self.log += [f"batch {self.batch} of {self.examples}", f"{self.loss.__name__}"]

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def chain(self):
        """Return a function that makes the layers; each call makes new ones."""
        shape, makers = self.shape, []

        def add(maker, of, words):
            makers.append(maker)
            self.log.append(words)
            return of

        for _ in range(int(self.rng.integers(0, 6))):
            size, units = int(np.prod(shape)), int(self.rng.integers(1, 150))
            bias, how = bool(self.rng.integers(2)), int(self.rng.integers(7))
            if how == 0 and len(shape) == 2:
                returns, back = self.pick("last", "sequence"), bool(self.rng.integers(2))
                units = 1 + units // 5
                shape = add(
                    lambda u=units, r=returns, b=back: Lstm(u, returns=r, reverse=b),
                    (units,) if returns == "last" else (shape[0], units),
                    f"lstm {units} {returns} reverse={back}",
                )
            elif how == 1:
                shape = add(Flatten, (size,), "flatten")
            elif how == 2:
                steps = self.pick(*(n for n in range(1, size + 1) if size % n == 0))
                to = [steps, size // steps]
                shape = add(lambda t=to: Reshape(t), tuple(to), f"reshape {to}")
            elif how in (3, 4):
                layer = self.pick(Relu, Sigmoid, Tanh)
                add(layer, shape, layer.__name__)
            elif len(shape) == 1:
                units *= self.pick(1, 1, 1, 4)
                make = lambda u=units, b=bias: Affine(u, bias=b)  # noqa: E731
                shape = add(make, (units,), f"affine {units} bias={bias}")
        makers += [Flatten, lambda: Affine(self.classes)]
        return lambda: [make() for make in makers]

    def x(self):
        dtype = self.pick(*TYPES)
        self.scale = 1 / 255 if dtype == "uint8" else self.pick(1.0, 0.1)
        x = self.rng.normal(size=(self.examples, *self.shape)) * (1 if dtype[0] == "f" else 3)
        if dtype == "uint8":
            x = self.rng.integers(0, 256, x.shape)
        density = self.pick(0.02, 0.2, 1.0)
        self.log.append(f"x {dtype} {self.shape}, {density:.0%} not 0, times {self.scale}")
        return (x * (self.rng.random(x.shape) < density)).astype(dtype)

    def t(self):
        kind = self.pick("labels", "one-hot", "probabilities")
        if self.loss is MeanSquaredError:
            kind = "numbers"
        dtype = self.pick(*(LABEL_TYPES if kind == "labels" else TYPES))
        if kind == "probabilities":
            dtype = self.pick("float32", "float64")
        self.log.append(f"t {kind} {dtype}")
        labels = self.rng.integers(0, self.classes, self.examples)
        t = {
            "labels": labels,
            "one-hot": np.eye(self.classes)[labels],
            "probabilities": self.rng.dirichlet(np.ones(self.classes), self.examples),
            "numbers": self.rng.integers(0, 5, (self.examples, self.classes)),
        }[kind]
        return t.astype(dtype)

    def weights(self):
        """Return weights of the examples, or None; and choose those of the classes."""
        self.of_classes = None
        if self.loss is SoftmaxWithLoss and self.classes > 1 and self.rng.integers(3) == 0:
            self.of_classes = [float(w) for w in self.rng.integers(0, 4, self.classes) + 0.5]
            self.log.append("weights of classes")
        if self.rng.integers(3):
            return None
        self.log.append("weights of examples")
        weights = self.rng.integers(0, 3, self.examples) * self.rng.random(self.examples)
        weights[0] = 1.0  # a split whose weights are all 0 is refused
        return self.arranged(weights.astype(self.pick("float32", "float64")))

    def made_loss(self):
        return self.loss() if self.of_classes is None else self.loss(class_weights=self.of_classes)

    def arranged(self, array):
        """Return the same numbers in other memory."""
        how = self.pick("as it is", "as it is", "read-only", "misaligned", "Fortran", "strided")
        self.log.append(how)
        if how == "read-only":
            array = array.copy()
            array.flags.writeable = False
        elif how == "misaligned":
            memory = np.zeros(array.nbytes + 1, np.uint8)
            memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
            array = np.frombuffer(memory, array.dtype, offset=1).reshape(array.shape)
        elif how == "Fortran":
            array = np.asfortranarray(array)
        elif how == "strided":
            array = np.repeat(array, 2, axis=0)[::2]
        return array

    def check(self):
        how = {"batch_size": self.batch, "epochs": 1}
        in_c, in_numpy = both(self.layers, self.made_loss, self.split, self.optimizer, **how)
        in_numpy.network.params[...] = in_c.network.params
        assert type(in_c.fastest_step) is CompiledStep
        _kernels.use_threads(self.pick(1, 2, 4))
        for step in range(3):
            most = in_c.batches.size  # no more than there are examples
            indices = self.rng.integers(0, self.examples, int(self.rng.integers(1, most + 1)))
            with np.errstate(over="ignore", invalid="ignore"):
                losses = [made.fastest_step.gradients(indices) for made in (in_c, in_numpy)]
            if not np.isfinite(losses).any():  # it diverges, for both of them
                return in_c.fastest_step.compiles_gradients
            np.testing.assert_allclose(*losses, rtol=1e-5, atol=1e-6)
            self.check_gradients(in_c.network.grads, in_numpy, indices)
            in_numpy.network.grads[...] = in_c.network.grads
            for made in (in_c, in_numpy):
                made.fastest_step.update(step)
            assert_close(in_c.network.params, in_numpy.network.params, rtol=1e-5)
            in_numpy.network.params[...] = in_c.network.params
        outputs = in_c.fastest_step.outputs(self.split)
        if outputs is not None:
            x = in_numpy.batches.gather.slice(0, self.examples)[0]
            with np.errstate(over="ignore", invalid="ignore"):
                expected = in_numpy.network.forward(x)
            if np.isfinite(expected).all():
                self.check_outputs(outputs, expected, in_c.network, x)
        return in_c.fastest_step.compiles_gradients

    def check_gradients(self, gradients, in_numpy, indices):
        """Compare gradients, where terms cancel by how far each is from those in float64.

        Where a softmax is nearly right, its gradient is the rounding of numbers near 1.
        """
        expected = in_numpy.network.grads
        within = 2e-5 * np.abs(expected).max(initial=0.1)
        if np.allclose(gradients, expected, rtol=2e-5, atol=within):
            return
        exact = Network(self.layers(), self.shape, loss=self.made_loss(), dtype="float64")
        exact.initialize().params = in_numpy.network.params
        x, t, weights = in_numpy.batches.gather(indices)
        exact.train_step(x, t, weights)
        error = np.abs(gradients - exact.grads).max()
        assert error <= 4 * np.abs(expected - exact.grads).max(), error

    def check_outputs(self, outputs, expected, network, x):
        """Compare outputs, where terms cancel by how far each is from those in float64."""
        error = np.abs(outputs - expected).max()
        if error <= 1e-5 * np.abs(expected).max():
            return
        exact = Network(self.layers(), x.shape[1:], dtype="float64").initialize()
        exact.params = network.params
        truth = exact.predict(x)
        assert np.abs(outputs - truth).max() <= 4 * np.abs(expected - truth).max(), error


def test_random_chains_compute_what_numpys_do():
    end, cases, compiled = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end or cases < 30:
        case = Case(cases)
        try:
            compiled += case.check()
        except Exception as error:
            error.add_note("; ".join(case.log))
            raise
        cases += 1

    assert compiled > cases / 4  # the others are strided, and so left to NumPy
    _kernels.use_threads(1)
