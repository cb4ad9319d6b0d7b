"""Preparing data: labels to one-hot, scaling fitted on the training part, splitting; seeding; pictures.

Examples
--------
>>> import numpy as np
>>> from fastnn import utils
>>> x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
>>> (x_train, y_train), (x_val, y_val), (x_test, y_test) = utils.train_val_test_split(x, y)
>>> scaler = utils.StandardScaler().fit(x_train)
>>> scaler.transform(x_test).shape, utils.to_categorical(y_test).shape
((2, 2), (2, 2))
"""

from typing import TYPE_CHECKING, Any

from ._batches import PyDataset, Sequence
from ._labels import to_categorical
from ._scaling import MinMaxScaler, StandardScaler, normalize
from ._seeding import set_random_seed
from ._sequences import pad_sequences
from ._splitting import train_val_test_indices, train_val_test_split

if TYPE_CHECKING:
    from ._plotting import plot_model

__all__ = [
    "MinMaxScaler",
    "PyDataset",
    "Sequence",
    "StandardScaler",
    "normalize",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "to_categorical",
    "train_val_test_indices",
    "train_val_test_split",
]


def __getattr__(name: str) -> Any:
    if name == "plot_model":  # layers come along with it
        from ._plotting import plot_model

        return plot_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
