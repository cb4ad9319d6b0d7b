"""Recurrent layers over sequences of images: an LSTM whose products are convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import activations, constraints, initializers, ops, regularizers
from fastnn.layers._arguments import channels_last, choice, extents, integer, number, positive, spatial_extent
from fastnn.layers.base import Layer
from fastnn.layers.context import current
from fastnn.layers.convolution import as_plane, lift, lower, not_both
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.kept_states import KeptStates
from fastnn.layers.masking import check_mask
from fastnn.layers.nest import batch_shape, leaves
from fastnn.layers.steps import go_through
from fastnn.ops._align import over_samples
from fastnn.ops.loops import Zeros
from fastnn.tensor import Tensor, apply


class _ConvLSTM(KeptStates, Layer):
    """What the layers over one, two and three dimensions share."""

    supports_masking = True
    casts_inputs = True
    _rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        rank = self._rank
        self.filters = positive(self.label, "filters", filters)
        self.kernel_size = extents(self.label, "kernel_size", kernel_size, rank)
        self.strides = extents(self.label, "strides", strides, rank)
        self.padding = choice(self.label, "padding", padding, ("valid", "same"))
        self.data_format = channels_last(self.label, data_format)
        self.dilation_rate = extents(self.label, "dilation_rate", dilation_rate, rank)
        not_both(self.label, self.strides, self.dilation_rate)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.unit_forget_bias = bool(unit_forget_bias)
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
        self.seed = None if seed is None else integer(self.label, "seed", seed, 0)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.input_spec = InputSpec(ndim=rank + 3)
        self._kept = []

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, 4 * self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (*self.kernel_size, self.filters, 4 * self.filters),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (4 * self.filters,),
                self._bias if self.unit_forget_bias else self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        if self.stateful:
            self._make_states([self._state_shape(input_shape)] * 2, ["state_h", "state_c"])
        self.input_spec = InputSpec(
            ndim=self._rank + 3, axes={-1: channels}, what="channels", cure="Rebuild the layer for it."
        )

    def _bias(self, shape: Sequence[int], dtype: str) -> npt.NDArray[Any]:
        values = np.array(self.bias_initializer(shape, dtype))
        values[self.filters : 2 * self.filters] = 1
        return values

    def _state_shape(self, input_shape: Any) -> tuple[Any, ...]:
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, d)
            for n, k, s, d in zip(
                input_shape[2:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        )
        return (*spatial, self.filters)

    def _convolve(self, x: Tensor, kernel: Any, bias: Any, **attributes: Any) -> Any:
        if self._rank > 1:
            return apply(f"conv{self._rank}d", [x, kernel, bias], attributes)
        wide = {k: (1, *v) if isinstance(v, tuple) else v for k, v in attributes.items()}
        return lower(apply("conv2d", [lift(x), as_plane(kernel), bias], wide))

    def _dropped(self, x: Tensor, rate: float, what: str, training: bool) -> Tensor:
        """Drop some of the values, the same at each step of a sequence."""
        if not training or rate == 0.0:
            return x
        shape = [n for n in x.shape if n is not None]

        def pattern(like: Tensor) -> Tensor:
            ones = apply("fill", [], {"value": 1.0, "shape": shape, "dtype": x.dtype})
            return apply("dropout", [over_samples(ones, like)], {"rate": rate, "seed": self.seed})

        return ops.multiply(x, current(self.label).once((id(self), what), pattern, x))  # type: ignore[no-any-return]

    def call(
        self, inputs: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Run along the steps."""
        shape = self._state_shape(inputs.shape)
        begin: Any = [Zeros(shape, self.dtype), Zeros(shape, self.dtype)]
        if initial_state is None and self._kept:
            initial_state = self._kept_states(inputs)
        if initial_state is not None:
            begin = self._checked(list(leaves(initial_state)), begin)
        if mask is not None:
            mask = check_mask(self.label, mask, inputs, self.dtype)
        gate = self.recurrent_activation

        def step(x: Tensor, states: Any) -> tuple[Any, Any]:
            h, c = states
            x = self._dropped(x, self.dropout, "input", training)
            h = self._dropped(h, self.recurrent_dropout, "state", training)
            z = self._convolve(
                x,
                self.kernel,
                self.bias,
                strides=self.strides,
                padding=self.padding,
                dilation=self.dilation_rate,
            )
            z = ops.add(z, self._convolve(h, self.recurrent_kernel, None, padding="same"))
            i, f, candidate, o = ops.split(z, 4, axis=-1)
            c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), self.activation(candidate)))
            h = ops.multiply(gate(o), self.activation(c))
            return h, [h, c]

        output, sequence, states = go_through(
            step,
            inputs,
            begin,
            Zeros(shape, self.dtype),
            mask,
            sequences=self.return_sequences,
            reverse=self.go_backwards,
        )
        self._keep(states)
        if sequence is not None:
            output = ops.flip(sequence, axis=1) if self.go_backwards else sequence
        return [output, *states] if self.return_state else output

    def _checked(self, given: list[Any], begin: list[Any]) -> list[Any]:
        if len(given) != 2:
            raise ValueError(f"{self.label}: expected 2 initial states, h and c, got {len(given)}")
        for name, state in zip("hc", given, strict=True):
            if state.shape != begin[0].shape:
                raise ValueError(
                    f"{self.label}: the initial state {name} must have shape {begin[0].shape}, "
                    f"got {state.shape}"
                )
        return given

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the steps' mask for a sequence; states and single outputs have none."""
        found = mask if self.return_sequences else None
        return [found, None, None] if self.return_state else found

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        state = (None, *self._state_shape(shape))
        output = (None, shape[1], *state[1:]) if self.return_sequences else state
        return [output, state, state] if self.return_state else output


