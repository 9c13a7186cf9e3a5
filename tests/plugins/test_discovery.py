"""Discovery with distributions as pip leaves them: what is wrong with one concerns no other."""

import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from layerkit import PluginError, SpecError, load_registry
from layerkit.plugins import PluginReport, load_plugins
from layerkit.registry import UnknownComponentError
from layerkit.spec import parse_spec

HOOK = "from layerkit import hookimpl\n@hookimpl\ndef layerkit_register(registry):\n    "


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    monkeypatch.delenv("LAYERKIT_PLUGINS", raising=False)
    monkeypatch.delenv("LAYERKIT_STRICT", raising=False)


@pytest.fixture
def info_of(tmp_path):
    """Where the metadata of an installed distribution stand."""
    return lambda name: tmp_path / "site-packages" / f"{name.replace('-', '_')}-1.0.dist-info"


def report_of(name: str) -> PluginReport:
    [report] = [r for r in load_plugins().reports if r.name == name]
    return report


def graph_of(layer: str) -> str:
    return f'{{"version": 1, "inputs": {{"x": 1}}, "layers": ["{layer}"]}}'


def error_of_using(layer: str) -> str:
    with pytest.raises(SpecError) as raised:
        parse_spec(graph_of(layer), load_registry())
    return raised.value.problems[0].message


class TestAPluginThatWorks:
    def test_provides_its_layer_under_its_bare_and_its_qualified_name(self, install):
        install("layerkit-foo")

        registry = load_registry()

        entry = registry.find("layer", "swish")
        assert entry is registry.find("layer", "layerkit-foo/swish")
        assert (entry.provider.distribution, entry.provider.version) == ("layerkit-foo", "1.0")
        assert parse_spec(graph_of("swish"), registry).content.layers[0].component.entry is entry

    def test_is_reported_ok_without_a_reason(self, install):
        install("layerkit-foo")

        report = report_of("foo")

        assert (report.state, report.reason, report.traceback) == ("ok", "", "")
        assert [e.name for e in report.entries] == ["swish"]

    def test_is_an_object_too_if_the_entry_point_names_one_that_has_the_hook(self, install):
        source = """
            from conftest_swish import Swish
            from layerkit import hookimpl

            class Plugin:
                @hookimpl
                def layerkit_register(self, registry):
                    registry.layer("swish", Swish)

            plugin = Plugin()
            """
        install("conftest-swish", points="")
        install("layerkit-foo", source, points="foo = layerkit_foo:plugin")

        report = report_of("foo")

        assert report.state == "ok"
        assert report.provider.module == "layerkit_foo:plugin"

    def test_may_implement_hooks_of_other_versions_if_it_marks_them_optional(self, install):
        source = """
            from layerkit import hookimpl

            @hookimpl(optionalhook=True)
            def layerkit_of_the_future(): ...

            @hookimpl
            def layerkit_register(registry): ...
            """
        install("layerkit-foo", source)

        assert report_of("foo").state == "ok"

    def test_is_loaded_anew_by_each_call(self, install):
        install("layerkit-foo")

        assert load_registry() is not load_registry()


BROKEN = {
    "raises at import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "raises in its hook": (HOOK + "raise OSError('no licence')", "OSError: no licence"),
    "raises without a message": (HOOK + "raise ValueError", "ValueError: no message"),
    "raises several lines": (
        HOOK + r"raise ImportError('a library is missing\nlong story')",
        "ImportError: a library is missing",
    ),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "raises what is no Exception": (
        "class Stop(BaseException): ...\nraise Stop('enough')",
        "Stop: enough",
    ),
    "imports what is missing": (
        "import a_library_that_is_missing",
        "ModuleNotFoundError: No module named 'a_library_that_is_missing'",
    ),
    "is no Python": ("def", "SyntaxError: invalid syntax (layerkit_foo.py, line 1)"),
    "registers a name twice": (
        "from conftest_swish import Swish\n"
        + HOOK
        + "registry.layer('a', Swish); registry.layer('a', Swish)",
        'layer "a" is registered twice',
    ),
    "registers no class": (
        HOOK + "registry.layer('a', len)",
        'layer "a" must be a class, got <built-in function len>',
    ),
    "has a hook with another signature": (
        "from layerkit import hookimpl\n@hookimpl\ndef layerkit_register(registry, app): ...",
        "PluginValidationError: Argument(s) {'app'} are declared in the hookimpl but can not be "
        "found in the hookspec",
    ),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN)
