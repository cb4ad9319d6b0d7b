"""Convolutions whose last rows and columns no window of the pooling behind them sees."""

import numpy as np
import pytest

import fastnn
from fastnn import layers


def trained(x, y, weights, windows):
    model = fastnn.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.Conv2D(5, 3, activation="relu"),
            layers.MaxPooling2D(windows),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    model.set_weights(weights)
    model.compile(fastnn.optimizers.SGD(0.01), "mse")
    history = model.fit(x, y, batch_size=40, epochs=2, shuffle=False, verbose=0)
    return history.history["loss"], model.get_weights(), model.predict(x, verbose=0)


@pytest.mark.parametrize("channels", [2, 16])
@pytest.mark.parametrize("windows", [2, 3])
def test_what_no_window_sees_changes_nothing(channels, windows):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((100, 13, 13, channels)).astype("float32")
    y = generator.standard_normal((100, 3)).astype("float32")
    seen = 11 // windows * windows
    shapes = [(3, 3, channels, 5), (5,), ((seen // windows) ** 2 * 5, 3), (3,)]
    weights = [generator.standard_normal(shape).astype("float32") * 0.1 for shape in shapes]
    got = trained(x, y, weights, windows)
    # Images without the cells that only the unseen results depend on.
    wanted = trained(np.ascontiguousarray(x[:, : seen + 2, : seen + 2]), y, weights, windows)
    np.testing.assert_allclose(got[0], wanted[0], rtol=1e-6)
    for mine, other in zip(got[1], wanted[1]):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)
    np.testing.assert_allclose(got[2], wanted[2], rtol=0, atol=1e-5)


def test_whoever_reads_the_whole_result_gets_it():
    inputs = fastnn.Input((7, 7, 2))
    between = layers.Conv2D(3, 3, activation="relu")(inputs)
    pooled = layers.Flatten()(layers.MaxPooling2D()(between))
    whole = layers.Flatten()(between)
    model = fastnn.Model(inputs, layers.Dense(1)(layers.Concatenate()([pooled, whole])))
    model.compile(fastnn.optimizers.SGD(0.05), "mse")
    x = np.random.default_rng(1).standard_normal((64, 7, 7, 2)).astype("float32")
    y = x[:, 6, 6, 0]  # only the last cell of the result depends on it
    history = model.fit(x, y, batch_size=32, epochs=60, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
