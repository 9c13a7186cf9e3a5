"""Opening files that somebody else named: regular files, and nothing else."""

import errno
import os
import socket

import pytest

from layerkit import open_file


def test_a_file_is_opened_from_its_start(tmp_path):
    (tmp_path / "file").write_bytes(b"content")

    with open_file(tmp_path / "file") as file:
        assert file.read() == b"content"


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="expected a file, got a pipe; store what comes from it"):
        open_file(tmp_path / "pipe")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device):
    with pytest.raises(OSError, match="expected a file, got a device"):
        open_file(device)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the name of the socket is short enough
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")

        with pytest.raises(OSError, match="expected a file, got a socket"):
            open_file("socket")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        open_file(tmp_path)


@pytest.mark.parametrize(
    ("name", "number"), [("gone", errno.ENOENT), ("n" * 300, errno.ENAMETOOLONG)]
)
def test_what_the_system_refuses_stays_its_error(tmp_path, name, number):
    with pytest.raises(OSError) as caught:
        open_file(tmp_path / name)

    assert caught.value.errno == number


def test_links_that_lead_to_each_other_are_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(OSError) as caught:
        open_file(tmp_path / "a")

    assert caught.value.errno == errno.ELOOP


def test_a_null_byte_in_a_path_is_an_error_of_the_system_like_any_other():
    with pytest.raises(OSError, match="embedded null byte"):
        open_file("a\0b")


def test_a_pipe_that_takes_the_place_of_a_file_in_the_meantime_is_refused(tmp_path, monkeypatch):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.touch()
    looked_at = os.stat(file)
    monkeypatch.setattr(os, "stat", lambda path: looked_at)

    with pytest.raises(OSError, match="got a pipe"):
        open_file(pipe)
