"""The loop over steps of layers whose cell is made of ops: one node, a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import ops
from fastnn.layers.nest import leaves, map_leaves
from fastnn.ops.loops import Zeros, trace_scan
from fastnn.tensor import Tensor


def go_through(
    cell: Callable[[Tensor, Any], tuple[Any, Any]],
    inputs: Tensor,
    begin: Any,
    previous: Zeros,
    mask: Tensor | None,
    *,
    sequences: bool,
    reverse: bool,
    zero_output_for_mask: bool = False,
) -> tuple[Tensor, Tensor | None, Any]:
    """Apply a cell to each step.

    Parameters
    ----------
    cell : callable
        Takes a step's inputs and the states; returns the output and the new states, structured alike.
    inputs : Tensor
        (None, steps, ...).
    begin : Zeros or Tensor, or a structure of them
        The states before the first step.
    previous : Zeros
        What stands for the output before the first step that is there.
    mask : Tensor or None
        (None, steps), 0 for padding, at which states and output stay as they are.
    sequences : bool
        Whether each step's output is asked for.
    reverse : bool
        Whether to begin at the last step; sequences are in the order of the inputs all the same.
    zero_output_for_mask : bool, default False
        Whether the outputs of padding are 0.

    Returns
    -------
    tuple
        The last output, the steps' outputs or None, and the last states.
    """
    xs = {"x": inputs} if mask is None else {"x": inputs, "mask": mask}

    def step(carry: Any, x: Any) -> Any:
        states, before = carry["states"], carry["output"]
        output, new = cell(x["x"], states)
        if mask is None:
            return {"states": new, "output": output}, output
        news = iter(list(leaves(new)))
        kept = map_leaves(lambda old: _choose(x["mask"], next(news), old), states)
        shown = _choose(x["mask"], output, 0.0 if zero_output_for_mask else before)
        return {"states": kept, "output": shown}, shown

    wanted = step if sequences else (lambda carry, x: (step(carry, x)[0], None))
    carry, sequence = trace_scan(wanted, {"states": begin, "output": previous}, xs, None, reverse)
    return carry["output"], sequence, carry["states"]


def _choose(mask: Tensor, new: Tensor, old: Any) -> Any:
    """Take `new` where the mask, a number a sample, is not 0."""
    spread = ops.reshape(mask, (-1, *(1 for _ in new.shape[1:])))
    return ops.where(ops.not_equal(spread, 0.0), new, old)
