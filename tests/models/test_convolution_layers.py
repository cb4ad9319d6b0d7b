"""Convolutions, pooling, padding, cropping and upsampling against NumPy, one output at a time."""

import itertools

import numpy as np
import pytest
from models import layer_reference as ref
from models.test_layers import check, data, names, randomise

import fastnn
from fastnn import layers


def pad_axis(x, axis, before, after):
    places = [(0, 0)] * x.ndim
    places[axis] = (before, after)
    return np.pad(x, places)


def convolve(x, kernel, bias, strides, padding, dilation, groups=1):
    """Convolution over any number of dimensions: each output a sum over its window."""
    rank = x.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation)]
    for axis, (span, stride) in enumerate(zip(spans, strides), start=1):
        if padding == "same":
            x = pad_axis(x, axis, *ref.same_padding(x.shape[axis], span, stride))
        elif padding == "causal":
            x = pad_axis(x, axis, span - 1, 0)
    extents = [(n - span) // s + 1 for n, span, s in zip(x.shape[1:], spans, strides)]
    out = np.zeros((len(x), *extents, kernel.shape[-1]))
    per_in, per_out = kernel.shape[-2], kernel.shape[-1] // groups
    for position in itertools.product(*map(range, extents)):
        window = x[
            (
                slice(None),
                *(slice(p * s, p * s + span, d) for p, s, span, d in zip(position, strides, spans, dilation)),
            )
        ]
        for f in range(kernel.shape[-1]):
            first = f // per_out * per_in
            part = window[..., first : first + per_in]
            out[(slice(None), *position, f)] = (part * kernel[..., f]).sum(tuple(range(1, rank + 2)))
    return out + bias


def shuffle_channels(x, kernel, bias, strides, padding, dilation):
    """Depthwise: kernel (..., channels, multiplier)."""
    parts = [
        convolve(x[..., c : c + 1], kernel[..., c : c + 1, :], 0.0, strides, padding, dilation)
        for c in range(x.shape[-1])
    ]
    return np.concatenate(parts, axis=-1) + bias


def spread_windows(x, kernel, bias, strides, dilation, extents, before):
    """Transposed: every input adds its window (kernel (..., filters, channels)) to the output."""
    rank = x.ndim - 2
    out = np.zeros((len(x), *extents, kernel.shape[-2]))
    for position in itertools.product(*map(range, x.shape[1:-1])):
        for tap in itertools.product(*map(range, kernel.shape[:rank])):
            at = tuple(p * s + t * d - b for p, s, t, d, b in zip(position, strides, tap, dilation, before))
            if all(0 <= a < n for a, n in zip(at, extents)):
                out[(slice(None), *at)] += x[(slice(None), *position)] @ kernel[tap].T
    return out + bias


CONV1D = [
    {"kernel_size": 3},
    {"kernel_size": 4, "padding": "same"},
    {"kernel_size": 3, "padding": "causal"},
    {"kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    {"kernel_size": 3, "padding": "causal", "strides": 2},
    {"kernel_size": 2, "strides": 3, "padding": "same"},
    {"kernel_size": 2, "groups": 2, "use_bias": False},
    {"kernel_size": 3, "activation": "gelu"},
]


@pytest.mark.parametrize("options", CONV1D)
def test_conv1d(options):
    layer = layers.Conv1D(6, dtype="float64", **options)
    x = data(3, 9, 4)
    layer.build(x.shape)
    groups = options.get("groups", 1)
    expected = [("kernel", (*layer.kernel_size, 4 // groups, 6)), ("bias", (6,))]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    kernel, bias = (*layer.get_weights(), np.zeros(6))[:2]
    out = convolve(x, kernel, bias, layer.strides, layer.padding, layer.dilation_rate, groups)
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


CONV3D = [
    {"kernel_size": 2},
    {"kernel_size": (1, 2, 3), "padding": "same"},
    {"kernel_size": 3, "strides": (1, 2, 3), "padding": "same"},
    {"kernel_size": 2, "dilation_rate": (1, 2, 1), "use_bias": False},
    {"kernel_size": 2, "groups": 2, "activation": "relu"},
]


@pytest.mark.parametrize("options", CONV3D)
def test_conv3d(options):
    layer = layers.Conv3D(6, dtype="float64", **options)
    x = data(2, 4, 5, 6, 4)
    layer.build(x.shape)
    groups = options.get("groups", 1)
    expected = [("kernel", (*layer.kernel_size, 4 // groups, 6)), ("bias", (6,))]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    kernel, bias = (*layer.get_weights(), np.zeros(6))[:2]
    out = convolve(x, kernel, bias, layer.strides, layer.padding, layer.dilation_rate, groups)
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


def test_causal_outputs_see_no_later_input():
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = data(1, 12, 3)
    changed = x.copy()
    changed[:, 7:] += 1
    same = layer(x)[:, :7] == layer(changed)[:, :7]
    assert same.all()


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "padding": "same", "strides": 2},
        {"kernel_size": 2, "dilation_rate": (2, 3), "use_bias": False},
        {"kernel_size": 3, "padding": "same", "activation": "relu"},
        {"kernel_size": 3, "padding": "same", "activation": "gelu"},
    ],
)
def test_depthwise_conv2d(options, multiplier):
    layer = layers.DepthwiseConv2D(dtype="float64", depth_multiplier=multiplier, **options)
    x = data(3, 7, 6, 4)
    layer.build(x.shape)
    expected = [("kernel", (*layer.kernel_size, 4, multiplier)), ("bias", (4 * multiplier,))]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    kernel, bias = (*layer.get_weights(), 0.0)[:2]
    out = shuffle_channels(x, kernel, bias, layer.strides, layer.padding, layer.dilation_rate)
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    "options", [{"kernel_size": 3}, {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}]
)
def test_depthwise_conv1d(options, multiplier):
    layer = layers.DepthwiseConv1D(dtype="float64", depth_multiplier=multiplier, **options)
    x = data(3, 8, 4)
    layer.build(x.shape)
    assert names(layer) == [("kernel", (3, 4, multiplier)), ("bias", (4 * multiplier,))]
    randomise(layer)
    out = shuffle_channels(x, *layer.get_weights(), layer.strides, layer.padding, layer.dilation_rate)
    check(layer, x, out)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"padding": "same", "strides": 2}, {"use_bias": False, "activation": "tanh"}]
)
def test_separable(rank, multiplier, options):
    cls = (layers.SeparableConv1D, layers.SeparableConv2D)[rank - 1]
    layer = cls(5, 3, dtype="float64", depth_multiplier=multiplier, **options)
    x = data(3, *(7, 6)[:rank], 4)
    layer.build(x.shape)
    expected = [
        ("depthwise_kernel", (*(3,) * rank, 4, multiplier)),
        ("pointwise_kernel", (*(1,) * rank, 4 * multiplier, 5)),
        ("bias", (5,)),
    ]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    depthwise, pointwise, bias = (*layer.get_weights(), 0.0)[:3]
    middle = shuffle_channels(x, depthwise, 0.0, layer.strides, layer.padding, layer.dilation_rate)
    out = middle @ pointwise.reshape(4 * multiplier, 5) + bias
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


TRANSPOSED = [
    {"kernel_size": 3},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 2, "strides": 3},
    {"kernel_size": 3, "strides": 2, "padding": "same"},
    {"kernel_size": 4, "strides": 3, "padding": "same"},
    {"kernel_size": 2, "strides": 3, "padding": "same", "activation": "relu"},
    {"kernel_size": 3, "strides": 3, "output_padding": 2},
    {"kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
    {"kernel_size": 3, "dilation_rate": 2, "use_bias": False},
]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", TRANSPOSED)
def test_transposed(rank, options):
    cls = getattr(layers, f"Conv{rank}DTranspose")
    layer = cls(5, dtype="float64", **options)
    x = data(2, *(4, 3, 2)[:rank], 3)
    layer.build(x.shape)
    expected = [("kernel", (*layer.kernel_size, 5, 3)), ("bias", (5,))]
    assert names(layer) == expected[: len(layer.weights)]
    randomise(layer)
    kernel, bias = (*layer.get_weights(), 0.0)[:2]
    extents, before = [], []
    for n, k, s, d in zip(x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate):
        span = (k - 1) * d + 1
        extra = options.get("output_padding")
        if layer.padding == "valid":
            extents.append((n - 1) * s + (max(span, s) if extra is None else span + extra))
            before.append(0)
        else:
            extents.append(n * s if extra is None else (n - 1) * s + span % 2 + extra)
            before.append(ref.same_padding(extents[-1], span, s)[0])
    out = spread_windows(x, kernel, bias, layer.strides, layer.dilation_rate, extents, before)
    check(layer, x, ref.ACTIVATIONS[options.get("activation", "linear")](out))


def pool(x, size, strides, padding, function):
    """Pooling over any number of dimensions; padding is NaN."""
    rank = x.ndim - 2
    if padding == "same":
        places = [(0, 0), *(ref.same_padding(n, k, s) for n, k, s in zip(x.shape[1:], size, strides)), (0, 0)]
        x = np.pad(x, places, constant_values=np.nan)
    extents = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], size, strides)]
    out = np.zeros((len(x), *extents, x.shape[-1]))
    for position in itertools.product(*map(range, extents)):
        window = x[(slice(None), *(slice(p * s, p * s + k) for p, s, k in zip(position, strides, size)))]
        out[(slice(None), *position)] = function(window, tuple(range(1, rank + 1)))
    return out


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, 2), (2, 1), ((3, 1, 2), (1, 2, 2))])
@pytest.mark.parametrize("rank", [1, 3])
def test_pooling(rank, size, strides, padding):
    if rank == 1 and isinstance(size, tuple):
        size, strides = size[:1], strides[:1]
    x = data(3, *(7, 5, 6)[:rank], 3)
    for name, function in (("Max", np.nanmax), ("Average", np.nanmean)):
        layer = getattr(layers, f"{name}Pooling{rank}D")(size, strides, padding, dtype="float64")
        check(layer, x, pool(x, layer.pool_size, layer.strides, padding, function))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("rank", [1, 3])
