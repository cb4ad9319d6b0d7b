"""fit, evaluate and their relatives: what they compute, and what they say to bad input."""

import itertools
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastnn
from fastnn import _core, layers

rng = np.random.default_rng(0)
X = rng.normal(size=(70, 5)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("int64") + (X[:, 2] > 1).astype("int64")


def network(seed=0, dropout=0.0, norm=False, **compile_arguments):
    fastnn.utils.set_random_seed(seed)
    parts = [fastnn.Input((5,)), layers.Dense(16, activation="relu", name="first")]
    if norm:
        parts.append(layers.BatchNormalization())
    if dropout:
        parts.append(layers.Dropout(dropout))
    model = fastnn.Sequential([*parts, layers.Dense(3, activation="softmax", name="head")], name="net")
    compile_arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **compile_arguments}
    model.compile(metrics=["accuracy"], **compile_arguments)
    return model


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


# ---- What it computes ------------------------------------------------------------------------------------


def test_training_lowers_the_loss_and_keeps_a_history():
    history = network().fit(X, Y, epochs=60, batch_size=16, verbose=0, validation_split=0.2)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]
    assert len(history.epoch) == 60


def test_sgd_steps_are_those_of_numpy():
    fastnn.utils.set_random_seed(1)
    model = fastnn.Sequential([fastnn.Input((5,), dtype="float64"), layers.Dense(2, dtype="float64")])
    model.compile(fastnn.optimizers.SGD(0.1), "mse")
    kernel, bias = (w.copy() for w in model.get_weights())
    target = rng.normal(size=(70, 2))
    model.fit(X, target, batch_size=32, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for first in range(0, 70, 32):
            x, t = X[first : first + 32].astype("float64"), target[first : first + 32]
            d = 2 * (x @ kernel + bias - t) / t.size
            kernel, bias = kernel - 0.1 * x.T @ d, bias - 0.1 * d.sum(axis=0)
    for found, expected in zip(model.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 7, 16, 70, 1000])
def test_bits_do_not_depend_on_the_number_of_threads(batch_size):
    made = []
    before = fastnn.num_threads()
    try:
        for threads in (1, 2, 3, 4):
            fastnn.set_num_threads(threads)
            model = network(dropout=0.3, norm=True)
            history = model.fit(X, Y, epochs=3, batch_size=batch_size, verbose=0).history
            made.append((model, history))
    finally:
        fastnn.set_num_threads(before)
    for model, history in made[1:]:
        assert same(model, made[0][0])
        assert history == made[0][1]


def test_per_batch_callbacks_change_nothing():
    class Counter(fastnn.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            assert set(logs) == {"loss", "accuracy"}

    plain, watched, counter = network(dropout=0.2), network(dropout=0.2), Counter()
    a = plain.fit(X, Y, epochs=3, batch_size=16, verbose=0).history
    b = watched.fit(X, Y, epochs=3, batch_size=16, verbose=0, callbacks=[counter]).history
    assert counter.batches == 15
    assert same(plain, watched)
    assert a["accuracy"] == b["accuracy"]
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-12)


def test_five_and_five_epochs_are_ten(tmp_path):
    whole, half = network(dropout=0.2, norm=True), network(dropout=0.2, norm=True)
    ten = whole.fit(X, Y, epochs=10, batch_size=16, verbose=0).history
    five = half.fit(X, Y, epochs=5, batch_size=16, verbose=0).history
    half.save(tmp_path / "half.safetensors")
    loaded = fastnn.load_model(tmp_path / "half.safetensors")
    rest = loaded.fit(X, Y, epochs=10, initial_epoch=5, batch_size=16, verbose=0).history
    assert same(whole, loaded)
    assert five["loss"] + rest["loss"] == ten["loss"]


