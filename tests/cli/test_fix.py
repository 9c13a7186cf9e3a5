"""``layerkit check --fix``, and the problems of a spec as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from layerkit.cli import fix as cli_fix

SPEC = """{
  "version": 1,
  "data": "digits",
  "layers": [
    {"type": "affine", "units": 10}
  ],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "sgd", "learning_rate": 0.1},
  "training": {"steps": 2}
}
"""
WRONG = SPEC.replace('"units"', '"unit"').replace('"steps": 2', '"steps": -2')


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(text: str) -> Path:
    path = Path("spec.json")
    path.write_bytes(text.encode())
    return path


class TestFix:
    def test_mends_the_file_and_says_what_it_changed(self, layerkit):
        path = write(SPEC.replace('"units"', '"unit"').replace("softmax_with_", "sofmax_with_"))

        outcome = layerkit("check", "--fix", "spec.json")

        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out == (
            'spec.json:5:24: "unit" became "units"\n'
            'spec.json:7:11: "sofmax_with_loss" became "softmax_with_loss"\n'
            '-     {"type": "affine", "unit": 10}\n'
            '+     {"type": "affine", "units": 10}\n'
            '-   "loss": "sofmax_with_loss",\n'
            '+   "loss": "softmax_with_loss",\n'
            "spec.json: 2 mended\n"
        )
        assert path.read_text() == SPEC
        assert os.listdir() == ["spec.json"]

    def test_shows_what_remains_and_refuses_it(self, layerkit):
        path = write(WRONG)

        outcome = layerkit("check", "spec.json", "--fix")

        assert outcome.code == 2
        assert outcome.out.endswith("spec.json: 1 mended\n")
        assert outcome.err == (
            "spec.json:9:25: training.steps: must be greater than 0, got -2\n"
            '    9 |   "training": {"steps": -2}\n'
            "      |                         ^^\n"
            "1 problem; nothing was run.\n"
        )
        assert path.read_text() == SPEC.replace('"steps": 2', '"steps": -2')

    def test_does_not_touch_a_file_in_which_nothing_is_to_be_mended(self, layerkit):
        path = write(SPEC)
        before = path.stat()

        outcome = layerkit("check", "--fix", "spec.json")

        assert (outcome.code, outcome.out) == (0, "spec.json: nothing to mend\n")
        after = path.stat()
        assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)

    def test_keeps_mode_mark_line_ends_and_links(self, layerkit):
        text = "\ufeff" + SPEC.replace("\n", "\r\n")
        path = write(text.replace('"units"', '"unit"'))
        path.chmod(0o640)
        Path("link.json").symlink_to("spec.json")

        assert layerkit("check", "--fix", "link.json").code == 0

        assert path.read_bytes() == text.encode()
        assert path.stat().st_mode & 0o777 == 0o640
        assert Path("link.json").is_symlink()

    def test_prints_json(self, layerkit):
        write(WRONG)

        outcome = layerkit("check", "--fix", "--json", "spec.json")

        result = json.loads(outcome.out)
        assert result["fixed"] == [
            {"location": {"line": 5, "column": 24}, "old": '"unit"', "new": '"units"'}
        ]
        assert [p["code"] for p in result["problems"]] == ["out-of-bounds"]

    def test_refuses_a_file_that_is_read_only(self, layerkit):
        path = write(WRONG)
        path.chmod(0o444)

        outcome = layerkit("check", "--fix", "spec.json")

        assert outcome.code == 2
        assert outcome.err == (
            "layerkit: --fix: spec.json is read-only; allow it to be written: chmod u+w spec.json\n"
        )
        assert path.read_text() == WRONG

    def test_refuses_values_from_the_command_line(self, layerkit):
        write(WRONG)

        outcome = layerkit("check", "--fix", "spec.json", "--set", "seed=1")

        assert outcome.code == 2
        assert "--set gives values that no file holds" in outcome.err

    def test_refuses_a_pipe(self, layerkit):
        outcome = layerkit("check", "--fix", "/dev/fd/9")

        assert outcome.code == 2
        assert outcome.err.startswith("layerkit: --fix: /dev/fd/9 is a pipe")

    def test_refuses_json_of_standard_input(self, layerkit):
        assert "leave --json" in layerkit("check", "--fix", "--json", "-").err

    def test_refuses_a_file_that_somebody_changes_meanwhile(self, layerkit, monkeypatch):
        path = write(WRONG)
        fix = cli_fix.fix

        def fix_and_change(*arguments):
            result = fix(*arguments)
            path.write_text(SPEC)
            return result

        monkeypatch.setattr(cli_fix, "fix", fix_and_change)

        outcome = layerkit("check", "--fix", "spec.json")

        assert (outcome.code, path.read_text()) == (2, SPEC)
        assert "was changed meanwhile" in outcome.err

    def test_says_where_there_is_no_file(self, layerkit):
        assert "No such file" in layerkit("check", "--fix", "nowhere.json").err

    def test_prints_a_spec_from_standard_input_mended(self):
        run = subprocess.run(
            [sys.executable, "-m", "layerkit", "check", "--fix", "-"],
            input=SPEC.replace('"units"', '"unit"'),
            capture_output=True,
            text=True,
            check=False,
        )

        assert (run.returncode, run.stdout) == (0, SPEC)
        assert run.stderr.startswith('standard input:5:24: "unit" became "units"\n')
        assert "/dev/stdin" not in run.stderr


class TestJson:
    @pytest.mark.parametrize("verb", ["run", "check"])
    def test_has_every_problem_as_data(self, layerkit, verb):
        write(WRONG)

        outcome = layerkit(verb, "spec.json", "--json")

        assert outcome.code == 2
        assert outcome.err.endswith("3 problems; nothing was run.\n")
        result = json.loads(outcome.out)
        assert result["count"] == 3
        assert [p["code"] for p in result["problems"]] == [
            "missing-key", "unknown-key", "out-of-bounds",
        ]  # fmt: skip
        assert result["problems"][1] == {
            "code": "unknown-key",
            "message": 'unknown key "unit"; did you mean "units"?',
            "file": "spec.json",
            "path": ["layers", 0, "unit"],
            "set": None,
            "location": {"line": 5, "column": 24},
            "end_location": {"line": 5, "column": 30},
            "expected": None,
            "got": '"unit"',
            "suggestion": {
                "replacement": '"units"',
                "applicability": "certain",
                "location": {"line": 5, "column": 24},
                "end_location": {"line": 5, "column": 30},
            },
        }
        assert result["problems"][2]["expected"] == "greater than 0"
        assert result["problems"][2]["got"] == "-2"
        assert result["problems"][2]["suggestion"] is None

    def test_names_the_words_that_set_a_value(self, layerkit):
        write(SPEC)

        outcome = layerkit("check", "spec.json", "--json", "--set", "training.steps=-1")

        [problem] = json.loads(outcome.out)["problems"]
        assert problem["set"] == "--set training.steps=-1"
        assert (problem["location"], problem["end_location"]) == (None, None)

    def test_tells_shapes_that_do_not_fit(self, layerkit):
        write(SPEC.replace('"units": 10}', '"units": 10}, {"type": "reshape", "shape": [3]}'))

        [problem] = json.loads(layerkit("run", "spec.json", "--json").out)["problems"]

        assert problem["code"] == "shapes-do-not-fit"
        assert problem["expected"] == "reshape makes [3] of each example"
        assert problem["got"] == "layers[0] (affine) gives (10,)"

    def test_is_bounded(self, layerkit):
        write(SPEC.replace('{"type": "affine", "units": 10}', '"reul",' * 400 + f'"{"x" * 9000}"'))

        outcome = layerkit("check", "spec.json", "--json")

        assert len(outcome.out) < 60_000
        assert json.loads(outcome.out)["count"] == 401
        assert len(json.loads(outcome.out)["problems"]) == 50


KILLED_BEFORE = """
import os, signal, sys
from layerkit.cli import main
left = int(sys.argv.pop(1))
folder = os.getcwd()
def count(event, arguments):
    global left
    if event in ("open", "os.chmod", "os.rename", "os.remove") and folder in os.path.abspath(
        os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else "/"
    ):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
