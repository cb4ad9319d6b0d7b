"""What layers need to compute with bytes and int8 weights; see `Model.quantize`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn.layers.base import Layer
from fastnn.layers.context import current
from fastnn.tensor import Tensor, apply, graph_tensor

if TYPE_CHECKING:
    from fastnn.layers.context import BuildContext
    from fastnn.layers.weight import Weight

_MADE_OF_BYTES = ("dense_int8", "conv2d_int8")


_ON_BYTES = {"reshape": "reshape", "max_pool2d": "max_pool2d_int8"}


class Quantizable(Layer):
    """A layer with a kernel whose last dimension counts outputs, that can run in int8.

    Parameters
    ----------
    **kwargs
        Those of `Layer`.
    """

    use_bias: bool
    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any
    kernel: Weight
    kernel_scale: Weight
    bias: Weight | None

    def _add_kernel_and_bias(self, shape: tuple[Any, ...]) -> None:
        """Create the weights, of the kind that the layer runs in."""
        if self.quantization is not None:
            self._add_int8_weights(shape)
            return
        self.kernel = self.add_weight(
            shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape[-1:],
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _add_int8_weights(self, shape: tuple[Any, ...]) -> None:
        """Create a kernel in int8, a scale for each of its outputs, and the bias."""
        self.kernel = self.add_weight(shape, "zeros", "int8", trainable=False, name="kernel")
        outputs = shape[-1:]
        self.kernel_scale = self.add_weight(outputs, "zeros", trainable=False, name="kernel_scale")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(outputs, "zeros", trainable=False, name="bias")

    def _become_int8(
        self, quantization: Mapping[str, Any], kernel: npt.NDArray[Any], bias: npt.NDArray[Any] | None
    ) -> None:
        """Replace the weights by int8 ones, made of these in floating point (Jacob et al. 2018)."""
        if not (np.isfinite(kernel).all() and (bias is None or np.isfinite(bias).all())):
            raise ValueError(
                f"{self.label}: weights must be finite to become int8, but some are NaN or infinite. Train "
                "the model anew, or load weights from before they diverged."
            )
        scale = (np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1))) / 127.0).astype("float32")
        scale[scale < np.finfo("float32").tiny] = 1.0  # what is 0, or as good as that
        rounded = np.clip(np.rint(kernel / scale), -127, 127).astype("int8")
        self._forget_weights()
        self.quantization = dict(quantization)
        self.use_bias = bias is not None
        self._add_int8_weights(kernel.shape)
        self.kernel.assign(rounded)
        self.kernel_scale.assign(scale)
        if self.bias is not None:
            self.bias.assign(bias if bias is not None else 0.0)

    @property
    def quantizable(self) -> bool:
        """Whether it can run in int8."""
        return True

    def _apply_int8(
        self, op: str, inputs: Tensor, attributes: Mapping[str, Any], kernel: Tensor | None = None
    ) -> Tensor:
        """Add a node that computes with bytes of the inputs; `kernel` is the layer's in another shape."""
        assert self.quantization is not None
        scale, zero = self.quantization["input_scale"], self.quantization["input_zero"]
        weights = [self.kernel if kernel is None else kernel, self.kernel_scale, self.bias]
        operands = [as_bytes(inputs, scale, zero), *weights]
        made = apply(op, operands, {**attributes, "input_scale": scale, "input_zero": zero})
        current(op).labels[made.id] = self.label
        return made


def check_quantization(layer: Layer, given: Any) -> dict[str, Any]:
    """Return a configuration's entry on int8 if it fits the layer.

    Parameters
    ----------
    layer : Layer
    given : mapping
        ``mode`` "int8" with ``input_scale`` and ``input_zero``; or "folded", of a normalisation that went
        into the layer before it.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it does not.
    """
    mode = given.get("mode") if isinstance(given, Mapping) else None
    if mode == "folded" and layer.foldable:
        return {"mode": mode}
    if mode != "int8" or not layer.quantizable:
        raise ValueError(f"{layer.label}: cannot be quantised as {given!r}")
    scale, zero = given.get("input_scale"), given.get("input_zero")
    if not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
        raise ValueError(
            f"{layer.label}: quantization's input_scale must be a positive number, got {scale!r}"
        )
    if not isinstance(zero, int) or not 0 <= zero <= 255:
        raise ValueError(f"{layer.label}: quantization's input_zero must be from 0 to 255, got {zero!r}")
    return {"mode": mode, "input_scale": float(scale), "input_zero": zero}


def as_bytes(tensor: Tensor, scale: float, zero: int) -> Tensor:
    """Return a tensor of floats as bytes.

    Where a layer in int8 has just computed them, that layer writes bytes itself, and they stay bytes through
    reshaping. What so becomes of no use is not run.

    Parameters
    ----------
    tensor : Tensor
        Of the graph that is being built.
    scale, zero
        A byte b stands for (b - zero) * scale.

    Returns
    -------
    Tensor
    """
    context = current("quantize")
    graph = context.adopt(tensor).graph
    assert graph is not None
    key = (tensor.id, scale, zero)
    made = context.bytes_of.get(key)
    if made is None:
        made = _written_as_bytes(context, graph, tensor.id, scale, zero)
        if made is None:
            made = apply("quantize", [tensor], {"scale": scale, "zero": zero}).id
        context.bytes_of[key] = made
    return graph_tensor(graph, made, tensor.name)


def _written_as_bytes(
    context: BuildContext, graph: _core.Graph, number: int, scale: float, zero: int
) -> int | None:
    """Return the tensor that holds another one's values as bytes, if its maker can write them."""
    produced = graph.producer(number)
    if produced is None:
        return None
    op, inputs, attributes = produced
    if op in _MADE_OF_BYTES and "output_scale" not in attributes:
        attributes = {**attributes, "output_scale": scale, "output_zero": zero}
        return graph.add(op, inputs, attributes, context.labels.get(number, op))[0]
    through = _ON_BYTES.get(op)  # what does not change values, but takes them to other places or away
    if through is None:
        return None
    before = _written_as_bytes(context, graph, inputs[0], scale, zero)
    return None if before is None else graph.add(through, [before], attributes, context.scope)[0]


def with_activation(tensor: Tensor, kind: str, alpha: float | None) -> Tensor | None:
    """Return what an activation makes of a layer's result in int8, if that can go along with the layer.

    Parameters
    ----------
    tensor : Tensor
    kind : str
    alpha : float or None
        The activation op's attributes.

    Returns
    -------
    Tensor or None
    """
    made = None if tensor.graph is None else tensor.graph.producer(tensor.id)
    if tensor.graph is None or made is None or made[0] not in _MADE_OF_BYTES:
        return None
    op, inputs, attributes = made
    if attributes.get("activation", "linear") != "linear" or "output_scale" in attributes:
        return None
    context = current(op)
    attributes = {**attributes, "activation": kind} | ({} if alpha is None else {"alpha": alpha})
    label = context.labels.get(tensor.id, op)
    number = tensor.graph.add(op, inputs, attributes, label)[0]
    context.labels[number] = label
    return graph_tensor(tensor.graph, number, tensor.name)
