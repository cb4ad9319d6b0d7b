"""BackupAndRestore with real models: the rest of an interrupted run gives the bits of an unbroken one."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


class Fall(fastnn.callbacks.Callback):
    """The power fails after an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise RuntimeError("power")


def network():
    fastnn.utils.set_random_seed(3)
    model = fastnn.Sequential(
        [fastnn.Input((5,)), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(2, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("earlier", [0, 3], ids=["first fit", "second fit"])
@pytest.mark.parametrize("initial", [0, 4], ids=["from the first epoch", "from a later epoch"])
def test_an_interrupted_fit_goes_on_where_it_was(tmp_path, earlier, initial):
    def begun():
        model = network()
        if earlier:
            model.fit(X, Y, epochs=earlier, verbose=0)
        return model

    seen = []
    watch = fastnn.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    unbroken, broken, again = begun(), begun(), begun()
    unbroken.fit(X, Y, initial_epoch=initial, epochs=initial + 5, verbose=0)
    backup = fastnn.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="power"):
        broken.fit(
            X, Y, initial_epoch=initial, epochs=initial + 5, verbose=0, callbacks=[backup, Fall(initial + 1)]
        )
    again.fit(
        X,
        Y,
        initial_epoch=initial,
        epochs=initial + 5,
        verbose=0,
        callbacks=[fastnn.callbacks.BackupAndRestore(tmp_path / "backup"), watch],
    )
    assert seen == [initial + 2, initial + 3, initial + 4]
    for a, b in zip(unbroken.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_layers_of_one_name_keep_slots_of_their_own(tmp_path):
    def block(name):
        return fastnn.Sequential([fastnn.Input((5,)), layers.Dense(5, "tanh", name="inner")], name=name)

    def made():
        fastnn.utils.set_random_seed(1)
        parts = [fastnn.Input((5,)), block("first"), block("second"), layers.Dense(2, "softmax")]
        model = fastnn.Sequential(parts)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    whole, half = made(), made()
    whole.fit(X, Y, epochs=4, verbose=0)
    half.fit(X, Y, epochs=2, verbose=0)
    half.save(tmp_path / "half.safetensors")
    loaded = fastnn.load_model(tmp_path / "half.safetensors")
    loaded.fit(X, Y, initial_epoch=2, epochs=4, verbose=0)
    for a, b in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(a, b)
