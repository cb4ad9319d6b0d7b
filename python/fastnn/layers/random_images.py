"""Layers that change images at random, in training only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn import ops
from fastnn.layers._arguments import channels_last, choice, integer, number
from fastnn.layers.activation import SameShape
from fastnn.layers.convolution import channels_spec
from fastnn.ops._align import over_samples
from fastnn.ops._dispatch import constant
from fastnn.tensor import Tensor, apply

_FILLS = ("reflect", "wrap", "constant", "nearest")


class _Random(SameShape):
    """Base: draws numbers for each image and changes it by them."""

    casts_inputs = True
    _draws = 1  # numbers for each image

    def __init__(self, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else integer(self.label, "seed", seed, 0)
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(2)

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Change the images in training."""
        if not training:
            return inputs
        nothing = over_samples(constant(np.zeros(self._draws), inputs.dtype), inputs)
        normal = apply("gaussian_noise", [nothing], {"stddev": 1.0, "seed": self.seed})
        shares = ops.multiply(ops.add(ops.erf(ops.multiply(normal, math.sqrt(0.5))), 1.0), 0.5)
        drawn = [ops.reshape(ops.getitem(shares, (slice(None), i)), (-1, 1, 1)) for i in range(self._draws)]
        return self.change(inputs, *drawn)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Change images by numbers between 0 and 1, (None, 1, 1) each."""
        raise NotImplementedError

    def _bounds(self, name: str, value: Any, low: float = -1.0, high: float = 1.0) -> tuple[float, float]:
        """Return an argument that is a number, for both directions, or its two bounds."""
        if isinstance(value, (list, tuple)):
            if len(value) != 2:
                raise ValueError(f"{self.label}: {name} must be a number or two, got {value!r}")
            lower, upper = (number(self.label, name, item, low, high) for item in value)
            if lower > upper:
                raise ValueError(f"{self.label}: {name} must be two numbers in order, got {value!r}")
            return lower, upper
        reach = abs(number(self.label, name, value, low, high))
        return -reach, reach


def _between(share: Any, bounds: tuple[float, float]) -> Any:
    return ops.add(ops.multiply(share, bounds[1] - bounds[0]), bounds[0])


def _value_range(label: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{label}: value_range must be two numbers, got {value!r}")
    low, high = (number(label, "value_range", item) for item in value)
    if low >= high:
        raise ValueError(f"{label}: value_range must be two numbers in order, got {value!r}")
    return low, high


class RandomBrightness(_Random):
    """Makes images brighter or darker by a random amount in training.

    Parameters
    ----------
    factor : float or (float, float)
        Bounds of what is added, as parts of the range of values, from -1 to 1; one number stands for both
        directions.
    value_range : (float, float), default (0, 255)
        The range of values; results are limited to it.
    seed : int, optional
        Makes the changes independent of other layers'; by default they follow from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomBrightness
    >>> RandomBrightness((0.5, 0.5))(np.full((1, 1, 2, 1), 51.0), training=True).ravel()
    array([178.5, 178.5], dtype=float32)
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = self._bounds("factor", factor)
        self.value_range = _value_range(self.label, value_range)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Add to the images."""
        low, high = self.value_range
        added = ops.multiply(_between(drawn[0], self.factor), high - low)
        return ops.clip(ops.add(images, ops.expand_dims(added, -1)), low, high)


class RandomContrast(_Random):
    """Moves the values of images away from, or towards, each channel's mean in training.

    Parameters
    ----------
    factor : float or (float, float)
        Differences from the mean are multiplied by something between ``1 - lower`` and ``1 + upper``; both
        are from 0 to 1, and one number stands for both.
    value_range : (float, float), default (0, 255)
        The range of values; results are limited to it.
    seed : int, optional
        Makes the changes independent of other layers'; by default they follow from the seed of `fit`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomContrast
    >>> layer = RandomContrast(0.2)
    >>> layer(np.ones((1, 4, 4, 3))).max()
    np.float32(1.0)
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        both = factor if isinstance(factor, (list, tuple)) else (factor, factor)
        if len(both) != 2:
            raise ValueError(f"{self.label}: factor must be a number or two, got {factor!r}")
        self.factor = tuple(number(self.label, "factor", item, 0.0, 1.0) for item in both)
        self.value_range = _value_range(self.label, value_range)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Scale differences from the mean."""
        scale = ops.expand_dims(_between(drawn[0], (1 - self.factor[0], 1 + self.factor[1])), -1)
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        return ops.clip(ops.add(mean, ops.multiply(ops.subtract(images, mean), scale)), *self.value_range)


class RandomFlip(_Random):
    """Flips every second image, at random, in training.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        Left to right, top to bottom, or both, each by a toss of its own.
    seed : int, optional
        Makes the changes independent of other layers'; by default they follow from the seed of `fit`.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomFlip
    >>> x = np.arange(3.0).reshape(1, 1, 3, 1).repeat(100, 0)
    >>> sorted({tuple(image.ravel().tolist()) for image in RandomFlip("horizontal")(x, training=True)})
    [(0.0, 1.0, 2.0), (2.0, 1.0, 0.0)]
    """

    _draws = 2

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.mode = choice(self.label, "mode", mode, ("horizontal_and_vertical", "horizontal", "vertical"))

    def change(self, images: Any, *drawn: Any) -> Any:
        """Flip some."""
        for axis, word, share in ((2, "horizontal", drawn[0]), (1, "vertical", drawn[1])):
            if word in self.mode:
                images = ops.where(
                    ops.less(ops.expand_dims(share, -1), 0.5), images, ops.flip(images, axis=axis)
                )
        return images


class _Moved(_Random):
    """Base of layers that look up each pixel at another place."""

    _draws = 2

    def _look_up(self, fill_mode: Any, interpolation: Any, fill_value: Any) -> None:
        self.fill_mode = choice(self.label, "fill_mode", fill_mode, _FILLS)
        self.interpolation = choice(self.label, "interpolation", interpolation, ("bilinear", "nearest"))
        self.fill_value = number(self.label, "fill_value", fill_value)

    def _moved(self, images: Any, matrix: Any, shift: Any) -> Any:
        """Return what is at ``matrix @ (y, x) + shift``, of places counted from the images' middle.

        Matrix and shift are lists of numbers, or of tensors (None, 1, 1).
        """
        height, width, channels = (int(n) for n in images.shape[1:])
        y = np.arange(height)[None, :, None] - (height - 1) / 2
        x = np.arange(width)[None, None, :] - (width - 1) / 2
        rows, columns = (
            _sum(images, (matrix[i][0], y), (matrix[i][1], x), (shift[i], np.ones((1, 1, 1))), middle)
            for i, middle in ((0, (height - 1) / 2), (1, (width - 1) / 2))
        )
        flat = ops.reshape(images, (-1, height * width, channels))
        if self.interpolation == "nearest":
            return self._at(flat, ops.round(rows), ops.round(columns), height, width)
        above, left = ops.floor(rows), ops.floor(columns)
        down = ops.expand_dims(ops.subtract(rows, above), -1)
        right = ops.expand_dims(ops.subtract(columns, left), -1)
        below, beside = ops.add(above, 1.0), ops.add(left, 1.0)
        top, bottom = (
            _mixed(
                self._at(flat, row, left, height, width), self._at(flat, row, beside, height, width), right
            )
            for row in (above, below)
        )
        return _mixed(top, bottom, down)

    def _at(self, flat: Any, rows: Any, columns: Any, height: int, width: int) -> Any:
        """Return the pixels at whole places; beyond the borders as `fill_mode` says."""
        r, c = self._within(rows, height), self._within(columns, width)
        places = ops.cast(ops.add(ops.multiply(r, float(width)), c), "int32")
        found = ops.gather(flat, places, axis=1)
        if self.fill_mode != "constant":
            return found
        inside = ops.logical_and(ops.equal(r, rows), ops.equal(c, columns))
        return ops.where(ops.expand_dims(inside, -1), found, self.fill_value)

    def _within(self, places: Any, extent: int) -> Any:
        if self.fill_mode in ("constant", "nearest"):
            return ops.clip(places, 0.0, extent - 1.0)
        period = float(extent if self.fill_mode == "wrap" else 2 * extent)
        rest = ops.subtract(places, ops.multiply(ops.floor(ops.multiply(places, 1 / period)), period))
        rest = ops.clip(rest, 0.0, period - 1.0)  # the quotient was rounded
        return rest if self.fill_mode == "wrap" else ops.minimum(rest, ops.subtract(period - 1.0, rest))


def _sum(images: Any, *terms: Any) -> Any:
    """Sum products of a tensor (None, 1, 1), or a number, and an array; the last term is a number."""
    total: Any = np.zeros((1, *images.shape[1:3])) + terms[-1]
    tensors = []
    for factor, array in terms[:-1]:
        if isinstance(factor, Tensor):
            tensors.append(ops.multiply(factor, array.astype(images.dtype)))
        else:
            total = total + factor * array
    made: Any = over_samples(constant(total[0], images.dtype), images)
    for tensor in tensors:
        made = ops.add(made, tensor)
    return made


def _mixed(first: Any, second: Any, share: Any) -> Any:
    return ops.add(first, ops.multiply(ops.subtract(second, first), share))


class RandomTranslation(_Moved):
    """Shifts images by a random distance in training.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        Bounds of the shifts down and to the right, as parts of height and width, from -1 to 1; one number
        stands for both directions.
    fill_mode : {"reflect", "wrap", "constant", "nearest"}, default "reflect"
        What is beyond the borders: the image mirrored, repeated, `fill_value`, or the border's pixels.
    interpolation : {"bilinear", "nearest"}, default "bilinear"
        "bilinear" weighs the four pixels around a place.
    seed : int, optional
        Makes the changes independent of other layers'; by default they follow from the seed of `fit`.
    fill_value : float, default 0.0
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomTranslation
    >>> layer = RandomTranslation(0.0, (0.25, 0.25), fill_mode="wrap")
    >>> layer(np.arange(4.0).reshape(1, 1, 4, 1), training=True).ravel()
    array([3., 0., 1., 2.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.height_factor = self._bounds("height_factor", height_factor)
        self.width_factor = self._bounds("width_factor", width_factor)
        self._look_up(fill_mode, interpolation, fill_value)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Shift the images."""
        down = ops.multiply(_between(drawn[0], self.height_factor), -float(images.shape[1]))
        right = ops.multiply(_between(drawn[1], self.width_factor), -float(images.shape[2]))
        return self._moved(images, [[1.0, 0.0], [0.0, 1.0]], [down, right])


class RandomRotation(_Moved):
    """Turns images around their middle by a random angle in training.

    Parameters
    ----------
    factor : float or (float, float)
        Bounds of the angle, as parts of a whole turn, from -1 to 1, counter-clockwise if it is positive; one
        number stands for both directions.
    fill_mode, interpolation, seed, fill_value, data_format
        See `RandomTranslation`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomRotation
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> RandomRotation((0.25, 0.25))(x, training=True).reshape(2, 2).round(4)
    array([[1., 3.],
           [0., 2.]], dtype=float32)
    """

    _draws = 1

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = self._bounds("factor", factor)
        self._look_up(fill_mode, interpolation, fill_value)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Turn the images."""
        angle = ops.multiply(_between(drawn[0], self.factor), 2 * math.pi)
        cos, sin = ops.cos(angle), ops.sin(angle)
        return self._moved(images, [[cos, sin], [ops.negative(sin), cos]], [0.0, 0.0])


class RandomZoom(_Moved):
    """Shrinks or enlarges images around their middle by a random amount in training.

    Parameters
    ----------
    height_factor : float or (float, float)
        Bounds of the change, from -1 to 1: what is seen is ``1 + factor`` of the height, so that 0.3 shrinks
        the image and -0.3 enlarges it. One number stands for both directions.
    width_factor : float or (float, float), optional
        The same for the width; by default it goes with the height.
    fill_mode, interpolation, seed, fill_value, data_format
        See `RandomTranslation`.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import RandomZoom
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> RandomZoom((-0.5, -0.5), interpolation="nearest")(x, training=True)[0, :, :, 0]
    array([[ 5.,  5.,  6.,  6.],
           [ 5.,  5.,  6.,  6.],
           [ 9.,  9., 10., 10.],
           [ 9.,  9., 10., 10.]], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.height_factor = self._bounds("height_factor", height_factor)
        self.width_factor = None if width_factor is None else self._bounds("width_factor", width_factor)
        self._look_up(fill_mode, interpolation, fill_value)

    def change(self, images: Any, *drawn: Any) -> Any:
        """Scale the images."""
        down = ops.add(_between(drawn[0], self.height_factor), 1.0)
        right = down
        if self.width_factor is not None:
            right = ops.add(_between(drawn[1], self.width_factor), 1.0)
        return self._moved(images, [[down, 0.0], [0.0, right]], [0.0, 0.0])
