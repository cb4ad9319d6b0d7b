"""The graph of layers between a functional model's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn.layers import sharing
from fastnn.layers.base import Layer
from fastnn.layers.input import InputLayer
from fastnn.layers.nest import leaves, map_leaves
from fastnn.models.plain import decode, encode
from fastnn.models.structure import distribute
from fastnn.tensor import Node, Tensor


class Network:
    """All calls of layers that lead from some tensors without a graph to others.

    Parameters
    ----------
    label : str
        The model's, for messages.
    inputs, outputs : Tensor, or list, tuple or dict of them
    losses : list of Tensor, optional
        Further outputs, that are added to the loss.

    Attributes
    ----------
    nodes : list of Node
        Each after those that it takes its inputs from.
    layers : list of Layer
        Those farther from the outputs first, as Keras has them; an `InputLayer` stands for each input.
    input_dtypes : list of str
        What each input is in a graph.

    Raises
    ------
    TypeError
        If inputs or outputs are no tensors, or an input is used as two types.
    ValueError
        If outputs depend on what is no input, an input reaches no output, there is a cycle, or two layers
        have one name.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.models.network import Network
    >>> x = fastnn.Input(shape=(4,), name="x")
    >>> network = Network("model", x, fastnn.layers.Dense(2, name="head")(x))
    >>> [layer.name for layer in network.layers]
    ['x', 'head']
    """

    def __init__(self, label: str, inputs: Any, outputs: Any, losses: list[Tensor] | None = None) -> None:
        self.label = label
        self.inputs = inputs
        self.outputs = outputs
        self.losses = list(losses or [])
        self.flat_inputs = _tensors(label, "inputs", inputs)
        flat_outputs = _tensors(label, "outputs", outputs)
        self.names = [tensor.name for tensor in self.flat_inputs]
        for position, tensor in enumerate(self.flat_inputs):
            if any(tensor is other for other in self.flat_inputs[:position]):
                raise ValueError(f"{label}: Input '{tensor.name}' is given twice among the inputs")
        self._visits: dict[int, int] = {}  # when an input or a layer was first met, by its id
        self.nodes = self._sorted([*flat_outputs, *self.losses])
        self._check_inputs_are_used([*flat_outputs, *self.losses])
        self.input_layers = [_input_layer(tensor) for tensor in self.flat_inputs]
        self.layers = self._ordered_layers()
        self._check_names()
        self.input_dtypes = [self._input_dtype(tensor) for tensor in self.flat_inputs]
        floating = [n.layer.dtype for n in self.nodes if n.layer.dtype in ("float32", "float64")]
        self.dtype: str | None = floating[0] if floating else None

    def _sorted(self, outputs: list[Tensor]) -> list[Node]:
        """Nodes in an order in which they can be run, found by going back from the outputs."""
        known = {id(tensor) for tensor in self.flat_inputs}
        done: dict[int, Node] = {}
        open_nodes: list[Node] = []  # from an output back to where we are
        for output in outputs:
            stack: list[tuple[Tensor, bool]] = [(output, False)]
            while stack:
                tensor, leaving = stack.pop()
                node = tensor.node
                if leaving:
                    open_nodes.pop()
                    done[id(node)] = node  # type: ignore[assignment]
                    continue
                if id(tensor) in known:
                    self._visits.setdefault(id(tensor), len(self._visits))
                    continue
                if id(node) in done:
                    continue
                if node is None:
                    raise ValueError(self._disconnected(tensor, open_nodes))
                if any(node is other for other in open_nodes):
                    first = next(i for i, other in enumerate(open_nodes) if other is node)
                    chain = " <- ".join(n.layer.label for n in [*open_nodes[first:], node])
                    raise ValueError(f"{self.label}: the graph has a cycle: {chain}")
                self._visits.setdefault(id(node.layer), len(self._visits))
                open_nodes.append(node)
                stack.append((tensor, True))
                stack += [(source, False) for source in reversed(node.tensors())]
        return list(done.values())

    def _disconnected(self, tensor: Tensor, path: list[Node]) -> str:
        way = " -> ".join(node.layer.label for node in reversed(path))
        return (
            f"{self.label}: the outputs depend on Input '{tensor.name}' of shape {tensor.shape}, which is "
            f"not among the inputs ({', '.join(repr(n) for n in self.names)})"
            + (f"; by way of {way}" if way else "")
        )

    def _check_inputs_are_used(self, outputs: list[Tensor]) -> None:
        used = {id(tensor) for tensor in outputs}
        for node in self.nodes:
            used.update(id(tensor) for tensor in node.tensors())
        for tensor in self.flat_inputs:
            if id(tensor) not in used:
                raise ValueError(
                    f"{self.label}: Input '{tensor.name}' {tensor.shape} reaches none of the outputs: "
                    "leave it out, or use it"
                )

    def _ordered_layers(self) -> list[Layer]:
        """Layers by their distance from the outputs, as Keras orders them, and so their weights."""
        depths: dict[int, int] = {}  # of nodes, inputs and layers, by their ids
        layers: dict[int, Layer] = {}
        own = {id(tensor) for tensor in self.flat_inputs}
        for node in reversed(self.nodes):
            layers[id(node.layer)] = node.layer
            depth = max(depths.get(id(node), 0), depths.get(id(node.layer), 0))
            depths[id(node)] = depths[id(node.layer)] = depth
            for tensor in node.tensors():
                before = id(tensor) if id(tensor) in own else id(tensor.node)
                depths[before] = max(depths.get(before, 0), depth + 1)
        keys = {id(tensor): layer for tensor, layer in zip(self.flat_inputs, self.input_layers, strict=True)}
        order = sorted([*keys, *layers], key=lambda key: (-depths.get(key, 0), self._visits[key]))
        return [keys[key] if key in keys else layers[key] for key in order]

    def _check_names(self) -> None:
        by_name: dict[str, Layer] = {}
        for layer in [*self.input_layers, *self.layers]:
            other = by_name.setdefault(layer.name, layer)
            if other is not layer:
                kinds = f"{type(other).__name__} and {type(layer).__name__}"
                raise ValueError(
                    f"{self.label}: two layers ({kinds}) are named '{layer.name}'; names must differ within "
                    "a model"
                )

    def _input_dtype(self, tensor: Tensor) -> str:
        """Find the type that all layers that take an input agree on."""
        declared = tensor.dtype if tensor.dtype in ("float32", "float64") else "int32"
        if tensor.origin is not None:
            return declared
        wanted: dict[str, str] = {}
        for node in self.nodes:
            given = node.layer._input_dtypes(node.inputs)
            for leaf, dtype in zip(leaves(node.inputs), given, strict=True):
                if leaf is tensor:
                    wanted.setdefault(dtype or declared, node.layer.label)
            if any(leaf is tensor for leaf in leaves(node.arguments)):
                wanted.setdefault(declared, node.layer.label)
        if len(wanted) > 1:
            uses = " and ".join(f"{dtype} by {label}" for dtype, label in wanted.items())
            raise TypeError(
                f"{self.label}: Input '{tensor.name}' of dtype {tensor.dtype} is taken as {uses}; declare an "
                "Input for each, or say its dtype and convert it"
            )
        return next(iter(wanted), declared)

    def run(self, inputs: Any) -> tuple[Any, list[Tensor]]:
        """Call all layers on tensors of a graph; returns outputs and losses."""
        given = distribute(self.label, "inputs", inputs, self.inputs, self.names)
        values: dict[int, Tensor] = {}
        for declared, tensor in zip(self.flat_inputs, given, strict=True):
            if not fits(tensor.shape, declared.shape):
                raise ValueError(
                    f"{self.label}: expected input '{declared.name}' of shape {declared.shape}, got "
                    f"{tensor.shape}"
                )
            values[id(declared)] = tensor

        def value(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, Tensor) else leaf

        for node in self.nodes:
            made = node.layer._call_in_graph(
                map_leaves(value, node.inputs), node.training, map_leaves(value, node.arguments)
            )
            found, wanted = list(leaves(made)), list(leaves(node.outputs))
            if len(found) != len(wanted) or not all(
                fits(tensor.shape, declared.shape) for tensor, declared in zip(found, wanted, strict=True)
            ):
                raise ValueError(
                    f"{node.layer.label}: returned {_shapes(found)}, but {_shapes(wanted)} when it was "
                    "called first: a layer's call must return as many tensors, and the same shapes, each time"
                )
            values.update((id(declared), tensor) for declared, tensor in zip(wanted, found, strict=True))
        return map_leaves(value, self.outputs), [values[id(loss)] for loss in self.losses]

    def output_shapes(self) -> dict[int, Any]:
        """Return what each layer's first call in this network returned, as shapes, by the layer's id."""
        found: dict[int, Any] = {}
        for layer in self.layers:
            if isinstance(layer, InputLayer):
                found[id(layer)] = layer.batch_shape
        for node in self.nodes:
            found.setdefault(id(node.layer), map_leaves(lambda t: t.shape, node.outputs))
        return found

    def connections(self) -> dict[int, list[str]]:
        """Return for each layer the names of what it takes, over all of its calls.

        ``name``, or ``name (2)`` for what its second call returned, with ``[1]`` for the second output.
        """
        found: dict[int, list[str]] = {id(layer): [] for layer in self.layers}
        names = {id(tensor): tensor.name for tensor in self.flat_inputs}
        calls: dict[int, int] = {}
        for node in self.nodes:
            found[id(node.layer)] += [names[id(tensor)] for tensor in node.tensors()]
            number = calls[id(node.layer)] = calls.get(id(node.layer), 0) + 1
            for position, tensor in enumerate(leaves(node.outputs)):
                call = f" ({number})" if number > 1 else ""
                names[id(tensor)] = f"{node.layer.name}{call}" + (f"[{position}]" if position else "")
        return found

    # Configuration -------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Describe layers, calls, inputs and outputs in plain values."""
        from fastnn.layers.serialization import serialize

        places: dict[int, list[Any]] = {
            id(tensor): ["input", position] for position, tensor in enumerate(self.flat_inputs)
        }

        def place(tensor: Any) -> Any:
            return places[id(tensor)]

        calls = []
        for number, node in enumerate(self.nodes):
            calls.append(
                {
                    "layer": node.layer.name,
                    "inputs": encode(node.inputs, place),
                    "arguments": {k: encode(v, place) for k, v in node.arguments.items()},
                    "training": node.training,
                }
            )
            for position, tensor in enumerate(leaves(node.outputs)):
                places[id(tensor)] = [number, position]
        inner = [layer for layer in self.layers if not any(layer is own for own in self.input_layers)]
        layers = [*self.input_layers, *inner]  # inputs in the order in which they are given
        return sharing.describe(
            lambda: {
                "layers": [serialize(layer) for layer in layers],
                "calls": calls,
                "inputs": encode(self.inputs, place),
                "outputs": encode(self.outputs, place),
                "losses": [places[id(loss)] for loss in self.losses],
            }
        )

    @classmethod
    def tensors_from_config(cls, config: Mapping[str, Any]) -> tuple[Any, Any, list[Tensor]]:
        """Make layers and call them; returns inputs, outputs and losses."""
        from fastnn.layers.serialization import deserialize

        with sharing.restoring():
            made = [deserialize(entry) for entry in config["layers"]]
        inputs = [layer.tensor() for layer in made if isinstance(layer, InputLayer)]
        by_name = {layer.name: layer for layer in made}
        if len(by_name) < len(made):
            raise ValueError("two layers have one name")
        known: dict[Any, list[Tensor]] = {"input": inputs}

        def tensor(place: Any, where: str) -> Tensor:
            return _tensor_at(place, known, where)

        for number, call in enumerate(config["calls"]):
            layer = by_name.get(call["layer"])
            if layer is None:
                raise ValueError(f"call {number} is of a layer {call['layer']!r} that is not described")
            training = None if call["training"] is None else bool(call["training"])
            where = f"call {number} of '{layer.name}'"
            arguments = {str(k): decode(v, tensor, where) for k, v in call["arguments"].items()}
            found = layer(decode(call["inputs"], tensor, where), training=training, **arguments)
            known[number] = list(leaves(found))
        return (
            decode(config["inputs"], tensor, "the inputs"),
            decode(config["outputs"], tensor, "the outputs"),
            [tensor(place, "a loss") for place in config.get("losses", [])],
        )