class ConvLSTM2D(_ConvLSTM):
    """LSTM over sequences of images, with convolutions in the place of products (Shi et al. 2015).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Of both convolutions, that of the inputs and that of the state.
    strides : int or (int, int), default 1
        Of the inputs' convolution.
    padding : {"valid", "same"}, default "valid"
        Of the inputs' convolution; that of the state keeps its size.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default 1
        Of the inputs' convolution.
    activation : str, callable or None, default "tanh"
    recurrent_activation : str, callable or None, default "sigmoid"
        Of the gates.
    use_bias : bool, default True
    kernel_initializer, recurrent_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "orthogonal" and "zeros" by default.
    unit_forget_bias : bool, default True
        Whether the forget gate's bias begins at 1.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None
    activity_regularizer : str, Regularizer or None
    kernel_constraint, recurrent_constraint, bias_constraint : str, Constraint or None
    dropout, recurrent_dropout : float, default 0.0
        Part of the inputs and of the state that is dropped in training, the same at each step.
    seed : int, optional
        Of the dropout.
    return_sequences : bool, default False
        Whether to return the output of each step, or the last one's alone.
    return_state : bool, default False
        Whether to return the last states h and c, too, after the output.
    go_backwards : bool, default False
        Whether to go from the last step to the first; sequences come in the order in which they were made.
    stateful : bool, default False
        Whether a batch begins with the states that the batch before it ended with, sample for sample. The
        number of samples must be fixed: ``Input(shape, batch_size=...)``. See `reset_states`.
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    ``call(inputs, initial_state=None, mask=None)``: inputs (None, steps, height, width, channels), mask
    (None, steps); a step that is masked leaves states and output as they are. Output (None, new height, new
    width, filters), with the steps after the samples for sequences. Weights: ``kernel`` (height and width of
    the kernel, channels, 4 filters), ``recurrent_kernel`` (the same, filters, 4 filters), ``bias``
    (4 filters,); gates in the order i, f, c, o.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ConvLSTM2D
    >>> ConvLSTM2D(4, 3, padding="same", return_sequences=True)(np.ones((2, 5, 8, 8, 3), "float32")).shape
    (2, 5, 8, 8, 4)
    """


class ConvLSTM1D(_ConvLSTM):
    """LSTM over sequences of rows, with convolutions in the place of products (Shi et al. 2015).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size, strides, dilation_rate : int
    **kwargs
        All else of `ConvLSTM2D`.

    Notes
    -----
    Inputs (None, steps, rows, channels); see `ConvLSTM2D`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ConvLSTM1D
    >>> ConvLSTM1D(4, 3)(np.ones((2, 5, 8, 3), "float32")).shape
    (2, 6, 4)
    """

    _rank = 1


class ConvLSTM3D(_ConvLSTM):
    """LSTM over sequences of volumes, with convolutions in the place of products (Shi et al. 2015).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size, strides, dilation_rate : int or (int, int, int)
    **kwargs
        All else of `ConvLSTM2D`.

    Notes
    -----
    Inputs (None, steps, depth, height, width, channels); see `ConvLSTM2D`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ConvLSTM3D
    >>> ConvLSTM3D(2, 2)(np.ones((2, 3, 4, 4, 4, 1), "float32")).shape
    (2, 3, 3, 3, 2)
    """

    _rank = 3
