"""Initializers: moments, distributions, fans, seeds."""

import json
import math

import numpy as np
import pytest

from fastnn import _core, initializers, random, utils

LIMIT = 0.87962566103423978  # standard deviation of the normal distribution truncated at 2


def normal_cdf(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def truncated_cdf(x):
    low, high = normal_cdf(np.float64(-2)), normal_cdf(np.float64(2))
    return np.clip((normal_cdf(x) - low) / (high - low), 0, 1)


CDF = {"uniform": lambda x: np.clip(x, 0, 1), "normal": normal_cdf, "truncated_normal": truncated_cdf}


def kolmogorov_smirnov(sample, cdf):
    """Greatest distance of the empirical distribution, times the root of the sample's size."""
    x = np.sort(sample.ravel())
    n = len(x)
    expected = cdf(x)
    above = np.abs(np.arange(1, n + 1) / n - expected).max()
    below = np.abs(np.arange(n) / n - expected).max()
    return max(above, below) * math.sqrt(n)


@pytest.mark.parametrize("distribution", CDF)
@pytest.mark.parametrize("seed", [0, 1, 2**63 + 5, 2**64 - 1])
def test_distributions(distribution, seed):
    sample = _core.random_array(distribution, (20001,), "float64", 0.0, 1.0, seed)
    # P(> 1.95) is 0.001 where the distributions agree.
    assert kolmogorov_smirnov(sample, CDF[distribution]) < 1.95
    # Neighbours, and numbers of neighbouring seeds, are independent.
    centered = sample - sample.mean()
    for lag in (1, 2, 3, 17):
        assert abs(np.corrcoef(centered[:-lag], centered[lag:])[0, 1]) < 4 / math.sqrt(20000)
    other = _core.random_array(distribution, (20001,), "float64", 0.0, 1.0, (seed + 1) % 2**64)
    assert abs(np.corrcoef(sample, other)[0, 1]) < 4 / math.sqrt(20000)


@pytest.mark.parametrize("distribution", CDF)
def test_threads_and_types_do_not_show(distribution):
    made = []
    before = _core.num_threads()
    try:
        for threads in (1, 2, 3, 4):
            _core.set_num_threads(threads)
            made.append(_core.random_array(distribution, (300, 2001), "float64", 0.5, 2.0, 9))
    finally:
        _core.set_num_threads(before)
    assert all(np.array_equal(made[0], other) for other in made)
    single = _core.random_array(distribution, (300, 2001), "float32", 0.5, 2.0, 9)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, made[0].astype(np.float32))
    # A longer array begins with the shorter one.
    np.testing.assert_array_equal(
        _core.random_array(distribution, (99,), "float64", 0.5, 2.0, 9), made[0].ravel()[:99]
    )


def test_philox_is_philox():
    """The numbers behind a uniform array, computed with Python's integers."""
    mask = 0xFFFFFFFF

    def philox(counter, key):
        c, k = list(counter), list(key)
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & mask, (p0 >> 32) ^ c[3] ^ k[1], p0 & mask]
            k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
        return c

    # Known answers of Salmon and others' library.
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    seed = 0x123456789ABCDEF0
    got = _core.random_array("uniform", (6,), "float64", 0.0, 1.0, seed)
    for pair in range(3):
        words = philox([pair, 0, 1, 0], [seed & mask, seed >> 32])
        for k in range(2):
            high, low = words[2 * k], words[2 * k + 1]
            assert got[2 * pair + k] == ((high << 21) ^ (low >> 11)) * 2.0**-53


SHAPES = {
    (200, 300): (200, 300),
    (3, 5, 40, 60): (600, 900),
    (50000,): (50000, 50000),
    (7, 30, 200): (210, 1400),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "name, variance, truncated",
    [
        ("glorot_uniform", lambda i, o: 2 / (i + o), False),
        ("glorot_normal", lambda i, o: 2 / (i + o), True),
        ("he_uniform", lambda i, o: 2 / i, False),
        ("he_normal", lambda i, o: 2 / i, True),
        ("lecun_uniform", lambda i, o: 1 / i, False),
        ("lecun_normal", lambda i, o: 1 / i, True),
    ],
)
def test_fans_and_variances(name, variance, truncated, shape):
    assert initializers.compute_fans(shape) == SHAPES[shape]
    expected = variance(*SHAPES[shape])
    values = initializers.get({"class_name": name, "config": {"seed": 5}})(shape, "float64")
    assert values.shape == shape
    assert values.var() == pytest.approx(expected, rel=0.03)
    assert abs(values.mean()) < 4 * math.sqrt(expected / values.size)
    bound = 2 * math.sqrt(expected) / LIMIT if truncated else math.sqrt(3 * expected)
    assert 0.99 * bound < np.abs(values).max() <= bound
    scaled = values / (bound / 2) if truncated else (values / bound + 1) / 2
    assert kolmogorov_smirnov(scaled, truncated_cdf if truncated else CDF["uniform"]) < 1.95


