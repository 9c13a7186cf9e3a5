"""Checks, the records of their results, and the three ways to get them."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

from layerkit.contracts.component import Component
from layerkit.contracts.layer import Layer
from layerkit.errors import UserError
from layerkit.plugins import load_registry
from layerkit.registry import Registry
from layerkit.testing.laws import laws_of
from layerkit.testing.subject import LawBroken, Subject, told
from layerkit.wording import did_you_mean

Law: TypeAlias = Callable[[Any], None]
ExpectedFailures: TypeAlias = Mapping[str, Mapping[str, str]]


class Status(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    EXPECTED_FAILURE = "expected failure"


@dataclass(frozen=True)
class Record:
    """The result of one check, in detail.

    Attributes:
        component: The name of the class.
        check: The name of the law.
        status: Whether the law is kept.
        reason: The reason in one line if it is not; otherwise empty.
        seconds: The duration of the check.
    """

    component: str
    check: str
    status: Status
    reason: str
    seconds: float


@dataclass(frozen=True)
class Check:
    """One law, tried on one component. Calling it raises ``AssertionError`` if it is broken.

    Attributes:
        subject: The component.
        law: The law; its docstring says what it demands.
        expected_failure: The reason why the component is known to break it, if it is.
    """

    subject: Subject
    law: Law
    expected_failure: str = ""

    @property
    def name(self) -> str:
        """The name of the law."""
        return self.law.__name__

    def __str__(self) -> str:
        return f"{self.subject.cls.__name__}-{self.name}"

    def __call__(self) -> None:
        """Try the law.

        Raises:
            AssertionError: It is broken; the message names the mistake.
        """
        try:
            with warnings.catch_warnings():
                # A division by zero must count equally in all three ways to run the kit.
                warnings.simplefilter("error", RuntimeWarning)
                self.law(self.subject)
        except (KeyboardInterrupt, LawBroken):
            raise
        # A component that exits, or raises an exception that a test runner takes for "skipped",
        # breaks the law.
        except BaseException as error:
            raise LawBroken(told(error, self.subject.cls)) from error

    def run(self) -> Record:
        """Try the law, and return the result."""
        start = time.perf_counter()
        reason, broken = "", False
        try:
            self()
        except LawBroken as error:
            reason, broken = str(error), True
        seconds = time.perf_counter() - start
        status = Status.FAILED if broken else Status.PASSED
        if self.expected_failure:
            if broken:
                status, reason = Status.EXPECTED_FAILURE, self.expected_failure
            else:
                status = Status.FAILED
                reason = f"was expected to fail ({self.expected_failure}), but passes"
        return Record(self.subject.cls.__name__, self.name, status, reason, seconds)


def checks(
    component: type[Component],
    expected_failures: ExpectedFailures | None = None,
    registry: Registry | None = None,
) -> Iterator[Check]:
    """Yield every check of a component.

    Args:
        component: The class.
        expected_failures: For the name of a class, the laws that it is known to break, each with
            the reason.
        registry: The available components; by default the installed ones.

    Raises:
        UserError: The argument is not a component, or an expected failure does not name one of its
            laws or has no reason.
    """
    if not (isinstance(component, type) and issubclass(component, Component)):
        raise UserError(f"the kit checks classes of components, got {component!r}")
    subject = Subject(component, _installed() if registry is None else registry)
    expected = dict((expected_failures or {}).get(component.__name__, {}))
    laws = laws_of(component)
    names = [law.__name__ for law in laws]
    for name, reason in expected.items():
        if name not in names:
            advice = did_you_mean(name, names)
            raise UserError(f'expected_failures: {component.__name__} has no law "{name}"{advice}')
        if not reason.strip():
            raise UserError(f"expected_failures: {component.__name__}, {name}: needs a reason")
    for law in laws:
        yield Check(subject, law, expected.get(law.__name__, ""))


@cache
def _installed() -> Registry:
    return load_registry()


def check_component(
    component: type[Component],
    expected_failures: ExpectedFailures | None = None,
    registry: Registry | None = None,
) -> list[Record]:
    """Check a component of any kind, and return a record of every law.

    Args:
        component: The class.
        expected_failures: For the name of a class, the laws that it is known to break, each with
            the reason: ``{"Swish": {"float32_agrees_with_float64": "it is exact to 2 digits"}}``.
        registry: The available components; by default the installed ones.

    Raises:
        UserError: An expected failure does not name a law of the component, or has no reason.
    """
    return [check.run() for check in checks(component, expected_failures, registry)]


def check_layer(
    layer: type[Layer],
    expected_failures: ExpectedFailures | None = None,
    registry: Registry | None = None,
) -> list[Record]:
    """Check a layer, and return a record of every law; see ``check_component``."""
    return check_component(layer, expected_failures, registry)


def parametrize_with_checks(
    components: Sequence[type[Component]],
    expected_failures: ExpectedFailures | None = None,
    registry: Registry | None = None,
) -> Any:
    """Return the pytest decorator that calls a test with each check of the components.

    Each check has its own id, such as ``Swish-the_type_is_kept``. An expected failure is a strict
    ``xfail``.

    Args:
        components: The classes.
        expected_failures: For the name of a class, the laws that it is known to break, each with
            the reason.
        registry: The available components; by default the installed ones.

    Raises:
        UserError: There are no components, or an expected failure does not name a law of one of
            them, or has no reason.
    """
    # Only here, because `layerkit verify` works without pytest.
    import pytest

    names = [component.__name__ for component in components]
    if not names:
        raise UserError("parametrize_with_checks needs at least one component")
    for name in expected_failures or {}:
        if name not in names:
            raise UserError(
                f'expected_failures: "{name}" is not checked{did_you_mean(name, names)}'
            )
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                check,
                id=str(check),
                marks=[pytest.mark.xfail(reason=check.expected_failure, strict=True)]
                if check.expected_failure
                else [],
            )
            for component in components
            for check in checks(component, expected_failures, registry)
        ],
    )
