"""`RNN`: a cell applied to each step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import ops
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.kept_states import KeptStates
from fastnn.layers.masking import check_mask
from fastnn.layers.nest import leaves, map_leaves
from fastnn.layers.serialization import deserialize
from fastnn.layers.stacked_cells import StackedRNNCells, call_cell, check_cell, output_and_states
from fastnn.layers.steps import go_through
from fastnn.ops.loops import Zeros
from fastnn.tensor import Tensor


class RNN(KeptStates, Layer):
    """Applies a recurrent cell to each step of a sequence.

    The loop over steps is one node of the graph, whatever the cell does; see `fastnn.ops.scan`.

    Parameters
    ----------
    cell : Layer, or list of layers
        `LSTMCell`, `GRUCell`, `SimpleRNNCell`, `StackedRNNCells` (made of a list of cells), or a layer of
        your own with ``call(inputs, states)``, which returns the output and the new states, and with an
        attribute ``state_size``: an int, or a list of ints and shapes, one for each state. ``output_size``
        may say the output's.
    return_sequences : bool, default False
        Whether to return the output of each step, (None, steps, ...), or the last one's alone.
    return_state : bool, default False
        Whether to return the last states, too, after the output.
    go_backwards : bool, default False
        Whether to go from the last step to the first; sequences come in the order in which they were made.
    stateful : bool, default False
        Whether a batch begins with the states that the batch before it ended with, sample for sample. The
        number of samples must be fixed: ``Input(shape, batch_size=...)``. See `reset_states`.
    unroll : bool, default False
        Accepted for likeness to Keras; it changes nothing.
    zero_output_for_mask : bool, default False
        Whether outputs of masked steps are 0, and not those of the step before.
    time_major : bool, default False
        Refused where it is True: samples come first.
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)``: inputs (None, steps, ...), initial states as the cell has
    them (zeros by default), mask (None, steps) of bools or zeros and ones. A step that is masked leaves the
    states as they are and repeats the output before it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers, ops
    >>> class Decay(layers.Layer):
    ...     state_size = 2
    ...     def call(self, inputs, states):
    ...         new = 0.5 * states[0] + inputs
    ...         return new, [new]
    >>> layers.RNN(Decay())(np.ones((1, 3, 2), "float32"))
    array([[1.75, 1.75]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        time_major: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=self.dtype_policy)
        check_cell(self.label, cell)
        if time_major:
            raise ValueError(
                f"{self.label}: time_major=True is not supported: samples come first. Swap the axes of the "
                "input: np.swapaxes(x, 0, 1)"
            )
        self.cell = cell
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.time_major = False
        self.input_spec = InputSpec(min_ndim=3)
        self._kept = []

    def build(self, input_shape: Any) -> None:
        """Build the cell for one step."""
        if not self.cell.built:
            step = (None, *input_shape[2:])
            # Called once on a stand-in, a cell of cells builds what is within, too.
            self.cell._declare(Tensor(step, self.dtype, "step"), None, {"states": self._declared_states()})
        if self.stateful:
            shapes = [state.shape[1:] for state in leaves(self._zeros())]
            self._make_states(shapes, [f"state_{number}" for number in range(len(shapes))])
        self.input_spec = InputSpec(
            ndim=len(input_shape), axes={-1: input_shape[-1]}, cure="Rebuild the layer for it."
        )

    def _shapes(self) -> Any:
        return _state_shapes(self.cell)

    def _declared_states(self) -> Any:
        states = _map_shapes(lambda shape: Tensor((None, *shape), self.dtype, "state"), self._shapes())
        return states if isinstance(states, list) else [states]

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Run the cell along the steps."""
        if initial_state is None and self._kept:
            initial_state = self._kept_states(inputs)
        if mask is not None:
            mask = check_mask(self.label, mask, inputs, self.dtype)
        output, sequence, states = go_through(
            lambda x, states: call_cell(self.cell, x, states),
            inputs,
            self._begin(initial_state),
            Zeros(self._output_shape(inputs), self.dtype),
            mask,
            sequences=self.return_sequences,
            reverse=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
        )
        self._keep(list(leaves(states)))
        if sequence is not None:
            output = ops.flip(sequence, axis=1) if self.go_backwards else sequence
        return [output, *leaves(states)] if self.return_state else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the steps' mask for a sequence; states and single outputs have none."""
        found = mask if self.return_sequences else None
        return [found, *[None for _ in leaves(self._zeros())]] if self.return_state else found

    def _zeros(self) -> Any:
        return _map_shapes(lambda shape: Zeros(shape, self.dtype), self._shapes())

    def _begin(self, initial_state: Any) -> Any:
        """Return the initial states in the structure of the cell's."""
        zeros = self._zeros()
        if initial_state is None:
            return zeros
        expected = list(leaves(zeros))
        given = list(leaves(initial_state))
        if len(given) != len(expected):
            raise ValueError(f"{self.label}: expected {len(expected)} initial states, got {len(given)}")
        for number, (want, got) in enumerate(zip(expected, given, strict=True)):
            if got is not None and got.shape != want.shape:
                raise ValueError(
                    f"{self.label}: initial state {number} must have shape {want.shape}, got {got.shape}"
                )
        states = iter(want if got is None else got for want, got in zip(expected, given, strict=True))
        return map_leaves(lambda _: next(states), zeros)

    def _output_shape(self, inputs: Tensor) -> tuple[int, ...]:
        """Shape of one step's output of one sample: what the cell says, or what comes out of it."""
        known = getattr(self.cell, "output_size", None)
        if isinstance(known, int):
            return (known,)
        if known is not None:
            return tuple(known)
        step = Tensor((None, *inputs.shape[2:]), inputs.dtype, "step")
        returned = self.cell._declare(step, None, {"states": self._declared_states()})
        output, _ = output_and_states(self.cell, returned)
        return tuple(n for n in output.shape if n is not None)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make the layer from what `get_config` returned."""
        values = dict(config)
        cell = values.pop("cell")
        return cls(deserialize(cell) if isinstance(cell, Mapping) else cell, **values)


def _state_shapes(cell: Any) -> Any:
    """Shapes of a cell's states, in a list where there are several; those of cells of cells are nested."""
    if isinstance(cell, StackedRNNCells):
        return [_state_shapes(inner) for inner in cell.cells]
    size = cell.state_size
    if isinstance(size, (list, tuple)):
        return [(item,) if isinstance(item, int) else tuple(item) for item in size]
    return (int(size),)


def _map_shapes(function: Any, shapes: Any) -> Any:
    if isinstance(shapes, list):
        return [_map_shapes(function, shape) for shape in shapes]
    return function(shapes)
