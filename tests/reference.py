"""Plain NumPy formulas in float64, written for clarity and independently of the kernels.

Batched operands come with their batch dimension first. No speed is asked for: loops are welcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray

# -------------------------------------------------------------------------------- elementwise


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=["float64"])(x)


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid(x: Array) -> Array:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def activation(x: Array, kind: str = "linear", alpha: float | None = None) -> Array:
    if alpha is None:
        alpha = 0.2 if kind == "leaky_relu" else 1.0
    if kind == "linear":
        return x
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "leaky_relu":
        return np.where(x < 0, alpha * x, x)
    if kind == "elu":
        return np.where(x < 0, alpha * np.expm1(x), x)
    if kind == "selu":
        scale, slope = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
        return scale * np.where(x < 0, slope * np.expm1(x), x)
    if kind == "celu":
        return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha))
    if kind == "gelu":
        return x * 0.5 * (1 + _erf(x / math.sqrt(2)))
    if kind == "gelu_tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if kind == "silu":
        return x * _sigmoid(x)
    if kind == "mish":
        return x * np.tanh(_softplus(x))
    if kind == "sigmoid":
        return _sigmoid(x)
    if kind == "hard_sigmoid":
        return np.clip(x + 3, 0, 6) / 6
    if kind == "tanh":
        return np.tanh(x)
    if kind == "softplus":
        return _softplus(x)
    if kind == "softsign":
        return x / (1 + np.abs(x))
    if kind == "exponential":
        return np.exp(x)
    raise ValueError(kind)


def add(a: Array, b: Array) -> Array:
    return a + b


def subtract(a: Array, b: Array) -> Array:
    return a - b


def multiply(a: Array, b: Array) -> Array:
    return a * b


def divide(a: Array, b: Array) -> Array:
    return a / b


def maximum(a: Array, b: Array) -> Array:
    return np.where(a >= b, a, b)


def minimum(a: Array, b: Array) -> Array:
    return np.where(a <= b, a, b)


def greater(a: Array, b: Array) -> Array:
    return (a > b).astype("float64")


def greater_equal(a: Array, b: Array) -> Array:
    return (a >= b).astype("float64")


def scale_shift(x: Array, scale: float = 1.0, offset: float = 0.0) -> Array:
    return x * scale + offset


# -------------------------------------------------------------------------------- dense


def dense(x: Array, kernel: Array, bias: Array | None, activation: str = "linear", in_dims: int = 1) -> Array:
    out = np.tensordot(x, kernel, axes=in_dims)
    if bias is not None:
        out = out + bias
    return globals()["activation"](out, activation)


# -------------------------------------------------------------------------------- images


def _window(extent: int, size: int, stride: int, dilation: int, padding: str) -> list[list[tuple[int, int]]]:
    """For every position, the (tap, cell) pairs of one axis that meet the image."""
    span = (size - 1) * dilation + 1
    if padding == "same":
        positions = -(-extent // stride)
        before = max((positions - 1) * stride + span - extent, 0) // 2
    elif padding == "causal":
        positions, before = -(-extent // stride), span - 1
    else:
        positions, before = (extent - span) // stride + 1, 0
    cells = [[(t, p * stride + t * dilation - before) for t in range(size)] for p in range(positions)]
    return [[(t, cell) for t, cell in taps if 0 <= cell < extent] for taps in cells]


def conv2d(
    x: Array, kernel: Array, bias: Array | None, strides: Sequence[int] = (1, 1), padding: str = "valid",
    dilation: Sequence[int] = (1, 1), groups: int = 1, activation: str = "linear", alpha: float | None = None,
) -> Array:  # fmt: skip
    rows = _window(x.shape[1], kernel.shape[0], strides[0], dilation[0], padding)
    columns = _window(x.shape[2], kernel.shape[1], strides[1], dilation[1], padding)
    filters = kernel.shape[3] // groups
    out = np.zeros((len(x), len(rows), len(columns), kernel.shape[3]))
    for y, row_taps in enumerate(rows):
        for x_position, column_taps in enumerate(columns):
            for ky, cy in row_taps:
                for kx, cx in column_taps:
                    for g, cell in enumerate(np.split(x[:, cy, cx], groups, axis=-1)):
                        mine = slice(g * filters, (g + 1) * filters)
                        out[:, y, x_position, mine] += cell @ kernel[ky, kx, :, mine]
    if bias is not None:
        out += bias
    return globals()["activation"](out, activation, alpha)


def conv3d(
    x: Array, kernel: Array, bias: Array | None, strides: Sequence[int] = (1, 1, 1), padding: str = "valid",
    dilation: Sequence[int] = (1, 1, 1), groups: int = 1, activation: str = "linear",
    alpha: float | None = None,
) -> Array:  # fmt: skip
    """Sum over the depth's taps of convolutions over two dimensions."""
    flat = dict(strides=strides[1:], padding=padding, dilation=dilation[1:], groups=groups)
    planes = []
    for taps in _window(x.shape[1], kernel.shape[0], strides[0], dilation[0], padding):
        zero = 0 * conv2d(x[:, 0], kernel[0], None, **flat)
        planes.append(sum((conv2d(x[:, cell], kernel[tap], None, **flat) for tap, cell in taps), zero))
    out = np.stack(planes, axis=1) + (0 if bias is None else bias)
    return globals()["activation"](out, activation, alpha)


