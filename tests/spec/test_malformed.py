"""Text that is not JSON, or that a spec may not hold, is reported where it is."""

import pytest
from mistakes import SPEC, assert_refused_in_time, assert_told_at_its_place, told_of

from layerkit import load_registry

PROBLEMS = {
    "a comma too many": (
        '"units": 5}',
        '"units": 5,}',
        ("5:34", 'a comma before "}" is not JSON; remove it', ","),
    ),
    "a comma missing": (
        '"version": 1,',
        '"version": 1',
        ("3:3", 'expected "," or "}", got "', '"'),
    ),
    "a comment": (
        '"version": 1,',
        '"version": 1, // the first',
        ("2:17", "expected a key in double quotes, got //; JSON has no comments", "//"),
    ),
    "single quotes": (
        '"version"',
        "'version'",
        (
            "2:3",
            "expected a key in double quotes, got 'version'; JSON takes double quotes",
            "'version'",
        ),
    ),
    "NaN": ("0.1}", "NaN}", ("10:49", "expected a value, got NaN; JSON has no NaN", "NaN")),
    "infinity": (
        "0.1}",
        "-Infinity}",
        ("10:49", "expected a value, got -", "-"),
    ),
    "a number too large": ("0.1}", "1e999}", ("10:49", "the number is too large", "1")),
    "more text": (
        '"batch_size": 4}\n}',
        '"batch_size": 4}\n} {}',
        ("12:3", "the spec ended here, but more text follows", "{"),
    ),
    "a key twice": (
        '"version": 1,',
        '"version": 1, "version": 1,',
        ("2:17", 'version: the key "version" appears twice; keep one', '"version"'),
    ),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("old", "new", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_told_at_its_place(refused, command, old, new, problem):
    assert_told_at_its_place(refused, command, old, new, problem)


def test_numbers_beyond_all_counting_are_refused(refused):
    told = told_of(refused, SPEC.replace('"units": 5', f'"units": {2**63}'))
    assert "the number is too large" in told

    told = told_of(refused, SPEC.replace('"units": 5', '"units": 1e300'))
    assert "layers[0].units: must be an integer, got 1e+300" in told


def test_digits_of_other_scripts_are_no_json(refused):
    assert 'expected "," or "}", got' in told_of(refused, SPEC.replace('"units": 5', '"units": 1٣'))


LARGE = {
    "170,000 equal keys": "{" + ",".join(['"a":1'] * 170_000) + "}",
    "500,000 numbers, and a comma": f'{{"x":[{"0," * 500_000}]}}',
    "250,000 texts, and a comma": '{"x":[' + '"a",' * 250_000 + "]}",
    "340,000 objects, and a comma": f'{{"x":[{"{}," * 340_000}]}}',
    "120,000 full objects, and a comma": '{"x":[' + '{"a":1},' * 120_000 + "]}",
    "half a million brackets": "[" * 500_000,
    "a text that does not end": '{"x": "' + "a" * 1_000_000,
    "a million digits": '{"x": ' + "9" * 1_000_000 + "}",
    "escapes of pairs of surrogates": '{"x":"' + "\\ud83d\\ude00" * 80_000 + '"}',
    "a million blanks": " " * 1_000_000 + "x",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_a_large_spec_is_refused_in_time_and_in_few_words(text):
    assert_refused_in_time(text, load_registry())
