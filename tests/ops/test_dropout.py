import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared

from fastnn import _core

WRONG = [
    Refusal([batch(3)], r"rate must be in \[0, 1\), got 1", {"rate": 1.0}),
    Refusal([batch(3)], r"rate must be in \[0, 1\), got -0.1", {"rate": -0.1}),
    Refusal([batch(3, 4)], r"noise_shape \(None, 4\) does not fit .* \(None, 3, 4\)", {"noise_shape": [4]}),
    Refusal([batch(3, 4)], r"noise_shape \(None, 3, 2\) does not fit", {"noise_shape": [3, 2]}),
    Refusal([shared(3)], r"batched values"),
    Refusal([labels(3, classes=3)], r"needs floating point, got int32", error=TypeError),
]
NOISE_WRONG = [
    Refusal([batch(3)], r"stddev must be at least 0, got -1", {"stddev": -1.0}),
    Refusal([shared(3)], r"batched values"),
]

CASES = [
    case("dropout", [batch(5)], None, random=True, rate=0.3, refuses=WRONG),
    case("dropout", [batch(7, 29)], None, random=True, rate=0.5, seed=3),
    case("dropout", [batch(3, 4, 5)], None, random=True, rate=0.4, noise_shape=[1, 1, 5]),
    case("dropout", [batch(3, 37)], None, random=True, rate=0.4, noise_shape=[3, 1]),
    case("dropout", [batch(6)], lambda x, rate: x, rate=0.0),
    case("gaussian_noise", [batch(5)], None, random=True, stddev=0.5, refuses=NOISE_WRONG),
    case("gaussian_noise", [batch(3, 67)], None, random=True, stddev=2.0, seed=9),
    case("gaussian_noise", [batch(6)], lambda x, stddev: x, stddev=0.0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_dropout(declared):
    check_op(declared)


def run(op, shape, samples=1000, *, seed=0, step=0, value=1.0, layout="lanes", nodes=1, **attributes):
    graph = _core.Graph()
    x = graph.input("x", list(shape))
    outputs = [graph.add(op, [x], attributes)[0] for _ in range(nodes)]
    array = np.full((samples, *shape), value, "float32")
    found = _core.Function(graph, outputs, layout).run([array], seed=seed, step=step)
    return found[0] if nodes == 1 else found


def test_dropped_share_and_scale():
    found = run("dropout", [200], rate=0.3)
    kept = np.float32(1 / 0.7)
    assert set(np.unique(found)) == {np.float32(0), kept}
    share = (found == 0).mean()
    assert abs(share - 0.3) < 5 * np.sqrt(0.3 * 0.7 / found.size)
    # Neither along samples nor along elements do neighbours follow each other.
    dropped = (found == 0) - share
    for product in (dropped[1:] * dropped[:-1], dropped[:, 1:] * dropped[:, :-1]):
        assert abs(product.mean()) < 5 * 0.21 / np.sqrt(product.size)


@pytest.mark.parametrize("op, attributes", [("dropout", {"rate": 0.5}), ("gaussian_noise", {"stddev": 1.0})])
def test_seed_step_node_and_sample_give_other_numbers(op, attributes):
    shape = [100]
    first = run(op, shape, **attributes)
    np.testing.assert_array_equal(first, run(op, shape, **attributes))
    for other in (
        run(op, shape, **attributes, seed=1),
        run(op, shape, **attributes, seed=1 << 40),
        run(op, shape, **attributes, step=1),
        run(op, shape, nodes=2, **attributes)[1],
        np.roll(first, 1, axis=0),
        np.roll(first, 1, axis=1),
    ):
        alike = (first == other).mean()
        assert alike < (0.52 if op == "dropout" else 0.01)


def test_a_shared_pattern_is_the_same_along_its_axes():
    found = run("dropout", [4, 5, 3], rate=0.5, noise_shape=[1, 1, 3])
    np.testing.assert_array_equal(found, np.broadcast_to(found[:, :1, :1], found.shape))
    assert 0.4 < (found[:, 0, 0] == 0).mean() < 0.6


def test_the_gradient_uses_the_same_pattern():
    graph = _core.Graph()
    x = graph.input("x", [50])
    hidden = graph.add("scale_shift", [x], {"scale": 1.0})[0]  # so that node numbers differ from 0
    y = graph.add("dropout", [hidden], {"rate": 0.5})[0]
    total = graph.add("sample_mean", graph.add("sum_to", [y], {"shape": []}))[0]
    gradient = graph.gradients(total, [x])[0]
    ones = np.ones((40, 50), "float32")
    y_found, found = _core.Function(graph, [y, gradient]).run([ones], seed=4, step=2)
    np.testing.assert_allclose(found * 40, y_found, rtol=1e-6)


def test_noise_is_standard_normal():
    found = run("gaussian_noise", [100], samples=2000, value=0.0, stddev=1.0).ravel().astype("float64")
    n = found.size
    assert abs(found.mean()) < 5 / np.sqrt(n)
    assert abs(found.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((found**4).mean() - 3) < 5 * np.sqrt(96 / n)
    ordered = np.sort(found)
    for point, probability in [(-2.0, 0.0227501), (-1.0, 0.1586553), (0.5, 0.6914625), (3.0, 0.9986501)]:
        assert abs(np.searchsorted(ordered, point) / n - probability) < 0.005
    assert np.corrcoef(found[:-1], found[1:])[0, 1] < 0.02
