"""The conformance kit: a separate check for every law that a component must keep.

In the tests of a package::

    @parametrize_with_checks([Swish])
    def test_conformance(check):
        check()

``check_layer(Swish)`` returns the results as records, and ``layerkit verify swish`` prints a table.
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
