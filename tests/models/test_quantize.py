import json

import numpy as np
import pytest
from safetensors import safe_open

import fastnn
from fastnn import layers


def data(samples, *shape, seed=0):
    return np.random.default_rng(seed).random((samples, *shape)).astype("float32")


def mlp():
    model = fastnn.Sequential(
        [fastnn.Input((40,)), layers.Dense(33, "relu"), layers.Dense(20, "tanh"), layers.Dense(5)]
    )
    model.compile("adam", "mse")
    return model


def cnn():
    return fastnn.Sequential(
        [
            fastnn.Input((12, 12, 1)),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(24, "relu"),
            layers.Dense(4, "softmax"),
        ]
    )


@pytest.fixture(autouse=True)
def seed():
    fastnn.utils.set_random_seed(0)


def close(small, model, x, tolerance=0.03):
    """Values beyond those of the calibration data are cut off, so that single ones may be farther away."""
    found, expected = small.predict(x, verbose=0), model.predict(x, verbose=0)
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert np.abs(found - expected).mean() <= tolerance * np.abs(expected).mean()
    assert np.abs(found - expected).max() <= 4 * tolerance * np.abs(expected).max()


def ops_of(model, x):
    """Ops of the prediction's plan, in order."""
    function = model._prediction_function([x])[0]
    lines = function.describe(len(x)).splitlines()
    known = ("quantize", "dense_int8", "conv2d_int8", "max_pool2d_int8", "dense", "conv2d", "max_pool2d",
             "normalize", "activation", "add")  # fmt: skip
    return [word for line in lines for word in line.split() if word in known]


@pytest.mark.parametrize("ranges", ["mse", "minmax", "percentile"])
def test_outputs_are_near_those_in_float32(ranges):
    for model, shape in ((mlp(), (40,)), (cnn(), (12, 12, 1))):
        x = data(300, *shape)
        close(model.quantize("int8", calibration=x[:200], ranges=ranges), model, x)


def test_values_stay_bytes_between_layers():
    x = data(64, 12, 12, 1)
    small = cnn().quantize("int8", calibration=x)
    assert ops_of(small, x) == [
        "quantize", "conv2d_int8", "conv2d_int8", "dense_int8",
        "dense_int8",
    ]  # fmt: skip


def test_single_samples_and_batches_agree():
    model = cnn()
    x = data(70, 12, 12, 1)
    small = model.quantize("int8", calibration=x)
    whole = small.predict(x, verbose=0)
    np.testing.assert_array_equal(
        np.concatenate([small.predict(x[i : i + 1], verbose=0) for i in range(9)]), whole[:9]
    )
    np.testing.assert_array_equal(small.predict(x, batch_size=17, verbose=0), whole)


def test_the_model_itself_stays_and_goes_on_training():
    model = mlp()
    x, y = data(100, 40), data(100, 5, seed=1)
    before = model.get_weights()
    small = model.quantize("int8", calibration=x)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    first = small.predict(x, verbose=0)
    model.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(small.predict(x, verbose=0), first)
    assert small.evaluate(x, y, verbose=0) == pytest.approx(float(np.mean((first - y) ** 2)), rel=1e-4)


def test_training_is_refused():
    model = mlp()
    x, y = data(20, 40), data(20, 5)
    small = model.quantize("int8", calibration=x)
    for train in (
        lambda: small.fit(x, y, verbose=0),
        lambda: small.train_on_batch(x, y),
        lambda: small.vjp(x, y),
    ):
        with pytest.raises(RuntimeError, match=r"quantised to int8 and cannot be trained.*float32 model"):
            train()
    assert small.trainable_weights == []


