"""A model's inputs and outputs: known from a network, a shape or data; traced, and met by arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import data_adapter
from fastnn.layers import policies
from fastnn.layers.base import Layer
from fastnn.layers.context import BuildContext
from fastnn.layers.nest import leaves, map_leaves, map_shapes
from fastnn.models.network import Network
from fastnn.models.structure import distribute, unique
from fastnn.tensor import Shape, Tensor

Array = npt.NDArray[Any]

_KEPT_DIMS = 64


class Endpoints(Layer):
    """What a model is as a layer.

    Parameters
    ----------
    **kwargs
        Those of `Layer`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.structure_version = 0
        policies.remember(self)
        self._network: Network | None = None
        self._dims: dict[Any, list[Shape]] = {}  # of outputs, by the inputs' shapes
        self._input: Any = None  # structures of tensors without a graph, once they are known
        self._output: Any = None

    def _set_network(self, network: Network) -> None:
        self._network = network
        self._input, self._output = network.inputs, network.outputs
        self.dtype = network.dtype or self.dtype
        self.built = True
        self.structure_version += 1

    # Inputs and outputs --------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """The model's input: a tensor without a graph, or a structure of them."""
        self._declare_self("input")
        return self._input

    @property
    def output(self) -> Any:
        """The model's output: a tensor without a graph, or a structure of them."""
        self._declare_self("output")
        return self._output

    @property
    def inputs(self) -> list[Tensor]:
        """The tensors of `input`."""
        return list(leaves(self.input))

    @property
    def outputs(self) -> list[Tensor]:
        """The tensors of `output`."""
        return list(leaves(self.output))

    @property
    def input_names(self) -> list[str]:
        """The inputs' names, under which `fit` takes them from a dict."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The outputs' names: the keys of a dict, or the layers' that made them."""
        if isinstance(self.output, dict):
            parts = {str(key): list(leaves(value)) for key, value in self.output.items()}
            # Behind a key with several outputs these are named apart.
            return unique([t.name if len(found) > 1 else key for key, found in parts.items() for t in found])
        if self._network is None and len(self.outputs) > 1:
            return [f"output_{i + 1}" for i in range(len(self.outputs))]
        return unique([tensor.name for tensor in self.outputs])

    @property
    def input_shape(self) -> Any:
        """Shape of the input, beginning with None; a structure of them if there are several."""
        return map_leaves(lambda t: t.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the output, beginning with None; a structure of them if there are several."""
        return map_leaves(lambda t: t.shape, self.output)

    def input_shapes(self) -> list[Shape]:
        """Return the shapes of the inputs, each beginning with None; the model must be built."""
        return [tensor.shape for tensor in self.inputs]

    def output_shapes(self) -> list[Shape]:
        """Return the shapes of the outputs, each beginning with None; the model must be built."""
        return [tensor.shape for tensor in self.outputs]

    def _declare_self(self, what: str) -> None:
        if self._input is None:
            raise ValueError(
                f"{self.label}: {what} is not known, it is not built yet: give an input shape, call "
                "`build`, or call it on data first"
            )

    def build(self, input_shape: Any = None) -> None:
        """Create all weights.

        Parameters
        ----------
        input_shape : tuple, or list or dict of them
            With the dimension of samples first: (None, 28, 28, 1).
        """
        if self._network is not None:
            return
        if input_shape is None:
            raise ValueError(f"{self.label}: build needs an input shape, such as (None, 784)")
        names = iter(range(1, 1000))
        with self._lock:
            self._declare(map_shapes(lambda s: Tensor(s, self.dtype, f"input_{next(names)}"), input_shape))

    def _build_for(self, shapes: Any) -> None:
        if type(self).build is Endpoints.build:
            self.built = (
                True  # a subclass without weights of its own: those of its layers come as it is called
            )
        else:
            self.build(shapes)

    def call(self, inputs: Any) -> Any:
        """Compute outputs from inputs; subclasses that were not made of inputs and outputs define it."""
        if self._network is None:
            raise NotImplementedError(
                f"{self.label}: define call(self, inputs), or give inputs= and outputs="
            )
        outputs, losses = self._network.run(inputs)
        for loss in losses:
            self.add_loss(loss)
        return outputs

    def _call_in_graph(
        self, inputs: Any, training: bool | None, extra: Mapping[str, Any] | None = None
    ) -> Any:
        before = self.built
        try:
            return super()._call_in_graph(inputs, training, extra)
        except BaseException:
            if type(self).build is Endpoints.build:
                self.built = before
            raise

    def _declare(
        self, inputs: Any, training: bool | None = None, extra: Mapping[str, Any] | None = None
    ) -> Any:
        outputs = super()._declare(inputs, training, extra)
        if self._input is None and not extra:
            dtypes = iter(self._input_dtypes(inputs))
            self._input = map_leaves(lambda t: t.like(dtype=next(dtypes)), inputs)
            self._output = map_leaves(lambda t: Tensor(t.shape, t.dtype, self.name), outputs)
        return outputs

    def _call_on_arrays(self, inputs: Any, training: bool, extra: Mapping[str, Any] | None = None) -> Any:
        if self._input is None and not extra:
            self._learn_inputs(inputs)
        return super()._call_on_arrays(inputs, training, extra)

    # Data ----------------------------------------------------------------------------------------

    @property
    def _fixed_inputs(self) -> bool:
        """Whether arrays must have the declared shapes and become the declared types; subclasses take any."""
        return self._network is not None

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        if self._network is None:
            return [
                self._dtype_for(leaf) if isinstance(leaf, np.ndarray) else None for leaf in leaves(inputs)
            ]
        network = self._network
        given = distribute(self.label, "inputs", inputs, network.inputs, network.names)
        by_leaf = {id(leaf): dtype for leaf, dtype in zip(given, network.input_dtypes, strict=True)}
        return [by_leaf.get(id(leaf)) for leaf in leaves(inputs)]

    def _dtype_for(self, array: Array) -> str:
        """Whole numbers are ids, but for bytes, as pixels are."""
        return "int32" if array.dtype.kind in "iu" and array.dtype != np.uint8 else self.dtype

    def _input_arrays(self, x: Any) -> list[Array]:
        """Arrays for the model's inputs, checked; builds the model if that is still to be done."""
        if self._input is None:
            self._learn_inputs(x)
        declared = self.inputs
        names = self.input_names
        parts = distribute(self.label, "x", x, self._input, names)
        arrays: list[Array] = []
        for part, tensor, name in zip(parts, declared, names, strict=True):
            what = "x" if len(parts) == 1 else f"x[{name!r}]"
            if len(parts) == 1:
                part = _out_of_a_list(part, len(tensor.shape))
            array = data_adapter.as_rows(part, f"{self.label}: {what}")
            if self._fixed_inputs:
                array = data_adapter.match_shape(array, tensor.shape, self.label, what)
            elif array.ndim == 1:
                array = array[:, None]
            if arrays and len(array) != len(arrays[0]):
                raise ValueError(
                    f"{self.label}: all inputs must have as many rows: {names[0]!r} has {len(arrays[0])}, "
                    f"{name!r} has {len(array)}"
                )
            arrays.append(array)
        return arrays

    def _learn_inputs(self, x: Any) -> None:
        """Build for the first data."""
        count = 0

        def declared(part: Any) -> Tensor:
            nonlocal count
            count += 1
            array = data_adapter.as_rows(part, f"{self.label}: x")
            return Tensor((None, *(array.shape[1:] or (1,))), self._dtype_for(array), f"input_{count}")

        several = isinstance(x, dict) or (
            isinstance(x, (list, tuple)) and any(hasattr(part, "shape") for part in x)
        )
        if isinstance(x, dict):
            structure: Any = {key: declared(part) for key, part in x.items()}
            for key, tensor in structure.items():
                tensor.name = str(key)
        else:
            structure = map_leaves(declared, x) if several else declared(x)
        with self._lock:
            if self._input is None:
                self._declare(structure)

    def _inputs_like(self, arrays: list[Array]) -> Any:
        """Return the inputs' structure with tensors of the arrays' shapes (and types, for subclasses)."""
        rest = iter(arrays)

        def like(tensor: Tensor) -> Tensor:
            array = next(rest)
            kind = tensor.dtype if self._fixed_inputs else self._dtype_for(array)
            made = tensor.like((None, *array.shape[1:]), kind)
            made.origin = tensor.origin
            return made

        return map_leaves(like, self._input)

    def _shapes_key(self, arrays: list[Array]) -> Any:
        return tuple((a.shape[1:], None if self._fixed_inputs else self._dtype_for(a)) for a in arrays)

    def _output_dims(self, arrays: list[Array]) -> list[list[int]]:
        """Extents of the outputs, without that of samples, for inputs like these."""
        dims = [tensor.shape[1:] for tensor in self.outputs]
        if not self._fixed_inputs or any(None in extents for extents in dims):
            key = self._shapes_key(arrays)
            known = self._dims.pop(key, None)
            if known is None:
                traced = self.trace(False, self._inputs_like(arrays)).outputs
                known = [tensor.shape[1:] for tensor in traced]
            self._dims[key] = known
            if len(self._dims) > _KEPT_DIMS:
                self._dims.pop(next(iter(self._dims)))
            dims = known
        return [[int(n or 1) for n in extents] for extents in dims]

    def _pack(self, values: list[Any]) -> Any:
        """Give outputs the form that the model returns them in."""
        if isinstance(self._output, Tensor):
            return values[0]
        rest = iter(values)
        return map_leaves(lambda _: next(rest), self._output)

    def trace(self, training: bool = False, inputs: Any = None) -> BuildContext:
        """Make a graph of the model; it must be built.

        Parameters
        ----------
        training : bool, default False
        inputs : structure of Tensor, optional
            Tensors without a graph whose shapes have no None but the first dimension's; by default those
            that the model was declared with.

        Returns
        -------
        BuildContext
            With graph, inputs, outputs, weights, updates and penalties.
        """
        self._require_built("trace")
        structure = self.input if inputs is None else inputs
        dtypes = iter(self._input_dtypes(structure))
        with BuildContext(training=training) as context:
            placed = map_leaves(lambda t: context.placeholder(t, next(dtypes)), structure)
            outputs = self._call_in_graph(placed, None)
            context.outputs = list(leaves(outputs))
        if self._output is None:
            self._output = outputs
        return context


def _out_of_a_list(value: Any, rank: int) -> Any:
    """Return X of ``[X]``, as Keras takes it, where X has the rank that is wanted."""
    if isinstance(value, (list, tuple)) and len(value) == 1 and getattr(value[0], "ndim", None) == rank:
        return value[0]
    return value
