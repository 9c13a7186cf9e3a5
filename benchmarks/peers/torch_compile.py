"""PyTorch with ``torch.compile``: the net with its loss, and the optimizer's step."""

import torch
from jobs import Array, Job

import peers.torch


class Peer(peers.torch.Peer):
    """The same net, compiled."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        super().__init__(job, data)
        self.model.compile()
        self.loss = torch.compile(self.loss)
        self.optimizer.step = torch.compile(self.optimizer.step)
