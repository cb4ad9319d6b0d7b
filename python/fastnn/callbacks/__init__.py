"""Callbacks: objects whose hooks `fit`, `evaluate` and `predict` call as they go.

Examples
--------
>>> import fastnn
>>> callbacks = [
...     fastnn.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
...     fastnn.callbacks.CSVLogger("history.csv"),
... ]
"""

from fastnn._lazy import attach

# What there is, and where, says __init__.pyi: for type checkers and, at first use of a name, for Python.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
