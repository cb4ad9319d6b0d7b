"""Layers that make one tensor of several."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import extents, integer
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class _Merge(Layer):
    """Takes a list of inputs with one shape, or with shapes that broadcast."""

    supports_masking = True
    _fewest = 2
    _most: int | None = None

    def _shapes(self, shapes: Any) -> list[Any]:
        """Check the number of inputs and return their shapes."""
        several = isinstance(shapes, (list, tuple)) and shapes and isinstance(shapes[0], (list, tuple))
        if not several:
            raise ValueError(
                f"{self.label}: expected a list of {self._fewest} or more inputs, got one of shape {shapes}"
            )
        count = len(shapes)
        if count < self._fewest or (self._most is not None and count > self._most):
            number = f"{self._fewest}" if self._most == self._fewest else f"{self._fewest} or more"
            raise ValueError(f"{self.label}: expected a list of {number} inputs, got {count}")
        return [tuple(shape) for shape in shapes]

    def build(self, input_shape: Any) -> None:
        """Check the inputs' shapes."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        """Merge the inputs."""
        self.compute_output_shape([t.shape for t in inputs])
        return self._merge(list(inputs))

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return what all inputs' masks let through; none if an input has none."""
        if mask is None or any(m is None for m in mask):
            return None
        result = mask[0]
        for other in mask[1:]:
            result = apply("multiply", [result, other])
        return result

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for a list of inputs'."""
        shapes = self._shapes(batch_shape(self.label, input_shape))
        extents: list[int | None] = []
        for from_end in range(1, max(len(shape) for shape in shapes)):
            found = {shape[-from_end] for shape in shapes if from_end < len(shape)}
            fixed = found - {1, None}
            if len(fixed) > 1:
                raise ValueError(
                    f"{self.label}: inputs must have one shape, or shapes that broadcast, got "
                    f"{', '.join(map(str, shapes))}"
                )
            extents.insert(0, fixed.pop() if fixed else None if None in found else 1)
        return (None, *extents)


class _Elementwise(_Merge):
    _op = ""

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        result = inputs[0]
        for other in inputs[1:]:
            result = apply(self._op, [result, other])
        return result


class Add(_Elementwise):
    """Sum of the inputs, element by element.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Add
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[11., 22.]], dtype=float32)
    """

    _op = "add"


class Subtract(_Elementwise):
    """The first input less the second.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Subtract
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[ -9., -18.]], dtype=float32)
    """

    _op = "subtract"
    _most = 2


class Multiply(_Elementwise):
    """Product of the inputs, element by element.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Multiply
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[10., 40.]], dtype=float32)
    """

    _op = "multiply"


class Average(_Elementwise):
    """Mean of the inputs, element by element.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Average
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[ 5.5, 11. ]], dtype=float32)
    """

    _op = "add"

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        return apply("scale_shift", [super()._merge(inputs)], {"scale": 1.0 / len(inputs)})


class Maximum(_Elementwise):
    """The largest of the inputs, element by element.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Maximum
    >>> Maximum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
    array([[10., 20.]], dtype=float32)
    """

    _op = "maximum"


class Minimum(_Elementwise):
    """The smallest of the inputs, element by element.

    Parameters
    ----------
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Minimum
    >>> Minimum()([np.array([[1.0, 20.0]]), np.array([[10.0, 2.0]])])
    array([[1., 2.]], dtype=float32)
    """

    _op = "minimum"