def test_iterables_of_batches_train_like_arrays():
    a, b = network(), network()
    a.fit(X, Y, epochs=2, batch_size=16, shuffle=False, verbose=0)
    batches = [(X[i : i + 16], Y[i : i + 16]) for i in range(0, 70, 16)]

    class Batches:
        def __len__(self):
            return len(batches)

        def __getitem__(self, i):
            return batches[i]

    b.fit(Batches(), epochs=2, verbose=0)
    assert same(a, b)


def test_one_batch_forms():
    a, b = network(), network()
    logs = a.train_on_batch(X, Y, return_dict=True)
    history = b.fit(X, Y, batch_size=70, epochs=1, shuffle=False, verbose=0).history
    assert logs["loss"] == history["loss"][0]
    assert same(a, b)
    assert a.test_on_batch(X, Y) == pytest.approx(a.evaluate(X, Y, batch_size=70, verbose=0))


def test_sample_and_class_weights():
    heavy = np.where(Y == 1, 3.0, 1.0)
    a, b = network(), network()
    a.fit(X, Y, epochs=2, sample_weight=heavy, verbose=0)
    b.fit(X, Y, epochs=2, class_weight={1: 3.0}, verbose=0)
    assert same(a, b)
    c = network()
    c.fit(X, Y, epochs=2, verbose=0)
    assert not same(a, c)


def test_frozen_layers_stay_as_they_are():
    model = network()
    model.get_layer("first").trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_gradients_can_be_transformed():
    seen = []

    def halve(gradients):
        seen.append([g.shape for g in gradients])
        for gradient in gradients:
            gradient *= 0.5

    a, b = network(optimizer=fastnn.optimizers.SGD(0.1)), network(optimizer=fastnn.optimizers.SGD(0.05))
    a.fit(X, Y, epochs=1, batch_size=70, transform_gradients=halve, verbose=0)
    b.fit(X, Y, epochs=1, batch_size=70, verbose=0)
    assert seen == [[(5, 16), (16,), (16, 3), (3,)]]
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-7)


def test_two_models_train_through_vjp():
    fastnn.utils.set_random_seed(0)
    first = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(8, activation="tanh")])
    second = fastnn.Sequential([fastnn.Input((8,)), layers.Dense(1)])
    target = X[:, :1] * X[:, 1:2]
    optimizer = fastnn.optimizers.Adam(0.02)
    losses = []
    for _ in range(200):
        hidden = first.forward(X, training=True)
        error = second.forward(hidden, training=True) - target
        losses.append(float((error**2).mean()))
        dhidden, gradients = second.vjp(hidden, (2 * error / len(X)).astype("float32"))
        _, below = first.vjp(X, dhidden)
        weights = [*first.trainable_weights, *second.trainable_weights]
        optimizer.apply_gradients(zip([*below, *gradients], weights, strict=True))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a.astype(">f4"),
        lambda a: np.asfortranarray(a),
        lambda a: a[::-1][::-1],
        lambda a: a.astype("float64"),
        lambda a: a.tolist(),
        lambda a: np.concatenate([a, a], axis=1)[:, :5],
    ],
    ids=["big-endian", "Fortran order", "view", "float64", "lists", "slice of columns"],
)
def test_arrays_of_all_kinds(convert, tmp_path):
    a, b = network(), network()
    a.fit(X, Y, epochs=1, verbose=0)
    b.fit(convert(X), Y, epochs=1, verbose=0)
    for p, q in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-7)


def test_read_only_and_memory_mapped_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    a, b = network(), network()
    a.fit(X, Y, epochs=1, verbose=0)
    b.fit(mapped, Y, epochs=1, verbose=0)
    assert same(a, b)


