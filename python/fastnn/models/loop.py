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
from fastnn.tensor import graph_input

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
    x, y : list of ndarray
        One for each of the model's inputs and outputs.
    weight : ndarray or None
        Sample weights, shape (n,).
    """

    x: list[Array]
    y: list[Array]
    weight: Array | None = None

    @property
    def samples(self) -> int:
        """Number of rows."""
        return int(self.x[0].shape[0])

    def arrays(self) -> list[Array]:
        """All, in the order of the graph's inputs."""
        return [*self.x, *self.y, *([] if self.weight is None else [self.weight])]

    def part(self, first: int, last: int) -> Data:
        """Rows from `first` up to `last`, without a copy."""
        weight = None if self.weight is None else self.weight[first:last]
        return Data([a[first:last] for a in self.x], [a[first:last] for a in self.y], weight)


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
        compiled = model.compiled
        context: BuildContext = model.trace(training)
        graph = context.graph
        weight_id = None
        y_ids = []
        for position, output in enumerate(context.outputs):
            prediction_dims = [int(n or 1) for n in output.shape[1:]]
            dims, dtype = compiled.losses[position].label_spec(prediction_dims, output.dtype)
            name = "y" if len(data.y) == 1 else f"y[{position}]"
            y_ids.append(graph_input(graph, (None, *dims), dtype, name).id)
        if data.weight is not None:
            weight_id = graph_input(graph, (None,), context.outputs[0].dtype, "sample_weight").id
        total = None
        for position, (loss, y_id, output) in enumerate(
            zip(compiled.losses, y_ids, context.outputs, strict=True)
        ):
            made = loss.build(
                graph, y_id, output.id, weight_id, f"loss[{position}]" if len(y_ids) > 1 else "loss"
            )
            total = made if total is None else graph.add("add", [total, made], {}, "loss")[0]
        assert total is not None
        for penalty in context.penalties:
            total = graph.add("add", [total, penalty.id], {}, "loss")[0]

        self.metrics: list[tuple[Any, int]] = []  # (metric, number of its accumulators)
        accumulators: list[int] = []
        for position, metrics in enumerate(compiled.metrics_for(context.outputs, data.y)):
            for metric, weighted in metrics:
                made_ids = metric.build(
                    graph, y_ids[position], context.outputs[position].id, weight_id if weighted else None
                )
                self.metrics.append((metric, len(made_ids)))
                accumulators.extend(made_ids)

        self.optimizer: Any = None
        self.graph = graph
        if training:
            trained = [(weight, tensor) for weight, tensor in context.weights if weight.trainable]
            gradients = graph.gradients(total, [tensor.id for _, tensor in trained])
            self.optimizer = model.optimizer._create([weight for weight, _ in trained])
            updates = [(context.use(weight).id, value.id) for weight, value in context.updates]
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
            )
        else:
            self.trainer = _core.Trainer(graph, total, accumulators)
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
            chosen["progress"] = lambda steps, loss, values: report(steps, self.logs(loss, values))
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

    def logs(self, loss: float, accumulators: Sequence[Array]) -> Logs:
        """Name the loss and every metric's result."""
        logs: Logs = {"loss": float(loss)}
        first = 0
        for metric, count in self.metrics:
            value = metric.result(list(accumulators[first : first + count]))
            logs[metric.name] = float(value) if np.ndim(value) == 0 else np.asarray(value)
            first += count
        return logs

    def outcome_logs(self, outcome: Outcome) -> Logs:
        """Return the logs of a whole run."""
        return self.logs(outcome.loss_sum / max(1, outcome.samples), outcome.accumulators)


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