def fits(shape: tuple[Any, ...], declared: tuple[Any, ...]) -> bool:
    """Whether a shape is a declared one; None stands for any extent."""
    return len(shape) == len(declared) and all(
        wanted is None or found == wanted for found, wanted in zip(shape, declared, strict=True)
    )


def _input_layer(tensor: Tensor) -> Layer:
    """Return the layer that stands for an input."""
    name = tensor.name.replace("/", "_")
    layer = InputLayer(tensor.shape[1:], tensor.batch_size, tensor.dtype, name=name)
    node = Node(layer, tensor, {})
    node.outputs = tensor
    layer._nodes.append(node)
    return layer


def _shapes(tensors: list[Tensor]) -> str:
    return " and ".join(str(tensor.shape) for tensor in tensors)


def _tensors(label: str, what: str, value: Any) -> list[Tensor]:
    found = list(leaves(value))
    if not found:
        raise ValueError(f"{label}: there are no {what}")
    for leaf in found:
        if not isinstance(leaf, Tensor) or leaf.graph is not None:
            raise TypeError(
                f"{label}: {what} must be tensors that Input or calls of layers returned, got {leaf!r}"
            )
    return found


def _tensor_at(place: Any, known: Mapping[Any, list[Tensor]], where: str) -> Tensor:
    if not isinstance(place, list) or len(place) != 2 or not isinstance(place[1], int):
        raise ValueError(f"{where}: expected a call's number and an output's, got {place!r}")
    found = known.get(place[0] if isinstance(place[0], (str, int)) else None)
    if found is None:
        raise ValueError(
            f"{where} takes what call {place[0]} returns, which does not come before it: the graph "
            "has a cycle"
        )
    if not 0 <= place[1] < len(found):
        raise ValueError(f"{where}: there is no output {place[1]} of call {place[0]}")
    return found[place[1]]
