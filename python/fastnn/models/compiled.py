"""What `compile` chose: losses and metrics of each output, made from names or objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import fastnn.losses as losses_module
import fastnn.metrics as metrics_module
from fastnn import _numbers
from fastnn.losses.base import Loss
from fastnn.models.structure import by_name
from fastnn.tensor import Tensor

__all__ = ["Compiled", "Objectives"]

_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")


class Compiled:
    """Losses and metrics as `compile` got them, settled once the outputs are known.

    Parameters
    ----------
    loss : str, Loss, list, dict or None
        One for all outputs, or an entry (perhaps None) for each, in order or by name.
    metrics, weighted_metrics : sequence or dict, optional
        Names or objects, for one output; for several outputs a list or dict with an entry for each, or a
        list of metrics for all. Those of `weighted_metrics` take sample weights into account.
    loss_weights : sequence or dict, optional
        A factor for each output's loss.
    """

    def __init__(
        self, loss: Any = None, metrics: Any = None, weighted_metrics: Any = None, loss_weights: Any = None
    ) -> None:
        self.loss = loss
        self.metrics = _checked("metrics", metrics)
        self.weighted_metrics = _checked("weighted_metrics", weighted_metrics)
        self.loss_weights = loss_weights
        # Unknown names are errors of compile, not of fit.
        for item in _entries(loss):
            losses_module.get(item)
        for item in (*_entries(self.metrics), *_entries(self.weighted_metrics)):
            if isinstance(item, str) and item not in _BY_SHAPE:
                metrics_module.get(item)
        self._made: dict[tuple[str, ...], Objectives] = {}

    def for_outputs(self, names: Sequence[str]) -> Objectives:
        """Return the losses and metrics of outputs with these names."""
        key = tuple(names)
        if key not in self._made:
            self._made[key] = Objectives(self, list(names))
        return self._made[key]

    def get_config(self) -> dict[str, Any]:
        """JSON-ready form, for saving."""
        several = isinstance(self.loss, (list, tuple)) or (
            isinstance(self.loss, Mapping) and not _is_description(self.loss)
        )
        return {
            "loss": _plain(self.loss if several else [self.loss], _serialize_loss),
            "metrics": _plain(self.metrics, metrics_module.serialize),
            "weighted_metrics": _plain(self.weighted_metrics, metrics_module.serialize),
            "loss_weights": self.loss_weights,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Compiled:
        """Inverse of `get_config`."""
        loss = _made_again(config["loss"], losses_module.deserialize)
        return cls(
            loss[0] if isinstance(loss, list) and len(loss) == 1 else loss,
            _made_again(config["metrics"], metrics_module.deserialize),
            _made_again(config["weighted_metrics"], metrics_module.deserialize),
            config.get("loss_weights"),
        )


class Objectives:
    """Losses, their factors and the metrics of each of a model's outputs.

    Parameters
    ----------
    compiled : Compiled
    names : list of str
        The outputs'.

    Attributes
    ----------
    losses : list of Loss or None
    factors : list of float
    """

    def __init__(self, compiled: Compiled, names: list[str]) -> None:
        self.names = names
        given = _for_each("loss", compiled.loss, names)
        known: dict[int, Loss] = {}  # one object for what is given once
        self.losses: list[Loss | None] = [
            None if item is None else known.setdefault(id(item), losses_module.get(item)) for item in given
        ]
        factors = _for_each("loss_weights", compiled.loss_weights, names)
        self.factors = [
            1.0 if factor is None else _numbers.real("compile", f"loss_weights of '{name}'", factor)
            for name, factor in zip(names, factors, strict=True)
        ]
        self._plain = _metrics_for_each("metrics", compiled.metrics, names)
        self._weighted = _metrics_for_each("weighted_metrics", compiled.weighted_metrics, names)
        self._made: dict[Any, list[tuple[Any, bool]]] = {}

    def needs_labels(self, position: int) -> bool:
        """Whether an output has a loss or metrics."""
        return bool(self.losses[position] or self._plain[position] or self._weighted[position])

    def metrics_for(self, position: int, output: Tensor, y: Any) -> list[tuple[Any, bool]]:
        """Metrics of an output as (metric, weighted) pairs; names are resolved by the shapes seen."""
        dims = [int(n or 1) for n in output.shape[1:]]
        key = (position, tuple(dims), tuple(y.shape[1:]), str(y.dtype))
        if key not in self._made:
            loss = self.losses[position]
            self._made[key] = [
                (metrics_module.resolve(item, loss, dims, list(y.shape[1:])), weighted)
                for weighted, items in ((False, self._plain[position]), (True, self._weighted[position]))
                for item in items
            ]
        return self._made[key]

    def log_name(self, position: int, metric: Any, weighted: bool, taken: Sequence[str]) -> str:
        """Name a metric in logs: its own name, behind the output's where there are several.

        A name that is taken becomes ``weighted_…`` if the metric takes weights, else it gets a number.
        """
        prefix = f"{self.names[position]}_" if len(self.names) > 1 else ""
        name = f"{prefix}{metric.name}"
        if name in taken and weighted:
            name = f"{prefix}weighted_{metric.name}"
        number, first = 0, name
        while name in taken:
            number += 1
            name = f"{first}_{number}"
        return name


def _serialize_loss(item: Any) -> Any:
    return losses_module.serialize(losses_module.get(item))


def _checked(name: str, given: Any) -> Any:
    if given is None:
        return []
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise TypeError(
            f"compile: {name} must be a list of names or metrics, got {given!r}; write {name}=[{given!r}]"
        )
    return list(given)


def _is_description(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_name" in value


def _entries(given: Any) -> Iterator[Any]:
    """Go through all losses or metrics in lists and dicts."""
    if isinstance(given, Mapping) and not _is_description(given):
        for item in given.values():
            yield from _entries(item)
    elif isinstance(given, (list, tuple)):
        for item in given:
            yield from _entries(item)
    elif given is not None:
        yield given


def _for_each(what: str, given: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(given, Mapping) and not _is_description(given):
        return by_name("compile", what, given, names)
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"compile: {what} has {len(given)} entries for {len(names)} outputs "
                f"({', '.join(map(repr, names))}); give one for each output"
            )
        return list(given)
    return [given] * len(names)


def _metrics_for_each(what: str, given: Any, names: Sequence[str]) -> list[list[Any]]:
    if isinstance(given, Mapping):
        parts = by_name("compile", what, given, names)
    elif len(names) == 1:
        parts = [given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given]
    elif len(given) == len(names) or any(item is None or isinstance(item, (list, tuple)) for item in given):
        parts = _for_each(what, given, names)
    else:
        parts = [given] * len(names)  # the same for all
    return [list(p) if isinstance(p, (list, tuple)) else [] if p is None else [p] for p in parts]


def _plain(given: Any, serialize: Callable[[Any], Any]) -> Any:
    if isinstance(given, Mapping) and not _is_description(given):
        return {"by_name": {name: _plain(item, serialize) for name, item in given.items()}}
    if isinstance(given, (list, tuple)):
        return [_plain(item, serialize) for item in given]
    return None if given is None else serialize(given)


def _made_again(value: Any, deserialize: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping) and set(value) == {"by_name"}:
        return {name: _made_again(item, deserialize) for name, item in value["by_name"].items()}
    if isinstance(value, list):
        return [_made_again(item, deserialize) for item in value]
    return None if value is None else deserialize(value)
