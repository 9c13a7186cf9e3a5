"""The loss and the metrics of a network over a whole split."""

import math
from collections.abc import Callable

from layerkit.dataset import Split
from layerkit.metric import Metric
from layerkit.network import Network
from layerkit.training.sampling import Gather
from layerkit.types import Array


def evaluate(
    network: Network,
    split: Split,
    metrics: dict[str, Metric],
    outputs: Callable[[Split], Array | None] | None = None,
) -> dict[str, float]:
    """Return the mean loss and every metric over a split.

    A batch whose loss is NaN or infinite is the last, so that the network still holds its values.

    Args:
        network: The network, with a loss.
        split: The examples; they are read in order, in batches whose widest layer is small.
        metrics: By the names to report them under.
        outputs: What may compute the outputs faster; see ``Step.outputs``.
    """
    gather = Gather(split, network.dtype)
    rows = network.rows_at_once
    total = 0.0
    for metric in metrics.values():
        metric.meaning = network.meaning
        metric.reset()
    for start in range(0, len(split), rows):
        stop = start + rows
        x, t = split.x[start:stop], split.t[start:stop]
        with network.turns.turn:  # until the outputs of this batch are judged
            from_step = outputs(Split(x, t, split.scale)) if outputs else None
            y = network.forward(gather.slice(start, stop)[0]) if from_step is None else from_step
            total += network.loss_of(y, t) * len(t)
            for metric in metrics.values():
                metric.update(y, t)
        if not math.isfinite(total):
            if from_step is not None:
                network.forward(gather.slice(start, stop)[0])
            break
    return {
        "loss": total / len(split),
        **{name: float(metric.value()) for name, metric in metrics.items()},
    }
