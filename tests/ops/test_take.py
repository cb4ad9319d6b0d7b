import numpy as np
import pytest
from checks import Operand, Refusal, batch, case, check_op, labels, shared

from fastnn import _core


def ids(*shape, classes, batched=True):
    return Operand(
        shape, batched, "int32", lambda random, full: random.integers(-classes, classes, full), False
    )


def take(flags):
    """The formula on each sample."""

    def reference(x, places, axis=0):
        if not any(flags):
            return np.take(x, places, axis)
        count = len(x) if flags[0] else len(places)
        return np.stack(
            [np.take(x[i] if flags[0] else x, places[i] if flags[1] else places, axis) for i in range(count)]
        )

    return reference


def scatter(dy, places, axis, extent, batched_ids=True):
    def of_one(values, at):
        shape = (*values.shape[:axis], extent, *values.shape[axis + at.ndim :])
        out = np.zeros(shape)
        flat = values.reshape(*values.shape[:axis], -1, *values.shape[axis + at.ndim :])
        np.add.at(out, (slice(None),) * axis + (at.ravel(),), flat)
        return out

    return np.stack([of_one(dy[i], places[i] if batched_ids else places) for i in range(len(dy))])


def along(x, places, axis):
    return np.take_along_axis(x, np.where(places < 0, places + x.shape[axis], places), axis)


def along_grad(dy, places, axis, extent):
    out = np.zeros([*dy.shape[:axis], extent, *dy.shape[axis + 1 :]][: dy.ndim])
    for index in np.ndindex(*dy.shape):
        target = list(index)
        target[axis] = places[index]
        out[tuple(target)] += dy[index]
    return out


WRONG = [
    Refusal([batch(3, 4), batch(2)], r"indices must be int32, got float32", {"axis": 0}, TypeError),
    Refusal([batch(3, 4), ids(2, classes=3)], r"axis 2 is out of range", {"axis": 2}),
]
CASES = [
    case("take", [batch(5, 3), ids(4, classes=5)], take((1, 1)), axis=0, refuses=WRONG),
    case("take", [batch(2, 5, 3), ids(2, 3, classes=5)], take((1, 1)), axis=1),
    case("take", [batch(5, 3), ids(4, classes=5, batched=False)], take((1, 0)), axis=0),
    case("take", [batch(5, 3), ids(classes=3, batched=False)], take((1, 0)), axis=1),
    case("take", [shared(5, 3), ids(4, classes=5)], take((0, 1)), axis=0, covers=["take_grad_sum"]),
    case(
        "take",
        [shared(70, 40), ids(4, classes=70)],
        take((0, 1)),
        axis=0,
        batches=(1, 17),
        label="wide table",
    ),
    case("take", [shared(2, 5), ids(3, classes=5)], take((0, 1)), axis=1),
    case("take", [shared(5, 3), ids(2, classes=5, batched=False)], take((0, 0)), axis=0, label="unbatched"),
    case("take", [labels(5, classes=9), ids(4, classes=5)], take((1, 1)), axis=0, gradient=False),
    case(
        "take_grad",
        [batch(4, 3), labels(4, classes=6)],
        scatter,
        axis=0,
        extent=6,
        refuses=[
            Refusal(
                [batch(4, 3), labels(5, classes=6)], r"do not belong to indices", {"axis": 0, "extent": 6}
            ),
            Refusal([shared(4, 3), labels(4, classes=6)], r"must be batched", {"axis": 0, "extent": 6}),
            Refusal([batch(4, 3), labels(4, classes=6)], r"along axis 0 of 0", {"axis": 0, "extent": 0}),
        ],
    ),
    case("take_grad", [batch(2, 4, 3), labels(4, classes=6)], scatter, axis=1, extent=6),
    case(
        "take_along",
        [batch(5, 3), ids(2, 3, classes=5)],
        lambda x, places, axis: along(x, places, axis + 1),
        axis=0,
        refuses=[
            Refusal([batch(5, 3), ids(2, 4, classes=5)], r"do not fit elements", {"axis": 0}),
            Refusal([shared(5, 3), ids(2, 3, classes=5)], r"do not fit elements", {"axis": 0}),
        ],
    ),
    case("take_along", [batch(2, 7), ids(2, 1, classes=7)], lambda x, places: along(x, places, 2)),
    case("take_along", [shared(5, 3), ids(2, 3, classes=5, batched=False)], along, axis=0, label="unbatched"),
    case(
        "take_along_grad",
        [batch(2, 3), labels(2, 3, classes=5)],
        lambda dy, places, axis, extent: along_grad(dy, places, axis + 1, extent),
        axis=0,
        extent=5,
        batches=(1, 3, 17),
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_take(declared):
    check_op(declared)


@pytest.mark.parametrize("wrong", [5, -6, 2**30])
@pytest.mark.parametrize("op", ["take", "take_along"])
def test_indices_out_of_range_are_reported(op, wrong):
    graph = _core.Graph()
    x = graph.input("x", [5])
    places = graph.input("places", [2], "int32")
    out = graph.add(op, [x, places], {"axis": 0}, "picker")
    function = _core.Function(graph, out)
    with pytest.raises(ValueError, match=rf"picker.*{wrong}"):
        function.run([np.zeros((3, 5), "float32"), np.array([[0, 1], [2, wrong], [3, 4]], "int32")])


def test_second_derivative():
    def build(graph, tensors):
        rows = graph.add("take", tensors, {"axis": 0})
        cube = graph.add("unary", rows, {"kind": "power", "exponent": 3.0})
        total = graph.add("sum_to", graph.add("sample_sum", cube), {"shape": []})[0]
        return graph.gradients(total, tensors[:1])

    def expected(x, places):
        return scatter(3 * take((1, 1))(x, places) ** 2, places, 0, 4)

    check_op(case("take", [batch(4, 2), labels(3, classes=4)], expected, build=build, batches=(3,)))
