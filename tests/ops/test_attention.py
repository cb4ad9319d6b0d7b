import numpy as np
import pytest
import reference
from checks import Refusal, batch, case, check_op, labels, shared, uniform

from fastnn import _core


def bits(random, shape):
    """A mask that leaves every query some key."""
    made = random.random(shape) < 0.6
    made[..., 0] = True
    return made


def some_rows_empty(random, shape):
    made = random.random(shape) < 0.5
    made[:, ::2] = False
    return made


def mask(*shape, dtype="int32", make=bits, batched=True):
    return (batch if batched else shared)(*shape, dtype=dtype, make=make, differentiable=False)


def operands(queries, keys, heads=2, key_heads=None, size=4, value_size=None, mask=None, spread=2.0):
    key_heads, value_size = key_heads or heads, value_size or size
    make = uniform(-spread, spread)
    return [
        batch(queries, heads, size, make=make),
        batch(keys, key_heads, size, make=make),
        batch(keys, key_heads, value_size),
        mask,
    ]


def output(graph, tensors, attributes):
    return graph.add("attention", tensors, attributes, "attention_layer")[:1]


def declare(tensors, batches=(1, 3, 17), **attributes):
    """The gradient passes through y alone, so that only y is an output of the case."""
    return case(
        "attention",
        tensors,
        reference.attention,
        build=lambda graph, given: output(graph, given, attributes),
        batches=batches,
        **attributes,
    )


WRONG = [
    Refusal(
        [batch(3, 2, 4), batch(3, 2, 5), batch(3, 2, 4), None],
        r"attention needs queries \(None, T, heads, size\)",
    ),
    Refusal(
        [batch(3, 2, 4), batch(3, 2, 4), batch(4, 2, 4), None], r"got \(None, 3, 2, 4\).*\(None, 4, 2, 4\)"
    ),
    Refusal([batch(3, 8), batch(3, 8), batch(3, 8), None], "attention needs queries"),
    Refusal([batch(3, 3, 4), batch(3, 2, 4), batch(3, 2, 4), None], "3 query heads cannot share 2 key heads"),
    Refusal(operands(3, 5, mask=mask(4)), r"mask \(None, 4\) does not fit 2 heads, 3 queries and 5 keys"),
    Refusal(operands(3, 5, mask=mask(3, 3, 5)), r"mask \(None, 3, 3, 5\) does not fit"),
    Refusal(operands(3, 5, mask=mask(1, 2, 3, 5)), r"does not fit"),
    Refusal(
        operands(3, 5, mask=mask(5, dtype="int64")),
        "mask must be of type float32, int32 or bool, got int64",
        error=TypeError,
    ),
    Refusal(operands(3, 5), r"dropout must be in \[0, 1\), got 1", {"dropout": 1.0}),
    Refusal(operands(3, 5), "scale must be finite", {"scale": float("nan")}),
    Refusal([shared(3, 2, 4), batch(3, 2, 4), batch(3, 2, 4), None], "must be batched"),
    Refusal([labels(3, 2, 4, classes=3)] * 3 + [None], "floating-point", error=TypeError),
]

CASES = [
    declare(operands(1, 1, heads=1, size=1)),
    declare(operands(3, 5)),
    declare(operands(7, 7, heads=3, size=5), causal=True),
    declare(operands(1, 70, heads=2, size=16)),
    declare(operands(70, 3, heads=1, size=8, value_size=3)),
    declare(operands(67, 131, heads=2, key_heads=1, size=17), batches=(1, 3)),
    declare(operands(70, 70, heads=4, key_heads=2, size=8, value_size=20), batches=(1, 3), causal=True),
    declare(operands(5, 9, heads=2), causal=True, scale=0.3),
    declare(operands(9, 5, heads=2), causal=True, scale=-0.3),
    declare(operands(4, 6, mask=mask(6))),
    declare(operands(4, 6, mask=mask(1, 6, dtype="float", batched=False)), causal=True),
    declare(operands(40, 70, mask=mask(40, 70)), batches=(1, 3)),
    declare(operands(4, 6, heads=4, key_heads=2, mask=mask(4, 4, 6, dtype="float"))),
    declare(operands(4, 21, mask=mask(4, 21, dtype="bool"))),
    declare(operands(4, 6, mask=mask(2, 4, 1, make=some_rows_empty))),
    declare(operands(40, 70, mask=mask(40, 70, make=some_rows_empty)), batches=(1, 3), causal=True),
    declare(operands(5, 70, mask=mask(70, make=lambda random, shape: np.zeros(shape)))),
    declare(operands(5, 70, spread=12.0)),
    case(
        "attention",
        operands(6, 9, mask=mask(9)),
        reference.attention_with_log_sum,
        gradient=False,
        refuses=WRONG,
        causal=True,
        label="attention with its sums",
    ),
    case(
        "attention",
        operands(37, 70, heads=2, key_heads=1, size=3),
        None,
        build=lambda graph, given: output(graph, given, {"dropout": 0.4, "causal": True}),
        batches=(1, 3, 17),
        random=True,
        label="attention with dropout",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_attention(declared):
    check_op(declared)


def probabilities(dropout, seed=0, step=0):
    """What every key's value counts for: the values are unit vectors."""
    rng = np.random.default_rng(0)
    q, k = (rng.normal(size=(2, 70, 2, 8)).astype("float32") for _ in range(2))
    v = np.broadcast_to(np.eye(70, dtype="float32")[None, :, None, :], (2, 70, 2, 70)).copy()
    graph = _core.Graph()
    given = [graph.input(n, list(a.shape[1:])) for n, a in zip("qkv", (q, k, v), strict=True)]
    out = output(graph, [*given, None], {"dropout": dropout})
    return _core.Function(graph, out).run([q, k, v], seed=seed, step=step)[0]


def test_dropout_leaves_out_a_part_of_the_probabilities():
    whole, dropped = probabilities(0.0), probabilities(0.3)
    kept = dropped != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(dropped[kept], whole[kept] / 0.7, rtol=1e-4)
    assert not np.array_equal(kept[0], kept[1])  # another pattern for each sample, head, query, step and seed
    assert not np.array_equal(kept[:, :, 0], kept[:, :, 1])
    assert not np.array_equal(kept[:, 0], kept[:, 1])
    assert not np.array_equal(kept, probabilities(0.3, step=1) != 0)
    assert not np.array_equal(kept, probabilities(0.3, seed=1) != 0)


def test_masked_values_need_not_be_finite():
    """A key that is not seen may hold anything that a product with 0 survives."""
    q = np.ones((1, 2, 1, 4), "float32")
    k = np.array([1.0, 1e30], "float32")[None, :, None, None] * np.ones((1, 2, 1, 4), "float32")
    v = np.arange(2, dtype="float32")[None, :, None, None] * np.ones((1, 2, 1, 3), "float32")
    graph = _core.Graph()
    given = [graph.input(n, list(a.shape[1:])) for n, a in zip("qkv", (q, k, v), strict=True)]
    out = output(graph, [*given, None], {"causal": True})
    np.testing.assert_array_equal(_core.Function(graph, out).run([q, k, v])[0][0, :, 0, 0], [0.0, 1.0])
