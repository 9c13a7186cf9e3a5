"""Who provides what: names, and what cannot be registered."""

import re
from abc import abstractmethod
from typing import Any

import pytest

from layerkit import Layer, Loss, PluginError, Registrar, Registry
from layerkit.contracts.registrar import KINDS, Provider
from layerkit.registry import UnknownComponentError
from layerkit.wording import did_you_mean, with_article

BUILT_IN = Provider("layerkit", "0.1.0", "layerkit.builtin")
FOO = Provider("layerkit-foo", "1.0", "layerkit_foo")
BAR = Provider("layerkit-bar", "2.0", "layerkit_bar")


class Same(Layer):
    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


def registry_of(*registered: tuple[Provider, str, str]) -> Registry:
    """Return a registry with a component of each provider, kind and name."""
    registry = Registry()
    for provider, kind, name in registered:
        registry.admit([*entries(provider, kind, name)])
    return registry


def entries(provider: Provider, kind: str, name: str):
    registrar = Registrar(provider)
    cls = Same if kind == "layer" else component_of(kind)
    getattr(registrar, kind)(name, cls)
    return registrar.entries


def component_of(kind: str) -> type:
    """Return a class of that kind whose methods do nothing."""
    contract = KINDS[kind]
    return type("Nothing", (contract,), dict.fromkeys(contract.__abstractmethods__, lambda *_: 0))


def message_of_finding(registry: Registry, kind: str, name: str) -> str:
    with pytest.raises(UnknownComponentError) as raised:
        registry.find(kind, name)
    return str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_method_that_registers_it(kind):
    [entry] = entries(FOO, kind, "new")

    assert (entry.kind, entry.name, entry.provider) == (kind, "new", FOO)
    assert entry.qualified_name == "layerkit-foo/new"
    assert issubclass(entry.cls, KINDS[kind])


def test_one_name_may_stand_for_a_component_of_each_kind():
    registry = registry_of((FOO, "layer", "softmax"), (FOO, "loss", "softmax"))

    assert registry.find("layer", "softmax").cls is Same
    assert issubclass(registry.find("loss", "softmax").cls, Loss)


class TestNames:
    def test_a_name_of_one_package_is_found_bare_and_qualified(self):
        registry = registry_of((FOO, "layer", "swish"))

        assert registry.find("layer", "swish") is registry.find("layer", "layerkit-foo/swish")
        assert registry.names("layer") == ["swish"]

    def test_a_name_of_two_packages_is_found_qualified_only(self):
        registry = registry_of((FOO, "layer", "swish"), (BAR, "layer", "swish"))

        assert registry.find("layer", "layerkit-foo/swish").provider is FOO
        assert registry.find("layer", "layerkit-bar/swish").provider is BAR
        assert registry.names("layer") == ["layerkit-bar/swish", "layerkit-foo/swish"]
        assert message_of_finding(registry, "layer", "swish") == (
            'layer "swish" is claimed by several packages; write "layerkit-foo/swish" or '
            '"layerkit-bar/swish"'
        )

    def test_contested_names_are_listed_with_their_claimants(self):
        registry = registry_of(
            (BUILT_IN, "layer", "relu"),
            (FOO, "layer", "relu"),
            (FOO, "layer", "swish"),
            (BAR, "layer", "swish"),
        )

        assert [[e.provider for e in claims] for claims in registry.contested()] == [[FOO, BAR]]

    def test_a_built_in_keeps_its_name_and_the_others_are_found_qualified(self):
        registry = registry_of(
            (BUILT_IN, "layer", "relu"), (FOO, "layer", "relu"), (BAR, "layer", "relu")
        )

        assert registry.find("layer", "relu").provider is BUILT_IN
        assert registry.find("layer", "layerkit/relu").provider is BUILT_IN
        assert registry.find("layer", "layerkit-bar/relu").provider is BAR
        assert [e.provider for e in registry.shadowed] == [FOO, BAR]
        assert registry.names("layer") == ["layerkit-bar/relu", "layerkit-foo/relu", "relu"]

    def test_every_listed_name_finds_something(self):
        registry = registry_of(
            (BUILT_IN, "layer", "relu"),
            (FOO, "layer", "relu"),
            (FOO, "layer", "swish"),
            (BAR, "layer", "swish"),
            (BAR, "layer", "gate"),
        )

        found = [registry.find("layer", name) for name in registry.names("layer")]

        assert sorted(map(id, found)) == sorted(map(id, registry))

    def test_a_package_that_registers_a_name_anew_is_refused_as_a_whole(self):
        registry = registry_of((FOO, "layer", "swish"))
        more = [*entries(FOO, "layer", "gate"), *entries(FOO, "layer", "swish")]

        with pytest.raises(PluginError, match=r'^layer "swish" is registered twice$'):
            registry.admit(more)

        assert registry.names("layer") == ["swish"]


