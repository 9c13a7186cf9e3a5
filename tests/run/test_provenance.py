import hashlib
import json
import sys
from textwrap import dedent

import pytest

import layerkit
from layerkit import UserError, load_registry
from layerkit.run import compare, lock_of, provenance
from layerkit.run.provenance import lock, source_hash
from layerkit.spec import load_spec

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 4},
    "layers": [
        {"type": "affine", "units": 3, "weight_init": {"type": "normal", "std": 0.1}},
        "swish",
        "swish",
    ],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "learning_rate": 0.1}},
    "training": {"steps": 1},
}


@pytest.fixture
def spec(tmp_path):
    """A spec in a file of its own, which uses a layer of an installed plugin."""
    file = tmp_path / "net.json"
    file.write_text(json.dumps(SPEC))
    return file


def found(file):
    return provenance(load_spec(file, load_registry()))


def test_every_component_of_a_spec_is_recorded_once_nested_ones_too(install, spec):
    install("layerkit-foo")

    records = found(spec)

    assert [(r.kind, r.name, r.version) for r in records] == [
        ("dataset", "layerkit/spiral", layerkit.__version__),
        ("initializer", "layerkit/normal", layerkit.__version__),
        ("layer", "layerkit-foo/swish", "1.0"),
        ("layer", "layerkit/affine", layerkit.__version__),
        ("loss", "layerkit/softmax_with_loss", layerkit.__version__),
        ("optimizer", "layerkit/sgd", layerkit.__version__),
        ("schedule", "layerkit/cosine", layerkit.__version__),
    ]


def test_the_hash_of_a_plugin_of_one_module_is_that_of_its_file(install, spec, tmp_path):
    install("layerkit-foo")

    source = next(r.source for r in found(spec) if r.name == "layerkit-foo/swish")

    text = (tmp_path / "site-packages" / "layerkit_foo.py").read_bytes()
    assert source == hashlib.sha256(b"layerkit_foo\n" + text).hexdigest()


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ("layer.py", True),
        ("gate.py", True),
        ("scale.py", True),
        ("near.py", True),
        ("other.py", False),
        ("base.py", True),
    ],
)
@pytest.mark.parametrize(
    "plugin", ["package_of_layers", "package_of_layers.layer", "package_of_layers.layer:Gate"]
)
def test_the_hash_covers_what_a_layer_uses_of_its_package_and_nothing_else(
    tmp_path, monkeypatch, changed, differs, plugin
):
    package = tmp_path / "package_of_layers"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {
        "__init__.py": "from package_of_layers import other",
        "gate.py": "from .near import FAR\nfrom package_of_layers.scale import SCALE\ngate = abs",
        "near.py": "FAR = 1",
        "scale.py": "SCALE = 2.0",
        "other.py": "",
        "base.py": """
            from layerkit import Layer
            class Base(Layer):
                def forward(self, x): return x
        """,
        "layer.py": """
            import math
            from package_of_layers.base import Base
            from package_of_layers.gate import gate
            class Gate(Base):
                def backward(self, dout): return gate(dout)
        """,
    }.items():
        (package / name).write_text(dedent(text))

    def hashed():
        for name in [name for name in sys.modules if name.startswith("package_of_layers")]:
            monkeypatch.delitem(sys.modules, name)
        from package_of_layers.layer import Gate

        return source_hash(Gate, plugin)

    before = hashed()
    with (package / changed).open("a") as file:
        file.write("\n# changed\n")

    assert (hashed() != before) is differs


def test_a_lock_of_the_same_code_differs_in_nothing(install, spec, tmp_path):
    install("layerkit-foo")
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(found(spec))))

    assert lock_of(spec) == written
    assert compare(written, found(spec), locked=True) == []


def changed_lock(file, spec, **changes):
    """Write the lock of a spec with the record of swish changed, or left out."""
    records = lock(found(spec))
    records["components"] = [
        {**r, **changes} if r["name"] == "layerkit-foo/swish" else r
        for r in records["components"]
        if changes or r["name"] != "layerkit-foo/swish"
    ]
    file.write_text(json.dumps(records))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"source": "0" * 64},
            "layer layerkit-foo/swish is still of version 1.0, but its source has changed",
        ),
        (
            {"source": "0" * 64, "version": "0.9"},
            "layer layerkit-foo/swish was of version 0.9 and is of 1.0",
        ),
        ({}, "layer layerkit-foo/swish is not in the lock"),
    ],
)
def test_changed_code_is_told_and_refused_where_locked(install, spec, tmp_path, changes, message):
    install("layerkit-foo")
    written = tmp_path / "net.lock.json"
    changed_lock(written, spec, **changes)

    assert compare(written, found(spec), locked=False) == [message]
    with pytest.raises(UserError) as caught:
        compare(written, found(spec), locked=True)
    assert str(caught.value) == f"{written}: the code is not the one that was locked: {message}"


def test_without_a_lock_nothing_differs_unless_one_is_asked_for(tmp_path):
    missing = tmp_path / "net.lock.json"

    assert compare(missing, [], locked=False) == []
    with pytest.raises(UserError) as caught:
        compare(missing, [], locked=True)
    assert str(caught.value) == (
        f"{missing}: cannot be read: No such file or directory; "
        "a run leaves such a lock in its folder, spec.lock.json"
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"components": [{"kind": "layer"}]}', "\xff"])
def test_a_file_that_is_no_lock_is_refused(tmp_path, text):
    wrong = tmp_path / "net.lock.json"
    wrong.write_text(text, encoding="latin-1")

    with pytest.raises(UserError, match=r"is no lock; take spec\.lock\.json from the"):
        compare(wrong, [], locked=False)
