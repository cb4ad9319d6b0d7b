"""Exceptions of fastnn that are not plain ValueError, TypeError or RuntimeError."""

from __future__ import annotations

__all__ = ["NonFiniteLossError"]


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or Inf; the message names the epoch, the step and the first op at fault.

    Raised by `fit` before the step updates anything, unless ``on_nonfinite`` is ``"warn"`` or
    ``"ignore"``.

    Attributes
    ----------
    step : int or None
        Step of the epoch, counted from 0.

    Examples
    --------
    >>> import fastnn
    >>> issubclass(fastnn.errors.NonFiniteLossError, RuntimeError)
    True
    """

    step: int | None = None
