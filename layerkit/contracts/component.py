"""The base class of all components, whatever their kind."""

from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dis import Instruction, get_instructions
from functools import cache, wraps
from inspect import Parameter, isfunction, signature, unwrap
from typing import Any, ClassVar, NoReturn, TypeVar

import numpy as np

from layerkit.annotations import checked_options
from layerkit.arrays import DType, Scratch
from layerkit.errors import NotReadyError, OptionError
from layerkit.types import Array, Shape


@dataclass(frozen=True)
class Example:
    """A use of a component, which the conformance kit tries and ``layerkit describe`` shows.

    Attributes:
        options: The options, as a spec gives them.
        shapes: For a layer, the shape of each input, without the batch axis.
        below: For a layer whose inputs are whole numbers, such as indices: they are less than this.
        between: For a layer that takes only some numbers, such as a logarithm: inputs are drawn
            from between these two.
        files: For a data set, the contents of its files, by name or path; paths in the options are
            relative to the folder of these files.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    shapes: Sequence[Shape] = ()
    below: int | None = None
    between: tuple[float, float] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class Later:
    """A placeholder in a class for an attribute that instances get later; reading it is an error.

    An attribute of the instance takes precedence over this one.

    Args:
        message: Tells what to do first.
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise NotReadyError(self.message, name=self.name, obj=instance)


