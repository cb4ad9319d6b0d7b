"""Plain NumPy formulas in float64, written for clarity and independently of the kernels.

Batched operands come with their batch dimension first. No speed is asked for: loops are welcome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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


def dense(x: Array, kernel: Array, bias: Array | None, activation: str = "linear") -> Array:
    out = np.tensordot(x, kernel, axes=([-1], [0]))
    if bias is not None:
        out = out + bias
    return globals()["activation"](out, activation)


# -------------------------------------------------------------------------------- shapes and sums


def reshape(x: Array, shape: Sequence[int]) -> Array:
    return x.reshape(len(x), *shape)


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
    x: Array, gamma: Array | None, beta: Array | None, dims: int = 1, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    axes = tuple(range(x.ndim - dims, x.ndim))
    mean, deviation = x.mean(axis=axes), 1 / np.sqrt(x.var(axis=axes) + epsilon)
    shape = (*mean.shape, *(1,) * dims)
    y = (x - mean.reshape(shape)) * deviation.reshape(shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta, mean, deviation


def layer_norm(
    x: Array, gamma: Array | None, beta: Array | None, dims: int = 1, epsilon: float = 1e-3
) -> Array:
    return layer_norm_with_statistics(x, gamma, beta, dims, epsilon)[0]


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
) -> Array:
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


def batch_norm(x: Array, gamma: Array | None, beta: Array | None, epsilon: float = 1e-3) -> Array:
    axes = tuple(range(x.ndim - 1))
    return normalize(x, x.mean(axis=axes), x.var(axis=axes), gamma, beta, epsilon)


def moving_average(old: Array, value: Array, momentum: float = 0.99) -> Array:
    return momentum * old + (1 - momentum) * value
