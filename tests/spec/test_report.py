"""Problems are shown in the order of the text, the first ones only, each with its line."""

from mistakes import SPEC, excerpt, told_of


def test_several_problems_are_told_together_in_the_order_of_the_text(refused):
    text = (
        SPEC.replace('"units": 5', '"unit": 5')
        .replace('"relu"', '"reul"')
        .replace('"softmax_with_loss"', '"huger"')
        .replace("0.1", "-1")
        .replace('"steps": 2', '"steps": 2, "epochs": 3')
    )

    told = told_of(refused, text)

    assert told == (
        excerpt(text, "5:5", 'layers[0]: needs "units"', '{"type": "affine", "unit": 5}')
        + excerpt(
            text, "5:24", 'layers[0].unit: unknown key "unit"; did you mean "units"?', '"unit"'
        )
        + excerpt(
            text,
            "6:14",
            'layers[1].type: no layer is named "reul"; did you mean "relu"?',
            '"reul"',
        )
        + excerpt(text, "9:11", 'loss: no loss is named "huger"; did you mean "huber"?', '"huger"')
        + excerpt(
            text,
            "10:49",
            "optimizer.learning_rate: must be greater than 0 or the name of a schedule, or an "
            'object with its "type", got -1',
            "-1",
        )
        + excerpt(
            text,
            "11:15",
            'training: takes only one of "steps" and "epochs", got both; leave one out, or set it '
            "to null",
            '{"steps": 2, "epochs": 3, "batch_size": 4}',
        )
        + "6 problems; nothing was run.\n"
    )


def test_a_key_of_the_wrong_case_among_wide_characters_is_pointed_at(refused):
    text = SPEC.replace('"version": 1', '"name": "ネット", "Seed": 3, "version": 1')

    told = told_of(refused, text)

    # Each of the three characters takes two columns of a terminal.
    assert told.splitlines()[1:3] == [
        '    2 |   "name": "ネット", "Seed": 3, "version": 1,',
        "      |           ^^^^^^^^",
    ]
    assert told.splitlines()[4:6] == [
        '    2 |   "name": "ネット", "Seed": 3, "version": 1,',
        "      |                     ^^^^^^",
    ]


def test_of_very_many_problems_the_first_are_shown(refused):
    text = SPEC.replace('{"type": "relu"},', '"reul",' * 100)

    told = told_of(refused, text)

    assert told.count("no layer is named") == 50
    assert told.endswith("... and 50 more; 100 problems; nothing was run.\n")


def test_of_a_very_long_message_the_beginning_is_shown(refused):
    told = told_of(refused, SPEC.replace('"relu"', f'"{"x" * 100_000}"'))

    assert len(told) < 2000
