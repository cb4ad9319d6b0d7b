import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, uniform

from fastnn import _core

SPARSE = "sparse_softmax_cross_entropy"
WRONG = [
    Refusal(
        [batch(5), labels(5, classes=5)], r"labels must be int32 of shape \(None,\), got int32 \(None, 5\)"
    ),
    Refusal([batch(5), batch()], r"labels must be int32"),
    Refusal([batch(), labels(classes=5)], r"classes in the last dimension"),
    Refusal(
        [batch(5), labels(classes=5)], r"label_smoothing must be in \[0, 1\), got 1", {"label_smoothing": 1.0}
    ),
]

CASES = [
    case(
        SPARSE,
        [batch(5, make=uniform(-3, 3)), labels(classes=5)],
        reference.sparse_softmax_cross_entropy,
        refuses=WRONG,
    ),
    case(
        SPARSE,
        [batch(3, 11), labels(3, classes=11)],
        reference.sparse_softmax_cross_entropy,
        label_smoothing=0.1,
    ),
    case(SPARSE, [batch(4), labels(classes=4)], reference.sparse_softmax_cross_entropy, ignore_index=2),
    case(SPARSE, [batch(1), labels(classes=1)], reference.sparse_softmax_cross_entropy),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_sparse_softmax_cross_entropy(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_large_logits_stay_finite(layout):
    graph = _core.Graph()
    tensors = [graph.input("logits", [3]), graph.input("labels", [], "int32")]
    loss = graph.add(SPARSE, tensors)[0]
    values = np.array([[1000.0, 0, -1000], [-1e30, 0, 1e30]], "float32")
    found = _core.Function(graph, [loss], layout).run([values, np.array([0, 2], "int32")])[0]
    np.testing.assert_array_equal(found, [0, 0])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("label", [-1, 5])
def test_label_out_of_range_names_the_sample(layout, label):
    graph = _core.Graph()
    tensors = [graph.input("logits", [5]), graph.input("labels", [], "int32")]
    loss = graph.add(SPARSE, tensors, {}, "head")[0]
    function = _core.Function(graph, [loss], layout)
    given = np.zeros(40, "int32")
    given[37] = label
    with pytest.raises(ValueError, match=rf"head .*sample 37 .*got class or id {label}, expected .* 0 to 4"):
        function.run([np.zeros((40, 5), "float32"), given])
    function.run([np.zeros((40, 5), "float32"), np.zeros(40, "int32")])
