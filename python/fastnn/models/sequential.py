"""A model whose layers follow each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastnn import data_adapter
from fastnn.layers import sharing
from fastnn.layers.base import Layer
from fastnn.layers.input import InputLayer
from fastnn.layers.nest import map_leaves
from fastnn.layers.serialization import deserialize, serialize
from fastnn.models.base import Model
from fastnn.models.network import fits
from fastnn.tensor import Tensor


class Sequential(Model):
    """A model whose layers follow each other.

    The input's shape comes from `Input` as the first entry, from the first layer's ``input_shape=``, from a
    model as the first entry that knows it, from `build`, or from the first data. Weights are made as soon as
    it is known.

    Parameters
    ----------
    layers : iterable of Layer, optional
    trainable : bool, default True
        Whether the optimizer may change the weights.
    name : str, optional

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import layers
    >>> model = fastnn.Sequential([layers.Input(shape=(2,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    >>> model.predict(np.zeros((5, 2)), verbose=0).shape
    (5, 1)
    """

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._input_layer: InputLayer | None = None
        self._members: list[Layer] = []
        self._declared: list[Any] = []  # input and every layer's output, once the input's shape is known
        if layers is not None:
            if isinstance(layers, (Layer, Tensor)):
                raise TypeError(
                    f"{self.label}: expected a list of layers, got a single {type(layers).__name__}"
                )
            for layer in layers:
                self.add(layer)
        if not trainable:
            self.trainable = False

    def add(self, layer: Any) -> None:
        """Put a layer at the end.

        Parameters
        ----------
        layer : Layer or Input

        Raises
        ------
        TypeError
            If it is not a layer.
        ValueError
            If its name is taken, or it does not fit what comes before it.
        """
        if isinstance(layer, Tensor):
            if layer.graph is not None or layer.origin is not None:
                raise ValueError(
                    f"{self.label}: only a layer or an Input can be added, got the output of a layer"
                )
            layer = InputLayer(layer.shape[1:], layer.batch_size, layer.dtype, name=layer.name)
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"{self.label}: got the class {layer.__name__}, expected a layer: {layer.__name__}(...)"
            )
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.label}: expected a layer, got {layer!r}")
        if isinstance(layer, InputLayer):
            if self._members or self._input_layer is not None:
                raise ValueError(f"{self.label}: an Input can only come first, and only once")
            self._input_layer = layer
            self._changed()
            return
        if any(inner is self for inner in layer._flatten_layers()):
            raise ValueError(f"{self.label}: a model cannot contain itself")
        if any(layer.name == member.name for member in self._members):
            raise ValueError(
                f"{self.label}: there is already a layer named '{layer.name}'. Names must differ within a "
                "model, and a layer cannot be added twice."
            )
        if not self._members and self._input_layer is None:
            known = getattr(layer, "_input", None)  # a model's
            if layer._declared_input_shape is not None:
                self._input_layer = InputLayer(layer._declared_input_shape[1:])
            elif isinstance(known, Tensor):
                self._input_layer = InputLayer(known.shape[1:], known.batch_size, known.dtype)
        if not self._declared and self._input_layer is not None:
            self._declared = [self._input_layer.tensor()]
        if self._declared:
            self._declared.append(layer(self._declared[-1]))
        self._members.append(layer)
        self._changed()

    def pop(self) -> Layer:
        """Take the last layer away and return it.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self._members:
            raise ValueError(f"{self.label}: there is no layer to pop")
        layer = self._members.pop()
        if self._declared:
            self._declared.pop()
        self._changed()
        return layer

    def _changed(self) -> None:
        self.structure_version += 1
        self._functions.clear()
        if self._members:
            self.dtype = self._members[0].dtype
        self.built = bool(self._declared) and bool(self._members)
        self._input = self._declared[0] if self.built else None
        self._output = self._declared[-1] if self.built else None

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order; an `Input` does not count."""
        return list(self._members)

    def _named_sublayers(self) -> list[tuple[str, Layer]]:
        return [(layer.name, layer) for layer in self._members]

    @property
    def _fixed_inputs(self) -> bool:
        return True

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return self._members[0]._input_dtypes(inputs) if self._members else [self.dtype]

    def build(self, input_shape: Any = None) -> None:
        """Create all weights.

        Parameters
        ----------
        input_shape : tuple
            With the dimension of samples first: (None, 28, 28, 1). None if it is known already.

        Raises
        ------
        ValueError
            If there are no layers, or the shape does not fit them.
        """
        if not self._members:
            raise ValueError(f"{self.label}: there are no layers; add some first")
        if self._declared:
            if input_shape is not None and not fits(input_shape, self._declared[0].shape):
                raise ValueError(
                    f"{self.label}: is built for inputs of shape {self._declared[0].shape}, got {input_shape}"
                )
            return
        if input_shape is None:
            raise ValueError(f"{self.label}: build needs an input shape, such as (None, 784)")
        declared: list[Any] = [Tensor(input_shape, self.dtype, "input")]
        for layer in self._members:
            declared.append(layer(declared[-1]))
        self._input_layer = InputLayer(input_shape[1:])
        self._declared = declared
        self._changed()

    def call(self, inputs: Tensor) -> Any:
        """Apply all layers, one after the other."""
        for layer in self._members:
            inputs = layer(inputs)
        return inputs

    def _learn_inputs(self, x: Any) -> None:
        array = data_adapter.as_rows(x, f"{self.label}: x")
        with self._lock:
            if not self.built:
                self.build((None, *array.shape[1:]) if array.ndim > 1 else (None, 1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        for layer in self._members:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def layer_output_shapes(self) -> list[Any]:
        """Return each layer's output shape; None where it is not known yet."""
        if not self._declared:
            return [None] * len(self._members)
        return [map_leaves(lambda t: t.shape, tensor) for tensor in self._declared[1:]]

    def get_config(self) -> dict[str, Any]:
        """Return the model's architecture as plain values."""
        members = [self._input_layer, *self._members] if self._input_layer is not None else self._members
        return sharing.describe(
            lambda: {
                "name": self.name,
                "trainable": self._trainable,
                "layers": [serialize(layer) for layer in members],
            }
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a model, with fresh weights, from what `get_config` returned."""
        values = dict(config)
        entries = values.pop("layers", None)
        if not isinstance(entries, list):
            raise ValueError(f"{cls.__name__}: the configuration has no list 'layers'")
        model = cls(name=values.get("name"))
        with sharing.restoring():
            for entry in entries:
                model.add(deserialize(entry))
        model._trainable = bool(values.get("trainable", True))
        return model