class Component(ABC):
    """A registered class that a spec can name: a layer, a loss, an optimizer, and so on.

    The signature of ``__init__`` is the interface: each parameter is an option of the component
    in a spec, with its annotation as type and bounds and its line under ``Args`` as description.
    Each option is stored in an attribute of the same name. ``__init__`` does nothing else, except
    to raise ``ValueError`` for options that contradict each other. Each option is checked against
    its annotation beforehand, in Python as in a spec.

    Attributes:
        kind: The kind in one word, as in ``registry.layer``; set by the base class of the kind.
        owns_variables: Whether its attributes are searched for parameters and states.
        examples: Uses that cover its options and shapes; without any, the conformance kit tries
            the defaults.
        dtype: The type it computes in; set before ``build``.
        advised: The methods that say what to call first if an attribute is missing.
    """

    kind: ClassVar[str]
    examples: ClassVar[Sequence[Example]] = ()
    owns_variables: ClassVar[bool] = False
    advised: ClassVar[frozenset[str]] = frozenset()
    dtype: DType = np.float64
    _lasting: frozenset[str] | None = None  # the attributes that existed when it was initialised

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = _checked(cls.__init__)  # type: ignore[method-assign]
        for name in cls.advised & vars(cls).keys():
            setattr(cls, name, advising(vars(cls)[name]))

    @classmethod
    def accepts(cls, value: Any) -> bool:
        """Return whether Python code may pass a value for an option annotated with this kind."""
        return isinstance(value, cls)

    @property
    def is_initialized(self) -> bool:
        """Whether its own ``initialize``, or that of its network, was called."""
        return self._lasting is not None

    def settle(self) -> None:
        """Record that it is initialised, and which attributes it has now.

        Private attributes that are set later belong to a pass, and copies omit them.
        """
        self._lasting = frozenset(vars(self))

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copies and pickles, without the attributes that belong to a pass."""
        kept, state = self._lasting, vars(self)
        if kept is None:
            return {**state}
        return {n: v for n, v in state.items() if n in kept or n[0] != "_" or n == "_lasting"}

    def advice(self, name: str, method: str) -> str:
        """Return what to call first if an attribute is missing; empty if that is unknown.

        Args:
            name: The name of the attribute.
            method: The method that needs it.
        """
        return ""

    def scratch(self, name: str, shape: Shape, dtype: DType | None = None) -> Array:
        """Return an array to work in, the same one at each call with that name.

        Its contents are undefined at first, and are kept from call to call: an output that
        ``forward`` returns in a scratch array is valid until the next ``forward``.

        Args:
            name: Distinguishes the arrays of one component.
            shape: The shape, batch axis included.
            dtype: The type; the component's own by default.
        """
        buffers = self.__dict__.get("_scratch")
        if buffers is None:
            buffers = self.__dict__["_scratch"] = Scratch()
        if dtype is None:
            dtype = self.dtype
        array: Array | None = buffers.handed_out.get(name)
        # Usually the same array fits again, and this test takes half the time of a call.
        if array is None or array.shape != shape or array.dtype is not dtype:
            array = buffers(name, shape, dtype)
        return array

    def options(self) -> dict[str, Any]:
        """Return the options it was made with, by name."""
        return {name: getattr(self, name) for name in option_parameters(type(self))}

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({options})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # An option annotated with a kind takes a nested component. Only the registry of the spec
        # being read knows which names exist, so the validation's context looks the name up. Only
        # pydantic calls this: Python code that makes components does not import it.
        from pydantic_core import core_schema

        return core_schema.with_info_plain_validator_function(
            lambda value, info: info.context.component(cls, value)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "object"], "title": cls.kind}


C = TypeVar("C", bound=Component)


def created(cls: type[C], options: Mapping[str, Any]) -> C:
    """Return an instance with options that a spec has already checked.

    Args:
        cls: The class.
        options: The options by name.

    Raises:
        ValueError: The options contradict each other.
    """
    component = cls.__new__(cls)
    init: Any = cls.__init__
    getattr(init, "unchecked", init)(component, **options)
    return component


def advising(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that says what to call first if an attribute of a component is missing.

    ``Component.__getattr__`` would do so for every access, but each access to any attribute of a
    class that has this method takes three times as long.
    """

    @wraps(method)
    def advised(self: Component, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except AttributeError as error:
            raise_with_advice(error, method.__name__)

    return advised


def raise_with_advice(error: AttributeError, method: str) -> NoReturn:
    """Raise an error again, and say what call would have prevented it.

    Args:
        error: The error that is being handled.
        method: The method of a component that raised it.
    """
    component, name = error.obj, error.name
    if isinstance(error, NotReadyError) or not isinstance(component, Component) or not name:
        raise error
    advice = component.advice(name, method)
    if not advice:
        raise error
    raise NotReadyError(f"{error} yet; {advice}", name=name, obj=component) from error


def stored_attributes(cls: type[Component], method: str) -> set[str]:
    """Return the names of the attributes that a method, or a method it calls, sets."""
    return {step.argval for step in instructions(cls, method) if step.opname == "STORE_ATTR"}


def instructions(cls: type[Component], name: str) -> Iterator[Instruction]:
    """Yield the instructions of a method, and of the methods that it mentions, recursively."""
    pending, done = [name], set()
    while pending:
        done.add(name := pending.pop())
        for method in (vars(c)[name] for c in cls.__mro__ if name in vars(c)):
            for step in get_instructions(unwrap(method)):
                yield step
                is_new = isinstance(step.argval, str) and step.argval not in {*done, *pending}
                if is_new and isfunction(getattr(cls, step.argval, None)):
                    pending.append(step.argval)


def guard(cls: type[Component], name: str, checking: Callable[..., Callable[..., Any]]) -> None:
    """Make a method of a class check its arguments before it runs.

    The original stays as ``NAME_unchecked``, for callers that have already checked.

    Args:
        cls: The class.
        name: The method; one that is still abstract, or inherited with its check, is left alone.
        checking: Returns the method with the check in front.
    """
    method: Any = getattr(cls, name)
    if getattr(method, "__isabstractmethod__", False) or hasattr(method, "is_guarded"):
        return
    guarded = checking(method)
    vars(guarded)["is_guarded"] = True
    setattr(cls, f"{name}_unchecked", method)
    setattr(cls, name, guarded)


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor that first checks its arguments against their annotations."""

    @wraps(init)
    def checked(self: Component, *args: Any, **kwargs: Any) -> None:
        if type(self).__init__ is not checked:  # a subclass calls it, with its own arguments
            init(self, *args, **kwargs)
            return
        if args or kwargs:
            positional, named = checked_options(type(self), init, args, kwargs)
            args, kwargs = tuple(positional), named
        try:
            init(self, *args, **kwargs)
        except OptionError:
            raise
        except ValueError as error:
            raise OptionError(str(error)) from error

    checked.unchecked = init  # type: ignore[attr-defined]
    return checked


@cache
def option_parameters(cls: type[Component]) -> Mapping[str, Parameter]:
    """Return the parameters of the constructor, by name, without ``self``."""
    if cls.__init__ is object.__init__:
        return {}
    return dict(list(signature(cls.__init__).parameters.items())[1:])
