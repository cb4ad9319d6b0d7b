import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, separated

from fastnn import _core

WRONG = [
    Refusal([batch(7, 7)], r"height, width, channels.*Add a channel axis"),
    Refusal([batch(2, 7, 3)], r"window \(3, 3\) is larger than its input of 2 x 7", {"pool_size": [3, 3]}),
    Refusal([batch(7, 7, 3)], r"pool_size must be two positive", {"pool_size": [0, 2]}),
    Refusal([batch(7, 7, 3)], r"strides must be two positive", {"strides": [2, -1]}),
    Refusal([batch(7, 7, 3)], r"'valid' or 'same', got 'full'", {"padding": "full"}),
    Refusal([batch(7, 7, 3, dtype="int32")], r"needs floating point, got int32", error=TypeError),
]

SHAPES = [
    ((6, 8, 3), {}),
    ((7, 9, 5), {}),
    ((7, 9, 2), {"padding": "same"}),
    ((8, 7, 17), {"pool_size": [3, 2]}),
    ((7, 7, 4), {"pool_size": [3, 3], "strides": [2, 2]}),
    ((7, 8, 1), {"pool_size": [3, 3], "strides": [2, 2], "padding": "same"}),
    ((6, 5, 2), {"pool_size": [3, 3], "strides": [1, 1], "padding": "same"}),
    ((9, 8, 3), {"pool_size": [2, 2], "strides": [3, 3]}),
    ((2, 3, 16), {"pool_size": [4, 5], "strides": [1, 2], "padding": "same"}),
    ((5, 4, 33), {"global": True}),
    ((5, 4, 2), {"global": True, "keepdims": True}),
]

CASES = [
    case(
        op,
        [batch(*shape, make=separated())],
        getattr(reference, op),
        refuses=WRONG if i == 0 else (),
        **attributes,
    )
    for op in ("max_pool2d", "average_pool2d")
    for i, (shape, attributes) in enumerate(SHAPES)
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_pooling2d(declared):
    check_op(declared)


def run(op, arrays, layout, **attributes):
    graph = _core.Graph()
    inputs = [graph.input(f"operand {i}", list(a.shape[1:]), str(a.dtype)) for i, a in enumerate(arrays)]
    return _core.Function(graph, graph.add(op, inputs, attributes), layout).run(arrays)[0]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_nan_reaches_the_output(layout):
    x = np.arange(5 * 4 * 4, dtype="float32").reshape(5, 4, 4, 1)
    x[2, 0, 1] = x[3, 3, 2] = np.nan
    for op in ("max_pool2d", "average_pool2d"):
        got = run(op, [x], layout)
        assert np.argwhere(np.isnan(got[..., 0])).tolist() == [[2, 0, 0], [3, 1, 1]]


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("size, expected", [([2, 2], [1, 0, 0, 0]), ([1, 2], [1, 0, 2, 0])])
def test_ties_go_to_the_first(layout, size, expected):
    x = np.full((3, 2, 2, 1), 7, "float32")
    y = run("max_pool2d", [x], layout, pool_size=size)
    dy = np.broadcast_to(np.arange(1, 1 + y[0].size, dtype="float32").reshape(y[0].shape), y.shape).copy()
    got = run("max_pool2d_grad", [dy, x, y], layout, pool_size=size)
    assert got.reshape(3, 4).tolist() == [expected] * 3


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_gradient_through_relu(layout):
    x = np.maximum(np.random.default_rng(0).normal(size=(19, 6, 6, 5)) - 1, 0).astype("float32")
    y = run("max_pool2d", [x], layout)
    dy = np.random.default_rng(1).normal(size=y.shape).astype("float32")
    plain = run("max_pool2d_grad", [dy, x, y], layout)
    fused = run("max_pool2d_grad", [dy, x, y], layout, relu=True)
    assert (y == 0).any() and (fused == np.where(x > 0, plain, 0)).all()


def test_gradient_refuses_other_shapes():
    x, y = np.zeros((2, 4, 4, 3), "float32"), np.zeros((2, 2, 2, 3), "float32")
    with pytest.raises(
        ValueError, match=r"gradient must be float32 \(None, 2, 2, 3\), got float32 \(None, 4, 4, 3\)"
    ):
        run("max_pool2d_grad", [x, x, y], "rows")
    with pytest.raises(ValueError, match=r"gradient must be float32 \(None, 3, 2, 3\), got"):
        run("average_pool2d_grad", [y], "rows", input_size=[6, 4])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_relu_and_pooling_share_one_gradient(layout):
    """conv2d with relu, then pooling: one node takes the gradient through both, and it is the right one."""
    random = np.random.default_rng(2)
    x, weights = random.normal(size=(19, 6, 7, 2)), random.normal(size=(19, 2, 2, 3))
    found = []
    for apart in (False, True):
        graph, store = _core.Graph(), _core.Store()
        store.add("kernel", [3, 3, 2, 3], "float64")
        store.set("kernel", np.linspace(-1, 1, 54).reshape(3, 3, 2, 3))
        inputs = [graph.input("x", [6, 7, 2], "float64"), graph.parameter(store, "kernel"), None]
        y = graph.add("conv2d", inputs, {"activation": "relu"})
        pooled = graph.add("max_pool2d", graph.add("scale_shift", y) if apart else y)[0]
        gradient = graph.gradients(pooled, inputs[:2], graph.input("weights", [2, 2, 3], "float64"))
        found.append(_core.Function(graph, [pooled, gradient[0]], layout).run([x, weights]))
        ops, pending = [], [gradient[0]]
        while pending:
            op, operands, _ = graph.producer(pending.pop()) or ("", [], {})
            ops.append(op)
            pending += [t for t in operands if t is not None]
        assert ("activation_grad" in ops) == apart
    assert all((a == b).all() for a, b in zip(*found)) and (found[0][1] != 0).any()


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pool_size": [3, 2], "strides": [2, 1], "padding": "same"},
        {"pool_size": [2, 3], "strides": [3, 3]},
    ],
    ids=str,
)
def test_plans_keep_places_instead_of_images(attributes, dtype, layout):
    """Where the gradient comes after a barrier, it goes by the places of the largest cells."""
    random = np.random.default_rng(3)
    x = np.round(random.normal(size=(19, 9, 8, 21))).astype(dtype)  # with equals
    x[3, 2, 2, 1] = np.nan
    graph = _core.Graph()
    image = graph.add("scale_shift", [graph.input("x", [9, 8, 21], dtype)], {"scale": -1.0})
    pooled = graph.add("max_pool2d", image, attributes)[0]
    size = graph.shape(pooled)
    mean = graph.add("sample_mean", [graph.input("w", list(size), dtype)])
    mean = graph.add("cast", mean, {"dtype": dtype})
    seed = graph.add("add", [graph.input("dy", list(size), dtype), mean[0]])[0]
    gradient = graph.gradients(pooled, image, seed)
    function = _core.Function(graph, [pooled, gradient[0]], layout)
    forward, backward = [row for row in function.describe(19).splitlines() if "max_pool2d" in row]
    assert forward.count("%") == 3 and "(None, 9, 8, 21)" not in backward.split("->")[0]
    dy, zero = random.normal(size=(19, *size)).astype(dtype), np.zeros((19, *size), dtype)
    y, dx = function.run([x, zero, dy])
    np.testing.assert_array_equal(y, run("max_pool2d", [-x], layout, **attributes))
    np.testing.assert_array_equal(dx, run("max_pool2d_grad", [dy, -x, y], layout, **attributes))
