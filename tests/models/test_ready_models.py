"""Ready models beyond those for digits: shapes, sizes, a few steps of training, files."""

import numpy as np
import pytest

import fastnn
from fastnn import models

RANDOM = np.random.default_rng(3)


def images(*shape):
    return RANDOM.integers(0, 256, (12, *shape)).astype("uint8")


def classify(classes):
    return RANDOM.integers(0, classes, 12).astype("int32"), "sparse_categorical_crossentropy"


def restore(x):
    return x / np.float32(255), "binary_crossentropy"


SMALL = {
    "resnet8": (lambda: models.resnet8((8, 8, 3), 4, (4, 6, 8)), (8, 8, 3), 4),
    "resnet20": (lambda: models.resnet20((8, 8, 3), 4, (4, 6, 8)), (8, 8, 3), 4),
    "resnet18": (lambda: models.resnet18((16, 16, 1), 3, (4, 4, 6, 6), stem="small"), (16, 16, 1), 3),
    "resnet18 for photographs": (lambda: models.resnet18((32, 40, 3), 3, (4, 4, 6, 6)), (32, 40, 3), 3),
    "alexnet": (lambda: models.alexnet("32x32", (16, 16, 3), 5), (16, 16, 3), 5),
    "vgg11": (lambda: models.vgg11((32, 32, 1), 5, (4, 4, 6, 6, 8), (12,)), (32, 32, 1), 5),
    "vgg11 normalised": (
        lambda: models.vgg11((32, 32, 1), 5, (4, 4, 6, 6, 8), (12, 7), 0, batch_normalization=True),
        (32, 32, 1),
        5,
    ),
    "mobilenet": (lambda: models.mobilenet((16, 16, 3), 4, alpha=0.1, halvings=2), (16, 16, 3), 4),
    "unet": (lambda: models.unet((16, 8, 1), 3, filters=2, depth=2, dropout=0.1), (16, 8, 1), None),
    "autoencoder": (lambda: models.autoencoder((6, 5), 3, (8,)), (6, 5), None),
    "vae": (lambda: models.vae((6, 5), 2, (8,), divergence=1 / 30), (6, 5), None),
}


def data_for(name, shape, classes):
    x = images(*shape)
    if name == "unet":
        return x, RANDOM.integers(0, 3, (12, 16, 8)).astype("int32"), "sparse_categorical_crossentropy"
    return x, *(restore(x) if classes is None else classify(classes))


@pytest.mark.parametrize("name", SMALL)
def test_model_learns_and_is_saved(name, tmp_path):
    make, shape, classes = SMALL[name]
    x, y, loss = data_for(name, shape, classes)
    fastnn.random.set_seed(1)
    model = make()
    model.compile("adam", loss)
    history = model.fit(x, y, batch_size=4, epochs=12, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    before = model.predict(x, verbose=0)
    assert before.shape == (12, classes) if classes else before.shape[:2] == x.shape[:2]
    model.save(tmp_path / "model.safetensors")
    again = fastnn.models.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x, verbose=0), before)
    again.fit(x, y, batch_size=4, epochs=1, verbose=0)


def learns(model, x, y, loss, folder, epochs=12):
    model.compile("adam", loss)
    history = model.fit(x, y, batch_size=4, epochs=epochs, verbose=0).history["loss"]
    assert history[-1] < history[0]
    before = model.predict(x, verbose=0)
    model.save(folder / "model.safetensors")
    again = fastnn.models.load_model(folder / "model.safetensors")
    np.testing.assert_array_equal(again.predict(x, verbose=0), before)
    return before


def ids(count, *shape):
    return RANDOM.integers(0, count, shape).astype("int32")


@pytest.mark.parametrize(("classes", "windows", "rate"), [(3, (2, 3), 0.1), (1, (4,), 0)])
def test_text_cnn(tmp_path, classes, windows, rate):
    model = models.text_cnn(20, 9, classes, width=6, windows=windows, filters=5, dropout=rate)
    loss = "binary_crossentropy" if classes == 1 else "sparse_categorical_crossentropy"
    assert learns(model, ids(20, 12, 9), ids(max(classes, 2), 12, 1), loss, tmp_path).shape == (12, classes)


