import pytest
import reference
from checks import batch, case, check_op, shared

CASES = [
    case("add", [batch(3, 5), batch(3, 5)], reference.add),
    case("add", [batch(), batch()], reference.add),
    case("add", [shared(3, 5), shared(3, 5)], reference.add),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_add(declared):
    check_op(declared)


def test_one_tensor_used_twice():
    def twice(graph, tensors):
        return graph.add("add", [tensors[0], tensors[0]])

    check_op(case("add", [batch(4)], lambda x: 2 * x, build=twice))
