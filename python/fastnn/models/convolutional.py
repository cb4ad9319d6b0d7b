"""Convolutional networks for images: AlexNet, VGG, MobileNet, U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    LocalResponseNormalization,
    MaxPooling2D,
    Rescaling,
)
from fastnn.layers._arguments import choice, extents, number, positive
from fastnn.models.base import Model
from fastnn.models.sequential import Sequential


def alexnet(
    variant: str = "paper",
    input_shape: Sequence[int] | None = None,
    classes: int | None = None,
    dropout: float = 0.5,
    name: str = "alexnet",
    response_normalization: bool = True,
) -> Sequential:
    """AlexNet (Krizhevsky et al. 2012): five convolutions, three dense layers.

    "paper" has the paper's layers for images of 227 x 227 pixels: local response normalisation after the
    first two convolutions, and the two groups in which the second, fourth and fifth ran on two graphics
    cards. "32x32" has smaller kernels and strides for small images, no such normalisation, and about a
    thirtieth of the weights.

    Parameters
    ----------
    variant : {"paper", "32x32"}, default "paper"
    input_shape : (int, int, int), optional
        By default (227, 227, 3) and (32, 32, 3); pixels are 0 to 255.
    classes : int, optional
        By default 1000 and 10.
    dropout : float, default 0.5
        Part of the dense layers' units that is left out in training.
    name : str
    response_normalization : bool, default True
        Whether "paper" normalises; it has no weights, so that those trained without it fit either way.

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.alexnet("32x32").count_params()
    2259754
    """
    paper = choice("alexnet", "variant", variant, ("paper", "32x32")) == "paper"
    rate = number("alexnet", "dropout", dropout, 0.0, 1.0, below=True)
    shape = input_shape if input_shape is not None else (227, 227, 3) if paper else (32, 32, 3)
    shape = extents("alexnet", "input_shape", tuple(shape), 3)
    units = positive("alexnet", "classes", classes if classes is not None else 1000 if paper else 10)

    def conv(number: int, filters: int, size: int, strides: int = 1, groups: int = 1, **kwargs: Any) -> Layer:
        return Conv2D(
            filters, size, strides, groups=groups, activation="relu", name=f"conv_{number}",
            **{"padding": "same", "kernel_initializer": "he_normal", **kwargs},
        )  # fmt: skip

    def respond(number: int) -> list[Layer]:
        # The paper's n = 5, alpha = 1e-4 (of the sum; here of the mean), beta = 0.75 and k = 2.
        layer = LocalResponseNormalization(5, 5e-4, 0.75, 2.0, name=f"response_{number}")
        return [layer] if response_normalization else []

    if paper:
        middle: list[Layer] = [
            conv(1, 96, 11, 4, padding="valid"),
            *respond(1),
            MaxPooling2D(3, 2, name="pool_1"),
            conv(2, 256, 5, groups=2),
            *respond(2),
            MaxPooling2D(3, 2, name="pool_2"),
            conv(3, 384, 3),
            conv(4, 384, 3, groups=2),
            conv(5, 256, 3, groups=2),
            MaxPooling2D(3, 2, name="pool_3"),
        ]
        hidden = 4096
    else:
        middle = [
            conv(1, 48, 5),
            MaxPooling2D(name="pool_1"),
            conv(2, 96, 3),
            MaxPooling2D(name="pool_2"),
            conv(3, 144, 3),
            conv(4, 144, 3),
            conv(5, 96, 3),
            MaxPooling2D(name="pool_3"),
        ]
        hidden = 768
    model = Sequential([Input(shape), Rescaling(1 / 255, name="scale"), *middle], name=name)
    model.add(Flatten(name="flatten"))
    for i in (1, 2):
        model.add(Dense(hidden, "relu", kernel_initializer="he_normal", name=f"dense_{i}"))
        if rate > 0:
            model.add(Dropout(rate, name=f"dropout_{i}"))
    model.add(Dense(units, "softmax", name="output"))
    return model


def vgg11(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    widths: Sequence[int] = (64, 128, 256, 512, 512),
    hidden: Sequence[int] = (4096, 4096),
    dropout: float = 0.5,
    batch_normalization: bool = False,
    name: str = "vgg11",
) -> Sequential:
    """VGG of eleven layers with weights (Simonyan and Zisserman 2015, configuration A).

    Stages of one, one, two, two and two 3x3 convolutions, each halved by pooling. For images of 32 x 32
    pixels take ``hidden=(512,)`` or so, and batch normalisation, without which it is hard to train.

    Parameters
    ----------
    input_shape : (int, int, int), default (224, 224, 3)
        Height, width and channels of an image, height and width of at least 32; pixels are 0 to 255.
    classes : int, default 1000
    widths : sequence of five int, default (64, 128, 256, 512, 512)
        Filters of the stages.
    hidden : sequence of int, default (4096, 4096)
        Units of the dense layers before the last one.
    dropout : float, default 0.5
        Part of those units that is left out in training.
    batch_normalization : bool, default False
        Whether each convolution is normalised over the batch.
    name : str

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
    2015.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.vgg11((32, 32, 3), 10, hidden=(512,), batch_normalization=True).count_params()
    9496522
    """
    stages = extents("vgg11", "widths", tuple(widths), 5) if len(tuple(widths)) == 5 else None
    if stages is None:
        raise ValueError(f"vgg11: widths must have five entries, got {tuple(widths)}")
    rate = number("vgg11", "dropout", dropout, 0.0, 1.0, below=True)
    model = Sequential(
        [
            Input(extents("vgg11", "input_shape", tuple(input_shape), 3)),
            Rescaling(1 / 255, name="scale"),
        ],
        name=name,
    )
    for stage, (filters, count) in enumerate(zip(stages, (1, 1, 2, 2, 2), strict=True), start=1):
        for i in range(1, count + 1):
            label = f"conv_{stage}_{i}"
            activation = None if batch_normalization else "relu"
            model.add(
                Conv2D(
                    filters,
                    3,
                    padding="same",
                    activation=activation,
                    use_bias=not batch_normalization,
                    kernel_initializer="he_normal",
                    name=label,
                )
            )
            if batch_normalization:
                model.add(BatchNormalization(name=f"{label}_norm"))
                model.add(Activation("relu", name=f"{label}_relu"))
        model.add(MaxPooling2D(name=f"pool_{stage}"))
    model.add(Flatten(name="flatten"))
    for i, units in enumerate(hidden, start=1):
        model.add(
            Dense(
                positive("vgg11", "hidden", units), "relu", kernel_initializer="he_normal", name=f"dense_{i}"
            )
        )
        if rate > 0:
            model.add(Dropout(rate, name=f"dropout_{i}"))
    model.add(Dense(positive("vgg11", "classes", classes), "softmax", name="output"))
    return model


_MOBILE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def mobilenet(
    input_shape: Sequence[int] = (224, 224, 3),
    classes: int = 1000,
    alpha: float = 1.0,
    halvings: int = 5,
    name: str = "mobilenet",
) -> Sequential:
    """MobileNet (Howard et al. 2017): depthwise convolutions with 1x1 convolutions between them.

    Parameters
    ----------
    input_shape : (int, int, int), default (224, 224, 3)
        Height, width and channels of an image; pixels are 0 to 255.
    classes : int, default 1000
    alpha : float, default 1.0
        Factor of all widths.
    halvings : int, default 5
        How often strides halve height and width: 5 in the paper. With fewer, the first ones go: 3 suits
        images of 32 x 32 pixels.
    name : str

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    A. G. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
    arXiv:1704.04861, 2017.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.mobilenet().count_params()
    4253864
    """
    factor = number("mobilenet", "alpha", alpha, 0.01)
    left = positive("mobilenet", "halvings", halvings)
    if left > 5:
        raise ValueError(f"mobilenet: halvings must be at most 5, got {left}")
    skipped = 5 - left  # of the first ones
    strides = [2, *(stride for _, stride in _MOBILE)]
    for i, stride in enumerate(strides):
        if stride == 2 and skipped > 0:
            strides[i], skipped = 1, skipped - 1

    def width(filters: int) -> int:
        return max(1, int(filters * factor))

    def finish(label: str) -> list[Layer]:
        return [BatchNormalization(name=f"{label}_norm"), Activation("relu", name=f"{label}_relu")]

    model = Sequential(
        [
            Input(extents("mobilenet", "input_shape", tuple(input_shape), 3)),
            Rescaling(1 / 255, name="scale"),
            Conv2D(width(32), 3, strides[0], padding="same", use_bias=False, name="stem"),
            *finish("stem"),
        ],
        name=name,
    )
    for i, (filters, _) in enumerate(_MOBILE, start=1):
        for layer in (
            DepthwiseConv2D(3, strides[i], padding="same", use_bias=False, name=f"depthwise_{i}"),
            *finish(f"depthwise_{i}"),
            Conv2D(width(filters), 1, use_bias=False, name=f"pointwise_{i}"),
            *finish(f"pointwise_{i}"),
        ):
            model.add(layer)
    model.add(GlobalAveragePooling2D(name="pool"))
    model.add(Dense(positive("mobilenet", "classes", classes), "softmax", name="output"))
    return model


def unet(
    input_shape: Sequence[int] = (256, 256, 1),
    classes: int = 2,
    filters: int = 64,
    depth: int = 4,
    dropout: float = 0.0,
    name: str = "unet",
) -> Model:
    """U-Net (Ronneberger et al. 2015): says of every pixel what it belongs to.

    The image is halved `depth` times, each time with twice as many channels, and doubled as often; every
    level on the way up also sees that of the way down. Convolutions are padded, so that the result has the
    image's size, where the paper's become smaller.

    Parameters
    ----------
    input_shape : (int, int, int), default (256, 256, 1)
        Height and width, multiples of 2 ** `depth`, and channels; pixels are 0 to 255.
    classes : int, default 2
        1 makes one sigmoid a pixel, others a softmax.
    filters : int, default 64
        Channels of the first level.
    depth : int, default 4
        Levels below the first.
    dropout : float, default 0.0
        Part of the lowest level's values that is left out in training.
    name : str

    Returns
    -------
    Model
        Not compiled; its output has shape (None, height, width, `classes`).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation",
    MICCAI 2015.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.unet((64, 64, 1), filters=16).output_shape
    (None, 64, 64, 2)
    """
    shape = extents("unet", "input_shape", tuple(input_shape), 3)
    levels = positive("unet", "depth", depth)
    first = positive("unet", "filters", filters)
    units = positive("unet", "classes", classes)
    rate = number("unet", "dropout", dropout, 0.0, 1.0, below=True)
    if shape[0] % 2**levels or shape[1] % 2**levels:
        raise ValueError(
            f"unet: height and width must be multiples of {2**levels} for depth {levels}, got {shape[:2]}"
        )

    def twice(x: Any, width: int, label: str) -> Any:
        for part in "ab":
            x = Conv2D(
                width, 3, padding="same", activation="relu", kernel_initializer="he_normal",
                name=f"{label}_{part}",
            )(x)  # fmt: skip
        return x

    inputs = Input(shape, name="image")
    x = Rescaling(1 / 255, name="scale")(inputs)
    kept = []
    for level in range(levels):
        x = twice(x, first * 2**level, f"down_{level}")
        kept.append(x)
        x = MaxPooling2D(name=f"pool_{level}")(x)
    x = twice(x, first * 2**levels, "bottom")
    if rate > 0:
        x = Dropout(rate, name="dropout")(x)
    for level in reversed(range(levels)):
        x = Conv2DTranspose(first * 2**level, 2, 2, name=f"rise_{level}")(x)
        x = Concatenate(name=f"join_{level}")([kept[level], x])
        x = twice(x, first * 2**level, f"up_{level}")
    outputs = Conv2D(units, 1, activation="sigmoid" if units == 1 else "softmax", name="output")(x)
    return Model(inputs, outputs, name=name)
