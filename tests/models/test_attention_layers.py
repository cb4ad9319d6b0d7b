"""Attention layers against NumPy: outputs, weights' names and shapes, masks, configuration, messages."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

RANDOM = np.random.default_rng(5)


def data(*shape):
    return RANDOM.normal(size=shape)


def randomise(layer):
    layer.set_weights([RANDOM.normal(size=w.shape) * 0.4 for w in layer.get_weights()])


def reference(layer, query, value, key=None, seen=None, bias=True):
    """Output and probabilities, head by head; `seen` broadcasts against (samples, heads, T, S)."""
    key = value if key is None else key
    weights = iter(layer.get_weights())
    projected = []
    for x in (query, key, value):
        x = x.reshape(len(x), -1, x.shape[-1])
        kernel = next(weights)
        projected.append(np.einsum("itf,fhd->ihtd", x, kernel) + (next(weights)[:, None] if bias else 0))
    q, k, v = projected
    share = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, share, 1), np.repeat(v, share, 1)
    scores = np.einsum("ihtd,ihsd->ihts", q, k) / np.sqrt(q.shape[-1])
    seen = np.broadcast_to(True if seen is None else seen, scores.shape)
    e = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    total = e.sum(-1, keepdims=True)
    p = e / np.where(total == 0, 1, total)
    mixed = np.einsum("ihts,ihsd->ithd", p, v)
    out = np.tensordot(mixed, next(weights), 2) + (next(weights) if bias else 0)
    return out.reshape(*query.shape[:-1], *out.shape[2:]), p


def made(layer, *arrays):
    layer(*arrays)
    randomise(layer)
    return layer


def check(layer, found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"value_dim": 5},
        {"use_bias": False},
        {"output_shape": 3},
        {"output_shape": (2, 3)},
        {"attention_axes": 1},
    ],
)
def test_multi_head_attention(options):
    layer = layers.MultiHeadAttention(2, 4, dtype="float64", **options)
    x, context = data(3, 6, 7), data(3, 9, 8)
    made(layer, x, context)
    bias, value = options.get("use_bias", True), options.get("value_dim", 4)
    outputs = np.atleast_1d(options.get("output_shape", 7)).tolist()
    shapes = [
        (7, 2, 4),
        (2, 4),
        (8, 2, 4),
        (2, 4),
        (8, 2, value),
        (2, value),
        (2, value, *outputs),
        tuple(outputs),
    ]
    assert [w.shape for w in layer.weights] == (shapes if bias else shapes[::2])
    if bias:
        parts = ("query", "key", "value", "attention_output")
        assert [w.path for w in layer.weights] == [
            f"{part}/{n}" for part in parts for n in ("kernel", "bias")
        ]
    expected, _ = reference(layer, x, context, bias=bias)
    check(layer, layer(x, context), expected)
    symbolic = layer(fastnn.Input((6, 7), dtype="float64"), fastnn.Input((9, 8), dtype="float64"))
    assert symbolic.shape == (None, *expected.shape[1:])
    assert layer.compute_output_shape((None, 6, 7), (None, 9, 8)) == (None, *expected.shape[1:])


@pytest.mark.parametrize("key_heads", [1, 2, 4])
def test_grouped_query_attention(key_heads):
    layer = layers.GroupedQueryAttention(5, 4, key_heads, dtype="float64")
    x = data(3, 6, 7)
    made(layer, x, x)
    assert [w.shape for w in layer.weights][:4] == [(7, 4, 5), (4, 5), (7, key_heads, 5), (key_heads, 5)]
    causal = np.tril(np.ones((6, 6), bool))
    check(layer, layer(x, x, use_causal_mask=True), reference(layer, x, x, seen=causal)[0])


def test_key_apart_from_value():
    layer = layers.MultiHeadAttention(2, 4, dtype="float64")
    x, value, key = data(3, 6, 7), data(3, 9, 5), data(3, 9, 8)
    made(layer, x, value, key)
    assert [w.shape for w in layer.weights if w.name == "kernel"] == [
        (7, 2, 4),
        (8, 2, 4),
        (5, 2, 4),
        (2, 4, 7),
    ]
    check(layer, layer(x, value=value, key=key), reference(layer, x, value, key)[0])


MASKS = {
    "value_mask": lambda: RANDOM.random((3, 9)) < 0.7,
    "key_mask": lambda: RANDOM.random((3, 9)) < 0.7,
    "query_mask": lambda: RANDOM.random((3, 6)) < 0.7,
    "attention_mask": lambda: RANDOM.random((3, 6, 9)) < 0.7,
}


def seen_by(masks):
    seen = np.ones((3, 1, 6, 9), bool)
    for name, mask in masks.items():
        if name == "use_causal_mask":
            seen &= np.tril(np.ones((6, 9), bool))
        elif name == "query_mask":
            seen = seen & mask[:, None, :, None]
        elif name == "attention_mask":
            seen = seen & (mask if mask.ndim == 4 else mask[:, None])
        else:
            seen = seen & mask[:, None, None]
    return seen


@pytest.mark.parametrize(
    "which",
    [
        ("value_mask",),
        ("query_mask",),
        ("attention_mask",),
        ("value_mask", "use_causal_mask"),
        ("value_mask", "key_mask", "query_mask", "attention_mask", "use_causal_mask"),
    ],
)
@pytest.mark.parametrize("kind", ["bool", "float64", "int32"])
def test_masks(which, kind):
    layer = layers.MultiHeadAttention(2, 4, dtype="float64")
    x, context = data(3, 6, 7), data(3, 9, 8)
    made(layer, x, context)
    masks = {name: True if name == "use_causal_mask" else MASKS[name]() for name in which}
    given = {name: m if m is True else m.astype(kind) for name, m in masks.items()}
    expected, scores = reference(layer, x, context, seen=seen_by(masks))
    check(layer, layer(x, context, **given), expected)
    found, found_scores = layer(x, context, return_attention_scores=True, **given)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found_scores, scores, rtol=1e-9, atol=1e-9)


def test_a_mask_for_each_head():
    layer = layers.MultiHeadAttention(2, 4, dtype="float64")
    x = data(3, 6, 7)
    made(layer, x, x)
    mask = RANDOM.random((3, 2, 6, 6)) < 0.7
    check(layer, layer(x, x, attention_mask=mask), reference(layer, x, x, seen=mask)[0])


def test_sequences_of_padding_only_give_the_bias():
    layer = layers.MultiHeadAttention(2, 4)
    x = data(3, 6, 7).astype("float32")
    made(layer, x, x)
    out = layer(x, x, value_mask=np.array([[1] * 6, [0] * 6, [1] + [0] * 5]))
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[1], np.broadcast_to(layer.get_weights()[-1], (6, 7)), rtol=1e-6)


def test_places_of_images_attend_to_all_others():
    layer = layers.MultiHeadAttention(2, 4, dtype="float64")
    x = data(2, 3, 4, 5)
    made(layer, x, x)
    check(layer, layer(x, x), reference(layer, x, x)[0])


def test_dropout_only_in_training():
    layer = layers.MultiHeadAttention(2, 4, dropout=0.5)
    x = np.ones((2, 40, 3), "float32")
    assert np.array_equal(layer(x, x), layer(x, x))
    fastnn.random.set_seed(1)
    first, second = layer(x, x, training=True), layer(x, x, training=True)
    assert not np.array_equal(first, second)
    fastnn.random.set_seed(1)
    np.testing.assert_array_equal(layer(x, x, training=True), first)
    _, scores = layer(x, x, training=True, return_attention_scores=True)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)  # those before dropout


def test_messages():
    x = data(2, 3, 4)
    layer = layers.MultiHeadAttention(2, 4, name="mha")
    with pytest.raises(TypeError, match="'mha': call needs a query and a value"):
        layer(x)
    with pytest.raises(
        ValueError, match=r"expected inputs of shape \(None, positions, features\), got \(2, 3\)"
    ):
        layer(x[:, :, 0], x)
    layer(x, x)
    with pytest.raises(
        ValueError, match=r"value must have shape \(None, positions, features\), got \(None, 3\)"
    ):
        layer(x, x[:, :, 0])
    with pytest.raises(ValueError, match=r"same positions, got \(None, 3, 4\) and \(None, 2, 4\)"):
        layer(x, x, x[:, :2])
    with pytest.raises(ValueError, match=r"value_mask must have shape \(None, 3\), got \(None, 4\)"):
        layer(x, x, value_mask=np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"query_mask must have shape \(None, 3\), got \(None, 3, 1\)"):
        layer(x, x, query_mask=np.ones((2, 3, 1)))
    with pytest.raises(
        ValueError, match=r"attention_mask must have shape \(None, 3, 3\) or .*, got \(None, 2, 3\)"
    ):
        layer(x, x, attention_mask=np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match=r"attention_mask must have shape .* got \(None, 3\)"):
        layer(x, x, attention_mask=np.ones((2, 3)))
    with pytest.raises(ValueError, match="2 rows, but value_mask has 3"):
        layer(x, x, value_mask=np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"attention_axes=\(1,\) must be all axes of positions, \(1, 2\)"):
        layers.MultiHeadAttention(2, 4, attention_axes=1)(x[:, None], x[:, None])
    with pytest.raises(ValueError, match="input has 3 features, but the kernel was built for 4"):
        layer(x[:, :, :3], x)
    for wrong, match in (
        ({"num_heads": 0}, "num_heads must be at least 1"),
        ({"key_dim": -1}, "key_dim must be at least 1"),
        ({"value_dim": 0}, "value_dim must be at least 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"output_shape": ()}, "output_shape must name at least one"),
        ({"seed": -1}, "seed must be at least 0"),
    ):
        with pytest.raises(ValueError, match=match):
            layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 4, **wrong})
    with pytest.raises(ValueError, match="num_query_heads=3 is not a multiple of num_key_value_heads=2"):
        layers.GroupedQueryAttention(4, 3, 2)