class Concatenate(_Merge):
    """The inputs one after the other along an axis.

    Parameters
    ----------
    axis : int, default -1
        Not 0, the samples.
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Concatenate
    >>> Concatenate()([np.array([[1.0, 2.0]]), np.array([[3.0]])])
    array([[1., 2., 3.]], dtype=float32)
    """

    _fewest = 1

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = integer(self.label, "axis", axis, -8)
        if self.axis == 0:
            raise ValueError(f"{self.label}: axis 0 counts samples, which stay apart: take another axis")

    def _axis(self, rank: int) -> int:
        if not -rank < self.axis < rank:
            raise ValueError(f"{self.label}: axis {self.axis} is out of range for inputs of rank {rank}")
        return self.axis % rank

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        if len(inputs) == 1:
            return inputs[0]
        return apply("concatenate", inputs, {"axis": self._axis(inputs[0].ndim) - 1})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks one after the other if the steps are, else what all let through."""
        if mask is None or any(m is None for m in mask):
            return None
        if self._axis(inputs[0].ndim) == 1:
            return apply("concatenate", list(mask), {"axis": 0})
        return super().compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for a list of inputs'."""
        shapes = self._shapes(batch_shape(self.label, input_shape))
        axis = self._axis(len(shapes[0]))
        if len({len(shape) for shape in shapes}) == 1:
            result: list[int | None] = []
            for i, found in enumerate(zip(*shapes, strict=True)):
                fixed = set(found) - {None}
                if i == axis:
                    result.append(None if None in found else sum(found))
                elif len(fixed) > 1:
                    break
                else:
                    result.append(fixed.pop() if fixed else None)
            else:
                return tuple(result)
        raise ValueError(
            f"{self.label}: inputs may differ along axis {axis} alone, got {', '.join(map(str, shapes))}"
        )


class Dot(_Merge):
    """Sums of products of two inputs along an axis of each; the other axes of both stay.

    Parameters
    ----------
    axes : int or (int, int)
        The axis of each input, or of both; not 0, the samples.
    normalize : bool, default False
        Scale both inputs to length 1 along these axes first: the result is the cosine of the angle.
    **kwargs
        ``name``, ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Dot
    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])])
    array([[50.]], dtype=float32)
    """

    supports_masking = False
    _most = 2

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes: Any = axes
        if isinstance(axes, (list, tuple)):
            self.axes = extents(self.label, "axes", axes, 2, -8)
        else:
            self.axes = integer(self.label, "axes", axes, -8)
        self.normalize = bool(normalize)

    def _places(self, shapes: list[Any]) -> list[int]:
        """Return the axes, counted from 0, the samples."""
        given = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        places = []
        for axis, shape in zip(given, shapes, strict=True):
            if not -len(shape) < axis < len(shape) or axis == 0:
                raise ValueError(
                    f"{self.label}: axis {axis} is not one of an input of shape {shape} (0 counts samples)"
                )
            places.append(axis % len(shape))
        extent = [shape[place] for shape, place in zip(shapes, places, strict=True)]
        if None not in extent and extent[0] != extent[1]:
            raise ValueError(
                f"{self.label}: the inputs have {extent[0]} and {extent[1]} entries along axes {self.axes} "
                f"(shapes {shapes[0]} and {shapes[1]})"
            )
        return places

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        places = self._places([t.shape for t in inputs])
        matrices = []
        for tensor, place in zip(inputs, places, strict=True):
            if self.normalize:
                tensor = _of_length_one(tensor, place)
            rest = [i for i in range(tensor.ndim - 1) if i != place - 1]
            turned = apply("transpose", [tensor], {"perm": (*rest, place - 1)})
            matrices.append(apply("reshape", [turned], {"shape": (-1, tensor.shape[place])}))
        product = apply("matmul", matrices, {"transpose_b": True})
        shape = self.compute_output_shape([t.shape for t in inputs])
        return apply("reshape", [product], {"shape": shape[1:]})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for a list of inputs'."""
        shapes = self._shapes(batch_shape(self.label, input_shape))
        places = self._places(shapes)
        kept = [n for shape, place in zip(shapes, places, strict=True) for n in _without(shape, place)]
        return (None, *(kept or [1]))


def _without(shape: Any, place: int) -> tuple[Any, ...]:
    return (*shape[1:place], *shape[place + 1 :])


def _of_length_one(x: Tensor, place: int) -> Tensor:
    """Divide by the length along an axis; lengths below 1e-6 count as that."""
    shape = [1 if i == place else n for i, n in enumerate(x.shape)][1:]
    squares = apply("sum_to", [apply("multiply", [x, x])], {"shape": shape})
    least = apply("fill", [], {"value": 1e-12, "shape": [], "dtype": x.dtype})
    return apply("divide", [x, apply("unary", [apply("maximum", [squares, least])], {"kind": "sqrt"})])
