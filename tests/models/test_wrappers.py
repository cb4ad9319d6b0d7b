"""Bidirectional and TimeDistributed."""

import numpy as np
import pytest

import fastnn
from fastnn import layers


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def parts(layer, x, mask=None):
    """What the two layers give by themselves; the backward one by turning the sequence."""
    inner = layer.forward_layer
    config = {**inner.get_config(), "go_backwards": False}
    forward, backward = (type(inner).from_config({**config, "name": name}) for name in ("a", "b"))
    forward(x)
    backward(x)
    forward.set_weights(layer.forward_layer.get_weights())
    backward.set_weights(layer.backward_layer.get_weights())
    turned = backward(x[:, ::-1], mask=None if mask is None else mask[:, ::-1])
    return forward(x, mask=mask), turned[:, ::-1] if inner.return_sequences else turned


MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
    "sum": np.add,
    "ave": lambda a, b: (a + b) / 2,
    "mul": np.multiply,
}


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_bidirectional(merge, sequences, kind):
    layer = layers.Bidirectional(
        kind(3, return_sequences=sequences, dtype="float64"), merge_mode=merge, dtype="float64"
    )
    x = data(4, 5, 2)
    mask = np.random.default_rng(1).random((4, 5)) < 0.6
    for shown in (None, mask):
        found = layer(x, mask=shown)
        np.testing.assert_allclose(found, MERGES[merge](*parts(layer, x, shown)), atol=1e-12)
    count = len(layer.forward_layer.weights)
    assert [w.path.split("/")[0].split("_")[0] for w in layer.weights] == ["forward"] * count + [
        "backward"
    ] * count


def test_bidirectional_without_merge_and_with_states():
    x = data(4, 5, 2)
    layer = layers.Bidirectional(
        layers.LSTM(3, return_sequences=True, return_state=True, dtype="float64"), None, dtype="float64"
    )
    forward, backward, *states = layer(x)
    assert forward.shape == backward.shape == (4, 5, 3) and len(states) == 4
    np.testing.assert_array_equal(states[0], forward[:, -1])
    np.testing.assert_array_equal(states[2], backward[:, 0])
    again = layer(x, initial_state=states)
    assert np.abs(again[0] - forward).max() > 1e-3
    with pytest.raises(ValueError, match="an even number, got 3"):
        layer(x, initial_state=states[:3])


def test_bidirectional_of_a_cell():
    x = data(3, 4, 2)
    cell = layers.Bidirectional(
        layers.RNN(layers.GRUCell(3, dtype="float64"), dtype="float64"), dtype="float64"
    )
    fused = layers.Bidirectional(layers.GRU(3, dtype="float64"), dtype="float64")
    fused(x)
    cell(x)
    fused.set_weights(cell.get_weights())
    np.testing.assert_allclose(cell(x), fused(x), atol=1e-12)


def test_bidirectional_configuration_and_file(tmp_path):
    ids = np.random.default_rng(0).integers(0, 9, (6, 7))
    model = fastnn.Sequential(
        [
            fastnn.Input((7,)),
            layers.Embedding(9, 3, mask_zero=True),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode="sum"),
            layers.Bidirectional(layers.GRU(4), backward_layer=layers.GRU(2, go_backwards=True)),
            layers.Dense(1),
        ]
    )
    assert model.layers[2].compute_output_shape((None, 7, 4)) == (None, 6)
    model.compile("adam", "mse")
    model.fit(ids, np.zeros((6, 1)), verbose=0)
    model.save(tmp_path / "model.safetensors")
    again = fastnn.saving.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.predict(ids, verbose=0), again.predict(ids, verbose=0))
    np.testing.assert_array_equal(model(ids[:, :4]), model(np.pad(ids[:, :4], ((0, 0), (0, 3)))))


def test_bidirectional_errors():
    with pytest.raises(TypeError, match="must be a recurrent layer"):
        layers.Bidirectional(layers.Dense(3))
    with pytest.raises(ValueError, match="unknown merge_mode 'cat'"):
        layers.Bidirectional(layers.LSTM(3), merge_mode="cat")
    with pytest.raises(ValueError, match="opposite directions"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3))
    with pytest.raises(ValueError, match="same return_sequences"):
        layers.Bidirectional(
            layers.LSTM(3), backward_layer=layers.LSTM(3, go_backwards=True, return_sequences=True)
        )
    with pytest.raises(ValueError, match="mask must have shape"):
        layers.Bidirectional(layers.LSTM(3))(data(2, 4, 3), mask=np.ones((2, 3)))


@pytest.mark.parametrize(
    "inner",
    [
        layers.Dense(3, dtype="float64"),
        layers.Flatten(dtype="float64"),
        layers.Conv1D(3, 2, dtype="float64"),
        fastnn.Sequential([layers.Flatten(dtype="float64"), layers.Dense(2, dtype="float64")], name="inner"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_time_distributed(inner):
    x = data(3, 4, 5, 2)
    layer = layers.TimeDistributed(inner, dtype="float64")
    found = layer(x)
    np.testing.assert_allclose(found, np.stack([inner(x[:, t]) for t in range(4)], axis=1), atol=1e-12)
    assert layer.compute_output_shape((None, 4, 5, 2)) == (None, *found.shape[1:])
    again = layers.deserialize(layers.serialize(layer))
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), found)


def test_time_distributed_trains_and_hands_masks_on():
    x = data(6, 4, 8, 8, 1).astype("float32")
    model = fastnn.Sequential(
        [
            fastnn.Input((4, 8, 8, 1)),
            layers.Masking(),
            layers.TimeDistributed(layers.Conv2D(2, 3)),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(3),
        ]
    )
    short = x.copy()
    short[:, 2:] = 0
    other = x.copy()
    other[:, 2:] = 0
    np.testing.assert_array_equal(model(short), model(other))
    model.compile("adam", "mse")
    history = model.fit(x, data(6, 3), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    with pytest.raises(TypeError, match="expected a layer"):
        layers.TimeDistributed(3)


@pytest.mark.parametrize(
    ("layer", "shape", "number"),
    [
        (layers.Bidirectional(layers.LSTM(3)), (None, 4, 5), 6),
        (layers.Bidirectional(layers.RNN(layers.GRUCell(3))), (None, None, 5), 6),
        (layers.TimeDistributed(layers.Dense(3)), (None, 4, 5), 2),
        (layers.TimeDistributed(layers.Conv2D(3, 2)), (None, 4, 5, 5, 1), 2),
    ],
)
def test_build_makes_the_weights_of_what_is_wrapped(layer, shape, number):
    layer.build(shape)
    before = layer.get_weights()
    assert len(before) == number
    layer(np.ones((2, *(n or 4 for n in shape[1:]))))
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
