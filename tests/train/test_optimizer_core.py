"""Updates of the core against trajectories written out in NumPy, in float64."""

import numpy as np
import pytest

from fastnn import _core

SIZES = [(1,), (15,), (17,), (10, 100), (3, 1500)]
EPS = 1e-7


# Each reference keeps what it needs in s, a dict of arrays that are zero at first, and returns what to
# subtract from the parameter. t counts updates from 1.
def sgd(g, s, t, lr, momentum=0.0, nesterov=False):
    s["m"] = momentum * s["m"] + g
    return lr * ((g + momentum * s["m"]) if nesterov else s["m"])


def adagrad(g, s, t, lr, initial_accumulator_value=0.1, epsilon=EPS):
    if t == 1:
        s["sum"] = s["sum"] + initial_accumulator_value
    s["sum"] = s["sum"] + g**2
    return lr * g / (np.sqrt(s["sum"]) + epsilon)


def adadelta(g, s, t, lr, rho=0.95, epsilon=EPS):
    s["g2"] = rho * s["g2"] + (1 - rho) * g**2
    delta = np.sqrt(s["d2"] + epsilon) / np.sqrt(s["g2"] + epsilon) * g
    s["d2"] = rho * s["d2"] + (1 - rho) * delta**2
    return lr * delta


def rmsprop(g, s, t, lr, rho=0.9, momentum=0.0, centered=False, epsilon=EPS):
    s["g2"] = rho * s["g2"] + (1 - rho) * g**2
    s["g1"] = rho * s["g1"] + (1 - rho) * g
    spread = s["g2"] - s["g1"] ** 2 if centered else s["g2"]
    s["m"] = momentum * s["m"] + g / (np.sqrt(spread) + epsilon)
    return lr * s["m"]


def adam(g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=EPS, amsgrad=False):
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["v"] = beta_2 * s["v"] + (1 - beta_2) * g**2
    s["top"] = np.maximum(s["top"], s["v"])
    m = s["m"] / (1 - beta_1**t)
    v = (s["top"] if amsgrad else s["v"]) / (1 - beta_2**t)
    return lr * m / (np.sqrt(v) + epsilon)


def adamax(g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=EPS):
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["u"] = np.maximum(beta_2 * s["u"], np.abs(g) + epsilon)
    return lr / (1 - beta_1**t) * s["m"] / s["u"]


def nadam(g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=EPS, momentum_decay=0.004):
    mu = [beta_1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in range(1, t + 2)]
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["v"] = beta_2 * s["v"] + (1 - beta_2) * g**2
    m = mu[t] * s["m"] / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:-1]))
    return lr * m / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)


def lion(g, s, t, lr, beta_1=0.9, beta_2=0.99):
    direction = np.sign(beta_1 * s["m"] + (1 - beta_1) * g)
    s["m"] = beta_2 * s["m"] + (1 - beta_2) * g
    return lr * direction


# Of these three s["w"] is the parameter, after weight decay.
def lamb(g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=EPS):
    s["m"] = beta_1 * s["m"] + (1 - beta_1) * g
    s["v"] = beta_2 * s["v"] + (1 - beta_2) * g**2
    r = s["m"] / (1 - beta_1**t) / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)
    lengths = np.linalg.norm(s["w"]), np.linalg.norm(r)
    return lr * (lengths[0] / lengths[1] if all(lengths) else 1) * r


def ftrl(g, s, t, lr, **settings):
    names = ("l1", "l2", "l2_shrinkage")
    l1, l2, shrinkage = (settings.get(f"{name}_regularization_strength", 0) for name in names)
    if lr == 0:
        return 0 * g
    if t == 1:
        s["sum"] = s["sum"] + settings.get("initial_accumulator_value", 0.1)
    p = -settings.get("learning_rate_power", -0.5)
    before, s["sum"] = s["sum"], s["sum"] + g**2
    s["z"] = s["z"] + g + 2 * shrinkage * s["w"] - (s["sum"] ** p - before**p) / lr * s["w"]
    new = (np.clip(s["z"], -l1, l1) - s["z"]) / ((s["sum"] ** p + settings.get("beta", 0)) / lr + 2 * l2)
    return s["w"] - new


