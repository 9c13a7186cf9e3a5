"""Build the network of a spec.

Components are taken from the spec, shapes are inferred, and everything that can be refused is
refused, before any memory is allocated or an example is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layerkit.contracts.component import Component
from layerkit.contracts.dataset import Dataset, Form
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric, is_better_higher
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.unheld import unheld_options
from layerkit.errors import DataError, Path, Problem, ShapeError, SpecError
from layerkit.footprint import bytes_of_training, graph_problem, training_problem
from layerkit.network import Network, Node
from layerkit.spec import GraphSpec, Spec, TrainingSettings, TrainingSpec
from layerkit.spec.metrics import metrics_of, monitor_of, no_validation
from layerkit.types import Array, Shape
from layerkit.wording import amount


@dataclass(frozen=True)
class Experiment:
    """Everything that a training spec describes, created and checked to fit together.

    Attributes:
        spec: The spec.
        dataset: The source of the examples, not loaded.
        form: The form that the examples must have.
        network: The network, with nothing allocated.
        optimizer: The optimizer, with its states declared.
        metrics: The metrics of an evaluation, by name.
        settings: The length of training, its batches and its evaluations.
        monitor: The score that decides which parameters are best, such as ``validation_accuracy``;
            None if none does, because the data have no validation part.
    """

    spec: Spec
    dataset: Dataset
    form: Form
    network: Network
    optimizer: Optimizer
    metrics: dict[str, Metric]
    settings: TrainingSettings
    monitor: str | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of runs, even if the network checks gradients in another."""
        assert isinstance(self.spec.content, TrainingSpec)
        return np.dtype(self.spec.content.dtype)

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value of ``monitor`` is better."""
        return self.monitor is not None and is_better_higher(self.monitor, self.metrics)

    @property
    def memory(self) -> int:
        """The most bytes that training takes for any number of examples, as in ``memory_for``.

        Metrics of the whole set keep more, in proportion to the number of examples.
        """
        return self.memory_for(self.settings.batch_size, self.network.rows_at_once)

    def memory_for(self, train: int, test: int = 1) -> int:
        """Return how many bytes training takes in the type of the spec, without the data.

        Args:
            train: The number of training examples.
            test: The number of test examples.
        """
        batch, most = self.batch_of(train), max(train, test)
        needed = bytes_of_training(self.network, self.optimizer, self.dtype, batch, most)
        return needed + most * sum(self._kept_by_metrics.values())

    @property
    def _kept_by_metrics(self) -> dict[str, int]:
        """How many bytes each metric keeps for each example of an evaluation."""
        form = self.network.output_shape, self.form.targets, self.dtype.itemsize
        return {name: metric.bytes_per_example(*form) for name, metric in self.metrics.items()}

    def batch_of(self, examples: int) -> int:
        """Return how many examples a step has, given the number of training examples."""
        size = self.settings.batch_size
        return min(size, examples) if self.settings.sampling == "shuffle" else size

    def check_memory(self, train: int, test: int) -> None:
        """Refuse a training that does not fit in memory.

        Args:
            train: The number of training examples.
            test: The number of test examples.

        Raises:
            SpecError: It does not fit; the message names the largest layer, or the metrics if they
                take more than the rest.
        """
        needed = self.memory_for(train, test)
        problem = training_problem(self.network, needed, self.batch_of(train))
        if problem is None:
            return
        kept = {name: size * max(train, test) for name, size in self._kept_by_metrics.items()}
        if 2 * sum(kept.values()) > needed:
            name = max(kept, key=kept.__getitem__)
            hint = f"{name} keeps all outputs of an evaluation, {amount(kept[name])}; leave it out"
            assert isinstance(self.spec.content, TrainingSpec)
            key = "loss" if self.spec.content.metrics is None else "metrics"
            problem = replace(problem, path=(key,), hint=hint)
        raise self.spec.error(problem)


def build(spec: Spec) -> Network:
    """Return the network of a spec, with nothing allocated.

    Raises:
        SpecError: Something does not fit; see ``build_experiment``.
    """
    if isinstance(spec.content, GraphSpec):
        return build_graph(spec)[0]
    return build_experiment(spec).network


def build_network(spec: Spec, shape: Shape) -> Network:
    """Return the network of a training spec for examples of a shape, ignoring the spec's data.

    Raises:
        SpecError: A layer does not fit what comes before it.
    """
    content = spec.content
    assert isinstance(content, TrainingSpec)
    return _network(spec, [shape], content.loss.take(), content.dtype)


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
    mismatched = [name for name, batch in batches.items() if len(batch) != count]
    if mismatched:
        raise spec.error(
            *(
                Problem(
                    "wrong-value",
                    ("inputs", name),
                    f"a batch of {count}, like the first input",
                    f"{len(batches[name])}",
                )
                for name in mismatched
            )
        )
    shapes = [batch.shape[1:] for batch in batches.values()]
    network = _network(spec, shapes, None, "float64", list(batches))
    too_large = graph_problem(network, count)
    if too_large is not None:
        raise spec.error(too_large)
    return network, list(batches.values())


def build_experiment(spec: Spec, dtype: str | None = None) -> Experiment:
    """Return everything that a training spec describes.

    Args:
        spec: The spec.
        dtype: The type to compute in; by default that of the spec.

    Raises:
        SpecError: The data are not available; a layer does not fit what comes before it; the last
            layer does not fit the loss or the data; a metric does not exist or does not fit; or
            the network does not fit in memory.
    """
    content = spec.content
    assert isinstance(content, TrainingSpec)
    dataset, loss = content.data.take(), content.loss.take()
    metrics, problems = metrics_of(content, loss, spec.registry)
    monitor, misnamed = monitor_of(content, metrics)
    problems += misnamed
    try:
        form = dataset.inspect()
        network = _network(spec, [form.shape], loss, dtype or content.dtype)
    except OSError as error:  # from a file that opens, but cannot be read
        raise spec.error(*problems, data_problem(f"cannot be read: {error}")) from error
    except (DataError, MemoryError) as error:
        raise spec.error(*problems, data_problem(error)) from error
    except SpecError as error:
        raise spec.error(*problems, *error.problems) from error
    if not form.has_validation and content.training.early_stopping is not None:
        problems.append(no_validation(content.data.entry.cls))
    for metric in metrics.values():
        metric.meaning = network.meaning
    checked: list[tuple[Path, str, Loss | Metric]] = [
        (("layers", len(network.nodes) - 1), content.loss.entry.name, loss)
    ]
    for i, (name, metric) in enumerate(metrics.items()):
        checked.append((("loss",) if content.metrics is None else ("metrics", i), name, metric))
    for path, name, component in checked:
        try:
            component.check(network.output_shape, form.targets)
        except ShapeError as error:
            where: Path = ("data",) if error.is_about_data else path
            expected = f"{name} {error.expected}"
            problems.append(Problem("shapes-do-not-match", where, expected, hint=error.hint))
            if content.metrics is None:
                break  # data that do not fit the loss do not fit its metrics either
    optimizer = content.optimizer.take()
    problems += _unheld([(("optimizer",), optimizer)], content.dtype)
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
        monitor if form.has_validation else None,
    )
    # The number of examples is unknown until they are read; only one is certain before that.
    too_large = training_problem(network, experiment.memory_for(1), experiment.batch_of(1))
    if too_large is not None:
        problems.append(too_large)
    if problems:
        raise spec.error(*problems)
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
            layer.component.take(),
            inputs,
            layer.name or f"layers[{i}]",
            layer.component.entry.name,
        )
        for i, (layer, inputs) in enumerate(zip(spec.content.layers, spec.wiring, strict=True))
    ]
    components: list[tuple[Path, Component]] = [
        (("layers", i), node.layer) for i, node in enumerate(nodes)
    ]
    if loss is not None:
        components.append((("loss",), loss))
    # Options must fit the type of the spec, even if the gradients are checked in another.
    problems = _unheld(components, getattr(spec.content, "dtype", dtype))
    if problems:
        raise spec.error(*problems)
    try:
        network = Network(nodes, *shapes, loss=loss, dtype=dtype, input_names=input_names)
    except ShapeError as error:
        index = error.layer or 0
        # The report gives the position of the layer, so only a name from the spec is added.
        node = nodes[index]
        named = str(node) if spec.content.layers[index].name else node.type
        code = "shapes-do-not-fit" if error.given else "layers-do-not-fit"
        expected, got = f"{named} {error.expected}", error.given or None
        raise spec.error(
            Problem(code, ("layers", index), expected, got, hint=error.hint)
        ) from error
    network.compilers = spec.registry.compilers
    return network


def data_problem(reason: object) -> Problem:
    """Return the problem that a spec's data cannot be used, with the reason."""
    return Problem("wrong-data", ("data",), str(reason))


def _unheld(components: Sequence[tuple[Path, Component]], dtype: str) -> list[Problem]:
    """Return the problems of options that a type cannot hold, each at its place."""
    return [
        replace(problem, path=(*place, *problem.path))
        for place, component in components
        for problem in unheld_options(component, dtype)
    ]
