"""The int8 ops in plain NumPy: sums of integers as they are, then float32, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import reference

Array = np.ndarray


def signed(kernel: Array) -> Array:
    """Weights in int8, which ops hold as bytes."""
    return kernel.astype("uint8").view("int8")


def quantize(x: Array, scale: float = 1.0, zero: int = 0) -> Array:
    inverse = np.float32(1) / np.float32(scale)
    return np.clip(np.rint(x.astype("float32") * inverse) + np.float32(zero), 0, 255).astype("uint8")


def finish(
    sums: Array,
    kernel_scale: Array,
    bias: Array | None,
    input_scale: float = 1.0,
    activation: str = "linear",
    output_scale: float | None = None,
    output_zero: int = 0,
) -> Array:
    assert np.abs(sums).max() < 2**31
    factor = np.float32(input_scale) * kernel_scale.astype("float32")
    y = np.rint(sums).astype("int32").astype("float32") * factor
    if bias is not None:
        y = y + bias.astype("float32")
    y = reference.activation(y, activation).astype("float32")
    return y if output_scale is None else quantize(y, output_scale, output_zero)


def dense_int8(
    x: Array, kernel: Array, kernel_scale: Array, bias: Array | None, input_zero: int = 0, **rest: Any
) -> Array:
    sums = (x.astype("int64") - input_zero) @ signed(kernel).astype("int64")
    return finish(sums, kernel_scale, bias, **rest)


def conv2d_int8(
    x: Array, kernel: Array, kernel_scale: Array, bias: Array | None, input_zero: int = 0,
    strides: Any = (1, 1), padding: str = "valid", dilation: Any = (1, 1), **rest: Any,
) -> Array:  # fmt: skip
    sums = reference.conv2d(
        x.astype("float64") - input_zero, signed(kernel).astype("float64"), None, strides, padding, dilation
    )
    return finish(sums, kernel_scale, bias, **rest)


def max_pool2d_int8(x: Array, **attributes: Any) -> Array:
    return reference.max_pool2d(x.astype("float64"), **attributes).astype("uint8")
