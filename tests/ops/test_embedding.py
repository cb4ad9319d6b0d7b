import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared

from fastnn import _core


def embedding(ids, table):
    return table[ids]


WRONG = [
    Refusal([batch(5), shared(5, 3)], r"int32.*float32", error=TypeError),
    Refusal([labels(5, classes=3), shared(5)], r"embedding needs"),
]

CASES = [
    case("embedding", [labels(5, classes=7), shared(7, 3)], embedding, refuses=WRONG),
    case("embedding", [labels(classes=3), shared(3, 1)], embedding),
    case("embedding", [labels(4, 2, classes=200), shared(200, 33)], embedding),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_embedding(declared):
    check_op(declared)


@pytest.mark.parametrize("wrong", [-1, 7, 2**31 - 1])
def test_ids_out_of_range_name_op_sample_and_value(wrong):
    graph = _core.Graph()
    ids = graph.input("ids", [3], "int32")
    store = _core.Store()
    store.add("table", [7, 2], "float32")
    out = graph.add("embedding", [ids, graph.parameter(store, "table")], {}, "words")[0]
    function = _core.Function(graph, [out])
    values = np.zeros((9, 3), "int32")
    values[5, 1] = wrong
    with pytest.raises(
        ValueError, match=rf"words \(op 'embedding'\), sample 5 .*got class or id {wrong}.*0 to 6"
    ):
        function.run([values])
    values[5, 1] = 6
    function.run([values])
