"""From probabilities in a graph back to the logits they were made of."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fastnn import _core


def logits_of(graph: _core.Graph, tensor: int, function: str) -> int | None:
    """Return the tensor whose softmax or sigmoid a tensor is, or None.

    A loss computed from it is exact where probabilities round to 0 and 1.

    Parameters
    ----------
    graph : Graph
    tensor : int
    function : {"softmax", "sigmoid"}
        The softmax over the last axis, or the sigmoid of each element.

    Returns
    -------
    int or None

    Examples
    --------
    >>> from fastnn import _core
    >>> from fastnn.losses.tracing import logits_of
    >>> graph = _core.Graph()
    >>> z = graph.input("z", [3])
    >>> p = graph.add("softmax", [z])[0]
    >>> logits_of(graph, p, "softmax") == z, logits_of(graph, p, "sigmoid")
    (True, None)
    """
    producer = graph.producer(tensor)
    if producer is None:
        return None
    op, inputs, attributes = producer
    source = inputs[0] if inputs else None
    if source is None:
        return None
    dims = graph.shape(tensor)
    if op == "reshape":
        if function == "softmax" and graph.shape(source)[-1:] != dims[-1:]:
            return None
        found = logits_of(graph, source, function)
        return None if found is None else graph.add("reshape", [found], {"shape": dims})[0]
    if function == "softmax":
        last = op == "softmax" and attributes.get("axis", -1) in (-1, len(dims) - 1)
        return int(source) if last else None
    if op == "activation" and attributes.get("kind") == "sigmoid":
        return int(source)
    if attributes.get("activation") == "sigmoid":
        # Fused into its op: the same op once more without it. The planner leaves out whichever is not used.
        return graph.add(op, inputs, {**attributes, "activation": "linear"}, op)[0]
    return None


def traced(
    graph: _core.Graph, label: str, function: Callable[[Any, Any], Any], y_true: int, y_pred: int
) -> int:
    """Add the nodes of a function of two symbolic tensors.

    Parameters
    ----------
    graph : Graph
    label : str
        Of the loss or metric, for messages.
    function : callable
        It returns a number for each sample, or each of its positions; a single one stands for all samples.
    y_true, y_pred : int

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If the function returns no such tensor.
    """
    return traced_all(graph, label, lambda a, b: [function(a, b)], y_true, y_pred)[0]


def traced_all(
    graph: _core.Graph, label: str, function: Callable[[Any, Any], Any], y_true: int, y_pred: int
) -> list[int]:
    """Add the nodes of a function of two symbolic tensors that returns a list of them; see `traced`."""
    # Imported here: layers are not needed for other losses.
    from fastnn.layers.context import BuildContext
    from fastnn.ops._align import over_samples
    from fastnn.tensor import Tensor, graph_tensor

    found = []
    with BuildContext(graph) as context:
        context.enter(label)
        predicted = graph_tensor(graph, y_pred, "y_pred")
        results = function(graph_tensor(graph, y_true, "y_true"), predicted)
        for result in results if isinstance(results, (list, tuple)) else [results]:
            if isinstance(result, Tensor) and result.graph is graph and result.shape == ():
                result = over_samples(result, predicted)
            if not isinstance(result, Tensor) or result.graph is not graph or not graph.batched(result.id):
                raise TypeError(
                    f"{label}: the function must return a symbolic tensor with a loss for each sample, got "
                    f"{result!r}"
                )
            found.append(result.id)
    return found


def of_graph(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make a method ``(self, y_true, y_pred)`` of symbolic tensors one ``(self, graph, y_true, y_pred)``.

    Parameters
    ----------
    method : callable
        Others are returned as they are.

    Returns
    -------
    callable
    """
    if len(inspect.signature(method).parameters) != 3:
        return method

    @functools.wraps(method)
    def wrapper(self: Any, graph: _core.Graph, y_true: int, y_pred: int) -> int:
        return traced(graph, self.label, functools.partial(method, self), y_true, y_pred)

    return wrapper
