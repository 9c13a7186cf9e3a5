"""PyTorch, eager."""

from collections.abc import Sequence
from typing import Any

import torch
from jobs import Array, Job, as_float
from torch import nn

from peers import Comparable


class LastOutput(nn.LSTM):  # type: ignore[misc]  # PyTorch has no annotations where it is missing
    """An LSTM whose output is that of its last step."""

    def forward(self, x: Any) -> Any:
        """Return the output after the last row, ``(batch, hidden)``."""
        _, (hidden, _) = super().forward(x)
        return hidden[0]


FIRST: dict[str | None, Any] = {
    None: list,
    "convolution": lambda: [nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
    "lstm": lambda: [LastOutput(28, 128, batch_first=True)],
}


class Peer(Comparable):
    """A ``Sequential``; the data as float32 tensors, indexed with random numbers of PyTorch."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        layers = FIRST[job.first]()
        for inputs, outputs in zip(job.widths, job.widths[1:], strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])
        self.loss = nn.MSELoss() if job.is_regression else nn.CrossEntropyLoss()
        make = torch.optim.SGD if job.optimizer == "sgd" else torch.optim.Adam
        self.optimizer = make(self.model.parameters(), lr=0.1 if job.optimizer == "sgd" else 0.001)
        self.x = torch.from_numpy(as_float(data[0]))
        self.t = torch.from_numpy(data[1])
        self.batch = job.batch

    def train(self, steps: int) -> None:
        """Train on batches drawn at random."""
        self.model.train()
        for _ in range(steps):
            self._step(torch.randint(len(self.x), (self.batch,)))

    def losses(self, batches: Array) -> list[float]:
        """Train on given examples."""
        return [float(self._step(torch.from_numpy(batch))) for batch in batches]

    def _step(self, batch: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x[batch]), self.t[batch])
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def begin_with(self, parameters: Sequence[tuple[Array, Array]]) -> None:
        """Set all parameters."""
        linears = [module for module in self.model if isinstance(module, nn.Linear)]
        with torch.no_grad():
            for linear, (weight, bias) in zip(linears, parameters, strict=True):
                linear.weight.copy_(torch.from_numpy(weight.T))
                linear.bias.copy_(torch.from_numpy(bias))

    def predict(self, x: Array) -> Array:
        """Return the outputs."""
        self.model.eval()
        with torch.inference_mode():
            outputs: Array = self.model(torch.from_numpy(x)).numpy()
        return outputs
