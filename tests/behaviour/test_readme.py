"""The output that the documents show is the real output.

A mark above a block or a paragraph of a document says where its numbers come from:

- ``<!-- prints: COMMAND -->``: the command prints the lines of the block, in their order (``...``
  stands for lines left out), or all numbers of the paragraph.
- ``<!-- tested: FILE::TEST -->``: that test holds the numbers.
- ``<!-- measured: COMMAND; MACHINE -->``: the command measures them; they differ between machines.
  Above the heading of a page or a section, the mark applies to everything below it.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from layerkit.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONSOLE = re.findall(r"```console\n\$ layerkit (.*)\n([\s\S]*?)```", README)
PAGES = [
    page
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "plugins/*/README.md")
    for page in sorted(ROOT.glob(pattern))
    if page.name != "CHANGELOG.md"  # of the past
]
MARK = re.compile(r"<!-- (prints|tested|measured): (.*?) -->\n")
QUANTITY = re.compile(
    r"\b0\.\d{3,}\b|\d (?:[kKMG]B|ms|s|microseconds|percent)\b|\d%|\d parameters|\d real"
)
VARYING = re.compile(
    r"\b\d+\.\ds\b"  # times in a table
    r"|\b\d+\.\d s\b"  # and in a sentence
    r"|\b\d{8}-\d{6}\b"  # when a run began
    r"|\b\d\.\d+e-1\d\b"  # what rounding leaves
)


def marked(kind: str) -> list[tuple[str, str]]:
    """Return what marks of one kind say, and the block or paragraph below each."""
    return [
        (match[2], text[match.end() :].partition("\n```\n" if fenced else "\n\n")[0])
        for page in PAGES
        for text in [page.read_text()]
        for match in MARK.finditer(text)
        if match[1] == kind
        for fenced in [text.startswith("```", match.end())]
    ]


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?(?<!,)", text))


def plain(line: str) -> str:
    return " ".join(VARYING.sub("~", line).split())


PRINTED = marked("prints")


@pytest.mark.parametrize(("command", "shown"), PRINTED, ids=[command for command, _ in PRINTED])
def test_a_command_prints_what_a_document_says(layerkit, monkeypatch, tmp_path, command, shown):
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(command)
    assert program == "layerkit"
    if arguments[0] == "run":
        arguments += ["--out", str(tmp_path / "digits-20260101-000000")]

    outcome = layerkit(*arguments)

    printed = outcome.out.replace(str(tmp_path), "runs") + outcome.err
    if not shown.startswith("```"):
        assert numbers(shown) - numbers(printed) == set()
        return
    lines = iter([plain(line) for line in printed.splitlines()])
    for line in shown.splitlines()[1:]:
        assert line.strip() == "..." or plain(line) in lines, line


@pytest.mark.parametrize("test", [test for test, _ in marked("tested")])
def test_a_test_that_a_document_names_exists(test):
    file, _, name = test.partition("::")

    assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("said", sorted({said for said, _ in marked("measured")}))
def test_what_measured_a_number_can_measure_it_again(said):
    command, _, machine = said.partition("; ")
    words = shlex.split(command)

    assert machine
    if words[0] == "layerkit":
        assert (ROOT / words[2]).is_file()
        return
    program, file, *arguments = words
    assert (program, (ROOT / file).is_file()) == ("python", True)
    jobs = (ROOT / "benchmarks" / "jobs.py").read_text()
    others = {"command", "start", "memory"}
    named = [a for a in arguments if not a.startswith("-")]
    assert [job for job in named if job not in others and f'"{job}"' not in jobs] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_quantity_in_a_document_says_where_it_comes_from(page):
    text = re.sub(r"(?<!-->\n)```[\s\S]*?\n```\n", "", page.read_text())
    unfounded = []
    for section in re.split(r"\n(?=(?:<!-- measured: .* -->\n)?#)", text):
        if text.startswith("<!-- measured") or section.startswith("<!-- measured"):
            continue
        unfounded += [
            paragraph
            for paragraph in section.split("\n\n")
            if QUANTITY.search(paragraph) and not MARK.match(paragraph.lstrip())
        ]

    assert unfounded == []


def test_a_command_of_the_readme_is_run_by_ci_or_says_why_not():
    # All other shell blocks are run by tests/packages/test_environments.py.
    runs = (ROOT / ".ci" / "run").read_text()

    for page in PAGES:
        for mark in re.findall(r"<!-- (.*?) -->\n```sh", page.read_text()):
            assert f"command_of {mark})" in runs or re.fullmatch(r"not run: .{10,}", mark), mark


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_link_of_a_document_leads_somewhere(page):
    text = re.sub(r"```[\s\S]*?```|`[^`\n]*`(?!\])", "", page.read_text())
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in link:
            continue
        file, _, heading = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in [t.lower().replace(" ", "-") for t in titles], link


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_a_command_prints_what_the_readme_shows(layerkit, monkeypatch, command, shown):
    monkeypatch.chdir(ROOT)

    outcome = layerkit(*shlex.split(command))

    assert (outcome.out + outcome.err).rstrip() == shown.rstrip()


INLINE = sorted(
    {
        " ".join(command.replace(r"\|", "|").split())
        for page in PAGES
        for command in re.findall(
            r"`(layerkit\s[^`]+)`", re.sub(r"```[\s\S]*?```", "", page.read_text())
        )
    }
)


def why_wrong(command: str) -> str | None:
    """Return why a command of running text, with or without its arguments, cannot be called."""
    words = shlex.split(command)[1:]
    ends = [i for i, word in enumerate(words) if word in ("|", "<", ">")]
    words = words[: ends[0]] if ends else words
    called, context = get_command(app), None
    try:
        while True:
            context = called.context_class(called, parent=context)
            values, words, _ = called.make_parser(context).parse_args(words)
            if not words or not hasattr(called, "commands"):
                break
            _, called, words = called.resolve_command(context, words)
    except Exception as error:  # of click, which typer may bring along under another name
        return str(error)
    if words:
        return f"takes no {' '.join(words)}"
    options = {
        parameter.name for parameter in called.params if parameter.param_type_name == "option"
    }
    files = [v for name, v in values.items() if name not in options and str(v).endswith(".json")]
    missing = [file for file in files if not (ROOT / file).is_file()]
    return f"there is no {missing[0]}" if missing else None


def test_a_command_in_running_text_can_be_called():
    assert len(INLINE) > 20
    assert {command: why for command in INLINE if (why := why_wrong(command))} == {}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("layerkit rnu specs/digits.json", "No such command 'rnu'"),
        ("layerkit run --stes 5", "No such option: --stes"),
        ("layerkit --lost", "No such option: --lost"),
        ("layerkit run specs/digits.json --out", "requires an argument"),
        ("layerkit run specs/nowhere.json --quiet", "there is no specs/nowhere.json"),
        ("layerkit check specs/digits.json again", "takes no again"),
        ("layerkit new plgin NAME", "No such command 'plgin'"),
    ],
)
def test_a_command_that_cannot_be_called_is_found_in_running_text(command, why):
    assert why in (why_wrong(command) or "")


def test_the_spec_in_the_readme_is_the_one_in_specs():
    assert (ROOT / "specs" / "digits.json").read_text() in README


def test_the_loop_in_the_readme_trains(capsys):
    build, train = re.findall(r"```python\n([\s\S]*?)```", README.partition("## In Python")[2])[:2]
    x, t = np.random.default_rng(0).random((300, 784)), np.arange(300) % 10
    names = {"x_train": x, "t_train": t, "x_test": x, "t_test": t}

    exec(build + train, names)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "6", "9"]
    assert "test_loss" in lines[-1]
