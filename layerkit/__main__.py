"""The command ``layerkit``, also as ``python -m layerkit``."""

import os

from layerkit.interrupts import interrupts


def main() -> None:
    """Run the command; signals are handled before anything slow is imported."""
    # At its first model pydantic reads the entry points of every installed distribution, to find
    # its own plugins. It waits for ever if one of them is a pipe. The command needs no such
    # plugin. To use them, for example to trace it, set the variable to nothing.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with interrupts.handled(until_exit=True):
        # Only here, because the signals have to be handled first.
        from layerkit.cli import main as command

        command()


if __name__ == "__main__":
    main()
