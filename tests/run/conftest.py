"""A spec whose run depends on an installed plugin."""

import json

import pytest

SPEC = {
    "version": 1,
    "data": {"type": "spiral", "per_class": 4},
    "layers": [
        {"type": "affine", "units": 3, "weight_init": {"type": "normal", "std": 0.1}},
        "swish",
        "swish",
    ],
    "loss": "softmax_with_loss",
    "optimizer": {"type": "sgd", "learning_rate": {"type": "cosine", "learning_rate": 0.1}},
    "training": {"steps": 1},
}


@pytest.fixture
def spec(tmp_path):
    """A spec in a file of its own, which uses a layer of an installed plugin."""
    file = tmp_path / "net.json"
    file.write_text(json.dumps(SPEC))
    return file
