"""Watching one metric: which way is better, and whether a value improves on another."""

from __future__ import annotations

import math
import warnings
from typing import Any

_UP = (
    "acc", "accuracy", "auc", "precision", "recall", "specificity", "sensitivity", "f1", "f1_score",
    "fbeta_score", "f_score", "fscore", "r2", "r2_score", "iou", "cosine_similarity", "cosine", "bleu",
)  # fmt: skip
_DOWN = (
    "loss", "error", "mse", "mae", "rmse", "mape", "msle", "crossentropy", "cross_entropy", "divergence",
    "hinge", "poisson", "logcosh", "log_cosh", "huber", "focal", "perplexity",
)  # fmt: skip


class Monitor:
    """One monitored metric, the way it should go and the change that counts.

    Parameters
    ----------
    owner : str
        The callback's name, for messages.
    name : str
        Key in the epoch's logs, such as ``"val_loss"``.
    mode : {"auto", "min", "max"}
        Which way is better; ``"auto"`` goes by the metric's `direction` or name.
    min_delta : float
        Changes below this do not count as improvement.

    Examples
    --------
    >>> from fastnn.callbacks.monitor import Monitor
    >>> Monitor("EarlyStopping", "val_accuracy").improves(0.93, 0.92)
    True
    """

    def __init__(self, owner: str, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        given: object = name
        if not isinstance(given, str) or not given:
            raise ValueError(
                f"{owner}: monitor must be the name of a metric such as 'val_loss', got {name!r}"
            )
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{owner}: mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.owner = owner
        self.name = name
        self.mode = mode
        self.min_delta = abs(check_number(owner, "min_delta", min_delta))
        self._sign: int = {"min": -1, "max": 1}.get(mode, 0) or _direction_of(name)
        self._warned = False

    def resolve(self, model: Any) -> None:
        """Settle the direction before training begins, so that a doubt costs no epochs."""
        if self.mode == "auto":
            for metric in getattr(model, "metrics", None) or []:
                if getattr(metric, "name", None) == self.name.removeprefix("val_"):
                    self._sign = {"up": 1, "down": -1}.get(
                        getattr(metric, "direction", None) or "", self._sign
                    )
        self._check_direction()

    def _check_direction(self) -> None:
        if self._sign == 0:
            raise ValueError(
                f"{self.owner}: cannot tell from the name whether {self.name!r} should go up or down; "
                "give mode='min' or mode='max'"
            )

    def value(self, logs: dict[str, Any] | None) -> float | None:
        """Return the metric's value, or None, with a warning the first time, if the logs do not have it."""
        current = (logs or {}).get(self.name)
        if current is None and not self._warned:
            self._warned = True
            known = ", ".join(logs or {}) or "none"
            hint = (
                " Pass validation_data or validation_split to fit."
                if self.name.startswith("val_") and not any(k.startswith("val_") for k in logs or {})
                else ""
            )
            warnings.warn(
                f"{self.owner}: the monitored metric {self.name!r} is not available; "
                f"available are: {known}.{hint}",
                UserWarning,
                stacklevel=2,
            )
        return None if current is None else float(current)

    def improves(self, current: float, reference: float | None) -> bool:
        """Whether `current` is better than `reference` by more than `min_delta`; NaN never is."""
        self._check_direction()
        if math.isnan(current):
            return False
        if reference is None or math.isnan(reference):
            return True
        return self._sign * (current - reference) > self.min_delta


def _direction_of(name: str) -> int:
    name = name.removeprefix("val_").lower()
    # The end of a name says most ("accuracy_loss" falls); "accuracy_1" is found by its words.
    for known, sign in ((_DOWN, -1), (_UP, 1)):
        if any(name == k or name.endswith("_" + k) for k in known):
            return sign
    words = set(name.split("_"))
    return -1 if words.intersection(_DOWN) else 1 if words.intersection(_UP) else 0


def check_number(owner: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Return `value` as a float, or raise a ValueError that names the argument and its range."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{owner}: {name} must be a number, got {value!r}") from None
    if math.isnan(number) or not low <= number <= high:
        bounds = f" of at least {low:g}" if high == math.inf else f" from {low:g} to {high:g}"
        raise ValueError(
            f"{owner}: {name} must be a number{'' if low == -math.inf else bounds}, got {value!r}"
        )
    return number


def check_count(owner: str, name: str, value: Any, low: int = 0) -> int:
    """Return `value` as an int of at least `low`, or raise a ValueError that names the argument."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise ValueError(f"{owner}: {name} must be an integer of at least {low}, got {value!r}")
    return int(value)
