"""A callback that evaluates the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from fastnn.callbacks.base import Callback, Logs


class SwapEMAWeights(Callback):
    """Let the weights' moving averages stand in for them where a model is evaluated.

    Needs an optimizer with ``use_ema=True``. Before validation, `evaluate` and `predict` the weights become
    their averages, after it they are what they were, and training goes on from them.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        Whether the averages stay from an epoch's validation on until the next epoch begins, so that callbacks
        behind this one, such as `ModelCheckpoint`, see them, too.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> model.compile(fastnn.optimizers.Adam(use_ema=True), "mse")
    >>> x, y = np.ones((8, 2)), np.ones(8)
    >>> history = model.fit(x, y, validation_data=(x, y), verbose=0,
    ...                     callbacks=[fastnn.callbacks.SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        self._swapped = False

    def _optimizer(self) -> Any:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None or not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights: the model's optimizer keeps no averages; compile it with one that has "
                "use_ema=True, such as optimizers.Adam(use_ema=True)"
            )
        return optimizer

    def _show(self) -> None:
        optimizer = self._optimizer()
        if not optimizer.shows_averages:
            optimizer.finalize_variable_values()
            self._swapped = True

    def _take_back(self) -> None:
        if self._swapped:
            self._swapped = False
            self._optimizer().restore_variable_values()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Check the optimizer."""
        self._optimizer()
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Go on with the weights themselves."""
        self._take_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the averages to the callbacks that follow, if asked to."""
        if self.swap_on_epoch:
            self._show()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Show the averages."""
        self._show()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Show the weights again."""
        self._take_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Show the averages."""
        self._show()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Show the weights again."""
        self._take_back()
