"""Ready models for images of digits: made by one call, to be compiled and trained as usual.

All take images as bytes, 0 to 255, in any numeric dtype: the first layer scales them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn._keywords import named
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D, Rescaling
from fastnn.layers._arguments import choice, number, positive
from fastnn.models.sequential import Sequential


@named("perceptron")
def perceptron(
    input_shape: Sequence[int] = (28, 28),
    classes: int = 10,
    activation: str = "softmax",
    name: str = "perceptron",
) -> Sequential:
    """One layer of units, each a weighted sum of all pixels (Rosenblatt 1958, with a smooth activation).

    The recipe of ``fastnn train perceptron`` (10 epochs of SGD in batches of 64, at a rate that falls from
    0.5 along half a cosine) leads to 92.4 % on MNIST's test images (median of three seeds).

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28)
        Shape of one image, whose pixels are 0 to 255: the model scales them itself.
    classes : int, default 10
        Number of units.
    activation : {"softmax", "sigmoid"}, default "softmax"
        "softmax" for one class an image, "sigmoid" for units that are independent of each other.
    name : str

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.perceptron().count_params()
    7850
    """
    kind = choice("perceptron", "activation", activation, ("softmax", "sigmoid"))
    return Sequential(
        [
            Input(tuple(input_shape)),
            Rescaling(1 / 255, name="scale"),
            Flatten(name="flatten"),
            Dense(positive("perceptron", "classes", classes), kind, name="output"),
        ],
        name=name,
    )


@named("mlp")
def mlp(
    input_shape: Sequence[int] = (28, 28),
    classes: int = 10,
    hidden: Sequence[int] = (256, 128),
    activation: Any = "relu",
    dropout: float = 0.2,
    name: str = "mlp",
) -> Sequential:
    """Multi-layer perceptron: fully connected hidden layers, each followed by dropout.

    The recipe of ``fastnn train mlp`` (10 epochs of Adam in batches of 64, at a rate that falls from 0.001
    along half a cosine) leads to 98.5 % on MNIST's test images (median of three seeds).

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28)
        Shape of one image, whose pixels are 0 to 255: the model scales them itself.
    classes : int, default 10
    hidden : sequence of int, default (256, 128)
        Units of the hidden layers.
    activation : str or callable, default "relu"
        Of the hidden layers.
    dropout : float, default 0.2
        Part of the hidden units that is left out in training; 0 makes no such layers.
    name : str

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.mlp(hidden=[128], dropout=0).count_params()
    101770
    """
    rate = number("mlp", "dropout", dropout, 0.0, 1.0, below=True)
    model = Sequential(
        [Input(tuple(input_shape)), Rescaling(1 / 255, name="scale"), Flatten(name="flatten")], name=name
    )
    for i, units in enumerate(hidden, 1):
        model.add(Dense(positive("mlp", "hidden", units), activation, name=f"hidden_{i}"))
        if rate > 0:
            model.add(Dropout(rate, name=f"dropout_{i}"))
    model.add(Dense(positive("mlp", "classes", classes), "softmax", name="output"))
    return model


@named("lenet5")
def lenet5(
    variant: str = "5x5",
    input_shape: Sequence[int] = (28, 28, 1),
    classes: int = 10,
    activation: Any = "relu",
    name: str = "lenet5",
) -> Sequential:
    """LeNet-5 (LeCun et al. 1998): two convolutions with pooling, three dense layers.

    "5x5" has the paper's kernels and widths, the first convolution padded, so that images of 28 x 28 pixels
    lead to the paper's 400 features; the activation is a rectifier and the pooling takes the maximum, in
    place of the paper's tanh and trained averages, and every filter of the second convolution sees all maps.
    "3x3" has smaller kernels and no padding: less work, nearly as good. The recipe of ``fastnn train lenet5``
    (10 epochs of Adam in batches of 64, at a rate that falls from 0.002 along half a cosine) leads the first
    to 99.2 % on MNIST's test images (median of three seeds).

    Parameters
    ----------
    variant : {"5x5", "3x3"}, default "5x5"
        Size of the kernels.
    input_shape : tuple of int, default (28, 28, 1)
        Height, width and channels of an image, whose pixels are 0 to 255: the model scales them itself.
    classes : int, default 10
    activation : str or callable, default "relu"
    name : str

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.lenet5().count_params(), fastnn.models.lenet5("3x3").count_params()
    (61706, 60074)
    """
    size = 5 if choice("lenet5", "variant", variant, ("5x5", "3x3")) == "5x5" else 3
    padding = "same" if size == 5 else "valid"
    return Sequential(
        [
            Input(tuple(input_shape)),
            Rescaling(1 / 255, name="scale"),
            Conv2D(6, size, padding=padding, activation=activation, name="conv_1"),
            MaxPooling2D(name="pool_1"),
            Conv2D(16, size, activation=activation, name="conv_2"),
            MaxPooling2D(name="pool_2"),
            Flatten(name="flatten"),
            Dense(120, activation, name="dense_1"),
            Dense(84, activation, name="dense_2"),
            Dense(positive("lenet5", "classes", classes), "softmax", name="output"),
        ],
        name=name,
    )
