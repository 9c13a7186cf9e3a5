"""The message with which a data set refuses files."""

import pytest

from layerkit import DataError


def refusal(dataset):
    """Return the message of ``inspect``, which must equal that of ``load``."""
    with pytest.raises(DataError) as inspected:
        dataset.inspect()
    with pytest.raises(DataError) as loaded:
        dataset.load()
    assert str(loaded.value) == str(inspected.value)
    return str(inspected.value)
