"""predict over several batches: threads take their tiles in any order, results stay the same bits."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

NETWORKS = {
    "lanes": ((12, 12, 1), [layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]),
    "packed weights": ((14, 14, 32), [layers.Conv2D(64, 3, activation="relu"), layers.GlobalMaxPooling2D()]),
    "rows": ((40,), [layers.Dense(64, "tanh")]),
}


@pytest.fixture
def threads():
    before = fastnn.num_threads()
    yield fastnn.set_num_threads
    fastnn.set_num_threads(before)


@pytest.mark.parametrize("name", NETWORKS)
def test_batches_and_threads(name, threads):
    shape, hidden = NETWORKS[name]
    model = fastnn.Sequential([layers.Input(shape), *hidden, layers.Dense(5)])
    x = np.random.default_rng(0).standard_normal((777, *shape)).astype("float32")
    for _ in range(2):
        one_by_one = np.concatenate([model.predict_on_batch(x[i : i + 64]) for i in range(0, len(x), 64)])
        for count in (1, 2, 3):
            threads(count)
            for _ in range(3):  # later calls take more batches at once
                np.testing.assert_array_equal(model.predict(x, batch_size=64, verbose=0), one_by_one)
        model.set_weights([w + np.float32(0.1) for w in model.get_weights()])
