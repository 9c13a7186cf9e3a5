"""From a spec to a network.

Components are made, shapes inferred, and everything that can be refused is refused, before any
memory is allocated or an example read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layerkit.arrays import available_memory
from layerkit.dataset import Dataset, Form, Targets
from layerkit.errors import DataError, ShapeError
from layerkit.loss import Loss
from layerkit.metric import Metric
from layerkit.network import Network, Node
from layerkit.optimizer import Optimizer
from layerkit.registry import UnknownComponentError
from layerkit.spec import GraphSpec, Spec, TrainingSettings, TrainingSpec
from layerkit.types import Array, Shape
from layerkit.variable import variables


@dataclass(frozen=True)
class Experiment:
    """All that a training spec describes, made and found to fit together.

    Attributes:
        spec: The spec.
        dataset: Where the examples come from; not loaded.
        form: The form that the examples are to have.
        network: The network; nothing allocated.
        optimizer: The optimizer, with its states declared.
        metrics: The metrics of an evaluation, by name.
        settings: How long and on what to train.
        monitor: The number that tells the best parameters, as in ``test_accuracy``.
    """

    spec: Spec
    dataset: Dataset
    form: Form
    network: Network
    optimizer: Optimizer
    metrics: dict[str, Metric]
    settings: TrainingSettings
    monitor: str

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value of ``monitor`` is the better one."""
        metric = self.metrics.get(self.monitor.partition("_")[2])
        return metric is not None and metric.higher_is_better

    @property
    def memory(self) -> int:
        """How many bytes training takes, the data aside."""
        network = self.network
        states = sum(v.size for _, v in variables(self.optimizer))
        states += sum(v.size for v in network.variables.values())
        values = sum(math.prod(shape) for shape in network.shapes)
        # Of every value there is the gradient too.
        numbers = states + network.parameter_count + 2 * values * self.settings.batch_size
        return numbers * network.dtype.itemsize


def build(spec: Spec) -> Network:
    """Return the network of a spec, with nothing allocated.

    Raises:
        SpecError: Something does not fit; see ``build_experiment``.
    """
    if isinstance(spec.content, GraphSpec):
        return build_graph(spec)[0]
    return build_experiment(spec).network


def build_network(spec: Spec, shape: Shape) -> Network:
    """Return the network of a training spec for examples of a shape, whatever its data.

    Raises:
        SpecError: A layer does not fit what comes before it.
    """
    content = spec.content
    assert isinstance(content, TrainingSpec)
    return _network(spec, [shape], content.loss.create(), content.dtype)


def build_graph(spec: Spec) -> tuple[Network, list[Array]]:
    """Return the network of a graph spec, and a batch of each of its inputs.

    Raises:
        SpecError: The inputs do not fit together, or a layer does not fit what comes before it.
    """
    content = spec.content
    assert isinstance(content, GraphSpec)
    # A bare number is a batch of one example, which is a number.
    batches = {name: np.atleast_1d(value) for name, value in content.inputs.items()}
    count = len(next(iter(batches.values())))
    wrong = [name for name, batch in batches.items() if len(batch) != count]
    if wrong:
        raise spec.error(
            *(
                (
                    ("inputs", name),
                    f"must be a batch of {count}, like the first input, got {len(batches[name])}",
                )
                for name in wrong
            )
        )
    shapes = [batch.shape[1:] for batch in batches.values()]
    return _network(spec, shapes, None, "float64", list(batches)), list(batches.values())


def build_experiment(spec: Spec, dtype: str | None = None) -> Experiment:
    """Return all that a training spec describes.

    Args:
        spec: The spec.
        dtype: The type to compute in; the spec's own unless given.

    Raises:
        SpecError: The data cannot be had; a layer does not fit what comes before it; the last
            layer does not fit the loss or the data; a metric does not exist or does not fit; or
            the network does not fit in memory.
    """
    content = spec.content
    assert isinstance(content, TrainingSpec)
    dataset, loss = content.data.create(), content.loss.create()
    try:
        form = dataset.inspect()
    except DataError as error:
        raise spec.error((("data",), str(error))) from error
    network = _network(spec, [form.shape], loss, dtype or content.dtype)
    last = ("layers", len(network.nodes) - 1)
    _check_output(spec, network, content.loss.entry.name, loss, form.targets, last)
    metrics = _metrics(spec, content, loss)
    for i, (name, metric) in enumerate(metrics.items()):
        path = ("loss",) if content.metrics is None else ("metrics", i)
        _check_output(spec, network, name, metric, form.targets, path)
    optimizer = content.optimizer.create()
    optimizer.dtype = network.dtype
    optimizer.build(network.parameter_count)
    experiment = Experiment(
        spec,
        dataset,
        form,
        network,
        optimizer,
        metrics,
        content.training,
        _monitor(spec, metrics),
    )
    _check_memory(experiment)
    return experiment


