from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name

from layerkit.distributions import canonical_name, find


@given(st.text("aZ09-_.", max_size=12))
def test_names_are_normalised_as_pip_does_it(name):
    assert canonical_name(name) == canonicalize_name(name)


def test_a_distribution_is_found_however_its_name_is_spelt(install):
    install("layerkit-foo")

    for spelling in ("layerkit-foo", "Layerkit_Foo", "layerkit.foo"):
        assert find(spelling).version == "1.0"
    assert find("layerkit-of-nobody") is None
