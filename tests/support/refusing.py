"""What a data set says of files that it refuses."""

import pytest

from layerkit import DataError


def refusal(dataset):
    """What ``inspect`` says, which ``load`` must say as well."""
    with pytest.raises(DataError) as inspected:
        dataset.inspect()
    with pytest.raises(DataError) as loaded:
        dataset.load()
    assert str(loaded.value) == str(inspected.value)
    return str(inspected.value)
