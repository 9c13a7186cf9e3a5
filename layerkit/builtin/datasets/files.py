"""What the data sets that read files say when there is nothing to read."""

from pathlib import Path

from layerkit import DataError


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error of a file that the system would not open or read."""
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{path}: there is no such file; a relative path starts at the folder of the spec"
        )
    return DataError(f"{path}: cannot be read: {error.strerror or error}")
