"""Preparing data: labels to one-hot, scaling fitted on the training part, splitting; seeding.

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

from ._labels import to_categorical
from ._scaling import MinMaxScaler, StandardScaler, normalize
from ._seeding import set_random_seed
from ._splitting import train_val_test_indices, train_val_test_split

__all__ = [
    "MinMaxScaler",
    "StandardScaler",
    "normalize",
    "set_random_seed",
    "to_categorical",
    "train_val_test_indices",
    "train_val_test_split",
]
