"""Plans of a model take turns in one block of memory: it is as large as the largest, and changes no bit."""

import threading

import numpy as np
import pytest

import fastnn
from fastnn import layers

BATCH, TOKENS = 12, 30
LENGTHS = (3, 17, 6, 25, 9)
rng = np.random.default_rng(0)
TEXTS = {n: rng.integers(1, TOKENS, (BATCH, n)).astype("int32") for n in LENGTHS}


class Own(layers.RNN):
    """A loop over steps whose body is a graph of its own."""

    def __init__(self):
        super().__init__([layers.LSTMCell(9), layers.GRUCell(8, dropout=0.2)], return_sequences=True)


def network(kind="lstm", dtype="float32"):
    fastnn.utils.set_random_seed(4)
    inputs = fastnn.Input((None,), dtype="int32")
    x = layers.Embedding(TOKENS, 16, mask_zero=kind != "convolution", dtype=dtype)(inputs)
    if kind == "lstm":
        x = layers.LSTM(24, return_sequences=True, recurrent_constraint="max_norm", dtype=dtype)(x)
    elif kind == "attention":
        x = layers.MultiHeadAttention(2, 8, dropout=0.1, dtype=dtype)(x, x)
        x = layers.LayerNormalization(dtype=dtype)(x)
    elif kind == "convolution":
        x = layers.Conv1D(12, 3, padding="same", dtype=dtype)(x)
        x = layers.Activation("gelu", dtype=dtype)(layers.BatchNormalization(dtype=dtype)(x))
    else:
        x = Own()(x)
    x = layers.Dropout(0.1, dtype=dtype)(x)
    model = fastnn.Model(inputs, layers.Dense(TOKENS, dtype=dtype)(x))
    loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, weighted_metrics=["accuracy"])
    return model


def work(model, between=lambda model: None, lengths=LENGTHS):
    """Train, evaluate and predict with these lengths; return all that came of it."""
    found = []
    for _ in range(2):
        for n in lengths:
            found.append(model.train_on_batch(TEXTS[n], TEXTS[n]))
            between(model)
            found.append(model.predict(TEXTS[n], verbose=0))
            between(model)
        for n in lengths:
            found.append(model.evaluate(TEXTS[n], TEXTS[n], batch_size=8, verbose=0))
            between(model)
    return [*found, *model.get_weights()]


def alone(kind="lstm", dtype="float32"):
    model = network(kind, dtype)
    model._arenas = None  # whoever runs has memory of its own
    return work(model)


def assert_same(found, expected):
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def held(model):
    return model._arenas.bytes, model._arenas.count


def test_memory_grows_to_the_largest_alone():
    longest, model = network(), network()
    work(longest, lengths=[25])
    assert longest._arenas.count == 1
    work(model)
    assert held(model) == held(longest)
    assert len(model._loops) == 2 * len(LENGTHS)
    model.compile("adam", "mse")
    assert held(model) == (0, 0)


@pytest.mark.parametrize("kind", ["lstm", "attention", "convolution", "loop"])
def test_the_bits_are_those_without_sharing(kind):
    assert_same(work(network(kind)), alone(kind))


def test_float64_too():
    assert_same(work(network("lstm", "float64")), alone("lstm", "float64"))


@pytest.mark.parametrize("kind", ["lstm", "attention", "convolution", "loop"])
def test_nothing_that_another_run_left_is_read(kind):
    assert_same(work(network(kind), lambda model: model._arenas.fill(0xFF)), work(network(kind)))


def test_functions_keep_packed_parameters_elsewhere():
    """A dense layer of many units in rows packs its kernel once, until it changes."""
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((64,)), layers.Dense(512, "relu"), layers.Dense(512)])
    model.compile("sgd", "mse")
    x = rng.normal(size=(64, 64)).astype("float32")
    function = model._prediction_function([x])[0]
    expected = model.predict(x, verbose=0)
    for value in (0xFF, 0):
        model._arenas.fill(value)
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_allclose(model.predict(x, verbose=0), 4 * expected, rtol=1e-5)
    assert "kept" in function.describe(64)


