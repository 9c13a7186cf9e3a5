import gzip
import io
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Mnist
from layerkit.builtin.datasets.downloading import download
from layerkit.builtin.datasets.idx import IdxError, IdxFile
from layerkit.builtin.datasets.mnist import FILES

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


def packed(mnist_folder, file):
    """The content of a file as a mirror has it."""
    path = mnist_folder / f"{file.name}.gz"
    return (
        path.read_bytes()
        if path.exists()
        else gzip.compress((mnist_folder / file.name).read_bytes())
    )


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache folder, empty, with nothing in LAYERKIT_DATA and no mirror to reach."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.delenv("LAYERKIT_DATA", raising=False)
    monkeypatch.setenv("LAYERKIT_MNIST_MIRROR", "http://127.0.0.1:1/")
    return tmp_path / "cache" / "layerkit" / "mnist"


class Mirror(ThreadingHTTPServer):
    """A server of the files it was given, which may fail a few times before it works."""

    def __init__(self, files, failures=0):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.failures, self.asked = files, failures, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.removeprefix("/")
        self.server.asked.append(name)
        failing = len(self.server.asked) <= self.server.failures
        content = self.server.files.get(name)
        self.send_response(503 if failing else 200 if content else 404)
        body = b"" if failing or content is None else content
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Leave the terminal alone."""


@pytest.fixture
def serve():
    """Starts mirrors, and stops them after the test."""
    running = []

    def start(files, failures=0):
        mirror = Mirror(files, failures)
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield start
    for mirror, thread in running:
        mirror.shutdown()
        thread.join()
        mirror.server_close()


class TestTheImages:
    @pytest.fixture(scope="class")
    @staticmethod
    def loaded(mnist_folder):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("LAYERKIT_DATA", str(mnist_folder.parent))
            tracemalloc.start()
            data = Mnist().load()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return data, peak

    def test_there_are_60000_to_train_on_and_10000_to_test_on(self, loaded):
        data, _ = loaded

        assert data.train.x.shape == (60_000, 784)
        assert data.test.x.shape == (10_000, 784)
        # Of each digit as many as are published.
        assert np.bincount(data.train.t).tolist() == [
            5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
        ]  # fmt: skip
        assert data.test.t[:5].tolist() == [7, 2, 1, 0, 4]

    def test_they_stay_bytes_that_the_scale_brings_to_0_to_1(self, loaded):
        data, _ = loaded

        for part in (data.train, data.test):
            assert part.x.dtype == part.t.dtype == np.uint8
            assert part.x.max() * part.scale == 1.0

    def test_loading_holds_them_in_memory_once(self, loaded):
        data, peak = loaded

        size = sum(part.x.nbytes + part.t.nbytes for part in (data.train, data.test))
        assert size == 54_950_000
        assert peak < size + 2_000_000

    def test_the_validation_part_is_the_last_training_images(
        self, loaded, mnist_folder, monkeypatch
    ):
        monkeypatch.setenv("LAYERKIT_DATA", str(mnist_folder.parent))
        mnist = Mnist(validation_fraction=1 / 6)
        whole, _ = loaded

        data = mnist.load()

        assert mnist.inspect().has_validation
        assert [len(part) for part in data.parts.values()] == [50_000, 10_000, 10_000]
        np.testing.assert_array_equal(data.train.x, whole.train.x[:50_000])
        np.testing.assert_array_equal(data.validation.x, whole.train.x[50_000:])
        np.testing.assert_array_equal(data.validation.t, whole.train.t[50_000:])
        np.testing.assert_array_equal(data.test.x, whole.test.x)

    @pytest.mark.parametrize(("flat", "shape"), [(True, (784,)), (False, (1, 28, 28))])
    def test_the_form_is_known_without_them(self, cache, flat, shape):
        assert Mnist(flat=flat).inspect() == Form(shape, Targets(classes=10))

    def test_images_that_are_not_flat_have_one_channel(self, cache, mnist_folder, monkeypatch):
        # The files may also lie in LAYERKIT_DATA itself.
        monkeypatch.setenv("LAYERKIT_DATA", str(mnist_folder))

        assert Mnist(flat=False).load().test.x.shape == (10_000, 1, 28, 28)

    @pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "."])
    def test_they_are_found_where_and_as_others_store_them(
        self, cache, mnist_folder, monkeypatch, tmp_path, folder
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for file in FILES:
            name = file.name.replace("-idx", ".idx")
            (tmp_path / folder / f"{name}.gz").write_bytes(packed(mnist_folder, file))
        monkeypatch.setenv("HOME", str(tmp_path.parent))
        monkeypatch.setenv("LAYERKIT_DATA", f"~/{tmp_path.name}")  # as in a file of settings

        assert len(Mnist().load().test) == 10_000


class TestDownloading:
    def test_what_is_nowhere_is_downloaded_into_the_cache(
        self, cache, serve, mnist_folder, monkeypatch
    ):
        mirror = serve({f"{file.name}.gz": packed(mnist_folder, file) for file in FILES})
        monkeypatch.setenv("LAYERKIT_MNIST_MIRROR", mirror.url)

        data = Mnist().load()

        assert len(data.train) == 60_000
        names = [f"{file.name}.gz" for file in FILES]
        assert mirror.asked == names
        assert sorted(path.name for path in cache.iterdir()) == sorted(names)

    def test_what_is_in_the_cache_is_not_downloaded_again(self, cache, mnist_folder):
        cache.mkdir(parents=True)
        for file in FILES:
            (cache / f"{file.name}.gz").write_bytes(packed(mnist_folder, file))

        assert len(Mnist().load().test) == 10_000

    def test_a_mirror_that_fails_twice_is_asked_a_third_time(self, cache, serve, mnist_folder):
        name = f"{TEST_LABELS.name}.gz"
        mirror = serve({name: packed(mnist_folder, TEST_LABELS)}, failures=2)

        path = download(name, cache, [mirror.url], check=TEST_LABELS.read)

        assert mirror.asked == [name] * 3
        assert TEST_LABELS.read(path)[:5].tolist() == [7, 2, 1, 0, 4]

    def test_a_mirror_that_has_not_got_it_is_passed_over(self, cache, serve, mnist_folder):
        name = f"{TEST_LABELS.name}.gz"
        without, mirror = serve({}), serve({name: packed(mnist_folder, TEST_LABELS)})

        path = download(name, cache, [without.url, mirror.url], check=TEST_LABELS.read)

        assert path == cache / name
        assert len(without.asked) == 4

    def test_wrong_content_is_told_and_leaves_nothing_behind(self, cache, serve, monkeypatch):
        name = f"{TRAIN_IMAGES.name}.gz"
        mirror = serve({name: b"<html>Sign in to this network</html>"})
        monkeypatch.setenv("LAYERKIT_MNIST_MIRROR", mirror.url)

        with pytest.raises(DataError) as error:
            Mnist().load()

        assert (
            f"\n  {mirror.url}{name}: is not an IDX file of 3 axes: "
            "expected it to begin with 00 00 08 03, got 3c 68 74 6d\n"
        ) in str(error.value)
        assert mirror.asked == [name] * 4
        assert list(cache.iterdir()) == []

    def test_content_that_differs_in_one_byte_is_told_and_leaves_nothing_behind(
        self, cache, serve, mnist_folder
    ):
        name = f"{TEST_LABELS.name}.gz"
        content = bytearray(gzip.decompress(packed(mnist_folder, TEST_LABELS)))
        content[-1] ^= 1
        mirror = serve({name: gzip.compress(content)})

        with pytest.raises(DataError, match=r"has the MD5 checksum .* where 27ae3e4e0951.* was"):
            download(name, cache, [mirror.url], check=TEST_LABELS.read)

        assert list(cache.iterdir()) == []

    def test_without_a_network_the_message_says_where_it_looked_and_what_to_do(
        self, cache, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("LAYERKIT_DATA", str(tmp_path))

        with pytest.raises(DataError) as error:
            Mnist().load()

        first, failure, advice = str(error.value).splitlines()
        assert first == (
            f"MNIST: train-images-idx3-ubyte is not in {tmp_path / 'mnist'}, {tmp_path}, "
            f"{tmp_path / 'MNIST' / 'raw'}, {cache}, and downloading it failed:"
        )
        assert failure.startswith("  http://127.0.0.1:1/train-images-idx3-ubyte.gz: ")
        assert "refused" in failure
        assert advice == (
            "  put the four files (train-images-idx3-ubyte, train-labels-idx1-ubyte, "
            "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte), unpacked or as .gz, "
            "into a folder mnist and set LAYERKIT_DATA to the folder that holds it"
        )

    def test_a_cache_that_cannot_be_written_is_told(self, cache):
        cache.parent.parent.mkdir()
        cache.parent.write_text("a file where the folder should be")

        with pytest.raises(DataError, match=r"downloading it failed:\n  http://127\.0\.0\.1:1/"):
            Mnist().load()

    def test_on_a_terminal_a_bar_shows_how_far_it_is(self, cache, serve, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stderr", Terminal())
        mirror = serve({"file": bytes(300_000)})

        download("file", cache, [mirror.url], check=lambda path: None)

        assert "300.0/300.0 kB" in sys.stderr.getvalue()

    def test_where_nobody_watches_there_is_no_bar(self, cache, serve, capsys):
        mirror = serve({"file": bytes(300_000)})

        download("file", cache, [mirror.url], check=lambda path: None)

        assert "kB" not in capsys.readouterr().err

    @pytest.mark.parametrize("failures", [0, 1])
    def test_no_log_of_a_download_is_printed(self, cache, serve, failures):
        mirror = serve({"file": b"content"}, failures)
        # In a process of its own: pooch writes its log to the stderr that it was imported with.
        code = (
            "from pathlib import Path\n"
            "from layerkit.builtin.datasets.downloading import download\n"
            f"download('file', Path({str(cache)!r}), [{mirror.url!r}], check=lambda path: None)"
        )

        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert mirror.asked == ["file"] * (1 + failures)


class TestFilesThatAreWrong:
    # Six bytes in an array of 2 x 3, as an IDX file holds them.
    HEADER = struct.pack(">4BII", 0, 0, 8, 2, 2, 3)
    FILE = IdxFile("six", (2, 3), "2e0e8e14bea8add1b92a82b273c2d15c")

    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_packed_or_not_the_array_is_what_the_file_holds(self, tmp_path, pack):
        path = tmp_path / "six"
        path.write_bytes(pack(self.HEADER + bytes(range(6))))

        assert self.FILE.read(path).tolist() == [[0, 1, 2], [3, 4, 5]]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                b"",
                "is not an IDX file of 2 axes: expected it to begin with 00 00 08 02, got nothing",
            ),
            (
                b"\x00\x00\x08\x01\x00\x00\x00\x06",
                "is not an IDX file of 2 axes: "
                "expected it to begin with 00 00 08 02, got 00 00 08 01",
            ),
            (HEADER[:7], "ends within its header"),
            (
                struct.pack(">4BII", 0, 0, 8, 2, 3, 3) + bytes(9),
                "has the shape (3, 3) where (2, 3) was expected",
            ),
            (HEADER + bytes(4), "ends after 4 of 6 bytes of data"),
            (HEADER + bytes(7), "continues after 6 bytes of data, where it should end"),
            (
                HEADER + bytes(6),
                "has the MD5 checksum 3f925bb2f8977f5ba2add3bce51c0f66 "
                "where 2e0e8e14bea8add1b92a82b273c2d15c was expected (of the unpacked file)",
            ),
            (
                gzip.compress(HEADER + bytes(range(6)), mtime=0)[:-9],
                "is damaged: Compressed file ended before the end-of-stream marker was reached",
            ),
        ],
    )
    def test_the_message_says_in_what_way(self, tmp_path, content, message):
        path = tmp_path / "six"
        path.write_bytes(content)

        with pytest.raises(IdxError) as error:
            self.FILE.read(path)

        assert str(error.value) == message

    def test_a_gzip_file_with_a_changed_byte_is_damaged(self, tmp_path):
        path = tmp_path / "six.gz"
        content = bytearray(gzip.compress(self.HEADER + bytes(range(6))))
        content[-6] ^= 1  # of the checksum
        path.write_bytes(content)

        with pytest.raises(IdxError, match=r"^is damaged: CRC check failed"):
            self.FILE.read(path)

    def test_the_data_set_names_the_file_and_what_to_do(self, cache, tmp_path, monkeypatch):
        monkeypatch.setenv("LAYERKIT_DATA", str(tmp_path))
        path = Path(tmp_path, "train-images-idx3-ubyte")
        path.write_bytes(struct.pack(">4BIII", 0, 0, 8, 3, 60_000, 28, 28) + bytes(1000))

        with pytest.raises(DataError) as error:
            Mnist().load()

        assert str(error.value) == (
            f"{path}: ends after 1,000 of 47,040,000 bytes of data; "
            "put the right file in its place, or remove it to have it downloaded"
        )

    def test_a_pipe_in_the_place_of_a_file_is_named(self, cache, tmp_path, monkeypatch):
        monkeypatch.setenv("LAYERKIT_DATA", str(tmp_path))
        os.mkfifo(tmp_path / "train-images-idx3-ubyte")

        with pytest.raises(DataError, match=r"ubyte: cannot be read: expected a file, got a pipe"):
            Mnist().load()

    def test_a_folder_whose_name_is_too_long_is_named(self, cache, monkeypatch):
        monkeypatch.setenv("LAYERKIT_DATA", "n" * 300)

        with pytest.raises(DataError, match=r"n/mnist/.*: cannot be read: File name too long"):
            Mnist().load()

    def test_a_file_that_may_not_be_read_is_named(self, cache, tmp_path, monkeypatch):
        def refuse(*args, **options):
            raise PermissionError(13, "Permission denied")

        path = Path(tmp_path, "train-images-idx3-ubyte")
        path.touch()
        monkeypatch.setenv("LAYERKIT_DATA", str(tmp_path))
        monkeypatch.setattr("layerkit.files.open", refuse, raising=False)

        with pytest.raises(DataError) as error:
            Mnist().load()

        assert str(error.value) == f"{path}: cannot be read: Permission denied"
