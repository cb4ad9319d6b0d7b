"""Models: layers put together, and ready ones.

Examples
--------
>>> import fastnn
>>> fastnn.models.Sequential([fastnn.layers.Dense(3)]).built
False
"""

from fastnn._lazy import attach

# What there is, and where, says __init__.pyi: for type checkers and, at first use of a name, for Python.
__getattr__, __dir__, __all__ = attach(__name__, __file__)
