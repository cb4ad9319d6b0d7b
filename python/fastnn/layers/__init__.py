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
from fastnn.layers.attention import GroupedQueryAttention, MultiHeadAttention
from fastnn.layers.base import (
    Layer,
)
from fastnn.layers.cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
)
from fastnn.layers.context import (
    BuildContext,
)
from fastnn.layers.conv2d import (
    Conv2D,
)
from fastnn.layers.conv_transpose import (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)
from fastnn.layers.convolution import (
    Conv1D,
    Conv3D,
)
from fastnn.layers.dense import (
    Dense,
)
from fastnn.layers.depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from fastnn.layers.dropout import (
    Dropout,
    GaussianNoise,
    SpatialDropout2D,
)
from fastnn.layers.group_normalization import GroupNormalization, InstanceNormalization
from fastnn.layers.input import (
    Input,
    InputLayer,
)
from fastnn.layers.input_spec import (
    InputSpec,
)
from fastnn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from fastnn.layers.normalization import BatchNormalization, LayerNormalization, RMSNormalization
from fastnn.layers.operation import Operation
from fastnn.layers.pooling import (
    AveragePooling1D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling3D,
    MaxPool1D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling3D,
)
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
from fastnn.layers.resampling import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from fastnn.layers.rescaling import (
    Rescaling,
)
from fastnn.layers.reshaping import (
    Flatten,
    Permute,
    Reshape,
)
from fastnn.layers.rnn import (
    RNN,
)
from fastnn.layers.serialization import (
    deserialize,
    serialize,
)
from fastnn.layers.weight import (
    Weight,
)

Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D

__all__ = [
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "BuildContext",
    "CELU",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "ELU",
    "Exponential",
    "Flatten",
    "GELU",
    "GRUCell",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupedQueryAttention",
    "HardSigmoid",
    "Input",
    "InputLayer",
    "InputSpec",
    "InstanceNormalization",
    "LSTMCell",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "Mish",
    "MultiHeadAttention",
    "Multiply",
    "Operation",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "RNN",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SELU",
    "SeparableConv1D",
    "SeparableConv2D",
    "SiLU",
    "SimpleRNNCell",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpatialDropout2D",
    "Subtract",
    "StackedRNNCells",
    "Swish",
    "Tanh",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Weight",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "deserialize",
    "serialize",
]
