"""States that recurrent layers keep from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.layers.context import current
from fastnn.layers.weight import Weight
from fastnn.tensor import Tensor, apply


class KeptStates:
    """Mixin of layers with ``stateful``: their states are weights with a row for each sample of a batch."""

    label: Any
    add_weight: Any
    stateful: bool
    _kept: list[Weight]

    def _make_states(self, shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> None:
        """Create the weights; to be called in `build`."""
        samples = current(self.label).batch_size
        if samples is None:
            raise ValueError(
                f"{self.label}: stateful=True needs batches of a fixed number of samples: declare it with "
                "Input(shape, batch_size=...) or Input(batch_shape=...)"
            )
        self._kept = [
            self.add_weight((samples, *shape), "zeros", trainable=False, name=name)
            for shape, name in zip(shapes, names, strict=True)
        ]

    def _kept_states(self, inputs: Tensor) -> list[Tensor]:
        """Return what the batch before ended with."""
        return [apply("sample_rows_of", [weight, inputs]) for weight in self._kept]

    def _keep(self, states: Sequence[Tensor]) -> None:
        """Let the step end with these states; nothing happens if the layer is not stateful."""
        for weight, state in zip(self._kept, states, strict=False):
            rows = apply("sample_rows", [state], {"rows": weight.shape[0]})
            current(self.label).assign(weight, rows)

    def reset_states(self, states: Any = None) -> None:
        """Set the states of a stateful layer, to zeros by default.

        Parameters
        ----------
        states : array_like or list of them, optional
            One array (samples, ...) for each state.

        Raises
        ------
        ValueError
            If the layer is not stateful, not built, or the arrays do not fit.
        """
        if not self.stateful:
            raise ValueError(f"{self.label}: reset_states is for layers with stateful=True")
        self._require_built("reset_states")  # type: ignore[attr-defined]
        if states is None:
            states = [np.zeros(weight.shape, weight.dtype) for weight in self._kept]
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(given) != len(self._kept):
            raise ValueError(f"{self.label}: expected {len(self._kept)} states, got {len(given)}")
        for weight, value in zip(self._kept, given, strict=True):
            weight.check(np.asarray(value))
        for weight, value in zip(self._kept, given, strict=True):
            weight.assign(np.asarray(value))

    reset_state = reset_states
