"""Metrics of one's own, written with fastnn.ops."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops

RNG = np.random.default_rng(2)
Y = RNG.uniform(size=(50, 3)).astype("float32")
P = RNG.uniform(size=(50, 3)).astype("float32")


class Slope(fastnn.metrics.Metric):
    """Of the line through 0 that fits best."""

    def totals(self, y_true, y_pred):
        return [ops.sum(y_true * y_pred, axis=-1), ops.sum(y_true**2, axis=-1)]

    def compute(self, accumulators):
        both, own, _ = accumulators
        return float(both / own)


class Spread(fastnn.metrics.Metric):
    """Mean magnitude, by a single total."""

    def totals(self, y_true, y_pred):
        return ops.abs(y_pred - y_true)

    def compute(self, accumulators):
        total, number = accumulators
        return float(total / number)


def test_on_arrays_over_batches_and_with_weights():
    metric = Slope()
    for rows in (slice(0, 20), slice(20, 50)):
        metric.update_state(Y[rows], P[rows])
    assert metric.result() == pytest.approx((Y * P).sum() / (Y**2).sum(), rel=1e-6)
    metric.reset_state()
    weights = RNG.uniform(size=50)
    metric.update_state(Y, P, weights)
    assert metric.result() == pytest.approx(
        ((Y * P).sum(1) * weights).sum() / ((Y**2).sum(1) * weights).sum(), rel=1e-5
    )
    spread = Spread()
    spread.update_state(Y, P)
    assert spread.result() == pytest.approx(np.abs(Y - P).mean(), rel=1e-6)


def test_in_fit_and_evaluate():
    model = fastnn.Sequential([fastnn.Input((3,)), layers.Dense(3)])
    model.compile(fastnn.optimizers.SGD(0.0), "mse", metrics=[Slope(name="slope"), Spread()])
    history = model.fit(P, Y, batch_size=16, verbose=0).history
    found = model.predict(P, verbose=0)
    assert history["slope"][0] == pytest.approx((Y * found).sum() / (Y**2).sum(), rel=1e-5)
    assert history["spread"][0] == pytest.approx(np.abs(Y - found).mean(), rel=1e-5)
    assert model.evaluate(P, Y, verbose=0)[1] == pytest.approx(history["slope"][0], rel=1e-5)


def test_without_totals_or_build_the_cure_is_named():
    class Nothing(fastnn.metrics.Metric):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define totals\(y_true, y_pred\), or build"):
        Nothing().update_state(Y, P)
