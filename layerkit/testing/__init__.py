"""The conformance kit: every law that a component has to keep, each a check of its own.

In the tests of a package::

    @parametrize_with_checks([Swish])
    def test_conformance(check):
        check()

``check_layer(Swish)`` returns the same as records, and ``layerkit verify swish`` as a table.
"""

from layerkit.testing.checks import (
    Check,
    Record,
    Status,
    check_component,
    check_layer,
    checks,
    parametrize_with_checks,
)

__all__ = [
    "Check",
    "Record",
    "Status",
    "check_component",
    "check_layer",
    "checks",
    "parametrize_with_checks",
]
