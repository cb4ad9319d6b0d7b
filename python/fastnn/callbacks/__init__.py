"""Callbacks: objects whose hooks `fit`, `evaluate` and `predict` call as they go.

Examples
--------
>>> import fastnn
>>> callbacks = [
...     fastnn.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
...     fastnn.callbacks.CSVLogger("history.csv"),
... ]
"""

from fastnn.callbacks.base import Callback, CallbackList
from fastnn.callbacks.checkpoint import BackupAndRestore, ModelCheckpoint
from fastnn.callbacks.history import History, Timing
from fastnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastnn.callbacks.logger import CSVLogger
from fastnn.callbacks.stopping import EarlyStopping, TerminateOnNaN
from fastnn.callbacks.tensorboard import TensorBoard
from fastnn.callbacks.user import LambdaCallback

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "Timing",
]
