"""Random arrays and weights, and gradients of a layer by itself."""

import numpy as np
import pytest

from fastnn import _core, ops
from fastnn.layers import BuildContext
from fastnn.tensor import apply, graph_input

random = np.random.default_rng(0)


def draw(*shape, dtype="float64"):
    return random.normal(size=shape).astype(dtype)


def randomised(layer):
    """Set all weights to random numbers, biases too."""
    layer.set_weights([0.5 * draw(*w.shape) for w in layer.weights])
    return layer


def gradients_of(layer, x, training=False):
    """Loss, and its gradients with respect to x and weights, from one graph."""
    with BuildContext(training=training) as context:
        source = graph_input(context.graph, (None, *x.shape[1:]), str(x.dtype), "x")
        output = layer(source)
        output = output[0] if isinstance(output, list) else output
        loss = apply("weighted_sum", [ops.sin(output), None, None])
    targets = [source, *(t for _, t in context.weights)]
    found = context.graph.gradients(loss.id, [t.id for t in targets])
    function = _core.Function(context.graph, [loss.id, *found])
    return function, [w for w, _ in context.weights]


def assert_weight_gradients(layer, x, training=False, rel=1e-6, step=1e-5):
    """Gradients with respect to all weights against central differences."""
    function, weights = gradients_of(layer, x, training)
    found = function.run([x], seed=3)
    for weight, gradient in zip(weights, found[2:], strict=True):
        before, direction = weight.numpy(), draw(*weight.shape)
        values = []
        for distance in (step, -step):
            weight.assign(before + distance * direction)
            values.append(float(function.run([x], seed=3)[0]))
        weight.assign(before)
        numeric = (values[0] - values[1]) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(numeric, rel=rel, abs=1e-9), weight.path
    return function, found
