"""`forward` and `vjp`: a model's parts for training loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, data_adapter
from fastnn.layers.weight import Weight
from fastnn.models.structure import distribute
from fastnn.tensor import graph_input

Array = npt.NDArray[Any]

_KEPT = 16


class Differentiable:
    """Mixin that gives a model `forward` and `vjp`, to be used apart and across models.

    With the optimizer's `apply_gradients` they make training loops that `fit` does not have: two models
    that train against each other, a teacher and a student, policies.
    """

    def forward(self, x: Any, training: bool = False, step: int = 0) -> Any:
        """Return the outputs for one batch.

        Parameters
        ----------
        x : array_like
            Inputs, a row a sample.
        training : bool, default False
            Whether dropout and batch statistics work as in training. State is left as it is.
        step : int, default 0
            Key of the random numbers: `vjp` with the same step sees the same ones.

        Returns
        -------
        ndarray, or a structure of them like the model's outputs

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2)])
        >>> model.forward(np.ones((4, 3))).shape
        (4, 2)
        """
        arrays = self._input_arrays(x)  # type: ignore[attr-defined]
        flags = self._trainable_flags() if training else ()  # type: ignore[attr-defined]
        key = ("forward", training, self._shapes_key(arrays), flags)  # type: ignore[attr-defined]
        function = self._held_function(key, lambda: self._forward_function(training, arrays))[0]
        return self._pack(function.run(arrays, seed=self._random_key(), step=step))  # type: ignore[attr-defined]

    def vjp(
        self, x: Any, output_gradients: Any, training: bool = True, step: int = 0
    ) -> tuple[Any, list[Array]]:
        """Vector-Jacobian product: pull gradients from the outputs back to inputs and weights.

        Parameters
        ----------
        x : array_like
            Inputs of one batch.
        output_gradients : array_like or list of them
            Gradient of some loss with respect to each output, of the outputs' shapes.
        training : bool, default True
            As in `forward`; when True, state (moving statistics) is updated.
        step : int, default 0
            Key of the random numbers.

        Returns
        -------
        input_gradients : ndarray or list of ndarray
            None for inputs of integers, which have no gradient.
        weight_gradients : list of ndarray
            In the order of `trainable_weights`, summed over the batch; zeros where a weight has no effect.

        Raises
        ------
        ValueError
            If the shape of a gradient is not its output's.

        Examples
        --------
        >>> import numpy as np, fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2)])
        >>> dx, gradients = model.vjp(np.ones((4, 3)), np.ones((4, 2)))
        >>> dx.shape, [g.shape for g in gradients]
        ((4, 3), [(3, 2), (2,)])
        """
        self._refuse_quantized("vjp")  # type: ignore[attr-defined]
        arrays = self._input_arrays(x)  # type: ignore[attr-defined]
        shapes = [(None, *dims) for dims in self._output_dims(arrays)]  # type: ignore[attr-defined]
        names = self.output_names  # type: ignore[attr-defined]
        given = distribute("vjp", "output_gradients", output_gradients, self.output, names)  # type: ignore[attr-defined]
        seeds = []
        for item, shape in zip(given, shapes, strict=True):
            array = data_adapter.as_rows(item, "vjp: output_gradients")
            if array.shape != (len(arrays[0]), *shape[1:]):
                raise ValueError(
                    f"vjp: output_gradients must have shape {(len(arrays[0]), *shape[1:])}, got {array.shape}"
                )
            seeds.append(array)
        weights: list[Weight] = list(self.trainable_weights)  # type: ignore[attr-defined]
        shapes_key = self._shapes_key(arrays)  # type: ignore[attr-defined]
        key = ("vjp", training, shapes_key, tuple(id(weight) for weight in weights))
        function, floating, present, updates = self._held_function(
            key, lambda: self._vjp_function(training, weights, arrays)
        )
        found = iter(function.run([*arrays, *seeds], seed=self._random_key(), step=step))
        inputs = [next(found) if has else None for has in floating]
        gradients = [
            next(found) if there else np.zeros(weight.shape, weight.dtype)
            for weight, there in zip(weights, present, strict=True)
        ]
        for weight in updates:
            weight.assign(next(found))
        return (inputs[0] if len(inputs) == 1 else inputs), gradients

    def _random_key(self) -> int:
        return int(getattr(self, "_training_seed", 0))

    def _held_function(self, key: Any, make: Any) -> Any:
        """Return the function of that key, made at first use for the model's present structure."""
        held = self.__dict__.setdefault("_functions", {})
        whole = (self.structure_version, *key)  # type: ignore[attr-defined]
        if whole not in held:
            if len(held) >= _KEPT:
                held.pop(next(iter(held)))
            held[whole] = make()
        return held[whole]

    def _forward_function(self, training: bool, arrays: list[Array]) -> Any:
        context = self.trace(training, self._inputs_like(arrays))  # type: ignore[attr-defined]
        fetch = [tensor.id for tensor in context.outputs]
        return (_core.Function(context.graph, fetch, arenas=self._arenas),)  # type: ignore[attr-defined]

    def _vjp_function(self, training: bool, weights: list[Weight], arrays: list[Array]) -> Any:
        context = self.trace(training, self._inputs_like(arrays))  # type: ignore[attr-defined]
        graph = context.graph
        with context:
            tensors = [context.use(weight) for weight in weights]
        differentiable = [tensor for tensor in context.inputs if tensor.dtype in ("float32", "float64")]
        targets = [tensor.id for tensor in (*differentiable, *tensors)]
        totals: list[int | None] = [None] * len(targets)
        for position, output in enumerate(context.outputs):
            seed = graph_input(graph, output.shape, output.dtype, f"output_gradients[{position}]")
            for i, found in enumerate(graph.gradients(output.id, targets, seed.id)):
                if found is not None:
                    before = totals[i]
                    totals[i] = found if before is None else graph.add("add", [before, found], {}, "vjp")[0]
        inputs = len(differentiable)
        for tensor, total in zip(differentiable, totals, strict=False):
            if total is None:
                raise ValueError(f"vjp: input '{tensor.name}' does not reach the outputs")
        present = [total is not None for total in totals[inputs:]]
        updates = [weight for weight, _ in context.updates] if training else []
        values = [value.id for _, value in context.updates] if training else []
        fetch = [total for total in totals if total is not None] + values
        floating = [any(tensor is other for other in differentiable) for tensor in context.inputs]
        function = _core.Function(graph, fetch, arenas=self._arenas)  # type: ignore[attr-defined]
        return function, floating, present, updates