def test_global_pooling(rank, keepdims):
    x = data(3, *(5, 4, 3)[:rank], 2)
    axes = tuple(range(1, rank + 1))
    for name, function in (("Max", np.max), ("Average", np.mean)):
        layer = getattr(layers, f"Global{name}Pooling{rank}D")(keepdims=keepdims, dtype="float64")
        check(layer, x, function(x, axes, keepdims=keepdims))


@pytest.mark.parametrize("keepdims", [False, True])
def test_masked_steps_do_not_count_in_the_mean(keepdims):
    x = data(4, 5, 3)
    x[0, 3:] = x[1, 1:3] = x[2] = 0  # the third sample is padding alone
    model = fastnn.Sequential([layers.Masking(), layers.GlobalAveragePooling1D(keepdims=keepdims)])
    seen = (x != 0).any(axis=2, keepdims=True)
    expected = (x * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(model(x), expected if keepdims else expected[:, 0], rtol=1e-5)


def repeated(x, size):
    for axis, times in enumerate(size, start=1):
        x = np.repeat(x, times, axis)
    return x


@pytest.mark.parametrize(("rank", "size"), [(1, 3), (2, 2), (2, (1, 3)), (3, 2), (3, (2, 1, 3))])
def test_upsampling(rank, size):
    x = data(3, *(3, 4, 2)[:rank], 3)
    layer = getattr(layers, f"UpSampling{rank}D")(size, dtype="float64")
    check(layer, x, repeated(x, layer.size))


def bilinear(x, axis, times):
    """Between the middles of neighbouring pixels the value changes evenly."""
    n = x.shape[axis]
    at = np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1)
    flat = np.moveaxis(x, axis, -1).reshape(-1, n)
    rows = np.stack([np.interp(at, np.arange(n), row) for row in flat])
    return np.moveaxis(rows.reshape(*np.moveaxis(x, axis, -1).shape[:-1], n * times), -1, axis)


