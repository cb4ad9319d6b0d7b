"""Operands that the tests of recurrent ops share."""

from checks import batch, case


def steps_mask(random, shape):
    """Steps to take part: some samples wholly left out, some from their start, some in between."""
    mask = (random.random(shape) < 0.6).astype("float64")
    mask[::4, : max(1, shape[1] // 2)] = 0
    mask[::7] = 0
    return mask


def keep_mask(random, shape):
    return (random.random(shape) < 0.7) / 0.7


def mask_operand(steps):
    return batch(steps, make=steps_mask, differentiable=False)


def keep_operand(units):
    return batch(units, make=keep_mask, differentiable=False)


def recurrent_case(op, reference, outputs, operands, **attributes):
    """A case of the outputs that are not there for the gradient alone."""
    settings = {k: attributes.pop(k) for k in ("batches", "refuses", "step") if k in attributes}

    def build(graph, tensors):
        return graph.add(op, tensors, attributes, f"{op}_layer")[outputs]

    return case(
        op, operands, lambda *a, **k: reference(*a, **k)[outputs], build=build, **settings, **attributes
    )
