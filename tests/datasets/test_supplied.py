"""Data sets that users supply: from folders and archives made here, and the real ones where they are."""

import gzip
import io
import tarfile
import wave

import numpy as np
import pytest

from fastnn.datasets import cifar10, imdb, movielens, multi30k, spoken_digits


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    return tmp_path


def write(folder, files):
    for name, contents in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
    return folder


def pack(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return path.parent


@pytest.mark.parametrize(
    ("load", "title", "name"),
    [
        (cifar10.load_data, "CIFAR-10", "cifar10_jpeg"),
        (imdb.load_texts, "IMDB reviews", "imdb"),
        (movielens.load_data, "MovieLens", "movielens_latest_small"),
        (spoken_digits.load_data, "Free Spoken Digit Dataset", "fsdd"),
    ],
)
def test_absent_sets_say_how_to_supply_them(places, monkeypatch, load, title, name):
    monkeypatch.setenv("FASTNN_DATA", str(places / "data"))
    with pytest.raises(RuntimeError, match=f"{title} is not on this machine. Looked for it, but ") as caught:
        load()
    assert str(places / "data" / name) in str(caught.value)
    assert str(places / "cache" / name) in str(caught.value)
    assert "https://" in str(caught.value)
    with pytest.raises(ValueError, match=rf"{title}: argument 'path': .*nowhere is not a folder"):
        load(places / "nowhere")
    with pytest.raises(ValueError, match=rf"{title}: argument 'path': .* has n"):
        load(places)


# ---- CIFAR-10


def jpeg(colour):
    Image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), colour, "uint8")).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def images():
    files = {
        f"train/{name}/000{k}.jpg": jpeg(20 * i + k)
        for i, name in enumerate(cifar10.CLASS_NAMES)
        for k in (0, 1)
    }
    return files | {f"test/{name}/0000.jpg": jpeg(20 * i) for i, name in enumerate(cifar10.CLASS_NAMES)}


@pytest.mark.parametrize("packed", [False, True])
def test_cifar10_images(places, packed):
    folder = pack(places / "cifar10_jpeg.tar.gz", images()) if packed else write(places / "mine", images())
    for _ in range(2):  # the second time from the cache
        (x_train, y_train), (x_test, y_test) = cifar10.load_data(folder)
        assert (x_train.shape, y_train.shape) == ((20, 32, 32, 3), (20, 1))
        assert (x_test.shape, y_test.shape) == ((10, 32, 32, 3), (10, 1))
        assert x_train.dtype == y_train.dtype == np.uint8
        assert y_train.ravel().tolist() == [*range(10), *range(10)]
        np.testing.assert_allclose(x_test.mean((1, 2, 3)), 20 * y_test.ravel(), atol=3)
    assert len(list((places / "cache").rglob("*.npz"))) == packed


