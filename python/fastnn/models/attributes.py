"""What Keras' models tell of themselves, beside what they compute."""

from __future__ import annotations

from typing import Any


class _View:
    """A property that an attribute of the same name, set by a subclass, goes before."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, model: Any, owner: Any = None) -> Any:
        return self if model is None else self.function(model)


class Attributes:
    """Mixin with the attributes of a model under Keras' names."""

    compiled_or_none: Any
    _loops: dict[Any, Any]

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return getattr(self, "compiled_or_none", None) is not None

    @_View
    def loss(self) -> Any:
        """Return what `compile` got as its loss; None before."""
        return self.compiled_or_none.loss if self.compiled else None

    @_View
    def metrics(self) -> list[Any]:
        """Return the metrics that the last run computed; none before the first one since `compile`."""
        loop = self._last_loop()
        return [] if loop is None else [metric for _, metric, _ in loop.metrics]

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns, in order; before the first run the loss's alone."""
        loop = self._last_loop()
        if loop is None:
            return ["loss"] if self.compiled else []
        return ["loss", *loop.loss_names, *(name for name, _, _ in loop.metrics)]

    def _last_loop(self) -> Any:
        loops = getattr(self, "_loops", None)
        return next(reversed(loops.values())) if loops else None

    def reset_metrics(self) -> None:
        """Do nothing: every epoch and every evaluation begins its metrics anew."""
