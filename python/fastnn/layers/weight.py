"""A layer's parameters and state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._operators import Operators, operation_of
from fastnn.layers.nest import map_leaves
from fastnn.tensor import Tensor


class Weight(Operators):
    """A named array of a layer: a parameter, or state that a training step assigns at its end.

    Its values live in the layer's store, in C++.

    Parameters
    ----------
    store : Store
        The layer's.
    name : str
        ``"kernel"``, ``"bias"``, ``"moving_mean"``, …
    shape : tuple of int
    dtype : str
    owner : Layer
        The layer; for its name.
    trainable : bool
        Whether the optimizer may change it. State is never trainable.
    is_state : bool
    regularizer, constraint : callables, optional
        The penalty that is added to the loss, and what holds after each update.

    Examples
    --------
    >>> import fastnn
    >>> layer = fastnn.layers.Dense(2, name="head")
    >>> layer.build((None, 3))
    >>> layer.kernel.path, layer.kernel.shape
    ('head/kernel', (3, 2))
    """

    def __init__(
        self,
        store: _core.Store,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        owner: Any,
        trainable: bool = True,
        is_state: bool = False,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self.store = store
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.owner = owner
        self.is_state = is_state
        self.regularizer = regularizer
        self.constraint = constraint
        self._trainable = trainable and not is_state

    @property
    def trainable(self) -> bool:
        """Whether the optimizer may change it; False as long as its layer is frozen."""
        return self._trainable and bool(self.owner.trainable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value) and not self.is_state

    @property
    def stored_dtype(self) -> str:
        """Type in the store, which holds int8 as bytes."""
        return "uint8" if self.dtype == "int8" else self.dtype

    @property
    def path(self) -> str:
        """Layer's name and weight's name: ``"dense/kernel"``."""
        return f"{self.owner.name}/{self.name}"

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def numpy(self) -> npt.NDArray[Any]:
        """Return a copy of the values."""
        found = np.asarray(self.store.get(self.name))
        return found.view("int8") if self.dtype == "int8" else found

    def check(self, array: npt.NDArray[Any]) -> None:
        """Raise ValueError or TypeError unless the array may be assigned."""
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{self.owner.label}: weight '{self.name}' must be set from numbers, got dtype {array.dtype}"
            )
        if array.shape != self.shape:
            raise ValueError(
                f"{self.owner.label}: weight '{self.name}' has shape {self.shape}, got {array.shape}"
            )

    def assign(self, value: Any) -> None:
        """Set the values; in a layer's `call`, to what a tensor or another weight is at the step's end.

        A tensor can be assigned to state alone, to what was made by ``add_weight(..., trainable=False)``.
        An array is assigned at once; in `call`, if it is to be a layer's state, at the end of each step.

        Parameters
        ----------
        value : array_like, Tensor or Weight

        Raises
        ------
        ValueError
            If the shape differs, or a parameter is to be assigned a tensor.
        TypeError
            If the values are not numbers.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> class Count(fastnn.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.batches = self.add_weight((), "zeros", trainable=False, name="batches")
        ...     def call(self, inputs, training=False):
        ...         if training:
        ...             self.batches.assign(self.batches + 1)
        ...         return inputs
        >>> model = fastnn.Sequential([fastnn.Input((2,)), Count(name="count"), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((96, 2)), np.ones((96, 1)), batch_size=32, epochs=2, verbose=0)
        >>> int(model.get_layer("count").batches.numpy())
        6
        """
        if isinstance(value, Weight):
            from fastnn.layers.context import current, is_building

            if is_building():
                value = current(f"{self.owner.label}: assign").use(value)
        if isinstance(value, Tensor):
            self._assign_tensor(value)
            return
        array = np.asarray(value)
        self.check(array)
        if self.is_state and self._is_called():
            from fastnn.ops._dispatch import constant

            self._assign_tensor(constant(array, self.dtype))
            return
        if self.dtype == "int8":
            array = np.ascontiguousarray(array, "int8").view("uint8")
        self.store.set(self.name, array)

    def _is_called(self) -> bool:
        """Whether a graph is being made of a call of the weight's layer, or of one that holds it."""
        from fastnn.layers.context import current, is_building

        if not is_building() or not self.owner.built:
            return False
        callers = [layer for layer in current(self.owner.label).callers if layer is not None]
        return any(part is self.owner for layer in callers[-1:] for part in layer._flatten_layers())

    def _assign_tensor(self, value: Tensor) -> None:
        from fastnn.layers.context import current

        context = current(f"{self.owner.label}: assign")
        if value.shape != self.shape or context.adopt(value).dtype != self.dtype:
            cure = " Take a mean or a sum over axis 0, the samples." if value.shape[:1] == (None,) else ""
            raise ValueError(
                f"{self.owner.label}: weight '{self.name}' is {self.dtype} of shape {self.shape}, and cannot "
                f"be assigned {value.dtype} of shape {value.shape}.{cure}"
            )
        context.assign(self, value)

    def assign_add(self, value: Any) -> None:
        """Add to the values; see `assign`."""
        self.assign(self + value)

    def assign_sub(self, value: Any) -> None:
        """Subtract from the values; see `assign`."""
        self.assign(self - value)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: value for key, value in self.__dict__.items() if key != "store"
        }  # the layer sets it anew

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # In a graph NumPy's functions would make a constant of the weight, that is never trained.
        from fastnn.layers.context import is_building

        if is_building():
            operation = operation_of(ufunc, method, kwargs)
            if operation is None:
                raise self._refused(ufunc.__name__)
            return operation(*inputs)
        values = [value.numpy() if isinstance(value, Weight) else value for value in inputs]
        return getattr(ufunc, method)(*values, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from fastnn.layers.context import is_building

        if is_building():
            raise self._refused(function.__name__)
        args, kwargs = map_leaves(lambda v: v.numpy() if isinstance(v, Weight) else v, [args, kwargs])
        return function(*args, **kwargs)

    def _refused(self, name: str) -> TypeError:
        from fastnn import ops

        cure = f"use fastnn.ops.{name}" if name in ops.__all__ else "use fastnn.ops"
        return TypeError(
            f"{self.owner.label}: numpy.{name} was called on weight '{self.name}' while a graph is built, "
            f"which would make a constant of it: {cure}"
        )

    def __iter__(self) -> Any:
        raise TypeError(
            f"{self.owner.label}: weight '{self.name}' cannot be iterated over; see its numpy(), and "
            "fastnn.ops.split"
        )

    def __repr__(self) -> str:
        kind = "state" if self.is_state else "parameter"
        return f"<Weight {self.path!r} {kind} shape={self.shape} dtype={self.dtype}>"