def test_variance_scaling():
    for mode, n in (("fan_in", 100), ("fan_out", 300), ("fan_avg", 200)):
        for distribution in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            values = initializers.VarianceScaling(3.0, mode, distribution, seed=1)((100, 300))
            assert values.var() == pytest.approx(3.0 / n, rel=0.03)
    free = initializers.VarianceScaling(1.0, distribution="untruncated_normal", seed=1)((200, 300), "float64")
    assert kolmogorov_smirnov(free * math.sqrt(200), normal_cdf) < 1.95
    same = initializers.VarianceScaling(2.0, "fan_in", "truncated_normal", seed=8)((10, 10))
    np.testing.assert_array_equal(same, initializers.HeNormal(seed=8)((10, 10)))
    assert initializers.compute_fans(()) == (1, 1)


def test_plain_draws():
    uniform = initializers.RandomUniform(-1.0, 3.0, seed=1)((100, 200))
    assert uniform.dtype == np.float32 and uniform.min() >= -1 and uniform.max() <= 3
    assert uniform.mean() == pytest.approx(1.0, abs=0.04)
    normal = initializers.RandomNormal(2.0, 0.5, seed=1)((100, 200), "float64")
    assert kolmogorov_smirnov((normal - 2) / 0.5, normal_cdf) < 1.95
    truncated = initializers.TruncatedNormal(2.0, 0.5, seed=1)((100, 200), np.float64)
    assert kolmogorov_smirnov((truncated - 2) / 0.5, truncated_cdf) < 1.95


@pytest.mark.parametrize("shape", [(5, 5), (40, 17), (17, 40), (3, 3, 8, 20), (300, 300), (1, 7)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal(shape, dtype):
    made = initializers.Orthogonal(gain=2.0, seed=3)(shape, dtype)
    assert made.shape == shape and made.dtype == dtype
    matrix = made.reshape(-1, shape[-1]).astype(float)
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5 if dtype == "float32" else 1e-10)


def test_orthogonal_is_a_qr_decomposition():
    normal = _core.random_array("normal", (12, 30), "float64", 0.0, 1.0, 4).T  # columns are the vectors
    q, r = np.linalg.qr(normal)
    got = initializers.Orthogonal(seed=4)((30, 12), "float64")
    np.testing.assert_allclose(got, q * np.sign(np.diag(r)), atol=1e-12)
    before = _core.num_threads()
    try:
        _core.set_num_threads(1)
        one = initializers.Orthogonal(seed=4)((400, 300), "float64")
        _core.set_num_threads(3)
        three = initializers.Orthogonal(seed=4)((400, 300), "float64")
    finally:
        _core.set_num_threads(before)
    assert one.tobytes() == three.tobytes()


def test_values_without_chance():
    for dtype in ("float32", "float64", "int32", None):
        assert initializers.Zeros()((2, 3), dtype).tolist() == [[0] * 3] * 2
        assert initializers.Ones()((2, 3), dtype).dtype == np.dtype(dtype or "float32")
    assert initializers.Constant(2.5)((2,)).tolist() == [2.5, 2.5]
    assert initializers.Constant([1, 2])((3, 2)).tolist() == [[1, 2]] * 3
    np.testing.assert_array_equal(initializers.Identity(2.0)((3, 4)), 2 * np.eye(3, 4, dtype=np.float32))
    assert initializers.Zeros()(3).shape == (3,)


RANDOM = [
    initializers.RandomUniform(),
    initializers.RandomNormal(),
    initializers.TruncatedNormal(),
    initializers.VarianceScaling(),
    initializers.GlorotUniform(),
    initializers.HeNormal(),
    initializers.Orthogonal(),
]


@pytest.mark.parametrize("made", RANDOM, ids=repr)
def test_seeds(made):
    seeded = type(made).from_config(made.get_config() | {"seed": 11})
    np.testing.assert_array_equal(seeded((6, 6)), seeded((6, 6)))
    assert not np.array_equal(made((6, 6)), made((6, 6)))
    utils.set_random_seed(5)
    first = [made((6, 6)), made((6, 6))]
    utils.set_random_seed(5)
    second = [made((6, 6)), made((6, 6))]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    "made",
    [
        *RANDOM,
        initializers.Zeros(),
        initializers.Ones(),
        initializers.Constant(0.3),
        initializers.Constant(np.arange(3.0)),
        initializers.Identity(2.0),
        initializers.VarianceScaling(2.0, "fan_out", "uniform", 3),
        initializers.LecunUniform(seed=4),
    ],
    ids=repr,
)
def test_configuration_round_trip(made):
    again = initializers.get(json.loads(json.dumps(initializers.serialize(made))))
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert made.clone().get_config() == made.get_config()
    random.set_seed(1)
    first = made((3, 3))
    random.set_seed(1)
    np.testing.assert_array_equal(again((3, 3)), first)


