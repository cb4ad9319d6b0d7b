"""What the tests of several classification losses share."""

import numpy as np
from checks import Refusal, batch, labels, one_hot, uniform

from fastnn import _core


def target(*shape, make=one_hot):
    """Labels by class, in floating point."""
    return batch(*shape, make=make, differentiable=False)


def wrong(op_takes_ids):
    """Operands and attributes that every such loss refuses."""
    bad = batch(4) if op_takes_ids else batch(4, differentiable=False)
    good = labels(classes=5) if op_takes_ids else target(5)
    return [
        Refusal([batch(5), bad], r"labels must be int32" if op_takes_ids else r"targets must be float32"),
        Refusal(
            [batch(), labels(classes=5) if op_takes_ids else target(make=uniform())], r"classes in the last"
        ),
        Refusal(
            [batch(5), good], r"label_smoothing must be in \[0, 1\), got -0.1", {"label_smoothing": -0.1}
        ),
    ]


def run_loss(op, scores, given, layout="rows", gradient=False, **attributes):
    """The loss of each sample, or its mean's gradient with respect to the scores."""
    graph = _core.Graph()
    scores, given = np.asarray(scores), np.asarray(given)
    x = graph.input("scores", list(scores.shape[1:]), str(scores.dtype))
    y = graph.input("labels", list(given.shape[1:]), str(given.dtype))
    loss = graph.add(op, [x, y], attributes, "loss_layer")[0]
    fetch = graph.gradients(graph.add("sample_mean", [loss])[0], [x]) if gradient else [loss]
    return _core.Function(graph, fetch, layout).run([scores, given])[0]