def depthwise_conv2d(
    x: Array, kernel: Array, bias: Array | None, strides: Sequence[int] = (1, 1), padding: str = "valid",
    dilation: Sequence[int] = (1, 1), activation: str = "linear", alpha: float | None = None,
) -> Array:  # fmt: skip
    rows = _window(x.shape[1], kernel.shape[0], strides[0], dilation[0], padding)
    columns = _window(x.shape[2], kernel.shape[1], strides[1], dilation[1], padding)
    out = np.zeros((len(x), len(rows), len(columns), x.shape[3]))
    for y, row_taps in enumerate(rows):
        for x_position, column_taps in enumerate(columns):
            for ky, cy in row_taps:
                for kx, cx in column_taps:
                    out[:, y, x_position] += x[:, cy, cx] * kernel[ky, kx, :, 0]
    if bias is not None:
        out += bias
    return globals()["activation"](out, activation, alpha)


def _interpolation(extent: int, size: int, how: str) -> Array:
    """Matrix (size, extent) that resizes one axis: pixels are areas, sampled in their middles."""
    matrix = np.zeros((size, extent))
    for i in range(size):
        middle = (i + 0.5) * extent / size
        if how == "nearest":
            matrix[i, math.floor(middle)] = 1
        else:
            at = min(max(middle - 0.5, 0), extent - 1)
            matrix[i, math.floor(at)] += 1 - (at - math.floor(at))
            matrix[i, min(math.floor(at) + 1, extent - 1)] += at - math.floor(at)
    return matrix


def resize2d(x: Array, size: Sequence[int], interpolation: str = "nearest") -> Array:
    down, right = (_interpolation(n, s, interpolation) for n, s in zip(x.shape[1:3], size))
    return np.einsum("yh,nhwc,xw->nyxc", down, x, right)


def _pool(
    x: Array, reduce: Callable[[Array], Array], pool_size: Sequence[int] = (2, 2),
    strides: Sequence[int] | None = None, padding: str = "valid",
    global_: bool = False, keepdims: bool = False,
) -> Array:  # fmt: skip
    if global_:
        out = reduce(x.reshape(len(x), -1, x.shape[-1]))
        return out[:, None, None] if keepdims else out
    steps = pool_size if strides is None else strides
    rows = _window(x.shape[1], pool_size[0], steps[0], 1, padding)
    columns = _window(x.shape[2], pool_size[1], steps[1], 1, padding)
    out = np.empty((len(x), len(rows), len(columns), x.shape[-1]))
    for y, row_taps in enumerate(rows):
        for x_position, column_taps in enumerate(columns):
            cells = [x[:, cy, cx] for _, cy in row_taps for _, cx in column_taps]
            out[:, y, x_position] = reduce(np.stack(cells, axis=1))
    return out


def max_pool2d(x: Array, **attributes: Any) -> Array:
    return _pool(x, lambda cells: cells.max(axis=1), global_=attributes.pop("global", False), **attributes)


def average_pool2d(x: Array, **attributes: Any) -> Array:
    return _pool(x, lambda cells: cells.mean(axis=1), global_=attributes.pop("global", False), **attributes)


def bias_grad(dy: Array, dims: int = 1) -> Array:
    return dy.reshape(-1, *dy.shape[-dims:]).sum(axis=0)


