"""From a spec to a network.

Components are made, shapes inferred, and everything that can be refused is refused, before any
memory is allocated or an example read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layerkit.contracts.component import Component, unheld_options
from layerkit.contracts.dataset import Dataset, Form
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric, is_better_higher, score_names
from layerkit.contracts.optimizer import Optimizer
from layerkit.errors import DataError, Path, Problem, ShapeError, SpecError
from layerkit.footprint import bytes_of_training, graph_problem, training_problem
from layerkit.network import Network, Node
from layerkit.registry import UnknownComponentError
from layerkit.spec import GraphSpec, Spec, TrainingSettings, TrainingSpec
from layerkit.spec.wording import suggested
from layerkit.types import Array, Shape
from layerkit.wording import quoted


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
    def dtype(self) -> np.dtype[Any]:
        """The type of runs, also where the network checks gradients in another."""
        assert isinstance(self.spec.content, TrainingSpec)
        return np.dtype(self.spec.content.dtype)

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value of ``monitor`` is the better one."""
        return is_better_higher(self.monitor, self.metrics)

    @property
    def memory(self) -> int:
        """How many bytes training takes at most, however many examples there are; see below."""
        return self.memory_for(self.settings.batch_size, self.network.rows_at_once)

    def memory_for(self, train: int, test: int = 1) -> int:
        """Return how many bytes training takes in the type of the spec, the data aside.

        Args:
            train: How many examples there are to train on.
            test: How many there are to test on.
        """
        batch, most = self.batch_of(train), max(train, test)
        return bytes_of_training(self.network, self.optimizer, self.dtype, batch, most)

    def batch_of(self, examples: int) -> int:
        """Return how many examples a step has, if there are so many to train on."""
        size = self.settings.batch_size
        return min(size, examples) if self.settings.sampling == "shuffle" else size

    def check_memory(self, train: int, test: int) -> None:
        """Refuse a training that does not fit in memory.

        Args:
            train: How many examples there are to train on.
            test: How many there are to test on.

        Raises:
            SpecError: It does not; the message names the largest layer.
        """
        needed = self.memory_for(train, test)
        problem = training_problem(self.network, needed, self.batch_of(train))
        if problem is not None:
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
                Problem(
                    "wrong-value",
                    ("inputs", name),
                    f"a batch of {count}, like the first input",
                    f"{len(batches[name])}",
                )
                for name in wrong
            )
        )
    shapes = [batch.shape[1:] for batch in batches.values()]
    network = _network(spec, shapes, None, "float64", list(batches))
    too_large = graph_problem(network, count)
    if too_large is not None:
        raise spec.error(too_large)
    return network, list(batches.values())


def build_experiment(spec: Spec, dtype: str | None = None) -> Experiment:
    """Return all that a training spec describes.

    Args:
        spec: The spec.
        dtype: The type to compute in; by default that of the spec.

    Raises:
        SpecError: The data cannot be had; a layer does not fit what comes before it; the last
            layer does not fit the loss or the data; a metric does not exist or does not fit; or
            the network does not fit in memory.
    """
    content = spec.content
    assert isinstance(content, TrainingSpec)
    dataset, loss = content.data.create(), content.loss.create()
    metrics, problems = _metrics(spec, content, loss)
    monitor = _monitor(content, metrics, problems)
    try:
        form = dataset.inspect()
        network = _network(spec, [form.shape], loss, dtype or content.dtype)
    except OSError as error:  # of a file that opens, and then cannot be read
        raise spec.error(*problems, data_problem(f"cannot be read: {error}")) from error
    except (DataError, MemoryError) as error:
        raise spec.error(*problems, data_problem(error)) from error
    except SpecError as error:
        raise spec.error(*problems, *error.problems) from error
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
                break  # what does not fit the loss does not fit its metrics either
    optimizer = content.optimizer.create()
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
        monitor,
    )
    # How many examples there are shows when they are read; until then one is all that is certain.
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
            layer.component.create(),
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
    # In the type of the spec, also where the gradients are checked in another.
    problems = _unheld(components, getattr(spec.content, "dtype", dtype))
    if problems:
        raise spec.error(*problems)
    try:
        network = Network(nodes, *shapes, loss=loss, dtype=dtype, input_names=input_names)
    except ShapeError as error:
        index = error.layer or 0
        # The report itself says which of the layers; a name that the spec gives is left.
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
    """Return as a problem of a spec why its data cannot be used."""
    return Problem("wrong-data", ("data",), str(reason))


def _unheld(components: Sequence[tuple[Path, Component]], dtype: str) -> list[Problem]:
    """Return the options that a type does not hold, each at its place."""
    return [
        replace(problem, path=(*place, *problem.path))
        for place, component in components
        for problem in unheld_options(component, dtype)
    ]


def _metrics(
    spec: Spec, content: TrainingSpec, loss: Loss
) -> tuple[dict[str, Metric], list[Problem]]:
    """Return by name the metrics of a spec, or else of its loss; and what is wrong with them."""
    found: dict[str, Metric] = {}
    problems: list[Problem] = []
    if content.metrics is not None:
        for i, metric in enumerate(content.metrics):
            name = spec.registry.name_of(metric.entry)
            if name in found:
                message, hint = f'"{name}" is among the metrics already', "leave one of them out"
                problems.append(Problem("duplicate-metric", ("metrics", i), message, hint=hint))
            found[name] = metric.create()
        return found, problems
    for name in loss.metrics:
        try:
            entry = spec.registry.find(Metric.kind, name)
        except UnknownComponentError as error:
            problems.append(Problem("unknown-metric", ("loss",), str(error)))
            continue
        cls: type[Any] = entry.cls
        found[spec.registry.name_of(entry)] = cls()
    return found, problems


def _monitor(content: TrainingSpec, metrics: dict[str, Metric], problems: list[Problem]) -> str:
    """Return the number that early stopping watches, or else the first metric on the test data."""
    stopping = content.training.early_stopping
    if stopping is None:
        return f"test_{next(iter(metrics), 'loss')}"
    known = score_names(metrics)
    if stopping.metric not in known:
        path = ("training", "early_stopping", "metric")
        expected = f"one of {', '.join(known)}"
        suggestion = suggested(stopping.metric, known)
        if suggestion is not None:
            suggestion = replace(suggestion, wording="silent")
        problems.append(Problem("wrong-value", path, expected, quoted(stopping.metric), suggestion))
    return stopping.metric
