"""The work of ``layerkit run specs/mnist_two_layer.json`` in another library.

``python command.py PEER`` reads MNIST from the folder ``mnist`` of ``$LAYERKIT_DATA``, trains the
chapter's net for 10,000 steps, and prints the loss and the accuracy on both parts after every 600
steps and at the end.
"""

import gzip
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jobs import JOBS, Array, as_float
from peers import Peer

STEPS, EVERY = 10_000, 600


def main() -> None:
    """Train and evaluate."""
    train, test = read("train"), read("t10k")
    peer: Peer = import_module(f"peers.{sys.argv[1]}").Peer(JOBS["chapter"], train)
    parts = [(peer.kept(as_float(x)), t) for x, t in (train, test)]
    for step in range(0, STEPS, EVERY):
        now = min(EVERY, STEPS - step)
        peer.train(now)
        scores = [f"{score:.4f}" for x, t in parts for score in evaluation(peer, x, t)]
        print(step + now, *scores)


def read(part: str) -> tuple[Array, Array]:
    """Return the images, ``(count, 784)``, and the labels of a part."""
    folder = Path(os.environ["LAYERKIT_DATA"], "mnist")
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    return images, labels


def evaluation(peer: Peer, x: Any, t: Array) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy of a peer's predictions."""
    y, rows = peer.predict(x), np.arange(len(x))
    if peer.gives_probabilities:
        log_p = np.log(y[rows, t])
    else:
        y = y - y.max(axis=1, keepdims=True)
        log_p = y[rows, t] - np.log(np.exp(y).sum(axis=1))
    return -float(log_p.mean()), float((y.argmax(axis=1) == t).mean())


if __name__ == "__main__":
    main()