class TestABrokenPlugin:
    @pytest.fixture(autouse=True)
    def _installed(self, install, source):
        install("conftest-swish", points="")
        install("layerkit-foo", source)
        install("layerkit-zoo")

    def test_is_reported_with_the_reason_and_the_traceback(self, reason):
        report = report_of("foo")

        assert (report.state, report.reason, report.entries) == ("broken", reason, [])
        assert report.traceback.startswith("Traceback (most recent call last):")

    def test_leaves_the_built_ins_and_the_other_plugins_working(self, reason):
        registry = load_registry()

        assert registry.find("layer", "affine").provider.distribution == "layerkit"
        assert registry.find("layer", "swish").provider.distribution == "layerkit-zoo"

    def test_is_named_where_a_spec_needs_what_it_may_have(self, reason):
        assert error_of_using("gate") == (
            'no layer is named "gate"; plugin layerkit-foo (foo), which is not working, may have '
            f"it: {reason}"
        )

    def test_is_an_error_where_strictness_is_asked_for(self, reason, monkeypatch):
        monkeypatch.setenv("LAYERKIT_STRICT", "1")

        expected = f"plugin layerkit-foo (foo) is broken: {reason}; LAYERKIT_STRICT is set"
        with pytest.raises(PluginError, match=f"^{re.escape(expected)}$"):
            load_plugins()


class TestOtherStates:
    def test_a_module_that_is_not_there_makes_a_plugin_broken(self, install):
        install("layerkit-foo", points="foo = layerkit_of_nobody")

        assert report_of("foo").reason == (
            "ModuleNotFoundError: No module named 'layerkit_of_nobody'"
        )

    @pytest.mark.parametrize("metadata", [None, "", "Metadata-Version: 2.1\n"])
    def test_a_plugin_whose_metadata_lacks_its_name_has_that_of_its_folder(
        self, install, info_of, metadata
    ):
        install("layerkit-foo")
        file = info_of("layerkit-foo") / "METADATA"
        file.unlink() if metadata is None else file.write_text(metadata)

        foo = report_of("foo")

        assert (foo.provider.distribution, foo.provider.version) == ("layerkit-foo", "1.0")
        assert foo.state == "ok"

    @pytest.mark.parametrize("value", ["", "layerkit_foo:", "no module"])
    def test_an_entry_point_that_names_no_module_is_reported(self, install, value):
        install("layerkit-foo", points=f"foo = {value}")

        report = report_of("foo")

        assert (report.state, report.reason) == (
            "broken",
            f'entry point "foo" must name a module, got "{value}"',
        )

    def test_nothing_that_a_terminal_would_obey_is_left_in_names_and_reasons(self, install):
        source = r"raise ImportError('\x1b[2Jgone\x07')"
        install("layerkit-foo", source, points="f\x1boo = layerkit_foo")

        [report] = load_plugins().reports[1:]

        assert (report.name, report.reason) == (
            r"f\x1boo",
            r"ImportError: \x1b[2Jgone\x07",
        )

    @pytest.mark.parametrize(
        ("point", "what"),
        [("layerkit_foo", "layerkit_foo"), ("layerkit_foo:hello", "layerkit_foo:hello")],
    )
    def test_a_plugin_without_hooks_is_reported(self, install, point, what):
        install("layerkit-foo", "def hello(): ...", points=f"foo = {point}")

        report = report_of("foo")

        assert report.state == "no hooks"
        assert report.reason == f"{what} has no function marked with @layerkit.hookimpl"

    def test_an_entry_point_that_names_the_hook_itself_has_no_hooks(self, install):
        install("layerkit-foo", points="foo = layerkit_foo:layerkit_register")

        assert report_of("foo").state == "no hooks"

    def test_a_misspelt_hook_is_reported_with_the_hook_that_was_meant(self, install):
        source = """
            from layerkit import hookimpl

            @hookimpl
            def layerkit_regster(registry): ...
            """
        install("layerkit-foo", source)

        report = report_of("foo")

        assert report.state == "misspelt hook"
        assert report.reason == (
            'no hook is named "layerkit_regster"; did you mean "layerkit_register"?'
        )

    def test_what_stands_beside_a_misspelt_hook_works(self, install):
        source = """
            from conftest_swish import Swish
            from layerkit import hookimpl

            @hookimpl
            def zzz(): ...

            @hookimpl
            def layerkit_register(registry):
                registry.layer("swish", Swish)
            """
        install("conftest-swish", points="")
        install("layerkit-foo", source)

        plugins = load_plugins()

        [report] = [r for r in plugins.reports if r.name == "foo"]
        assert (report.state, report.reason) == ("misspelt hook", 'no hook is named "zzz"')
        assert plugins.registry.find("layer", "swish").provider.distribution == "layerkit-foo"

    def test_an_interrupt_while_a_plugin_loads_ends_everything(self, install):
        install("layerkit-foo", "raise KeyboardInterrupt")

        with pytest.raises(KeyboardInterrupt):
            load_plugins()


