"""The peak memory of training on MNIST, as the operating system counts it."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SPEC = Path(__file__).parents[1] / "specs" / "mnist_two_layer.json"


def main() -> None:
    """Run the command on the real data and print the peak."""
    command = [str(Path(sys.executable).with_name("layerkit")), "run", str(SPEC), "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--out", f"{folder}/run"], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"peak memory {peak / 1000:.0f} MB")  # Linux counts in kilobytes


if __name__ == "__main__":
    main()
