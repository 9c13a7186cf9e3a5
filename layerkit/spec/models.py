"""The contents of a spec as pydantic models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from layerkit.contracts.dataset import Dataset
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric
from layerkit.contracts.optimizer import Optimizer
from layerkit.errors import Problem, Suggestion
from layerkit.spec.components import LAYER, ComponentSpec, LayerSpec, Name, component, nested
from layerkit.spec.numbers import GraphInput
from layerkit.spec.options import SpecModel
from layerkit.spec.wording import got, invalid, refusal
from layerkit.types import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt


class EarlyStopping(SpecModel):
    """When to stop before the last step.

    Attributes:
        metric: The number to watch, by its name in the table of the run:
            ``validation_loss``.
        patience: The number of evaluations without a better value after which to stop.
        min_delta: The least improvement that counts as a better value.
    """

    metric: str = "validation_loss"
    patience: PositiveInt = 5
    min_delta: NonNegativeFloat = 0.0


class TrainingSettings(SpecModel):
    """The length of training, its batches and its evaluations.

    Attributes:
        steps: The number of updates; exclusive with ``epochs``.
        epochs: The number of passes over the training data.
        batch_size: The number of examples in a step.
        sampling: ``shuffle`` takes each example once an epoch; ``with_replacement`` draws each
            batch from all of them, as the book does.
        evaluate_every: The number of steps between evaluations, or ``epoch``.
        max_gradient_norm: The Euclidean norm that longer gradients are scaled down to.
        early_stopping: When to stop before the last step.
    """

    steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    batch_size: PositiveInt = 32
    sampling: Literal["shuffle", "with_replacement"] = "shuffle"
    evaluate_every: PositiveInt | Literal["epoch"] = "epoch"
    max_gradient_norm: PositiveFloat | None = None
    early_stopping: Annotated[EarlyStopping, nested(EarlyStopping)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is None and self.epochs is None:
            raise ValueError('needs either "steps" or "epochs"')
        if self.steps is not None and self.epochs is not None:
            raise ValueError(
                'takes only one of "steps" and "epochs", got both; leave one out, or set it to null'
            )
        return self


def _version(value: Any) -> int:
    if type(value) is not int or value != 1:
        expected = "1, the version that this layerkit reads"
        is_meant = type(value) is float and value == 1
        suggestion = Suggestion("1", "certain", "write") if is_meant else None
        raise invalid(refusal(Problem("wrong-value", (), expected, got(value), suggestion)))
    return 1


class _AnySpec(SpecModel):
    """The keys of every spec; the subclasses describe the attributes."""

    json_schema: str | None = Field(None, alias="$schema")
    version: Annotated[int, PlainValidator(_version, json_schema_input_type=Literal[1])]
    name: Name | None = None
    seed: NonNegativeInt = 0
    layers: Annotated[list[Annotated[LayerSpec, LAYER]], Field(min_length=1)]


class TrainingSpec(_AnySpec):
    """A network and how to train it.

    Attributes:
        json_schema: Where an editor finds the JSON Schema; layerkit itself does not read it.
        version: The version of the spec format.
        name: The name of its runs; by default the name of the file.
        seed: The seed of all random numbers.
        dtype: The type of the arithmetic.
        data: The source of the examples.
        layers: The network.
        loss: The quantity that training minimizes.
        metrics: The numbers that evaluations report besides the loss; by default the metrics of
            that loss.
        optimizer: The rule by which gradients change the parameters.
        training: The length of training, its batches and its evaluations.
    """

    dtype: Literal["float32", "float64"] = "float32"
    data: Annotated[ComponentSpec[Dataset], component(Dataset)]
    loss: Annotated[ComponentSpec[Loss], component(Loss)]
    metrics: list[Annotated[ComponentSpec[Metric], component(Metric)]] | None = None
    optimizer: Annotated[ComponentSpec[Optimizer], component(Optimizer)]
    training: Annotated[TrainingSettings, nested(TrainingSettings)]


class GraphSpec(_AnySpec):
    """A computational graph with the values of its inputs, run once forward and backward.

    Attributes:
        json_schema: Where an editor finds the JSON Schema; layerkit itself does not read it.
        version: The version of the spec format.
        name: The name of the graph; by default the name of the file.
        seed: The seed of the first values of parameters.
        layers: The nodes, in order.
        inputs: The value of each input: a number, or an array whose first axis is the batch.
    """

    inputs: Annotated[dict[Name, GraphInput], Field(min_length=1)]