main()
"""
"""Runs the command, and is killed before the call of that number that touches its folder."""


class TestBrokenOff:
    def test_the_spec_is_whole_wherever_the_process_is_killed(self):
        mended, left = WRONG.replace('"unit"', '"units"'), []
        for call in range(1, 20):
            write(WRONG)
            command = [
                sys.executable,
                "-c",
                KILLED_BEFORE,
                str(call),
                "check",
                "spec.json",
                "--fix",
            ]
            ended = subprocess.run(
                command,
                capture_output=True,
                env={**os.environ, "LAYERKIT_PLUGINS": ""},
                check=False,
            )
            left.append(Path("spec.json").read_text())
            assert left[-1] in (WRONG, mended)
            if ended.returncode >= 0:
                break

        assert ended.returncode == 2  # the steps of -2 remain
        assert left[-1] == mended
        assert left.count(WRONG) >= 4  # it was killed while it read, wrote aside and renamed

    def test_a_full_disk_leaves_the_spec_as_it_was(self, process):
        resource = pytest.importorskip("resource")
        write(WRONG)

        ended = process(
            *("check", "spec.json", "--fix"),
            env={"LAYERKIT_PLUGINS": ""},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        )

        assert ended.returncode == 2
        assert "spec.json: cannot be written: File too large" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert Path("spec.json").read_text() == WRONG
        assert [file.name for file in Path.cwd().iterdir()] == ["spec.json"]
