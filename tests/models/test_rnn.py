"""Cells and `RNN`, against plain NumPy, and against the same steps written out one by one."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import reference_recurrent
from models.graph_gradients import assert_weight_gradients, draw, gradients_of, random, randomised

import fastnn
from fastnn import layers, ops
from fastnn.tensor import apply

# -------------------------------------------------------------------------------- NumPy


def lstm(cell, x, mask=None, states=(None, None), reverse=False):
    kernel, recurrent, bias = cell.get_weights()
    h, c = states
    return reference_recurrent.lstm(
        x @ kernel + bias, recurrent, h, c, mask, reverse=reverse, processed_order=True
    )[1]


def gru(cell, x, mask=None, states=(None,), reverse=False):
    kernel, recurrent, bias = cell.get_weights()
    after = cell.reset_after
    result = reference_recurrent.gru(
        x @ kernel + (0 if after else bias), recurrent, bias if after else None, states[0], mask,
        reverse=reverse, processed_order=True, reset_after=after,
    )  # fmt: skip
    return result[1]


def simple_rnn(cell, x, mask=None, states=(None,), reverse=False):
    kernel, recurrent, bias = cell.get_weights()
    result = reference_recurrent.simple_rnn(
        x @ kernel + bias, recurrent, states[0], mask, reverse=reverse, processed_order=True
    )
    return result[1]


CELLS = {
    "lstm": (lambda **k: layers.LSTMCell(4, **k), lstm),
    "gru": (lambda **k: layers.GRUCell(4, **k), gru),
    "gru reset before": (lambda **k: layers.GRUCell(4, reset_after=False, **k), gru),
    "simple": (lambda **k: layers.SimpleRNNCell(4, **k), simple_rnn),
}


@pytest.fixture(params=CELLS)
def kind(request):
    return CELLS[request.param]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_against_numpy(kind, dtype, masked, backwards):
    make, reference = kind
    cell = make(dtype=dtype)
    layer = layers.RNN(cell, return_sequences=True, go_backwards=backwards, dtype=dtype)
    x, mask = draw(37, 5, 3), random.random((37, 5)) < 0.6
    layer.build((None, 5, 3))
    randomised(layer)
    states = [draw(37, 4) for _ in range(cell.states)]
    given = {"mask": mask} if masked else {}
    found = layer(x.astype(dtype), initial_state=[s.astype(dtype) for s in states], **given)
    expected = reference(cell, x, mask if masked else None, states, backwards)
    np.testing.assert_allclose(found, expected, atol=1e-6 if dtype == "float32" else 1e-13)


def test_last_output_and_states(kind):
    make, _ = kind
    sequence = layers.RNN(make(name="cell"), return_sequences=True, return_state=True)
    last = layers.RNN(make(name="cell"), return_state=True)
    x, mask = draw(6, 5, 3, dtype="float32"), np.arange(5) < np.arange(6)[:, None]
    whole = sequence(x)
    last.build(x.shape)
    last.set_weights(sequence.get_weights())
    for given in ({}, {"mask": mask}):
        whole, single = sequence(x, **given), last(x, **given)
        np.testing.assert_array_equal(whole[0][:, -1], single[0])
        for a, b in zip(whole[1:], single[1:], strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(whole[1][1], sequence(x[:, :1])[1][1])  # one step of sample 1 counts
    assert not whole[0][0].any()  # nothing counts: zeros


def test_zero_output_for_mask():
    cell = layers.SimpleRNNCell(4)
    plain = layers.RNN(cell, return_sequences=True)
    zero = layers.RNN(cell, return_sequences=True, zero_output_for_mask=True)
    x, mask = draw(3, 5, 2, dtype="float32"), random.random((3, 5)) < 0.5
    expected = np.where(mask[..., None], plain(x, mask=mask), 0)
    np.testing.assert_array_equal(zero(x, mask=mask), expected)


def test_single_step_on_arrays():
    cell = layers.LSTMCell(4)
    x, h, c = draw(3, 2, dtype="float32"), draw(3, 4, dtype="float32"), draw(3, 4, dtype="float32")
    output, (new_h, new_c) = cell(x, [h, c])
    found = layers.RNN(cell, return_state=True)(x[:, None], initial_state=[h, c])
    for a, b in zip(found, (output, new_h, new_c), strict=True):
        np.testing.assert_array_equal(a, b)


def test_forget_bias():
    layer = layers.RNN(layers.LSTMCell(3))
    layer.build((None, 4, 2))
    bias = layer.get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 3))


# -------------------------------------------------------------------------------- gradients


class Unrolled(layers.Layer):
    """The cell's steps one by one."""

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell

    def call(self, inputs):
        states = [
            apply("scale_shift", [ops.matmul(inputs[:, 0], np.zeros((inputs.shape[2], n)))], {"scale": 0.0})
            for n in self.cell.state_size
        ]
        for t in range(inputs.shape[1]):
            output, states = self.cell(inputs[:, t], states)
        return output


