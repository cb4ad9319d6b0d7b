"""Layers around other layers: `Bidirectional` and `TimeDistributed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import ops
from fastnn.layers._arguments import choice
from fastnn.layers.activation import Activation
from fastnn.layers.base import Layer
from fastnn.layers.dense import Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.embedding import Embedding
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import leaves
from fastnn.layers.normalization import BatchNormalization, LayerNormalization
from fastnn.layers.serialization import deserialize, serialize
from fastnn.tensor import Tensor

_WHOLE = (Activation, BatchNormalization, Dense, Dropout, Embedding, LayerNormalization)
_MERGES = ("concat", "sum", "ave", "mul")


class Bidirectional(Layer):
    """Runs a recurrent layer over a sequence in both directions (Schuster and Paliwal 1997).

    Parameters
    ----------
    layer : Layer
        `LSTM`, `GRU`, `SimpleRNN` or `RNN`; its configuration makes two layers, named ``forward_...`` and
        ``backward_...``, with weights of their own.
    merge_mode : {"concat", "sum", "ave", "mul", None}, default "concat"
        How the two outputs become one: one after the other, their sum, mean or product; None returns both in
        a list.
    weights : list of arrays, optional
        Initial weights: those of the forward layer, then those of the backward one.
    backward_layer : Layer, optional
        Instead of a copy of `layer`: one with ``go_backwards`` opposite to that of `layer`, and with the same
        ``return_sequences`` and ``return_state``.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)``: initial states of the forward layer, then of the backward
    one. Sequences of the backward layer are turned, so that outputs of one step lie together. With
    ``return_state`` the states follow the output: those of the forward layer, then those of the backward one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> layers.Bidirectional(layers.LSTM(3, return_sequences=True))(np.ones((2, 5, 4), "float32")).shape
    (2, 5, 6)
    """

    supports_masking = True
    casts_inputs = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given: Any
        for name, given in (("layer", layer), ("backward_layer", backward_layer)):
            if given is not None and not (isinstance(given, Layer) and hasattr(given, "go_backwards")):
                raise TypeError(
                    f"{self.label}: {name} must be a recurrent layer such as LSTM, GRU or RNN, got {given!r}"
                )
        self.merge_mode = (
            None if merge_mode is None else choice(self.label, "merge_mode", merge_mode, _MERGES)
        )
        config = layer.get_config()
        self.forward_layer = type(layer).from_config({**config, "name": f"forward_{layer.name}"})
        if backward_layer is None:
            opposite = {"name": f"backward_{layer.name}", "go_backwards": not config["go_backwards"]}
            self.backward_layer = type(layer).from_config({**config, **opposite})
        else:
            self.backward_layer = type(backward_layer).from_config(backward_layer.get_config())
        self._own_backward = backward_layer is not None
        forward: Any = self.forward_layer
        backward: Any = self.backward_layer
        for name in ("return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(f"{self.label}: layer and backward_layer must have the same {name}")
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(f"{self.label}: layer and backward_layer must go in opposite directions")
        self.return_sequences = bool(forward.return_sequences)
        self.return_state = bool(forward.return_state)
        self.stateful = bool(forward.stateful)
        self.input_spec = InputSpec(min_ndim=3)
        self._initial = weights

    @property
    def layer(self) -> Layer:
        """The layer that goes forward."""
        return self.forward_layer  # type: ignore[no-any-return]

    def build(self, input_shape: Any) -> None:
        """Create the weights of both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(input_shape)

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Run both layers and merge."""
        states = [None, None] if initial_state is None else _halves(self.label, initial_state)
        given: dict[str, Any] = {"mask": mask, "training": training}
        found = [
            layer(inputs, initial_state=state, **given)
            for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True)
        ]
        last: list[Tensor] = []
        if self.return_state:
            last = [*found[0][1:], *found[1][1:]]
            found = [found[0][0], found[1][0]]
        if self.return_sequences:
            turned = 0 if self.forward_layer.go_backwards else 1
            found[turned] = ops.flip(found[turned], axis=1)
        if self._initial is not None:
            initial, self._initial = self._initial, None
            self.set_weights(initial)
        merged = self._merged(*found)
        if not self.return_state:
            return merged
        return [*merged, *last] if self.merge_mode is None else [merged, *last]

    def _merged(self, forward: Tensor, backward: Tensor) -> Any:
        if self.merge_mode is None:
            return [forward, backward]
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return ops.multiply(forward, backward)
        total = ops.add(forward, backward)
        return total if self.merge_mode == "sum" else ops.multiply(total, 0.5)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the steps' mask for sequences; states and single outputs have none."""
        found = mask if self.return_sequences else None
        outputs = [found, found] if self.merge_mode is None else [found]
        if self.return_state:
            outputs += [None] * 2 * (len(self.forward_layer.compute_mask(inputs, mask)) - 1)
        return outputs if len(outputs) > 1 else found

    def reset_states(self) -> None:
        """Set the states of both layers to zeros, if they are stateful."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    reset_state = reset_states

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        inner = serialize(self.forward_layer)
        inner["config"]["name"] = self.forward_layer.name.removeprefix("forward_")
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "trainable": self._trainable,
            "layer": inner,
            "merge_mode": self.merge_mode,
            "backward_layer": serialize(self.backward_layer) if self._own_backward else None,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make the layer from what `get_config` returned."""
        return cls(**_with_layers(config, "layer", "backward_layer"))


