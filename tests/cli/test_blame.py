"""A component of a plugin that raises is named with its distribution, in every verb alike."""

import json

import pytest

PLUGIN = """
import layerkit
from layerkit.builtin.losses import SoftmaxWithLoss


def fail(error):
    raise {"exit": SystemExit(0), "error": RuntimeError("\\x1b[31mred\\nhidden")}[error]


class Raising(layerkit.Layer):
    def __init__(self, where: str, error: str = "error") -> None:
        self.where = where
        self.error = error

    def build(self, shape):
        if self.where == "build":
            fail(self.error)
        return shape

    def forward(self, x):
        if self.where == "forward":
            fail(self.error)
        return x.tolist() if self.where == "list" else x

    def backward(self, dout):
        if self.where == "backward":
            fail(self.error)
        return dout


class Loss(SoftmaxWithLoss):
    def each(self, y, t):
        fail("error")


@layerkit.hookimpl
def layerkit_register(registry):
    registry.layer("raising", Raising)
    registry.loss("raising_loss", Loss)
"""


@pytest.fixture
def spec(install, tmp_path, monkeypatch):
    install("layerkit-raising", PLUGIN)
    monkeypatch.chdir(tmp_path)

    def write(loss="softmax_with_loss", **options):
        raising = {"type": "raising", **options}
        content = {
            "version": 1,
            "data": {"type": "spiral", "per_class": 20},
            "layers": [{"type": "affine", "units": 4}, raising, {"type": "affine", "units": 3}],
            "loss": loss,
            "optimizer": "sgd",
            "training": {"epochs": 1},
        }
        (tmp_path / "spec.json").write_text(json.dumps(content))
        return tmp_path / "spec.json"

    return write


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("where", ["build", "forward", "backward"])
def test_a_layer_that_raises_is_named(layerkit, spec, verb, where):
    done = layerkit(verb, spec(where=where))

    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        f"layerkit: layer layerkit-raising/raising (layerkit-raising 1.0): {where} raised "
        "RuntimeError: \\x1b[31mred (layerkit_raising.py, line 7); the mistake is in that plugin, "
        "and layerkit verify layerkit-raising/raising shows more"
    )
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_layer_that_returns_no_array_is_named(layerkit, spec, verb):
    done = layerkit(verb, spec(where="list"))

    assert (done.code, "forward must return an array of the shape (" in done.err) == (2, True)
    assert done.err.splitlines()[-1].endswith("got a list")


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_layer_that_exits_is_named(layerkit, spec, verb):
    done = layerkit(verb, spec(where="forward", error="exit"))

    assert done.code == 2
    assert "forward raised SystemExit: 0 (layerkit_raising.py, line 7)" in done.err


@pytest.mark.parametrize("verb", ["run", "check"])
def test_so_is_any_other_component(layerkit, spec, verb):
    done = layerkit(verb, spec(loss="raising_loss", where="nowhere"))

    assert done.code == 2
    assert "loss layerkit-raising/raising_loss (layerkit-raising 1.0): each raised" in done.err


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_graph_names_them_too(layerkit, spec, tmp_path, verb):
    spec(where="nowhere")
    graph = tmp_path / "graph.json"
    layers = [{"type": "raising", "where": "forward"}]
    graph.write_text(json.dumps({"version": 1, "inputs": {"x": [[1.0]]}, "layers": layers}))

    done = layerkit(verb, graph)

    assert (done.code, "forward raised RuntimeError" in done.err) == (2, True)


@pytest.mark.parametrize("at_work", ["nothing", "a built-in"])
def test_a_mistake_of_layerkit_itself_keeps_its_traceback(layerkit, spec, monkeypatch, at_work):
    def fail(self, *_):
        raise ZeroDivisionError

    place = (
        "layerkit.spec.load_spec"
        if at_work == "nothing"
        else "layerkit.builtin.layers.Affine.forward_unchecked"
    )
    monkeypatch.setattr(place, fail)

    with pytest.raises(ZeroDivisionError):
        layerkit("run", spec(where="nowhere"))
