from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from layerkit.distributions import canonical_name, find, plain


@given(st.text("aZ09-_.", max_size=12))
def test_names_are_normalised_as_pip_does_it(name):
    assert canonical_name(name) == canonicalize_name(name)


def test_a_distribution_is_found_however_its_name_is_spelt(install):
    install("layerkit-foo")

    for spelling in ("layerkit-foo", "Layerkit_Foo", "layerkit.foo"):
        assert find(spelling).version == "1.0"
    assert find("layerkit-of-nobody") is None


def test_plain_text_keeps_letters_and_shows_what_a_terminal_would_obey():
    assert plain("Jürgen\x1b[2J\n") == r"Jürgen\x1b[2J\n"