# -------------------------------------------------------------------------------- shapes and sums


def reshape(x: Array, shape: Sequence[int]) -> Array:
    return x.reshape(len(x), *shape)


def pad(x: Array, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Array:
    amounts = [(0, 0), *zip(before, after)]
    cut = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, amounts))]
    return np.pad(cut, [(max(b, 0), max(a, 0)) for b, a in amounts], constant_values=value)


def concatenate(*inputs: Array, axis: int = -1) -> Array:
    return np.concatenate(inputs, axis if axis < 0 else axis + 1)


def sum_to_unbatched(x: Array, shape: Sequence[int]) -> Array:
    padded = (1,) * (x.ndim - len(shape)) + tuple(shape)
    axes = tuple(i for i, extent in enumerate(padded) if extent == 1)
    return x.sum(axis=axes, keepdims=True).reshape(shape)


def sum_to(x: Array, shape: Sequence[int]) -> Array:
    return np.stack([sum_to_unbatched(sample, shape) for sample in x])


def broadcast_to(x: Array, shape: Sequence[int]) -> Array:
    return np.stack([np.broadcast_to(sample, shape) for sample in x])


def fill(value: float = 0.0, shape: Sequence[int] = (), dtype: str = "float32") -> Array:
    return np.full(tuple(shape), value, dtype)


def sample_mean(x: Array) -> Array:
    return x.mean(axis=0)


def sample_sum(x: Array, dtype: str = "") -> Array:
    return x.sum(axis=0)


def broadcast_samples(value: Array, like: Array) -> Array:
    return np.broadcast_to(value, like.shape)


# -------------------------------------------------------------------------------- losses


