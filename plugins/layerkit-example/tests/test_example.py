from layerkit.testing import parametrize_with_checks
from layerkit_example import Swish


@parametrize_with_checks([Swish])
def test_conformance(check):
    check()
