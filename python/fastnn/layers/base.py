"""The base class of all layers."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core, config, constraints, initializers, regularizers
from fastnn._names import nearest
from fastnn.layers import loading, policies
from fastnn.layers.calling import Calls
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.naming import unique_name
from fastnn.layers.nest import batch_shape, declared_shape, map_leaves, map_shapes
from fastnn.layers.serialization import plain
from fastnn.layers.weight import Weight
from fastnn.layers.weighted import Weighted
from fastnn.tensor import Node, Tensor

# Arguments of Keras' layers that fastnn has no use for, with the values that ask for nothing.
_FOREIGN = {
    "autocast": (True, False),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "quantization_config": (None,),
    "synchronized": (False,),
    "rms_scaling": (False,),
    "renorm": (False,),
    "use_cudnn": ("auto", False),
    "zero_output_for_mask": (False,),
}


def _drop_foreign(label: str, kwargs: dict[str, Any]) -> None:
    """Take arguments out that Keras' configurations carry; refuse values that fastnn cannot honour."""
    for name in [name for name in kwargs if name in _FOREIGN]:
        value = kwargs.pop(name)
        if not any(value is known or value == known for known in _FOREIGN[name]):
            raise ValueError(
                f"{label}: {name}={value!r} is not supported; leave it out, or give {_FOREIGN[name][0]!r}"
            )