class TestConflicts:
    def test_a_name_that_two_packages_claim_is_contested_and_both_are_told(self, install):
        install("layerkit-foo")
        install("layerkit-bar")

        foo = report_of("foo")

        assert foo.state == report_of("bar").state == "contested"
        assert foo.reason == (
            'layer "swish" is claimed by layerkit-bar too; this one is "layerkit-foo/swish"'
        )
        assert error_of_using("swish") == (
            'layer "swish" is claimed by several packages; write "layerkit-bar/swish" or '
            '"layerkit-foo/swish"'
        )
        for name in ("layerkit-foo", "layerkit-bar"):
            entry = load_registry().find("layer", f"{name}/swish")
            assert entry.provider.distribution == name

    def test_a_built_in_keeps_its_name_and_the_newcomer_is_told(self, install):
        source = """
            from conftest_swish import Swish
            from layerkit import hookimpl

            @hookimpl
            def layerkit_register(registry):
                registry.layer("relu", Swish)
            """
        install("conftest-swish", points="")
        install("layerkit-foo", source)

        registry, report = load_registry(), report_of("foo")

        assert registry.find("layer", "relu").provider.distribution == "layerkit"
        assert registry.find("layer", "layerkit-foo/relu").cls.__name__ == "Swish"
        assert report.state == "shadowed"
        assert report.reason == ('layer "relu" is a built-in; this one is "layerkit-foo/relu"')

    def test_two_entry_points_of_one_name_are_both_loaded(self, install):
        install("layerkit-foo", points="same = layerkit_foo")
        install("layerkit-bar", HOOK + "pass", points="same = layerkit_bar")

        reports = [r for r in load_plugins().reports if r.name == "same"]

        assert [(r.provider.distribution, r.state) for r in reports] == [
            ("layerkit-bar", "ok"),
            ("layerkit-foo", "ok"),
        ]

    def test_a_package_that_registers_a_name_from_two_entry_points_has_the_first(self, install):
        install("layerkit-foo", points="a = layerkit_foo\nb = layerkit_foo")

        a, b = report_of("a"), report_of("b")

        assert (a.state, b.state) == ("ok", "broken")
        assert b.reason == 'layer "swish" is registered twice'
        assert load_registry().find("layer", "swish") == a.entries[0]

    def test_of_many_broken_ones_three_are_named_the_one_of_that_name_first(self, install):
        install("layerkit-foo", points="\n".join(f"{name} = missing_{name}" for name in "abcde"))

        message = error_of_using("d")

        assert re.findall(r"plugin layerkit-foo \((\w)\)", message) == ["d", "a", "b"]
        assert message.endswith("; 2 more are not working, see: layerkit plugins")

    def test_only_the_package_that_is_asked_for_is_named(self, install):
        install("layerkit-foo", "1 / 0")
        install("layerkit-bar", "1 / 0")

        message = error_of_using("layerkit-foo/gate")

        assert "plugin layerkit-foo (foo), which is not working, may have it" in message
        assert "layerkit-bar" not in message

    def test_two_broken_entry_points_of_a_package_are_both_named(self, install):
        install("layerkit-foo", points="a = missing_a\nb = missing_b")

        assert error_of_using("gate") == (
            'no layer is named "gate"; plugin layerkit-foo (a), which is not working, may have it: '
            "ModuleNotFoundError: No module named 'missing_a'; plugin layerkit-foo (b), which is "
            "not working, may have it: ModuleNotFoundError: No module named 'missing_b'"
        )


