"""The start of the command against that of the libraries it stands on."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15


def main() -> None:
    """Print the time of both and the ratio."""
    command = [str(Path(sys.executable).with_name("layerkit")), "--help"]
    libraries = [sys.executable, "-c", "import numpy, pydantic, typer"]
    for arguments in (command, libraries):
        seconds(arguments)
    times = [(seconds(command), seconds(libraries)) for _ in range(ROUNDS)]
    ratios = sorted(a / b for a, b in times)
    print(f"layerkit --help                 {statistics.median(a for a, _ in times):.3f} s")
    print(f"import numpy, pydantic, typer   {statistics.median(b for _, b in times):.3f} s")
    print(
        f"ratio                           {statistics.median(ratios):.2f}  "
        f"(from {ratios[0]:.2f} to {ratios[-1]:.2f} over {ROUNDS} rounds)"
    )


def seconds(arguments: list[str]) -> float:
    """Return the time of one run of a command."""
    began = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