def _network(
    spec: Spec,
    shapes: list[Shape],
    loss: Loss | None,
    dtype: str,
    input_names: Sequence[str] = (),
) -> Network:
    nodes = [
        Node(
            layer.component.create(),
            inputs,
            layer.name or f"layers[{i}]",
            layer.component.entry.name,
        )
        for i, (layer, inputs) in enumerate(zip(spec.content.layers, spec.wiring, strict=True))
    ]
    try:
        return Network(nodes, *shapes, loss=loss, dtype=dtype, input_names=input_names)
    except ShapeError as error:
        index = error.layer or 0
        # The report itself says which of the layers; a name that the spec gives is left.
        kind = nodes[index].type
        message = str(error).replace(f"layers[{index}] ({kind})", kind, 1)
        raise spec.error((("layers", index), message)) from error


def _check_output(
    spec: Spec,
    network: Network,
    name: str,
    component: Loss | Metric,
    targets: Targets,
    path: tuple[str | int, ...],
) -> None:
    try:
        component.check(network.output_shape, targets)
    except ShapeError as error:
        raise spec.error((path, f"{name} {error}")) from error


def _metrics(spec: Spec, content: TrainingSpec, loss: Loss) -> dict[str, Metric]:
    """Return the metrics that the spec names, or else those that the loss does, by name."""
    found: dict[str, Metric] = {}
    if content.metrics is not None:
        for i, metric in enumerate(content.metrics):
            name = spec.registry.name_of(metric.entry)
            if name in found:
                message = f'"{name}" is among the metrics already; leave one of them out'
                raise spec.error((("metrics", i), message))
            found[name] = metric.create()
        return found
    for name in loss.metrics:
        try:
            entry = spec.registry.find(Metric.kind, name)
        except UnknownComponentError as error:
            raise spec.error((("loss",), str(error))) from error
        cls: type[Any] = entry.cls
        found[spec.registry.name_of(entry)] = cls()
    return found


def _monitor(spec: Spec, metrics: dict[str, Metric]) -> str:
    """Return the number that early stopping watches, or else the first metric on the test data."""
    content = spec.content
    assert isinstance(content, TrainingSpec)
    stopping = content.training.early_stopping
    if stopping is None:
        return f"test_{next(iter(metrics), 'loss')}"
    known = [f"{part}_{name}" for part in ("train", "test") for name in ("loss", *metrics)]
    if stopping.metric not in known:
        path = ("training", "early_stopping", "metric")
        message = f'must be one of {", ".join(known)}, got "{stopping.metric}"'
        raise spec.error((path, message))
    return stopping.metric


def _check_memory(experiment: Experiment) -> None:
    network, needed, available = experiment.network, experiment.memory, available_memory()
    if available is None or needed <= available:
        return
    batch = experiment.settings.batch_size
    sizes = [sum(v.size for _, v in node.layer.variables()) for node in network.nodes]
    outputs = [math.prod(shape) for shape in network.shapes[network.input_count :]]
    shares = [size + batch * output for size, output in zip(sizes, outputs, strict=True)]
    largest = shares.index(max(shares))
    raise experiment.spec.error(
        (
            ("layers", largest),
            f"training takes {amount(needed)} of memory, and {amount(available)} are free; "
            f"{network.nodes[largest]} alone has {sizes[largest]:,} parameters and "
            f"{outputs[largest]:,} outputs for each of {batch:,} examples; "
            "make it or the batch smaller",
        )
    )


def amount(size: int) -> str:
    """Return a number of bytes as people read it: ``1.5 GB``."""
    number, units = float(size), ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1000, units[1:]
    return f"{number:.3g} {units[0]}"