class TestVersions:
    """A plugin says by ``Requires-Dist`` which layerkit it was made for."""

    @pytest.fixture(autouse=True)
    def _this_is_0_1_0(self, monkeypatch):
        monkeypatch.setattr("layerkit.plugins.installed.__version__", "0.1.0")

    @pytest.mark.parametrize(
        ("requirement", "reason"),
        [
            ("layerkit>=9", "needs layerkit >=9, this is 0.1.0; upgrade layerkit"),
            ("LayerKit (>=9)", "needs layerkit >=9, this is 0.1.0; upgrade layerkit"),
            ("layerkit>0.1.0", "needs layerkit >0.1.0, this is 0.1.0; upgrade layerkit"),
            ("layerkit~=0.2.1", "needs layerkit ~=0.2.1, this is 0.1.0; upgrade layerkit"),
            ("layerkit<0.1", "needs layerkit <0.1, this is 0.1.0; upgrade layerkit-foo"),
            ("layerkit==0.0.*", "needs layerkit ==0.0.*, this is 0.1.0; upgrade layerkit-foo"),
            (
                'layerkit>=9; python_version > "3"',
                "needs layerkit >=9, this is 0.1.0; upgrade layerkit",
            ),
        ],
    )
    def test_one_that_needs_another_layerkit_is_not_even_imported(
        self, install, requirement, reason
    ):
        install("layerkit-foo", "raise SystemExit", requires=("numpy>=2", requirement))

        report = report_of("foo")

        assert (report.state, report.reason) == ("incompatible", reason)
        assert error_of_using("swish") == (
            'no layer is named "swish"; plugin layerkit-foo (foo), which is not working, may have '
            f"it: {reason}"
        )

    @pytest.mark.parametrize(
        "requirement",
        [
            "layerkit",
            "layerkit>=0.1,<1",
            "layerkit-extras>=9",
            'layerkit>=9; extra == "future"',
            'layerkit>=9; python_version < "3"',
        ],
    )
    def test_one_that_goes_with_this_layerkit_is_loaded(self, install, requirement):
        install("layerkit-foo", requires=(requirement,))

        assert report_of("foo").state == "ok"

    def test_one_that_names_no_dependencies_is_loaded(self, install):
        install("layerkit-foo", requires=())

        assert report_of("foo").state == "ok"

    def test_a_development_version_counts_as_what_comes_after_it(self, install, monkeypatch):
        monkeypatch.setattr("layerkit.plugins.installed.__version__", "0.2.0.dev1")
        install("layerkit-foo", requires=("layerkit>=0.1",))

        assert report_of("foo").state == "ok"

    def test_a_requirement_that_cannot_be_read_makes_a_plugin_broken(self, install):
        install("layerkit-foo", requires=("layerkit >> 9",))

        report = report_of("foo")

        assert report.state == "broken"
        assert report.reason.startswith("InvalidRequirement: ")


POINTS = "[layerkit]\nfoo = layerkit_foo\n"

