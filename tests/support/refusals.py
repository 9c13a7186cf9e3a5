"""What a data set that is wrong is refused with."""

import pytest

from layerkit import DataError, Dataset


def refusal(dataset: Dataset) -> str:
    """Return what ``load`` of a wrong data set says."""
    with pytest.raises(DataError) as caught:
        dataset.load()
    return str(caught.value)
