"""Layers: what a model is made of.

Examples
--------
>>> import fastnn
>>> from fastnn import layers
>>> model = fastnn.Sequential([layers.Input(shape=(2,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
>>> model.count_params()
17
"""

from fastnn.layers.activation import (
    SELU,
    Activation,
    Exponential,
    HardSigmoid,
    Linear,
    LogSoftmax,
    Mish,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
)
from fastnn.layers.base import (
    Layer,
)
from fastnn.layers.context import (
    BuildContext,
)
from fastnn.layers.conv2d import (
    Conv2D,
)
from fastnn.layers.dense import (
    Dense,
)
from fastnn.layers.dropout import (
    Dropout,
    GaussianNoise,
    SpatialDropout2D,
)
from fastnn.layers.input import (
    Input,
    InputLayer,
)
from fastnn.layers.input_spec import (
    InputSpec,
)
from fastnn.layers.normalization import BatchNormalization, LayerNormalization
from fastnn.layers.pooling2d import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    MaxPool2D,
    MaxPooling2D,
)
from fastnn.layers.rectifiers import (
    CELU,
    ELU,
    GELU,
    LeakyReLU,
    PReLU,
    ReLU,
)
from fastnn.layers.rescaling import (
    Rescaling,
)
from fastnn.layers.reshaping import (
    Flatten,
    Permute,
    Reshape,
)
from fastnn.layers.serialization import (
    deserialize,
    serialize,
)
from fastnn.layers.weight import (
    Weight,
)

Convolution2D = Conv2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "BuildContext",
    "CELU",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "ELU",
    "Exponential",
    "Flatten",
    "GELU",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "HardSigmoid",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool2D",
    "MaxPooling2D",
    "Mish",
    "PReLU",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpatialDropout2D",
    "Swish",
    "Tanh",
    "Weight",
    "deserialize",
    "serialize",
]
