"""CIFAR-10: small colour photographs of animals and vehicles."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._members import archive_of, members
from ._sources import StrPath, Supplied, cache_folder

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES: tuple[str, ...] = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""What the labels 0 to 9 stand for."""

_BINARY = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_RECORD = 1 + 3 * 32 * 32


def _lacks(folder: Path) -> str:
    if archive_of(folder, "cifar10_jpeg") or all((folder / name).is_file() for name in _BINARY):
        return ""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return ""
    return f"{folder} has neither cifar10_jpeg.tar.gz, nor folders train and test, nor data_batch_1.bin, …"


_SOURCE = Supplied(
    name="cifar10_jpeg",
    title="CIFAR-10",
    home="https://www.cs.toronto.edu/~kriz/cifar.html (binary version)",
    wanted="data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train/<class>/*.jpg and "
    "test/<class>/*.jpg, or those packed as cifar10_jpeg.tar.gz,",
    lacks=_lacks,
)

Part = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def load_data(path: StrPath | None = None) -> tuple[Part, Part]:
    """Load CIFAR-10 from this machine.

    CIFAR-10 [Krizhevsky09]_ has 50,000 training and 10,000 test images of 32 x 32 colour pixels, labelled 0
    to 9 (`CLASS_NAMES` says what they show). It is looked for in `path` alone if that is given; else in
    ``$FASTNN_DATA/cifar10_jpeg``, then in the cache (``$FASTNN_CACHE``, or ``~/.cache/fastnn``). There may be
    the published binary files (``data_batch_1.bin``, …), or a copy of the images as JPEG, ``train/<class>/
    *.jpg`` and ``test/<class>/*.jpg``, in a folder or packed as ``cifar10_jpeg.tar.gz``. JPEG copies are not
    identical to the published pixels; they are decoded once, and kept in the cache.

    Parameters
    ----------
    path : path, optional
        A folder with such files.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of tuples of numpy.ndarray
        uint8 arrays of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3) and (10000, 1).

    Raises
    ------
    ValueError
        If `path` lacks files, or they are damaged.
    RuntimeError
        If the set is not on this machine.

    References
    ----------
    .. [Krizhevsky09] A. Krizhevsky, "Learning multiple layers of features from tiny images", technical
       report, University of Toronto, 2009.

    Examples
    --------
    >>> from fastnn.datasets import cifar10
    >>> (x_train, y_train), _ = cifar10.load_data()  # doctest: +SKIP
    >>> cifar10.CLASS_NAMES[3]
    'cat'
    """
    folder = _SOURCE.folder(path)
    if all((folder / name).is_file() for name in _BINARY):
        return _read_binary(folder, _BINARY[:5]), _read_binary(folder, _BINARY[5:])
    place = archive_of(folder, "cifar10_jpeg") or folder
    kept = _kept(place)
    if kept is not None and kept.is_file():
        with np.load(kept) as arrays:
            return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    train, test = _read_images(place)
    if kept is not None:
        _keep(kept, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    return train, test


def _read_binary(folder: Path, names: tuple[str, ...]) -> Part:
    """Read records of a label and three planes of 32 x 32 bytes."""
    parts = []
    for name in names:
        data = np.fromfile(folder / name, np.uint8)
        if data.size == 0 or data.size % _RECORD:
            raise ValueError(
                f"{folder / name}: expected records of {_RECORD} bytes, got {data.size} bytes: damaged?"
            )
        parts.append(data.reshape(-1, _RECORD))
    records = np.concatenate(parts)
    if records[:, 0].max() > 9:
        raise ValueError(f"{folder}: {', '.join(names)} hold labels above 9: not CIFAR-10")
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.ascontiguousarray(records[:, :1])


def _read_images(place: Path) -> tuple[Part, Part]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ImportError("CIFAR-10 as JPEG needs the package pillow: pip install pillow") from error
    found: dict[str, list[tuple[str, int, npt.NDArray[Any]]]] = {"train": [], "test": []}
    for name, contents in members(place, ".jpg"):
        parts = name.split("/")
        if len(parts) < 3 or parts[-3] not in found or parts[-2] not in CLASS_NAMES:
            raise ValueError(f"{place}: expected train/<class>/*.jpg and test/<class>/*.jpg, got {name}")
        try:
            with Image.open(io.BytesIO(contents)) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{place}: {name} is no readable image: {error}") from error
        if pixels.shape != (32, 32, 3):
            raise ValueError(f"{place}: expected images of 32 x 32 pixels, {name} has {pixels.shape[:2]}")
        found[parts[-3]].append((name, CLASS_NAMES.index(parts[-2]), pixels))
    if not found["train"] or not found["test"]:
        raise ValueError(
            f"{place}: holds {len(found['train'])} training and {len(found['test'])} test images"
        )
    return _arrays(found["train"]), _arrays(found["test"])


def _arrays(found: list[tuple[str, int, npt.NDArray[Any]]]) -> Part:
    found.sort(key=lambda entry: entry[0])
    # Classes take turns, so that the last part of the set (as validation_split takes it) has all of them.
    turn: dict[int, int] = {}
    order = []
    for position, (_, label, _) in enumerate(found):
        turn[label] = turn.get(label, 0) + 1
        order.append((turn[label], label, position))
    places = [position for _, _, position in sorted(order)]
    images = np.stack([found[i][2] for i in places])
    return images, np.array([[found[i][1]] for i in places], np.uint8)


def _kept(place: Path) -> Path | None:
    """Where the decoded images of an archive are kept; folders are read each time."""
    if place.is_dir():
        return None
    size = place.stat().st_size
    return cache_folder() / "cifar10_jpeg" / f"decoded-{size}-{int(place.stat().st_mtime)}.npz"


def _keep(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write to a temporary file, then rename; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".npz", dir=path.parent)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