@pytest.mark.parametrize("make", [mlp, cnn])
def test_saved_and_loaded(tmp_path, make):
    model = make()
    x = data(50, *model.input_shape[1:])
    small = model.quantize("int8", calibration=x)
    path, whole = tmp_path / "small.safetensors", tmp_path / "model.safetensors"
    small.save(path)
    model.save(whole)
    with safe_open(path, "np") as file:
        kinds = {name: file.get_tensor(name).dtype.name for name in file.keys()}  # noqa: SIM118
    assert {kinds[name] for name in kinds if name.endswith("/kernel")} == {"int8"}
    assert {kinds[name] for name in small.named_weights()} == {"int8", "float32"}
    loaded = fastnn.saving.load_model(path)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), small.predict(x, verbose=0))
    assert [layer.quantization for layer in loaded.layers] == [layer.quantization for layer in small.layers]
    with pytest.raises(RuntimeError, match="quantised"):
        loaded.compile("sgd", "mse")
        loaded.fit(x, loaded.predict(x, verbose=0), verbose=0)
    small.save_weights(path)
    loaded.load_weights(path)
    clone = fastnn.models.clone_model(small)
    clone.set_weights(small.get_weights())
    np.testing.assert_array_equal(clone.predict(x, verbose=0), small.predict(x, verbose=0))


def test_a_damaged_configuration_is_named(tmp_path):
    small = mlp().quantize("int8", calibration=data(20, 40))
    config = small.get_config()
    for wrong in (
        {"mode": "int4"},
        {"mode": "folded"},
        {"mode": "int8", "input_scale": -1.0, "input_zero": 0},
        {"mode": "int8", "input_scale": float("nan"), "input_zero": 0},
        {"mode": "int8", "input_scale": 1.0, "input_zero": 300},
        {"mode": "int8"},
        3,
    ):
        changed = json.loads(json.dumps(config))
        changed["layers"][1]["config"]["quantization"] = wrong
        with pytest.raises(ValueError, match="Dense 'dense"):
            fastnn.Sequential.from_config(changed)


def test_summary_shows_it(capsys):
    small = mlp().quantize("int8", calibration=data(20, 40))
    small.summary()
    shown = capsys.readouterr().out
    assert "(Dense, int8)" in shown
    size = 40 * 33 + 33 * 20 + 20 * 5 + 8 * (33 + 20 + 5)
    assert f"({size / 1024:.2f} KB)" in shown and "Trainable params: 0 " in shown


def functional(axis=-1):
    x = fastnn.Input((8, 8, 3))
    y = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization(axis=axis)(y)
    y = layers.Activation("relu")(y)
    z = layers.Conv2D(8, 3, padding="same")(y)
    z = layers.BatchNormalization()(z)
    z = layers.ReLU()(layers.Add()([y, z]))
    z = layers.GlobalAveragePooling2D()(z)
    model = fastnn.Model(x, layers.Dense(4)(z))
    random = np.random.default_rng(3)
    for weight in model.weights:  # statistics that differ from the first ones
        weight.assign(weight.numpy() + random.uniform(0.1, 0.5, weight.shape))
    return model


