"""Recurrent layers with activations that the fused ops have not: step by step, and otherwise the same."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops
from fastnn.layers import recurrent

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 5, 3))
MASK = np.arange(5) < np.array([[5], [3], [0], [4]])
KINDS = [layers.LSTM, layers.GRU, layers.SimpleRNN]


def both_ways(make, call, monkeypatch):
    """What the fused op gives, and what the scan gives with the same weights."""
    fused = make()
    expected = call(fused)
    with monkeypatch.context() as patch:
        patch.setattr(recurrent, "_FUSED", ())
        stepped = make()
        call(stepped)
        stepped.set_weights(fused.get_weights())
        found = call(stepped)
    return [np.asarray(a) for a in leaves(expected)], [np.asarray(a) for a in leaves(found)]


def leaves(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_give_what_the_fused_op_gives(kind, backwards, sequences, masked, monkeypatch):
    options = {"return_sequences": sequences, "return_state": True, "go_backwards": backwards}
    state = [RNG.normal(size=(4, 2)) for _ in range(2 if kind is layers.LSTM else 1)]
    expected, found = both_ways(
        lambda: kind(2, dtype="float64", **options),
        lambda layer: layer(X, mask=MASK if masked else None, initial_state=state),
        monkeypatch,
    )
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_bidirectional_layer(kind, monkeypatch):
    expected, found = both_ways(
        lambda: layers.Bidirectional(kind(2, return_sequences=True, dtype="float64"), dtype="float64"),
        lambda layer: layer(X),
        monkeypatch,
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10, atol=1e-12)


def test_the_reset_before_the_product(monkeypatch):
    expected, found = both_ways(
        lambda: layers.GRU(2, reset_after=False, dtype="float64"), lambda layer: layer(X), monkeypatch
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-10, atol=1e-12)


def softsquare(x):
    return x / (1 + ops.square(x))


@pytest.mark.parametrize("activation", ["gelu", "hard_tanh", softsquare])
def test_simple_rnn_with_any_activation(activation):
    layer = layers.SimpleRNN(2, activation=activation, return_sequences=True, dtype="float64")
    function = fastnn.activations.get(activation)
    found = layer(X)
    kernel, recurrent_kernel, bias = layer.get_weights()
    state = np.zeros((4, 2))
    for t in range(5):
        state = np.asarray(function(X[:, t] @ kernel + state @ recurrent_kernel + bias))
        np.testing.assert_allclose(found[:, t], state, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_they_train_with_dropout_and_keep_states(kind):
    fastnn.utils.set_random_seed(1)
    model = fastnn.Sequential(
        [
            fastnn.Input((5, 3), batch_size=4),
            kind(6, activation="hard_tanh", dropout=0.1, recurrent_dropout=0.1, stateful=True),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(X, X[:, 0, :1], epochs=40, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    model.reset_states()
    first = model.predict(X, verbose=0)
    assert np.abs(model.predict(X, verbose=0) - first).max() > 0