def test_bilinear_upsampling():
    x = data(3, 4, 5, 2)
    check(
        layers.UpSampling2D((2, 3), interpolation="bilinear", dtype="float64"),
        x,
        bilinear(bilinear(x, 1, 2), 2, 3),
    )


def test_resizing():
    x = data(3, 2, 3, 2)
    check(layers.Resizing(4, 9, "nearest", dtype="float64"), x, repeated(x, (2, 3)))
    check(layers.Resizing(4, 9, dtype="float64"), x, bilinear(bilinear(x, 1, 2), 2, 3))
    y = data(3, 4, 6, 2)  # halves: the mean of two neighbours
    check(layers.Resizing(2, 3, dtype="float64"), y, y.reshape(3, 2, 2, 3, 2, 2).mean((2, 4)))


def test_center_crop():
    x = data(3, 7, 6, 2)
    check(layers.CenterCrop(4, 6, dtype="float64"), x, x[:, 1:5])
    check(layers.CenterCrop(7, 3, dtype="float64"), x, x[:, :, 1:4])
    with pytest.raises(ValueError, match="height=8 is more than the input has"):
        layers.CenterCrop(8, 6)(x)


@pytest.mark.parametrize(
    ("rank", "amounts", "pairs"),
    [
        (1, 2, [(2, 2)]),
        (1, (1, 3), [(1, 3)]),
        (2, 1, [(1, 1), (1, 1)]),
        (2, (1, 2), [(1, 1), (2, 2)]),
        (2, ((1, 0), (2, 1)), [(1, 0), (2, 1)]),
        (3, 1, [(1, 1)] * 3),
        (3, (1, 0, 2), [(1, 1), (0, 0), (2, 2)]),
        (3, ((1, 0), (0, 2), (1, 1)), [(1, 0), (0, 2), (1, 1)]),
    ],
)
def test_padding_and_cropping(rank, amounts, pairs):
    x = data(3, *(7, 6, 8)[:rank], 2)
    padding = getattr(layers, f"ZeroPadding{rank}D")(amounts, dtype="float64")
    check(padding, x, np.pad(x, [(0, 0), *pairs, (0, 0)]))
    cropping = getattr(layers, f"Cropping{rank}D")(amounts, dtype="float64")
    inner = tuple(slice(a, n - b) for (a, b), n in zip(pairs, x.shape[1:]))
    check(cropping, x, x[(slice(None), *inner)])