def adafactor(
    g, s, t, lr, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, relative_step=True
):
    beta = 1 - t**beta_2_decay
    square = g**2 + epsilon_1
    if g.ndim < 2:
        v = s["v"] = beta * s["v"] + (1 - beta) * square
    else:
        r = s["r"] = beta * s["r"] + (1 - beta) * square.mean(-1, keepdims=True)
        c = s["c"] = beta * s["c"] + (1 - beta) * square.mean(-2, keepdims=True)
        v = r * c / r.mean(-2, keepdims=True)
    step = g / np.sqrt(v)
    step = step / max(1, np.sqrt(np.mean(step**2)) / clip_threshold)
    rate = min(lr, 1 / np.sqrt(t)) if relative_step else lr
    return rate * max(epsilon_2, np.sqrt(np.mean(s["w"] ** 2))) * step


CASES = {
    "sgd": (sgd, {}),
    "sgd_momentum": (sgd, {"momentum": 0.9}),
    "sgd_nesterov": (sgd, {"momentum": 0.8, "nesterov": True}),
    "adagrad": (adagrad, {"initial_accumulator_value": 0.1}),
    "adadelta": (adadelta, {"rho": 0.95}),
    "rmsprop": (rmsprop, {"rho": 0.9}),
    "rmsprop_momentum": (rmsprop, {"rho": 0.85, "momentum": 0.9}),
    "rmsprop_centered": (rmsprop, {"rho": 0.9, "centered": True}),
    "rmsprop_centered_momentum": (rmsprop, {"rho": 0.9, "centered": True, "momentum": 0.5}),
    "adam": (adam, {}),
    "adam_betas": (adam, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "adam_amsgrad": (adam, {"amsgrad": True, "beta_2": 0.9}),
    "adamax": (adamax, {}),
    "nadam": (nadam, {}),
    "nadam_decay": (nadam, {"momentum_decay": 0.1}),
    "lion": (lion, {"beta_1": 0.9, "beta_2": 0.99}),
    "lamb": (lamb, {}),
    "lamb_betas": (lamb, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "ftrl": (ftrl, {}),
    "ftrl_penalties": (
        ftrl,
        {
            "initial_accumulator_value": 0.3,
            "l1_regularization_strength": 0.5,
            "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.03,
            "beta": 0.4,
        },
    ),
    "ftrl_power": (ftrl, {"learning_rate_power": -0.7}),
    "ftrl_constant": (ftrl, {"learning_rate_power": 0.0}),
    "adafactor": (adafactor, {}),
    "adafactor_settings": (
        adafactor,
        {
            "beta_2_decay": -0.5,
            "epsilon_1": 1e-6,
            "epsilon_2": 0.7,
            "clip_threshold": 0.4,
            "relative_step": False,
        },
    ),
}


class Reference:
    """Float64 NumPy: what surrounds the rules, in the order that the documentation gives."""

    def __init__(self, rule, settings, values, **common):
        self.rule, self.settings = rule, settings
        self.values = [v.astype(float) for v in values]
        self.slots = [
            dict.fromkeys(("m", "v", "u", "top", "sum", "g1", "g2", "d2", "z", "r", "c"), 0.0) for _ in values
        ]
        self.common = {"weight_decay": 0, "accumulate": 1, "multipliers": [1.0] * len(values)} | common
        self.decays = common.get("decays", [True] * len(values))
        self.waiting, self.averages, self.updates = [], None, 0

    def step(self, gradients, lr):
        common = self.common
        self.waiting.append([g.astype(float) for g in gradients])
        if len(self.waiting) < common["accumulate"]:
            return
        gradients = [sum(parts) / len(parts) for parts in zip(*self.waiting, strict=True)]
        self.waiting = []
        if limit := common.get("clipvalue"):
            gradients = [np.clip(g, -limit, limit) for g in gradients]
        if limit := common.get("clipnorm"):
            gradients = [g * limit / max(limit, np.linalg.norm(g)) for g in gradients]
        if limit := common.get("global_clipnorm"):
            norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
            gradients = [g * min(1, limit / norm) for g in gradients]
        self.updates += 1
        for i, (g, s) in enumerate(zip(gradients, self.slots, strict=True)):
            rate = lr * common["multipliers"][i]
            if self.decays[i]:
                self.values[i] = self.values[i] * (1 - rate * common["weight_decay"])
            s["w"] = self.values[i]
            self.values[i] = self.values[i] - self.rule(g, s, self.updates, rate, **self.settings)
        if momentum := common.get("ema_momentum"):
            if self.averages is None:
                self.averages = self.values
            pairs = zip(self.averages, self.values, strict=True)
            self.averages = [momentum * a + (1 - momentum) * v for a, v in pairs]
            if self.updates % common.get("ema_overwrite_frequency", 10**9) == 0:
                self.values = list(self.averages)


def start(dtypes, seed=0, sizes=SIZES):
    rng = np.random.default_rng(seed)
    store = _core.Store()
    values = []
    for i, (size, dtype) in enumerate(zip(sizes, dtypes, strict=True)):
        store.add(f"w{i}", size, dtype)
        values.append(rng.normal(size=size).astype(dtype))
        store.set(f"w{i}", values[-1])
    return store, values, rng


def make(store, kind, settings, count, decays=None, multipliers=None):
    decays = decays or [True] * count
    multipliers = multipliers or [1.0] * count
    entries = [(store, f"w{i}", decays[i], multipliers[i]) for i in range(count)]
    return _core.Optimizer(kind, settings, entries)


def draw(rng, values):
    # Sizes from 1e-3 to 1e3 over steps, and elements that are often exactly 0.
    scale = 10.0 ** rng.uniform(-3, 1)
    return [(rng.normal(size=v.shape) * scale * (rng.random(v.shape) > 0.1)).astype(v.dtype) for v in values]


def follow(kind, reference, settings, dtypes, steps, tolerance, threads=1, decays=None, multipliers=None):
    store, values, rng = start(dtypes)
    reference = reference(values)
    optimizer = make(store, kind, settings, len(values), decays, multipliers)
    for step in range(steps):
        gradients = draw(rng, values)
        rate = 0.01 * (1 + step % 3)
        optimizer.apply(gradients, rate, threads)
        reference.step(gradients, rate)
        for i, expected in enumerate(reference.values):
            np.testing.assert_allclose(store.get(f"w{i}"), expected, rtol=tolerance, atol=tolerance)
    return store, optimizer, reference


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("case", CASES)
def test_trajectories(case, dtype, tolerance):
    rule, settings = CASES[case]
    # The difference of nearly equal squares loses digits; how many float32 keeps is no property of the code.
    if dtype == "float32" and settings.get("centered"):
        tolerance = 1e-2
    kind = case.split("_")[0]
    follow(kind, lambda v: Reference(rule, settings, v), settings, [dtype] * 5, 30, tolerance)


@pytest.mark.parametrize("case", CASES)
def test_weight_decay_and_multipliers(case):
    rule, settings = CASES[case]
    decays, multipliers = [True, False, True, True, False], [1.0, 0.5, 2.0, 0.0, 1.0]
    common = {"weight_decay": 0.1, "decays": decays, "multipliers": multipliers}
    follow(
        case.split("_")[0],
        lambda v: Reference(rule, settings, v, **common),
        settings | {"weight_decay": 0.1},
        ["float64"] * 5,
        20,
        1e-12,
        decays=decays,
        multipliers=multipliers,
    )


@pytest.mark.parametrize("limit", [{"clipvalue": 0.3}, {"clipnorm": 0.7}, {"global_clipnorm": 2.0}])
@pytest.mark.parametrize("case", ["sgd_momentum", "adam"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_clipping_and_accumulation(case, limit, accumulate):
    rule, settings = CASES[case]
    follow(
        case.split("_")[0],
        lambda v: Reference(rule, settings, v, accumulate=accumulate, **limit),
        settings | limit | {"gradient_accumulation_steps": accumulate},
        ["float64", "float32", "float64", "float32", "float64"],
        24,
        1e-4,
    )


@pytest.mark.parametrize("frequency", [None, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_moving_averages(frequency, accumulate):
    common = {"ema_momentum": 0.8, "accumulate": accumulate}
    settings = {"use_ema": True, "ema_momentum": 0.8, "gradient_accumulation_steps": accumulate}
    if frequency:
        common["ema_overwrite_frequency"] = settings["ema_overwrite_frequency"] = frequency
    store, optimizer, reference = follow(
        "adam", lambda v: Reference(adam, {}, v, **common), settings, ["float64"] * 5, 21, 1e-12
    )
    optimizer.overwrite_with_averages()
    for i, expected in enumerate(reference.averages):
        np.testing.assert_allclose(store.get(f"w{i}"), expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("common", [{}, {"clipnorm": 0.5}, {"global_clipnorm": 0.5, "use_ema": True}])
def test_same_bits_for_any_number_of_threads(case, common):
    _, settings = CASES[case]
    outcomes = []
    for threads in (1, 2, 3, 4):
        store, values, rng = start(["float32", "float64", "float32", "float32", "float64"])
        optimizer = make(
            store, case.split("_")[0], settings | common | {"gradient_accumulation_steps": 2}, len(values)
        )
        for _ in range(6):
            optimizer.apply(draw(rng, values), 0.01, threads)
        outcomes.append([store.get(f"w{i}").tobytes() for i in range(len(values))])
    assert all(outcome == outcomes[0] for outcome in outcomes)


@pytest.mark.parametrize("case", CASES)
def test_state_round_trip(case):
    _, settings = CASES[case]
    settings = settings | {"use_ema": True, "gradient_accumulation_steps": 2}
    store, values, rng = start(["float32"] * 5)
    other, _, _ = start(["float32"] * 5)
    first = make(store, case.split("_")[0], settings, 5)
    steps = [draw(rng, values) for _ in range(11)]
    for gradients in steps[:5]:
        first.apply(gradients, 0.01)
    for i in range(5):
        other.set(f"w{i}", store.get(f"w{i}"))
    second = make(other, case.split("_")[0], settings, 5)
    second.set_state(first.get_state())
    assert (second.steps, second.iterations) == (5, 2)
    for gradients in steps[5:]:
        first.apply(gradients, 0.01)
        second.apply(gradients, 0.01)
    for i in range(5):
        assert store.get(f"w{i}").tobytes() == other.get(f"w{i}").tobytes()


def test_bad_state_changes_nothing():
    store, values, rng = start(["float32"] * 5)
    optimizer = make(store, "adam", {}, 5)
    optimizer.apply(draw(rng, values), 0.01)
    before = optimizer.get_state()
    names = [f"{slot}.{i}" for slot in ("momentum", "velocity") for i in range(5)]
    assert sorted(before) == sorted(["steps", *names])
    for change, message in [
        (lambda s: s.pop("velocity.3"), "lacks 'velocity.3'"),
        (lambda s: s.pop("steps"), "lacks 'steps'"),
        (lambda s: s.update({"velocity.3": np.zeros(3)}), r"'velocity.3'.*\(10, 100\).*\(3,\)"),
        (lambda s: s.update({"velocity.9": np.zeros(3)}), "has 12 arrays.*needs 11"),
    ]:
        state = dict(before)
        change(state)
        with pytest.raises(ValueError, match=message):
            optimizer.set_state(state)
    after = optimizer.get_state()
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_stores_learn_that_they_changed():
    store, values, rng = start(["float32"] * 5)
    optimizer = make(store, "sgd", {"gradient_accumulation_steps": 2}, 5)
    versions = [store.version]
    for _ in range(4):
        optimizer.apply(draw(rng, values), 0.01)
        versions.append(store.version)
    assert versions == [versions[0] + n for n in (0, 0, 1, 1, 2)]


def test_nan_gradients_show():
    for case, (_, settings) in CASES.items():
        store, values, _ = start(["float32"] * 5)
        optimizer = make(store, case.split("_")[0], settings | {"clipvalue": 1.0}, 5)
        gradients = [np.zeros_like(v) for v in values]
        gradients[1][3] = np.nan
        optimizer.apply(gradients, 0.01)
        got = [store.get(f"w{i}") for i in range(5)]
        assert np.isnan(got[1][3]), case
        got[1][3] = 0
        assert all(np.isfinite(g).all() for g in got), case


def test_bad_arguments():
    store, values, rng = start(["float32"] * 5)
    store.add("count", (2,), "int32")
    with pytest.raises(ValueError, match="no weight named 'w9'"):
        _core.Optimizer("sgd", {}, [(store, "w9", True, 1.0)])
    with pytest.raises(ValueError, match="listed twice"):
        _core.Optimizer("sgd", {}, [(store, "w1", True, 1.0)] * 2)
    with pytest.raises(TypeError, match="'count' is int32"):
        _core.Optimizer("sgd", {}, [(store, "count", True, 1.0)])
    with pytest.raises(ValueError, match=r"multiplier.*-1"):
        _core.Optimizer("sgd", {}, [(store, "w1", True, -1.0)])
    with pytest.raises(ValueError, match="unknown optimizer 'sdg'; known: sgd"):
        make(store, "sdg", {}, 5)
    for settings, message in [
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": float("nan")}, "momentum"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"clipnorm": -1.0}, "clipnorm"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "only one of"),
        ({"gradient_accumulation_steps": 0}, "gradient_accumulation_steps"),
        ({"nesterov": True}, "nesterov"),
        ({"betas": 1.0}, "no setting 'betas'"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(store, "sgd", settings, 5)
    optimizer = make(store, "sgd", {}, 5)
    gradients = draw(rng, values)
    for rate in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="learning_rate"):
            optimizer.apply(gradients, rate)
    with pytest.raises(ValueError, match=r"expected 5 gradients.*got 4"):
        optimizer.apply(gradients[:4], 0.1)
    with pytest.raises(ValueError, match=r"gradient 2 \(of 'w2'\): expected shape \(17,\), got \(16,\)"):
        optimizer.apply([*gradients[:2], gradients[2][:16], *gradients[3:]], 0.1)
    with pytest.raises(TypeError, match="gradient 0"):
        optimizer.apply([np.array(["a"]), *gradients[1:]], 0.1)
    assert optimizer.steps == 0


@pytest.mark.parametrize("case", ["sgd_momentum", "adam", "rmsprop_momentum", "lion"])
def test_slots_do_not_stay_denormal(case):
    _, settings = CASES[case]
    store, values, _ = start(["float32"] * 5)
    optimizer = make(store, case.split("_")[0], settings, 5)
    state = optimizer.get_state()
    tiny = {key: np.full_like(value, 3e-38) for key, value in state.items() if key != "steps"}
    optimizer.set_state(state | tiny)
    for _ in range(120):
        optimizer.apply([np.zeros_like(v) for v in values], 0.01)
    momentum = [value for key, value in optimizer.get_state().items() if key.startswith("momentum")]
    assert momentum and not any(value.any() for value in momentum)
    assert np.float32(1e-40) + np.float32(1e-40) != 0  # the caller's arithmetic is as it was


SHAPES = [
    (1, 40),
    (40, 1),
    (2, 3, 4),
    (3, 1, 5),
    (3, 3, 6, 17),
    (70, 3000),
    (3000, 70),
    (5, 2500),
    (2, 600, 9),
]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("case", ["adafactor", "adafactor_settings", "lamb"])
@pytest.mark.parametrize("common", [{}, {"clipnorm": 0.5}, {"clipvalue": 0.2}, {"global_clipnorm": 3.0}])
def test_arrays_of_many_shapes(case, dtype, tolerance, common):
    """Rows and columns of matrices, however chunks cut them; the state goes round; threads change nothing."""
    rule, settings = CASES[case]
    kind = case.split("_")[0]
    store, values, rng = start([dtype] * len(SHAPES), sizes=SHAPES)
    other, _, _ = start([dtype] * len(SHAPES), sizes=SHAPES)
    reference = Reference(rule, settings, values, weight_decay=0.05, **common)
    first, second = (
        make(s, kind, settings | common | {"weight_decay": 0.05}, len(SHAPES)) for s in (store, other)
    )
    for step in range(4):
        gradients = draw(rng, values)
        first.apply(gradients, 0.02, 1)
        second.apply(gradients, 0.02, 3)
        reference.step(gradients, 0.02)
        if step == 1:
            state = second.get_state()
            if kind == "adafactor":
                found = [state[f"velocity.{i}"].shape for i in range(len(SHAPES))]
                assert found[:5] == [(1, 40), (40, 1), (2, 7), (3, 1, 5), (3, 3, 23)]
            second = make(other, kind, settings | common | {"weight_decay": 0.05}, len(SHAPES))
            second.set_state(state)
        for i, expected in enumerate(reference.values):
            np.testing.assert_allclose(store.get(f"w{i}"), expected, rtol=tolerance, atol=tolerance)
            assert store.get(f"w{i}").tobytes() == other.get(f"w{i}").tobytes()


def test_ftrl_makes_weights_zero():
    store, values, rng = start(["float32"] * 5)
    optimizer = make(store, "ftrl", {"l1_regularization_strength": 30.0}, 5)
    for _ in range(10):
        optimizer.apply([rng.normal(size=v.shape).astype("float32") for v in values], 0.1)
    share = np.mean(store.get("w3") == 0)
    assert 0.9 < share <= 1
