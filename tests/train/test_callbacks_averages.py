"""Averages that stand in for weights in evaluation; metrics that are sent to a server."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers, optimizers

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(40, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def made(**settings):
    fastnn.random.set_seed(1)
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.compile(optimizers.Adam(0.05, **settings), "mse")
    return model


class Seen(callbacks.Callback):
    """Notes the weights at some hooks."""

    def __init__(self):
        super().__init__()
        self.at = {"test": [], "end": [], "begin": []}

    def on_test_begin(self, logs=None):
        self.at["test"].append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.at["end"].append(self.model.get_weights())

    def on_epoch_begin(self, epoch, logs=None):
        self.at["begin"].append(self.model.get_weights())


def fit(swap, epochs=4):
    seen = Seen()
    model = made(use_ema=True, ema_momentum=0.8)
    used = [seen] if swap is None else [callbacks.SwapEMAWeights(swap), seen]
    history = model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, validation_data=(X, Y), callbacks=used)
    return model, seen.at, history.history


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def averages(begun, per_epoch, momentum=0.8):
    """What the averages are after each epoch, from runs of single steps."""
    model = made(use_ema=True, ema_momentum=momentum)
    weights, result = [], []

    class Each(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights.append(self.model.get_weights())

    model.fit(X, Y, epochs=begun, batch_size=8, verbose=0, callbacks=[Each()])
    average = weights[0]
    for number, now in enumerate(weights, 1):
        average = [momentum * a + (1 - momentum) * w for a, w in zip(average, now, strict=True)]
        if number % per_epoch == 0:
            result.append(average)
    return result


def test_validation_sees_averages_and_training_goes_on():
    plain, seen_plain, history_plain = fit(None)
    model, seen, history = fit(False)
    assert history["loss"] == history_plain["loss"]  # training is what it was
    assert history["val_loss"] != history_plain["val_loss"]
    for found, expected in zip(seen["test"], averages(4, 5), strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for found, expected in zip(seen["end"], seen_plain["end"], strict=True):
        assert same(found, expected)
    assert same(model.get_weights(), plain.get_weights())  # the averages, as use_ema ends


def test_averages_stay_until_the_next_epoch():
    plain, seen_plain, history_plain = fit(None)
    model, seen, history = fit(True)
    assert history["loss"] == history_plain["loss"]
    for found, expected in zip(seen["end"], averages(4, 5), strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for found, expected in zip(seen["begin"], seen_plain["begin"], strict=True):
        assert same(found, expected)
    assert same(model.get_weights(), plain.get_weights())


def test_checkpoints_hold_the_averages(tmp_path):
    model = made(use_ema=True)
    used = [callbacks.SwapEMAWeights(True), callbacks.ModelCheckpoint(tmp_path / "m.safetensors")]
    model.fit(X, Y, epochs=3, verbose=0, callbacks=used)
    saved = fastnn.models.load_model(tmp_path / "m.safetensors")
    assert same(saved.get_weights(), model.get_weights())


def test_evaluation_and_prediction_after_training():
    model, _, _ = fit(False)
    before = model.get_weights()
    swap = callbacks.SwapEMAWeights()
    assert model.evaluate(X, Y, verbose=0, callbacks=[swap]) == model.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0, callbacks=[swap]), model.predict(X, verbose=0))
    assert same(before, model.get_weights())


def test_an_optimizer_without_averages():
    with pytest.raises(ValueError, match="SwapEMAWeights: the model's optimizer keeps no averages"):
        made().fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.fixture
def server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    found = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}", received
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.mark.parametrize("as_json", [False, True])
def test_epochs_are_sent(server, as_json):
    root, received = server
    monitor = callbacks.RemoteMonitor(root, field="values", headers={"X-Run": "7"}, send_as_json=as_json)
    history = made().fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[monitor]).history
    assert len(received) == 2
    for epoch, (path, headers, body) in enumerate(received):
        assert path == "/publish/epoch/end/" and headers["X-Run"] == "7"
        kind = "application/json" if as_json else "application/x-www-form-urlencoded"
        assert headers["Content-Type"] == kind
        values = json.loads(body if as_json else urllib.parse.parse_qs(body)["values"][0])
        assert values == {"epoch": epoch, **{name: found[epoch] for name, found in history.items()}}


def test_what_is_not_a_number(server):
    root, received = server
    monitor = callbacks.RemoteMonitor(root, send_as_json=True)
    monitor.on_epoch_end(3, {"each": np.array([1.0, 2.0]), "one": np.float32(0.5)})
    assert json.loads(received[0][2]) == {"epoch": 3, "each": [1.0, 2.0], "one": 0.5}


def test_a_server_that_is_not_there(server):
    root, _ = server
    with pytest.warns(UserWarning, match="RemoteMonitor: could not send epoch 0 to .*500"):
        callbacks.RemoteMonitor(root, "/bad").on_epoch_end(0, {"loss": 1.0})
    with pytest.warns(UserWarning, match="could not send epoch 0"):
        made().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor("http://127.0.0.1:9")])
    with pytest.raises(ValueError, match="root must begin with http"):
        callbacks.RemoteMonitor("file:///tmp")
