"""The command ``layerkit``, also as ``python -m layerkit``."""

from layerkit.interrupts import interrupts


def main() -> None:
    """Run the command, in charge of signals before it imports anything that takes time."""
    with interrupts.handled(until_exit=True):
        from layerkit.cli import main as command

        command()


if __name__ == "__main__":
    main()
