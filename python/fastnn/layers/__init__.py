"""Layers: what a model is made of.

Examples
--------
>>> import fastnn
>>> from fastnn import layers
>>> model = fastnn.Sequential([layers.Input(shape=(2,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
>>> model.count_params()
17
"""

from fastnn.layers.activation import Activation
from fastnn.layers.base import Layer
from fastnn.layers.context import BuildContext
from fastnn.layers.conv2d import Conv2D
from fastnn.layers.dense import Dense
from fastnn.layers.input import Input, InputLayer
from fastnn.layers.input_spec import InputSpec
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
from fastnn.layers.reshaping import Flatten, Permute, Reshape
from fastnn.layers.serialization import deserialize, serialize
from fastnn.layers.weight import Weight

Convolution2D = Conv2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "BuildContext",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "Permute",
    "Reshape",
    "Weight",
    "deserialize",
    "serialize",
]