def test_names():
    for name, cls in {
        "zeros": "Zeros",
        "zero": "Zeros",
        "ones": "Ones",
        "Constant": "Constant",
        "normal": "RandomNormal",
        "random_normal": "RandomNormal",
        "uniform": "RandomUniform",
        "RandomUniform": "RandomUniform",
        "truncated_normal": "TruncatedNormal",
        "variance_scaling": "VarianceScaling",
        "glorot_uniform": "GlorotUniform",
        "GlorotNormal": "GlorotNormal",
        "xavier_normal": "GlorotNormal",
        "he_uniform": "HeUniform",
        "lecun_normal": "LecunNormal",
        "LecunUniform": "LecunUniform",
        "orthogonal": "Orthogonal",
        "identity": "Identity",
    }.items():
        assert type(initializers.get(name)).__name__ == cls
    assert initializers.get(None) is None
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    assert initializers.get(np.float32(0.5)).value == 0.5

    def own(shape, dtype=None):
        return np.zeros(shape)

    assert initializers.get(own) is own


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: initializers.get("glorot_unifrm"),
            "unknown initializer 'glorot_unifrm'; did you mean 'glorot_uniform'",
        ),
        (lambda: initializers.get({"class_name": "Zeroes", "config": {}}), "unknown initializer 'Zeroes'"),
        (lambda: initializers.get({"class_name": "Zeros"}), "'class_name' and 'config'"),
        (lambda: initializers.RandomNormal(stddev=-1), "stddev must be at least 0, got -1"),
        (lambda: initializers.RandomUniform(1, 0), "minval must not be above maxval"),
        (lambda: initializers.VarianceScaling(0), "scale must be above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "unknown mode 'fan'"),
        (lambda: initializers.VarianceScaling(distribution="gauss"), "unknown distribution 'gauss'"),
        (lambda: initializers.Constant(math.nan), "value must be finite"),
        (lambda: initializers.Constant([1, 2])((3,)), r"value of shape \(2,\) does not fit shape \(3,\)"),
        (lambda: initializers.Identity()((3,)), r"must have two dimensions, got \(3,\)"),
        (lambda: initializers.Orthogonal()((3,)), "two dimensions or more"),
        (lambda: initializers.RandomNormal()((-3,)), "shape must be at least 0, got -3"),
        (lambda: initializers.RandomNormal()((3,), "int32"), "'float32' or 'float64'"),
        (lambda: initializers.RandomNormal(seed=-1), "seed must be at least 0"),
        (lambda: initializers.RandomNormal(seed=2**64), r"seed must be below 2\*\*64"),
        (lambda: utils.set_random_seed(2**32), r"seed must be below 2\*\*32"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_types():
    with pytest.raises(TypeError, match="an initializer is a name"):
        initializers.get(True)
    with pytest.raises(TypeError, match="stddev must be a number"):
        initializers.RandomNormal(stddev="1")
    with pytest.raises(TypeError, match="seed must be an integer"):
        utils.set_random_seed("1")
    with pytest.raises(NotImplementedError, match="must define __call__"):
        initializers.Initializer()((3,))


def test_the_sequence_of_seeds():
    random.set_seed(0)
    seeds = {random.next_seed() for _ in range(1000)}
    assert len(seeds) == 1000 and all(0 <= seed < 2**63 for seed in seeds)
    state = random.get_state()
    following = [random.next_seed() for _ in range(5)]
    random.set_state(state)
    assert [random.next_seed() for _ in range(5)] == following
    random.set_seed(1)
    assert random.next_seed() not in seeds


def test_seeds_reach_numpy_and_python():
    import random as python_random

    drawn = []
    for _ in range(2):
        utils.set_random_seed(12)
        numpy_draw = np.random.rand()  # noqa: NPY002
        drawn.append((python_random.random(), numpy_draw, random.next_seed()))
    assert drawn[0] == drawn[1]