def test_cifar10_binary(places):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 2, 3, 32, 32), dtype="uint8")
    labels = random.integers(0, 10, (6, 2, 1), dtype="uint8")
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    records = [np.concatenate([label, image.reshape(2, -1)], 1) for label, image in zip(labels, pixels)]
    folder = write(places / "mine", {name: r.tobytes() for name, r in zip(names, records)})
    (x_train, y_train), (x_test, y_test) = cifar10.load_data(folder)
    assert np.array_equal(x_train, pixels[:5].reshape(10, 3, 32, 32).transpose(0, 2, 3, 1))
    assert np.array_equal(x_test[1, :, :, 2], pixels[5, 1, 2])
    assert np.array_equal(y_train, labels[:5].reshape(10, 1))
    assert y_test.shape == (2, 1)
    (folder / "data_batch_3.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"data_batch_3.bin: expected records of 3073 bytes, got 5"):
        cifar10.load_data(folder)


def test_cifar10_refuses(places):
    with pytest.raises(ValueError, match=r"is no readable image"):
        cifar10.load_data(write(places / "a", {**images(), "train/cat/9.jpg": b"no image"}))
    with pytest.raises(ValueError, match=r"expected train/<class>/\*.jpg .* got train/lion/9.jpg"):
        cifar10.load_data(write(places / "b", {**images(), "train/lion/9.jpg": jpeg(3)}))
    (places / "cifar10_jpeg.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"cannot be read as a tar archive"):
        cifar10.load_data(places)


def test_cifar10_real(data_folder):
    (x_train, y_train), (x_test, y_test) = cifar10.load_data(data_folder("cifar10_jpeg"))
    assert (x_train.shape, x_test.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert np.bincount(y_train.ravel()).tolist() == [5000] * 10
    assert np.bincount(y_test.ravel()).tolist() == [1000] * 10
    assert x_train.mean((0, 1, 2)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=2e-3)  # published


# ---- spoken digits


def sound(samples, channels=1):
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(np.asarray(samples, "<i2").tobytes())
    return stream.getvalue()


def recordings(prefix="recordings/"):
    return {
        f"{prefix}{digit}_{speaker}_{take}.wav": sound([digit, take, -5])
        for digit in (0, 7)
        for speaker in ("ann", "bob")
        for take in range(7)
    }


@pytest.mark.parametrize("packed", [False, True])
def test_spoken_digits(places, packed):
    folder = pack(places / "fsdd.tar.gz", recordings()) if packed else write(places / "mine", recordings())
    train, test = spoken_digits.load_data(folder)
    assert len(train.waves) == 8
    assert len(test.waves) == 20
    assert set(train.takes.tolist()) == {5, 6}
    assert train.digits.tolist() == [0] * 4 + [7] * 4
    assert all(w.tolist() == [d, t, -5] for w, d, t in zip(train.waves, train.digits, train.takes))
    train, test = spoken_digits.load_data(folder, held_out="bob")
    assert set(train.speakers) == {"ann"}
    assert set(test.speakers) == {"bob"}
    with pytest.raises(ValueError, match="held_out must be one of ann, bob, got 'eve'"):
        spoken_digits.load_data(folder, "eve")


def test_spoken_digits_refuses(places):
    with pytest.raises(ValueError, match=r"0_eve_0.wav is no readable recording"):
        spoken_digits.load_data(write(places / "a", {**recordings(), "recordings/0_eve_0.wav": b"RIFF"}))
    with pytest.raises(ValueError, match=r"expected one channel of 2 bytes at 8000 Hz, 0_eve_0.wav has"):
        spoken_digits.load_data(write(places / "b", {"recordings/0_eve_0.wav": sound([1, 2], channels=2)}))
    with pytest.raises(ValueError, match=r"expected recordings <digit>_<speaker>_<take>.wav, got zero.wav"):
        spoken_digits.load_data(write(places / "c", {"recordings/zero.wav": sound([1])}))


def test_spoken_digits_real(data_folder):
    train, test = spoken_digits.load_data(data_folder("fsdd"))
    assert (len(train.waves), len(test.waves)) == (2700, 300)
    assert np.bincount(test.digits).tolist() == [30] * 10
    assert len(set(train.speakers)) == 6


# ---- MovieLens


MOVIES = b'movieId,title,genres\r\n5,"Small, Tall (1999)",Drama\r\n9,Far,Comedy\r\n'


def test_movielens(places):
    ratings = b"userId,movieId,rating,timestamp\r\n3,9,4.5,100\r\n8,5,1.0,50\r\n3,5,2.0,70\r\n"
    data = movielens.load_data(write(places / "mine", {"ratings.csv": ratings, "movies.csv": MOVIES}))
    assert data.users.tolist() == [0, 1, 0]
    assert data.items.tolist() == [1, 0, 0]
    assert data.ratings.tolist() == [4.5, 1, 2]
    assert data.times.tolist() == [100, 50, 70]
    assert data.user_ids.tolist() == [3, 8]
    assert data.titles == ["Small, Tall (1999)", "Far"]
    assert (data.users.dtype, data.ratings.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(
    ("ratings", "match"),
    [
        (b"", r"ratings.csv: expected a table with columns userId, movieId"),
        (b"userId,movieId,rating\n1,2,3\n", r"expected a table with columns"),
        (b"userId,movieId,rating,timestamp\n1,2\n", r"line 2: expected 4 entries, got 2"),
        (b"userId,movieId,rating,timestamp\n1,2,good,7\n", r"ratings.csv: .*good"),
    ],
)
def test_movielens_refuses(places, ratings, match):
    with pytest.raises(ValueError, match=match):
        movielens.load_data(write(places / "mine", {"ratings.csv": ratings, "movies.csv": MOVIES}))


def test_movielens_real(data_folder):
    data = movielens.load_data(data_folder("movielens_latest_small"))
    assert len(data.users) == 100836
    assert (len(data.user_ids), len(data.item_ids)) == (610, 9724)
    assert data.titles[0] == "Toy Story (1995)"
    assert data.ratings.mean() == pytest.approx(3.5016, abs=1e-4)


# ---- IMDB


def reviews():
    return {
        "train/pos/0_9.txt": b"good film . Good",
        "train/pos/1_8.txt": b"it isn't bad",
        "train/neg/0_2.txt": b"bad film",
        "test/pos/0_9.txt": b"good unseen",
        "test/neg/0_2.txt": b"Bad<br />FILM!",
    }


def test_imdb_texts(places):
    (texts, y), (test_texts, y_test) = imdb.load_texts(write(places / "mine", reviews()))
    assert texts == ["bad film", "good film . Good", "it isn't bad"]
    assert y.tolist() == [0, 1, 1]
    assert test_texts == ["Bad<br />FILM!", "good unseen"]
    assert y_test.tolist() == [0, 1]


def test_imdb_numbers(places):
    folder = write(places / "mine", reviews())
    index = imdb.get_word_index(path=folder)
    assert index == {"bad": 1, "film": 2, "good": 3, ".": 4, "isn't": 5, "it": 6}
    _, (x_test, y_test) = imdb.load_data(folder)
    assert {label: x for x, label in zip(x_test, y_test)} == {0: [1, 4, 5, 2], 1: [1, 6, 2]}
    _, (x_test, y_test) = imdb.load_data(folder, num_words=6, skip_top=1, start_char=None, oov_char=None)
    assert {label: x for x, label in zip(x_test, y_test)} == {0: [5], 1: []}
    (x_train, y_train), _ = imdb.load_data(folder, maxlen=3)
    assert (len(x_train), y_train.tolist()) == (1, [0])


def test_imdb_refuses_other_tables(places):
    table = gzip.compress(b"1\t9\tgood\n")
    folder = write(places / "mine", {"train.tsv.gz": table, "test.tsv.gz": table})
    with pytest.raises(ValueError, match=r"train.tsv.gz: wrong checksum"):
        imdb.load_texts(folder)


def test_imdb_real(data_folder):
    (texts, y_train), (test_texts, y_test) = imdb.load_texts(data_folder("imdb"))
    assert len(texts) == len(test_texts) == 25000
    assert y_train.mean() == y_test.mean() == 0.5
    assert y_train[:4].tolist() == [0, 1, 0, 1]
    assert texts[0].startswith("Story of a man who has unnatural feelings")


# ---- Multi30k


def test_multi30k_refuses(places):
    with pytest.raises(ValueError, match="target must be one of de, en, fr, got 'xx'"):
        multi30k.load_data(target="xx")
    names = [
        f"{part}.{language}" for part in ("train", "val", "test_2016_flickr") for language in ("en", "de")
    ]
    folder = write(places / "mine", {name: b"A dog.\n" for name in names})
    with pytest.raises(ValueError, match=r"train.en: wrong checksum"):
        multi30k.load_data(folder)
    (folder / "val.de").unlink()
    with pytest.raises(ValueError, match=r"Multi30k: argument 'path': .* has no val.de.gz"):
        multi30k.load_data(folder)


@pytest.mark.parametrize("languages", [("en", "de"), ("fr", "en")])
def test_multi30k_real(data_folder, languages):
    parts = multi30k.load_data(data_folder("multi30k"), *languages)
    assert [len(source) for source, _ in parts] == [29000, 1014, 1000]
    assert [len(target) for _, target in parts] == [29000, 1014, 1000]
    if languages == ("en", "de"):
        assert parts[0][0][0] == "Two young, White males are outside near many bushes."
        assert parts[2][1][0] == "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt."