def test_states_survive():
    def made(between=lambda model: None):
        fastnn.utils.set_random_seed(0)
        inputs = fastnn.Input((None, 3), batch_size=4)
        model = fastnn.Model(inputs, layers.GRU(5, stateful=True, return_sequences=True)(inputs))
        model.compile("sgd", "mse")
        found = []
        for n in (2, 7, 3):
            x = np.full((4, n, 3), 0.3, "float32")
            found.append(model.predict(x, verbose=0))
            between(model)
            found.append(model.train_on_batch(x, np.zeros((4, n, 5), "float32")))
            between(model)
        return [*found, *model.get_weights()]

    assert_same(made(lambda model: model._arenas.fill(0xFF)), made())


def test_failures_on_the_way_leave_the_memory_usable():
    expected = work(network())
    model = network()
    wrong = np.full((BATCH, 9), TOKENS, "int32")

    def fail(model):
        with pytest.raises(ValueError, match=f"got class or id {TOKENS}"):
            model.evaluate(TEXTS[9], wrong, verbose=0)
        with pytest.raises(ValueError, match=f"got class or id {TOKENS}"):
            model.predict(wrong, verbose=0)

    assert_same(work(model, fail), expected)
    assert model._arenas.count == 1


def test_a_loss_that_is_not_finite():
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((None, 2)), layers.LSTM(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    good, bad = np.ones((4, 3, 2), "float32"), np.full((4, 8, 2), np.nan, "float32")
    y = np.zeros((4, 1), "float32")
    model.train_on_batch(good, y)
    before = model.get_weights()
    for _ in range(2):
        with pytest.raises(fastnn.errors.NonFiniteLossError, match="holds nan in sample 0"):
            model.train_on_batch(bad, y)
    assert_same(model.get_weights(), before)
    assert model._arenas.count == 1
    assert np.isfinite(model.train_on_batch(good, y))


def test_hooks_within_a_step_may_predict_and_evaluate():
    expected = network()
    expected.fit(TEXTS[9], TEXTS[9], batch_size=4, epochs=2, verbose=0)
    model = network()
    seen = []

    def hook(gradients):
        seen.append(model.predict(TEXTS[25], verbose=0))
        seen.append(model.evaluate(TEXTS[9], TEXTS[9], verbose=0))

    model.fit(TEXTS[9], TEXTS[9], batch_size=4, epochs=2, verbose=0, transform_gradients=hook)
    assert len(seen) == 12
    assert_same(model.get_weights(), expected.get_weights())
    assert model._arenas.count == 2


def test_a_step_within_a_step_is_an_error():
    model = network()

    def hook(gradients):
        model.train_on_batch(TEXTS[3], TEXTS[3])

    with pytest.raises(RuntimeError, match="started by a callback of the same run"):
        model.fit(TEXTS[9], TEXTS[9], verbose=0, transform_gradients=hook)
    model.fit(TEXTS[9], TEXTS[9], verbose=0)


def in_threads(*works):
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_threads_that_evaluate_and_predict_at_once():
    model = network()
    expected = {n: model.evaluate(TEXTS[n], TEXTS[n], verbose=0) for n in LENGTHS}
    outputs = {n: model.predict(TEXTS[n], verbose=0) for n in LENGTHS}

    def looks(first):
        def look():
            for n in (LENGTHS[first:] + LENGTHS[:first]) * 10:
                assert model.evaluate(TEXTS[n], TEXTS[n], verbose=0) == expected[n]
                np.testing.assert_array_equal(model.predict(TEXTS[n], verbose=0), outputs[n])

        return look

    in_threads(looks(0), looks(0), looks(2), looks(3))


def test_threads_that_train_one_model_take_turns():
    model = network()

    def train(n):
        return lambda: model.fit(TEXTS[n], TEXTS[n], batch_size=4, epochs=10, verbose=0)

    in_threads(train(3), train(3), train(9))
    assert model.optimizer.iterations == 90
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_prediction_beside_training():
    expected = network()
    expected.fit(TEXTS[25], TEXTS[25], batch_size=4, epochs=20, verbose=0)
    model = network()
    done = threading.Event()

    def fit():
        model.fit(TEXTS[25], TEXTS[25], batch_size=4, epochs=20, verbose=0)
        done.set()

    def predict():
        while not done.is_set():
            assert np.isfinite(model.predict(TEXTS[17], verbose=0)).all()

    in_threads(fit, predict)
    assert_same(model.get_weights(), expected.get_weights())
