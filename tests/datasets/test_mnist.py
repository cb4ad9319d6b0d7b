import gzip
import shutil

import numpy as np
import pytest

import fastnn
from fastnn.datasets import _quartet, mnist
from fastnn.datasets.idx import read_idx, write_idx

NAMES = [name.removesuffix(".gz") for name in _quartet.NAMES]


@pytest.fixture(scope="module")
def data():
    return mnist.load_data()


def test_shapes_and_types(data):
    (x_train, y_train), (x_test, y_test) = data
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flags.writeable and array.flags.c_contiguous


def test_values(data):
    (x_train, y_train), (x_test, y_test) = data
    # The published facts: label counts, and the mean and standard deviation of the training pixels.
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert x_train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert x_train.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert (x_test.min(), x_test.max()) == (0, 255)


def test_reached_through_the_package():
    assert fastnn.datasets.mnist.load_data is mnist.load_data
    assert {"mnist", "fashion_mnist", "idx"} <= set(dir(fastnn.datasets))
    with pytest.raises(AttributeError, match=r"module 'fastnn.datasets' has no attribute 'mnits'"):
        fastnn.datasets.mnits


def test_licence_lies_beside_the_files():
    text = (mnist._FOLDER / "LICENSE.txt").read_text()
    for part in ("Yann LeCun", "Corinna Cortes", "Christopher J. C. Burges", "CC BY-SA 3.0"):
        assert part in text


@pytest.fixture
def package_copy(tmp_path, monkeypatch):
    """Let the loader take a copy of the embedded files, to be damaged."""
    for name in _quartet.NAMES:
        shutil.copyfile(mnist._FOLDER / name, tmp_path / name)
    monkeypatch.setattr(mnist, "_FOLDER", tmp_path)
    return tmp_path


def test_another_file_fails_the_checksum(package_copy):
    path = package_copy / "t10k-labels-idx1-ubyte.gz"
    labels = read_idx(path)
    labels[0] = 0
    write_idx(path, labels)
    with pytest.raises(
        ValueError, match=r"t10k-labels-idx1-ubyte.gz: wrong checksum: .*expected SHA-256 b91679a0"
    ):
        mnist.load_data()


def test_damaged_file(package_copy):
    path = package_copy / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=r"train-labels-idx1-ubyte.gz: .*(truncated or damaged|wrong checksum)"
    ):
        mnist.load_data()


def test_package_without_data(package_copy):
    (package_copy / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(RuntimeError, match=r"without MNIST: .*train-images-idx3-ubyte.gz is missing.*'path'"):
        mnist.load_data()


def make_folder(folder, *, n=5, shape=(4, 4), n_test=3, suffix="", dtype=np.uint8):
    rng = np.random.default_rng(0)
    arrays = []
    for count, (images, labels) in zip((n, n_test), (NAMES[:2], NAMES[2:]), strict=True):
        x = rng.integers(0, 255, (count, *shape)).astype(dtype)
        y = rng.integers(0, 9, count).astype(np.uint8)
        write_idx(folder / (images + suffix), x)
        write_idx(folder / (labels + suffix), y)
        arrays.append((x, y))
    return arrays


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), np.uint8), ((3, 5, 2), np.float32), ((7,), np.int16)])
def test_own_files(tmp_path, suffix, shape, dtype):
    expected = make_folder(tmp_path, suffix=suffix, shape=shape, dtype=dtype)
    for path in (tmp_path, str(tmp_path)):
        for (x, y), (expected_x, expected_y) in zip(mnist.load_data(path), expected, strict=True):
            assert x.dtype == dtype
            np.testing.assert_array_equal(x, expected_x)
            np.testing.assert_array_equal(y, expected_y)


def test_own_files_under_a_misleading_name(tmp_path):
    make_folder(tmp_path)
    path = tmp_path / NAMES[0]
    (tmp_path / (NAMES[0] + ".gz")).write_bytes(path.read_bytes())  # not gzipped, whatever its name says
    path.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert mnist.load_data(tmp_path)[0][0].shape == (5, 4, 4)


def test_own_folder_is_absent(tmp_path):
    with pytest.raises(ValueError, match=r"'path': expected a folder with train-images.*, got .*nowhere"):
        mnist.load_data(tmp_path / "nowhere")


def test_own_files_are_missing(tmp_path):
    make_folder(tmp_path)
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[2]).unlink()
    message = (
        r"has no train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz \(each may also be there without .gz"
    )
    with pytest.raises(ValueError, match=message):
        mnist.load_data(tmp_path)


def test_labels_where_images_are_meant(tmp_path):
    make_folder(tmp_path)
    shutil.copyfile(tmp_path / NAMES[1], tmp_path / NAMES[0])
    with pytest.raises(
        ValueError,
        match=r"train-images-idx3-ubyte: .*at least 2 dimensions, got shape \(5,\); is it .*labels",
    ):
        mnist.load_data(tmp_path)


def test_images_where_labels_are_meant(tmp_path):
    make_folder(tmp_path)
    shutil.copyfile(tmp_path / NAMES[2], tmp_path / NAMES[3])
    with pytest.raises(
        ValueError, match=r"t10k-labels.*integer labels of 1 dimension, got uint8 of shape \(3, 4, 4\)"
    ):
        mnist.load_data(tmp_path)


def test_labels_that_are_not_integers(tmp_path):
    make_folder(tmp_path)
    write_idx(tmp_path / NAMES[1], np.ones(5, np.float32))
    with pytest.raises(
        ValueError, match=r"train-labels.*expected integer labels .*got float32 of shape \(5,\)"
    ):
        mnist.load_data(tmp_path)


def test_more_images_than_labels(tmp_path):
    make_folder(tmp_path)
    write_idx(tmp_path / NAMES[1], np.ones(4, np.uint8))
    with pytest.raises(ValueError, match=r"train-images.* has 5 images, but .*train-labels.* has 4 labels"):
        mnist.load_data(tmp_path)


def test_images_of_different_shapes(tmp_path):
    make_folder(tmp_path)
    write_idx(tmp_path / NAMES[2], np.ones((3, 4, 5), np.uint8))
    with pytest.raises(ValueError, match=r"images of one shape, got \(4, 4\) and \(4, 5\)"):
        mnist.load_data(tmp_path)


def test_truncated_own_file(tmp_path):
    make_folder(tmp_path)
    path = tmp_path / NAMES[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        ValueError, match=r"train-images-idx3-ubyte: truncated: expected 80 bytes .* got 79 bytes"
    ):
        mnist.load_data(tmp_path)
