"""MNIST's form of a data set: four IDX files, images and labels for training and for testing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._sources import DataFile, StrPath, find_file
from .idx import read_idx, read_stream

Part = tuple[npt.NDArray[Any], npt.NDArray[Any]]

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


def read_verified(files: Iterable[DataFile], folder: Path) -> tuple[Part, Part]:
    """Read four files of known checksums from a folder that holds them."""
    known = {file.name: file for file in files}

    def read(name: str) -> npt.NDArray[Any]:
        with known[name].open(folder) as (stream, path):
            return read_stream(stream, str(path))

    return (read(TRAIN_IMAGES), read(TRAIN_LABELS)), (read(TEST_IMAGES), read(TEST_LABELS))


def read_folder(path: StrPath) -> tuple[Part, Part]:
    """Read and check four files of the user's own; see `mnist.load_data` for what is accepted."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ValueError(f"argument 'path': expected a folder with {', '.join(NAMES)}, got {folder}")
    found = {name: file for name in NAMES if (file := find_file(folder, name))}
    if missing := [name for name in NAMES if name not in found]:
        raise ValueError(
            f"argument 'path': {folder} has no {', '.join(missing)} (each may also be there without .gz)"
        )
    train = _read_pair(found[TRAIN_IMAGES], found[TRAIN_LABELS])
    test = _read_pair(found[TEST_IMAGES], found[TEST_LABELS])
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{folder}: expected training and test images of one shape, "
            f"got {train[0].shape[1:]} and {test[0].shape[1:]}"
        )
    return train, test


def _read_pair(images_path: Path, labels_path: Path) -> Part:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim < 2:
        raise ValueError(
            f"{images_path}: expected images of at least 2 dimensions, got shape {images.shape}; "
            "is it a file of labels?"
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{labels_path}: expected integer labels of 1 dimension, got {labels.dtype} of shape "
            f"{labels.shape}; is it a file of images?"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} has {len(images)} images, but {labels_path} has {len(labels)} labels"
        )
    return images, labels
