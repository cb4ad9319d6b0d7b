"""LSTM, GRU, SimpleRNN, Embedding and Masking as layers: shapes, states, masks, errors."""

import warnings

import numpy as np
import pytest
import reference_recurrent as reference

import fastnn
from fastnn import layers

KINDS = {
    "LSTM": (layers.LSTM, reference.lstm, 4, 2),
    "GRU": (layers.GRU, reference.gru, 3, 1),
    "SimpleRNN": (layers.SimpleRNN, reference.simple_rnn, 1, 1),
}


def expected(name, layer, x, states=(), mask=None, **settings):
    """Output and states from the plain reference."""
    kernel, recurrent, bias = (w.numpy() for w in layer.weights[:3])
    _, function, _, count = KINDS[name]
    given = [*states, *[None] * (count - len(states))]
    if name == "GRU" and bias.ndim == 2:
        found = function(x @ kernel, recurrent, bias, *given, mask=mask, **settings)
    elif name == "GRU":
        found = function(x @ kernel + bias, recurrent, None, *given, mask=mask, reset_after=False, **settings)
    else:
        found = function(x @ kernel + bias, recurrent, *given, mask=mask, **settings)
    return list(found[1 : 2 + count])


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_against_reference(name, sequences, backwards):
    layer = KINDS[name][0](
        5, return_sequences=sequences, return_state=True, go_backwards=backwards, dtype="float64"
    )
    x, states = data(6, 4, 3), [data(6, 5, seed=n) for n in range(KINDS[name][3])]
    mask = np.random.default_rng(5).random((6, 4)) < 0.6
    settings = {"reverse": backwards, "processed_order": True, "sequences": sequences}
    for given, shown in (([], None), (states, None), (states, mask), ([], mask)):
        found = layer(x, initial_state=given or None, mask=shown)
        for got, want in zip(found, expected(name, layer, x, given, shown, **settings), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-12)


def test_gru_without_reset_after():
    layer = layers.GRU(4, reset_after=False, dtype="float64")
    x = data(3, 5, 2)
    np.testing.assert_allclose(layer(x), expected("GRU", layer, x, sequences=False)[0], atol=1e-12)
    assert [w.shape for w in layer.weights] == [(2, 12), (4, 12), (12,)]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("LSTM", [(3, 20), (5, 20), (20,)]),
        ("GRU", [(3, 15), (5, 15), (2, 15)]),
        ("SimpleRNN", [(3, 5), (5, 5), (5,)]),
    ],
)
def test_weights_have_keras_names_and_shapes(name, shapes):
    layer = KINDS[name][0](5)
    layer(data(2, 4, 3))
    assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert [w.shape for w in layer.weights] == shapes
    if name == "LSTM":
        np.testing.assert_array_equal(layer.bias.numpy(), [0] * 5 + [1] * 5 + [0] * 10)


@pytest.mark.parametrize("name", KINDS)
def test_configuration(name):
    layer = KINDS[name][0](
        4, activation="relu", dropout=0.1, recurrent_dropout=0.2, return_sequences=True, return_state=True
    )
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.units == 4 and again.return_sequences and again.recurrent_dropout == 0.2
    assert layer.compute_output_shape((None, 7, 3))[0] == (None, 7, 4)


# ---- PyTorch's weights, in the order that the documentation gives; PyTorch's formulas written out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def torch_lstm(x, w_ih, w_hh, b_ih, b_hh):
    h = c = np.zeros((len(x), w_hh.shape[1]))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def torch_gru(x, w_ih, w_hh, b_ih, b_hh):
    h = np.zeros((len(x), w_hh.shape[1]))
    for t in range(x.shape[1]):
        r_x, z_x, n_x = np.split(x[:, t] @ w_ih.T + b_ih, 3, axis=1)
        r_h, z_h, n_h = np.split(h @ w_hh.T + b_hh, 3, axis=1)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        h = (1 - z) * np.tanh(n_x + r * n_h) + z * h
    return h


