import functools
import gc
import gzip
import hashlib
import http.server
import sys
import threading
import warnings

import numpy as np
import pytest

from fastnn.datasets import _quartet, fashion_mnist
from fastnn.datasets._sources import DataFile, Source, cache_folder

TEXT = b"to be, or not to be\n" * 100
PACKED = gzip.compress(TEXT, mtime=0)
LABELS = b"1 2 3\n"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def md5(data):
    return hashlib.md5(data).hexdigest()


def make_source(url="http://127.0.0.1:9/", **changes):
    files = (
        DataFile("text.txt.gz", sha256=sha256(TEXT), md5=md5(PACKED)),
        DataFile("labels.txt", sha256=sha256(LABELS), md5=md5(LABELS)),
    )
    return Source(**{"name": "toy", "title": "Toy set", "url": url, "files": files, **changes})


def fill(folder, packed=PACKED):
    folder.mkdir(parents=True)
    (folder / "text.txt.gz").write_bytes(packed)
    (folder / "labels.txt").write_bytes(LABELS)
    return folder


def read(source, folder):
    contents = []
    for file in source.files:
        with file.open(folder) as (stream, path):
            assert path.parent == folder
            contents.append(stream.read())
    return contents


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    return tmp_path


def test_cache_folder(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", None):
        monkeypatch.setenv("FASTNN_CACHE", value) if value is not None else monkeypatch.delenv("FASTNN_CACHE")
        assert cache_folder() == tmp_path / ".cache" / "fastnn"


def test_given_path(places):
    source, folder = make_source(), fill(places / "mine")
    assert source.folder(folder) == folder
    assert source.folder(str(folder)) == folder
    assert read(source, folder) == [TEXT, LABELS]


def test_given_path_is_the_only_place(places):
    fill(places / "cache" / "toy")
    with pytest.raises(ValueError, match=r"Toy set: argument 'path': .*nowhere is not a folder"):
        make_source().folder(places / "nowhere")
    folder = fill(places / "mine")
    (folder / "labels.txt").unlink()
    with pytest.raises(ValueError, match=r"Toy set: argument 'path': .*mine has no labels.txt$"):
        make_source().folder(folder)


def test_environment_then_cache(places, monkeypatch):
    cache = fill(places / "cache" / "toy")
    assert make_source().folder() == cache
    monkeypatch.setenv("FASTNN_DATA", str(places / "data"))
    assert make_source().folder() == cache
    data = fill(places / "data" / "toy")
    assert make_source().folder() == data


@pytest.mark.parametrize("compress_again", [lambda data: gzip.compress(data, 1), bytes])
def test_recompressed_and_unpacked_files_pass(places, compress_again):
    folder = fill(places / "mine", compress_again(TEXT))
    assert read(make_source(), folder) == [TEXT, LABELS]
    (folder / "text.txt.gz").rename(folder / "text.txt")
    assert read(make_source(), make_source().folder(folder)) == [TEXT, LABELS]


@pytest.mark.parametrize("size", [-1, 7, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_checksum_is_compared_at_the_end(places, size, packed):
    (places / "a.gz").write_bytes(PACKED)
    good = DataFile("a.gz", sha256(PACKED if packed else TEXT), packed=packed)
    bad = DataFile("a.gz", "0" * 64, packed=packed)
    got = b""
    with good.open(places) as (stream, _):
        while chunk := stream.read(size):
            got += chunk
    assert got == TEXT
    with (
        bad.open(places) as (stream, _),
        pytest.raises(
            ValueError, match=r"a.gz: wrong checksum: .*delete or replace it: expected SHA-256 0000"
        ),
    ):
        while stream.read(size):
            pass


def test_missing_file_names_itself(places):
    with (
        pytest.raises(FileNotFoundError, match=r"text.txt.gz is missing"),
        make_source().files[0].open(places),
    ):
        pass


def assert_helpful(message, places):
    assert "Toy set is not on this machine and could not be downloaded" in message
    assert f"{places / 'data' / 'toy'} is not a folder" in message
    assert f"{places / 'cache' / 'toy'} has no labels.txt" in message
    assert "put text.txt.gz, labels.txt into a folder and pass it as 'path'" in message
    assert "sub-folder 'toy' of a folder that the environment variable FASTNN_DATA names" in message


def prepare_failure(places, monkeypatch):
    monkeypatch.setenv("FASTNN_DATA", str(places / "data"))
    (fill(places / "cache" / "toy") / "labels.txt").unlink()


def test_no_pooch(places, monkeypatch):
    prepare_failure(places, monkeypatch)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(RuntimeError, match=r"Download failed: .*pip install 'fastnn\[data\]'") as caught:
        make_source().folder()
    assert_helpful(str(caught.value), places)


@pytest.fixture
def server(places):
    pytest.importorskip("pooch")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    root = fill(places / "served")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))
    ) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/", root
        running.shutdown()
        thread.join()
    with warnings.catch_warnings():  # requests leaves connections of failed downloads to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_download_once(places, server):
    url, root = server
    source = make_source(url)
    folder = source.folder()
    assert folder == places / "cache" / "toy"
    assert read(source, folder) == [TEXT, LABELS]
    (root / "labels.txt").unlink()
    assert source.folder() == folder  # from the cache


