"""Dense layers between any axes, in Einstein's notation."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, ops, regularizers
from fastnn.layers._arguments import integer
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor


class EinsumDense(Layer):
    """``activation(einsum(equation, x, kernel) + bias)``: a dense layer that says which axes it sums over.

    Parameters
    ----------
    equation : str
        As `fastnn.ops.einsum` takes it, of input and kernel: ``"ab,bc->ac"`` is a `Dense` layer on rows,
        ``"...x,xy->...y"`` on any number of axes. The input's first letter, or its Ellipsis, has the samples.
    output_shape : int, or tuple of int and None
        Extents of the output's axes that have a letter, without the samples; None where it is the input's.
    activation : str, callable or None
        By default none.
    bias_axes : str, optional
        Letters of the output that the bias has, such as ``"c"``; without it there is no bias.
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Weights: ``kernel``, whose shape the equation and both shapes tell, and ``bias``, which has the output's
    axes from the first of `bias_axes` on, of extent 1 where their letters are not among these.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import EinsumDense
    >>> layer = EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(np.ones((2, 32, 128), "float32")).shape
    (2, 32, 64)
    >>> [w.shape for w in layer.weights]
    [(128, 64), (64,)]
    """

    casts_inputs = True

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.equation = equation
        self._letters = _parsed(self.label, equation)
        extents = output_shape if isinstance(output_shape, (list, tuple)) else (output_shape,)
        self.output_shape: Any = tuple(
            None if n is None else integer(self.label, "output_shape", n, 1) for n in extents
        )
        self.activation = activations.get(activation)
        if bias_axes is not None and not isinstance(bias_axes, str):
            raise TypeError(
                f"{self.label}: bias_axes must be letters of the output or None, got {bias_axes!r}"
            )
        self.bias_axes = bias_axes
        output = self._letters[2]
        for letter in bias_axes or "":
            if letter not in output.replace(".", ""):
                raise ValueError(
                    f"{self.label}: bias_axes={bias_axes!r} has '{letter}', which is not among the output's "
                    f"letters '{output}' (equation {equation!r})"
                )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _spread(self, shape: Any) -> tuple[str, str]:
        """Return the letters of input and output with a sign for each axis of the Ellipsis."""
        source, _, output = self._letters
        count = len(shape) - len(source.replace("...", "")) if "..." in source else 0
        dots = "".join(chr(ord("①") + i) for i in range(max(count, 0)))
        letters = source.replace("...", dots)
        if count < 0 or len(letters) != len(shape):
            raise ValueError(
                f"{self.label}: equation {self.equation!r} needs an input with a letter for each axis, "
                f"got the shape {tuple(shape)}"
            )
        result = output.replace("...", dots)
        if result[:1] != letters[:1]:
            raise ValueError(
                f"{self.label}: equation {self.equation!r}: the first axis of input and output must be the "
                "same, for it counts the samples"
            )
        return letters, result

    def _output_extents(self, shape: Any) -> list[int | None]:
        letters, result = self._spread(shape)
        known = dict(zip(letters, shape, strict=True))
        named = self._letters[2].replace("...", "")
        named = named[1:] if named[:1] == result[0] else named  # that of the samples
        if len(self.output_shape) != len(named):
            raise ValueError(
                f"{self.label}: output_shape {self.output_shape} must have {len(named)} extents, for the "
                f"axes '{named}': those of samples and '...' are not among them (equation {self.equation!r})"
            )
        for letter, given in zip(named, self.output_shape, strict=True):
            found = known.setdefault(letter, given)
            if given is not None and found is not None and given != found:
                raise ValueError(
                    f"{self.label}: output_shape {self.output_shape} has {given} for '{letter}', of which "
                    f"the input has {found} (input shape {tuple(shape)}, equation {self.equation!r})"
                )
            known[letter] = given if found is None else found
        return [known[letter] for letter in result[1:]]

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        letters, result = self._spread(input_shape)
        extents = self._output_extents(input_shape)
        known = {
            **dict(zip(result[1:], extents, strict=True)),
            **dict(zip(letters, input_shape, strict=True)),
        }
        for letter in self._letters[1]:
            if known.get(letter) is None:
                raise ValueError(
                    f"{self.label}: equation {self.equation!r}: the extent of '{letter}' in the kernel is "
                    "not known: give it in output_shape, or fix the input's "
                    f"(input shape {tuple(input_shape)})"
                )
        self.kernel = self.add_weight(
            tuple(known[letter] for letter in self._letters[1]),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.bias_axes:
            first = min(result.index(letter) for letter in self.bias_axes)
            if first == 0:
                raise ValueError(f"{self.label}: bias_axes={self.bias_axes!r} names the axis of the samples")
            self.bias = self.add_weight(
                tuple(known[c] if c in self.bias_axes else 1 for c in result[first:]),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        out = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            out = ops.add(out, self.bias)
        return self.activation(out)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return (None, *self._output_extents(batch_shape(self.label, input_shape)))


def _parsed(label: str, equation: Any) -> tuple[str, str, str]:
    """Return the letters of input, kernel and output."""
    if not isinstance(equation, str):
        raise TypeError(f"{label}: equation must be a string such as 'ab,bc->ac', got {equation!r}")
    operands, arrow, output = equation.replace(" ", "").partition("->")
    source, comma, kernel = operands.partition(",")
    parts = (source, kernel, output)
    good = bool(arrow and comma and "," not in kernel and all(parts))
    for part in parts:
        letters = part.replace("...", "", 1)
        good = good and (not letters or letters.isalpha()) and len(set(letters)) == len(letters)
    if not good or "..." in kernel or ("..." in source) != ("..." in output):
        raise ValueError(
            f"{label}: equation must be of input, kernel and output, such as 'ab,bc->ac', '...x,xy->...y' or "
            f"'ab...,bc->ac...', got {equation!r}"
        )
    unknown = set(output) - set(source + kernel)
    if unknown:
        raise ValueError(
            f"{label}: equation {equation!r}: '{min(unknown)}' of the output is in neither input nor kernel"
        )
    return source, kernel, output
