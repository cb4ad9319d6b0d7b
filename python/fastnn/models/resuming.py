"""What a saved model needs to go on training with the same bits: compile arguments, slots, counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Resumable:
    """Mixin that turns a compiled model's training into plain values and back."""

    _next_epoch: int = 0  # as the running `fit` counts: `epoch` counts on from one `fit` to the next
    optimizer: Any
    on_nonfinite: str
    learning_rate_multipliers: dict[str, float]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile` got, as plain values; None before `compile`."""
        compiled = getattr(self, "compiled_or_none", None)
        if compiled is None:
            return None
        from fastnn import optimizers

        return {
            "optimizer": optimizers.serialize(self.optimizer),
            "on_nonfinite": self.on_nonfinite,
            "learning_rate_multipliers": self.learning_rate_multipliers,
            **compiled.get_config(),
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        from fastnn import optimizers
        from fastnn.models.compiled import Compiled

        compiled = Compiled.from_config(config)
        optimizer = optimizers.deserialize(config["optimizer"])
        self.compile(  # type: ignore[attr-defined]
            optimizer,
            on_nonfinite=config["on_nonfinite"],
            learning_rate_multipliers=config.get("learning_rate_multipliers"),
        )
        self.compiled_or_none = compiled

    def _get_training_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        # The seed may need all 64 bits, more than JSON's readers promise to keep.
        state = {
            "seed": str(self._training_seed),
            "steps": self._steps_run,
            "epoch": self._epochs_run,
            "next_epoch": self._next_epoch,
        }
        return state, {name: np.atleast_1d(array) for name, array in self.optimizer.get_state().items()}

    def _set_training_state(self, state: Mapping[str, Any], slots: Mapping[str, Array]) -> None:
        self._training_seed = int(state["seed"])
        self._steps_run = int(state["steps"])
        self._epochs_run = int(state["epoch"])
        scalars = ("steps", "learning_rate")
        self.optimizer.set_state({k: v.reshape(()) if k in scalars else v for k, v in slots.items()})