@pytest.fixture
def interruptible():
    """Ctrl-C works as in a terminal, even if whoever started the tests had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# ---- Threads, signals, processes -------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [70, 3])
def test_how_long_predict_takes_has_no_say_in_its_batches(monkeypatch, samples):
    asked = {}
    for pace in (0.0, 1.0):  # seconds that each look at the clock takes
        model, now, run = network(), itertools.count(step=pace), fastnn.Sequential._run
        made = asked.setdefault(pace, [set(), None])

        def watched(self, arrays, capacity=None, run=run, made=made):
            made[0].add(capacity)
            return run(self, arrays, capacity)

        monkeypatch.setattr("fastnn.models.prediction.time.perf_counter", lambda now=now: next(now))
        with monkeypatch.context() as patched:
            patched.setattr(fastnn.Sequential, "_run", watched)
            made[1] = model.predict(X[:samples], batch_size=16, verbose=0)
    assert asked[0.0][0] == asked[1.0][0] == {min(16, 1 << (samples - 1).bit_length())}
    assert np.array_equal(asked[0.0][1], asked[1.0][1])


def test_predict_from_many_threads():
    model = network()
    expected = model.predict(X, verbose=0)
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(model.predict(X, verbose=0), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.skipif("FASTNN_SANITIZED" in os.environ, reason="sanitizers and fork do not mix")
def test_a_forked_child_predicts_and_trains():
    program = """
import os, numpy as np, fastnn
fastnn.set_num_threads(2)
x = np.random.default_rng(0).normal(size=(4096, 64)).astype("float32"); y = (x[:, 0] > 0).astype("int64")
hidden, head = fastnn.layers.Dense(128, activation="relu"), fastnn.layers.Dense(2, activation="softmax")
model = fastnn.Sequential([fastnn.Input((64,)), hidden, head])
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=2, verbose=0)
expected = model.predict(x, verbose=0)
child = os.fork()
if child == 0:
    good = np.array_equal(model.predict(x, verbose=0), expected)
    model.fit(x, y, epochs=1, verbose=0)
    os._exit(0 if good else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), PYTHONWARNINGS="ignore")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "0", done.stderr


def test_ctrl_c_leaves_the_model_usable_and_keeps_the_history(interruptible):
    model = network()

    class Interrupt(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=50, verbose=0, callbacks=[Interrupt()])
    assert len(model.history.history["loss"]) >= 1
    assert np.isfinite(model.predict(X, verbose=0)).all()
    model.fit(X, Y, epochs=1, verbose=0)


def test_ctrl_c_inside_an_epoch(interruptible):
    big = np.tile(X, (20000, 1))
    labels = np.tile(Y, 20000)
    model = network()
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(big, labels, epochs=100, batch_size=16, verbose=0)
    assert np.isfinite(model.predict(X, verbose=0)).all()


# ---- Bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(x=X[:, :4], y=Y), ValueError, r"\(None, 5\).*\(70, 4\)"),
        (dict(x=X[0], y=Y), ValueError, r"5"),
        (dict(x=X, y=Y[:60]), ValueError, "70 rows.*60"),
        (dict(x=X.astype(object), y=Y), TypeError, "objects"),
        (dict(x=X[:0], y=Y[:0]), ValueError, "empty"),
        (dict(x=X, y=None), ValueError, "y is missing"),
        (dict(x=None, y=Y), ValueError, "x is missing"),
        (dict(x=X, y=Y, batch_size=0), ValueError, "batch_size must be at least 1, got 0"),
        (dict(x=X, y=Y, batch_size=2.5), TypeError, "batch_size must be an integer"),
        (dict(x=X, y=Y, epochs=-1), ValueError, "epochs"),
        (dict(x=X, y=Y, steps_per_epoch=0), ValueError, "fit: steps_per_epoch must be at least 1, got 0"),
        (dict(x=X, y=Y, validation_steps=0), ValueError, "validation_steps must be at least 1, got 0"),
        (dict(x=X, y=Y, validation_batch_size=0), ValueError, "validation_batch_size must be at least 1"),
        (dict(x=X, y=Y, validation_batch_size=4.0), TypeError, "validation_batch_size must be an integer"),
        (dict(x=X, y=Y, validation_freq=0), ValueError, "validation_freq must be at least 1, got 0"),
        (dict(x=X, y=Y, validation_freq="2"), TypeError, "validation_freq must be an integer"),
        (dict(x=X, y=Y, validation_freq=[1, 2.5]), TypeError, "validation_freq must be an integer"),
        (dict(x=X, y=Y, shuffle="batch"), TypeError, "shuffle must be True or False, got 'batch'"),
        (dict(x=X, y=Y, validation_split=1.5), ValueError, "validation_split"),
        (dict(x=X, y=Y, validation_split=0.995), ValueError, "empty"),
        (dict(x=X, y=Y, sample_weight=np.ones(3)), ValueError, "sample_weight"),
        (dict(x=X, y=np.where(Y == 0, 7, Y)), ValueError, "7"),
        (dict(x=X, y=-Y - 1), ValueError, "-"),
        (dict(x=X, y=np.eye(3)[Y]), ValueError, "(?i)sparse|one-hot|categorical"),
        (dict(x=iter([]), y=None), ValueError, "batch"),
    ],
)
def test_fit_refuses(arguments, error, message):
    model = network()
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(verbose=0, **arguments)
    for p, q in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(p, q)


