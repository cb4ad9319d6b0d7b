import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, case, check_op, labels, shared, uniform

from fastnn import _core

weight = uniform(0, 2)


def bits(random, shape):
    return random.integers(0, 2, shape).astype("float64")


def weights(*shape, make=weight):
    return batch(*shape, make=make, differentiable=False)


def one_hot(random, shape):
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


CASES = [
    case(
        "weighted_sum",
        [batch(), None, None],
        reference.weighted_sum,
        mean=True,
        covers=["weighted_sum_grad"],
        refuses=[
            Refusal(
                [batch(3), batch(4), None],
                r"weights must be float32 of shape \(None,\) or \(None, 3\), got float32 \(None, 4\)",
            ),
            Refusal([batch(3), labels(classes=2), None], r"weights must be float32"),
            Refusal(
                [batch(3), None, batch()], r"the mask must be float32 \(None, 3\), got float32 \(None,\)"
            ),
            Refusal([labels(classes=3), None, None], r"values must be floating point", error=TypeError),
            Refusal([batch(3)], r"expected 3 to 3 inputs"),
        ],
    ),
    case("weighted_sum", [batch(3, 7), None, None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(101), None, None], reference.weighted_sum),
    case("weighted_sum", [batch(), weights(), None], reference.weighted_sum),
    case("weighted_sum", [batch(3, 7), weights(), None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(3, 7), weights(3), None], reference.weighted_sum, mean=True),
    case("weighted_sum", [batch(3, 7), weights(3, 7), None], reference.weighted_sum),
    case("weighted_sum", [batch(5), None, weights(5, make=bits)], reference.weighted_sum),
    case("weighted_sum", [batch(3, 5), weights(3), weights(3, 5, make=bits)], reference.weighted_sum),
    case(
        "label_weight",
        [labels(classes=4), weights(4), None],
        reference.label_weight,
        gradient=False,
        weights=[0.5, 2.0, 0.0, 1.5],
        refuses=[
            Refusal([labels(classes=4), batch(), batch(3)], r"weights must be float32 of shape \(None,\)"),
            Refusal(
                [labels(classes=4), batch(), None],
                r"class weights must be finite",
                {"weights": [1.0, np.inf]},
            ),
        ],
    ),
    case(
        "label_weight",
        [labels(3, classes=4, low=-1), weights(3, 4), weights()],
        reference.label_weight,
        gradient=False,
        ignore_index=-1,
    ),
    case(
        "label_weight",
        [weights(2, 4, make=one_hot), weights(2, 4), weights(2)],
        reference.label_weight,
        gradient=False,
        weights=[1, 2, 3, 4],
    ),
    case(
        "label_weight",
        [weights(1, make=bits), weights(1), None],
        reference.label_weight,
        gradient=False,
        weights=[0.25, 4],
    ),
    case(
        "safe_ratio",
        [
            shared(5, dtype="float64"),
            shared(5, dtype="float64", make=uniform(1, 2), differentiable=False),
        ],
        reference.safe_ratio,
        tolerance=1e-12,
        refuses=[Refusal([shared(5), shared(5)], r"a ratio needs two float64 operands")],
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_weighted_sums(declared):
    check_op(declared)


def test_a_ratio_to_zero_is_zero():
    graph = _core.Graph()
    x, mask = graph.input("x", []), graph.input("mask", [])
    total, _, count = graph.add("weighted_sum", [x, None, mask])
    ratio = graph.add("safe_ratio", [total, count])[0]
    slope = graph.gradients(ratio, [x])[0]
    function = _core.Function(graph, [ratio, slope])
    ratio, slope = function.run([np.ones(3, "float32"), np.zeros(3, "float32")])
    assert ratio == 0 and not slope.any()


def test_weights_out_of_range_of_classes():
    graph = _core.Graph()
    y, x = graph.input("y", [], "int32"), graph.input("x", [])
    out = graph.add("label_weight", [y, x, None], {"weights": [1.0, 2.0]}, "class_weight_layer")[0]
    with pytest.raises(ValueError, match=r"class_weight_layer .*sample 1 .*got class or id 2"):
        _core.Function(graph, [out]).run([np.array([0, 2], "int32"), np.zeros(2, "float32")])


def test_the_second_derivative():
    graph = _core.Graph()
    x, w = graph.input("x", [], "float64"), graph.input("w", [], "float64")
    square = graph.add("multiply", [x, x])[0]
    total = graph.add("weighted_sum", [square, w, None], {"mean": True})[0]
    first = graph.gradients(total, [x])[0]
    second = graph.gradients(graph.add("sample_sum", [first])[0], [x])[0]
    found = _core.Function(graph, [second]).run([np.array([1.0, 2, 3]), np.array([3.0, 6, 0])])[0]
    np.testing.assert_allclose(found, [2, 4, 0])
