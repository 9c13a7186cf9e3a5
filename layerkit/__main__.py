"""``python -m layerkit``, the same as the command ``layerkit``."""

from layerkit.cli import main

if __name__ == "__main__":
    main()
