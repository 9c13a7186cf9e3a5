"""JAX, many training steps in one jitted call, as a scan."""

from functools import partial
from typing import Any

import jax
from jax import lax

import peers.jax_step


class Peer(peers.jax_step.Peer):
    """The same net and the same step."""

    def train(self, steps: int) -> None:
        """Train on batches that JAX draws at random inside the call."""
        self.key, key = jax.random.split(self.key)
        self.state = jax.block_until_ready(
            self.jitted_steps(self.state, key, self.x, self.t, steps)
        )

    @partial(jax.jit, static_argnums=(0, 5), donate_argnums=1)
    def jitted_steps(self, state: Any, key: Any, x: Any, t: Any, steps: int) -> Any:
        """Return the state after that many updates."""
        batches = jax.random.randint(key, (steps, self.job.batch), 0, len(x))
        return lax.scan(lambda s, batch: self.step_on(s, batch, x, t), state, batches)[0]
