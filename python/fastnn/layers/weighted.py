"""What holds weights: a layer, by itself and by the layers within it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn.layers.nest import named_leaves

if TYPE_CHECKING:
    from fastnn.layers.base import Layer
    from fastnn.layers.weight import Weight


class Weighted:
    """Mixin of `Layer`: the layers within it, and the weights of all."""

    label: Any
    built: bool
    _trainable: bool
    _weights: list[Weight]

    def _named_sublayers(self) -> list[tuple[str, Layer]]:
        """Layers among the attributes, and in lists, tuples and dicts of them, with their places."""
        found: dict[int, tuple[str, Any]] = {}
        for attribute, value in vars(self).items():
            if attribute in ("_functions", "_nodes"):
                continue
            for name, leaf in named_leaves(attribute.lstrip("_") or attribute, value):
                if isinstance(leaf, Weighted) and leaf is not self:
                    found.setdefault(id(leaf), (name.replace("/", "_"), leaf))
        return list(found.values())

    def _sublayers(self) -> list[Layer]:
        """Layers within, in order."""
        return [layer for _, layer in self._named_sublayers()]

    def _flatten_layers(self) -> list[Layer]:
        """Return this layer and all within it, each once."""
        seen: dict[int, Layer] = {}

        def visit(layer: Any) -> None:
            if id(layer) not in seen:
                seen[id(layer)] = layer
                for inner in layer._sublayers():
                    visit(inner)

        visit(self)
        return list(seen.values())

    @property
    def trainable(self) -> bool:
        """Whether the optimizer may change the weights; setting it sets the layers within, too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)

    @property
    def weights(self) -> list[Weight]:
        """All weights: the layer's own, parameters first, then those of the layers within."""
        found: list[Weight] = []
        for layer in self._flatten_layers():
            found += sorted(layer._weights, key=lambda w: w.is_state)
        return found

    @property
    def trainable_weights(self) -> list[Weight]:
        """Weights that the optimizer may change; none if the layer is frozen."""
        return [w for w in self.weights if w.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """State, and parameters that are frozen."""
        trainable = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trainable]

    @property
    def losses(self) -> list[float]:
        """Present values of the weights' penalties."""
        return [float(w.regularizer(w.numpy())) for w in self.trainable_weights if w.regularizer is not None]

    def _require_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"{self.label}: {what} needs its weights, and it is not built yet: "
                "give an input shape, call `build`, or call it on data first"
            )

    def get_weights(self) -> list[npt.NDArray[Any]]:
        """Return copies of all weights, in the order of `weights`."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Set all weights, in the order of `weights`.

        Raises
        ------
        ValueError
            If number or shapes differ; nothing is changed then.
        """
        own = self.weights
        given = list(weights)
        if given and not own:
            self._require_built("set_weights")
        if len(given) != len(own):
            raise ValueError(
                f"{self.label}: set_weights got {len(given)} arrays, but there are {len(own)} weights"
                f" ({', '.join(f'{w.path} {w.shape}' for w in own[:8])}{', …' if len(own) > 8 else ''})"
            )
        arrays = [np.asarray(value) for value in given]
        for weight, array in zip(own, arrays, strict=True):
            weight.check(array)
        for weight, array in zip(own, arrays, strict=True):
            weight.assign(array)

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        self._require_built("count_params")
        return sum(w.size for w in self.weights)
