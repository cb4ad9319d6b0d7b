import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, labels, shared

OUT = r"does not lie in"


def cut(x, begin=None, stride=None, size=()):
    begin, stride = begin or [0] * len(size), stride or [1] * len(size)
    for axis, (b, s, n) in enumerate(zip(begin, stride, size), 1):
        x = np.take(x, [b + i * s for i in range(n)], axis=axis)
    return x


def put(x, begin=None, stride=None, shape=(), fill=0.0):
    begin, stride = begin or [0] * len(shape), stride or [1] * len(shape)
    out = np.full((len(x), *shape), fill, x.dtype)
    places = [np.array([b + i * s for i in range(n)]) for b, s, n in zip(begin, stride, x.shape[1:])]
    for sample, values in zip(out, x):
        sample[np.ix_(*places)] = values
    return out


CASES = [
    case(
        "slice",
        [batch(5, 7)],
        cut,
        begin=[1, 2],
        size=[3, 4],
        refuses=[
            Refusal([batch(5, 7)], OUT, {"begin": [3, 0], "size": [3, 7]}),
            Refusal([batch(5, 7)], OUT, {"begin": [-1, 0], "size": [3, 7]}),
            Refusal([batch(5, 7)], OUT, {"size": [3]}),
            Refusal([batch(5, 7)], OUT, {"size": [0, 7]}),
            Refusal([batch(5, 7)], OUT, {"stride": [0, 1], "size": [5, 7]}),
        ],
    ),
    case("slice", [batch(5, 7)], cut, begin=[4, 6], stride=[-2, -3], size=[3, 3]),
    case("slice", [batch(3, 4, 6)], cut, begin=[0, 1, 0], stride=[1, 2, 1], size=[3, 2, 6]),
    case("slice", [batch(37)], cut, begin=[36], stride=[-1], size=[37]),
    case("slice", [batch(1)], cut, size=[1]),
    case("slice", [labels(5, classes=9)], cut, begin=[1], stride=[2], size=[2], gradient=False),
    case(
        "slice",
        [shared(5, 3)],
        lambda x, **a: cut(x[None], **a)[0],
        begin=[2, 0],
        size=[2, 3],
        label="unbatched",
    ),
    case(
        "place",
        [batch(2, 3)],
        put,
        begin=[1, 2],
        shape=[4, 6],
        refuses=[Refusal([batch(2, 3)], OUT, {"begin": [1, 2], "shape": [2, 6]})],
    ),
    case("place", [batch(2, 3)], put, begin=[3, 0], stride=[-2, 2], shape=[4, 6], fill=1.5),
    case("place", [labels(3, classes=9)], put, begin=[1], shape=[5], fill=-1.0, gradient=False),
    case("place", [shared(3)], lambda x, **a: put(x[None], **a)[0], begin=[1], shape=[5], label="unbatched"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_slice(declared):
    check_op(declared)


def test_second_derivative_of_a_slice():
    def build(graph, tensors):
        square = graph.add("multiply", [tensors[0], tensors[0]])
        part = graph.add("slice", square, {"begin": [1], "stride": [2], "size": [2]})
        total = graph.add("sum_to", graph.add("sample_sum", part), {"shape": []})[0]
        return graph.gradients(total, tensors)

    check_op(case("slice", [batch(5)], lambda x: 2 * x * [0, 1, 0, 1, 0], build=build, batches=(3, 17)))
