"""One compiled loop: a graph of model, loss and metrics, and the C++ trainer that runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnn import _core
from fastnn.layers.context import BuildContext
from fastnn.tensor import Tensor, graph_input

if TYPE_CHECKING:
    from fastnn.layers.weight import Weight
    from fastnn.models.base import Model

Array = npt.NDArray[Any]
Logs = dict[str, Any]


@dataclass
class Data:
    """Arrays with one row a sample, checked and ready for the C++ loop.

    Attributes
    ----------
    x : list of ndarray
        One for each of the model's inputs.
    y : list of ndarray or None
        One for each output; None where it has neither loss nor metrics.
    weights : list of ndarray or None
        Sample weights of each output.
    class_weights : list of tuple or None
        Weights of each output's classes.
    """

    x: list[Array]
    y: list[Array | None]
    weights: list[Array | None] = field(default_factory=list)
    class_weights: list[tuple[float, ...] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = self.weights or [None] * len(self.y)
        self.class_weights = self.class_weights or [None] * len(self.y)

    @property
    def samples(self) -> int:
        """Number of rows."""
        return int(self.x[0].shape[0])

    def arrays(self) -> list[Array]:
        """All, in the order of the graph's inputs."""
        return [*self.x, *(a for a in (*self.y, *self.weights) if a is not None)]

    def part(self, first: int, last: int) -> Data:
        """Rows from `first` up to `last`, without a copy."""

        def rows(arrays: Sequence[Array | None]) -> list[Array | None]:
            return [None if a is None else a[first:last] for a in arrays]

        return Data(
            [a[first:last] for a in self.x], rows(self.y), rows(self.weights), list(self.class_weights)
        )

    def key(self) -> tuple[Any, ...]:
        """Return what a loop's graph depends on, apart from the inputs."""
        return (
            tuple(
                None if a is None else (a.shape[1:], str(a.dtype) if a.dtype.kind in "iub" else "f")
                for a in self.y
            ),
            tuple(None if a is None else a.shape[1:] for a in self.weights),
            tuple(self.class_weights),
        )


@dataclass
class Outcome:
    """What a run of the loop gave, to be added up over batches.

    Attributes
    ----------
    loss_sum : float
        Sum over samples of the mean loss.
    samples, steps : int
    accumulators : list of ndarray
        Of all metrics, in order.
    stopped : bool
    raised : BaseException or None
        To be raised now that the model is whole (Ctrl-C, or a hook's exception).
    nonfinite_steps : int
        Steps whose loss was not finite.
    """

    loss_sum: float = 0.0
    samples: int = 0
    steps: int = 0
    accumulators: list[Array] = field(default_factory=list)
    stopped: bool = False
    raised: BaseException | None = None
    nonfinite_steps: int = 0

    def add(self, other: Outcome) -> None:
        """Take in another run's outcome."""
        self.loss_sum += other.loss_sum
        self.samples += other.samples
        self.steps += other.steps
        self.nonfinite_steps += other.nonfinite_steps
        self.stopped |= other.stopped
        self.raised = self.raised or other.raised
        if self.accumulators:
            self.accumulators = [a + b for a, b in zip(self.accumulators, other.accumulators, strict=True)]
        else:
            self.accumulators = list(other.accumulators)


