"""The subject of the checks: a component class, and its uses as specs would write them."""

import re
import traceback
from collections.abc import Callable
from functools import cached_property, wraps
from inspect import getsourcefile
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from layerkit.contracts.component import Component, Example, option_parameters
from layerkit.contracts.registrar import KINDS, Entry, Provider, Registrar
from layerkit.registry import Registry
from layerkit.spec.components import ComponentSpec, Reading


class LawBroken(AssertionError):
    """A component does not keep a law; the message names the mistake."""


class Subject:
    """A component class under test.

    Args:
        cls: The class.
        registry: The registry for names in its options, which should contain the class itself.
    """

    def __init__(self, cls: type[Component], registry: Registry) -> None:
        self.cls = cls
        self.registry = registry

    @cached_property
    def entries(self) -> list[Entry]:
        """The registrations of the class; none if its package is not installed."""
        return [entry for entry in self.registry if entry.cls is self.cls]

    @cached_property
    def reading(self) -> tuple[Reading, str]:
        """The context that validates specs, and the name by which it finds the component.

        Raises:
            PluginError: No registry would accept the class.
        """
        if self.entries:
            return Reading(self.registry, Path()), self.entries[0].qualified_name
        registrar = Registrar(Provider("unregistered", "0", self.cls.__module__))
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.cls.__name__.strip("_")).lower()
        getattr(registrar, self.cls.kind)(name, self.cls)
        registry = Registry()
        registry.admit([*self.registry, *registrar.entries])
        return Reading(registry, Path()), registrar.entries[0].qualified_name

    def spec(self, options: Any) -> ComponentSpec[Any]:
        """Return the component with options, validated as in a spec.

        Raises:
            LawBroken: The options are refused; the message says which ones and why.
        """
        reading, name = self.reading
        try:
            kind = KINDS[self.cls.kind]
            return reading.component(kind, {"type": name, **options})
        except ValidationError as error:
            raise LawBroken(told_refusal(error)) from None

    @cached_property
    def uses(self) -> list[tuple[Example, ComponentSpec[Any]]]:
        """The declared examples, or the defaults if there are none, each validated.

        Raises:
            LawBroken: An example is refused, or there is none and an option has no default.
        """
        examples = self.cls.examples
        if isinstance(examples, Example) or not all(isinstance(e, Example) for e in examples):
            raise LawBroken(
                "examples must be a tuple of Example, as in examples = (Example({...}, [(3,)]),); "
                "even a single one needs the comma"
            )
        if not examples:
            required = [
                name
                for name, option in option_parameters(self.cls).items()
                if option.default is option.empty
            ]
            if required:
                raise LawBroken(
                    f"cannot be tried, because {' and '.join(required)} "
                    f"{'has' if len(required) == 1 else 'have'} no default; declare in the class, "
                    f"with values that fit: {how_to_declare(self.cls, required)}"
                )
            examples = [Example()]
        validated = []
        for example in examples:
            try:
                validated.append((example, self.spec(example.options)))
            except LawBroken as error:
                raise LawBroken(f"{error}; in its {example}") from None
        return validated

    @cached_property
    def choices(self) -> dict[str, list[Any]]:
        """Other values of options: each of a choice, and one more for a fraction."""
        values: dict[str, list[Any]] = {}
        hints = get_type_hints(self.cls.__init__)
        for name, option in option_parameters(self.cls).items():
            if hints[name] is bool:
                values[name] = [True, False]
            elif get_origin(hints[name]) is Literal:
                values[name] = list(get_args(hints[name]))
            elif hints[name] is float and type(option.default) in (int, float):
                values[name] = [option.default * 0.7 + 0.01]
        return values

    def created(self, spec: ComponentSpec[Any]) -> Component:
        """Return an instance."""
        created: Component = spec.create()
        return created


def how_to_declare(cls: type[Component], required: list[str]) -> str:
    """Return a line that declares an example."""
    options = "{" + ", ".join(f'"{name}": ...' for name in required) + "}"
    shapes = ", [(3,)]" if cls.kind == "layer" else ""
    return f"examples = (Example({options}{shapes}),)"


def told_refusal(error: ValidationError) -> str:
    """Return one line that says what is wrong with options."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, e["loc"])), e["ctx"]["problem"].message)))
        for e in error.errors(include_url=False)
    )


def told(error: BaseException, cls: type[Component]) -> str:
    """Return one line that names the mistake, or the place in its code where a component raised."""
    if isinstance(error, LawBroken):
        return str(error)
    message = (str(error).strip().splitlines() or ["no message"])[0]
    text = f"{type(error).__name__}: {message}"
    try:
        file = getsourcefile(cls)
    except (TypeError, OSError):  # written at a prompt or in a notebook
        file = None
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return text
    # The first of the component's own frames is the method, and the last is the place of the error.
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return f"{frames[0].name} raised {text} ({where})"


class Trial(Protocol):
    """One use of a component; ``str`` describes it."""

    @property
    def subject(self) -> Subject:
        """The component that is used."""


T = TypeVar("T", bound=Trial)
S = TypeVar("S", bound=Subject)


def for_each(
    trials: Callable[[S], list[T]],
) -> Callable[[Callable[[T], None]], Callable[[S], None]]:
    """Turn a law for one use into a law for a component, which each of its uses must keep.

    Args:
        trials: Returns the uses of a component.
    """

    def decorate(law: Callable[[T], None]) -> Callable[[S], None]:
        @wraps(law)
        def over_all(subject: S) -> None:
            for trial in trials(subject):
                try:
                    law(trial)
                except Exception as error:
                    raise LawBroken(f"{told(error, subject.cls)} [{trial}]") from error

        return over_all

    return decorate
