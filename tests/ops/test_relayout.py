import pytest
import reference
from checks import batch, case, check_op, shared


def through_lanes_and_rows(graph, tensors):
    """Dense works in the layout that is asked for; a fetched output is rows, so it is laid out again."""
    return graph.add("dense", tensors)


CASES = [
    case("relayout", [batch(3, 5)], lambda x: x),
    case(
        "relayout",
        [batch(5, 7), shared(7, 3), None],
        reference.dense,
        build=through_lanes_and_rows,
        label="relayout around dense",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_relayout(declared):
    check_op(declared)
