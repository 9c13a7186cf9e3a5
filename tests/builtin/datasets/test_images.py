import errno
import json
import os
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from refusing import refusal

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Images

RED, GREEN = (200, 0, 0), (0, 200, 0)


def store(path, colour=RED, size=(4, 3), mode="RGB", **options):
    """Store an image of one colour; ``size`` is rows and columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1], colour).save(path, **options)


def pixels(path):
    """An image whose pixels all differ, as an array ``(rows, columns, 3)``."""
    array = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return array


@pytest.fixture
def fruit(tmp_path):
    """A folder of two classes with four images each."""
    for i in range(4):
        store(tmp_path / "apple" / f"{i}.png", RED)
        store(tmp_path / "pear" / f"{i}.jpg", GREEN)
    return tmp_path


def loading_refused(dataset):
    with pytest.raises(DataError) as caught:
        dataset.load()
    return str(caught.value)


class TestWhatIsRead:
    def test_a_folder_is_a_class(self, fruit):
        dataset = Images(fruit, test_fraction=0.25, stratify=True)

        data = dataset.load()

        assert dataset.inspect() == Form((36,), Targets(classes=2))
        assert np.bincount(data.train.t).tolist() == [3, 3]
        assert np.bincount(data.test.t).tolist() == [1, 1]
        for part in (data.train, data.test):
            reddish = part.x.reshape(-1, 3, 12)[:, 0].mean(axis=1) > 100
            np.testing.assert_array_equal(reddish, part.t == 0)
            assert (part.x.dtype, part.scale) == (np.uint8, 1 / 255)
        assert data.notes == ()

    @pytest.mark.parametrize(
        ("train", "test", "note"),
        [
            ("train", "test", None),
            ("Train", "Test", None),
            ("training", "testing", None),
            ("train", "val", "val is taken for the test part"),
            ("train", "validation", "validation is taken for the test part"),
        ],
    )
    def test_parts_may_have_their_own_folders(self, tmp_path, train, test, note):
        for i in range(3):
            store(tmp_path / train / "b" / f"{i}.png")
            store(tmp_path / train / "a" / f"{i}.png", GREEN)
        store(tmp_path / test / "a" / "0.png", GREEN)
        store(tmp_path / test / "b" / "0.png")

        data = Images(tmp_path).load()

        assert data.train.t.tolist() == [0, 0, 0, 1, 1, 1]
        assert data.test.t.tolist() == [0, 1]
        assert data.test.x[0, 12:24].tolist() == [200] * 12
        assert data.notes == ((f"{tmp_path}: {note}",) if note else ())

    def test_a_third_part_is_not_used_and_a_note_says_so(self, tmp_path):
        for part in ("train", "test", "val"):
            for name in ("a", "b"):
                store(tmp_path / part / name / "0.png")

        assert Images(tmp_path).load().notes == (
            f"{tmp_path}: test is taken for the test part, and val is not used",
        )

    def test_a_class_may_be_called_train(self, tmp_path):
        for name in ("bus", "test", "train"):
            store(tmp_path / name / "0.png")

        assert Images(tmp_path).inspect().targets.classes == 3

    def test_an_image_has_its_channels_first(self, tmp_path):
        array = pixels(tmp_path / "a" / "0.png")
        pixels(tmp_path / "b" / "0.png")

        data = Images(tmp_path, flat=False).load()

        assert data.train.x.shape == (1, 3, 4, 3)
        np.testing.assert_array_equal(data.train.x[0], array.transpose(2, 0, 1))

    def test_grey_is_the_luma_of_a_colour(self, tmp_path):
        store(tmp_path / "a" / "0.png", (255, 0, 0))
        store(tmp_path / "b" / "0.png", (0, 255, 0))

        data = Images(tmp_path, colour="grey", flat=False).load()

        assert data.train.x.shape == (1, 1, 4, 3)
        luma = {0: round(0.299 * 255), 1: round(0.587 * 255)}
        assert set(data.train.x.ravel()) == {luma[int(data.train.t[0])]}

    @pytest.mark.parametrize(("size", "shape"), [(5, (3, 5, 5)), ((2, 6), (3, 2, 6))])
    def test_images_are_resized_to_rows_and_columns(self, tmp_path, size, shape):
        store(tmp_path / "a" / "0.png", size=(10, 20))
        store(tmp_path / "b" / "0.png", size=(7, 3))

        dataset = Images(tmp_path, size, flat=False)

        assert dataset.inspect().shape == shape
        assert dataset.load().train.x.shape == (1, *shape)

    def test_an_image_is_turned_as_its_camera_says(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        for name in ("a", "b"):
            store(tmp_path / name / "0.jpg", size=(2, 6), exif=exif)

        assert Images(tmp_path, flat=False).inspect().shape == (3, 6, 2)
        assert Images(tmp_path, flat=False).load().train.x.shape == (1, 3, 6, 2)

    @pytest.mark.parametrize(
        ("mode", "colour"),
        [("L", 90), ("1", 1), ("P", 3), ("RGBA", (9, 8, 7, 255)), ("LA", (9, 255))],
    )
    def test_images_of_other_modes_are_converted(self, tmp_path, mode, colour):
        for name in ("a", "b"):
            store(tmp_path / name / "0.png", colour, mode=mode)

        data = Images(tmp_path, flat=False).load()

        expected = np.asarray(Image.new(mode, (1, 1), colour).convert("RGB"))[0, 0]
        assert data.train.x[0, :, 0, 0].tolist() == expected.tolist()
        assert not any("transparent" in note for note in data.notes)

    def test_transparency_is_ignored_and_a_note_says_so(self, tmp_path):
        store(tmp_path / "a" / "0.png", (10, 20, 30, 0), mode="RGBA")
        store(tmp_path / "b" / "0.png")

        note, *_ = Images(tmp_path, test_fraction=0.5).load().notes

        assert note == f"{tmp_path / 'a' / '0.png'} is partly transparent, which is ignored"

    def test_transparent_images_are_counted(self, fruit):
        for i in range(3):
            store(fruit / "pear" / f"{i}.png", (10, 20, 30, 0), mode="RGBA")

        (note,) = Images(fruit, stratify=True).load().notes

        assert note.startswith("3 images, as ")
        assert note.endswith(".png, are partly transparent, which is ignored")

    def test_what_pillow_warns_about_is_noted(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 1
        store(tmp_path / "a" / "0.jpg", exif=exif)
        store(tmp_path / "b" / "0.jpg")
        content = (tmp_path / "a" / "0.jpg").read_bytes()
        count = b"\x01\x12\x00\x03\x00\x00\x00\x01"
        assert count in content
        (tmp_path / "a" / "0.jpg").write_bytes(
            content.replace(count, count[:4] + b"\x00\xff\xff\xff")
        )

        note, *_ = Images(tmp_path).load().notes

        assert note.startswith(f"{tmp_path / 'a' / '0.jpg'}: ")

    def test_numbers_as_names_of_classes_are_in_their_order(self, tmp_path):
        for i in range(11):
            store(tmp_path / str(i) / "0.png", (20 * i, 0, 0))

        data = Images(tmp_path).load()

        for part in (data.train, data.test):
            np.testing.assert_array_equal(part.x[:, 0], 20 * part.t)

    def test_classes_are_in_the_order_that_is_given(self, fruit):
        data = Images(fruit, classes=("pear", "apple"), stratify=True).load()

        reddish = data.train.x.reshape(-1, 3, 12)[:, 0].mean(axis=1) > 100
        np.testing.assert_array_equal(reddish, data.train.t == 1)

    def test_hidden_files_are_left_out_and_others_are_noted(self, fruit):
        (fruit / "apple" / ".DS_Store").write_bytes(b"")
        (fruit / "apple" / "._0.png").write_bytes(b"")
        (fruit / "apple" / "notes.txt").write_text("")
        (fruit / ".git").mkdir()

        data = Images(fruit, stratify=True).load()

        assert (len(data.train), len(data.test)) == (6, 2)
        assert data.notes == (
            f"{fruit}: left out what is not named .png, .jpg or .jpeg: apple/notes.txt",
        )

    def test_images_below_a_class_folder_count_too(self, fruit):
        store(fruit / "pear" / "more" / "9.PNG", GREEN)

        data = Images(fruit).load()

        assert len(data.train) + len(data.test) == 9

    def test_the_seed_decides_what_is_tested_on(self, tmp_path):
        for i in range(40):
            store(tmp_path / "ab"[i % 2] / f"{i}.png", (i, 0, 0))

        first, again, other = (set(Images(tmp_path, seed=s).load().test.x[:, 0]) for s in (1, 1, 2))

        assert first == again != other


class TestImagesLargerThanMemory:
    @pytest.fixture(autouse=True)
    def short_of_memory(self, monkeypatch):
        monkeypatch.setattr("layerkit.contracts.dataset.available_memory", lambda: 400)

    def test_are_decoded_into_a_file_that_is_mapped(self, fruit, tmp_path, monkeypatch):
        temporary = tmp_path / ".tmp"
        temporary.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(temporary))

        data = Images(fruit).load()

        base = data.train.x
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert isinstance(base, np.memmap)
        assert os.listdir(temporary) == []
        monkeypatch.undo()
        expected = Images(fruit).load()
        for part, split in data.parts.items():
            np.testing.assert_array_equal(split.x, expected.parts[part].x)
            np.testing.assert_array_equal(split.t, expected.parts[part].t)

    def test_are_refused_where_the_disk_has_no_room_for_them(self, fruit, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("os.posix_fallocate", full)

        message = loading_refused(Images(fruit))

        assert message.startswith(f"{fruit}: 8 images take 2.88e-07 GB, more than half of the free")
        assert message.endswith(
            ": No space left on device; set a smaller size, or TMPDIR to a folder on another disk"
        )

    def test_fill_their_file_where_the_system_cannot_reserve_it(self, fruit, monkeypatch):
        monkeypatch.delattr("os.posix_fallocate")

        assert len(Images(fruit).load().train) == 6


class TestRefusals:
    def test_of_a_missing_folder(self, tmp_path):
        assert refusal(Images(tmp_path / "nosuch")) == (
            f"{tmp_path / 'nosuch'}: there is no such folder; a relative path starts at the folder "
            "of the spec"
        )

    def test_of_a_file(self, tmp_path):
        store(tmp_path / "a.png")

        assert refusal(Images(tmp_path / "a.png")) == (
            f"{tmp_path / 'a.png'}: cannot be read: Not a directory"
        )

    def test_of_images_without_class_folders(self, tmp_path):
        store(tmp_path / "0.png")

        assert refusal(Images(tmp_path)) == (
            f"{tmp_path}: expected a folder for each class, with its images in it, got images"
        )

    def test_of_an_empty_folder(self, tmp_path):
        assert refusal(Images(tmp_path)) == (
            f"{tmp_path}: expected a folder for each class, with its images in it, got none"
        )

    def test_of_a_single_class(self, tmp_path):
        store(tmp_path / "a" / "0.png")

        assert refusal(Images(tmp_path)) == (
            f'{tmp_path}: expected a folder for each of at least 2 classes, got only "a"; is it '
            "the part of a data set, or path a class?"
        )

    def test_of_folders_without_images(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()

        assert refusal(Images(tmp_path)) == (
            f"{tmp_path}: expected PNG or JPEG files in its folders, got none"
        )

    def test_of_a_single_image(self, tmp_path):
        store(tmp_path / "a" / "0.png")
        (tmp_path / "b").mkdir()

        assert "expected at least 2 images" in refusal(Images(tmp_path))

    def test_of_a_class_that_is_not_listed(self, fruit):
        assert refusal(Images(fruit, classes=("apple", "plum"))) == (
            f'{fruit}: classes does not list the folder "pear"; add it, or move it'
        )

    def test_of_a_share_of_each_class_beside_a_test_part(self, tmp_path):
        for part in ("train", "test"):
            for name in ("a", "b"):
                store(tmp_path / part / name / "0.png")

        assert "stratify needs one part to split" in refusal(Images(tmp_path, stratify=True))

    def test_of_a_class_that_is_listed_twice(self, fruit):
        with pytest.raises(ValueError, match="classes must differ"):
            Images(fruit, classes=("a", "a"))

    def test_of_images_of_several_sizes(self, fruit):
        store(fruit / "pear" / "9.png", size=(5, 3))

        first, other = fruit / "apple" / "0.png", fruit / "pear" / "9.png"
        assert loading_refused(Images(fruit)) == (
            f"{other}: has 5 rows and 3 columns, and {first} has 4 and 3; set size, as in [4, 3]"
        )

    def test_of_damaged_images_all_at_once(self, fruit):
        whole = (fruit / "apple" / "1.png").read_bytes()
        (fruit / "apple" / "1.png").write_bytes(whole[:-30])
        (fruit / "apple" / "2.png").write_bytes(b"")
        (fruit / "pear" / "2.jpg").write_text("<html>")

        first, *others = loading_refused(Images(fruit)).splitlines()

        assert first == f"{fruit}: some images cannot be used:"
        told = {line.strip().partition(": ")[0]: line.partition(": ")[2] for line in others}
        assert told[str(fruit / "apple" / "1.png")].startswith("is damaged (")
        none = "is no PNG or JPEG image; remove it, or store it as one"
        assert told[str(fruit / "apple" / "2.png")] == none
        assert told[str(fruit / "pear" / "2.jpg")] == none

    def test_of_many_damaged_images_ends_early(self, tmp_path):
        for i in range(50):
            (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
            (tmp_path / "ab"[i % 2] / f"{i}.png").write_bytes(b"")

        lines = loading_refused(Images(tmp_path, size=2)).splitlines()

        assert (len(lines), lines[-1]) == (22, "  there may be more")

    def test_of_the_first_image_if_its_size_is_needed(self, fruit):
        (fruit / "apple" / "0.png").write_bytes(b"GIF89a")

        assert refusal(Images(fruit)) == (
            f"{fruit / 'apple' / '0.png'}: is no PNG or JPEG image; remove it, or store it as one"
        )

    def test_of_16_bits_a_pixel(self, fruit):
        Image.fromarray(np.full((4, 3), 60_000, np.uint16)).save(fruit / "apple" / "1.png")

        assert loading_refused(Images(fruit)) == (
            f"{fruit / 'apple' / '1.png'}: has more than 8 bits a channel (mode I;16); store it "
            "with 8"
        )

    def test_of_another_format_under_the_name_of_one(self, fruit):
        file = BytesIO()
        Image.new("RGB", (3, 4)).save(file, "BMP")
        (fruit / "apple" / "1.png").write_bytes(file.getvalue())

        assert "is no PNG or JPEG image" in loading_refused(Images(fruit))

    def test_without_pillow_says_what_to_install(self, fruit, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)

        message = refusal(Images(fruit))

        assert message.startswith(
            f"{fruit}: images are read through Pillow, which is not installed"
        )
        assert message.endswith('; pip install "layerkit[images]"')


def test_a_spec_trains_on_a_folder(fruit, layerkit, monkeypatch):
    monkeypatch.chdir(fruit.parent)
    spec = {
        "version": 1,
        "data": {"type": "images", "path": fruit.name, "size": 8, "stratify": True},
        "layers": [{"type": "affine", "units": 2}],
        "loss": "softmax_with_loss",
        "optimizer": {"type": "sgd", "learning_rate": 0.01},
        "training": {"epochs": 20, "batch_size": 2},
    }
    (fruit.parent / "spec.json").write_text(json.dumps(spec))

    outcome = layerkit("run", "spec.json", "--json")

    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["last"]["scores"]["test_accuracy"] == 1
