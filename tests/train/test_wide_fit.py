"""Nets whose kernels are so large that all threads share each product."""

import numpy as np
import pytest

import fastnn
from fastnn import layers


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_any_number_of_threads_gives_the_same_bits(optimizer):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(333, 700)).astype("float32")
    y = generator.integers(0, 10, 333)
    trained = []
    for threads in (1, 2, 3, 4):
        fastnn.set_num_threads(threads)
        fastnn.utils.set_random_seed(0)
        model = fastnn.Sequential(
            [layers.Input((700,)), layers.Dense(600, "relu"), layers.Dense(511, "tanh"), layers.Dense(10)]
        )
        model.compile(optimizer, fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, batch_size=100, epochs=2, verbose=0)
        trained.append(model.get_weights())
    for other in trained[1:]:
        for a, b in zip(trained[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(autouse=True)
def _threads():
    before = fastnn.num_threads()
    yield
    fastnn.set_num_threads(before)
