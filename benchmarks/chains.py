"""What chains of elementwise ops are worth: the same work with and without them, alternating.

Chains (csrc/graph/chain.h) are kept where they make a step at least 1.05 times as fast, and slow down none:

activation   a training step of a dense net, 1024-2048-2048-10 at batch 128, whose activation and loss are
             functions of one's own: x tanh(log1p(exp x)), and log cosh by way of exp and log1p
narrow       the same of 32-256-256-1 at batch 256, where these functions weigh more
images       a step of two convolutions with that activation on images of 32 x 32, batch 64
heat         a step of examples/heat_equation.py: a hundred small ops and more, all in cache
array        ten ops on one array of 4 million numbers, as one function
slope        a function of 1 million numbers and its gradient

Prints medians of times, and of the ratios of neighbouring pairs.

Run: python benchmarks/chains.py [--rounds 7] [CASE ...]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import fastnn
from fastnn import _core, layers, ops

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))


def activation(x):
    return x * ops.tanh(ops.log1p(ops.exp(x)))


def log_cosh(y, p):
    d = ops.abs(p - y)
    return ops.mean(d + ops.log1p(ops.exp(d * -2.0)) - 0.6931472, axis=-1)


def steps_of(model, x, y, batch, epochs):
    def run():
        model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, shuffle=False)

    return run, epochs * -(-len(x) // batch)


def dense(widths, batch, steps):
    random = np.random.default_rng(0)
    fastnn.random.set_seed(0)
    net = [fastnn.Input((widths[0],))]
    net += [layers.Dense(n, activation=activation) for n in widths[1:-1]]
    model = fastnn.Sequential([*net, layers.Dense(widths[-1])])
    model.compile("adam", loss=log_cosh)
    x = random.normal(size=(batch * steps, widths[0])).astype("float32")
    y = random.normal(size=(batch * steps, widths[-1])).astype("float32")
    return steps_of(model, x, y, batch, 1)


def images():
    random = np.random.default_rng(0)
    fastnn.random.set_seed(0)
    net = [fastnn.Input((32, 32, 3))]
    net += [layers.Conv2D(16, 3, padding="same", activation=activation) for _ in range(2)]
    model = fastnn.Sequential([*net, layers.GlobalAveragePooling2D(), layers.Dense(10)])
    model.compile("adam", loss=log_cosh)
    x = random.normal(size=(64 * 4, 32, 32, 3)).astype("float32")
    return steps_of(model, x, random.normal(size=(64 * 4, 10)).astype("float32"), 64, 1)


def heat():
    import heat_equation

    fastnn.random.set_seed(0)
    model = fastnn.Sequential([fastnn.Input((2,)), heat_equation.Residual(heat_equation.Temperature())])
    model.compile("adam", loss="mse")
    x = np.random.default_rng(0).uniform(size=(8192, 2)).astype("float32")
    return steps_of(model, x, np.zeros((8192, 1), "float32"), 128, 8)


def ten(x):
    return ops.sqrt(ops.square(ops.tanh(ops.log1p(ops.exp(x * 0.5)) - 1.0) * x + ops.abs(x)) + 1.0)


def graph_of(count, function, gradient):
    graph = _core.Graph()
    from fastnn.layers.context import BuildContext
    from fastnn.tensor import graph_tensor

    with BuildContext(graph) as context:
        context.enter("chain")
        x = graph_tensor(graph, graph.input("x", [count], "float32", False), "x")
        y = function(x)
        made = [y] if not gradient else [ops.sum(y), ops.gradients(y, x)]
    run = _core.Function(graph, [t.id for t in made])
    value = np.random.default_rng(0).normal(size=count).astype("float32")
    return (lambda: run.run([value])), 1


CASES = {
    "activation": lambda: dense((1024, 2048, 2048, 10), 128, 12),
    "narrow": lambda: dense((32, 256, 256, 1), 256, 100),
    "images": images,
    "heat": heat,
    "array": lambda: graph_of(1 << 22, ten, False),
    "slope": lambda: graph_of(1 << 20, ten, True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"{'case':12s} {'one by one':>12s} {'chains':>12s} {'ratio':>7s}")
    for name in arguments.cases:
        sides = []
        for on in (False, True):
            _core.set_chains(on)
            run, steps = CASES[name]()
            run()
            sides.append((run, steps))
        times = ([], [])
        for _ in range(arguments.rounds):
            for (run, steps), taken in zip(sides, times, strict=True):
                start = time.perf_counter()
                run()
                taken.append((time.perf_counter() - start) / steps * 1e3)
        plain, chains = (float(np.median(t)) for t in times)
        ratio = float(np.median(np.divide(*times)))
        print(f"{name:12s} {plain:9.3f} ms {chains:9.3f} ms {ratio:7.2f}", flush=True)


if __name__ == "__main__":
    main()
