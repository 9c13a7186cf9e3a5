"""Every law is proved by a mutant: a component with one mistake, which only that law catches."""

import json
from importlib import import_module
from inspect import getmembers, isfunction
from pkgutil import walk_packages

import pytest
from mutants import MUTANTS, SOUND

from layerkit.contracts.registrar import KINDS
from layerkit.testing import checks, laws
from layerkit.testing.laws import laws_of


@pytest.mark.parametrize("cls", SOUND)
def test_a_sound_component_keeps_every_law(cls, broken):
    assert broken(cls) == {}


@pytest.mark.parametrize(("cls", "law", "says"), MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_caught_by_its_law_and_by_no_other(cls, law, says, broken):
    found = broken(cls)

    assert list(found) == [law], json.dumps(found, indent=2)
    assert says in found[law]


@pytest.mark.parametrize(("cls", "law"), [(c, law) for c, law, _ in MUTANTS.values()], ids=MUTANTS)
def test_a_mutant_stands_in_the_module_of_its_law(cls, law):
    (module,) = {each.__module__ for each in laws_of(cls) if each.__name__ == law}

    assert cls.__module__.removeprefix("mutants.") == module.removeprefix("layerkit.testing.laws.")


def test_every_law_has_a_mutant():
    sample = {cls.kind: cls for cls in SOUND}
    laws = {(kind, check.name) for kind in KINDS for check in checks(sample[kind])}
    common = {name for _, name in laws if all((kind, name) in laws for kind in KINDS)}
    proved = {(cls.kind, law) for cls, law, _ in MUTANTS.values()}

    unproved = {(kind, law) for kind, law in laws - proved if law not in common}
    assert unproved == set()
    assert common <= {law for _, law in proved}


def test_every_law_that_a_module_defines_is_tried():
    tried = {law for cls in SOUND for law in laws_of(cls)}
    modules = [import_module(m.name) for m in walk_packages(laws.__path__, f"{laws.__name__}.")]
    defined = {
        function
        for module in modules
        for name, function in getmembers(module, isfunction)
        # A law is a public function that returns nothing.
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and function.__annotations__["return"] is None
    }

    assert defined == tried
