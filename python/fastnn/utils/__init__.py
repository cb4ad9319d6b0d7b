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

from fastnn._lazy import attach

# What there is, and where, says __init__.pyi: for type checkers and, at first use of a name, for Python.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
