"""What all models share: inputs and outputs, tracing, structure, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, data_adapter
from fastnn._names import nearest
from fastnn.layers._arguments import positive
from fastnn.layers.base import Layer
from fastnn.layers.context import BuildContext
from fastnn.layers.nest import leaves, map_leaves
from fastnn.layers.weight import Weight
from fastnn.models.differentiable import Differentiable
from fastnn.models.network import Network
from fastnn.models.prediction import Predicting
from fastnn.models.structure import distribute, unique
from fastnn.models.training import Trainable
from fastnn.tensor import Shape, Tensor

if TYPE_CHECKING:
    from fastnn.models.profiling import Profile

Array = npt.NDArray[Any]

_KEPT_DIMS = 64


class Model(Trainable, Predicting, Differentiable, Layer):
    """A layer that can be trained and used by itself.

    There are three ways to make one: `Sequential`; ``Model(inputs, outputs)``, all that leads from some
    tensors, which `Input` made, to others, which calls of layers returned; and a subclass with layers as
    attributes and a `call` that uses them. `call` runs when a graph is made, once for each combination of
    shapes and types, not for each batch.

    Parameters
    ----------
    inputs, outputs : Tensor, or list, tuple or dict of them, optional
        `fit` and `predict` take and return data in the same form; lists of data may be given as dicts by the
        names of the inputs.
    name : str, optional
    **kwargs
        Those of `Layer`.

    Attributes
    ----------
    structure_version : int
        Grows whenever layers come or go, so that what was made of the old structure can be thrown away.

    Raises
    ------
    TypeError
        If inputs or outputs are no tensors, or an input is used as two types.
    ValueError
        If outputs depend on what is no input, an input reaches no output, there is a cycle, or two layers
        have one name.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import layers
    >>> left, right = fastnn.Input((4,), name="left"), fastnn.Input((4,), name="right")
    >>> shared = layers.Dense(3, "tanh")
    >>> model = fastnn.Model([left, right], {"left": shared(left), "right": shared(right)})
    >>> made = model.predict({"left": np.zeros((2, 4)), "right": np.ones((2, 4))}, verbose=0)
    >>> {name: value.shape for name, value in made.items()}
    {'left': (2, 3), 'right': (2, 3)}

    >>> class Classifier(fastnn.Model):
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = units
    ...         self.hidden = layers.Dense(units, "relu")
    ...         self.head = layers.Dense(2, "softmax")
    ...     def call(self, inputs):
    ...         return self.head(self.hidden(inputs))
    >>> Classifier(8).predict(np.zeros((5, 3)), verbose=0).shape
    (5, 2)
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        trainable = bool(kwargs.pop("trainable", True))
        super().__init__(name=name, **kwargs)
        if (inputs is None) != (outputs is None):
            raise TypeError(
                f"{self.label}: give both inputs and outputs, or neither (a subclass with a `call`)"
            )
        self.structure_version = 0
        self._predictions: dict[Any, tuple[_core.Function, int]] = {}
        self._ready: tuple[int, tuple[int, ...], Callable[..., list[Array]]] | None = None
        self._network: Network | None = None
        self._dims: dict[Any, list[Shape]] = {}  # of outputs, by the inputs' shapes
        self._input: Any = None  # structures of tensors without a graph, once they are known
        self._output: Any = None
        if inputs is not None:
            self._set_network(Network(self.label, inputs, outputs))
        self._trainable = trainable
        if not trainable and inputs is not None:
            self.trainable = False

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
            return [str(key) for key in self.output for _ in leaves(self.output[key])]
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
            self._declare(_map_shapes(lambda s: Tensor(s, self.dtype, f"input_{next(names)}"), input_shape))

    def _build_for(self, shapes: Any) -> None:
        if type(self).build is Model.build:
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
            if type(self).build is Model.build:
                self.built = before
            raise

    def _declare(
        self, inputs: Any, training: bool | None = None, extra: Mapping[str, Any] | None = None
    ) -> Any:
        outputs = super()._declare(inputs, training, extra)
        if self._input is None and not extra:
            dtypes = iter(self._input_dtypes(inputs))
            self._input = map_leaves(lambda t: Tensor(t.shape, next(dtypes) or t.dtype, t.name), inputs)
            self._output = map_leaves(lambda t: Tensor(t.shape, t.dtype, self.name), outputs)
        return outputs

    def _call_on_arrays(self, inputs: Any, training: bool, extra: Mapping[str, Any] | None = None) -> Any:
        if self._input is None and not extra:
            self._learn_inputs(inputs)
        return super()._call_on_arrays(inputs, training, extra)

    def add_loss(self, loss: Tensor) -> None:
        """Add to the loss that training minimises.

        Parameters
        ----------
        loss : Tensor
            Within `call`, as `Layer.add_loss`. For a model of inputs and outputs: a tensor without a graph,
            computed from the inputs by layers; its mean is added.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> x = fastnn.Input((2,))
        >>> code = fastnn.layers.Dense(1, use_bias=False, kernel_initializer="ones")(x)
        >>> model = fastnn.Model(x, code)
        >>> model.add_loss(code)
        >>> model.compile("sgd")
        >>> model.evaluate(np.ones((4, 2)), verbose=0)
        2.0
        """
        if self._network is None or loss.graph is not None:
            super().add_loss(loss)
            return
        losses = [*self._network.losses, loss]
        self._set_network(Network(self.label, self._network.inputs, self._network.outputs, losses))

    # Data ----------------------------------------------------------------------------------------

    @property
    def _fixed_inputs(self) -> bool:
        """Whether arrays must have the declared shapes and become the declared types; subclasses take any."""
        return self._network is not None

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        if self._network is not None:
            return list(self._network.input_dtypes)
        return [self._dtype_for(leaf) if isinstance(leaf, np.ndarray) else None for leaf in leaves(inputs)]

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
            return Tensor((None, *array.shape[1:]), kind, tensor.name, origin=tensor.origin)

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

    # Structure -----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model is made of, in order."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index.

        Raises
        ------
        ValueError
            If there is no such layer, or not exactly one of `name` and `index` is given.
        """
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError(f"{self.label}: get_layer takes either a name or an index")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"{self.label}: no layer {index}, there are {len(layers)}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"{self.label}: no layer named {name!r}{nearest(str(name), [x.name for x in layers])}"
        )

    def layer_output_shapes(self) -> list[Any]:
        """Return each layer's output shape; None where it is not known."""
        if self._network is not None:
            shapes = self._network.output_shapes()
            return [shapes[id(layer)] for layer in self.layers]
        return [None] * len(self.layers)

    def _sublayers(self) -> list[Layer]:
        own = super()._sublayers()
        if self._network is None:
            return own
        first = self._network.layers
        return [*first, *(layer for layer in own if not any(layer is other for other in first))]

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

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        print_fn : callable, optional
            Gets the whole table as a string, instead of `print`.
        expand_nested : bool, default False
            Show the layers of models within the model.
        show_trainable : bool, default False
            Show which layers are trainable.
        """
        from fastnn.models.summary import summary_text

        (print_fn or print)(summary_text(self, line_length, expand_nested, show_trainable))

    def profile(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 128,
        epochs: int = 1,
        training: bool = True,
    ) -> Profile:
        """Time every step of the plan that trains (or evaluates) the model.

        Weights, moving statistics and the optimizer are as before afterwards. The environment's
        ``FASTNN_PROFILE=1`` lets every `fit` print such a table at its end.

        Parameters
        ----------
        x, y : array_like, optional
            Data, as for `fit`; the model must be compiled. Without them 20 batches of noise are used.
        batch_size : int, default 128
        epochs : int, default 1
            Times to run over the data.
        training : bool, default True
            Whether to time training steps, or evaluation.

        Returns
        -------
        Profile
            A table when printed: op, layer, calls, time a step, GFLOP/s, share of the multiply-add peak,
            bytes.

        Examples
        --------
        >>> import fastnn
        >>> model = fastnn.models.mlp()
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> table = model.profile(batch_size=32)
        >>> "dense_grad_kernel" in str(table)
        True
        """
        from fastnn.models.profiling import profile_model

        size = positive(self.label, "batch_size", batch_size)
        return profile_model(self, x, y, size, positive(self.label, "epochs", epochs), training)

    # Configuration -------------------------------------------------------------------------------

    _unsaved_arguments = ("inputs", "outputs")

    def get_config(self) -> dict[str, Any]:
        """Return the model's architecture as plain values; of a subclass, its constructor's arguments."""
        if type(self) is not Model:
            return super().get_config()
        if self._network is None:
            raise NotImplementedError(f"{self.label}: has no inputs and outputs, and so no configuration")
        return {"name": self.name, "trainable": self._trainable, **self._network.get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a model, with fresh weights, from what `get_config` returned."""
        if cls is not Model:
            return super().from_config(config)
        missing = [key for key in ("layers", "calls", "inputs", "outputs") if key not in config]
        if missing:
            raise ValueError(f"Model: the configuration has no '{missing[0]}'")
        inputs, outputs, losses = Network.tensors_from_config(config)
        model = Model(inputs, outputs, name=config.get("name"))
        for loss in losses:
            model.add_loss(loss)
        model._trainable = bool(config.get("trainable", True))
        return model

    # Files ---------------------------------------------------------------------------------------

    def named_weights(self) -> dict[str, Weight]:
        """Return all weights by their names in the model: ``"dense/kernel"``, ``"block/dense/kernel"``.

        Raises
        ------
        ValueError
            If two weights have the same name.
        """
        found: dict[str, Weight] = {}
        seen: set[int] = set()

        def visit(layer: Layer, prefix: str) -> None:
            if id(layer) in seen:
                return
            seen.add(id(layer))
            for weight in layer._weights:
                if found.setdefault(prefix + weight.name, weight) is not weight:
                    raise ValueError(f"{self.label}: two weights are named '{prefix + weight.name}'")
            for inner in layer._sublayers():
                visit(inner, f"{prefix}{inner.name}/")

        visit(self, "")
        return found

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Save architecture, weights, what `compile` got and the training state; see `fastnn.saving`."""
        from fastnn.saving import save_model

        save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Save the weights alone; see `fastnn.saving`."""
        from fastnn.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False) -> None:
        """Load weights by name from a file of weights or of a whole model; see `fastnn.saving`."""
        from fastnn.saving import load_weights

        load_weights(self, filepath, skip_mismatch)

    def _restore_training_state(self, filepath: Any) -> int:
        """Set weights and training state from a file of this model; return the next epoch."""
        from fastnn.saving import restore_training_state

        return restore_training_state(self, filepath)

    def __reduce__(self) -> Any:
        from fastnn.models.copying import pack, unpack

        return unpack, pack(self)


def _map_shapes(function: Callable[[Shape], Any], shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {key: _map_shapes(function, inner) for key, inner in shapes.items()}
    if isinstance(shapes, list):
        return [_map_shapes(function, inner) for inner in shapes]
    return function(shapes)