DAMAGED = {
    "a line without an equals sign": (
        "entry_points.txt",
        b"[console_scripts]\nother\n" + POINTS.encode(),
        "entry_points.txt: line 2 is neither [GROUP] nor NAME = MODULE: other",
    ),
    "entry points that are not UTF-8": (
        "entry_points.txt",
        POINTS.encode() + b"b\xfcr = x\n",
        "entry_points.txt: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfc in position "
        "31: invalid start byte",
    ),
    "metadata that are not UTF-8": (
        "METADATA",
        b"Metadata-Version: 2.1\nName: layerkit-foo\nVersion: 1.0\nAuthor: J\xfcrgen\n",
        ": its metadata cannot be read: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xfc "
        "in position 63: invalid start byte",
    ),
    "a name that no distribution can have": (
        "METADATA",
        b"Metadata-Version: 2.1\nName: foo\x1b[2J\nVersion: 1.0\n",
        r": its metadata give it the name 'foo\x1b[2J', which no distribution can have",
    ),
}


@pytest.mark.parametrize(("file", "content", "reason"), DAMAGED.values(), ids=DAMAGED)
class TestAPluginWithDamagedMetadata:
    @pytest.fixture(autouse=True)
    def _installed(self, install, info_of, file, content):
        install("layerkit-foo")
        install("layerkit-zoo")
        (info_of("layerkit-foo") / file).write_bytes(content)

    def test_is_reported_by_name_with_the_file_and_the_reason(self, info_of, reason):
        foo = report_of("layerkit-foo")

        place = f"{info_of('layerkit-foo')}{'' if reason[0] == ':' else '/'}"
        assert (foo.state, foo.reason) == (
            "broken",
            f"{place}{reason}; install layerkit-foo again",
        )
        assert (foo.provider.version, foo.entries) == ("1.0", [])
        assert "Traceback" in foo.traceback

    def test_leaves_the_other_plugins_working(self, reason):
        assert load_registry().find("layer", "swish").provider.distribution == "layerkit-zoo"

    def test_is_named_where_a_spec_needs_what_it_may_have(self, reason):
        assert error_of_using("gate").startswith(
            'no layer is named "gate"; plugin layerkit-foo (layerkit-foo), which is not working, '
            "may have it: "
        )


class TestADistributionThatIsNoPlugin:
    @pytest.fixture(autouse=True)
    def _installed(self, install, info_of):
        install("other", points="")
        install("layerkit-foo")
        (info_of("other") / "entry_points.txt").write_text("[console_scripts]\nother\n")

    def test_is_reported_if_its_entry_points_are_malformed(self, info_of):
        other = report_of("other")

        assert (other.state, other.reason) == (
            "unreadable",
            f"{info_of('other')}/entry_points.txt: line 2 is neither [GROUP] nor NAME = MODULE: "
            "other; install other again",
        )

    def test_concerns_no_plugin_and_no_message(self, monkeypatch):
        monkeypatch.setenv("LAYERKIT_STRICT", "1")

        assert report_of("foo").state == "ok"
        assert error_of_using("gate") == (
            'no layer is named "gate"; see: layerkit layers --kind layer'
        )


class TestNamesThatPipTakesForOne:
    SPELLINGS = ("layerkit-gated-relu", "layerkit_gated_relu", "Layerkit.Gated--ReLU")

    @pytest.fixture(autouse=True)
    def _installed(self, install, info_of, monkeypatch):
        install("layerkit-gated-relu", points="gate = layerkit_gated_relu")
        (info_of("layerkit-gated-relu") / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: Layerkit_Gated.ReLU\nVersion: 1.0\n"
        )

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_find_a_component_by_its_qualified_name(self, spelling):
        registry = load_registry()

        entry = registry.find("layer", f"{spelling}/swish")

        assert entry.qualified_name == "layerkit-gated-relu/swish"
        assert parse_spec(graph_of(f"{spelling}/swish"), registry).content.layers

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_name_the_plugins_to_load(self, spelling, monkeypatch):
        monkeypatch.setenv("LAYERKIT_PLUGINS", spelling)

        assert [r.name for r in load_plugins().reports] == ["layerkit", "gate"]


