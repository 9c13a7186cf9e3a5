"""Look up the components that a spec names, and validate their options."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, PlainValidator, StringConstraints, ValidationError
from pydantic_core import InitErrorDetails

from layerkit.contracts.component import Component, created, option_parameters
from layerkit.contracts.layer import Layer
from layerkit.contracts.registrar import Entry
from layerkit.errors import PluginError, Problem, Suggestion, UserError
from layerkit.paths import expanded
from layerkit.registry import ContestedNameError, Registry, UnknownComponentError
from layerkit.spec.options import (
    SpecModel,
    default_options,
    given_options,
    options_model,
    validated,
)
from layerkit.spec.wording import DEFAULT_EFFORT, Effort, again, got, invalid, refusal, suggested
from layerkit.wording import LONGEST_NAME, is_one_edit_away, quoted, visible, with_article

C = TypeVar("C", bound=Component)

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME)
]
"""A name that is also valid as the name of a folder."""

MOST_NESTED = 16
"""How deeply components may nest as options; each level is read again for the next one."""


NAMES_ELSEWHERE = {
    *("adan", "asgd", "lamb", "lars", "lion", "nadam", "radam", "rprop", "sgdm", "sgdw"),
    *("celu", "crelu", "elu", "geglu", "glu", "prelu", "reglu", "relu2", "relu6", "rrelu"),
    *("selu", "silu", "swiglu", "emnist", "fmnist", "kmnist", "mnistm", "qmnist"),
}
"""Components of other libraries, many of them one letter away from ours. They may be meant, for
example in a spec whose plugin is not installed."""


def slips_of_type(registry: Registry, kind: str, name: str) -> list[str]:
    """Return the names of components that a single slip of the keys may have turned into this one.

    None if another library has a component of this name.
    """
    return [] if name.lower() in NAMES_ELSEWHERE else registry.slips(kind, name)


@dataclass(frozen=True)
class ComponentSpec(Generic[C]):
    """A component that a spec names, with its validated options.

    Attributes:
        entry: The registered component.
        options: The options that were given; a nested component is itself a ``ComponentSpec``.
    """

    entry: Entry
    options: dict[str, Any]
    _validated: list[C] = field(default_factory=list, init=False, repr=False, compare=False)

    def validate(self) -> None:
        """Make an instance, which checks that the options are compatible; ``take`` returns it.

        Raises:
            ValueError: They are not.
        """
        self._validated.append(self._made(ComponentSpec.take))

    def take(self) -> C:
        """Return the instance that ``validate`` made; once that is taken, a new one.

        A network that is built from a spec takes its components, so each of them is made once. No
        two callers get the same one.
        """
        try:
            return self._validated.pop()  # in one step, whatever other threads do
        except IndexError:
            return self.create()

    def create(self) -> C:
        """Return a new instance."""
        return self._made(ComponentSpec.create)

    def _made(self, nested: "Callable[[ComponentSpec[Any]], Component]") -> C:
        """Return a new instance whose options hold components as ``nested`` returns them."""
        cls: type[Any] = self.entry.cls
        instance: C = created(cls, {k: _filled(v, nested) for k, v in self.options.items()})
        return instance


def _filled(value: Any, nested: Callable[[ComponentSpec[Any]], Component]) -> Any:
    """Return an option with a component in the place of each that a spec names, at any depth."""
    if isinstance(value, ComponentSpec):
        return nested(value)
    if isinstance(value, list | tuple):
        return type(value)(_filled(v, nested) for v in value)
    return value


def _anchored(value: Any, folder: FilePath) -> Any:
    """Return an option whose paths, at any depth, are resolved relative to a folder."""
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


def _type_meant(value: Any) -> Suggestion | None:
    """Return the suggestion to rename a key to ``type``, if exactly one key comes close."""
    keys = [k for k in value if is_one_edit_away(k, "type")] if isinstance(value, dict) else []
    if len(keys) != 1:
        return None
    return Suggestion('"type"', "certain", inside=(keys[0],), at_key=True)


LAYER = PlainValidator(lambda value, info: info.context.layer(value), json_schema_input_type=Layer)
"""The validator of a layer at its place in the network."""


@dataclass(frozen=True)
class LayerSpec:
    """A layer that a spec names, with its place in the network.

    Attributes:
        component: The layer itself.
        name: The name by which other layers refer to it, if it has one.
        inputs: The names of its inputs; None if it takes the preceding output.
    """

    component: ComponentSpec[Layer]
    name: str | None
    inputs: tuple[str, ...] | None


@dataclass(frozen=True)
class Reading:
    """The context of one validation: where names are looked up.

    Attributes:
        registry: The available components.
        folder: The folder that paths in the spec are relative to.
        effort: How much time to spend on what is wrong.
        nested: The number of components that enclose the current one.
        refused: One entry for each layer that was refused so far.
    """

    registry: Registry
    folder: FilePath
    effort: Effort = DEFAULT_EFFORT
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
            expected = f'the name of {with_article(kind.kind)}, or an object with its "type"'
            raise invalid(
                refusal(Problem("wrong-type", (), expected, got(value), _type_meant(value)))
            )
        if not isinstance(name, str):
            raise invalid(refusal(Problem("wrong-type", (), "text", got(name)), at))
        if self.nested > MOST_NESTED:
            message = f"components nest at most {MOST_NESTED} deep"
            raise invalid(refusal(Problem("too-deep", expected=message), at))
        try:
            entry = self.registry.find(kind.kind, name)
        except UnknownComponentError as error:
            raise invalid(refusal(self._unknown(kind, name, options, error), at)) from None
        if not issubclass(entry.cls, kind):
            wrong = Problem("wrong-type", (), f"a {kind.__name__}", entry.cls.__name__)
            raise invalid(refusal(wrong, at))
        return self._with_options(entry, options)

    def _unknown(
        self,
        kind: type[Component],
        name: str,
        options: dict[str, Any],
        error: UnknownComponentError,
    ) -> Problem:
        """Return the problem of an unknown name, with the name that was probably meant."""
        problem = Problem("unknown-type", (), kind.kind, quoted(name), error.suggestion, error.hint)
        if isinstance(error, ContestedNameError):
            return Problem("contested-type", expected=str(error))
        if error.suggestion is None or error.hint:
            return problem  # the name may belong to a plugin that does not work
        # A similar name counts only if its component takes these options.
        names = [
            other
            for other in slips_of_type(self.registry, kind.kind, name)
            if self._takes(kind, other, options)
        ]
        meant = suggested(name, names) if len(names) == 1 else None
        return replace(
            problem, suggestion=meant or replace(error.suggestion, applicability="maybe")
        )

    def _takes(self, kind: type[Component], name: str, options: dict[str, Any]) -> bool:
        known = option_parameters(self.registry.find(kind.kind, name).cls)
        return all(
            key in known or any(is_one_edit_away(key, other) for other in known) for key in options
        )

    def layer(self, value: Any) -> LayerSpec | None:
        """Validate a layer of the network: a component that may have a name and inputs.

        Returns None, and does not look at the layer, if enough others were refused.
        """
        if len(self.refused) >= self.effort.problems:
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
            errors += again(error, [*Place.model_fields, "type"])
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
            raise invalid(refusal(Problem("broken-plugin", expected=visible(message)))) from None
        explicit_options = given_options(
            validated(model, options, replace(self, nested=self.nested + 1))
        )
        try:
            # This includes default paths: files do not depend on where the command is called.
            for name, option in (default_options(entry.cls) | explicit_options).items():
                anchored = _anchored(option, self.folder)
                if name in explicit_options or anchored != option:
                    explicit_options[name] = anchored
            component = ComponentSpec[Any](entry, explicit_options)
            component.validate()
        except (UserError, ValueError) as error:
            problem = Problem("options-do-not-fit", expected=visible(str(error)))
            raise invalid(refusal(problem)) from None
        return component


class Place(SpecModel):
    """The keys of a layer that are not options of its component.

    Attributes:
        name: The name by which later layers refer to it.
        inputs: The name or names of its inputs, instead of the preceding output.
    """

    name: Name | None = None
    inputs: Name | Annotated[list[Name], Field(min_length=1)] | None = None