def test_gradients_like_unrolled():
    cell = layers.StackedRNNCells([layers.LSTMCell(4, dtype="float64")], dtype="float64")
    inner = layers.LSTMCell(4, dtype="float64")
    x = draw(5, 6, 3)
    scanned, looped = layers.RNN(cell, dtype="float64"), Unrolled(inner, dtype="float64")
    scanned(x), looped(x)
    randomised(scanned)
    inner.set_weights(scanned.get_weights())
    first, weights = gradients_of(scanned, x)
    second, others = gradients_of(looped, x)
    order = [[w.name for w in others].index(w.name) for w in weights]
    a, b = first.run([x]), second.run([x])
    b = [*b[:2], *(b[2 + i] for i in order)]
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-12)


STACKS = {
    "lstm on gru": lambda: layers.StackedRNNCells(
        [layers.LSTMCell(4, dtype="float64"), layers.GRUCell(3, reset_after=False, dtype="float64")],
        dtype="float64",
    ),
    "gru": lambda: layers.GRUCell(4, dtype="float64"),
    "dropout": lambda: layers.LSTMCell(4, dropout=0.3, recurrent_dropout=0.3, dtype="float64"),
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("steps", [1, 4])
def test_gradients_by_differences(stack, steps):
    layer = layers.RNN(STACKS[stack](), dtype="float64")
    x = draw(3, steps, 2)
    layer(x)
    randomised(layer)
    function, found = assert_weight_gradients(layer, x, training=stack == "dropout", rel=1e-7)
    direction = draw(*x.shape)
    values = [float(function.run([x + distance * direction], seed=3)[0]) for distance in (1e-5, -1e-5)]
    numeric = (values[0] - values[1]) / 2e-5
    assert np.sum(found[1] * direction) == pytest.approx(numeric, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("samples", [1, 31, 33, 70])
def test_threads_give_the_same_bits(samples):
    layer = layers.RNN([layers.LSTMCell(17), layers.GRUCell(5)])
    x = draw(samples, 4, 3, dtype="float32")
    layer(x)
    function, _ = gradients_of(layer, x)
    first = function.run([x], threads=1)
    for threads in (2, 3):
        for a, b in zip(first, function.run([x], threads=threads), strict=True):
            assert a.tobytes() == b.tobytes()


def test_dropout_is_the_same_at_each_step():
    cell = layers.SimpleRNNCell(8, activation="linear", use_bias=False, recurrent_initializer="zeros",
                                kernel_initializer="identity", dropout=0.5)  # fmt: skip
    layer = layers.RNN(cell, return_sequences=True)
    found = layer(np.ones((4, 6, 8), "float32"), training=True)
    assert set(np.unique(found)) == {0.0, 2.0}
    assert (found == found[:, :1]).all()
    assert len(np.unique(found[:, 0], axis=0)) > 1  # other patterns for other samples


# -------------------------------------------------------------------------------- models


@fastnn.saving.register
class CountingCell(layers.Layer):
    """A cell of one's own: two states, one of them a count."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, 1]

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.rate = self.add_weight((self.units,), "zeros", name="rate")

    def call(self, inputs, states):
        value, count = states
        rate = fastnn.activations.sigmoid(ops.add(self.rate, value * 0.0))
        value = value * rate + ops.matmul(inputs, self.kernel)
        return ops.concatenate([ops.tanh(value), count], axis=-1), [value, count + 1.0]


def test_custom_cell_is_trained_saved_and_loaded(tmp_path):
    model = fastnn.Sequential(
        [fastnn.Input((6, 2)), layers.RNN(CountingCell(5), name="rnn"), layers.Dense(1, name="head")]
    )
    assert model.layers[0].compute_output_shape((None, 6, 2)) == (None, 6)
    model.compile(fastnn.optimizers.Adam(0.02), "mse")
    x = draw(200, 6, 2, dtype="float32")
    y = x.sum((1, 2))
    losses = model.fit(x, y, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]
    model.save(tmp_path / "model.safetensors")
    again = fastnn.saving.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
    assert sorted(again.named_weights()) == sorted(model.named_weights())


def test_config_round_trip():
    layer = layers.RNN(
        [layers.LSTMCell(4, activation="relu", dropout=0.25), layers.GRUCell(3, reset_after=False)],
        return_sequences=True, go_backwards=True, name="rnn",
    )  # fmt: skip
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.cell.cells[0].activation is fastnn.activations.relu


def test_functional_model_with_states():
    x = fastnn.Input((5, 3))
    output, h, c = layers.RNN(layers.LSTMCell(4), return_state=True)(x)
    decoded = layers.RNN(layers.LSTMCell(4), return_sequences=True)(x, initial_state=[h, c])
    model = fastnn.Model(x, [output, decoded])
    first, second = model.predict(draw(3, 5, 3, dtype="float32"), verbose=0)
    assert first.shape == (3, 4)
    assert second.shape == (3, 5, 4)


def test_penalties_of_weights_within_count():
    layer = layers.RNN(layers.LSTMCell(3, recurrent_regularizer="l2"), name="rnn")
    model = fastnn.Sequential([fastnn.Input((4, 2)), layer])
    model.compile("sgd", "mse")
    x, y = draw(8, 4, 2, dtype="float32"), np.zeros((8, 3))
    expected = np.mean(model.predict(x, verbose=0) ** 2) + 0.01 * np.sum(layer.get_weights()[1] ** 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_sequences_of_any_length():
    x = fastnn.Input((None, 3))
    model = fastnn.Model(x, layers.RNN(layers.GRUCell(2), return_sequences=True)(x))
    assert model.output_shape == (None, None, 2)
    values = draw(4, 7, 3, dtype="float32")
    whole = model.predict(values, verbose=0)
    np.testing.assert_array_equal(model.predict(values[:, :3], verbose=0), whole[:, :3])


def test_many_threads_may_predict_at_once():
    model = fastnn.Sequential([fastnn.Input((6, 3)), layers.RNN(layers.LSTMCell(9))])
    x = draw(100, 6, 3, dtype="float32")
    expected = model.predict(x, verbose=0)
    with ThreadPoolExecutor(6) as pool:
        for found in pool.map(lambda _: model.predict_on_batch(x), range(40)):
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_bad_arguments():
    with pytest.raises(ValueError, match="time_major=True is not supported"):
        layers.RNN(layers.GRUCell(3), time_major=True)
    with pytest.raises(TypeError, match="expected a cell, .* got <Dense"):
        layers.RNN(layers.Dense(3))
    layer = layers.RNN(layers.GRUCell(3))
    with pytest.raises(ValueError, match=r"mask must have shape \(None, 4\), .* got \(None, 5\)"):
        layer(np.zeros((2, 4, 3)), mask=np.ones((2, 5)))
    with pytest.raises(ValueError, match="expected 1 initial states, got 2"):
        layer(np.zeros((2, 4, 3)), initial_state=[np.zeros((2, 3)), np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"initial state 0 must have shape \(None, 3\), got \(None, 2\)"):
        layer(np.zeros((2, 4, 3)), initial_state=[np.zeros((2, 2))])
    with pytest.raises(ValueError, match="rank"):
        layer(np.zeros((2, 4)))


class BadCell(layers.Layer):
    def __init__(self, state_size, function, **kwargs):
        super().__init__(**kwargs)
        self.state_size, self.function = state_size, function

    def call(self, inputs, states):
        return self.function(inputs, states)


@pytest.mark.parametrize(
    "state_size, function, error, message",
    [
        (2, lambda x, states: None, TypeError, "BadCell 'bad': call must return tensors.* returned nothing"),
        (2, lambda x, states: (np.zeros(3), states), TypeError, "BadCell 'bad': .* returned a ndarray"),
        (2, lambda x, states: (x, [ops.concatenate([x, x], axis=-1)]), ValueError,
         r"RNN 'rnn'.*carry\['states'\] begins as \(None, 2\).* returns \(None, 6\)"),
        ([2, 2], lambda x, states: (x, states[:1]), ValueError, "'bad': got 2 states, but returned 1"),
        (2, lambda x, states: x, TypeError, "BadCell 'bad': a cell's call must return .output, new states."),
    ],
)  # fmt: skip
def test_bad_cells(state_size, function, error, message):
    with pytest.raises(error, match=message):
        layers.RNN(BadCell(state_size, function, name="bad"), name="rnn")(np.zeros((2, 4, 3), "float32"))


def test_empty_sequences_are_refused():
    with pytest.raises(ValueError, match=r"RNN 'rnn'.*\(2, 0, 3\)"):
        layers.RNN(layers.GRUCell(2), name="rnn")(np.zeros((2, 0, 3)))


def test_sequences_that_are_masked_as_a_whole():
    layer = layers.RNN(layers.LSTMCell(2), return_state=True)
    x, h, c = np.ones((2, 4, 3), "float32"), draw(2, 2, dtype="float32"), draw(2, 2, dtype="float32")
    output, last_h, last_c = layer(x, initial_state=[h, c], mask=np.zeros((2, 4), bool))
    assert not output.any()
    np.testing.assert_array_equal(last_h, h)
    np.testing.assert_array_equal(last_c, c)


# -------------------------------------------------------------------------------- beside the fused layers

FUSED = {
    "lstm": (layers.LSTM, layers.LSTMCell, {}),
    "gru": (layers.GRU, layers.GRUCell, {}),
    "gru reset before": (layers.GRU, layers.GRUCell, {"reset_after": False}),
    "simple": (layers.SimpleRNN, layers.SimpleRNNCell, {}),
}


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_like_the_fused_layer(name, masked, backwards):
    fused, cell, options = FUSED[name]
    shared = {"return_sequences": True, "return_state": True, "go_backwards": backwards, "dtype": "float64"}
    whole = fused(6, **options, **shared)
    steps = layers.RNN(cell(6, dtype="float64", **options), **shared)
    x, mask = draw(19, 5, 3), random.random((19, 5)) < 0.6
    given = {"mask": mask} if masked else {}
    whole(x), steps(x)
    steps.set_weights(randomised(whole).get_weights())
    for a, b in zip(whole(x, **given), steps(x, **given), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)
    gradients = []
    for layer in (whole, steps):
        function, weights = gradients_of(layer, x)
        named = dict(zip(["loss", "x", *(w.name for w in weights)], function.run([x]), strict=True))
        gradients.append([named[key] for key in sorted(named)])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_masks_arrive_from_layers_before():
    ids = np.array([[1, 2, 0, 0], [3, 0, 2, 1]])
    embedding = layers.Embedding(4, 3, mask_zero=True)
    rnn = layers.RNN(layers.GRUCell(2), return_sequences=True)
    model = fastnn.Sequential([fastnn.Input((4,), dtype="int32"), embedding, rnn])
    expected = rnn(embedding(ids), mask=ids != 0)
    np.testing.assert_array_equal(model.predict(ids, verbose=0), expected)
    np.testing.assert_array_equal(expected[0, 2:], expected[0, [1, 1]])


def test_stateful():
    cell = layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])
    rnn = layers.RNN(cell, stateful=True, return_sequences=True)
    model = fastnn.Sequential([fastnn.Input((4, 2), batch_size=5), rnn])
    x = draw(5, 8, 2, dtype="float32")
    expected = layers.RNN(cell, return_sequences=True)(x)
    for _ in range(2):
        halves = [rnn(x[:, :4], training=False), rnn(x[:, 4:], training=False)]
        np.testing.assert_allclose(np.concatenate(halves, 1), expected, rtol=1e-6)
        rnn.reset_states()
    assert [w.shape for w in rnn._kept] == [(5, 3), (5, 3), (5, 2)]
    model.compile("sgd", "mse")
    model.fit(x[:, :4], np.zeros((5, 4, 2), "float32"), batch_size=5, verbose=0)
    assert all(np.any(w.numpy()) for w in rnn._kept)
    again = layers.deserialize(layers.serialize(rnn))
    assert again.stateful


def test_stateful_needs_a_batch_size():
    with pytest.raises(ValueError, match="stateful=True needs batches of a fixed number of samples"):
        fastnn.Sequential([fastnn.Input((4, 2)), layers.RNN(layers.GRUCell(2), stateful=True)])
