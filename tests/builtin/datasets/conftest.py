"""Fixtures of the tests of data sets."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Writes the lines of a file and returns its path."""

    def write(*lines, name="table.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines))
        return path

    return write
