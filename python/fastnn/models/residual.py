"""Residual networks: blocks of convolutions beside which the input passes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    Rescaling,
)
from fastnn.layers._arguments import choice, extents, positive
from fastnn.models.base import Model


def _convolution(x: Any, filters: int, size: int, strides: int, name: str, activate: bool = True) -> Any:
    """Convolution, batch normalisation, rectifier."""
    x = Conv2D(
        filters,
        size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = BatchNormalization(name=f"{name}_norm")(x)
    return Activation("relu", name=f"{name}_relu")(x) if activate else x


def _block(x: Any, filters: int, strides: int, name: str, normalize_shortcut: bool) -> Any:
    y = _convolution(x, filters, 3, strides, f"{name}_a")
    y = _convolution(y, filters, 3, 1, f"{name}_b", activate=False)
    if strides != 1 or x.shape[-1] != filters:
        if normalize_shortcut:
            x = _convolution(x, filters, 1, strides, f"{name}_shortcut", activate=False)
        else:
            shortcut = Conv2D(
                filters, 1, strides, use_bias=False, kernel_initializer="he_normal", name=f"{name}_shortcut"
            )
            x = shortcut(x)
    return Activation("relu", name=f"{name}_relu")(Add(name=f"{name}_add")([y, x]))


def _residual(
    label: str,
    input_shape: Sequence[int],
    classes: int,
    widths: Sequence[int],
    blocks: int,
    large_stem: bool,
    normalize_shortcut: bool,
    name: str,
) -> Model:
    widths = [positive(label, "widths", width) for width in widths]
    inputs = Input(extents(label, "input_shape", tuple(input_shape), 3), name="image")
    x = Rescaling(1 / 255, name="scale")(inputs)
    if large_stem:
        x = _convolution(x, widths[0], 7, 2, "stem")
        x = MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    else:
        x = _convolution(x, widths[0], 3, 1, "stem")
    for stage, width in enumerate(widths, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            x = _block(x, width, strides, f"stage_{stage}_{block}", normalize_shortcut)
    x = GlobalAveragePooling2D(name="pool")(x)
    outputs = Dense(positive(label, "classes", classes), "softmax", name="output")(x)
    return Model(inputs, outputs, name=name)


def resnet8(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    widths: Sequence[int] = (16, 32, 64),
    name: str = "resnet8",
) -> Model:
    """Residual network of eight layers with weights for small images (He et al. 2016).

    A convolution, then one block of two convolutions for each width; each stage but the first halves height
    and width. Where a block changes the shape, a 1x1 convolution passes beside it. With widths 16, 32 and 64
    it is the network of section 4.2 of the paper with n = 1.

    Parameters
    ----------
    input_shape : (int, int, int), default (32, 32, 3)
        Height, width and channels of an image; pixels are 0 to 255.
    classes : int, default 10
    widths : sequence of int, default (16, 32, 64)
        Filters of the stages.
    name : str

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.resnet8().count_params()
    78330
    """
    return _residual("resnet8", input_shape, classes, widths, 1, False, False, name)


def resnet20(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    widths: Sequence[int] = (16, 32, 64),
    name: str = "resnet20",
) -> Model:
    """Residual network of twenty layers with weights for small images (He et al. 2016).

    As `resnet8`, with three blocks a stage: n = 3 in section 4.2 of the paper. (There, zeros fill the new
    channels of the shortcuts; here a 1x1 convolution makes them.)

    Parameters
    ----------
    input_shape : (int, int, int), default (32, 32, 3)
        Height, width and channels of an image; pixels are 0 to 255.
    classes : int, default 10
    widths : sequence of int, default (16, 32, 64)
        Filters of the stages.
    name : str

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.resnet20().count_params()
    273658
    """
    return _residual("resnet20", input_shape, classes, widths, 3, False, False, name)


def resnet18(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    widths: Sequence[int] = (64, 128, 256, 512),
    stem: str = "large",
    name: str = "resnet18",
) -> Model:
    """Residual network of eighteen layers with weights (He et al. 2016, table 1).

    Parameters
    ----------
    input_shape : (int, int, int), default (224, 224, 3)
        Height, width and channels of an image; pixels are 0 to 255.
    classes : int, default 1000
    widths : sequence of int, default (64, 128, 256, 512)
        Filters of the stages, of two blocks each.
    stem : {"large", "small"}, default "large"
        How it begins. "large": the paper's 7x7 convolution with strides of 2 and pooling, for photographs;
        "small": a 3x3 convolution, for images of 32 x 32 pixels or so.
    name : str

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.resnet18((32, 32, 3), 10, widths=(16, 32, 64, 128), stem="small").count_params()
    703866
    """
    large = choice("resnet18", "stem", stem, ("large", "small")) == "large"
    return _residual("resnet18", input_shape, classes, widths, 2, large, True, name)