class TestSeveralDistributionsOfOneName:
    def test_the_first_on_the_path_counts_as_it_does_for_imports(
        self, install, tmp_path, monkeypatch, plugin_folders
    ):
        install("layerkit-foo")
        later = tmp_path / "later"
        old = later / "Layerkit.Foo-0.9.dist-info"
        old.mkdir(parents=True)
        (old / "METADATA").write_text("Metadata-Version: 2.1\nName: Layerkit.Foo\nVersion: 0.9\n")
        (old / "entry_points.txt").write_text("[layerkit]\nfoo = layerkit_of_nobody\n")
        monkeypatch.setattr("sys.path", [*sys.path, str(later)])
        plugin_folders.append(later)

        foo = report_of("foo")

        assert (foo.state, foo.provider.version) == ("ok", "1.0")


COMPILES = """
    from layerkit import hookimpl

    @hookimpl({how})
    def layerkit_compile(network, optimizer, batches):
        return "{name}"
    """


class TestTheOrderOfHooks:
    def asked(self):
        return [compiler(None, None, None) for compiler in load_registry().compilers]

    def test_is_that_of_the_names_of_distributions(self, install):
        for name in ("c", "a", "b"):
            install(f"layerkit-{name}", COMPILES.format(how="", name=name))

        assert self.asked() == ["a", "b", "c"]

    def test_has_those_first_that_try_to_be_and_those_last(self, install):
        for name, how in {
            "a": "trylast=True",
            "b": "",
            "c": "tryfirst=True",
            "d": "",
            "e": "tryfirst=True",
        }.items():
            install(f"layerkit-{name}", COMPILES.format(how=how, name=name))

        assert self.asked() == ["c", "e", "b", "d", "a"]

    def test_holds_for_each_of_several_hooks_of_one_plugin(self, install):
        two = """
            from layerkit import hookimpl

            @hookimpl(specname="layerkit_compile", trylast=True)
            def late(network):
                return "late"

            @hookimpl(specname="layerkit_compile", tryfirst=True)
            def early():
                return "early"
            """
        install("layerkit-a", two)
        install("layerkit-b", COMPILES.format(how="", name="b"))

        assert self.asked() == ["early", "b", "late"]

    @pytest.mark.parametrize("how", ["wrapper=True", "hookwrapper=True"])
    def test_has_no_wrappers_which_are_reported_and_not_called(self, install, how):
        source = f"""
            from conftest_swish import Swish
            from layerkit import hookimpl

            @hookimpl
            def layerkit_register(registry):
                registry.layer("swish", Swish)

            @hookimpl({how})
            def layerkit_compile(network):
                raise AssertionError
                yield
            """
        install("conftest-swish", points="")
        install("layerkit-foo", source)

        report = report_of("foo")

        assert (report.state, report.reason) == (
            "unsupported hook",
            "layerkit_compile is a wrapper, and layerkit calls each plugin alone; use tryfirst or "
            "trylast instead",
        )
        assert self.asked() == []
        assert [e.name for e in report.entries] == ["swish"]
        assert not report.compiles_steps

    def test_a_compiler_that_exits_is_named(self, install):
        exits = "from layerkit import hookimpl\n@hookimpl\ndef layerkit_compile(): raise SystemExit"
        install("layerkit-foo", exits)

        with pytest.raises(PluginError, match=r"\(foo\): layerkit_compile raised SystemExit"):
            self.asked()


