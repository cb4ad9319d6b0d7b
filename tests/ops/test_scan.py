"""Scans: a body run along an axis, whose gradient is a scan, too."""

import numpy as np
import pytest
from checks import Refusal, batch, case, check_op, shared

from fastnn import _core
from fastnn.layers import BuildContext
from fastnn.ops.loops import scan
from fastnn.tensor import apply, graph_tensor


def traced(function):
    """A build of `check_op`: function(*tensors) -> tensors, in a context of layers."""

    def build(graph, numbers):
        with BuildContext(graph) as context:
            context.enter("scan_layer")
            results = function(
                *(None if n is None else graph_tensor(graph, n, f"operand {n}") for n in numbers)
            )
        return [tensor.id for tensor in results]

    return build


def add(a, b):
    return apply("add", [a, b])


def multiply(a, b):
    return apply("multiply", [a, b])


def dense(x, kernel, bias=None, activation=None):
    return apply("dense", [x, kernel, bias], {"activation": activation})


# -------------------------------------------------------------------------------- a plain recurrent cell


def recurrent(reverse, recompute):
    def build(x, h, kernel, recurrent_kernel, bias):
        def step(h, x):
            z = add(dense(x, kernel, bias), dense(h, recurrent_kernel))
            h = apply("activation", [z], {"kind": "tanh"})
            return h, h

        last, steps = scan(step, h, x, reverse=reverse, recompute=recompute)
        return last, steps

    return traced(build)


def recurrent_reference(x, h, kernel, recurrent_kernel, bias, reverse=False):
    h = np.broadcast_to(h, (len(x), kernel.shape[1]))
    steps = np.zeros((*x.shape[:2], kernel.shape[1]))
    for t in range(x.shape[1])[:: -1 if reverse else 1]:
        h = np.tanh(x[:, t] @ kernel + bias + h @ recurrent_kernel)
        steps[:, t] = h
    return h, steps


def recurrent_case(steps, reverse=False, first=batch, refuses=(), recompute=False):
    operands = [batch(steps, 3), first(4), shared(3, 4), shared(4, 4), shared(4)]
    return case(
        "scan",
        operands,
        lambda *given: recurrent_reference(*given, reverse=reverse),
        build=recurrent(reverse, recompute),
        refuses=refuses,
        label=f"recurrent {steps} steps{' in reverse' if reverse else ''}",
    )


# -------------------------------------------------------------------------------- nests, constants


def oscillator(position, velocity, spring, damping):
    """Two carries, a constant with a value a sample and a shared one, and nothing to go along."""

    def step(state, _):
        position, velocity = state["p"], state["v"]
        force = add(multiply(position, spring), multiply(velocity, damping))
        velocity = add(velocity, apply("scale_shift", [force], {"scale": -0.1}))
        position = add(position, apply("scale_shift", [velocity], {"scale": 0.1}))
        return {"p": position, "v": velocity}, multiply(velocity, velocity)

    last, energy = scan(step, {"p": position, "v": velocity}, length=6)
    return last["p"], last["v"], energy


def oscillator_reference(position, velocity, spring, damping):
    energy = []
    for _ in range(6):
        velocity = velocity - 0.1 * (position * spring + velocity * damping)
        position = position + 0.1 * velocity
        energy.append(velocity**2)
    return position, velocity, np.stack(energy, 1)


def swapped(a, b, x):
    """Carries that change places, one that is handed on, outputs that are carries or inputs as they are."""

    def step(carry, x):
        first, second, kept = carry
        return (second, add(first, x["a"]), kept), [first, x["a"], kept]

    (first, second, kept), ys = scan(step, (a, b, b), {"a": x})
    return first, second, kept, *ys


def swapped_reference(a, b, x):
    kept, ys = b, []
    for t in range(x.shape[1]):
        ys.append((a, x[:, t], kept))
        a, b = b, a + x[:, t]
    return a, b, kept, *(np.stack(y, 1) for y in zip(*ys))


def normalised(x, h, gamma, beta, scale):
    """Layer normalisation and an elementwise weight in the body, and a weight in an expression of weights."""

    def step(h, x):
        z = apply("layer_norm", [add(h, x), multiply(gamma, scale), beta], {"epsilon": 1e-2})
        h = multiply(z, scale)
        return h, (h, z)

    last, (steps, _) = scan(step, h, x)
    return last, steps