class TestUnknownNames:
    def test_a_name_that_comes_close_is_suggested(self):
        registry = registry_of((BUILT_IN, "layer", "relu"))

        assert message_of_finding(registry, "layer", "reul") == (
            'no layer is named "reul"; did you mean "relu"?'
        )

    def test_a_qualified_name_is_suggested_where_only_that_can_be_used(self):
        registry = registry_of((FOO, "layer", "swish"), (BAR, "layer", "swish"))

        assert message_of_finding(registry, "layer", "layerkit-fo/swish") == (
            'no layer is named "layerkit-fo/swish"; did you mean "layerkit-foo/swish"?'
        )

    def test_where_none_comes_close_the_list_is_pointed_to(self):
        registry = registry_of((BUILT_IN, "layer", "relu"))

        assert message_of_finding(registry, "loss", "hinge") == (
            'no loss is named "hinge"; see: layerkit layers --kind loss'
        )

    def test_a_name_of_another_kind_is_told(self):
        registry = registry_of(
            (BUILT_IN, "layer", "adam"), (BUILT_IN, "optimizer", "adam"), (FOO, "layer", "sgd")
        )

        assert message_of_finding(registry, "loss", "adam") == (
            'no loss is named "adam"; "adam" names a layer and an optimizer'
        )

    def test_plugins_that_do_not_work_are_named_with_the_reason(self):
        registry = registry_of((BUILT_IN, "layer", "relu"))
        registry.absent["plugin layerkit-foo (foo)"] = "OSError: no licence"

        assert message_of_finding(registry, "layer", "reul") == (
            'no layer is named "reul"; plugin layerkit-foo (foo), which is not working, may have '
            'it: OSError: no licence; did you mean "relu"?'
        )

    def test_a_package_that_does_not_have_the_name_is_told_who_does(self):
        registry = registry_of((FOO, "layer", "swish"))

        assert message_of_finding(registry, "layer", "layerkit-bar/swish") == (
            'no layer is named "layerkit-bar/swish"; did you mean "swish"?'
        )

    def test_nothing_is_suggested_for_a_word_that_is_like_none(self):
        assert did_you_mean("zzz", ["relu", "tanh"]) == ""


def test_an_article_goes_by_the_first_letter():
    assert with_article("initializer") == "an initializer"
    assert with_article("layer") == "a layer"


class Abstract(Layer):
    def forward(self, x):
        return x


class Bare(Layer):
    @abstractmethod
    def gate(self): ...


class WithType(Same):
    def __init__(self, type: str = "a") -> None: ...


class WithAnything(Same):
    def __init__(self, *sizes: int) -> None: ...


class WithEverything(Same):
    def __init__(self, **options: Any) -> None: ...


class WithoutAnnotation(Same):
    def __init__(self, beta=1.0) -> None: ...


NAME = "must be lower-case letters, digits and underscores"


@pytest.mark.parametrize(
    ("name", "cls", "message"),
    [
        ("Swish", Same, f"layer name 'Swish' {NAME}"),
        ("2d", Same, f"layer name '2d' {NAME}"),
        ("a/b", Same, f"layer name 'a/b' {NAME}"),
        ("", Same, f"layer name '' {NAME}"),
        ("swish\n", Same, f"layer name 'swish\\n' {NAME}"),
        (7, Same, f"layer name 7 {NAME}"),
        ("a", len, 'layer "a" must be a class, got <built-in function len>'),
        ("a", Same(), 'layer "a" must be a class, got Same()'),
        ("a", int, 'layer "a": int must be a subclass of Layer'),
        ("a", component_of("loss"), 'layer "a": Nothing must be a subclass of Layer'),
        ("a", Abstract, 'layer "a": Abstract lacks backward'),
        ("a", Bare, 'layer "a": Bare lacks backward and forward and gate'),
        ("a", WithType, 'layer "a": an option cannot be called "type"; specs use that key'),
        ("a", WithAnything, 'layer "a": options must be named one by one, got *sizes'),
        ("a", WithEverything, 'layer "a": options must be named one by one, got **options'),
        ("a", WithoutAnnotation, 'layer "a": option beta needs a type annotation'),
    ],
)
def test_what_no_spec_could_use_is_refused(name, cls, message):
    registrar = Registrar(FOO)

    with pytest.raises(PluginError, match=f"^{re.escape(message)}$"):
        registrar.layer(name, cls)

    assert registrar.entries == []


def test_a_name_cannot_be_registered_twice():
    registrar = Registrar(FOO)
    registrar.layer("swish", Same)

    with pytest.raises(PluginError, match=r'^layer "swish" is registered twice$'):
        registrar.layer("swish", Same)

    assert len(registrar.entries) == 1
