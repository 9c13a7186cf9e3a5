import re
import sys

import numpy as np

import layerkit
from layerkit import load_registry
from layerkit.run import provenance
from layerkit.spec import load_spec


def found(file, step=None):
    return provenance(load_spec(file, load_registry()), step)


def test_layerkit_numpy_and_every_provider_are_recorded_with_a_hash(install, spec):
    install("layerkit-foo")

    now = found(spec)

    assert [(p.name, p.version) for p in now.packages] == [
        ("layerkit", layerkit.__version__),
        ("layerkit-foo", "1.0"),
        ("numpy", np.__version__),
    ]
    assert all(re.fullmatch("[0-9a-f]{64}", p.sha256) for p in now.packages)
    assert now.steps is None


def test_every_component_of_a_spec_is_recorded_once_nested_ones_too(install, spec):
    install("layerkit-foo")

    assert [(c.kind, c.name) for c in found(spec).components] == [
        ("dataset", "layerkit/spiral"),
        ("initializer", "layerkit/normal"),
        ("layer", "layerkit-foo/swish"),
        ("layer", "layerkit/affine"),
        ("loss", "layerkit/softmax_with_loss"),
        ("optimizer", "layerkit/sgd"),
        ("schedule", "layerkit/cosine"),
    ]


def test_the_machine_is_recorded(install, spec):
    install("layerkit-foo")

    machine = found(spec).machine

    assert list(machine) == ["system", "processor", "python", "blas", "threads"]
    assert re.match(r"\w+ [\d.]+ for \w+", machine["blas"])
    assert int(machine["threads"]) >= 1


def test_whoever_makes_the_steps_is_recorded(install, spec):
    source = """
        from layerkit import Step, hookimpl

        class Fast(Step): ...

        @hookimpl
        def layerkit_compile(): ...
        """
    install("layerkit-foo")
    install("layerkit-fast", source)
    registry = load_registry()

    now = provenance(load_spec(spec, registry), sys.modules["layerkit_fast"].Fast)
    by_numpy = provenance(load_spec(spec, registry), layerkit.Step)

    assert now.steps == "layerkit-fast"
    assert [p.name for p in now.packages] == ["layerkit", "layerkit-fast", "layerkit-foo", "numpy"]
    assert by_numpy.steps == "layerkit"


def test_a_package_that_a_component_is_derived_from_is_recorded(install, spec):
    source = """
        from layerkit import hookimpl
        from layerkit_base import Swish

        class Special(Swish): ...

        @hookimpl
        def layerkit_register(registry):
            registry.layer("special", Special)
        """
    install("layerkit-base")
    install("layerkit-special", source)
    spec.write_text(spec.read_text().replace("swish", "special"))

    names = [p.name for p in found(spec).packages]

    assert names == ["layerkit", "layerkit-base", "layerkit-special", "numpy"]
