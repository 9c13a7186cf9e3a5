"""What the data sets that read files say when there is nothing to read."""

from io import BufferedReader
from pathlib import Path

from layerkit import DataError


def opened(path: Path) -> BufferedReader:
    """Return a file, open for reading.

    Raises:
        DataError: The system would not open it.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:  # a null byte, which no path may have
        raise DataError(f"{str(path)!r}: cannot be read: {error}") from error


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error of a file that the system would not open or read."""
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{path}: there is no such file; a relative path starts at the folder of the spec"
        )
    return DataError(f"{path}: cannot be read: {error.strerror or error}")
