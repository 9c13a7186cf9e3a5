"""Downloads into the user's cache, through pooch."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pooch

from layerkit import DataError

if TYPE_CHECKING:
    from rich.progress import Progress

RETRIES = 3
"""How often a download from a mirror is retried."""


def cache_folder(name: str) -> Path:
    """Return the folder of a data set in the user's cache, which may not exist yet."""
    return Path(pooch.os_cache("layerkit")) / name


def download(
    name: str, folder: Path, mirrors: Sequence[str], check: Callable[[Path], object]
) -> Path:
    """Download a file from the first mirror that has a correct one, and return its path.

    It is downloaded under another name, and renamed once it is complete and checked.

    Args:
        name: The name of the file, at the mirrors and in the folder.
        folder: The folder to store it in; created if necessary.
        mirrors: The addresses of the folders that may have it.
        check: Raises ``ValueError`` if a file does not have the expected content.

    Raises:
        DataError: No mirror has a correct file; the message continues a sentence after "and".
    """

    def fetch_and_check(url: str, output_file: str, pup: Any) -> None:
        with _progress_bar(name) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16)(url, output_file, pup)
        check(Path(output_file))

    # Its log repeats what the bar and the errors show, and appears even in quiet runs.
    pooch.get_logger().setLevel(logging.WARNING)
    failures = []
    for mirror in mirrors:
        pup = pooch.create(folder, mirror, registry={name: None}, retry_if_failed=RETRIES)
        try:
            return Path(pup.fetch(name, downloader=fetch_and_check))
        # Network failures are OSErrors, and so is a full disk.
        except (OSError, ValueError) as error:
            failures.append(f"{pup.get_url(name)}: {error}")
    raise DataError("downloading it failed:", failures)


@contextmanager
def _progress_bar(name: str) -> "Iterator[_Bar | bool]":
    """Show the progress of a download on a terminal; yield False if there is none."""
    if not sys.stderr.isatty():
        yield False
        return
    # Only here, because the import is slow and a script without a terminal shows no bar.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bar(progress)


class _Bar:
    """A progress bar of rich with the interface that pooch expects."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("")

    @property
    def total(self) -> float | None:
        """The number of bytes of the whole download."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, size: float) -> None:
        self._progress.update(self._task, total=size)

    def update(self, size: float) -> None:
        """Advance by a number of bytes."""
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        """Return to the start."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Do nothing, because the surrounding context ends the bar."""