def sparse_softmax_cross_entropy(
    logits: Array, labels: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    classes = logits.shape[-1]
    ignored = np.zeros(labels.shape, bool) if ignore_index is None else labels == ignore_index
    chosen = np.where(ignored, 0, labels).astype("int64")
    target = np.eye(classes)[chosen] * (1 - label_smoothing) + label_smoothing / classes
    return np.where(ignored, 0.0, -(target * log_p).sum(axis=-1))


# -------------------------------------------------------------------------------- softmax and slopes


def _per_sample_axis(x: Array, axis: int) -> int:
    return axis if axis < 0 else axis + 1


def softmax(x: Array, axis: int = -1) -> Array:
    at = _per_sample_axis(x, axis)
    e = np.exp(x - x.max(axis=at, keepdims=True))
    return e / e.sum(axis=at, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    at = _per_sample_axis(x, axis)
    shifted = x - x.max(axis=at, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=at, keepdims=True))


def prelu(x: Array, alpha: Array) -> Array:
    return np.where(x < 0, x * alpha, x)


def transpose(x: Array, perm: Sequence[int]) -> Array:
    return x.transpose(0, *(p + 1 for p in perm))


# -------------------------------------------------------------------------------- regularisation


def penalty(w: Array, l1: float = 0.0, l2: float = 0.0) -> Array:
    return np.asarray(l1 * np.abs(w).sum() + l2 * (w * w).sum())


def activity_penalty(x: Array, l1: float = 0.0, l2: float = 0.0) -> Array:
    return np.array([penalty(sample, l1, l2) for sample in x])


def _norms(w: Array, axis: Sequence[int]) -> Array:
    return np.sqrt((w * w).sum(axis=tuple(axis), keepdims=True))


def constrain_max_norm(w: Array, max_value: float = 2.0, axis: Sequence[int] = (0,)) -> Array:
    norms = _norms(w, axis)
    return w * (np.clip(norms, 0, max_value) / (1e-7 + norms))


def constrain_unit_norm(w: Array, axis: Sequence[int] = (0,)) -> Array:
    return w / (1e-7 + _norms(w, axis))


def constrain_non_negative(w: Array) -> Array:
    return np.maximum(w, 0)


# -------------------------------------------------------------------------------- normalisation


def layer_norm_with_statistics(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    dims: int = 1,
    epsilon: float = 1e-3,
    centred: bool = True,
) -> tuple[Array, Array, Array]:
    axes = tuple(range(x.ndim - dims, x.ndim))
    mean, deviation = x.mean(axis=axes), 1 / np.sqrt(x.var(axis=axes) + epsilon)
    if not centred:
        mean, deviation = mean * 0, 1 / np.sqrt((x**2).mean(axis=axes) + epsilon)
    shape = (*mean.shape, *(1,) * dims)
    y = (x - mean.reshape(shape)) * deviation.reshape(shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta, mean, deviation


def layer_norm(x: Array, gamma: Array | None, beta: Array | None, **attributes: Any) -> Array:
    return layer_norm_with_statistics(x, gamma, beta, **attributes)[0]


def group_norm_with_statistics(
    x: Array, gamma: Array | None, beta: Array | None, groups: int = 1, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    parts = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    mean = parts.mean(axis=(1, 3))
    deviation = 1 / np.sqrt(((parts - mean[:, None, :, None]) ** 2).mean(axis=(1, 3)) + epsilon)
    y = ((parts - mean[:, None, :, None]) * deviation[:, None, :, None]).reshape(x.shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta, mean, deviation


def group_norm(x: Array, gamma: Array | None, beta: Array | None, **attributes: Any) -> Array:
    return group_norm_with_statistics(x, gamma, beta, **attributes)[0]


def local_response_normalization(
    x: Array, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        window = x[..., max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[..., c] = x[..., c] / (k + alpha / size * (window**2).sum(axis=-1)) ** beta
    return y


def batch_moments(x: Array, shift: Array | None) -> tuple[Array, Array]:
    moved = x if shift is None else x - shift
    axes = tuple(range(x.ndim - 1))
    return moved.mean(axis=axes), (moved * moved).mean(axis=axes)


def normalize(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None,
    beta: Array | None,
    epsilon: float = 1e-3,
    relu: bool = False,
) -> Array:
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    y = y if beta is None else y + beta
    return np.maximum(y, 0) if relu else y


def batch_norm(x: Array, gamma: Array | None, beta: Array | None, epsilon: float = 1e-3) -> Array:
    axes = tuple(range(x.ndim - 1))
    return normalize(x, x.mean(axis=axes), x.var(axis=axes), gamma, beta, epsilon)


def moving_average(old: Array, value: Array, momentum: float = 0.99) -> Array:
    return momentum * old + (1 - momentum) * value


# -------------------------------------------------------------------------------- attention


def attention_scores(q, k, mask=None, causal=False, scale=None):
    """Scores (samples, heads, queries, keys), and which of them count."""
    groups = q.shape[2] // k.shape[2]
    k = np.repeat(k, groups, axis=2)
    scale = 1 / np.sqrt(q.shape[-1]) if scale is None else scale
    scores = np.einsum("ithd,ishd->ihts", q, k) * scale
    seen = np.ones(scores.shape, bool)
    if mask is not None:
        mask = np.asarray(mask)
        while mask.ndim < 4:
            mask = mask[:, None]
        seen &= np.broadcast_to(mask != 0, seen.shape)
    if causal:
        seen &= np.tril(np.ones(scores.shape[2:], bool))
    return scores, seen


def attention_with_log_sum(q, k, v, mask=None, **attributes):
    scores, seen = attention_scores(q, k, mask, **attributes)
    none = ~seen.any(-1)
    largest = np.where(seen, scores, -np.inf).max(-1, initial=-1e30)
    weights = np.exp(np.where(seen, scores - largest[..., None], -np.inf))
    total = weights.sum(-1)
    p = weights / np.where(none, 1.0, total)[..., None]
    y = np.einsum("ihts,ishd->ithd", p, np.repeat(v, q.shape[2] // v.shape[2], axis=2))
    log_sum = np.where(none, np.finfo("float64").max, largest + np.log(np.where(none, 1.0, total)))
    return y, log_sum.transpose(0, 2, 1)


def attention(q, k, v, mask=None, **attributes):
    return attention_with_log_sum(q, k, v, mask, **attributes)[0]


def rotary(x, cosines, sines, inverse=False):
    def spread(angles):
        angles = angles if angles.ndim == 3 else angles[None]
        return angles.reshape(*angles.shape[:2], *(1,) * (x.ndim - 3), angles.shape[2])

    c, s = spread(cosines), spread(sines) * (-1 if inverse else 1)
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * c - b * s, b * c + a * s], axis=-1)


def cache_update(cache, rows, index):
    out = cache.copy()
    for i, at in enumerate(index):
        out[i, at : at + rows.shape[1]] = rows[i]
    return out
