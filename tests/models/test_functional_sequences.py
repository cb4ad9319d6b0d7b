"""Sequence layers in functional models: states handed on, masks, stateful layers, parts by themselves."""

import numpy as np

import fastnn
from fastnn import Input, Model, layers, ops

RANDOM = np.random.default_rng(12)
WORDS, WIDTH = 12, 6


def loaded(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    return fastnn.load_model(tmp_path / "m.safetensors")


def test_encoder_and_decoder(tmp_path):
    first, second = Input((None,), name="first"), Input((None,), name="second")
    embed = layers.Embedding(WORDS, 5, mask_zero=True, name="embed")
    _, *state = layers.LSTM(WIDTH, return_state=True, name="encoder")(embed(first))
    decoder = layers.LSTM(WIDTH, return_sequences=True, return_state=True, name="decoder")
    head = layers.Dense(WORDS, activation="softmax", name="head")
    steps, *_ = decoder(embed(second), initial_state=state)
    model = Model([first, second], head(steps))
    assert model.output_shape == (None, None, WORDS)
    model.compile(fastnn.optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    a = RANDOM.integers(1, WORDS, (48, 4))
    b = np.concatenate([np.ones((48, 1), int), a[:, :-1]], axis=1)
    history = model.fit([a, b], a, epochs=30, batch_size=16, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    whole = model.predict([a, b], verbose=0)
    np.testing.assert_array_equal(loaded(model, tmp_path).predict([a, b], verbose=0), whole)
    # The same, a step at a time, by two models made of its parts.
    encoder = Model(first, state)
    given = [Input((WIDTH,)), Input((WIDTH,))]
    step, *after = decoder(embed(second), initial_state=given)
    one = loaded(Model([second, *given], [head(step), *after]), tmp_path)
    state = encoder.predict(a, verbose=0)
    for t in range(4):
        made, *state = one.predict([b[:, t : t + 1], *state], verbose=0)
        np.testing.assert_allclose(made[:, 0], whole[:, t], rtol=1e-4, atol=1e-6)
    # Padding behind the first sequence changes nothing.
    padded = np.concatenate([a, np.zeros((48, 3), int)], axis=1)
    np.testing.assert_allclose(model.predict([padded, b], verbose=0), whole, rtol=1e-4, atol=1e-6)


def test_stateful_layers_keep_their_batch_size(tmp_path):
    x = Input(batch_shape=(4, 6, 3))
    model = Model(x, layers.Dense(1)(layers.LSTM(5, stateful=True)(x)))
    data = RANDOM.normal(size=(4, 6, 3))
    assert not np.array_equal(model.predict(data, verbose=0), model.predict(data, verbose=0))
    other = loaded(model, tmp_path)
    np.testing.assert_array_equal(other.predict(data, verbose=0), model.predict(data, verbose=0))
    assert fastnn.models.clone_model(model).inputs[0].batch_size == 4


def test_attention_and_ops_between_layers(tmp_path):
    query, value = Input((None, 8)), Input((5, 8))
    attended = layers.MultiHeadAttention(2, 4)(query, value)
    out = 2.0 * ops.relu(layers.LayerNormalization()(attended + query))
    model = Model([query, value], {"all": out, "first": out[:, 0]})
    assert model.output_shape == {"all": (None, None, 8), "first": (None, 8)}
    x = [RANDOM.normal(size=(3, 6, 8)), RANDOM.normal(size=(3, 5, 8))]
    made, again = model.predict(x, verbose=0), loaded(model, tmp_path).predict(x, verbose=0)
    for name in ("all", "first"):
        np.testing.assert_array_equal(made[name], again[name])
    np.testing.assert_array_equal(made["all"][:, 0], made["first"])


def test_two_models_against_each_other():
    maker = fastnn.Sequential([Input((2,)), layers.Dense(4, "relu"), layers.Dense(3)], name="maker")
    judge = fastnn.Sequential(
        [Input((3,)), layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")], name="judge"
    )
    judge.compile("adam", "binary_crossentropy")
    noise = Input((2,))
    both = Model(noise, judge(maker(noise)))
    both.compile("adam", "binary_crossentropy")
    for _ in range(3):
        z = RANDOM.normal(size=(16, 2))
        judge.trainable = True
        before = [w.copy() for w in (*maker.get_weights(), *judge.get_weights())]
        judge.train_on_batch(maker.predict(z, verbose=0), np.zeros((16, 1)))
        between = [w.copy() for w in (*maker.get_weights(), *judge.get_weights())]
        judge.trainable = False
        both.train_on_batch(z, np.ones((16, 1)))
        after = [*maker.get_weights(), *judge.get_weights()]
        for i, (p, q, r) in enumerate(zip(before, between, after, strict=True)):
            of_maker = i < len(maker.weights)
            assert np.array_equal(p, q) == of_maker
            assert np.array_equal(q, r) != of_maker
    assert (judge.optimizer.iterations, both.optimizer.iterations) == (3, 3)


def test_a_variational_autoencoder():
    class Sampling(layers.Layer):
        def call(self, inputs):
            mean, log_variance = inputs
            divergence = ops.exp(log_variance) + mean * mean - 1.0 - log_variance
            self.add_loss(0.01 * ops.sum(divergence, axis=-1))
            return mean + ops.exp(0.5 * log_variance)

    x = Input((10,))
    hidden = layers.Dense(8, activation="relu")(x)
    mean, spread = layers.Dense(2, name="mean")(hidden), layers.Dense(2, name="spread")(hidden)
    model = Model(x, layers.Dense(10)(Sampling()([mean, spread])))
    model.compile(fastnn.optimizers.Adam(0.01), "mse")
    data = RANDOM.normal(size=(64, 2)) @ RANDOM.normal(size=(2, 10))
    history = model.fit(data, data, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.4 * history[0]
    m, s = (v.astype("float64") for v in Model(x, [mean, spread]).predict(data, verbose=0))
    expected = np.mean((model.predict(data, verbose=0) - data) ** 2)
    expected += 0.01 * np.mean(np.sum(np.exp(s) + m * m - 1 - s, axis=1))
    np.testing.assert_allclose(model.evaluate(data, data, verbose=0), expected, rtol=1e-4)
