"""What is collected while layers add their ops to a graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fastnn import _core
from fastnn.tensor import Tensor, apply_all, graph_input, graph_tensor

if TYPE_CHECKING:
    from fastnn.layers.weight import Weight

_active = threading.local()


class BuildContext:
    """A graph under construction, and what the layers leave for the trainer.

    Parameters
    ----------
    graph : Graph
    training : bool, default False
        Whether layers should behave as in training (dropout, batch statistics).

    Attributes
    ----------
    inputs, outputs : list of Tensor
        The model's, set by `Model.trace`.
    weights : list of (Weight, Tensor)
        All that were used, in the order of first use.
    updates : list of (Weight, Tensor)
        State and the value that it takes at the end of a training step.
    penalties : list of Tensor
        float64 scalars to be added to the loss: regularizers of weights and activations.
    largest : int
        Elements in a sample of the largest tensor.
    batch_size : int or None
        Number of samples in a batch, where an input fixed it.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.BatchNormalization(name="norm")])
    >>> context = model.trace(training=True)
    >>> [weight.path for weight, _ in context.updates]
    ['norm/moving_mean', 'norm/moving_variance']
    """

    def __init__(self, graph: _core.Graph | None = None, training: bool = False) -> None:
        self.graph = _core.Graph() if graph is None else graph
        self.training = training
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.weights: list[tuple[Weight, Tensor]] = []
        self.updates: list[tuple[Weight, Tensor]] = []
        self.penalties: list[Tensor] = []
        self.largest = 1
        self.batch_size: int | None = None
        self.called: dict[int, Any] = {}  # shapes that layers' first calls returned, by the layer's id
        self.given: dict[int, list[Any]] = {}  # what layers were called on, by the layer's id
        self.labels: dict[int, str] = {}  # of the layers that made tensors in int8
        self.bytes_of: dict[Any, int] = {}  # tensors as bytes, by tensor, scale and zero
        self._scopes: list[str] = []
        self._calling: list[Any] = []  # the layers of the scopes
        self._used: dict[int, Tensor] = {}

    @property
    def scope(self) -> str:
        """The layer that is being called, as it appears in messages."""
        return self._scopes[-1] if self._scopes else ""

    @property
    def callers(self) -> list[Any]:
        """The layers that are being called, from the outermost inwards; None for what is no layer."""
        return self._calling

    @property
    def reduced(self) -> bool:
        """Whether the layer that is being called has the dtype policy "mixed_bfloat16"."""
        layer = next((layer for layer in reversed(self._calling) if layer is not None), None)
        return layer is not None and bool(layer._reduced)

    def enter(self, label: str, layer: Any = None) -> None:
        """Begin a layer's call."""
        if layer is not None and any(layer is outer for outer in self._calling):
            chain = " -> ".join([*self._scopes[self._calling.index(layer) :], label])
            raise ValueError(f"{label}: is called within its own call: {chain} is a cycle")
        self._scopes.append(label)
        self._calling.append(layer)

    def leave(self) -> None:
        """End a layer's call."""
        self._scopes.pop()
        self._calling.pop()

    def use(self, weight: Weight) -> Tensor:
        """Return the tensor of a weight, added to the graph (and its penalty with it) at first use."""
        known = self._used.get(id(weight))
        if known is None:
            known = graph_tensor(self.graph, self.graph.parameter(weight.store, weight.name), weight.path)
            self._used[id(weight)] = known
            self.weights.append((weight, known))
            if weight.regularizer is not None and weight.trainable:
                self.penalties.append(_wide(weight.regularizer(known)))
        return known

    def adopt(self, tensor: Tensor) -> Tensor:
        """Return a tensor of this graph; raise ValueError if it is one of another graph."""
        if tensor.graph is not self.graph:
            raise ValueError(
                f"{self.scope}: tensor {tensor.name!r} of shape {tensor.shape} belongs to another graph; "
                "pass it in as an input"
            )
        return tensor

    def once(self, key: Any, make: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        """Return ``make(like)``: a value a sample that stays the same over the steps of a scan.

        In the body of a scan `make` is called once for each key, in the graph around it, with a tensor of
        that graph.
        """
        return make(like)

    def placeholder(self, tensor: Tensor, dtype: str | None, extent: int | None = None) -> Tensor:
        """Add an input that stands for a tensor without a graph.

        An `Input` takes the dtype that its first layer computes in, for the batcher converts anyway; its own
        (of integers: int32) where `dtype` is None. `extent` stands for dimensions that are not given.
        """
        if tensor.origin is not None and (tensor.shape[:1] != (None,) or tensor.dtype == "bool"):
            return self._made_up(tensor, extent)
        kind = tensor.dtype if dtype is None or tensor.origin is not None else dtype
        if kind not in ("float32", "float64"):
            kind = "int32"
        shape = (None, *(extent if n is None else n for n in tensor.shape[1:]))
        made = graph_input(self.graph, shape, kind, tensor.name or "input")
        if tensor.batch_size is not None:
            self.batch_size = tensor.batch_size
        self.inputs.append(made)
        return made

    def _made_up(self, tensor: Tensor, extent: int | None) -> Tensor:
        """Stand for what no input can be: a result that is one for the batch, or truth."""
        shape = [extent if n is None else n for n in tensor.shape]
        if tensor.shape[:1] == (None,):
            number = graph_input(self.graph, (None, *shape[1:]), "int32", tensor.name)
            return apply_all("compare", [number, number], {"kind": "equal"})[0]
        kind = "int32" if tensor.dtype == "bool" else tensor.dtype
        made = apply_all("fill", [], {"value": 0.0, "shape": shape, "dtype": kind})[0]
        return apply_all("compare", [made, made], {"kind": "equal"})[0] if tensor.dtype == "bool" else made

    def add_loss(self, loss: Any, label: str = "") -> None:
        """Add to the loss: the mean over samples and positions, or a scalar as it is."""
        if not isinstance(loss, Tensor) or loss.graph is not self.graph:
            raise TypeError(f"{label}: add_loss takes a tensor that was computed in this call, got {loss!r}")
        if self.graph.batched(loss.id):
            loss = apply_all("weighted_sum", [loss, None, None], {"mean": True})[0]
        if loss.dtype not in ("float32", "float64") or loss.shape:
            raise ValueError(
                f"{label}: add_loss takes a tensor with a number for each sample, or a scalar, got "
                f"{loss.dtype} of shape {loss.shape}"
            )
        self.penalties.append(_wide(loss))

    def assign(self, weight: Weight, value: Tensor) -> None:
        """Let a training step end with `value` in a state; what uses it later in the graph gets that value.

        So a layer that is called twice goes on from its first call.
        """
        if not weight.is_state:
            raise ValueError(
                f"{self.scope}: weight '{weight.name}' is a parameter, only state can be assigned"
            )
        self.use(weight)
        self.updates = [pair for pair in self.updates if pair[0] is not weight]
        self.updates.append((weight, value))
        if value.graph is self.graph and not self.graph.batched(value.id):
            self._used[id(weight)] = value

    def parameter(self, weight: Weight) -> Tensor:
        """Return the tensor that a weight is at the step's begin."""
        self.use(weight)
        return next(tensor for known, tensor in self.weights if known is weight)

    def __enter__(self) -> BuildContext:
        stack: list[Any] = _active.__dict__.setdefault("stack", [])
        stack.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.stack.pop()


def _wide(penalty: Tensor) -> Tensor:
    """Return a scalar in float64, as losses are."""
    return apply_all("cast", [penalty], {"dtype": "float64"})[0] if penalty.dtype == "float32" else penalty


def is_building() -> bool:
    """Whether this thread is building a graph."""
    return bool(getattr(_active, "stack", None))


def current(what: str) -> BuildContext:
    """Return this thread's innermost context; `what` is told if there is none."""
    stack = getattr(_active, "stack", None)
    if not stack:
        raise RuntimeError(
            f"{what}: no graph is being built; call the layer or model on a tensor or an array"
        )
    context: BuildContext = stack[-1]
    return context
