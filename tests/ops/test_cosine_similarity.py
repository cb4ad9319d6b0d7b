import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, uniform
from reference_losses import cosine_similarity

from fastnn import _core

far = uniform(0.2, 1)

CASES = [
    case(
        "cosine_similarity",
        [batch(5), batch(5)],
        cosine_similarity,
        refuses=[
            Refusal([batch(5), batch(4)], r"targets must be float32 of the predictions' shape \(None, 5\)")
        ],
    ),
    case("cosine_similarity", [batch(3, 37), batch(3, 37)], cosine_similarity, negative=True),
    case("cosine_similarity", [batch(2, make=far), batch(2, make=far)], cosine_similarity, negative=True),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_cosine_similarity(declared):
    check_op(declared)


@pytest.mark.parametrize("layout", ["rows", "lanes"])
def test_a_zero_vector_is_like_nothing(layout):
    graph = _core.Graph()
    a, b = graph.input("a", [2]), graph.input("b", [2])
    out = graph.add("cosine_similarity", [a, b])[0]
    slopes = graph.gradients(graph.add("sample_mean", [out])[0], [a, b])
    arrays = [np.array([[0, 0], [3, 4]], "float32"), np.array([[1, 2], [0, 0]], "float32")]
    found = _core.Function(graph, [out, *slopes], layout).run(arrays)
    np.testing.assert_array_equal(found[0], [0, 0])
    assert all(np.isfinite(value).all() for value in found)
