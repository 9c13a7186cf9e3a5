"""The documents agree with the code."""

import re
from pathlib import Path

import pytest

from layerkit import load_registry
from layerkit.contracts.registrar import KINDS, Provider, Registrar
from layerkit.testing import check_component, checks

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins" / "layerkit-example"


@pytest.mark.parametrize("file", ["layerkit_example.py", "pyproject.toml", "tests/test_example.py"])
def test_the_tutorial_of_the_readme_is_the_example_plugin(file):
    assert (PLUGIN / file).read_text() in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("layer blend", "Blend"),
        ("loss log_cosh", "LogCosh"),
        ("metric quantile_error", "QuantileError"),
    ],
)
def test_a_component_in_the_guide_keeps_every_law(name, component):
    guide = (ROOT / "docs" / "layers.md").read_text()
    (source,) = re.findall(rf'```python\n("""The {name}[\s\S]*?)```', guide)
    module: dict = {"__name__": "layerkit_guide"}
    exec(compile(source, "layers.md", "exec"), module)
    registrar, registry = Registrar(Provider("layerkit-guide", "1", "guide")), load_registry()
    module["layerkit_register"](registrar)
    registry.admit(registrar.entries)

    records = check_component(module[component], registry=registry)

    assert [(r.check, r.reason) for r in records if r.status != "passed"] == []


def test_the_list_of_laws_is_that_of_the_kit():
    text = (ROOT / "docs" / "conformance.md").read_text()

    assert laws_as_documented() in text, "write it anew: python tests/behaviour/test_docs.py"


def laws_as_documented() -> str:
    """Return the tables of all laws, as docs/conformance.md shows them."""
    samples = {entry.kind: entry.cls for entry in load_registry()}
    demands = {
        kind: {c.name: " ".join((c.law.__doc__ or "").split()) for c in checks(samples[kind])}
        for kind in KINDS
    }
    of_all = {
        name: demand
        for name, demand in demands["layer"].items()
        if all(demands[kind].get(name) == demand for kind in KINDS)
    }
    parts = [("Every component", of_all)]
    for kind in KINDS:
        own = {name: demand for name, demand in demands[kind].items() if name not in of_all}
        parts.append((kind.capitalize(), own))
    return "\n\n".join(
        f"### {title}\n\n| law | what it demands |\n|---|---|\n"
        + "\n".join(f"| `{name}` | {demand} |" for name, demand in laws.items())
        for title, laws in parts
    )


if __name__ == "__main__":
    path = ROOT / "docs" / "conformance.md"
    before, mark, _ = path.read_text().partition("## The laws\n\n")
    path.write_text(before + mark + laws_as_documented() + "\n")
