"""The seams of a training step: where gradients are transformed, state is assigned, constraints hold."""

import gc

import numpy as np
import pytest

import fastnn
from fastnn import _core, layers
from fastnn.models.loop import Data, Loop

rng = np.random.default_rng(0)
X = rng.normal(size=(256, 64)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


@pytest.fixture
def threads():
    before = _core.num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)


def network(norm=False, **arguments):
    fastnn.utils.set_random_seed(0)
    parts = [fastnn.Input((64,)), layers.Dense(128, "relu", **arguments)]
    parts += [layers.BatchNormalization()] if norm else []
    model = fastnn.Sequential([*parts, layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_constraints_with_more_threads_than_before(threads):
    made = []
    for counts in ((1, 1), (1, 8), (8, 2)):
        threads(counts[0])
        model = network(kernel_constraint=fastnn.constraints.MaxNorm(0.5))
        for count in counts:
            threads(count)
            model.fit(X, Y, batch_size=128, epochs=1, verbose=0)
        assert np.linalg.norm(model.get_weights()[0], axis=0).max() <= 0.5 + 1e-6
        made.append(model.get_weights())
    (loop,) = model._loops.values()
    assert loop.trainer.flops(128) > 8 * 2e5  # enough to be worth eight threads
    for other in made[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(made[0], other, strict=True))


def test_kept_gradients_outlive_the_model():
    kept = []
    model = network()
    model.fit(X, Y, epochs=1, batch_size=256, verbose=0, transform_gradients=kept.extend)
    values = [gradient.copy() for gradient in kept]
    assert all(gradient.base is not None for gradient in kept)
    del model
    gc.collect()
    for gradient, value in zip(kept, values, strict=True):
        assert np.array_equal(gradient, value)
        gradient[...] = 1.0


def test_a_failing_transformation_changes_nothing():
    def fail(gradients):
        raise KeyError("mine")

    model = network(norm=True)
    before = model.get_weights()
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, epochs=1, verbose=0, transform_gradients=fail)
    for a, b in zip(before, model.get_weights(), strict=True):  # moving statistics among them
        assert np.array_equal(a, b)


def test_a_non_finite_loss_is_told_by_the_epochs_of_this_fit():
    model = network()
    model.fit(X, Y, epochs=3, batch_size=64, verbose=0)
    bad = X.copy()
    bad[200, 3] = np.nan
    with pytest.raises(fastnn.errors.NonFiniteLossError, match="epoch 1, step 4") as caught:
        model.fit(bad, Y, epochs=2, batch_size=64, shuffle=False, verbose=0)
    assert caught.value.step == 3
    batches = [(bad[i : i + 64], Y[i : i + 64]) for i in range(0, 256, 64)]
    with pytest.raises(fastnn.errors.NonFiniteLossError, match="epoch 6, step 4"):
        model.fit((b for b in batches), initial_epoch=5, epochs=6, verbose=0)


def test_asking_for_a_plan_makes_no_workspace():
    trainer = Loop(network(), Data([X], [Y]), training=True).trainer
    trainer.describe(64)
    assert trainer.flops(64) > 0
    assert trainer.bytes == 0
