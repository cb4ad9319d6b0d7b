"""What `compile` chose: losses and metrics of each output, made from names or objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fastnn.losses as losses_module
import fastnn.metrics as metrics_module
from fastnn.tensor import Tensor

__all__ = ["Compiled"]


class Compiled:
    """The losses, one for each output, and the metrics.

    Parameters
    ----------
    loss : str, Loss, list or dict
        As given to `compile`; a list or dict has an entry for each output.
    metrics, weighted_metrics : sequence, optional
        Names or objects; those of `weighted_metrics` take sample weights into account.
    outputs : int
        Number of the model's outputs.
    """

    def __init__(
        self, loss: Any, metrics: Any = None, weighted_metrics: Any = None, outputs: int = 1
    ) -> None:
        self.loss = loss
        self.metrics = metrics
        self.weighted_metrics = weighted_metrics
        given = list(loss) if isinstance(loss, (list, tuple)) else [loss] * outputs
        if len(given) != outputs:
            raise ValueError(
                f"compile: got {len(given)} losses for {outputs} outputs; give one for each output"
            )
        self.losses = [losses_module.get(item) for item in given]
        self._plain = _as_list("metrics", metrics)
        self._weighted = _as_list("weighted_metrics", weighted_metrics)
        for item in (*self._plain, *self._weighted):  # unknown names are errors of compile, not of fit
            if isinstance(item, str) and item not in ("accuracy", "acc", "crossentropy", "ce"):
                metrics_module.get(item)
        self._made: dict[Any, list[tuple[Any, bool]]] = {}

    def metrics_for(self, outputs: Sequence[Tensor], y: Sequence[Any]) -> list[list[tuple[Any, bool]]]:
        """Metrics of each output as (metric, weighted) pairs; names are resolved by the shapes seen."""
        result = []
        for position, (output, target) in enumerate(zip(outputs, y, strict=True)):
            dims = [int(n or 1) for n in output.shape[1:]]
            key = (position, tuple(dims), tuple(target.shape[1:]), str(target.dtype))
            if key not in self._made:
                loss = self.losses[position]
                made = []
                for weighted, items in ((False, self._plain), (True, self._weighted)):
                    for item in items:
                        made.append(
                            (metrics_module.resolve(item, loss, dims, list(target.shape[1:])), weighted)
                        )
                self._made[key] = made
            result.append(self._made[key])
        return result

    def get_config(self) -> dict[str, Any]:
        """JSON-ready form, for saving."""
        return {
            "loss": [losses_module.serialize(loss) for loss in self.losses],
            "metrics": [metrics_module.serialize(item) for item in self._plain],
            "weighted_metrics": [metrics_module.serialize(item) for item in self._weighted],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Compiled:
        """Inverse of `get_config`."""
        losses = [losses_module.deserialize(item) for item in config["loss"]]
        return cls(
            losses if len(losses) > 1 else losses[0],
            [metrics_module.deserialize(item) for item in config["metrics"]],
            [metrics_module.deserialize(item) for item in config["weighted_metrics"]],
            len(losses),
        )


def _as_list(name: str, given: Any) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise TypeError(
            f"compile: {name} must be a list of names or metrics, got {given!r}; write {name}=[{given!r}]"
        )
    return list(given)
