"""Laws of components of every kind: how they are registered, described and created."""

import json
from typing import Any

from layerkit.contracts.component import Component, option_parameters
from layerkit.docstrings import descriptions, docstring_sections
from layerkit.spec import ComponentSpec
from layerkit.spec.options import as_written, options_schema
from layerkit.testing.subject import LawBroken, Subject


def it_is_registered(subject: Subject) -> None:
    """It is registered through the entry point of its package."""
    if not subject.entries:
        raise LawBroken(
            f"no installed plugin registers {subject.cls.__name__}; give its package an entry "
            'point in the group "layerkit", register the class in layerkit_register, and install '
            "the package"
        )


def its_docstring_describes_it(subject: Subject) -> None:
    """The docstring says what it is; for a layer or a loss, it also gives the shapes."""
    sections = docstring_sections(subject.cls) if "__doc__" in vars(subject.cls) else {"": ""}
    if not sections[""]:
        raise LawBroken("the class has no docstring; its first line says what it is")
    if subject.cls.kind in ("layer", "loss") and "Shapes" not in sections:
        raise LawBroken('the docstring has no section "Shapes:", which gives those of x and y')


def its_options_are_described(subject: Subject) -> None:
    """The docstring describes every option under ``Args``, and nothing else."""
    options = option_parameters(subject.cls)
    # A parameter that a subclass inherits may be described where it is declared.
    described: dict[str, str] = {}
    for cls in reversed(subject.cls.__mro__):
        if issubclass(cls, Component) and cls.__dict__.get("__doc__"):
            described |= descriptions(cls)
    for name in options:
        if name not in described:
            raise LawBroken(f'option {name} has no line in the section "Args:" of the docstring')
    for name in descriptions(subject.cls):
        if name not in options:
            raise LawBroken(f'the docstring describes "{name}", which is not an option')


def its_options_go_through_json(subject: Subject) -> None:
    """Its options, written as a spec and read again, create an equal component."""
    for _, spec in subject.uses:
        made = spec.create()
        for name, given in spec.options.items():
            kept = made.options().get(name)
            if not _alike(kept, given):
                raise LawBroken(
                    f"option {name} was given as {given!r}, but the attribute {name} is {kept!r}; "
                    "__init__ must store every option unchanged"
                )
        defaults = {n: p.default for n, p in option_parameters(subject.cls).items()}
        options = {
            name: _written(value, subject)
            for name, value in made.options().items()
            if value is not defaults[name]
        }
        again = subject.spec(json.loads(json.dumps(options))).create()
        if repr(again) != repr(made):
            raise LawBroken(f"written as JSON and read again, {made!r} becomes {again!r}")


def its_bounds_hold(subject: Subject) -> None:
    """Every default is a value that a spec may give, and values out of bounds are refused."""
    properties = options_schema(subject.cls, subject.registry).get("properties", {})
    required = dict(subject.uses[0][0].options)
    for name, parameter in option_parameters(subject.cls).items():
        if parameter.default is not parameter.empty:
            try:
                subject.spec({**required, name: _written(parameter.default, subject)})
            except LawBroken as error:
                raise LawBroken(
                    f"the default of option {name} is refused in a spec: {error}"
                ) from None
        for outside in _outside(properties.get(name, {})):
            if _accepted(subject, {**required, name: outside}):
                raise LawBroken(f"option {name} takes {outside}, which is out of its bounds")


def _accepted(subject: Subject, options: dict[str, Any]) -> bool:
    try:
        subject.spec(options)
    except LawBroken:
        return False
    return True


def _outside(schema: dict[str, Any]) -> list[float]:
    """Return numbers next to the bounds of an option, on the wrong side."""
    step = 1 if schema.get("type") == "integer" else 1e-6
    numbers = []
    if "exclusiveMinimum" in schema:
        numbers.append(schema["exclusiveMinimum"])
    if "minimum" in schema:
        numbers.append(schema["minimum"] - step)
    if "exclusiveMaximum" in schema:
        numbers.append(schema["exclusiveMaximum"])
    if "maximum" in schema:
        numbers.append(schema["maximum"] + step)
    return numbers


def _written(value: Any, subject: Subject) -> Any:
    if isinstance(value, Component):
        return as_written(value, subject.registry)
    if isinstance(value, tuple | list):
        return [_written(item, subject) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _alike(kept: Any, given: Any) -> bool:
    """Return whether an attribute equals the option that was given; components by their class."""
    if isinstance(given, ComponentSpec):
        return type(kept) is given.entry.cls
    if isinstance(given, tuple | list):
        same_length = isinstance(kept, tuple | list) and len(kept) == len(given)
        return same_length and all(map(_alike, kept, given))
    return bool(kept == given)


LAWS = (
    it_is_registered,
    its_docstring_describes_it,
    its_options_are_described,
    its_options_go_through_json,
    its_bounds_hold,
)
