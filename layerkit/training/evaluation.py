"""The loss and the metrics of a network over a whole split."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from layerkit.arguments import check_instance
from layerkit.contracts.dataset import Split
from layerkit.contracts.loss import weighted_mean
from layerkit.contracts.metric import Metric, check_metrics
from layerkit.errors import DataError, UserError
from layerkit.network import Network
from layerkit.training.sampling import Gather
from layerkit.types import Array
from layerkit.wording import quoted


def evaluate(
    network: Network,
    split: Split,
    metrics: dict[str, Metric],
    outputs: Callable[[Split], Array | None] | None = None,
) -> dict[str, float]:
    """Return the mean loss and every metric over a split.

    The evaluation stops at a batch whose loss is NaN or infinite, so the network still holds the
    values of that batch; the metrics are then NaN.

    Args:
        network: The network, with a loss.
        split: The examples; they are read in order, in batches small enough for the widest layer.
        metrics: The metrics, by the names to report them under.
        outputs: A function that may compute the outputs faster; see ``Step.outputs``.

    Raises:
        DataError: There are no examples.
        UserError: An argument is of the wrong class, a metric is called ``loss``, or one is in use
            by an evaluation in another thread.
    """
    check_instance(network, Network, "network")
    check_instance(split, Split, "split")
    check_metrics(metrics)
    if not len(split):
        raise DataError("an evaluation takes at least one example, got none")
    metrics = {**metrics}  # a copy, because the caller may change the dict meanwhile
    with _alone_with(metrics):
        return _judged(network, split, metrics, outputs)


def _judged(
    network: Network,
    split: Split,
    metrics: dict[str, Metric],
    outputs: Callable[[Split], Array | None] | None,
) -> dict[str, float]:
    gather = Gather(split, network.dtype)
    rows = network.rows_at_once
    total, weight = 0.0, 0.0
    for metric in metrics.values():
        metric.meaning = network.meaning
        metric.reset()
    for start in range(0, len(split), rows):
        stop = start + rows
        part = split[start:stop]
        with network.turns.turn:  # until the outputs of this batch are judged
            from_step = outputs(part) if outputs else None
            y = network.forward(gather.slice(start, stop).x) if from_step is None else from_step
            of_batch = network.loss_sums(y, part.t, part.weights)
            total, weight = total + of_batch[0], weight + of_batch[1]
            for metric in metrics.values():
                if part.weights is None:
                    metric.update(y, part.t)
                else:
                    metric.update(y, part.t, part.weights)
            if not math.isfinite(total) and from_step is not None:
                # The step leaves no values, so repeat the pass to find where that arose.
                network.loss_of(network.forward(gather.slice(start, stop).x), part.t)
            network.forget_forward()
        if not math.isfinite(total):
            # The metrics have not seen the whole split.
            return {"loss": total / weight if weight else total, **dict.fromkeys(metrics, math.nan)}
    return {
        "loss": weighted_mean(total, weight),
        **{name: float(metric.value()) for name, metric in metrics.items()},
    }


_judging: dict[int, object] = {}
"""The evaluation that each metric in use belongs to, by the ``id`` of the metric."""

if hasattr(os, "register_at_fork"):
    # The threads that make these evaluations do not exist in a forked process.
    os.register_at_fork(after_in_child=_judging.clear)


@contextmanager
def _alone_with(metrics: dict[str, Metric]) -> Iterator[None]:
    """Refuse metrics that another evaluation uses: they would mix the examples of both."""
    evaluation = object()
    try:
        for name, metric in metrics.items():
            if _judging.setdefault(id(metric), evaluation) is not evaluation:
                raise UserError(
                    f"the metric {quoted(name)} is in use by another evaluation; give each "
                    "simultaneous evaluation its own metrics"
                )
        yield
    finally:
        for metric in metrics.values():
            if _judging.get(id(metric)) is evaluation:
                del _judging[id(metric)]
