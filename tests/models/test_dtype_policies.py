"""The dtype policy "mixed_bfloat16": which layers it reaches, what it changes, and that it is kept."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import layers


@pytest.fixture(autouse=True)
def default_policy():
    yield
    fastnn.set_policy("float32")


def digits(samples=512, shape=(8, 8)):
    random = np.random.default_rng(0)
    y = random.integers(0, 4, samples)
    centres = random.normal(size=(4, *shape))
    return (centres[y] + 0.5 * random.normal(size=(samples, *shape))).astype("float32"), y


def mlp(policy=None):
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential(
        [
            layers.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(32, "relu", dtype=policy),
            layers.Dense(4, "softmax", dtype=policy),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_global_policy_and_a_layers_own():
    assert fastnn.config.dtype_policy() == "float32"
    fastnn.set_policy("mixed_bfloat16")
    assert fastnn.config.dtype_policy() == "mixed_bfloat16" and fastnn.config.floatx() == "float32"
    layer = layers.Dense(3)
    assert (layer.dtype_policy, layer.dtype) == ("mixed_bfloat16", "float32")
    assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    assert layers.Dense(3, dtype="float32").dtype_policy == "float32"
    fastnn.set_policy("float64")
    assert layers.Dense(3).dtype == fastnn.config.floatx() == "float64"
    fastnn.set_policy("float32")
    assert layers.Dense(3, dtype="mixed_bfloat16").dtype_policy == "mixed_bfloat16"


@pytest.mark.parametrize("name", ["mixed_float16", "bfloat16", "int8", 3])
def test_unknown_policies_are_refused(name):
    with pytest.raises(ValueError, match="set_dtype_policy: dtype must be .* or 'mixed_bfloat16', got"):
        fastnn.set_policy(name)
    with pytest.raises(ValueError, match="Dense 'head': dtype must be 'float32', 'float64' or 'mixed_bf"):
        layers.Dense(3, dtype=name, name="head")


def test_training_and_prediction_use_it():
    x, y = digits()
    exact, mixed = mlp("float32"), mlp("mixed_bfloat16")
    for a, b in zip(exact.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    before = np.abs(exact.predict(x, verbose=0) - mixed.predict(x, verbose=0)).max()
    assert 0 < before < 0.05
    losses = [model.fit(x, y, epochs=5, verbose=0).history["loss"][-1] for model in (exact, mixed)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert mixed.evaluate(x, y, verbose=0)[1] > 0.95


def test_results_do_not_depend_on_threads():
    x, y = digits()
    known = fastnn.num_threads()
    found = []
    try:
        for threads in (1, 2):
            fastnn.set_num_threads(threads)
            model = mlp("mixed_bfloat16")
            model.fit(x, y, epochs=2, verbose=0)
            found.append(model.get_weights())
    finally:
        fastnn.set_num_threads(known)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_can_be_changed_on_a_model_that_is_in_use():
    x, y = digits()
    model, other = mlp(), mlp("mixed_bfloat16")
    exact = model.predict(x, verbose=0)
    one = model.predict(x[:1], verbose=0)
    model.fit(x, y, verbose=0)
    model.set_weights(other.get_weights())
    model.dtype_policy = "mixed_bfloat16"
    assert [layer.dtype_policy for layer in model.layers] == ["mixed_bfloat16"] * len(model.layers)
    np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    np.testing.assert_array_equal(model.predict(x[:1], verbose=0), other.predict(x[:1], verbose=0))
    model.layers[-1].dtype_policy = "float32"
    assert not np.array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    model.dtype_policy = "float32"
    np.testing.assert_array_equal(model.predict(x, verbose=0), exact)
    np.testing.assert_array_equal(model.predict(x[:1], verbose=0), one)
    with pytest.raises(ValueError, match="dtype_policy 'float64' needs weights in float64, but those of"):
        model.dtype_policy = "float64"
    with pytest.raises(ValueError, match="or 'mixed_bfloat16', got 'half'"):
        model.dtype_policy = "half"


def test_saved_models_and_copies_keep_it(tmp_path):
    x, y = digits()
    model = mlp("mixed_bfloat16")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.safetensors")
    loaded = fastnn.load_model(tmp_path / "model.safetensors")
    for made in (loaded, copy.deepcopy(model)):
        assert made.layers[-1].dtype_policy == "mixed_bfloat16"
        np.testing.assert_array_equal(made.predict(x, verbose=0), model.predict(x, verbose=0))
        again = copy.deepcopy(model)
        again.fit(x, y, verbose=0)
        made.fit(x, y, verbose=0)
        for a, b in zip(made.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_layers_within_layers_have_it():
    block = layers.TransformerEncoder(16, 2, dtype="mixed_bfloat16")
    block(np.zeros((2, 5, 8), "float32"))
    assert {layer.dtype_policy for layer in block._flatten_layers()} == {"mixed_bfloat16"}
    again = layers.TransformerEncoder.from_config(block.get_config())
    assert again.dtype_policy == "mixed_bfloat16"
    wrapped = layers.Bidirectional(layers.LSTM(3, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    assert wrapped.get_config()["dtype"] == "mixed_bfloat16"
    assert wrapped.forward_layer.dtype_policy == "mixed_bfloat16"


def test_own_layers_and_models_have_it():
    class Twice(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], 2), "ones", name="kernel")

        def call(self, inputs):
            return fastnn.ops.matmul(inputs, self.kernel)

    x = np.full((1, 3), 1 + 2.0**-9, "float32")
    assert Twice()(x)[0, 0] == 3 * x[0, 0]
    assert Twice(dtype="mixed_bfloat16")(x)[0, 0] == 3
    layer = Twice()
    layer(x)
    layer.dtype_policy = "mixed_bfloat16"
    assert layer(x)[0, 0] == 3


@pytest.mark.parametrize("kind", ["Conv2D", "Conv1D", "Conv2DTranspose", "SeparableConv2D"])
def test_convolutions_round(kind):
    shape = (2, 8, 4) if kind == "Conv1D" else (2, 8, 8, 4)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = getattr(layers, kind)(5, 3)
    exact = layer(x)
    layer.dtype_policy = "mixed_bfloat16"
    error = np.abs(layer(x) - exact).max() / np.abs(exact).max()
    assert 1e-4 < error < 2e-2


def test_a_convolutional_network_learns():
    x, y = digits(shape=(8, 8, 1))
    fastnn.set_policy("mixed_bfloat16")
    model = fastnn.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.Flatten(),
            layers.Dense(4, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LSTM(6),
        lambda: layers.Bidirectional(layers.GRU(6)),
        lambda: layers.RNN(layers.LSTMCell(6)),
        lambda: layers.TransformerEncoder(16, 2),
    ],
    ids=["LSTM", "Bidirectional", "RNN", "TransformerEncoder"],
)
def test_layers_of_sequences(make):
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 7, 8)).astype("float32")
    y = x[:, -1].argmax(-1) % 3
    fastnn.set_policy("mixed_bfloat16")
    model = fastnn.Sequential([layers.Input((7, 8)), make(), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile(fastnn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    near = model.predict(x, verbose=0)
    model.dtype_policy = "float32"
    exact = model.predict(x, verbose=0)
    assert 1e-6 < np.abs(near - exact).max() < 2e-2
    model.dtype_policy = "mixed_bfloat16"
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
