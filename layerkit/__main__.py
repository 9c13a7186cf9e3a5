"""The command ``layerkit``, also as ``python -m layerkit``."""

import os

from layerkit.interrupts import interrupts


def main() -> None:
    """Run the command, in charge of signals before it imports anything that takes time."""
    # With its first model pydantic reads the entry points of every installed distribution, to find
    # plugins of its own. It waits for ever where one of them is a pipe. The command needs no such
    # plugin; whoever wants them, say to trace it, sets the variable to nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with interrupts.handled(until_exit=True):
        from layerkit.cli import main as command

        command()


if __name__ == "__main__":
    main()