def test_batch_normalisation_goes_into_the_layer_before_it(tmp_path):
    model = functional()
    x = data(200, 8, 8, 3)
    small = model.quantize("int8", calibration=x)
    close(small, model, x)
    modes = [layer.quantization["mode"] for layer in small.layers if layer.quantization]
    assert sorted(modes) == ["folded", "folded", "int8", "int8", "int8"]
    assert "normalize" not in ops_of(small, x)
    assert small.layers[1].use_bias and not model.layers[1].use_bias
    small.save(tmp_path / "small.safetensors")
    loaded = fastnn.saving.load_model(tmp_path / "small.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), small.predict(x, verbose=0))


def test_batch_normalisation_over_another_axis_or_after_an_activation_stays():
    x = data(100, 8, 8, 3)
    model = functional(axis=1)
    small = model.quantize("int8", calibration=x)
    close(small, model, x)
    assert ops_of(small, x).count("normalize") == 1
    model = fastnn.Sequential(
        [fastnn.Input((40,)), layers.Dense(9, "relu"), layers.BatchNormalization(), layers.Dense(3)]
    )
    small = model.quantize("int8", calibration=data(50, 40))
    assert small.layers[1].quantization is None
    close(small, model, data(50, 40))


def test_what_several_layers_take_is_not_folded():
    x = fastnn.Input((20,))
    y = layers.Dense(8)(x)
    model = fastnn.Model(x, layers.Add()([y, layers.BatchNormalization()(y)]))
    small = model.quantize("int8", calibration=data(50, 20))
    close(small, model, data(50, 20))
    assert [layer.quantization["mode"] for layer in small.layers if layer.quantization] == ["int8"]


def test_shared_layers_models_within_and_other_layers():
    inner = fastnn.Sequential(
        [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(6, "gelu")], name="inner"
    )
    a, b = fastnn.Input((10,), name="a"), fastnn.Input((10,), name="b")
    model = fastnn.Model([a, b], layers.Concatenate()([inner(a), inner(b)]))
    given = {"a": data(60, 10), "b": data(60, 10, seed=1) - 0.5}
    small = model.quantize("int8", calibration=given)
    found, expected = small.predict(given, verbose=0), model.predict(given, verbose=0)
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()
    sequence = fastnn.Sequential(
        [
            fastnn.Input((16, 3)),
            layers.Conv1D(8, 3, activation="relu", padding="causal"),
            layers.LSTM(5),
            layers.Dense(2),
        ]
    )
    x = data(40, 16, 3)
    close(sequence.quantize("int8", calibration=x), sequence, x, 0.05)
    grouped = fastnn.Sequential(
        [
            fastnn.Input((8, 8, 4)),
            layers.Conv2D(8, 3, groups=2),
            layers.DepthwiseConv2D(3),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    x = data(40, 8, 8, 4)
    small = grouped.quantize("int8", calibration=x)
    assert [layer.quantization is not None for layer in small.layers] == [False, False, False, True]
    close(small, grouped, x)


def test_bytes_as_input_data():
    model = fastnn.Sequential([fastnn.Input((12, 12, 1)), layers.Rescaling(1 / 255), *cnn().layers])
    x = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 1), dtype="uint8")
    close(model.quantize("int8", calibration=x), model, x)


def test_constant_data():
    model = mlp()
    x = np.zeros((10, 40), "float32")
    close(model.quantize("int8", calibration=x), model, x, 0.05)


class Own(fastnn.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(2)

    def call(self, inputs):
        return self.head(inputs)


def test_errors_are_named():
    model = mlp()
    x = data(20, 40)
    broken = np.where(np.arange(20)[:, None] == 3, np.nan, x)
    cases = [
        (ValueError, r"unknown mode 'int4'", lambda: model.quantize("int4", calibration=x)),
        (ValueError, r"unknown mode 'float8'; known are int8", lambda: model.quantize("float8", x)),
        (ValueError, r"ranges must be", lambda: model.quantize("int8", calibration=x, ranges="max")),
        (ValueError, r"calibration is missing.*returned", lambda: model.quantize("int8")),
        (ValueError, r"empty", lambda: model.quantize("int8", calibration=x[:0])),
        (ValueError, r"\(None, 40\)", lambda: model.quantize("int8", calibration=x[:, :39])),
        (ValueError, r"NaN or Inf in row 3", lambda: model.quantize("int8", broken)),
        (ValueError, r"quantised already", lambda: model.quantize("int8", x).quantize("int8", x)),
        (TypeError, r"Own.*`call` of its own", lambda: Own().quantize("int8", calibration=x)),
    ]  # fmt: skip
    for error, message, run in cases:
        with pytest.raises(error, match=message):
            run()
    wide = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2, dtype="float64")])
    with pytest.raises(ValueError, match=r"Dense 'dense.*float64"):
        wide.quantize("int8", calibration=data(5, 4))
    none = fastnn.Sequential([fastnn.Input((4,)), layers.LayerNormalization()])
    with pytest.raises(ValueError, match=r"no layer that runs in int8"):
        none.quantize("int8", calibration=data(5, 4))
    model.layers[1].kernel.assign(np.full((33, 20), np.inf))
    with pytest.raises(ValueError, match=r"the input of Dense 'dense.*NaN or Inf"):
        model.quantize("int8", calibration=x)


def test_weights_that_are_not_finite_are_named():
    model = mlp()
    last = model.layers[-1]
    last.kernel.assign(np.full(last.kernel.shape, np.nan))
    with pytest.raises(ValueError, match=r"Dense 'dense.*weights must be finite"):
        model.quantize("int8", calibration=data(8, 40))


def test_a_channel_of_vanishing_weights_stays_finite():
    model = mlp()
    last = model.layers[-1]
    kernel = last.kernel.numpy()
    kernel[:, 0] = 1e-44
    last.kernel.assign(kernel)
    assert np.isfinite(model.quantize("int8", calibration=data(8, 40)).predict(data(3, 40), verbose=0)).all()
