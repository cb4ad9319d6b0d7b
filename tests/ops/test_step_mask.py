import numpy as np
import pytest
from checks import case

from fastnn import _core

DECLARED = case("step_mask", [], None, gradient=False)  # its dtype is an attribute: tested here


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 3, 17, 130])
def test_ids(dtype, samples):
    ids = np.random.default_rng(samples).integers(0, 3, (samples, 2, 3)).astype("int32")
    graph = _core.Graph()
    out = graph.add("step_mask", [graph.input("ids", [2, 3], "int32")], {"value": 2.0, "dtype": dtype}, "m")[
        0
    ]
    for layout in ("rows", "lanes"):
        found = _core.Function(graph, [out], layout).run([ids])[0]
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, ids != 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_steps(dtype, value):
    x = (np.random.default_rng(0).integers(0, 2, (19, 4, 2)) * 0.5).astype(dtype)
    graph = _core.Graph()
    out = graph.add("step_mask", [graph.input("x", [4, 2], dtype)], {"value": value, "dtype": dtype}, "m")[0]
    for layout in ("rows", "lanes"):
        found = _core.Function(graph, [out], layout).run([x])[0]
        np.testing.assert_array_equal(found, (x != value).any(axis=-1))


def test_wrong_types():
    graph = _core.Graph()
    x = graph.input("x", [4, 2], "float64")
    with pytest.raises(ValueError, match="m: step_mask needs"):
        graph.add("step_mask", [x], {"dtype": "float32"}, "m")
    with pytest.raises(TypeError, match="m: a mask has a floating type"):
        graph.add("step_mask", [x], {"dtype": "int32"}, "m")