def test_download_of_a_wrong_file_is_not_kept(places, server):
    url, root = server
    (root / "text.txt.gz").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=r"Download failed: .*hash"):
        make_source(url).folder()
    assert list((places / "cache").rglob("text*")) == []


def test_download_of_an_absent_file(places, server, monkeypatch):
    prepare_failure(places, monkeypatch)
    url, root = server
    (root / "labels.txt").unlink()
    with pytest.raises(RuntimeError, match=r"Download failed: 404") as caught:
        make_source(url).folder()
    assert_helpful(str(caught.value), places)


def test_no_network(places, monkeypatch):
    pytest.importorskip("pooch")
    prepare_failure(places, monkeypatch)
    with pytest.raises(RuntimeError, match=r"Download failed: .*127.0.0.1") as caught:
        make_source("http://127.0.0.1:1/").folder()
    assert_helpful(str(caught.value), places)


def test_cache_that_cannot_be_written(places, monkeypatch, server):
    (places / "file").touch()
    monkeypatch.setenv("FASTNN_CACHE", str(places / "file"))
    with pytest.raises(RuntimeError, match=r"Download failed: .*file"):
        make_source(server[0]).folder()


def test_fashion_mnist(data_folder):
    folder = data_folder("fashion_mnist")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(folder)
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [6000] * 10
    assert np.bincount(y_test).tolist() == [1000] * 10
    assert x_train.mean() / 255 == pytest.approx(0.2860, abs=5e-5)  # published
    assert x_train.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    assert [fashion_mnist.CLASS_NAMES[y] for y in y_train[:2]] == ["Ankle boot", "T-shirt/top"]


def test_fashion_mnist_from_the_environment(data_folder, monkeypatch, places):
    folder = data_folder("fashion_mnist")
    monkeypatch.setenv("FASTNN_DATA", str(places / "data"))
    (places / "data" / "fashion_mnist").mkdir(parents=True)
    for name in _quartet.NAMES:  # unpacked copies; the smaller files are enough to see which are taken
        copy = places / "data" / "fashion_mnist" / name.removesuffix(".gz")
        copy.write_bytes(gzip.decompress((folder / name).read_bytes()))
    assert fashion_mnist.load_data()[1][1].shape == (10000,)
    copy.write_bytes(copy.read_bytes()[:-1] + b"\x07")
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte: wrong checksum"):
        fashion_mnist.load_data()


def test_fashion_mnist_refuses_other_files(places):
    folder = places / "mine"
    folder.mkdir()
    for name in _quartet.NAMES:
        (folder / name).write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz: wrong checksum"):
        fashion_mnist.load_data(folder)
