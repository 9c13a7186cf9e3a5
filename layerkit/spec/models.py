"""What a spec may say, as pydantic models, and the components it names."""

from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Field, PlainValidator, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from layerkit.contracts.component import Component, created
from layerkit.contracts.dataset import Dataset
from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.contracts.metric import Metric
from layerkit.contracts.optimizer import Optimizer
from layerkit.errors import PluginError, UserError
from layerkit.paths import expanded
from layerkit.registry import Entry, Registry, UnknownComponentError
from layerkit.spec.malformed import ENOUGH
from layerkit.spec.numbers import GraphInput
from layerkit.spec.options import (
    SpecModel,
    default_options,
    given_options,
    options_model,
    validated,
)
from layerkit.spec.wording import again, got, invalid, problem
from layerkit.types import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from layerkit.wording import LONGEST_NAME, visible, with_article

C = TypeVar("C", bound=Component)

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME)
]
"""A name that can also be that of a folder."""

MOST_NESTED = 16
"""How deep components nest as options of each other; each level is read again for the next."""


@dataclass(frozen=True)
class ComponentSpec(Generic[C]):
    """A component as a spec names it: which one, and its options, validated.

    Attributes:
        entry: The registered component.
        options: The options that were given; a nested component is a ``ComponentSpec`` again.
    """

    entry: Entry
    options: dict[str, Any]

    def create(self) -> C:
        """Return a new instance.

        Raises:
            ValueError: Its options do not go together.
        """
        cls: type[Any] = self.entry.cls
        made: C = created(cls, {k: _created(v) for k, v in self.options.items()})
        return made


def _created(value: Any) -> Any:
    if isinstance(value, ComponentSpec):
        return value.create()
    if isinstance(value, list | tuple):
        return type(value)(_created(v) for v in value)
    return value


def _anchored(value: Any, folder: FilePath) -> Any:
    """Return an option with the paths in it, however deep, taken as relative to a folder."""
    if isinstance(value, FilePath):
        return folder / expanded(value)
    if isinstance(value, list | tuple):
        return type(value)(_anchored(v, folder) for v in value)
    return value


def component(kind: type[Component]) -> PlainValidator:
    """Return the validator of a component of that kind."""
    return PlainValidator(
        lambda value, info: info.context.component(kind, value), json_schema_input_type=kind
    )


def nested(model: type[SpecModel]) -> PlainValidator:
    """Return the validator of an object inside a spec that words its own errors."""
    return PlainValidator(
        lambda value, info: (
            value if isinstance(value, model) else validated(model, value, info.context)
        ),
        json_schema_input_type=model,
    )


LAYER = PlainValidator(lambda value, info: info.context.layer(value), json_schema_input_type=Layer)
"""The validator of a layer at its place in the network."""


@dataclass(frozen=True)
class LayerSpec:
    """A layer as a spec names it, with its place in the network.

    Attributes:
        component: The layer itself.
        name: What other layers may call it, if it has a name.
        inputs: The names of what it takes; None where it takes the output before it.
    """

    component: ComponentSpec[Layer]
    name: str | None
    inputs: tuple[str, ...] | None


