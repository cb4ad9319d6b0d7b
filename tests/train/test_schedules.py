"""Schedules against formulas written out in NumPy."""

import math

import numpy as np
import pytest

from fastnn import optimizers, schedules

STEPS = np.arange(200)


def cosine_restarts(step, first, t_mul, m_mul):
    """Walks from restart to restart."""
    length, height = float(first), 1.0
    while step >= length:
        step, length, height = step - length, length * t_mul, height * m_mul
    return height * 0.5 * (1 + math.cos(math.pi * step / length))


def one_cycle(step, peak, total, start, cos, div, final, three):
    low = peak / div
    marks = [0, start * total - 1, total - 1]
    values = [low, peak, low / final]
    if three:
        marks, values = (
            [0, start * total - 1, 2 * start * total - 2, total - 1],
            [low, peak, low, low / final],
        )
    x = np.interp(step, marks, np.arange(len(marks)))
    k = min(int(x), len(marks) - 2)
    part = x - k if not cos else (1 - math.cos(math.pi * (x - k))) / 2
    return values[k] + (values[k + 1] - values[k]) * part


CASES = [
    (schedules.Constant(0.3), lambda s: 0.3),
    (schedules.StepDecay(0.5, 30, 0.2), lambda s: 0.5 * 0.2 ** (s // 30)),
    (schedules.ExponentialDecay(0.5, 30, 0.9), lambda s: 0.5 * 0.9 ** (s / 30)),
    (schedules.ExponentialDecay(0.5, 30, 0.9, staircase=True), lambda s: 0.5 * 0.9 ** (s // 30)),
    (schedules.InverseTimeDecay(0.5, 7, 0.9), lambda s: 0.5 / (1 + 0.9 * s / 7)),
    (schedules.InverseTimeDecay(0.5, 7, 0.9, True), lambda s: 0.5 / (1 + 0.9 * (s // 7))),
    (
        schedules.PolynomialDecay(0.5, 60, 0.1, power=2.0),
        lambda s: 0.4 * (1 - min(s, 60) / 60) ** 2 + 0.1,
    ),
    (
        schedules.PolynomialDecay(0.5, 60, 0.1, cycle=True),
        lambda s: 0.4 * (1 - s / (60 * max(1, math.ceil(s / 60)))) + 0.1,
    ),
    (
        schedules.CosineDecay(0.5, 80, alpha=0.1),
        lambda s: 0.5 * (0.9 * 0.5 * (1 + math.cos(math.pi * min(s, 80) / 80)) + 0.1),
    ),
    (
        schedules.CosineDecay(0.1, 80, alpha=0.2, warmup_target=0.6, warmup_steps=25),
        lambda s: (
            0.1 + 0.5 * s / 25
            if s < 25
            else 0.6 * (0.8 * 0.5 * (1 + math.cos(math.pi * min(s - 25, 80) / 80)) + 0.2)
        ),
    ),
    (schedules.CosineDecayRestarts(0.5, 7), lambda s: 0.5 * cosine_restarts(s, 7, 2, 1)),
    (
        schedules.CosineDecayRestarts(0.5, 10, t_mul=1.5, m_mul=0.9, alpha=0.1),
        lambda s: 0.5 * (0.9 * cosine_restarts(s, 10, 1.5, 0.9) + 0.1),
    ),
    (
        schedules.CosineDecayRestarts(0.5, 9, t_mul=1.0, m_mul=0.8),
        lambda s: 0.5 * cosine_restarts(s, 9, 1, 0.8),
    ),
    (schedules.OneCycle(0.5, 150), lambda s: one_cycle(s, 0.5, 150, 0.3, True, 25, 1e4, False)),
    (
        schedules.OneCycle(0.5, 100, 0.4, "linear", 10, 100, three_phase=True),
        lambda s: one_cycle(s, 0.5, 100, 0.4, False, 10, 100, True),
    ),
    (
        schedules.PiecewiseConstantDecay([10, 20, 100], [0.4, 0.3, 0.2, 0.1]),
        lambda s: [0.4, 0.3, 0.2, 0.1][(s > 10) + (s > 20) + (s > 100)],
    ),
]


@pytest.mark.parametrize("schedule, formula", CASES, ids=lambda c: repr(c) if hasattr(c, "rates") else "")
def test_formulas(schedule, formula):
    expected = np.array([formula(int(s)) for s in STEPS])
    np.testing.assert_allclose(schedule.rates(0, 200), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(schedule.rates(37, 50), schedule.rates(0, 200)[37:87])
    assert schedule(41) == schedule.rates(41, 1)[0]


@pytest.mark.parametrize("schedule", [case[0] for case in CASES], ids=repr)
def test_configuration_round_trip(schedule):
    again = schedules.deserialize(schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(again.rates(0, 100), schedule.rates(0, 100))


def test_restarts_are_not_missed():
    for t_mul in (2.0, 3.0, 10.0, 1.1):
        schedule = schedules.CosineDecayRestarts(1.0, 3, t_mul=t_mul)
        begin, length = 0.0, 3.0
        for _ in range(12):
            if begin == int(begin):
                assert schedule(int(begin)) == pytest.approx(1.0, abs=1e-9)
            begin, length = begin + length, length * t_mul


def test_short_cycles():
    for steps in (1, 2, 3, 4):
        rates = schedules.OneCycle(1.0, steps).rates(0, 10)
        assert np.isfinite(rates).all() and rates.max() <= 1.0
        assert rates[-1] == 1.0 / 25 / 1e4


def test_other_ways_to_warm_up():
    at_once = schedules.CosineDecay(0.1, 10, warmup_target=0.5, warmup_steps=0)
    assert at_once(0) == 0.5
    none = schedules.CosineDecay(0.1, 10, warmup_steps=5)
    assert none(0) == 0.1


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: schedules.Constant(-0.1), "learning_rate must be at least 0, got -0.1"),
        (lambda: schedules.Constant(math.nan), "learning_rate must be at least 0, got nan"),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be above 0, got 0"),
        (lambda: schedules.ExponentialDecay(0.1, 5, -0.5), "decay_rate must be at least 0"),
        (lambda: schedules.CosineDecay(0.1, 5, warmup_steps=-1), "warmup_steps must be at least 0, got -1"),
        (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), "t_mul must be at least 1, got 0.5"),
        (lambda: schedules.OneCycle(0.1, 5, anneal_strategy="cosine"), "anneal_strategy must be 'cos'"),
        (lambda: schedules.OneCycle(0.1, 5, 0.6, three_phase=True), "pct_start must be .* at most 0.5"),
        (lambda: schedules.OneCycle(0.1, 0), "total_steps must be at least 1"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "one more than boundaries"),
        (lambda: schedules.PiecewiseConstantDecay([3, 1], [1, 2, 3]), "boundaries must increase"),
        (lambda: schedules.Constant(0.1)(-1), "step must be at least 0"),
        (
            lambda: schedules.get({"class_name": "CosinDecay", "config": {}}),
            "unknown schedule 'CosinDecay'; did you mean 'CosineDecay'",
        ),
        (lambda: schedules.get({"name": 1}), "'class_name' and 'config'"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_types():
    with pytest.raises(TypeError, match="decay_steps must be a number, got '5'"):
        schedules.StepDecay(0.1, "5")
    with pytest.raises(TypeError, match="total_steps must be an integer"):
        schedules.OneCycle(0.1, 5.5)
    with pytest.raises(AttributeError, match="decay_step"):
        _ = schedules.StepDecay(0.1, 5).decay_step
    assert schedules.StepDecay(0.1, 5).decay_steps == 5


class Sawtooth(schedules.LearningRateSchedule):
    def __init__(self, period):
        self.period = period

    def __call__(self, step):
        return 0.1 * (step % self.period)

    def get_config(self):
        return {"period": self.period}


def test_own_schedules():
    optimizer = optimizers.SGD(Sawtooth(3))
    np.testing.assert_allclose(optimizer.learning_rates(1, 4), [0.1, 0.2, 0.0, 0.1])
    description = optimizers.serialize(optimizer)
    with pytest.raises(ValueError, match="unknown schedule 'Sawtooth'"):
        optimizers.deserialize(description)
    again = optimizers.deserialize(description, {"Sawtooth": Sawtooth})
    np.testing.assert_allclose(again.learning_rates(1, 4), [0.1, 0.2, 0.0, 0.1])


def test_schedules_that_go_wrong():
    class Bad(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 - step

    optimizer = optimizers.Adam(Bad())
    assert optimizer.learning_rates(0, 2).tolist() == [1.0, 0.0]
    with pytest.raises(
        ValueError, match=r"Adam: learning_rate must be at least 0, got -1.0 from Bad at step 2"
    ):
        optimizer.learning_rates(0, 5)
    with pytest.raises(NotImplementedError, match="Bad must define get_config"):
        optimizer.get_config()
    with pytest.raises(NotImplementedError, match="must define __call__"):
        schedules.LearningRateSchedule()(3)


def test_one_module_under_two_names():
    import fastnn.optimizers.schedules as other

    assert other.CosineDecay is schedules.CosineDecay
    assert set(other.__all__) == set(schedules.__all__)
