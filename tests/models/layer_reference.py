"""Layers written out in NumPy, in float64, one sample and one output at a time."""

import math

import numpy as np


def erf(x):
    return np.vectorize(math.erf)(x)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": elu,
    "selu": lambda x: 1.05070098735548049342 * elu(x, 1.67326324235437728481),
    "celu": elu,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "log_sigmoid": lambda x: -np.log(1 + np.exp(-x)),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}


def same_padding(extent, window, stride):
    """Rows of padding before and after, as Keras places them: the odd one goes to the end."""
    total = max((-(-extent // stride) - 1) * stride + window - extent, 0)
    return total // 2, total - total // 2


def padded(x, kernel, strides, padding, value=0.0):
    if padding == "valid":
        return x
    places = [(0, 0), *(same_padding(n, k, s) for n, k, s in zip(x.shape[1:3], kernel, strides)), (0, 0)]
    return np.pad(x, places, constant_values=value)


def spread(kernel, rates):
    """A dilated kernel as a larger one with zeros in it."""
    kh, kw, cin, cout = kernel.shape
    wide = np.zeros(((kh - 1) * rates[0] + 1, (kw - 1) * rates[1] + 1, cin, cout))
    wide[:: rates[0], :: rates[1]] = kernel
    return wide


def windows(x, kernel, strides):
    """(sample, row, column, window) of every place where the window fits."""
    for n in range(len(x)):
        for i, top in enumerate(range(0, x.shape[1] - kernel[0] + 1, strides[0])):
            for j, left in enumerate(range(0, x.shape[2] - kernel[1] + 1, strides[1])):
                yield n, i, j, x[n, top : top + kernel[0], left : left + kernel[1]]


def conv2d(x, kernel, bias, strides=(1, 1), padding="valid", dilation=(1, 1), groups=1):
    kernel = spread(kernel, dilation)
    size = kernel.shape[:2]
    x = padded(x, size, strides, padding)
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, strides))
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    per_in, per_out = kernel.shape[2], kernel.shape[3] // groups
    for n, i, j, window in windows(x, size, strides):
        for f in range(kernel.shape[3]):
            group = f // per_out
            part = window[:, :, group * per_in : (group + 1) * per_in]
            out[n, i, j, f] = (part * kernel[:, :, :, f]).sum() + bias[f]
    return out


def pool2d(x, size, strides, padding, function):
    x = padded(x, size, strides, padding, np.nan)
    rows, columns = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], size, strides))
    out = np.zeros((len(x), rows, columns, x.shape[3]))
    for n, i, j, window in windows(x, size, strides):
        out[n, i, j] = function(window, axis=(0, 1))
    return out


def layer_normalization(x, gamma, beta, axes, epsilon):
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    return (x - mean) / np.sqrt(variance + epsilon) * gamma.reshape(shape) + beta.reshape(shape)