def test_weights_of_pytorch():
    x = data(3, 5, 2)
    lstm, gru = layers.LSTM(4, dtype="float64"), layers.GRU(4, dtype="float64")
    lstm(x)
    gru(x)
    weights = [data(16, 2), data(16, 4, seed=1), data(16, seed=2), data(16, seed=3)]
    lstm.set_weights([weights[0].T, weights[1].T, weights[2] + weights[3]])
    np.testing.assert_allclose(lstm(x), torch_lstm(x, *weights), atol=1e-12)
    weights = [data(12, 2), data(12, 4, seed=1), data(12, seed=2), data(12, seed=3)]
    blocks = [np.concatenate([w[4:8], w[:4], w[8:]]) for w in weights]
    gru.set_weights([blocks[0].T, blocks[1].T, np.stack(blocks[2:])])
    np.testing.assert_allclose(gru(x), torch_gru(x, *weights), atol=1e-12)


# ---- Masks


def test_padding_does_not_matter():
    ids = np.random.default_rng(0).integers(1, 9, (5, 7))
    ids[:, 4:] = 0
    model = fastnn.Sequential([layers.Embedding(9, 3, mask_zero=True), layers.GRU(4), layers.Dense(2)])
    np.testing.assert_array_equal(model(ids), model(ids[:, :4]))


def test_masks_pass_through_layers_that_hand_them_on():
    inner = fastnn.Sequential([layers.Dense(3), layers.Dropout(0.1), layers.LayerNormalization()])
    model = fastnn.Sequential([layers.Masking(), inner, layers.LSTM(4)])
    x = data(4, 6, 2).astype("float32")
    x[:, 3:] = 0
    np.testing.assert_array_equal(model(x), model(x[:, :3]))


def test_a_layer_that_loses_the_mask_says_so():
    model = fastnn.Sequential([layers.Embedding(9, 3, mask_zero=True), layers.Flatten(), layers.Dense(2)])
    with pytest.warns(UserWarning, match="Flatten.*does not hand masks on"):
        model(np.ones((2, 4), int))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastnn.Sequential([layers.Embedding(9, 3), layers.Flatten()])(np.ones((2, 4), int))


