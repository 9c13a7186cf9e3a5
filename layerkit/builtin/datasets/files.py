"""Opening the files of data sets, with errors that name the file."""

from io import BufferedReader
from pathlib import Path

from layerkit import DataError, open_file


def opened(path: Path) -> BufferedReader:
    """Return a file, open for reading.

    Raises:
        DataError: The system does not open it, or it is a pipe, a device or a folder.
    """
    try:
        return open_file(path)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error for a file that the system does not open or read."""
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{path}: there is no such file; a relative path starts at the folder of the spec"
        )
    # A null byte is invalid in a path, and would end the message on some terminals.
    name = repr(str(path)) if "\0" in str(path) else str(path)
    return DataError(f"{name}: cannot be read: {error.strerror or error}")
