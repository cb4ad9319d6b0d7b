"""Layers: what a model is made of.

Examples
--------
>>> import fastnn
>>> from fastnn import layers
>>> model = fastnn.Sequential([layers.Input(shape=(2,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
>>> model.count_params()
17
"""

from fastnn._lazy import attach

# What there is, and where, says __init__.pyi: for type checkers and, at first use of a name, for Python.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
