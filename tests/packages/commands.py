"""Commands that run outside the environment of the tests."""

import os
import subprocess
from pathlib import Path


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command, and return what it prints; fail with all of that where it fails."""
    outside = {"VIRTUAL_ENV", "PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"}
    kept = {name: value for name, value in os.environ.items() if name not in outside}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env={**kept, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout
