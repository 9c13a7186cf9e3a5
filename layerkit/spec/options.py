"""The options of a component as a pydantic model, made from the signature of ``__init__``.

The signature is the interface: annotations give types and bounds, defaults make options optional,
and the lines under ``Args`` describe them.
"""

import math
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from layerkit.arguments import plain
from layerkit.contracts.component import Component, option_parameters
from layerkit.docstrings import descriptions
from layerkit.errors import OptionError, PluginError, place
from layerkit.registry import Registry
from layerkit.spec.extending import BaseText
from layerkit.spec.problems import problems_of
from layerkit.spec.wording import DEFAULT_EFFORT, worded

# On the first model, pydantic looks for its own plugins among all installed distributions, and
# raises if the entry points of one are malformed. It looks only once, and layerkit needs none.
with suppress(Exception):
    create_model("First")


class SpecModel(BaseModel):
    """An object in a spec: strict types and no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def __init__(self, /, **values: Any) -> None:
        # Only Python code gets here: a spec is validated without calling the constructor.
        try:
            super().__init__(**{name: plain(value) for name, value in values.items()})
        except ValidationError as error:
            raise _in_python(type(self), values, error) from None

    # With this mark, pydantic still validates without calling the constructor.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


def _in_python(cls: type[SpecModel], values: dict[str, Any], error: ValidationError) -> OptionError:
    """Return what is wrong with the arguments of a constructor, in layerkit's words."""
    problems = problems_of(worded(error, cls), values)
    texts = [f"{place(p.path)}: {p.message}" if p.path else p.message for p in problems]
    return OptionError(f"{cls.__name__}: {'; '.join(texts)}")


M = TypeVar("M", bound=SpecModel)


def validated(model: type[M], value: Any, context: Any) -> M:
    """Return an object of a spec as its model.

    Args:
        model: The model.
        value: The object, as JSON gave it.
        context: The ``Reading`` that looks up nested components.

    Raises:
        ValidationError: The object is wrong; the error lists its problems in layerkit's words.
    """
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        raise worded(error, model, DEFAULT_EFFORT if context is None else context.effort) from None


@cache
def options_model(cls: type[Component]) -> type[SpecModel]:
    """Return the model that validates the options of a component.

    Raises:
        PluginError: An option has a type that JSON cannot express.
    """
    try:
        hints = get_type_hints(cls.__init__, include_extras=True)
        described = descriptions(cls)
        fields: dict[str, Any] = {}
        for name, parameter in option_parameters(cls).items():
            default = ... if parameter.default is parameter.empty else parameter.default
            if not _is_json_type(hints[name]):
                raise PluginError(
                    f"{cls.__name__}: option {name} is a {_type_name(hints[name])}, which JSON "
                    "cannot express; an option is an int, float, bool, str, Path, Literal, a "
                    "kind of component, or a tuple, list or union of these"
                )
            if default is not ... and not _is_json(default):
                raise PluginError(
                    f"{cls.__name__}: the default of option {name}, {default!r}, cannot be "
                    "written in JSON"
                )
            # The prefix keeps the field from shadowing pydantic's methods ("copy", "schema").
            fields[f"option_{name}"] = (
                _as_written_in_json(hints[name]),
                Field(default, alias=name, description=described.get(name)),
            )
        return create_model(cls.__name__, __base__=SpecModel, __module__=cls.__module__, **fields)
    except (NameError, TypeError, PydanticUserError) as error:
        raise _inexpressible(cls, error) from error


def _is_json_type(hint: Any) -> bool:
    """Return whether a value of that type can be written in a spec."""
    if isinstance(hint, TypeAliasType):
        hint = hint.__value__
    origin = get_origin(hint)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _is_json_type(get_args(hint)[0])
    if origin in (Union, UnionType, tuple, list):
        return all(part is ... or _is_json_type(part) for part in get_args(hint))
    is_class = isinstance(hint, type) and not isinstance(hint, GenericAlias)
    return hint in _JSON_TYPES or (is_class and issubclass(hint, Component))


_JSON_TYPES = (int, float, bool, str, None, NoneType, Path, tuple, list)


def _as_written_in_json(hint: Any) -> Any:
    """Return a type that accepts its JSON form: an array for a tuple, a string for a path.

    Strict Python types would refuse both. An empty string, which Path takes for a folder, is
    refused.
    """
    if isinstance(hint, TypeAliasType):
        inner = _as_written_in_json(hint.__value__)
        return hint if inner is hint.__value__ else inner
    if hint is Path:
        schema = {"type": "string", "format": "path", "minLength": 1}
        return Annotated[Path, Strict(False), BeforeValidator(_path), WithJsonSchema(schema)]
    parts, origin = get_args(hint), get_origin(hint)
    if origin is Literal:
        return hint
    written = tuple(map(_as_written_in_json, parts))
    if written != parts:
        hint = (Union if origin is UnionType else origin)[written]
    return Annotated[hint, Strict(False)] if tuple in (hint, origin) else hint


def _path(value: Any) -> Any:
    if value == "":
        raise PydanticCustomError("path_type", "an empty path")
    return value.as_path if isinstance(value, BaseText) else value


def _is_json(default: Any) -> bool:
    """Return whether a default can be written in a spec."""
    if isinstance(default, tuple | list):
        return all(map(_is_json, default))
    if type(default) is float:
        return math.isfinite(default)
    return type(default) in (int, bool, str, NoneType) or isinstance(default, Component | Path)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _inexpressible(cls: type[Component], error: Exception) -> PluginError:
    reason = str(error).splitlines()[0]
    return PluginError(f"{cls.__name__}: its options cannot be read: {reason}")


def given_options(model: SpecModel) -> dict[str, Any]:
    """Return the options that a spec gave, by parameter name."""
    return {name.removeprefix("option_"): getattr(model, name) for name in model.model_fields_set}


def default_options(cls: type[Component]) -> dict[str, Any]:
    """Return the options that a spec may leave out, with their defaults."""
    parameters = option_parameters(cls).items()
    return {name: p.default for name, p in parameters if p.default is not p.empty}


class _QuietJsonSchema(GenerateJsonSchema):
    """JSON Schema without the warning that a default, such as a component, is not JSON.

    ``warnings.catch_warnings`` would change the filters of the whole process, in which other
    threads may load plugins too.
    """

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Emit nothing."""


def options_schema(cls: type[Component], registry: Registry) -> dict[str, Any]:
    """Return the JSON Schema of the options of a component.

    Args:
        cls: The component.
        registry: Gives the names of components that are defaults.

    Raises:
        PluginError: An option has a type that JSON cannot express.
    """
    try:
        schema = options_model(cls).model_json_schema(schema_generator=_QuietJsonSchema)
    except PydanticUserError as error:
        raise _inexpressible(cls, error) from error
    for name, option in schema.get("properties", {}).items():
        default = option_parameters(cls)[name].default
        if isinstance(default, Component):
            option["default"] = as_written(default, registry)
    return schema


def as_written(component: Component, registry: Registry) -> str | dict[str, Any]:
    """Return a component as a spec would write it: with its non-default options, or by name."""
    cls = type(component)
    names = [registry.name_of(entry) for entry in registry if entry.cls is cls]
    options = {
        name: as_written(value, registry) if isinstance(value, Component) else value
        for name, value in component.options().items()
        if value != option_parameters(cls)[name].default
    }
    name = names[0] if names else cls.__name__
    return {"type": name, **options} if options else name
