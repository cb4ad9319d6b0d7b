"""Symbolic tensors: what a layer's `call` gets and returns, and how it adds ops to a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn._operators import Operators, operation_of

if TYPE_CHECKING:
    from fastnn.layers.weight import Weight

Shape = tuple[int | None, ...]
Operand = "Tensor | Weight | None"


class Tensor(Operators):
    """A value in a graph, known by shape and dtype only.

    Layers make tensors of tensors; nobody else needs to make one. A tensor without a graph, as `Input`
    returns it, only declares a shape: calling layers on it builds them and remembers in `origin` how
    the result came to be.

    Parameters
    ----------
    shape : tuple
        Dimensions; None comes first where there is one value a sample.
    dtype : str
        ``"float32"``, ``"float64"``, ``"int32"``, …
    name : str
        Shown in messages.
    graph, id : Graph and int, optional
        Where the tensor lives.
    origin : tuple, optional
        (layer, input tensors, which of its outputs) of a tensor without a graph; None for an `Input`.
    node : Node, optional
        The call that returned it, of a tensor without a graph.

    Attributes
    ----------
    mask : Tensor or None
        Of a tensor in a graph: 1 for the steps that are there, 0 for padding; see `Layer.compute_mask`.
    batch_size : int or None
        Number of samples in a batch, where an `Input` fixed it: layers that keep state need to know.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input(shape=(28, 28, 1))
    >>> fastnn.layers.Flatten()(x).shape
    (None, 784)
    """

    __slots__ = ("batch_size", "dtype", "graph", "id", "mask", "name", "node", "origin", "shape")

    def __init__(
        self,
        shape: Shape,
        dtype: str = "float32",
        name: str = "",
        graph: _core.Graph | None = None,
        id: int = -1,
        origin: tuple[Any, tuple[Tensor, ...], int] | None = None,
        node: Node | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.name = name
        self.graph = graph
        self.id = id
        self.origin = origin
        self.node = node
        self.mask: Tensor | None = None
        self.batch_size: int | None = None

    @property
    def ndim(self) -> int:
        """Number of dimensions, that of the batch included."""
        return len(self.shape)

    def like(self, shape: Shape | None = None, dtype: str | None = None, name: str | None = None) -> Tensor:
        """Make an input that declares the same, but for what is given: a tensor without a graph."""
        made = Tensor(
            self.shape if shape is None else shape,
            self.dtype if dtype is None else dtype,
            self.name if name is None else name,
        )
        made.batch_size = self.batch_size
        return made

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r} shape={self.shape} dtype={self.dtype}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"tensor {self.name!r} of shape {self.shape} is symbolic and has no values: "
            "compute with fastnn's layers and ops inside `call`, not with NumPy"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # What operators of an array on the left come to; other functions of NumPy's are refused by name.
        operation = operation_of(ufunc, method, kwargs)
        if operation is None:
            raise self._refused(ufunc.__name__)
        return operation(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise self._refused(function.__name__)

    def _refused(self, name: str) -> TypeError:
        from fastnn import ops

        cure = f"use fastnn.ops.{name}" if name in ops.__all__ else "use fastnn's layers and ops"
        return TypeError(
            f"numpy.{name} was called on tensor {self.name!r} of shape {self.shape}, which is symbolic and "
            f"has no values: {cure}"
        )

    def __bool__(self) -> bool:
        raise TypeError(f"tensor {self.name!r} is symbolic: its truth is not known while a graph is built")

    def __iter__(self) -> Any:
        raise TypeError(
            f"tensor {self.name!r} of shape {self.shape} is symbolic: it cannot be iterated over; see "
            "fastnn.ops.split"
        )

    def __len__(self) -> int:
        raise TypeError(
            f"tensor {self.name!r} of shape {self.shape} is symbolic and has no len: see its shape; the "
            "number of samples (None) is not known while a graph is built"
        )

    def __float__(self) -> float:
        raise TypeError(
            f"tensor {self.name!r} of shape {self.shape} is symbolic and has no value: compute with "
            "fastnn.ops, and convert with fastnn.ops.cast"
        )

    __int__ = __index__ = __float__

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            f"tensor {self.name!r} of shape {self.shape} is symbolic: its elements cannot be set; see "
            "fastnn.ops.where, concatenate and scatter_add"
        )


class Node:
    """One call of a layer on tensors without a graph: what a functional model is made of.

    Parameters
    ----------
    layer : Layer
    inputs : Tensor, or list, tuple or dict of them
        As the layer was given them.
    arguments : dict
        Further arguments of the call, by name; tensors may be among them.
    training : bool or None
        As it was given.

    Attributes
    ----------
    outputs : Tensor, or list, tuple or dict of them

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input(shape=(4,))
    >>> y = fastnn.layers.Dense(2, name="head")(x)
    >>> y.node.layer.name, y.node.inputs is x
    ('head', True)
    """

    __slots__ = ("arguments", "count", "inputs", "layer", "outputs", "training")

    def __init__(
        self, layer: Any, inputs: Any, arguments: Mapping[str, Any], training: bool | None = None
    ) -> None:
        self.layer = layer
        self.inputs = inputs
        self.arguments = dict(arguments)
        self.training = training
        self.outputs: Any = None
        self.count = 0  # outputs made so far

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all tensors that go in."""
        from fastnn.layers.nest import leaves

        given = (*leaves(self.inputs), *leaves(self.arguments))
        return tuple(leaf for leaf in given if isinstance(leaf, Tensor))

    def output(self, like: Tensor) -> Tensor:
        """Make the next output."""
        origin = (self.layer, self.tensors(), self.count)
        self.count += 1
        made = Tensor(like.shape, like.dtype, self.layer.name, origin=origin, node=self)
        made.batch_size = next((t.batch_size for t in self.tensors() if t.batch_size is not None), None)
        return made


