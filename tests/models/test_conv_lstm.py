"""ConvLSTM layers against NumPy, step by step: outputs, states, masks, gradients, configuration."""

import numpy as np
import pytest
from models import layer_reference as reference
from models.graph_gradients import assert_weight_gradients, randomised
from models.layer_checks import data

import fastnn
from fastnn import layers

RANDOM = np.random.default_rng(9)
KINDS = {1: layers.ConvLSTM1D, 2: layers.ConvLSTM2D, 3: layers.ConvLSTM3D}
SIZES = {1: (6,), 2: (6, 5), 3: (4, 3, 5)}


def convolve(x, kernel, strides=1, padding="valid", dilation=1):
    """Of any number of dimensions, one output at a time."""
    rank = kernel.ndim - 2
    strides, dilation = (np.broadcast_to(v, rank) for v in (strides, dilation))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:rank], dilation)]
    if padding == "same":
        margins = [reference.same_padding(n, r, s) for n, r, s in zip(x.shape[1:-1], reach, strides)]
        x = np.pad(x, [(0, 0), *margins, (0, 0)])
    extents = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides)]
    out = np.zeros((len(x), *extents, kernel.shape[-1]))
    for place in np.ndindex(*extents):
        window = x[
            (
                slice(None),
                *(slice(p * s, p * s + r, d) for p, s, r, d in zip(place, strides, reach, dilation)),
            )
        ]
        out[(slice(None), *place)] = np.tensordot(window, kernel, rank + 1)
    return out


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def run(layer, x, mask=None, states=None):
    """Outputs of all steps in the order they are made, and the last states."""
    kernel, recurrent = layer.kernel.numpy(), layer.recurrent_kernel.numpy()
    bias = 0 if layer.bias is None else layer.bias.numpy()
    steps = range(x.shape[1])
    outputs, before = [], None
    for t in reversed(steps) if layer.go_backwards else steps:
        z = convolve(x[:, t], kernel, layer.strides, layer.padding, layer.dilation_rate) + bias
        if states is None:
            states = [np.zeros((*z.shape[:-1], layer.filters))] * 2
        before = np.zeros_like(states[0]) if before is None else before
        h, c = states
        z = z + convolve(h, recurrent, padding="same")
        i, f, g, o = np.split(z, 4, axis=-1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        if mask is None:
            states, before = [new_h, new_c], new_h
        else:
            there = mask[:, t].reshape(-1, *[1] * (h.ndim - 1)).astype(bool)
            states = [np.where(there, new_h, h), np.where(there, new_c, c)]
            before = np.where(there, new_h, before)
        outputs.append(before)
    return np.stack(outputs, axis=1), states


def made(rank, x, **settings):
    layer = KINDS[rank](3, 2 if rank == 3 else 3, dtype="float64", **settings)
    layer(x)
    return randomised(layer)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding": "same"},
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2, "padding": "same", "use_bias": False},
        {"go_backwards": True, "padding": "same"},
    ],
    ids=str,
)
@pytest.mark.parametrize("samples", [1, 5])
def test_against_numpy(rank, settings, samples):
    x = data(samples, 4, *SIZES[rank], 2)
    layer = made(rank, x, **settings)
    outputs, states = run(layer, x)
    np.testing.assert_allclose(layer(x), outputs[:, -1], rtol=1e-9, atol=1e-9)
    assert layer.compute_output_shape((None, None, *x.shape[2:])) == (None, *outputs.shape[2:])
    whole = KINDS[rank].from_config({**layer.get_config(), "return_sequences": True, "return_state": True})
    assert whole.get_config()["return_sequences"] is True
    whole.build((None, *x.shape[1:]))
    whole.set_weights(layer.get_weights())
    sequence, h, c = whole(x)
    np.testing.assert_allclose(sequence, outputs, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(h, states[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(c, states[1], rtol=1e-9, atol=1e-9)
    shapes = whole.compute_output_shape((None, *x.shape[1:]))
    assert shapes == [(None, *part.shape[1:]) for part in (sequence, h, c)]


def test_weights_are_those_of_keras():
    layer = layers.ConvLSTM2D(4, (3, 2))
    layer.build((None, 5, 8, 8, 3))
    assert [(w.name, w.shape) for w in layer.weights] == [
        ("kernel", (3, 2, 3, 16)),
        ("recurrent_kernel", (3, 2, 4, 16)),
        ("bias", (16,)),
    ]
    np.testing.assert_array_equal(layer.bias.numpy(), [*[0] * 4, *[1] * 4, *[0] * 8])


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("backwards", [False, True])
def test_masks_and_initial_states(rank, backwards):
    x = data(4, 5, *SIZES[rank], 2)
    layer = made(rank, x, padding="same", go_backwards=backwards, return_sequences=True)
    mask = RANDOM.random((4, 5)) < 0.6
    states = [data(4, *SIZES[rank], 3), data(4, *SIZES[rank], 3)]
    for given in (None, states):
        expected, _ = run(layer, x, mask, given)
        np.testing.assert_allclose(layer(x, initial_state=given, mask=mask), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients(rank):
    x = data(3, 3, *SIZES[rank], 2)
    assert_weight_gradients(made(rank, x, padding="same", strides=2, return_sequences=True), x)
    assert_weight_gradients(made(rank, x, dropout=0.3, recurrent_dropout=0.2), x, training=True)


def test_stateful():
    x = data(4, 6, 5, 4, 2)
    layer = layers.ConvLSTM2D(3, 3, padding="same", dtype="float64", stateful=True)
    inputs = fastnn.Input((3, 5, 4, 2), batch_size=4, dtype="float64")
    model = fastnn.Model(inputs, layer(inputs))
    layer.set_weights([*[0.3 * data(*w.shape) for w in layer.weights[:3]], *layer.get_weights()[3:]])
    model.predict(x[:, :3], batch_size=4, verbose=0)
    found = model.predict(x[:, 3:], batch_size=4, verbose=0)
    outputs, _ = run(layer, x)
    np.testing.assert_allclose(found, outputs[:, -1], rtol=1e-9, atol=1e-9)
    layer.reset_states()
    found = model.predict(x[:, :3], batch_size=4, verbose=0)
    np.testing.assert_allclose(found, outputs[:, 2], rtol=1e-9, atol=1e-9)


def test_it_trains_and_is_saved(tmp_path):
    fastnn.random.set_seed(3)
    x = np.zeros((40, 4, 6, 6, 1), "float32")  # a dot that walks to the right or to the left
    right = RANDOM.integers(0, 2, 40)
    for n, t in np.ndindex(40, 4):
        x[n, t, n % 6, t + 1 if right[n] else 4 - t] = 1
    model = fastnn.Sequential(
        [
            fastnn.Input((None, 6, 6, 1)),
            layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
            layers.ConvLSTM2D(4, 3, padding="same", dropout=0.1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(fastnn.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, right, epochs=25, batch_size=8, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    model.save(tmp_path / "m.safetensors")
    again = fastnn.models.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_messages():
    layer = layers.ConvLSTM2D(2, 3, name="walk")
    with pytest.raises(ValueError, match="rank 5|ndim|5 dimensions|expected"):
        layer(data(2, 3, 4, 4))
    with pytest.raises(ValueError, match="kernel_size covers 3 pixels, but the input has 2"):
        layer(data(2, 3, 2, 4, 1))
    with pytest.raises(ValueError, match="cannot both be above 1"):
        layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="filters must be at least 1"):
        layers.ConvLSTM1D(0, 3)
    with pytest.raises(ValueError, match="channels_first"):
        layers.ConvLSTM2D(2, 3, data_format="channels_first")
    x = data(2, 3, 4, 4, 1)
    with pytest.raises(
        ValueError, match=r"initial state h must have shape \(None, 2, 2, 2\), got \(None, 3, 2, 2\)"
    ):
        layer(x, initial_state=[data(2, 3, 2, 2), data(2, 3, 2, 2)])
    with pytest.raises(ValueError, match="expected 2 initial states"):
        layer(x, initial_state=[data(2, 2, 2, 2)])
    with pytest.raises(ValueError, match="stateful=True needs batches of a fixed number"):
        layers.ConvLSTM2D(2, 3, stateful=True)(fastnn.Input((3, 4, 4, 1)))
