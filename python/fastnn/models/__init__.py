"""Models: layers put together, and ready ones.

Examples
--------
>>> import fastnn
>>> fastnn.models.Sequential([fastnn.layers.Dense(3)]).built
False
"""

from fastnn.models.base import Model
from fastnn.models.ready import lenet5, mlp, perceptron
from fastnn.models.sequential import Sequential
from fastnn.saving import load_model

__all__ = ["Model", "Sequential", "lenet5", "load_model", "mlp", "perceptron"]