@pytest.mark.parametrize(
    ("make", "shape", "match"),
    [
        (lambda: layers.Conv1D(4, (3, 3)), None, r"kernel_size must be an integer, got \(3, 3\)"),
        (lambda: layers.Conv1D(4, 9), (None, 5, 2), r"kernel_size covers 9 pixels.*has 5"),
        (lambda: layers.Conv1D(4, 3, padding="full"), None, r"unknown padding 'full'"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), None, r"unknown padding 'causal'"),
        (lambda: layers.Conv1D(4, 3, strides=2, dilation_rate=2), None, r"cannot both be above 1"),
        (lambda: layers.Conv1D(4, 3, data_format="channels_first"), None, r"not supported"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2), None, r"must be less than strides"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), None, r"depth_multiplier must be at least 1"),
        (lambda: layers.MaxPooling1D(9), (None, 5, 2), r"pool_size covers 9 pixels.*has 5"),
        (lambda: layers.Cropping1D((3, 2)), (None, 5, 2), r"cropping \(\(3, 2\),\) leaves nothing"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), None, r"padding must be an integer or have 2 entries"),
        (lambda: layers.ZeroPadding2D(-1), None, r"padding must be at least 0"),
        (lambda: layers.UpSampling2D(interpolation="cubic"), None, r"unknown interpolation"),
        (lambda: layers.Conv1D(4, 3), (None, 28, 28, 1), r"expected an input of rank 3"),
    ],
)
def test_messages(make, shape, match):
    with pytest.raises(ValueError, match=match):
        layer = make()
        layer(np.zeros((2, *shape[1:])))
