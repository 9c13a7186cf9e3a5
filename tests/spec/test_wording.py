"""What a spec says is quoted so that no terminal obeys it."""

from mistakes import SPEC, told_of


def test_what_a_terminal_would_obey_is_not_printed(refused):
    text = SPEC.replace('"relu"', r'"\u001b[31mrelu\u009b2J\u202e"')

    told = told_of(refused, text)

    assert all(c.isprintable() or c == "\n" for c in told)
    assert r'no layer is named "\x1b[31mrelu\x9b2J\u202e"' in told
