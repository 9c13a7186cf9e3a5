"""Paths in a spec: relative to its folder wherever they are nested, also in that of its run."""

import json
import shutil
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from layerkit import SpecError, load_model, load_registry, load_spec
from layerkit.builder import build_experiment
from layerkit.run import load_data, run_training

PLUGIN = dedent(
    """
    from pathlib import Path

    import numpy as np

    from layerkit import Data, Dataset, Form, Initializer, Split, Targets, hookimpl

    class Stored(Initializer):
        def __init__(self, path: Path = Path("weights.npy")) -> None:
            self.path = path

        def __call__(self, shape, rng):
            return np.load(self.path)

    class Sum(Initializer):
        def __init__(self, parts: list[Initializer]) -> None:
            self.parts = parts

        def __call__(self, shape, rng):
            return sum(part(shape, rng) for part in self.parts)

    class Files(Dataset):
        def __init__(self, parts: tuple[tuple[Path, Path], ...], more: Path | int = 0) -> None:
            self.parts = parts
            self.more = more

        def inspect(self):
            return Form((2,), Targets((1,)), has_validation=True)

        def load(self):
            splits = [Split(np.load(x), np.load(t)) for x, t in self.parts]
            return Data(splits[0], splits[-1], validation=splits[-1])

    @hookimpl
    def layerkit_register(registry):
        registry.initializer("stored", Stored)
        registry.initializer("sum", Sum)
        registry.dataset("files", Files)
    """
)


def spec(folder: str = "data/", weights: object = "stored") -> dict:
    stored = {"type": "stored", "path": f"{folder}w.npy"}
    return {
        "version": 1,
        "data": {
            "type": "files",
            "parts": [[f"{folder}x.npy", f"{folder}t.npy"]] * 2,
            "more": f"{folder}x.npy",
        },
        "layers": [
            {
                "type": "affine",
                "units": 1,
                "weight_init": {"type": "sum", "parts": [stored, weights]},
            }
        ],
        "loss": "mean_squared_error",
        "optimizer": "sgd",
        "training": {"steps": 3, "batch_size": 2},
    }


@pytest.fixture
def project(tmp_path, install, monkeypatch):
    """A folder with data, a link to it, and another folder to call from."""
    install("layerkit-files", PLUGIN)
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in (("x", (6, 2)), ("t", (6, 1)), ("w", (2, 1))):
        np.save(project / "data" / f"{name}.npy", rng.normal(size=shape))
    shutil.copy(project / "data" / "w.npy", project / "weights.npy")
    (tmp_path / "link").symlink_to(project)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return project


def run(file: Path, out: Path) -> dict[str, bytes]:
    """Run a spec, and return what its folder holds but for times and the spec itself."""
    experiment = build_experiment(load_spec(file, load_registry()))
    run_training(experiment, load_data(experiment), out)
    kept = ("metrics.jsonl", "best.npz", "last.npz", "spec.lock.json")
    return {name: (out / name).read_bytes() for name in kept}


def test_paths_are_relative_to_the_folder_of_the_spec_wherever_they_are_nested(project):
    (project / "net.json").write_text(json.dumps(spec()))

    content = load_spec(project / "net.json", load_registry()).content

    assert content.data.options["parts"] == ((project / "data/x.npy", project / "data/t.npy"),) * 2
    assert content.data.options["more"] == project / "data/x.npy"
    nested = content.layers[0].component.options["weight_init"].options["parts"]
    # The default of an option is relative to it too.
    assert [part.options["path"] for part in nested] == [
        project / "data/w.npy",
        project / "weights.npy",
    ]


@pytest.mark.parametrize("start", ["project", "link"])
@pytest.mark.parametrize("out", ["project/runs/first", "link/runs/first", "elsewhere/first"])
def test_the_spec_of_a_run_runs_again_from_where_it_stands(project, tmp_path, start, out):
    (project / "net.json").write_text(json.dumps(spec()))

    first = run(tmp_path / start / "net.json", tmp_path / out)
    second = run(tmp_path / out / "spec.json", tmp_path / "second")
    third = run(tmp_path / "second" / "spec.json", tmp_path / "third")

    assert first == second == third
    load_model(tmp_path / "third")


def test_the_spec_of_a_run_says_the_paths_as_they_were_written(project, tmp_path):
    (project / "net.json").write_text(json.dumps(spec("../project/data/")))

    run(project / "net.json", project / "runs" / "first")

    written = json.loads((project / "runs" / "first" / "spec.json").read_text())
    assert written["data"]["parts"] == [["../../data/x.npy", "../../data/t.npy"]] * 2
    assert written["layers"][0]["weight_init"]["parts"] == [
        {"type": "stored", "path": "../../data/w.npy"},
        {"type": "stored", "path": "../../weights.npy"},
    ]


@pytest.mark.parametrize("start", ["project", "link"])
def test_a_project_can_be_moved_with_its_runs(project, tmp_path, start):
    (project / "net.json").write_text(json.dumps(spec()))
    first = run(tmp_path / start / "net.json", tmp_path / start / "runs" / "first")

    project.rename(tmp_path / "moved")

    assert run(tmp_path / "moved/runs/first/spec.json", tmp_path / "second") == first


@pytest.mark.parametrize("home", ["~/project/data/", "{}/project/data/"])
def test_a_path_from_the_root_or_from_home_stays_as_it_is(project, tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", str(tmp_path))
    (project / "net.json").write_text(json.dumps(spec(home.format(tmp_path))))

    run(project / "net.json", project / "runs" / "first")

    written = json.loads((project / "runs" / "first" / "spec.json").read_text())
    assert written["data"]["more"] == home.format(tmp_path) + "x.npy"
    # What is relative was rewritten all the same.
    assert written["layers"][0]["weight_init"]["parts"][1]["path"] == "../../weights.npy"


def test_a_link_on_the_way_that_is_left_again_is_followed(project, tmp_path):
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (project / "inner").symlink_to(tmp_path / "deep" / "inner")
    (tmp_path / "deep" / "data").symlink_to(project / "data")
    (project / "net.json").write_text(json.dumps(spec("inner/../data/")))

    first = run(project / "net.json", tmp_path / "first")

    assert run(tmp_path / "first" / "spec.json", tmp_path / "second") == first


def test_the_home_of_nobody_is_refused(project):
    (project / "net.json").write_text(json.dumps(spec("~no_such_user/")))

    with pytest.raises(SpecError, match=r"~no_such_user/x.npy: there is no such home folder"):
        load_spec(project / "net.json", load_registry())


def test_home_is_expanded_in_the_calls_of_the_api(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (project / "net.json").write_text(json.dumps(spec()))
    run(project / "net.json", project / "first")

    load_spec("~/project/net.json", load_registry())
    load_model("~/project/first")


def test_home_is_expanded_in_a_value_from_the_command_line(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (project / "net.json").write_text(json.dumps(spec()))

    loaded = load_spec(project / "net.json", load_registry(), ["data.more=~/x.npy"])

    assert loaded.content.data.options["more"] == tmp_path / "x.npy"