class TimeDistributed(Layer):
    """Applies a layer to each step of a sequence.

    Parameters
    ----------
    layer : Layer
        Takes what one step holds; its weights serve all steps.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, steps, ...), output (None, steps, ...); the mask, if there is one, is handed on. Layers that
    treat all positions alike, as `Dense` does, do the same without it; others are called for each step, so
    their nodes are in the graph once a step.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> images = np.ones((2, 5, 8, 8, 1), "float32")
    >>> layers.TimeDistributed(layers.Conv2D(3, 3))(images).shape
    (2, 5, 6, 6, 3)
    """

    supports_masking = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.label}: expected a layer, got {layer!r}")
        self.layer = layer
        self.integer_inputs = layer.integer_inputs
        self.input_spec = InputSpec(min_ndim=2 if layer.integer_inputs else 3)

    def build(self, input_shape: Any) -> None:
        """Create the weights of the layer, for a step's shape."""
        if not self.layer.built and len(input_shape) > 2:
            self.layer.build(input_shape if self._takes_whole() else (input_shape[0], *input_shape[2:]))

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        """Apply the layer to each step."""
        if self._takes_whole():
            return self.layer(inputs, training=training)
        if inputs.ndim < 3:
            raise ValueError(f"{self.label}: expected (None, steps, ...) with something in a step")
        steps = [self.layer(inputs[:, t], training=training) for t in range(int(inputs.shape[1] or 0))]
        return ops.stack(steps, axis=1)

    def _takes_whole(self) -> bool:
        """Whether the layer does the same at all positions anyway."""
        axis = getattr(self.layer, "axis", -1)
        return type(self.layer) in _WHOLE and axis in (-1, [-1], (-1,))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "trainable": self._trainable,
            "layer": serialize(self.layer),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make the layer from what `get_config` returned."""
        return cls(**_with_layers(config, "layer"))


def _halves(label: str, states: Any) -> list[Any]:
    given = list(leaves(states))
    if len(given) % 2:
        raise ValueError(
            f"{label}: expected the initial states of two layers, an even number, got {len(given)}"
        )
    half = len(given) // 2
    return [given[:half], given[half:]]


def _with_layers(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    values = dict(config)
    for name in names:
        if isinstance(values.get(name), Mapping):
            values[name] = deserialize(values[name])
    return values
