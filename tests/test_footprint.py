"""A network that takes more memory than there is is refused before anything is allocated."""

import re

from mistakes import SPEC, told_of


def test_a_network_that_takes_more_memory_than_there_is_is_refused(refused):
    text = SPEC.replace('"units": 5', '"units": 1000000000000')

    told = told_of(refused, text)

    assert re.match(
        r"spec\.json:5:5: layers\[0\]: training takes 144 TB of memory, and [\d.]+ .?B are free; "
        r"layers\[0\] \(affine\) alone has 5,000,000,000,000 parameters and 1,000,000,000,000 "
        r"outputs for each example; make it or the batch smaller\n",
        told,
    )


def test_a_batch_that_takes_more_memory_than_there_is_is_refused_once_the_data_are_read(
    refused, monkeypatch
):
    monkeypatch.setattr("layerkit.footprint.available_memory", lambda: 40_000_000)
    data = '"data": {"type": "spiral", "per_class": 1000000}'
    text = re.sub(r'"data": [^\n]*,\n', f"{data},\n", SPEC.replace('"units": 5', '"units": 3'))

    told = told_of(refused, text.replace('"batch_size": 4', '"batch_size": 2400000'))

    assert "training takes 211 MB of memory, and 40 MB are free" in told
    assert "3 outputs for each of 2,400,000 examples; make it or the batch smaller" in told