def graph_input(graph: _core.Graph, shape: Shape, dtype: str, name: str) -> Tensor:
    """Add an input with a value a sample to a graph; `shape` begins with None."""
    if not shape or shape[0] is not None or any(n is None for n in shape[1:]):
        raise ValueError(f"input '{name}': shape must be None and then fixed extents, got {shape}")
    number = graph.input(name, [n for n in shape[1:] if n is not None], dtype)
    return Tensor(shape, dtype, name, graph, number)


def graph_tensor(graph: _core.Graph, number: int, name: str) -> Tensor:
    """Make the handle of a graph's tensor."""
    shape: Shape = tuple(graph.shape(number))
    if graph.batched(number):
        shape = (None, *shape)
    return Tensor(shape, graph.dtype(number), name, graph, number)


_PRODUCTS = frozenset({"conv2d", "conv2d_grad_input", "dense", "matmul"})  # ops that can compute in bfloat16


def _has_doubles(operands: Iterable[Tensor | Weight | None]) -> bool:
    return any(operand is not None and operand.dtype == "float64" for operand in operands)


def apply_all(
    op: str,
    inputs: Sequence[Tensor | Weight | None],
    attributes: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> tuple[Tensor, ...]:
    """Add a node to the graph that the inputs live in and return its outputs.

    Parameters
    ----------
    op : str
        The op's name.
    inputs : sequence of Tensor, Weight or None
        Operands; None stands for an optional one that is absent.
    attributes : mapping, optional
        The op's attributes; those that are None are left out.
    name : str, optional
        Node's name in messages; by default that of the layer that is being called.

    Returns
    -------
    tuple of Tensor
    """
    from fastnn.layers.context import current

    context = current(op)
    if name is None:
        name = context.scope or op
    ids: list[int | None] = []
    for operand in inputs:
        if operand is None:
            ids.append(None)
            continue
        ids.append((context.adopt(operand) if isinstance(operand, Tensor) else context.use(operand)).id)
    given = {k: v for k, v in (attributes or {}).items() if v is not None}
    if op in _PRODUCTS and context.reduced and not _has_doubles(inputs):
        given["compute_dtype"] = "bfloat16"
    made = context.graph.add(op, ids, given, name)
    outputs = tuple(graph_tensor(context.graph, number, name) for number in made)
    for tensor in outputs:
        context.largest = max(context.largest, math.prod(n for n in tensor.shape if n is not None))
    return outputs


def apply(
    op: str,
    inputs: Sequence[Tensor | Weight | None],
    attributes: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Add a node with one output; see `apply_all`."""
    return apply_all(op, inputs, attributes, name)[0]


def run(
    function: Callable[..., Tensor],
    arrays: Iterable[npt.NDArray[Any]],
    dtype: str,
    name: str = "function",
) -> npt.NDArray[Any]:
    """Compute a function of tensors on arrays whose first dimension counts samples."""
    from fastnn.layers.context import BuildContext

    arrays = list(arrays)
    graph = _core.Graph()
    with BuildContext(graph) as context:
        context.enter(name)
        inputs = [
            graph_input(graph, (None, *array.shape[1:]), dtype, f"argument {i} of {name}")
            for i, array in enumerate(arrays)
        ]
        result = function(*inputs)
    outcome = _core.Function(graph, [result.id]).run(arrays)[0]
    return np.asarray(outcome)
