"""From probabilities in a graph back to the logits they were made of."""

from __future__ import annotations

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