@dataclass(frozen=True)
class Reading:
    """The context of one validation: where names are looked up.

    Attributes:
        registry: The components there are.
        folder: What the paths in the spec are relative to.
        nested: Of how many components the present one is an option.
        refused: The places of layers that were refused so far.
    """

    registry: Registry
    folder: FilePath
    nested: int = 0
    refused: list[None] = field(default_factory=list, compare=False)

    def component(self, kind: type[Component], value: Any) -> ComponentSpec[Any]:
        """Validate a component: its bare name, or an object with its type and options."""
        if isinstance(value, str):
            name, options = value, {}
            at: tuple[str, ...] = ()
        elif isinstance(value, dict) and "type" in value:
            name, options, at = value["type"], {**value}, ("type",)
            del options["type"]
        else:
            what = with_article(kind.kind)
            wanted = f'must be the name of {what}, or an object with its "type"'
            raise invalid(problem(wanted + got(value)))
        if not isinstance(name, str):
            raise invalid(problem("must be text" + got(name), at))
        if self.nested > MOST_NESTED:
            raise invalid(problem(f"components nest at most {MOST_NESTED} deep", at))
        try:
            entry = self.registry.find(kind.kind, name)
        except UnknownComponentError as error:
            raise invalid(problem(str(error), at)) from None
        if not issubclass(entry.cls, kind):
            raise invalid(problem(f"must be a {kind.__name__}, got {entry.cls.__name__}", at))
        return self._with_options(entry, options)

    def layer(self, value: Any) -> LayerSpec | None:
        """Validate a layer of the network: a component that may have a name and inputs.

        Returns None of a layer that is not looked at, as enough others are wrong.
        """
        if len(self.refused) >= ENOUGH:
            return None
        place, layer = {}, value
        if isinstance(value, dict):
            place = {k: v for k, v in value.items() if k in Place.model_fields}
            layer = {k: v for k, v in value.items() if k not in Place.model_fields}
        errors: list[InitErrorDetails] = []
        try:
            placed = validated(Place, place, self)
        except ValidationError as error:
            errors += again(error)
        try:
            component = self.component(Layer, layer)
        except ValidationError as error:
            errors += again(error)
        if errors:
            self.refused.append(None)
            raise invalid(*errors)
        inputs = [placed.inputs] if isinstance(placed.inputs, str) else placed.inputs
        return LayerSpec(component, placed.name, None if inputs is None else tuple(inputs))

    def _with_options(self, entry: Entry, options: dict[str, Any]) -> ComponentSpec[Any]:
        try:
            model = options_model(entry.cls)
        except PluginError as error:
            message = f'"{entry.qualified_name}" is broken: {error}'
            raise invalid(problem(visible(message))) from None
        given = given_options(validated(model, options, replace(self, nested=self.nested + 1)))
        try:
            # A default path too: where the command is called from says nothing of where files are.
            for name, option in (default_options(entry.cls) | given).items():
                anchored = _anchored(option, self.folder)
                if name in given or anchored != option:
                    given[name] = anchored
            component = ComponentSpec[Any](entry, given)
            component.create()
        except (UserError, ValueError) as error:
            raise invalid(problem(visible(str(error)))) from None
        return component


class Place(SpecModel):
    """The keys of a layer that are no options of its own.

    Attributes:
        name: What later layers may call it.
        inputs: What it takes instead of the output before it: a name, or several.
    """

    name: Name | None = None
    inputs: Name | Annotated[list[Name], Field(min_length=1)] | None = None


class EarlyStopping(SpecModel):
    """When to stop before the last step.

    Attributes:
        metric: The number to watch, as the table of the run calls it: ``test_loss``.
        patience: After how many evaluations without a better value to stop.
        min_delta: By how much a value must be better to count.
    """

    metric: str = "test_loss"
    patience: PositiveInt = 5
    min_delta: NonNegativeFloat = 0.0


class TrainingSettings(SpecModel):
    """How long and on what the network is trained.

    Attributes:
        steps: The number of updates; or else ``epochs``.
        epochs: How many times to go through the training data.
        batch_size: The examples of one step.
        sampling: ``shuffle`` takes each example once an epoch; ``with_replacement`` draws each
            batch anew, as the book does.
        evaluate_every: A number of steps, or ``epoch``.
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
        message = "must be 1, the version that this layerkit reads" + got(value)
        raise invalid(
            problem(message + ("; write 1" if type(value) is float and value == 1 else ""))
        )
    return 1


class _AnySpec(SpecModel):
    """What every spec may say; the attributes are described by its subclasses."""

    json_schema: str | None = Field(None, alias="$schema")
    version: Annotated[int, PlainValidator(_version, json_schema_input_type=Literal[1])]
    name: Name | None = None
    seed: NonNegativeInt = 0
    layers: Annotated[list[Annotated[LayerSpec, LAYER]], Field(min_length=1)]


class TrainingSpec(_AnySpec):
    """A network and how it is trained.

    Attributes:
        json_schema: Where an editor finds the JSON Schema; layerkit itself does not read it.
        version: The version of the form of specs.
        name: The name of its runs; by default the name of the file.
        seed: What all random numbers follow from.
        dtype: The type of the arithmetic.
        data: Where examples come from.
        layers: The network.
        loss: What training makes small.
        metrics: What evaluations report besides the loss; by default the metrics of that loss.
        optimizer: How gradients change the parameters.
        training: How long and on what to train.
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
        version: The version of the form of specs.
        name: The name of the graph; by default the name of the file.
        seed: What the first values of parameters follow from.
        layers: The nodes, in order.
        inputs: The value of each input: a number, or an array whose first axis is the batch.
    """

    inputs: Annotated[dict[Name, GraphInput], Field(min_length=1)]
