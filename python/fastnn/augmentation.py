"""Random changes to training images, made by the C++ batcher while it gathers them.

``model.fit(x, y, augment=fastnn.Augmentation(shift=0.1, rotation=10))`` shows the network another version of
each image in each epoch. Validation and prediction see the images as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ._augmentation_settings import (
    Range,
    cutout_squares,
    number,
    pair,
    pixels,
    plain,
    probability,
    range_about,
    real,
    shift_ranges,
)
from ._keywords import named
from ._names import nearest
from .utils._checks import is_integer

if TYPE_CHECKING:
    from ._core import AugmentConfig

__all__ = ["Augmentation"]

_RangeLike: TypeAlias = float | Sequence[float]

_DEFAULTS: dict[str, Any] = {
    "shift": 0,
    "rotation": 0,
    "zoom": 0,
    "shear": 0,
    "horizontal_flip": False,
    "elastic": None,
    "brightness": 0,
    "contrast": 0,
    "noise": 0,
    "cutout": None,
    "fill": "constant",
    "fill_value": 0,
    "value_range": None,
    "seed": None,
}

# Rows that are looked at to see whether values lie in the range that their type suggests.
_LOOKED_AT = 1000


class Augmentation:
    """Random changes to images: what to change, and how much.

    A setting that is a number ``a`` draws uniformly from -a to a around the unchanged image, for each image
    and epoch anew; a pair ``(low, high)`` gives the range itself, and ``(a, a)`` always that amount. Flip,
    zoom, shear, rotation, shift and elastic distortion act about the image's centre, in this order, and are
    done in one bilinear resampling; contrast and brightness, noise and cut-out follow.

    What an image gets depends on seed, epoch and its row number in the data set alone: not on the number of
    threads, the batch size or the order of the batches.

    Parameters
    ----------
    shift : float, int or pair, default 0
        Up to how far to move images down and to the right. Floats are fractions of height and width, ints are
        pixels. A pair of pairs gives the vertical and the horizontal range.
    rotation : float or pair, default 0
        Degrees; positive is counter-clockwise.
    zoom : float or pair, default 0
        0.1 draws factors from 0.9 to 1.1; a pair holds factors. Above 1 enlarges.
    shear : float or pair, default 0
        Degrees by which vertical lines lean; positive leans them to the left.
    horizontal_flip : bool or float, default False
        Mirror left and right with that probability; True is 0.5.
    elastic : (float, float), optional
        ``(alpha, sigma)`` of the elastic distortion of Simard, Steinkraus and Platt (2003): each pixel is
        displaced by noise, uniform on (-1, 1), smoothed by a Gaussian `sigma` pixels wide and multiplied by
        `alpha`. Their values for 28 x 28 digits are (34, 4), which displaces by 1.4 pixels (one standard
        deviation).
    brightness : float or pair, default 0
        Added to all pixels, as a fraction of the value range; the result is clipped to the range.
    contrast : float or pair, default 0
        0.2 draws factors from 0.8 to 1.2 for the distance from the channel's mean; a pair holds factors. The
        result is clipped to the value range.
    noise : float, default 0
        Standard deviation of Gaussian noise, as a fraction of the value range. Not clipped.
    cutout : int, float or pair, optional
        Side of a square to blot out, in pixels (int) or as a fraction of height and width (float), or
        ``(side, count)`` for several. Squares may hang over the edge (DeVries and Taylor, 2017).
    fill : {"constant", "nearest"}, default "constant"
        What lies outside the image: `fill_value`, or the nearest pixel.
    fill_value : float, default 0
        Value outside, and of squares that are cut out, in the data's own units.
    value_range : (float, float), optional
        Smallest and largest possible value. By default (0, 255) for integers and (0, 1) for floats and bools.
    seed : int, optional
        Of the random numbers; by default `fit`'s own.

    Raises
    ------
    TypeError
        If a setting is not of the kinds above.
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> (x, _), _ = fastnn.datasets.mnist.load_data()
    >>> augmentation = fastnn.Augmentation(shift=2, rotation=10, elastic=(34, 4))
    >>> augmentation
    Augmentation(shift=2, rotation=10, elastic=(34, 4))
    >>> changed = augmentation(x[:16], epoch=3)
    >>> changed.shape, changed.dtype
    ((16, 28, 28), dtype('float32'))

    A range of one value makes a fixed change:

    >>> turned = fastnn.Augmentation(rotation=(180, 180))(x[:1])
    >>> bool(np.allclose(turned[0], x[0, ::-1, ::-1], atol=0.1))
    True
    """

    @named("Augmentation")
    def __init__(
        self,
        *,
        shift: float | Sequence[Any] = 0,
        rotation: _RangeLike = 0,
        zoom: _RangeLike = 0,
        shear: _RangeLike = 0,
        horizontal_flip: float = False,
        elastic: Sequence[float] | None = None,
        brightness: _RangeLike = 0,
        contrast: _RangeLike = 0,
        noise: float = 0,
        cutout: float | Sequence[float] | None = None,
        fill: str = "constant",
        fill_value: float = 0,
        value_range: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> None:
        self._config: dict[str, Any] = {
            "shift": plain(shift),
            "rotation": plain(rotation),
            "zoom": plain(zoom),
            "shear": plain(shear),
            "horizontal_flip": plain(horizontal_flip),
            "elastic": plain(elastic),
            "brightness": plain(brightness),
            "contrast": plain(contrast),
            "noise": plain(noise),
            "cutout": plain(cutout),
            "fill": fill,
            "fill_value": plain(fill_value),
            "value_range": plain(value_range),
            "seed": plain(seed),
        }
        self._core_config((1, 1, 1), np.dtype("float32"))  # checks all settings

    def __call__(
        self, images: npt.ArrayLike, epoch: int = 0, *, rows: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.float32]:
        """Change images as `fit` does, to look at the result.

        Parameters
        ----------
        images : array_like, shape (n, height, width) or (n, height, width, channels)
            The data set; an image's row number is part of what decides its changes.
        epoch : int, default 0
            Number of the epoch, from 0.
        rows : array_like of int, optional
            Numbers of the rows to change; all by default.

        Returns
        -------
        numpy.ndarray, float32
            Changed images, as many as there are `rows`.

        Raises
        ------
        ValueError
            If the array does not hold images, or values lie outside the range that their type suggests.
        """
        from . import _core
        from .data_adapter import as_rows

        if not is_integer(epoch) or epoch < 0:
            raise ValueError(f"Augmentation: epoch must be an int of at least 0, got {epoch!r}")
        array = as_rows(images, "images")
        numbers = None
        if rows is not None:
            given = np.atleast_1d(np.asarray(rows))
            if given.dtype.kind not in "iu" or given.ndim != 1:
                raise TypeError(
                    "Augmentation: rows must be a list of row numbers, "
                    f"got an array of shape {given.shape} and dtype {given.dtype}"
                )
            numbers = np.ascontiguousarray(given, np.int64)
        changed: npt.NDArray[np.float32] = _core.gather(
            array, "float32", 1, numbers, self.config_for(array), epoch=int(epoch)
        )
        return changed

    def config_for(self, images: npt.NDArray[Any]) -> AugmentConfig:
        """Return what the batcher needs to change these images.

        Parameters
        ----------
        images : numpy.ndarray, shape (n, height, width) or (n, height, width, channels)

        Returns
        -------
        _core.AugmentConfig

        Raises
        ------
        ValueError
            If the array does not hold images, or values lie outside the range that their type suggests.
        """
        if images.ndim not in (3, 4):
            raise ValueError(
                "Augmentation: expected images of shape (n, height, width) or (n, height, width, channels), "
                f"got {images.shape}. Keep the images whole and let the network's first layer flatten them."
            )
        height, width, channels = (*images.shape[1:], 1)[:3]
        self._check_values(images)
        return self._core_config((height, width, channels), images.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as `from_config` takes them.

        Returns
        -------
        dict
        """
        return dict(self._config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Augmentation:
        """Make an augmentation from the settings that `get_config` returned.

        Parameters
        ----------
        config : dict

        Returns
        -------
        Augmentation

        Raises
        ------
        TypeError
            If a setting is unknown.
        """
        for name in config:
            if name not in _DEFAULTS:
                raise TypeError(f"Augmentation: unknown setting {name!r}{nearest(name, _DEFAULTS)}")
        return cls(**config)

    @classmethod
    def from_text(cls, text: str) -> Augmentation:
        """Make an augmentation from text, as the command line has it.

        Parameters
        ----------
        text : str
            Settings parted by commas: ``"shift=2,rotation=10,elastic=34:4,horizontal_flip"``. A colon parts
            the two numbers of a pair.

        Returns
        -------
        Augmentation

        Raises
        ------
        TypeError
            If a setting is unknown.
        ValueError
            If a value is not a number, or out of its range.
        """
        config: dict[str, Any] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, given, value = item.partition("=")
            name = name.strip()
            if not given:
                config[name] = True
            elif name == "fill":
                config[name] = value.strip()
            else:
                numbers = [number(name, part) for part in value.split(":")]
                config[name] = numbers if len(numbers) > 1 else numbers[0]
        return cls.from_config(config)

    def __repr__(self) -> str:
        changed = {name: value for name, value in self._config.items() if value != _DEFAULTS[name]}
        return f"Augmentation({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def _value_range(self, dtype: np.dtype[Any]) -> Range:
        given = self._config["value_range"]
        if given is not None:
            return pair("value_range", given)
        return (0.0, 255.0) if dtype.kind in "iu" else (0.0, 1.0)

    def _check_values(self, images: npt.NDArray[Any]) -> None:
        """Refuse to guess the value range of data that does not look like it."""
        config = self._config
        uses_range = any(config[name] != _DEFAULTS[name] for name in ("brightness", "contrast", "noise"))
        if (
            not uses_range
            or config["value_range"] is not None
            or images.dtype.kind in "bu"
            or not len(images)
        ):
            return
        low, high = self._value_range(images.dtype)
        some = images[:: max(1, len(images) // _LOOKED_AT)]
        least, most = float(some.min()), float(some.max())
        slack = 1e-3 * (high - low)
        if least < low - slack or most > high + slack:
            raise ValueError(
                "Augmentation: brightness, contrast and noise need the range of the data's values. Its dtype "
                f"{images.dtype} suggests {(low, high)}, but there are values from {least:g} to {most:g}. "
                "Give it: value_range=(low, high)."
            )

    def _core_config(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> AugmentConfig:
        from . import _core

        config = self._config
        height, width, channels = shape
        shift_y, shift_x = shift_ranges(config["shift"])
        low, high = self._value_range(dtype)
        settings: dict[str, Any] = {
            "height": height,
            "width": width,
            "channels": channels,
            "shift_y": tuple(pixels("shift", bound, height) for bound in shift_y),
            "shift_x": tuple(pixels("shift", bound, width) for bound in shift_x),
            "rotation": range_about("rotation", config["rotation"], 0.0),
            "zoom": range_about("zoom", config["zoom"], 1.0),
            "shear": range_about("shear", config["shear"], 0.0),
            "flip": probability(config["horizontal_flip"]),
            "brightness": range_about("brightness", config["brightness"], 0.0),
            "contrast": range_about("contrast", config["contrast"], 1.0),
            "noise": real("noise", config["noise"]),
            "fill_value": real("fill_value", config["fill_value"]),
            "value_low": low,
            "value_high": high,
        }
        if config["elastic"] is not None:
            settings["elastic_alpha"], settings["elastic_sigma"] = pair("elastic", config["elastic"])
        if config["cutout"] is not None:
            side, count = cutout_squares(config["cutout"])
            settings["cutout_height"] = round(pixels("cutout", side, height))
            settings["cutout_width"] = round(pixels("cutout", side, width))
            settings["cutout_count"] = count
        if config["fill"] not in ("constant", "nearest"):
            raise ValueError(f"Augmentation: fill must be 'constant' or 'nearest', got {config['fill']!r}")
        settings["fill_nearest"] = config["fill"] == "nearest"
        seed = config["seed"]
        if seed is not None:
            if not is_integer(seed):
                raise TypeError(f"Augmentation: seed must be an int or None, got {seed!r}")
            if not 0 <= seed < 2**64:
                raise ValueError(f"Augmentation: seed must be from 0 to 2**64 - 1, got {seed}")
            settings["seed"] = int(seed)
        return _core.AugmentConfig(settings)
