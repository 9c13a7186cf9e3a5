import pytest
from mutants import MUTANTS, SOUND
from mutants.components import Unregistered

from layerkit import Registrar, load_registry
from layerkit.contracts.registrar import Provider
from layerkit.testing import check_component


@pytest.fixture(scope="package")
def with_mutants():
    """The registry of the built-ins, all sound components and all mutants but one."""
    registrar = Registrar(Provider("layerkit-mutants", "1", "mutants"))
    for cls in [*SOUND, *(cls for cls, *_ in MUTANTS.values() if cls is not Unregistered)]:
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)[1:]
        getattr(registrar, cls.kind)(name, cls)
    registry = load_registry()
    registry.admit(registrar.entries)
    return registry


@pytest.fixture
def broken(with_mutants):
    """Return the laws that a component breaks, each with the reason: ``broken(Scale)``."""

    def call(cls):
        records = check_component(cls, registry=with_mutants)
        return {r.check: r.reason for r in records if r.status == "failed"}

    return call