class Layer(Weighted, Calls):
    """A description of a computation with weights of its own.

    A subclass creates weights in `build` with `add_weight`, once it knows its input's shape, and computes
    in `call` with other layers and `fastnn.ops`.

    Parameters
    ----------
    activity_regularizer : str, Regularizer or None
        Penalty on the outputs, added to the loss: the mean over samples.
    trainable : bool, default True
        Whether the optimizer may change the weights.
    dtype : {"float32", "float64", "mixed_bfloat16"}, optional
        Type of weights and arithmetic; by default `fastnn.config.dtype_policy()`, which explains them.
    name : str, optional
        By default the class's name and a number.
    **kwargs
        ``input_shape``, without the dimension of samples, or ``input_dim``, where the layer is the first
        of a `Sequential`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import ops
    >>> from fastnn.layers import Layer
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.kernel = self.add_weight((input_shape[-1], 1), "ones", name="kernel")
    ...     def call(self, inputs):
    ...         return ops.exp(-(inputs @ self.kernel) ** 2)
    >>> Scale()(np.array([[1.0, -1.0]], dtype="float32"))
    array([[1.]], dtype=float32)
    """

    input_spec: InputSpec | None = None
    _unsaved_arguments: tuple[str, ...] = ()  # of the constructor, that are no configuration
    casts_inputs = False  # whether integers that come in are made floating-point numbers
    supports_masking = False  # whether outputs have masks: the inputs', or what compute_mask returns
    stateful = False  # whether state is kept from batch to batch
    integer_inputs = False  # whether inputs are ids (int32) and not numbers to compute with
    foldable = False  # whether a layer in int8 before it can take it in
    quantization: dict[str, Any] | None = None  # how it runs in int8, if it does

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: Any = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if name is None:
            name = unique_name(kind)
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"{kind}: name must be a string that is not empty and has no '/', got {name!r}")
        self.name: str = name
        policy = config.dtype_policy() if dtype is None else config.check_policy(self.label, dtype)
        self._reduced = policy == "mixed_bfloat16"
        self.dtype = "float32" if self._reduced else policy
        self.built = False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._trainable = bool(trainable)
        self._store = _core.Store()
        self._weights: list[Weight] = []
        self._functions: dict[Any, Any] = {}
        self._nodes: list[Node] = []  # calls on tensors without a graph
        self._lock = threading.RLock()
        self._declared_input_shape = declared_shape(self.label, kwargs)
        _drop_foreign(self.label, kwargs)
        if kwargs:
            unknown = next(iter(kwargs))
            raise TypeError(
                f"{self.label}: unknown argument '{unknown}'{nearest(unknown, arguments(type(self)))}"
            )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _marking_built(cls.build)  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except AttributeError:
            raise AttributeError(
                f"{type(self).__name__}: '{name}' is what all layers and models tell of themselves and can "
                f"not be set; take another name, such as 'own_{name}'"
            ) from None

    # Building ------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """Class and name, as messages show them: ``Dense 'head'``."""
        return f"{type(self).__name__} '{self.name}'"

    @property
    def dtype_policy(self) -> str:
        """The argument ``dtype``: "float32", "float64" or "mixed_bfloat16".

        Setting it sets the layers within, too. Weights stay as they are, so that only the other of "float32"
        and "mixed_bfloat16" can be set: a model that was trained in one works in the other.

        Examples
        --------
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> model.dtype_policy = "mixed_bfloat16"
        >>> model.layers[-1].dtype_policy
        'mixed_bfloat16'
        """
        return "mixed_bfloat16" if self._reduced else self.dtype

    @dtype_policy.setter
    def dtype_policy(self, policy: Any) -> None:
        policies.change(self, config.check_policy(self.label, policy))

    @property
    def compute_dtype(self) -> str:
        """Type that operands of products are rounded to: "bfloat16" with the policy "mixed_bfloat16"."""
        return "bfloat16" if self._reduced else self.dtype

    @property
    def variable_dtype(self) -> str:
        """Type of the weights."""
        return self.dtype

    @property
    def quantizable(self) -> bool:
        """Whether it can run in int8."""
        return False

    @property
    def input_dtype(self) -> str:
        """Type that inputs are converted to where they come from arrays."""
        return "int32" if self.integer_inputs else self.dtype

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of this shape, whose first dimension is None.

        Layers without weights need not override it.
        """
        self.built = True

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Weight:
        """Create a weight, to be called in `build`.

        Parameters
        ----------
        shape : tuple of int, default ()
        initializer : str or Initializer, default "glorot_uniform"
        dtype : optional
            The layer's by default.
        trainable : bool, default True
            False makes it state, to be changed by `BuildContext.assign` only.
        regularizer, constraint : str, object or None
        name : str, optional

        Returns
        -------
        Weight
        """
        if isinstance(shape, str):
            raise TypeError(
                f"{self.label}: add_weight takes the shape first: add_weight(shape, name={shape!r})"
            )
        if kwargs:
            known = inspect.signature(Layer.add_weight).parameters
            unknown = next(iter(kwargs))
            raise TypeError(f"{self.label}: add_weight has no argument '{unknown}'{nearest(unknown, known)}")
        if name is None:
            taken = {w.name for w in self._weights}
            name = next(
                n for i in range(len(taken) + 1) if (n := f"weight_{i}" if i else "weight") not in taken
            )
        if any(w.name == name for w in self._weights):
            raise ValueError(
                f"{self.label}: has a weight named '{name}' already; make weights in build, which runs once, "
                "not in call, which runs for every graph"
            )
        extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        if any(n is None for n in extents):
            raise ValueError(
                f"{self.label}: weight '{name}' needs a fixed shape, got {extents}: the dimension of the "
                "input that it depends on must be fixed"
            )
        extents = tuple(int(n) for n in extents)
        kind = self.dtype if dtype is None else str(dtype)
        if kind != "int8":
            kind = config.check_floating(self.label, kind if dtype is None else dtype)
        initial = initializers.get("glorot_uniform" if initializer is None else initializer)
        weight = Weight(
            self._store,
            name,
            extents,
            kind,
            self,
            trainable=trainable,
            is_state=not trainable,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        loaded = loading.take(self.label, name, extents, kind)
        try:
            values = None if loaded else np.asarray(initial(extents, kind))
            self._store.add(name, list(extents), weight.stored_dtype, is_state=not trainable)
            if values is not None:
                weight.assign(values)
        except MemoryError:
            size = weight.size * np.dtype(kind).itemsize / 2**30
            raise MemoryError(
                f"{self.label}: no memory for weight '{name}' of shape {extents}, {size:,.1f} GiB"
            ) from None
        self._weights.append(weight)
        return weight

    def _forget_weights(self) -> None:
        """Part with the layer's own weights, to add others."""
        self._store = _core.Store()
        self._weights = []
        self._functions = {}

    # Calling -------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        """Compute outputs from inputs, both tensors; takes ``training`` too if it matters."""
        raise NotImplementedError(f"{self.label}: the class has no method call(self, inputs)")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the output's mask, where `supports_masking`; by default the input's.

        Parameters
        ----------
        inputs : Tensor, or a structure of them
        mask : Tensor or None, or a structure of them
            1 for each step (None, steps) that is there, 0 for padding; None: all are.

        Returns
        -------
        Tensor or None, or one for each output
        """
        if isinstance(mask, (list, tuple, dict)):
            raise NotImplementedError(f"{self.label}: takes several inputs: define compute_mask")
        return mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's; dimensions of samples are None."""
        layer = self if self.built else type(self).from_config(self.get_config())
        shapes = batch_shape(self.label, input_shape)
        given = map_shapes(lambda shape: Tensor(shape, self.dtype, "input"), shapes)
        return map_leaves(lambda t: t.shape, layer._declare(given))

    # Configuration -------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one, as plain values.

        The constructor's arguments are taken from attributes of the same names.
        """
        result: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy}
        unsaved = ("activity_regularizer", *_COMMON, *_SHAPES, *self._unsaved_arguments)
        if self.quantization is not None:
            result["quantization"] = dict(self.quantization)
        if self.activity_regularizer is not None:
            result["activity_regularizer"] = plain(self.activity_regularizer)
        for name in arguments(type(self)):
            if name in unsaved:
                continue
            if not hasattr(self, name):
                raise NotImplementedError(
                    f"{self.label}: argument '{name}' is kept in no attribute of that name: define get_config"
                )
            result[name] = plain(getattr(self, name))
        return result

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a layer from what `get_config` returned."""
        values = dict(config)
        known = arguments(cls)
        # A class of one's own need not take what all layers have.
        rest = {name: values.pop(name) for name in _COMMON if name in values and name not in known}
        quantization = values.pop("quantization", None)
        layer = cls(**values)
        if quantization is not None:
            from fastnn.layers.quantized import check_quantization

            layer.quantization = check_quantization(layer, quantization)
        if isinstance(rest.get("name"), str):
            layer.name = rest["name"]
        if rest.get("trainable") is False:
            layer.trainable = False
        if rest.get("dtype") == "mixed_bfloat16" and layer.dtype == "float32":
            layer._reduced = True
        return layer

    if not TYPE_CHECKING:  # for whom there is no such attribute

        def __getattr__(self, name: str) -> Any:
            if isinstance(getattr(type(self), name, None), property):
                return object.__getattribute__(self, name)  # whose own AttributeError this is
            why = ""
            if "_store" not in self.__dict__ and not name.startswith("__"):
                why = ": its __init__ has not called super().__init__(), which comes before all else"
            if not name.startswith("_") and self.__dict__.get("built") is False:
                why = "; it is not built yet, weights come with an input shape, `build`, or the first call"
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{why}")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__, _weights=list(self._weights), _nodes=[], _functions={})
        del state["_store"], state["_lock"]
        state["_values"] = [weight.numpy() for weight in self._weights]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = state.pop("_values")
        self.__dict__.update(state, _store=_core.Store(), _lock=threading.RLock())
        for weight, value in zip(self._weights, values, strict=True):
            self._store.add(weight.name, list(weight.shape), weight.stored_dtype, is_state=weight.is_state)
            weight.store = self._store
            weight.assign(value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} built={self.built}>"


_SHAPES = ("input_shape", "input_dim")
_COMMON = ("name", "trainable", "dtype")


def arguments(cls: type) -> list[str]:
    """Return the names of a layer class's constructor's arguments, its bases' included."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        for p in list(parameters)[1:]:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                names.setdefault(p.name)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break  # nothing is passed on to the bases
    return [*names, *(s for s in _SHAPES if s not in names)]


def _marking_built(build: Callable[..., None]) -> Callable[..., None]:
    """Check the shape that `build` gets and note that it has run."""
    optional = list(inspect.signature(build).parameters.values())[1].default is None

    @functools.wraps(build)
    def wrapper(self: Layer, input_shape: Any = None) -> None:
        none = optional and input_shape is None
        build(self, None if none else batch_shape(self.label, input_shape))
        self.built = True

    return wrapper