def normalised_reference(x, h, gamma, beta, scale):
    steps = []
    for t in range(x.shape[1]):
        z = h + x[:, t]
        z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-2)
        h = (z * gamma * scale + beta) * scale
        steps.append(h)
    return h, np.stack(steps, 1)


def nested(x, h, kernel):
    """A scan in a scan: rows of columns."""

    def row(h, x):
        def cell(h, x):
            h = dense(add(h, x), kernel, None, "tanh")
            return h, h

        return scan(cell, h, x, reverse=True)

    last, steps = scan(row, h, x)
    return last, steps


def nested_reference(x, h, kernel):
    steps = np.zeros(x.shape)
    for row in range(x.shape[1]):
        for column in range(x.shape[2])[::-1]:
            h = np.tanh((h + x[:, row, column]) @ kernel)
            steps[:, row, column] = h
    return h, steps


def shared_steps(h, x):
    """A sequence that is the same for all samples."""
    return scan(lambda h, x: (multiply(h, x), h), h, x)


def shared_steps_reference(h, x):
    steps = []
    for t in range(len(x)):
        steps.append(h)
        h = h * x[t]
    return h, np.stack(steps, 1)


# -------------------------------------------------------------------------------- refusals


def body_graph(*, carry=(2,), made=(2,), op=None, dtype="float32"):
    """A body of one carry and its step, and the attributes of a scan of it."""
    graph = _core.Graph()
    h = graph.input("carry", list(carry), dtype)
    x = graph.input("x", list(made), dtype)
    out = graph.add(op or "add", [x] if op else [x, x], {}, "inner")[0]
    return {
        "body": graph,
        "carries": [h],
        "sequences": [x],
        "constants": [],
        "carry_outputs": [out],
        "outputs": [],
        "length": 3,
    }


def integer_carry():
    graph = _core.Graph()
    h = graph.input("count", [2], "int32")
    x = graph.input("x", [2])
    out = graph.add("add", [x, x], {}, "inner")[0]
    return {"body": graph, "carries": [h], "sequences": [x], "carry_outputs": [out], "length": 3}


REFUSED = [
    Refusal([batch(2), batch(3, 2)], "attribute 'body'|'body'", {"length": 3}),
    Refusal(
        [batch(2), batch(3, 5)],
        r"carry begins as \(None, 2\) float32, but a step makes \(None, 5\)",
        body_graph(made=(5,)),
    ),
    Refusal(
        [batch(2, dtype="int32"), batch(3, 2)],
        "count begins as .* int32, but a step makes .* float32",
        integer_carry(),
    ),
    Refusal([batch(2), batch(4, 2)], r"sequence 'x' must be \(None, 3, 2\) float32", body_graph()),
    Refusal([batch(3), batch(3, 2)], r"initial carry 'carry' must be \(None, 2\)", body_graph()),
    Refusal([batch(2)], "expected 2 to 2 inputs, got 1", body_graph()),
    Refusal([batch(2), batch(3, 2)], "at least one step", {**body_graph(), "length": 0}),
    Refusal(
        [batch(2), batch(3, 2)],
        "'inner' \\(op 'sample_sum'\\) sums over the samples|but a step makes",
        {**body_graph(op="sample_sum"), "carry_outputs": [-1], "outputs": [2]},
    ),
]

