"""Random arrays and weights, and gradients of a layer by itself."""

import numpy as np

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
