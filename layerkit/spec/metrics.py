"""The metrics of a spec, and the number by which it compares parameters."""

from dataclasses import replace
from inspect import signature
from typing import Any

from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric, score_names
from layerkit.errors import Problem
from layerkit.registry import Registry, UnknownComponentError
from layerkit.spec.models import TrainingSpec
from layerkit.spec.wording import suggested
from layerkit.wording import quoted


def metrics_of(
    content: TrainingSpec, loss: Loss, registry: Registry
) -> tuple[dict[str, Metric], list[Problem]]:
    """Return the metrics of a spec, or else of its loss, by name, and what is wrong with them."""
    metrics: dict[str, Metric] = {}
    problems: list[Problem] = []
    if content.metrics is not None:
        for i, metric in enumerate(content.metrics):
            name = registry.name_of(metric.entry)
            if name in metrics:
                message, hint = f'"{name}" is already among the metrics', "leave one of them out"
                problems.append(Problem("duplicate-metric", ("metrics", i), message, hint=hint))
            metrics[name] = metric.take()
        return metrics, problems
    for name in loss.metrics:
        try:
            entry = registry.find(Metric.kind, name)
        except UnknownComponentError as error:
            problems.append(Problem("unknown-metric", ("loss",), str(error)))
            continue
        cls: type[Any] = entry.cls
        metrics[registry.name_of(entry)] = cls()
    return metrics, problems


def no_validation(dataset: type[Any]) -> Problem:
    """Return the problem of a spec with early stopping whose data have no validation part."""
    if "validation_fraction" in signature(dataset).parameters:
        hint = "give data a validation_fraction, such as 0.2, or leave early_stopping out"
    else:
        hint = "leave early_stopping out, or take a data set that has a validation part"
    return Problem(
        "no-validation",
        ("training", "early_stopping"),
        "needs a validation part to judge by, and these data have none",
        hint=hint,
    )


def monitor_of(content: TrainingSpec, metrics: dict[str, Metric]) -> tuple[str, list[Problem]]:
    """Return the score that decides which parameters are best, and what is wrong with it.

    It is the number that early stopping watches, or else the first metric, on the validation part.
    """
    stopping = content.training.early_stopping
    if stopping is None:
        return f"validation_{next(iter(metrics), 'loss')}", []
    known = score_names(metrics, ["validation"])
    if stopping.metric in known:
        return stopping.metric, []
    suggestion = suggested(stopping.metric, known)
    if suggestion is not None:
        suggestion = replace(suggestion, wording="silent")
    path = ("training", "early_stopping", "metric")
    expected = f"one of {', '.join(known)}"
    problem = Problem("wrong-value", path, expected, quoted(stopping.metric), suggestion)
    return stopping.metric, [problem]
