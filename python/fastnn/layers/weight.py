"""A layer's parameters and state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core


class Weight:
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
    def path(self) -> str:
        """Layer's name and weight's name: ``"dense/kernel"``."""
        return f"{self.owner.name}/{self.name}"

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def numpy(self) -> npt.NDArray[Any]:
        """Return a copy of the values."""
        return np.asarray(self.store.get(self.name))

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

    def assign(self, value: npt.ArrayLike) -> None:
        """Set the values.

        Raises
        ------
        ValueError
            If the shape differs.
        TypeError
            If the values are not numbers.
        """
        array = np.asarray(value)
        self.check(array)
        self.store.set(self.name, array)

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: value for key, value in self.__dict__.items() if key != "store"
        }  # the layer sets it anew

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __repr__(self) -> str:
        kind = "state" if self.is_state else "parameter"
        return f"<Weight {self.path!r} {kind} shape={self.shape} dtype={self.dtype}>"
