import copy
import pickle

import pytest

from layerkit import DataError


def test_the_details_of_an_error_in_data_have_lines_of_their_own():
    error = DataError("data.csv:", ["line 2: wrong", "line 3: wrong"])

    assert str(error) == "data.csv:\n  line 2: wrong\n  line 3: wrong"


def test_a_name_in_an_error_in_data_forges_no_line():
    error = DataError("a\n  b.csv:", ['column "c\n  d"', "\x1b[31m"])

    assert str(error) == 'a\\n  b.csv:\n  column "c\\n  d"\n  \\x1b[31m'


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_an_error_in_data_can_be_handed_to_another_process(duplicate):
    error = duplicate(DataError("a:", ["b"]))

    assert (str(error), error.message, error.details) == ("a:\n  b", "a:", ("b",))
