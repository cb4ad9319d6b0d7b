"""`LSTM`, `GRU` and `SimpleRNN`: cells whose loop over steps is one fused op, or a scan."""

from __future__ import annotations

from typing import Any

from fastnn import activations, ops
from fastnn.layers.cells import GRUCell, LSTMCell, SimpleRNNCell
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.kept_states import KeptStates
from fastnn.layers.masking import check_mask
from fastnn.layers.nest import batch_shape, leaves
from fastnn.layers.steps import go_through
from fastnn.layers.weight import Weight
from fastnn.ops._align import over_samples
from fastnn.ops.loops import Zeros
from fastnn.tensor import Tensor, apply, apply_all


class _Recurrent(KeptStates):
    """Mixin that makes a layer of a cell.

    All steps' inputs are projected at once; then one op goes through the steps, a tile of samples together.
    """

    op: str
    outputs: tuple[int, ...]  # which of the op's outputs are y and the last states
    supports_masking = True
    casts_inputs = True
    # Of the cell:
    dtype: str
    units: int
    gates: int
    states: int
    seed: int | None
    activation: Any
    recurrent_activation: Any
    dropout: float
    recurrent_dropout: float
    kernel: Weight
    recurrent_kernel: Weight
    bias: Weight | None
    input_spec: InputSpec | None
    _weights: list[Weight]

    def __init__(
        self,
        units: int,
        *args: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("use_cudnn", None)
        super().__init__(units, *args, **kwargs)  # type: ignore[call-arg]
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.input_spec = InputSpec(ndim=3)
        self._kept: list[Weight] = []
        self._aligned = False  # outputs in the order of the steps even where go_backwards

    def build(self, input_shape: Any) -> None:
        """Create the cell's weights and, if the layer is stateful, the states'."""
        if len(input_shape) != 3:
            raise ValueError(
                f"{self.label}: expected sequences of shape (None, steps, features), got {tuple(input_shape)}"
            )
        super().build((None, input_shape[-1]))  # type: ignore[misc]
        if self.stateful:
            names = ("state_h", "state_c")[: self.states]
            self._make_states([(self.units,)] * self.states, names)
        self.input_spec = InputSpec(ndim=3, axes={-1: input_shape[-1]}, cure="Rebuild the layer for it.")

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Go through the steps; `initial_state` is a tensor (None, units), or a list of two for `LSTM`."""
        if mask is not None:
            mask = check_mask(self.label, mask, inputs, self.dtype)
        if not self._fused:
            return self._step_by_step(inputs, initial_state, mask, training)
        x = inputs
        if training and self.dropout > 0:
            pattern = [1, int(x.shape[-1] or 1)]
            x = apply("dropout", [x], {"rate": self.dropout, "seed": self.seed, "noise_shape": pattern})
        keep = None
        if training and self.recurrent_dropout > 0:
            ones = apply("fill", [], {"value": 1.0, "shape": [self.units], "dtype": self.dtype})
            seed = None if self.seed is None else self.seed + 1
            keep = apply(
                "dropout", [over_samples(ones, inputs)], {"rate": self.recurrent_dropout, "seed": seed}
            )
        begin = self._begin(initial_state, inputs)
        projection, own_bias = self._biases()
        xw = apply("dense", [x, self.kernel, projection])
        made = apply_all(
            self.op, [xw, self.recurrent_kernel, *own_bias, *begin, mask, keep], self._attributes()
        )
        y, *last = (made[number] for number in self.outputs)
        self._keep(last)
        return [y, *last] if self.return_state else y

    @property
    def _fused(self) -> bool:
        """Whether the op offers the activations."""
        wanted = [self.activation]
        if hasattr(self, "recurrent_activation"):
            wanted.append(self.recurrent_activation)
        return all(any(function is own for own in _FUSED) for function in wanted)

    def _step_by_step(self, inputs: Tensor, initial_state: Any, mask: Any, training: bool) -> Any:
        """Apply the cell to each step, with activations that the fused op has not."""
        zeros = Zeros((self.units,), self.dtype)
        given = self._begin(initial_state, inputs)
        output, sequence, states = go_through(
            lambda x, old: super(_Recurrent, self).call(x, old, training=training),  # type: ignore[misc]
            inputs,
            [zeros if state is None else state for state in given],
            zeros,
            mask,
            sequences=self.return_sequences,
            reverse=self.go_backwards,
        )
        self._keep(states)
        if sequence is not None:
            output = ops.flip(sequence, axis=1) if self.go_backwards and not self._aligned else sequence
        return [output, *states] if self.return_state else output

    def _biases(self) -> tuple[Any, list[Any]]:
        """Return the projection's bias, and the op's own operand if it has one."""
        return self.bias, []

    def _attributes(self) -> dict[str, Any]:
        return {
            "activation": activations.serialize(self.activation),
            "reverse": self.go_backwards,
            "sequences": self.return_sequences,
            "processed_order": self.go_backwards and not self._aligned,
        }

    def _begin(self, initial_state: Any, inputs: Tensor) -> list[Any]:
        if initial_state is None:
            return self._kept_states(inputs) if self._kept else [None] * self.states
        given = list(leaves(initial_state))
        if len(given) != self.states:
            raise ValueError(f"{self.label}: expected {self.states} initial states, got {len(given)}")
        for number, state in enumerate(given):
            if state is not None and state.shape != (None, self.units):
                raise ValueError(
                    f"{self.label}: initial state {number} must have shape {(None, self.units)}, "
                    f"got {state.shape}"
                )
        return given

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the steps' mask for a sequence; states and single outputs have none."""
        found = mask if self.return_sequences else None
        return [found, *[None] * self.states] if self.return_state else found

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        state = (None, self.units)
        y = (None, shape[1], self.units) if self.return_sequences else state
        return [y, *[state] * self.states] if self.return_state else y


class LSTM(_Recurrent, LSTMCell):  # type: ignore[misc]
    """Long short-term memory (Hochreiter and Schmidhuber 1997) over a sequence.

    Parameters
    ----------
    units : int
        Size of output and states.
    *args, **kwargs
        Those of `LSTMCell`: ``activation="tanh"``, ``recurrent_activation="sigmoid"``, ``use_bias=True``,
        initializers, ``unit_forget_bias=True``, regularizers, constraints, ``dropout=0.0``,
        ``recurrent_dropout=0.0``, ``seed``; and ``name``, ``trainable``, ``dtype``, ``input_shape``,
        ``activity_regularizer``.
    return_sequences : bool, default False
        Whether to return the output of each step, (None, steps, units), or the last one's alone.
    return_state : bool, default False
        Whether to return the last states h and c, too, after the output.
    go_backwards : bool, default False
        Whether to go from the last step to the first; sequences come in the order in which they were made.
    stateful : bool, default False
        Whether a batch begins with the states that the batch before it ended with, sample for sample. The
        number of samples must be fixed: ``Input(shape, batch_size=...)``. See `reset_states`.
    unroll : bool, default False
        Accepted for likeness to Keras; it changes nothing.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)``: inputs (None, steps, features), initial states [h, c] of
    shape (None, units), mask (None, steps), 0 or False where there is padding. A masked step leaves the
    states as they are and repeats the output before it; before the first step that is there the output is 0.
    A sequence that is masked as a whole thus gives the output 0 and its initial states.

    With the activations tanh, sigmoid, relu, linear, leaky_relu, hard_sigmoid, softsign and exponential the
    whole loop is one fused op, with the default ones the fastest. With others, functions of your own among
    them, it is a scan, as in ``RNN(LSTMCell(...))``.

    Weights: ``kernel`` (features, 4 units), ``recurrent_kernel`` (units, 4 units), ``bias`` (4 units,); gates
    in the order i, f, c, o. PyTorch has the same order, so its weights fit as ``weight_ih_l0.T``,
    ``weight_hh_l0.T`` and ``bias_ih_l0 + bias_hh_l0``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import LSTM
    >>> x = np.ones((2, 3, 4), "float32")
    >>> LSTM(5)(x).shape
    (2, 5)
    >>> y, h, c = LSTM(5, return_sequences=True, return_state=True)(x)
    >>> y.shape, bool((y[:, -1] == h).all())
    ((2, 3, 5), True)
    """

    op = "lstm"
    outputs = (1, 2, 3)

    def _attributes(self) -> dict[str, Any]:
        kind = activations.serialize(self.recurrent_activation)
        return {**super()._attributes(), "recurrent_activation": kind}


class GRU(_Recurrent, GRUCell):  # type: ignore[misc]
    """Gated recurrent units (Cho et al. 2014) over a sequence.

    Parameters
    ----------
    units : int
        Size of output and state.
    *args, **kwargs
        Those of `GRUCell`: ``activation="tanh"``, ``recurrent_activation="sigmoid"``, ``use_bias=True``,
        initializers, regularizers, constraints, ``dropout=0.0``, ``recurrent_dropout=0.0``, ``seed``,
        ``reset_after=True``; and ``name``, ``trainable``, ``dtype``, ``input_shape``,
        ``activity_regularizer``.
    return_sequences, return_state, go_backwards, stateful, unroll : bool, default False
        As for `LSTM`.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)`` and activations as for `LSTM`, with one state.

    Weights: ``kernel`` (features, 3 units), ``recurrent_kernel`` (units, 3 units), ``bias`` (2, 3 units), of
    which the second row is added to the state's product, or (3 units,) without `reset_after`; gates in the
    order z, r, h. PyTorch's order is r, z, n, and its update gate the same: with its rows of weights and
    biases in blocks (1, 0, 2), they fit as ``weight_ih_l0.T``, ``weight_hh_l0.T`` and
    ``[bias_ih_l0, bias_hh_l0]``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GRU
    >>> GRU(5, return_sequences=True)(np.ones((2, 3, 4), "float32")).shape
    (2, 3, 5)
    """

    op = "gru"
    outputs = (1, 2)

    def _biases(self) -> tuple[Any, list[Any]]:
        return (None, [self.bias]) if self.reset_after else (self.bias, [None])

    def _attributes(self) -> dict[str, Any]:
        kind = activations.serialize(self.recurrent_activation)
        return {**super()._attributes(), "recurrent_activation": kind, "reset_after": self.reset_after}


class SimpleRNN(_Recurrent, SimpleRNNCell):  # type: ignore[misc]
    """Fully connected recurrent layer: ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Parameters
    ----------
    units : int
        Size of output and state.
    *args, **kwargs
        Those of `SimpleRNNCell`: ``activation="tanh"``, ``use_bias=True``, initializers, regularizers,
        constraints, ``dropout=0.0``, ``recurrent_dropout=0.0``, ``seed``; and ``name``, ``trainable``,
        ``dtype``, ``input_shape``, ``activity_regularizer``.
    return_sequences, return_state, go_backwards, stateful, unroll : bool, default False
        As for `LSTM`.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)`` and activations as for `LSTM`, with one state.

    Weights: ``kernel`` (features, units), ``recurrent_kernel`` (units, units), ``bias`` (units,).
    PyTorch's fit
    as ``weight_ih_l0.T``, ``weight_hh_l0.T`` and ``bias_ih_l0 + bias_hh_l0``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SimpleRNN
    >>> SimpleRNN(5)(np.ones((2, 3, 4), "float32")).shape
    (2, 5)
    """

    op = "simple_rnn"
    outputs = (1, 2)


_FUSED = (
    activations.tanh,
    activations.sigmoid,
    activations.relu,
    activations.linear,
    activations.leaky_relu,
    activations.hard_sigmoid,
    activations.softsign,
    activations.exponential,
)
