import json

import pytest

from layerkit.testing import Record, Status, checks

HALVES = """
    from layerkit import Array, Layer, hookimpl

    class Half(Layer):
        '''Half of everything, ``y = x / 2``.

        Shapes:
            x: ``(batch, *shape)``
            y: the shape of ``x``
        '''

        def forward(self, x: Array) -> Array:
            return x / 2

        def backward(self, dout: Array) -> Array:
            return dout * {factor}

    @hookimpl
    def layerkit_register(registry):
        registry.layer("half", Half)
"""


def test_a_component_has_a_line_and_the_last_one_counts_the_checks(layerkit):
    outcome = layerkit("verify", "relu")

    lines = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert lines[0].split() == ["component", "kind", "package", "checks", "failed", "seconds"]
    assert lines[1].split()[:5] == ["relu", "layer", "layerkit", "31", "0"]
    assert lines[2:] == ["31 of 31 checks of 1 components: 0 failed"]


def test_a_package_is_verified_with_all_it_provides(layerkit, install):
    install("layerkit-half", HALVES.format(factor=0.5))

    outcome = layerkit("verify", "layerkit-half")

    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "31 of 31 checks of 1 components: 0 failed"


def test_a_mistake_is_named_and_the_exit_code_is_1(layerkit, install):
    install("layerkit-half", HALVES.format(factor=0.25))

    outcome = layerkit("verify", "half", "relu")

    assert outcome.code == 1
    assert (
        "half: gradients_of_inputs_are_the_numerical_ones: the gradient with respect to x is wrong "
        "(relative error 5.0e-01): it is 0.5 times the numerical one; a factor is missing or too "
        "many [(5,)]" in outcome.out
    )
    assert outcome.err == "layerkit: 62 of 62 checks of 2 components: 2 failed\n"


def test_programs_get_every_record(layerkit, install):
    install("layerkit-half", HALVES.format(factor=0.25))

    outcome = layerkit("verify", "half", "--json")

    records = json.loads(outcome.out)
    failed = [record["check"] for record in records if record["status"] == "failed"]
    assert outcome.code == 1
    assert len(records) == 31
    assert failed == [
        "gradients_of_inputs_are_the_numerical_ones",
        "backward_goes_with_the_last_forward",
    ]
    assert set(records[0]) == {
        "kind", "name", "component", "check", "status", "reason", "seconds",
    }  # fmt: skip


def test_everything_that_is_installed_keeps_its_laws(layerkit):
    outcome = layerkit("verify")

    assert outcome.code == 0, outcome.out
    assert outcome.out.splitlines()[-1].endswith(" components: 0 failed")


def test_a_plugin_that_does_not_work_is_a_failure_where_everything_is_verified(
    layerkit, install, monkeypatch
):
    def passed(cls, registry):
        """Stand in for the checks, which are not the point here and take long."""
        names = [check.name for check in checks(cls, registry=registry)]
        return [Record(cls.__name__, name, Status.PASSED, "", 0.0) for name in names]

    monkeypatch.setattr("layerkit.testing.check_component", passed)
    install("layerkit-bad", "1 / 0")

    outcome = layerkit("verify")

    assert outcome.code == 1
    assert "plugin layerkit-bad (bad) is broken: ZeroDivisionError: division by zero" in outcome.out
    assert outcome.err.endswith("0 failed; plugins that do not work: 1\n")


@pytest.mark.parametrize(
    ("name", "advice"), [("rellu", 'did you mean "relu"?'), ("zzz", "see: layerkit plugins")]
)
def test_an_unknown_name_is_refused(layerkit, name, advice):
    outcome = layerkit("verify", name)

    assert outcome.code == 2
    assert outcome.err == f'layerkit: no component and no package is named "{name}"; {advice}\n'