def test_loss_and_metrics_leave_padding_out():
    random = np.random.default_rng(0)
    ids, y = random.integers(0, 4, (9, 6)), random.integers(0, 3, (9, 6))
    weight = random.uniform(0.5, 1.5, (9, 6))
    model = fastnn.Sequential(
        [
            layers.Embedding(4, 3, mask_zero=True),
            layers.LSTM(4, return_sequences=True),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    probability = model(ids)
    losses = -np.log(np.take_along_axis(probability, y[..., None], 2)[..., 0])
    mask = ids != 0
    found = model.evaluate(ids, y, verbose=0)
    right = probability.argmax(-1) == y
    np.testing.assert_allclose(found, [losses[mask].mean(), right[mask].mean()], rtol=1e-5)
    found = model.evaluate(ids, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(found[0], (losses * weight)[mask].sum() / mask.sum(), rtol=1e-5)
    before = model.get_weights()
    model.fit(ids, np.where(mask, y, 0), epochs=1, verbose=0, shuffle=False)
    after = model.get_weights()
    model.set_weights(before)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(ids, np.where(mask, y, 2), epochs=1, verbose=0, shuffle=False)  # other labels of padding
    for a, b in zip(after, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_masked_as_a_whole():
    x = data(3, 4, 2)
    mask = np.ones((3, 4), bool)
    mask[1] = False
    layer = layers.LSTM(3, return_state=True, dtype="float64")
    start = [data(3, 3), data(3, 3, seed=1)]
    y, h, c = layer(x, initial_state=start, mask=mask)
    assert not y[1].any()
    np.testing.assert_array_equal(h[1], start[0][1])
    np.testing.assert_array_equal(c[1], start[1][1])


@pytest.mark.parametrize("layer", [layers.LSTM(3), layers.RNN(layers.GRUCell(3))])
def test_masks_of_wrong_shape(layer):
    with pytest.raises(ValueError, match=r"mask must have shape \(None, 4\), .* got \(None, 5\)"):
        layer(data(2, 4, 3), mask=np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"mask must have shape \(None, 4\)"):
        layer(data(2, 4, 3), mask=np.ones((2, 4, 1)))


# ---- States


@pytest.mark.parametrize("name", KINDS)
def test_stateful(name):
    kind = KINDS[name][0]
    model = fastnn.Sequential(
        [fastnn.Input((3, 2), batch_size=4), kind(5, stateful=True, return_sequences=True)]
    )
    whole = fastnn.Sequential([fastnn.Input((6, 2)), kind(5, return_sequences=True)])
    layer = model.layers[0]
    whole.set_weights([w.numpy() for w in layer.weights if w.name[:5] != "state"])
    x = data(4, 6, 2).astype("float32")
    want = whole.predict(x, verbose=0)
    for _ in range(2):
        parts = [model.predict(part, verbose=0) for part in (x[:, :3], x[:, 3:])]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), want, atol=1e-6)
        layer.reset_states()
    # Batches one after the other: rows 0-3, then 4-7.
    rows = np.concatenate([x[:, :3], x[:, 3:]])
    np.testing.assert_allclose(model.predict(rows, verbose=0)[4:], want[:, 3:], atol=1e-6)
    with pytest.raises(ValueError, match="keeps a state for each of 4 samples.*got a batch of 3"):
        model.predict(x[:3, :3], verbose=0)


def test_stateful_in_training_and_evaluation():
    model = fastnn.Sequential([fastnn.Input((3, 2), batch_size=4), layers.LSTM(5, stateful=True)])
    model.compile("sgd", "mse")
    x, y = data(8, 3, 2), data(8, 5)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    state = [w.numpy() for w in model.layers[0].weights[3:]]
    assert all(s.any() for s in state)
    model.layers[0].reset_states()
    model.evaluate(x, y, batch_size=4, verbose=0)
    assert all(w.numpy().any() for w in model.layers[0].weights[3:])
    model.layers[0].reset_states(state)
    np.testing.assert_array_equal(model.layers[0].weights[3].numpy(), state[0])
    with pytest.raises(ValueError, match="expected 2 states, got 1"):
        model.layers[0].reset_states(state[:1])


def test_stateful_needs_a_batch_size():
    with pytest.raises(ValueError, match="batches of a fixed number"):
        fastnn.Sequential([fastnn.Input((3, 2)), layers.LSTM(5, stateful=True)])
    with pytest.raises(ValueError, match="is for layers with stateful=True"):
        layers.LSTM(5).reset_states()


# ---- Dropout


@pytest.mark.parametrize("name", KINDS)
def test_dropout_is_for_training_and_the_same_at_each_step(name):
    layer = KINDS[name][0](40, dropout=0.5, recurrent_dropout=0.5, return_sequences=True, seed=3)
    x = np.ones((4, 6, 8), "float32")
    plain = layer(x)
    np.testing.assert_array_equal(plain, layer(x))
    fastnn.random.set_seed(1)
    first = layer(x, training=True)
    fastnn.random.set_seed(1)
    np.testing.assert_array_equal(first, layer(x, training=True))
    assert np.abs(first - plain).max() > 0.01
    assert np.isfinite(first).all()


# ---- Errors


def test_errors():
    with pytest.raises(ValueError, match=r"LSTM.*rank 3"):
        layers.LSTM(3)(data(2, 4))
    with pytest.raises(ValueError, match="expected 2 initial states, got 1"):
        layers.LSTM(3)(data(2, 4, 3), initial_state=data(2, 3))
    with pytest.raises(ValueError, match=r"initial state 0 must have shape \(None, 3\), got \(None, 4\)"):
        layers.GRU(3)(data(2, 4, 3), initial_state=data(2, 4))
    with pytest.raises(ValueError, match=r"empty array of shape \(2, 0, 3\)"):
        layers.LSTM(3)(np.zeros((2, 0, 3), "float32"))
    with pytest.raises(TypeError, match="return_sequences"):
        layers.LSTM(3, return_sequence=True)


def test_ids_out_of_range():
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Embedding(5, 2, name="words")])
    ids = np.zeros((6, 3), int)
    ids[4, 1] = 5
    with pytest.raises(ValueError, match=r"Embedding 'words'.*sample 4.*got class or id 5.*0 to 4"):
        model.predict(ids, verbose=0)
    model.compile("adam", "mse")
    before = model.get_weights()[0]
    with pytest.raises(ValueError, match=r"Embedding 'words'.*sample 4"):
        model.fit(ids, np.zeros((6, 3, 2)), batch_size=6, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_save_and_load(tmp_path):
    model = fastnn.Sequential(
        [
            fastnn.Input((6,)),
            layers.Embedding(9, 3, mask_zero=True),
            layers.GRU(4, return_sequences=True),
            layers.LSTM(3),
        ]
    )
    ids = np.random.default_rng(0).integers(0, 9, (5, 6))
    model.save(tmp_path / "model.safetensors")
    again = fastnn.saving.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.predict(ids, verbose=0), again.predict(ids, verbose=0))


