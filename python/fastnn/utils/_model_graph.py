"""A model as boxes and arrows, to be drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fastnn.layers.base import Layer
from fastnn.layers.input import InputLayer
from fastnn.layers.nest import leaves, map_leaves


@dataclass
class Box:
    """One call of a layer.

    Attributes
    ----------
    layer : Layer
    name : str
        The layer's, behind those of the models around it; with a number if it is called again.
    input_shape, output_shape : tuple, or structure of them, or None
    dtype : str
    """

    layer: Layer
    name: str
    input_shape: Any = None
    output_shape: Any = None
    dtype: str = ""


@dataclass
class ModelGraph:
    """Boxes and the arrows between them.

    Attributes
    ----------
    boxes : list of Box
    arrows : list of (int, int)
        From box to box, by number; no arrow leads to an earlier box.
    """

    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)

    def add(self, box: Box, sources: list[int]) -> int:
        """Add a box with arrows to it; returns its number."""
        self.boxes.append(box)
        number = len(self.boxes) - 1
        self.arrows += [(source, number) for source in dict.fromkeys(sources)]
        return number


def model_graph(model: Any, expand_nested: bool = False) -> ModelGraph:
    """Return the boxes and arrows of a model.

    Parameters
    ----------
    model : Model
        It must be built.
    expand_nested : bool, default False
        Whether models within are shown with their layers.

    Returns
    -------
    ModelGraph

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.utils._model_graph import model_graph
    >>> model = fastnn.Sequential([fastnn.Input((4,), name="x"), fastnn.layers.Dense(2, name="head")])
    >>> graph = model_graph(model)
    >>> [box.name for box in graph.boxes], graph.arrows
    (['x', 'head'], [(0, 1)])
    """
    model._require_built("drawing")
    graph = ModelGraph()
    sources = []
    for tensor in model.inputs:
        layer = InputLayer(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name.replace("/", "_"))
        sources.append(graph.add(Box(layer, tensor.name, tensor.shape, tensor.shape, tensor.dtype), []))
    _inside(graph, model, "", sources, expand_nested, Counter())
    return graph


def _inside(
    graph: ModelGraph, model: Any, prefix: str, sources: list[int], expand: bool, calls: Counter[str]
) -> list[int]:
    """Add a model's layers; returns the boxes that its outputs come from."""
    if getattr(model, "_network", None) is not None:
        places = {id(t): source for t, source in zip(model._network.flat_inputs, sources, strict=True)}
        for node in model._network.nodes:
            given = [places[id(tensor)] for tensor in node.tensors()]
            made = _call(graph, node.layer, node.inputs, node.outputs, prefix, given, expand, calls)
            outputs = list(leaves(node.outputs))
            made = made if len(made) == len(outputs) else made[:1] * len(outputs)
            places.update((id(tensor), source) for tensor, source in zip(outputs, made, strict=True))
        return [places[id(tensor)] for tensor in leaves(model._network.outputs)]
    if hasattr(model, "_declared"):
        for layer, before, after in zip(model.layers, model._declared, model._declared[1:], strict=False):
            sources = _call(graph, layer, before, after, prefix, sources, expand, calls)
        return sources
    return _call(graph, model, model.input, model.output, prefix, sources, False, calls)


def _call(
    graph: ModelGraph,
    layer: Any,
    inputs: Any,
    outputs: Any,
    prefix: str,
    sources: list[int],
    expand: bool,
    calls: Counter[str],
) -> list[int]:
    name = prefix + layer.name
    if expand and (getattr(layer, "_network", None) is not None or hasattr(layer, "_declared")):
        return _inside(graph, layer, name + "/", sources, expand, calls)
    calls[name] += 1
    shown = name if calls[name] == 1 else f"{name} ({calls[name]})"
    shapes = [map_leaves(lambda t: None if t is None else t.shape, value) for value in (inputs, outputs)]
    dtype = next((tensor.dtype for tensor in leaves(outputs)), "")
    return [graph.add(Box(layer, shown, shapes[0], shapes[1], dtype), sources)]
