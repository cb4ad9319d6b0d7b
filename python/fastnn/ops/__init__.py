"""Functions of tensors with gradients, under NumPy's names and with its broadcasting.

They work on arrays at once, inside a layer's `call`, in losses, metrics and regularizers of one's own, and
between the layers of a functional model. Axis 0 of a batched tensor counts samples.

Examples
--------
>>> import numpy as np, fastnn
>>> from fastnn import ops
>>> float(ops.sum(ops.square([1.0, 2.0])))
5.0
>>> class Scaled(fastnn.layers.Layer):
...     def build(self, input_shape):
...         self.scale = self.add_weight(input_shape[1:], "ones", name="scale")
...     def call(self, inputs):
...         return ops.tanh(inputs * self.scale) + 1
>>> Scaled()(np.zeros((1, 3)))
array([[1., 1., 1.]], dtype=float32)
"""

from fastnn.ops.contraction import (
    einsum,
)
from fastnn.ops.conversion import (
    cast,
    ones_like,
    stop_gradient,
    zeros_like,
)
from fastnn.ops.differentiation import (
    gradients,
)
from fastnn.ops.elementwise import (
    add,
    clip,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    subtract,
)
from fastnn.ops.functions import (
    abs,
    ceil,
    cos,
    erf,
    exp,
    expm1,
    floor,
    log,
    log1p,
    reciprocal,
    round,
    rsqrt,
    sign,
    sin,
    sqrt,
    square,
    tanh,
)
from fastnn.ops.gathering import (
    argmax,
    argmin,
    gather,
    one_hot,
    scatter_add,
    take,
    take_along_axis,
    top_k,
)
from fastnn.ops.indexing import (
    getitem,
)
from fastnn.ops.joining import (
    concatenate,
    flip,
    repeat,
    split,
    stack,
    tile,
)
from fastnn.ops.linear_algebra import (
    dot,
    matmul,
)
from fastnn.ops.logic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    where,
)
from fastnn.ops.loops import (
    scan,
)
from fastnn.ops.neural import (
    celu,
    elu,
    gelu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    mish,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
)
from fastnn.ops.padding import (
    cumsum,
    diff,
    pad,
)
from fastnn.ops.reductions import (
    all,
    any,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from fastnn.ops.shapes import (
    broadcast_to,
    expand_dims,
    reshape,
    squeeze,
    swapaxes,
    transpose,
)

__all__ = [
    "abs",
    "add",
    "all",
    "any",
    "argmax",
    "argmin",
    "broadcast_to",
    "cast",
    "ceil",
    "celu",
    "clip",
    "concatenate",
    "cos",
    "cumsum",
    "diff",
    "divide",
    "dot",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flip",
    "floor",
    "gather",
    "gelu",
    "getitem",
    "gradients",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "leaky_relu",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mish",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "ones_like",
    "pad",
    "power",
    "prod",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "softsign",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tanh",
    "tile",
    "top_k",
    "transpose",
    "var",
    "where",
    "zeros_like",
]
