"""Layers: what a model is made of.

Examples
--------
>>> import fastnn
>>> from fastnn import layers
>>> model = fastnn.Sequential([layers.Input(shape=(2,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
>>> model.count_params()
17
"""

from typing import Any

from fastnn._lazy import attach

# What there is, and where, says __init__.pyi: for type checkers and, at first use of a name, for Python.
_find, __dir__, __all__ = attach(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name[:1].isupper() and name not in __all__:
        from fastnn.layers.refused import CURES, stand_in

        if name in CURES:
            return stand_in(name)
    return _find(name)
