import numpy as np
from checks import batch, case, check_op

from fastnn import _core

PASSES = case("stop_gradient", [batch(3, 5)], lambda x: x, gradient=False)


def test_values_pass():
    check_op(PASSES)


def test_it_counts_as_a_constant():
    graph = _core.Graph()
    x = graph.input("x", [3])
    still = graph.add("stop_gradient", [x])[0]
    product = graph.add("multiply", [x, still])
    total = graph.add("sum_to", graph.add("sample_sum", product), {"shape": []})[0]
    values = np.array([[1.0, 2.0, 3.0]], "float32")
    np.testing.assert_array_equal(_core.Function(graph, graph.gradients(total, [x])).run([values])[0], values)