CASES = [
    recurrent_case(5, refuses=REFUSED),
    recurrent_case(1),
    recurrent_case(4, reverse=True),
    recurrent_case(3, first=shared),
    recurrent_case(3, recompute=True),
    case(
        "scan",
        [batch(3), batch(3), batch(3), shared(3)],
        oscillator_reference,
        build=traced(oscillator),
        label="oscillator",
    ),
    case(
        "scan", [batch(2), batch(2), batch(3, 2)], swapped_reference, build=traced(swapped), label="swapped"
    ),
    case(
        "scan",
        [batch(4, 5), batch(5), shared(5), shared(5), shared(5)],
        normalised_reference,
        build=traced(normalised),
        label="normalised",
    ),
    case(
        "scan",
        [batch(2, 3, 4), batch(4), shared(4, 4)],
        nested_reference,
        build=traced(nested),
        label="nested",
    ),
    case(
        "scan",
        [batch(3), shared(4, 3)],
        shared_steps_reference,
        build=traced(shared_steps),
        label="shared steps",
    ),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_scan(declared):
    check_op(declared)


# -------------------------------------------------------------------------------- random numbers


def noisy(x, h):
    def step(h, x):
        h = add(h, apply("dropout", [x], {"rate": 0.5}))
        return h, apply("dropout", [x], {"rate": 0.5, "seed": 3})

    return scan(step, h, x)


NOISY = case("scan", [batch(6, 8), batch(8)], None, build=traced(noisy), random=True, label="noisy")


def test_noise():
    """Other numbers at each step and in each op, the same ones on the way back, in whichever tile."""
    check_op(NOISY)


def test_noise_differs_between_steps():
    graph = _core.Graph()
    x, h = graph.input("x", [6, 64]), graph.input("h", [64])
    _, steps = traced(noisy)(graph, [x, h])
    run = _core.Function(graph, [steps])
    ones = np.ones((3, 6, 64), "float32")
    (found,) = run.run([ones, ones[:, 0]], seed=1)
    assert set(np.unique(found)) == {0.0, 2.0}
    patterns = found.reshape(18, 64)
    assert len(np.unique(patterns, axis=0)) == 18


# -------------------------------------------------------------------------------- what plans leave out


def test_what_nothing_reads_is_not_written():
    graph = _core.Graph()
    x, h = graph.input("x", [6, 64]), graph.input("h", [64])
    last, _ = traced(noisy)(graph, [x, h])
    text = _core.Function(graph, [last]).describe(64)
    assert text.count("@none") == 2, text  # collected steps, incoming carries


@pytest.mark.parametrize("product", [False, True])
def test_second_order(product):
    """The gradient is a scan, so that it has a gradient, too."""
    graph = _core.Graph()
    h, x = graph.input("h", [9], "float64"), graph.input("x", [3, 9], "float64")
    weights, other = graph.input("w", [9], "float64"), graph.input("v", [9], "float64")
    random = np.random.default_rng(0)
    store = _core.Store()
    store.add("kernel", [9, 9], "float64")
    store.set("kernel", random.normal(size=(9, 9)))
    with BuildContext(graph) as context:
        context.enter("second")
        begin, steps = graph_tensor(graph, h, "h"), graph_tensor(graph, x, "x")
        kernel = graph_tensor(graph, graph.parameter(store, "kernel"), "kernel")

        def step(h, x):
            sum_ = add(h, x)
            return multiply(dense(sum_, kernel) if product else sum_, h), None

        last, _ = scan(step, begin, steps)
        loss = apply("sample_sum", [multiply(last, graph_tensor(graph, weights, "w"))])
        loss = apply("sum_to", [loss], {"shape": []})
    (first,) = graph.gradients(loss.id, [h])
    mixed = graph.add("multiply", [first, other])[0]
    total = graph.add("sum_to", graph.add("sample_sum", [mixed]), {"shape": []})[0]
    second = graph.gradients(total, [h, x])
    arrays = [random.normal(size=(3, *shape)) for shape in ((9,), (3, 9), (9,), (9,))]
    found = _core.Function(graph, second).run(arrays)
    value = _core.Function(graph, [total])
    for operand in (0, 1):
        direction = random.normal(size=arrays[operand].shape)

        def at(distance):
            moved = list(arrays)
            moved[operand] = arrays[operand] + distance * direction
            return float(value.run(moved)[0])

        numeric = (8 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4
        assert np.sum(found[operand] * direction) == pytest.approx(numeric, rel=1e-6)


def test_what_is_kept():
    """Results of costly ops are kept for the gradient, unless it is to compute them again."""
    for recompute, products in ((False, 1), (True, 2)):
        graph = _core.Graph()
        x, h = graph.input("x", [5, 20]), graph.input("h", [20])
        store = _core.Store()
        store.add("kernel", [20, 20], "float32")
        kernel = graph.parameter(store, "kernel")

        def step(h, x, recompute=recompute):
            return apply("activation", [add(dense(x, weight), dense(h, weight))], {"kind": "silu"}), None

        with BuildContext(graph) as context:
            context.enter("kept")
            weight = graph_tensor(graph, kernel, "kernel")
            last, _ = scan(
                step, graph_tensor(graph, h, "h"), graph_tensor(graph, x, "x"), recompute=recompute
            )
            loss = apply("weighted_sum", [last, None, None])
        before = graph.node_count
        (gradient,) = graph.gradients(loss.id, [kernel])
        plan = _core.Function(graph, [gradient]).describe(64)
        assert before < graph.node_count
        forward = next(line for line in plan.splitlines() if " scan " in line)
        # Last carry, incoming carries and, if it is kept, the sum of both products: no more.
        assert forward.split("->")[1].count("%") == (3 if not recompute else 2), (products, forward)