def test_neumf(tmp_path):
    model = models.neumf(7, 9, 3, (8, 4))
    x = [ids(7, 12, 1), ids(9, 12, 1)]
    assert learns(model, x, ids(2, 12, 1), "binary_crossentropy", tmp_path).shape == (12, 1)


LOGITS = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(("layers", "rate"), [(1, 0.1), (2, 0)])
def test_lstm_lm(tmp_path, layers, rate):
    model = models.lstm_lm(11, 8, layers, 5, rate)
    x = ids(11, 12, 7)
    assert learns(model, x[:, :-1], x[:, 1:], LOGITS, tmp_path).shape == (12, 6, 11)
    assert model.predict(x[:2, :3], verbose=0).shape == (2, 3, 11)


def test_seq2seq(tmp_path):
    model = models.seq2seq(11, 13, 8, 2, 5)
    x = [ids(11, 12, 7), ids(13, 12, 5)]
    assert learns(model, x, ids(13, 12, 5), LOGITS, tmp_path).shape == (12, 5, 13)


def test_seq2seq_does_not_see_padding():
    model = models.seq2seq(11, 13, 8)
    source, target = 1 + ids(10, 3, 6), ids(13, 3, 5)
    padded = np.concatenate([source, np.zeros((3, 4), "int32")], axis=1)
    short, long = (model.predict([s, target], verbose=0) for s in (source, padded))
    np.testing.assert_allclose(short, long, rtol=1e-4, atol=1e-6)


def test_alexnet_normalises_after_the_first_two_convolutions():
    paper = models.alexnet("paper", (67, 67, 3), 5)
    names = [layer.name for layer in paper.layers]
    assert names[1:7] == ["conv_1", "response_1", "pool_1", "conv_2", "response_2", "pool_2"]
    response = paper.get_layer("response_2").get_config()
    assert (response["size"], response["alpha"], response["beta"], response["k"]) == (5, 5e-4, 0.75, 2.0)
    plain = models.alexnet("paper", (67, 67, 3), 5, response_normalization=False)
    assert [layer.name for layer in plain.layers] == [name for name in names if "response" not in name]
    plain.set_weights(paper.get_weights())


def test_sizes_are_the_papers():
    assert models.mobilenet().count_params() == 4253864
    assert models.resnet18().count_params() == 11689512 + 2 * 4800  # moving statistics among them
    widths = ((3, 16), (16, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64))
    plain = sum(9 * a * b for a, b in widths) + 16 * 32 + 32 * 64
    norms = 4 * (3 * 16 + 2 * 32 + 2 * 64)
    assert models.resnet8().count_params() == plain + norms + 650


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: models.resnet8(classes=0), "resnet8: classes must be at least 1"),
        (lambda: models.resnet8((32, 32)), r"input_shape must be an integer or three"),
        (lambda: models.resnet18(stem="big"), "unknown stem 'big'"),
        (lambda: models.alexnet("tiny"), "unknown variant 'tiny'"),
        (lambda: models.vgg11(widths=(64, 128)), "vgg11: widths must have five entries"),
        (lambda: models.mobilenet(halvings=6), "halvings must be at most 5"),
        (lambda: models.unet((30, 32, 1)), "height and width must be multiples of 16"),
        (lambda: models.vae(code=0), "vae: code must be at least 1"),
    ],
)
def test_messages(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_parts_of_the_vae():
    model = models.vae((6, 5), 2, (8,))
    x = images(6, 5)
    mean, log_variance = model.get_layer("encoder").predict(x, verbose=0)
    assert mean.shape == log_variance.shape == (12, 2)
    restored = model.get_layer("decoder").predict(mean, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), restored, rtol=1e-6)
    # The loss is that of the pixels and the divergence from the standard normal distribution.
    model.compile("sgd", "mse")
    divergence = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(1).mean()
    error = ((restored - x / 255) ** 2).mean()
    assert model.evaluate(x, x / np.float32(255), verbose=0) == pytest.approx(error + divergence, rel=1e-4)
