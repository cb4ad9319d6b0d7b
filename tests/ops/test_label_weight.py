import numpy as np
import pytest
import reference_losses as reference
from checks import Refusal, batch, bits, case, check_op, labels, one_hot, uniform

from fastnn import _core

weight = uniform(0, 2)


def weights(*shape, make=weight):
    return batch(*shape, make=make, differentiable=False)


CASES = [
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
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_label_weight(declared):
    check_op(declared)


def test_weights_out_of_range_of_classes():
    graph = _core.Graph()
    y, x = graph.input("y", [], "int32"), graph.input("x", [])
    out = graph.add("label_weight", [y, x, None], {"weights": [1.0, 2.0]}, "class_weight_layer")[0]
    with pytest.raises(ValueError, match=r"class_weight_layer .*sample 1 .*got class or id 2"):
        _core.Function(graph, [out]).run([np.array([0, 2], "int32"), np.zeros(2, "float32")])
