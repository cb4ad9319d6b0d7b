"""Pictures in files, as arrays that a model of images takes."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def read_pictures(path: str, shape: tuple[int, ...], background: int) -> tuple[Array, str]:
    """Read the pictures of a file as (n, height, width, channels) in 0 .. 255.

    Parameters
    ----------
    path : str
        PNG, JPEG, PGM or another format that Pillow knows; ``.npy``; or IDX, by ``idx`` in its name.
    shape : tuple of int
        Height, width and channels; pictures are resized to it, arrays must have it.
    background : int
        The grey that is seen through transparent parts.

    Returns
    -------
    array, str
        The pictures, and a remark on what was done to them.

    Raises
    ------
    ValueError
        If the file cannot be read, or holds something else; the message names it.
    """
    is_numpy = os.path.splitext(path)[1].lower() == ".npy"
    if is_numpy or "idx" in os.path.basename(path).lower():
        return _from_array(_read_numpy(path) if is_numpy else _read_idx(path), path, shape)
    return _from_image(path, shape, background)


def _read_idx(path: str) -> Array:
    from fastnn.datasets.idx import read_idx

    return read_idx(path)


def _read_numpy(path: str) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read as an array of numbers: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise ValueError(f"{path} holds {getattr(array, 'dtype', 'several arrays')}, expected numbers")
    return array


def _from_array(array: Array, path: str, shape: tuple[int, ...]) -> tuple[Array, str]:
    given, (height, width, channels) = array.shape, shape
    if array.ndim == 2 or array.shape == shape:
        array = array[None]
    if array.shape[1:] == (height, width) and channels == 1:
        array = array[..., None]
    if array.ndim != 4 or array.shape[1:] != shape or not len(array):
        raise ValueError(
            f"{path} holds an array of shape {given}, expected (n, {height}, {width}, {channels})"
        )
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), ""
    if not np.isfinite(array).all():
        raise ValueError(f"{path} holds values that are not finite")
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise ValueError(
            f"{path} holds values from {low} to {high}, expected 0 to 255, or fractions of 0 to 1"
        )
    if array.dtype.kind == "f" and high <= 1:
        return array * array.dtype.type(255), "  [fractions: multiplied by 255]"
    return array, ""


def _from_image(path: str, shape: tuple[int, ...], background: int) -> tuple[Array, str]:
    from PIL import Image, UnidentifiedImageError

    height, width, channels = shape
    notes = []
    try:
        with Image.open(path) as opened:
            if "A" in opened.getbands() or "transparency" in opened.info:
                over = opened.convert("RGBA")
                if over.getextrema()[3][0] < 255:
                    notes.append(f"transparent parts taken as {'white' if background else 'black'}")
                paper = Image.new("RGBA", over.size, (background, background, background, 255))
                picture = Image.alpha_composite(paper, over).convert("L" if channels == 1 else "RGB")
            elif opened.mode.startswith("I"):  # 16 bits, which convert would cut off and not scale
                scaled = np.asarray(opened, np.float64) / (65535 / 255)
                picture = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
                picture = picture.convert("L" if channels == 1 else "RGB")
            else:
                picture = opened.convert("L" if channels == 1 else "RGB")
    except UnidentifiedImageError:
        raise ValueError(
            f"{path} is not an image that can be read; give PNG, JPEG, PGM, .npy or IDX"
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from None
    if picture.size != (width, height):
        notes.append(f"resized from {picture.size[0]}x{picture.size[1]}")
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    array = np.asarray(picture, dtype=np.uint8).reshape(1, height, width, channels)
    return array, "".join(f"  [{note}]" for note in notes)