@pytest.mark.parametrize("steps", [0, -1, 1.5])
def test_evaluate_refuses_numbers_of_steps(steps):
    with pytest.raises((ValueError, TypeError), match="evaluate: steps must be"):
        network().evaluate(X, Y, steps=steps, verbose=0)
    with pytest.raises((ValueError, TypeError), match="evaluate: batch_size must be"):
        network().evaluate(X, Y, batch_size=steps, verbose=0)


def test_indices_where_one_hot_is_meant():
    model = network(loss="categorical_crossentropy")
    with pytest.raises(ValueError, match=r"(?i)sparse|one-hot"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_data_are_found_and_nothing_is_updated(bad):
    model = network()
    before = model.get_weights()
    x = X.copy()
    x[20, 3] = bad
    with pytest.raises(fastnn.errors.NonFiniteLossError, match=r"epoch 1, step 1.*sample 20"):
        model.fit(x, Y, batch_size=70, shuffle=False, verbose=0)
    for p, q in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(p, q)


def test_a_diverging_net_names_the_first_op():
    model = network(optimizer=fastnn.optimizers.SGD(1e30), loss="mse")
    target = np.eye(3, dtype="float32")[Y]
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(4, name="wide"), layers.Dense(3, name="out")])
    model.compile(fastnn.optimizers.SGD(1e30), "mse")
    with pytest.raises(fastnn.errors.NonFiniteLossError, match=r"(wide|out|loss)"):
        model.fit(X, target, epochs=20, verbose=0)


def test_non_finite_can_be_let_through():
    x = X.copy()
    x[0, 0] = np.nan
    with pytest.warns(RuntimeWarning, match="not finite"):
        network(on_nonfinite="warn").fit(x, Y, epochs=1, verbose=0)
    network(on_nonfinite="ignore").fit(x, Y, epochs=1, verbose=0)


def test_unknown_names_offer_the_nearest():
    model = network()
    with pytest.raises(ValueError, match="adam"):
        model.compile("adm", "mse")
    with pytest.raises(ValueError, match="mean_squared_error|mse"):
        model.compile("adam", "mean_square_error")
    with pytest.raises(ValueError, match="accuracy"):
        model.compile("adam", "mse", metrics=["acuracy"])


def test_fit_before_compile():
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(3)])
    with pytest.raises(RuntimeError, match="compile"):
        model.fit(X, Y)


def test_negative_learning_rates_are_refused():
    with pytest.raises(ValueError, match="learning_rate"):
        fastnn.optimizers.Adam(-1e-3)


def test_shuffled_rows_are_a_permutation():
    rows = _core.shuffled_rows(1000, 3, 1)
    assert sorted(rows) == list(range(1000))
    assert not np.array_equal(rows, _core.shuffled_rows(1000, 3, 2))
    assert np.array_equal(rows, _core.shuffled_rows(1000, 3, 1))
