"""Every built-in keeps the laws of its kind."""

from layerkit import load_registry
from layerkit.testing import parametrize_with_checks

BUILTINS = [entry.cls for entry in load_registry() if entry.provider.distribution == "layerkit"]


@parametrize_with_checks(BUILTINS)
def test_conformance(check):
    check()
