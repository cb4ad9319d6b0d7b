"""Recurrent cells: what `RNN` applies to one step after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import activations, constraints, initializers, ops, regularizers
from fastnn.layers._arguments import number, positive
from fastnn.layers.base import Layer
from fastnn.layers.context import current
from fastnn.layers.nest import batch_shape
from fastnn.ops._align import over_samples
from fastnn.tensor import Tensor, apply


class _Cell(Layer):
    """What the three cells share: weights under Keras' names, dropout, the nest of states."""

    gates = 1
    states = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive(self.label, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.recurrent_dropout = number(
            self.label, "recurrent_dropout", recurrent_dropout, 0.0, 1.0, below=True
        )
        self.seed = None if seed is None else int(seed)

    @property
    def state_size(self) -> Any:
        """Units of the state; a list where there are several."""
        return self.units if self.states == 1 else [self.units] * self.states

    @property
    def output_size(self) -> int:
        """Units of the output."""
        return self.units

    def _bias(self) -> tuple[tuple[int, ...], Any]:
        """Shape and initializer of the bias."""
        return (self.gates * self.units,), self.bias_initializer

    def build(self, input_shape: Any) -> None:
        """Create the weights for one step's input."""
        if len(input_shape) != 2:
            raise ValueError(
                f"{self.label}: expected a step of shape (None, features), got {tuple(input_shape)}; a layer "
                "around the cell, as RNN, takes whole sequences"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.gates * self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, self.gates * self.units),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            shape, initializer = self._bias()
            self.bias = self.add_weight(
                shape,
                initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _dropped(self, x: Tensor, rate: float, what: str, training: bool) -> Tensor:
        """Drop some of the features, the same at each step of a sequence."""
        if not training or rate == 0.0:
            return x
        extents = [n for n in x.shape if n is not None]

        def pattern(like: Tensor) -> Tensor:
            ones = apply("fill", [], {"value": 1.0, "shape": extents, "dtype": x.dtype})
            return apply("dropout", [over_samples(ones, like)], {"rate": rate, "seed": self.seed})

        return ops.multiply(x, current(self.label).once((id(self), what), pattern, x))  # type: ignore[no-any-return]

    def _inputs(self, inputs: Tensor, states: Any, training: bool) -> tuple[Tensor, list[Tensor]]:
        """Input and states, with dropout."""
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(given) != self.states:
            raise ValueError(f"{self.label}: expected {self.states} states, got {len(given)}")
        for state in given:
            if state.shape != (None, self.units):
                raise ValueError(
                    f"{self.label}: expected states of shape (None, {self.units}), got {state.shape}"
                )
        given[0] = self._dropped(given[0], self.recurrent_dropout, "state", training)
        return self._dropped(inputs, self.dropout, "input", training), given

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for a step's."""
        return (*batch_shape(self.label, input_shape)[:-1], self.units)


class SimpleRNNCell(_Cell):
    """Fully connected recurrent cell: ``activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Parameters
    ----------
    units : int
        Size of output and state.
    activation : str, callable or None, default "tanh"
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "orthogonal" and "zeros" by default.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None
    kernel_constraint, recurrent_constraint, bias_constraint : str, Constraint or None
    dropout, recurrent_dropout : float, default 0.0
        Part of the inputs and of the state that is dropped in training, the same at each step.
    seed : int, optional
        Of the dropout.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Called with a step (None, features) and the state [h], (None, units); returns the output, which is the new
    h, and [h]. Weights: ``kernel`` (features, units), ``recurrent_kernel`` (units, units), ``bias`` (units,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> cell = layers.SimpleRNNCell(2)
    >>> output, states = cell(np.ones((3, 4), "float32"), [np.zeros((3, 2), "float32")])
    >>> output.shape
    (3, 2)
    """

    def call(  # type: ignore[override]
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> Any:
        """Compute the output and the new state."""
        x, (h,) = self._inputs(inputs, states, training)
        z = apply("dense", [x, self.kernel, self.bias])
        h = self.activation(ops.add(z, apply("dense", [h, self.recurrent_kernel, None])))
        return h, [h]


class LSTMCell(_Cell):
    """Cell of long short-term memory (Hochreiter and Schmidhuber 1997).

    Parameters
    ----------
    units : int
        Size of output and states.
    activation : str, callable or None, default "tanh"
        Of the candidate and of the output.
    recurrent_activation : str, callable or None, default "sigmoid"
        Of the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "orthogonal" and "zeros" by default.
    unit_forget_bias : bool, default True
        Whether the forget gate's bias begins as 1.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None
    kernel_constraint, recurrent_constraint, bias_constraint : str, Constraint or None
    dropout, recurrent_dropout : float, default 0.0
        Part of the inputs and of the state h that is dropped in training, the same at each step.
    seed : int, optional
        Of the dropout.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Called with a step (None, features) and the states [h, c], (None, units) each; returns the output, which
    is the new h, and [h, c]. Weights: ``kernel`` (features, 4 units), ``recurrent_kernel`` (units, 4 units),
    ``bias`` (4 units,); gates in the order i, f, c, o.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> layers.RNN(layers.LSTMCell(5))(np.ones((2, 3, 4), "float32")).shape
    (2, 5)
    """

    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _bias(self) -> tuple[tuple[int, ...], Any]:
        def forgetting(shape: Sequence[int], dtype: str) -> npt.NDArray[Any]:
            values = np.array(self.bias_initializer(shape, dtype))
            values[self.units : 2 * self.units] = 1
            return values

        return (4 * self.units,), forgetting if self.unit_forget_bias else self.bias_initializer

    def call(  # type: ignore[override]
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> Any:
        """Compute the output and the new states."""
        x, (h, c) = self._inputs(inputs, states, training)
        z = apply("dense", [x, self.kernel, self.bias])
        z = ops.add(z, apply("dense", [h, self.recurrent_kernel, None]))
        i, f, candidate, o = ops.split(z, 4, axis=-1)
        gate = self.recurrent_activation
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), self.activation(candidate)))
        h = ops.multiply(gate(o), self.activation(c))
        return h, [h, c]


class GRUCell(_Cell):
    """Cell of a gated recurrent unit (Cho et al. 2014).

    Parameters
    ----------
    units : int
        Size of output and state.
    activation : str, callable or None, default "tanh"
        Of the candidate.
    recurrent_activation : str, callable or None, default "sigmoid"
        Of the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "orthogonal" and "zeros" by default.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None
    kernel_constraint, recurrent_constraint, bias_constraint : str, Constraint or None
    dropout, recurrent_dropout : float, default 0.0
        Part of the inputs and of the state that is dropped in training, the same at each step.
    seed : int, optional
        Of the dropout.
    reset_after : bool, default True
        Whether the reset gate is applied after the recurrent product (as cuDNN and PyTorch do) or before it.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Called with a step (None, features) and the state [h], (None, units); returns the output, which is the new
    h, and [h]. Weights: ``kernel`` (features, 3 units), ``recurrent_kernel`` (units, 3 units), ``bias``
    (2, 3 units), or (3 units,) without `reset_after`; gates in the order z, r, h.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import layers
    >>> layers.RNN(layers.GRUCell(5), return_sequences=True)(np.ones((2, 3, 4), "float32")).shape
    (2, 3, 5)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    def _bias(self) -> tuple[tuple[int, ...], Any]:
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return shape, self.bias_initializer

    def call(  # type: ignore[override]
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> Any:
        """Compute the output and the new state."""
        old = states[0] if isinstance(states, (list, tuple)) else states
        x, (h,) = self._inputs(inputs, states, training)
        gate = self.recurrent_activation
        both = 2 * self.units
        if self.reset_after:
            bias, recurrent_bias = (
                (None, None) if self.bias is None else (ops.getitem(self.bias, i) for i in (0, 1))
            )
            z, r, candidate = ops.split(apply("dense", [x, self.kernel, bias]), 3, axis=-1)
            inner = apply("dense", [h, self.recurrent_kernel, recurrent_bias])
            recurrent_z, recurrent_r, recurrent_h = ops.split(inner, 3, axis=-1)
            z, r = gate(ops.add(z, recurrent_z)), gate(ops.add(r, recurrent_r))
            recurrent_h = ops.multiply(r, recurrent_h)
        else:
            z, r, candidate = ops.split(apply("dense", [x, self.kernel, self.bias]), 3, axis=-1)
            kernel = ops.getitem(self.recurrent_kernel, (slice(None), slice(0, both)))
            recurrent_z, recurrent_r = ops.split(apply("dense", [h, kernel, None]), 2, axis=-1)
            z, r = gate(ops.add(z, recurrent_z)), gate(ops.add(r, recurrent_r))
            kernel = ops.getitem(self.recurrent_kernel, (slice(None), slice(both, None)))
            recurrent_h = apply("dense", [ops.multiply(r, h), kernel, None])
        candidate = self.activation(ops.add(candidate, recurrent_h))
        h = ops.add(ops.multiply(z, old), ops.multiply(ops.subtract(1.0, z), candidate))
        return h, [h]
