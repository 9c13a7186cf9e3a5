"""JAX, one jitted call for each training step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jobs import Array, Job, as_float

from peers import Comparable


def convolution(parameters: Any, x: Any) -> Any:
    """Return the flattened outputs of convolution, relu and pooling; channels are last."""
    weight, bias = parameters
    x = lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=NHWC) + bias
    x = lax.reduce_window(jax.nn.relu(x), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(len(x), -1)


def lstm(parameters: Any, x: Any) -> Any:
    """Return the output after the last row; all inputs are multiplied at once beforehand."""
    from_input, from_hidden, bias = parameters

    def step(state: Any, row: Any) -> Any:
        hidden, cell = state
        i, f, g, o = jnp.split(row + hidden @ from_hidden, 4, axis=1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

    zeros = jnp.zeros((len(x), from_hidden.shape[0]), x.dtype)
    (hidden, _), _ = lax.scan(step, (zeros, zeros), x.swapaxes(0, 1) @ from_input + bias)
    return hidden


NHWC = ("NHWC", "HWIO", "NHWC")
FIRST: dict[str | None, Any] = {
    None: lambda parameters, x: x,
    "convolution": convolution,
    "lstm": lstm,
}
SHAPES = {
    None: [],
    "convolution": [(5, 5, 1, 30), (30,)],
    "lstm": [(28, 512), (128, 512), (512,)],
}


class Peer(Comparable):
    """A tree of parameters and pure functions; the data as float32 arrays."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        self.job = job
        x = as_float(data[0])
        # XLA takes images with their channels last.
        self.x = jnp.asarray(x.transpose(0, 2, 3, 1) if job.first == "convolution" else x)
        self.t = jnp.asarray(data[1])
        rng = np.random.default_rng(0)
        first = [0.05 * rng.standard_normal(shape, np.float32) for shape in SHAPES[job.first]]
        self.begin_with(job.initial(), first)
        self.key = jax.random.key(0)

    def begin_with(
        self, parameters: Sequence[tuple[Array, Array]], first: Sequence[Array] = ()
    ) -> None:
        """Set all parameters, and those of the optimizer."""
        params = jax.tree.map(jnp.asarray, {"first": list(first), "affine": list(parameters)})
        count = 2 if self.job.optimizer == "adam" else 0
        moments = tuple(jax.tree.map(jnp.zeros_like, params) for _ in range(count))
        self.state = (params, moments, 0)

    def forward(self, params: Any, x: Any) -> Any:
        """Return the outputs."""
        x = FIRST[self.job.first](params["first"], x)
        *hidden, (weight, bias) = params["affine"]
        for w, b in hidden:
            x = jax.nn.relu(x @ w + b)
        return x @ weight + bias

    def loss(self, params: Any, x: Any, t: Any) -> Any:
        """Return the loss of a batch."""
        y = self.forward(params, x)
        if self.job.is_regression:
            return jnp.mean((y - t) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y), t[:, None], axis=1))

    def step(self, state: Any, x: Any, t: Any) -> Any:
        """Return the state after an update, and the loss before it."""
        params, moments, count = state
        loss, grads = jax.value_and_grad(self.loss)(params, x, t)
        if self.job.optimizer == "sgd":
            params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
            return (params, (), count + 1), loss
        count += 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, moments[1], grads)
        params = jax.tree.map(
            lambda p, m, v: (
                p - 0.001 * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
            ),
            params,
            m,
            v,
        )
        return (params, (m, v), count), loss

    def step_on(self, state: Any, batch: Any, x: Any, t: Any) -> Any:
        """Return the same for the examples at some indices."""
        return self.step(state, x[batch], t[batch])

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def jitted_step(self, state: Any, batch: Any, x: Any, t: Any) -> Any:
        """Return the same, compiled, reusing the memory of the old state."""
        return self.step_on(state, batch, x, t)

    def train(self, steps: int) -> None:
        """Train on batches that NumPy draws at random, without a compiled call."""
        rng = np.random.default_rng()
        for batch in rng.integers(len(self.x), size=(steps, self.job.batch), dtype=np.int32):
            self.state, _ = self.jitted_step(self.state, batch, self.x, self.t)
        jax.block_until_ready(self.state)

    def losses(self, batches: Array) -> list[float]:
        """Train on given examples."""
        losses = []
        for batch in batches:
            self.state, loss = self.jitted_step(self.state, batch, self.x, self.t)
            losses.append(float(loss))
        return losses

    def kept(self, x: Array) -> Any:
        """Return inputs in JAX's own memory."""
        return jnp.asarray(x)

    def predict(self, x: Any) -> Array:
        """Return the outputs."""
        return np.asarray(self.jitted_forward(self.state[0], x))

    @partial(jax.jit, static_argnums=0)
    def jitted_forward(self, params: Any, x: Any) -> Any:
        """Return the outputs, compiled."""
        return self.forward(params, x)