class TestTheEnvironment:
    @pytest.fixture(autouse=True)
    def _installed(self, install):
        install("layerkit-foo")
        install("layerkit-bar", HOOK + "pass")

    def loaded(self) -> list[str]:
        return [r.name for r in load_plugins().reports]

    def test_names_no_plugins_and_none_is_loaded(self, monkeypatch):
        monkeypatch.setenv("LAYERKIT_PLUGINS", "")

        assert self.loaded() == ["layerkit"]
        with pytest.raises(UnknownComponentError, match='no layer is named "swish"'):
            load_registry().find("layer", "swish")

    @pytest.mark.parametrize("names", ["foo,bar", " bar , layerkit-foo,", "layerkit-bar,foo"])
    def test_names_plugins_by_entry_point_or_distribution(self, monkeypatch, names):
        monkeypatch.setenv("LAYERKIT_PLUGINS", names)

        assert self.loaded() == ["layerkit", "bar", "foo"]

    def test_names_one_and_the_other_is_not_even_imported(self, install, monkeypatch):
        install("layerkit-bomb", "raise KeyboardInterrupt")
        monkeypatch.setenv("LAYERKIT_PLUGINS", "foo")

        assert self.loaded() == ["layerkit", "foo"]

    @pytest.mark.parametrize(
        ("names", "advice"),
        [
            ("fooo", '"fooo"; did you mean "foo"?'),
            ("foo,zzz", '"zzz"; installed: bar, foo, layerkit-bar, layerkit-foo'),
        ],
    )
    def test_names_a_plugin_that_is_not_installed_and_that_is_an_error(
        self, monkeypatch, names, advice
    ):
        monkeypatch.setenv("LAYERKIT_PLUGINS", names)

        expected = f"LAYERKIT_PLUGINS: no plugin is named {advice}"
        with pytest.raises(PluginError, match=f"^{re.escape(expected)}$"):
            load_plugins()

    @pytest.mark.parametrize("value", ["", "0"])
    def test_asks_for_no_strictness_and_a_broken_plugin_is_only_reported(
        self, install, monkeypatch, value
    ):
        install("layerkit-bad", "1 / 0")
        monkeypatch.setenv("LAYERKIT_STRICT", value)

        assert report_of("bad").state == "broken"


OPTION = """
    from collections.abc import Callable
    import numpy as np
    from layerkit import Layer, hookimpl

    class Odd(Layer):
        def __init__(self, odd: {type}) -> None: ...
        def forward(self, x): ...
        def backward(self, dout): ...

    @hookimpl
    def layerkit_register(registry):
        registry.layer("odd", Odd)
    """


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (
            "np.ndarray = None",
            "option odd is a ndarray, which JSON cannot express; an option is an",
        ),
        (
            "Callable[[], float] = None",
            "option odd is a collections.abc.Callable[[], float], which",
        ),
        ("bytes = b''", "option odd is a bytes, which JSON cannot express"),
        ("object = None", "option odd is a object, which JSON cannot express"),
        ("dict[str, int] = None", "option odd is a dict[str, int], which JSON cannot express"),
        ("list[complex] | None = None", "option odd is a list[complex] | None, which JSON cannot"),
        ("'Unheard' = None", "its options cannot be read: name 'Unheard' is not defined"),
        ("float = float('inf')", "the default of option odd, inf, cannot be written in JSON"),
        ("float = np.float64(2)", "the default of option odd, np.float64(2.0), cannot be written"),
    ],
)
def test_an_option_that_json_cannot_express_makes_a_plugin_broken(install, type_, reason):
    install("layerkit-foo", OPTION.format(type=type_))

    report = report_of("foo")

    assert report.state == "broken"
    assert report.reason.startswith(f"Odd: {reason}")


MANY = """
from layerkit import He, Initializer, Layer, hookimpl

class Swish(Layer):
    # JSON Schema has no word for a default that is a component.
    def __init__(self, init: Initializer = He()) -> None:
        self.init = init

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout

@hookimpl
def layerkit_register(registry):
    for i in range(100):
        registry.layer(f"swish_{i}", Swish)
"""


def test_registries_are_loaded_by_several_threads_at_once(install):
    install("layerkit-foo", MANY)
    expected = [(e.kind, e.qualified_name, e.cls) for e in load_registry()]
    filters, show = list(warnings.filters), warnings.showwarning
    before, together = sys.getswitchinterval(), Barrier(8)

    def load(_):
        together.wait()
        return [(e.kind, e.qualified_name, e.cls) for e in load_registry()]

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            registries = list(pool.map(load, range(8)))
    finally:
        sys.setswitchinterval(before)

    assert len(expected) > 100
    assert registries == [expected] * 8
    assert warnings.filters == filters
    assert warnings.showwarning is show
