"""What all models share: structure, configuration, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from fastnn import _core
from fastnn._names import nearest
from fastnn.layers._arguments import positive
from fastnn.layers.base import Layer
from fastnn.layers.kept_states import KeptStates
from fastnn.layers.nest import batch_shape
from fastnn.layers.serialization import serialize
from fastnn.layers.weight import Weight
from fastnn.models.differentiable import Differentiable
from fastnn.models.endpoints import Endpoints
from fastnn.models.network import Network
from fastnn.models.plain import decode, encode
from fastnn.models.prediction import Predicting
from fastnn.models.training import Trainable
from fastnn.tensor import Tensor

if TYPE_CHECKING:
    from fastnn.models.profiling import Profile

Array = npt.NDArray[Any]


class Model(Trainable, Predicting, Differentiable, Endpoints):
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
        self._arenas = _core.ArenaPool()  # memory in which training, evaluation and prediction take turns
        self._predictions: dict[Any, tuple[_core.Function, int]] = {}
        self._ready: tuple[int, tuple[int, ...], Callable[..., list[Array]]] | None = None
        self._pace: tuple[Any, float] | None = None
        if inputs is not None:
            self._set_network(Network(self.label, inputs, outputs))
        self._trainable = trainable
        if not trainable and inputs is not None:
            self.trainable = False

    def add_loss(self, loss: Any) -> None:
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
        if self._network is None or not isinstance(loss, Tensor) or loss.graph is not None:
            super().add_loss(loss)
            return
        losses = [*self._network.losses, loss]
        self._set_network(Network(self.label, self._network.inputs, self._network.outputs, losses))

    def reset_states(self) -> None:
        """Set the states of all stateful layers to zeros, so that the next batch begins anew.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> from fastnn import layers
        >>> model = fastnn.Sequential([layers.Input((2, 3), batch_size=4), layers.GRU(2, stateful=True)])
        >>> first = model.predict(np.ones((4, 2, 3)), verbose=0)
        >>> model.reset_states()
        >>> bool((model.predict(np.ones((4, 2, 3)), verbose=0) == first).all())
        True
        """
        for layer in self._flatten_layers():
            if isinstance(layer, KeptStates) and layer._kept:
                layer.reset_states()

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
        if self._input is None or any(None in tensor.shape[1:] for tensor in self.inputs):
            return [None] * len(self.layers)
        found = self.trace().called
        return [found.get(id(layer)) for layer in self.layers]

    def _named_sublayers(self) -> list[tuple[str, Layer]]:
        own = super()._named_sublayers()
        if self._network is None:
            return own
        first = [(layer.name, layer) for layer in self._network.layers]
        return [*first, *(pair for pair in own if not any(pair[1] is layer for _, layer in first))]

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

    def quantize(self, mode: str = "int8", calibration: Any = None, ranges: str = "mse") -> Any:
        """Make a model that runs in int8, for inference; this one stays as it is.

        Dense, Conv1D and Conv2D layers (of one group, in float32) then multiply bytes by int8 weights and sum
        in int32, exactly; biases and activations follow in float32. Between such layers values stay bytes,
        through max pooling and reshaping, too. A batch normalisation that alone takes what such a layer
        without activation returns goes into that layer. All other layers compute in float32.

        Unlike Keras', it returns a new model, and it needs data: it looks once at what goes into every
        layer, so that predicting needs not.

        Parameters
        ----------
        mode : {"int8"}
        calibration : array_like, or list or dict of them
            Inputs as `fit` takes them: some hundred rows of the training data.
        ranges : {"mse", "minmax", "percentile"}, default "mse"
            How the range of a layer's inputs that 256 bytes stand for follows from these data: by the least
            mean square error, from the least value to the largest, or without the outermost 0.01 %.

        Returns
        -------
        Model
            Of the same class, compiled like this one if it is. It can be saved, loaded and evaluated, but
            not trained.

        Raises
        ------
        ValueError
            If the mode is not known, the calibration data are missing, empty, of the wrong shape or not
            finite, there is no layer that runs in int8, or the model is quantised already.
        TypeError
            If a model (or one within) has a `call` of its own.

        Notes
        -----
        Weights are rounded to one of 255 values, each output's with a scale of its own; inputs to one of 256
        with one scale and a zero (Jacob et al. 2018, Quantization and training of neural networks for
        efficient integer-arithmetic-only inference). All instruction sets give the same integers.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((64,)), fastnn.layers.Dense(10, "softmax")])
        >>> x = np.random.default_rng(0).random((100, 64))
        >>> small = model.quantize("int8", calibration=x)
        >>> bool(np.abs(small.predict(x, verbose=0) - model.predict(x, verbose=0)).max() < 0.01)
        True
        >>> small.layers[0].kernel.dtype
        'int8'
        """
        from fastnn.models.quantizing import quantize_model

        return quantize_model(self, mode, calibration, ranges)

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

    def get_build_config(self) -> dict[str, Any] | None:
        """Return what the inputs are, where the configuration does not say it; None if it does."""
        if self._fixed_inputs or self._input is None:
            return None
        return {"inputs": encode(self._input, _described)}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Build for the inputs that `get_build_config` returned."""
        structure = decode(config["inputs"], _declared, "inputs")
        with self._lock:
            self._declare(structure)

    def to_json(self, **kwargs: Any) -> str:
        """Return class and configuration as JSON, for `fastnn.models.model_from_json`; weights are not in it.

        Keyword arguments are those of `json.dumps`.
        """
        import json

        return json.dumps(serialize(self), **kwargs)

    # Files ---------------------------------------------------------------------------------------

    def named_weights(self) -> dict[str, Weight]:
        """Return all weights by their names in the model: ``"dense/kernel"``, ``"block/dense/kernel"``.

        Layers of a `Sequential` or of a model of inputs and outputs go by their names, those that are
        attributes of a layer by the attribute's: ``"encoder/blocks.0/kernel"``.

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
            for name, inner in layer._named_sublayers():
                visit(inner, f"{prefix}{name}/")

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

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Load weights by name from a file of weights or of a whole model; see `fastnn.saving`."""
        from fastnn.saving import load_weights

        load_weights(self, filepath, skip_mismatch, by_name)

    def _restore_training_state(self, filepath: Any) -> int:
        """Set weights and training state from a file of this model; return the next epoch."""
        from fastnn.saving import restore_training_state

        return restore_training_state(self, filepath)

    def __reduce__(self) -> Any:
        from fastnn.models.copying import pack, unpack

        return unpack, pack(self)


def _described(tensor: Any) -> Any:
    return {"shape": list(tensor.shape[1:]), "dtype": tensor.dtype, "name": tensor.name}


def _declared(value: Any, where: str) -> Tensor:
    if not isinstance(value, Mapping) or value.get("dtype") not in ("float32", "float64", "int32"):
        raise ValueError(f"{where}: expected shape, dtype and name of a tensor, got {value!r}")
    shape = batch_shape(where, (None, *value["shape"]))
    return Tensor(shape, str(value["dtype"]), str(value.get("name", "input")))