class Loop:
    """A training loop (with an optimizer) or an evaluation loop (without).

    Parameters
    ----------
    model : Model
        Built; its `compile` has been called.
    data : Data
        An example of what the loop will get: only shapes and dtypes are read.
    training : bool
    """

    def __init__(self, model: Model, data: Data, training: bool) -> None:
        objectives = model._objectives()
        context: BuildContext = model.trace(training, model._inputs_like(data.x))
        graph = context.graph
        several = len(objectives.names) > 1
        y_ids: list[int | None] = []
        for position, (output, y) in enumerate(zip(context.outputs, data.y, strict=True)):
            y_ids.append(None)
            if y is not None:
                name = f"y[{objectives.names[position]}]" if several else "y"
                dims, dtype = _label_spec(objectives.losses[position], output, y)
                y_ids[-1] = graph_input(graph, (None, *dims), dtype, name).id
        weight_ids: list[int | None] = []
        for position, (output, weight) in enumerate(zip(context.outputs, data.weights, strict=True)):
            weight_ids.append(None)
            if weight is not None:
                name = f"sample_weight[{objectives.names[position]}]" if several else "sample_weight"
                weight_ids[-1] = graph_input(graph, (None, *weight.shape[1:]), output.dtype, name).id
        for position, table in enumerate(data.class_weights):
            y_id = y_ids[position]
            if table is not None and y_id is not None:
                attributes: dict[str, Any] = {"weights": list(table)}
                ignored = getattr(objectives.losses[position], "ignore_class", None)
                if ignored is not None:
                    attributes["ignore_index"] = ignored
                operands = [y_id, context.outputs[position].id, weight_ids[position]]
                weight_ids[position] = graph.add("label_weight", operands, attributes, "class_weight")[0]

        total = None
        means: list[int] = []  # each output's loss, where several have one
        self.loss_names: list[str] = []
        for position, (loss, y_id) in enumerate(zip(objectives.losses, y_ids, strict=True)):
            if loss is None or y_id is None:
                continue
            name = f"loss[{objectives.names[position]}]" if several else "loss"
            mask = context.outputs[position].mask
            made = loss.build(
                graph,
                y_id,
                context.outputs[position].id,
                weight_ids[position],
                name,
                mask=None if mask is None else mask.id,
            )
            means.append(made)
            self.loss_names.append(f"{objectives.names[position]}_loss")
            factor = objectives.factors[position]
            if factor != 1.0:
                made = graph.add("scale_shift", [made], {"scale": factor}, name)[0]
            total = made if total is None else graph.add("add", [total, made], {}, "loss")[0]
        if len(means) < 2:
            means, self.loss_names = [], []
        for penalty in context.penalties:
            total = penalty.id if total is None else graph.add("add", [total, penalty.id], {}, "loss")[0]
        if total is None:
            raise ValueError(
                f"{model.label}: there is nothing to minimise: compile with a loss, or use add_loss"
            )

        self.metrics: list[tuple[str, Any, int]] = []  # (name in logs, metric, number of its accumulators)
        accumulators: list[int] = list(means)
        taken = ["loss", *self.loss_names]
        resolved = [
            (position, metric, weighted)
            for position, y in enumerate(data.y)
            if y is not None
            for metric, weighted in objectives.metrics_for(position, context.outputs[position], y)
        ]
        for position, metric, weighted in resolved:
            y_id = y_ids[position]
            assert y_id is not None
            weight_id = _masked_weight(
                graph, context.outputs[position], weight_ids[position] if weighted else None
            )
            made_ids = metric.build(graph, y_id, context.outputs[position].id, weight_id)
            taken.append(objectives.log_name(position, metric, weighted, taken))
            self.metrics.append((taken[-1], metric, len(made_ids)))
            accumulators.extend(made_ids)

        self.optimizer: Any = None
        self.graph = graph
        updates = [(context.parameter(weight).id, value.id) for weight, value in context.updates]
        if training:
            trained = [(weight, tensor) for weight, tensor in context.weights if weight.trainable]
            gradients = graph.gradients(total, [tensor.id for _, tensor in trained])
            weights = [weight for weight, _ in trained]
            paths = model._weight_paths(weights)
            self.optimizer = model.optimizer._create(weights, model._rate_multipliers(paths), paths)
            constraint_graph, constraints = _constraints([weight for weight, _ in trained])
            self.trainer = _core.Trainer(
                graph,
                total,
                accumulators,
                gradients,
                updates,
                self.optimizer,
                constraint_graph,
                constraints,
                means=len(means),
                arenas=model._arenas,
            )
        else:
            self.trainer = _core.Trainer(
                graph,
                total,
                accumulators,
                assignments=updates,
                means=len(means),
                arenas=model._arenas,
            )
        if os.environ.get("FASTNN_PROFILE", "0") not in ("", "0"):
            self.trainer.profiling = True

    def run(
        self,
        data: Data,
        options: Mapping[str, Any],
        progress: Callable[[int, Logs], bool | None] | None = None,
    ) -> Outcome:
        """Run over the data once.

        Parameters
        ----------
        data : Data
        options : mapping
            Of `_core.Trainer.run_epoch`.
        progress : callable, optional
            Called at most ten times a second with the steps done and the logs so far; False stops.

        Returns
        -------
        Outcome
        """
        chosen = dict(options)
        if progress is not None:
            report = progress  # for the closure's type
            chosen["progress"] = lambda steps, loss, values, samples: report(
                steps, self.logs(loss, values, samples)
            )
        made = self.trainer.run_epoch(data.arrays(), chosen)
        return Outcome(
            loss_sum=made["loss"] * made["samples"],
            samples=made["samples"],
            steps=made["steps"],
            accumulators=list(made["accumulators"]),
            stopped=made["stopped"],
            raised=made["raised"],
            nonfinite_steps=made["nonfinite_steps"],
        )

    def logs(self, loss: float, accumulators: Sequence[Array], samples: int) -> Logs:
        """Name the losses and every metric's result."""
        logs: Logs = {"loss": float(loss)}
        first = len(self.loss_names)
        for name, value in zip(self.loss_names, accumulators[:first], strict=True):
            logs[name] = float(value) / max(1, samples)
        for name, metric, count in self.metrics:
            value = metric.result(list(accumulators[first : first + count]))
            logs[name] = float(value) if np.ndim(value) == 0 else np.asarray(value)
            first += count
        return logs

    def outcome_logs(self, outcome: Outcome) -> Logs:
        """Return the logs of a whole run."""
        return self.logs(outcome.loss_sum / max(1, outcome.samples), outcome.accumulators, outcome.samples)


def _label_spec(loss: Any, output: Any, y: Array) -> tuple[list[int], str]:
    """Shape and type of an output's labels in the graph."""
    dims = [int(n or 1) for n in output.shape[1:]]
    if loss is not None:
        found: tuple[list[int], str] = loss.label_spec(dims, output.dtype)
        return found
    same = list(y.shape[1:]) == dims
    return (dims, output.dtype) if same else (dims[:-1], "int32")


def _constraints(weights: Sequence[Weight]) -> tuple[Any, list[tuple[int, int]]]:
    """Graph of the constrained values of those weights that have a constraint."""
    constrained = [weight for weight in weights if weight.constraint is not None]
    if not constrained:
        return None, []
    context = BuildContext()
    pairs = []
    with context:
        for weight in constrained:
            tensor = context.use(weight)
            pairs.append((tensor.id, weight.constraint(tensor).id))
    return context.graph, pairs


def _masked_weight(graph: _core.Graph, output: Tensor, weight: int | None) -> int | None:
    """Weight of a metric's samples or positions: none where the output's mask says that there is padding."""
    if output.mask is None:
        return weight
    if weight is None:
        return output.mask.id
    shape, steps = graph.shape(weight), graph.shape(output.mask.id)
    aligned = graph.add("reshape", [weight], {"shape": [*shape, *[1] * (len(steps) - len(shape))]})[0]
    return int(graph.add("multiply", [aligned, output.mask.id], {}, "mask")[0])