def test_functional_model_with_states():
    tokens = fastnn.Input((5,), name="tokens")
    target = fastnn.Input((4, 2), name="target")
    _, h, c = layers.LSTM(6, return_state=True)(layers.Embedding(8, 3, mask_zero=True)(tokens))
    out = layers.LSTM(6, return_sequences=True)(target, initial_state=[h, c])
    model = fastnn.Model([tokens, target], layers.Dense(2)(out))
    model.compile("adam", "mse")
    x = [np.random.default_rng(0).integers(0, 8, (7, 5)), data(7, 4, 2)]
    history = model.fit(x, data(7, 4, 2, seed=1), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_masks_in_functional_models():
    tokens = fastnn.Input((5,))
    embedding, lstm = layers.Embedding(8, 3, mask_zero=True), layers.LSTM(4)
    model = fastnn.Model(tokens, lstm(layers.Dropout(0.2)(embedding(tokens))))
    ids = np.random.default_rng(0).integers(1, 8, (6, 5))
    ids[:, 3:] = 0
    np.testing.assert_array_equal(model.predict(ids, verbose=0), lstm(embedding(ids[:, :3])))
    x, mask = fastnn.Input((5, 2)), fastnn.Input((5,), dtype="bool")
    reader = layers.GRU(4)
    model = fastnn.Model([x, mask], reader(x, mask=mask))
    values = data(6, 5, 2).astype("float32")
    found = model.predict([values, ids != 0], verbose=0)
    np.testing.assert_allclose(found, reader(values[:, :3]), atol=1e-6)


def test_sequences_of_varying_length():
    model = fastnn.Sequential(
        [fastnn.Input((None,)), layers.Embedding(8, 3, mask_zero=True), layers.Bidirectional(layers.LSTM(4))]
    )
    ids = np.random.default_rng(0).integers(1, 8, (6, 5))
    short = model.predict(ids, verbose=0)
    padded = model.predict(np.pad(ids, ((0, 0), (0, 4))), verbose=0)
    np.testing.assert_allclose(short, padded, atol=1e-6)


def test_a_layer_of_sequences_behind_one_that_returns_its_last_step_says_how_to_mend_it():
    first, second = layers.LSTM(4, name="first"), layers.LSTM(4, name="second")
    with pytest.raises(ValueError, match=r"LSTM 'second': expected.*rank 3.*return_sequences=True"):
        fastnn.Sequential([fastnn.Input((5, 3)), first, second])


def test_states_are_kept_where_lengths_vary():
    inputs = fastnn.Input((None, 3), batch_size=4)
    hidden = layers.Dense(3)(layers.GRU(5, stateful=True, return_sequences=True)(inputs))
    model = fastnn.Model(inputs, layers.LSTM(5, stateful=True)(hidden))
    x = np.random.default_rng(0).normal(size=(4, 8, 3)).astype("float32")
    parts = [model.predict(part, verbose=0) for part in (x[:, :5], x[:, 5:])]
    model.reset_states()
    np.testing.assert_allclose(parts[-1], model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
