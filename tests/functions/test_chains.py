"""Elementwise steps that run as one, block by block, give the bits that they give one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import fastnn
from fastnn import _core, layers, ops

UNARY = ("exp", "log1p", "abs", "sin", "cos", "square", "erf", "sign")
BINARY = ("add", "subtract", "multiply", "maximum", "minimum", "greater", "divide")


@pytest.fixture(autouse=True)
def chains_again() -> Iterator[None]:
    yield
    _core.set_chains(True)


class Expression:
    """A random graph of elementwise ops over operands of all the shapes that repeat."""

    def __init__(self, seed: int, dtype: str, dims: list[int], batched: bool, length: int = 14) -> None:
        random = np.random.default_rng(seed)
        self.graph = _core.Graph()
        self.arrays: list[np.ndarray] = []
        self.samples = 1
        shapes = [dims, dims, [], dims[-1:], [*dims[:-1], 1]]
        self.tensors = []
        self.random = random
        self.dtype = dtype
        for number, shape in enumerate(shapes):
            value = random.uniform(0.25, 2, shape).astype(dtype)
            if batched and number < 2:
                self.tensors.append(self.graph.input(f"x{number}", shape, dtype))
            else:
                store = _core.Store()
                store.add("value", shape, dtype)
                store.set("value", value)
                self.tensors.append(self.graph.parameter(store, "value"))
        if not batched:
            self.graph.input("rows", [], dtype)
        self.batched, self.dims = batched, dims
        wide = list(self.tensors[:2])
        for _ in range(length):
            wide.append(self.node(wide))
        loss = self.graph.add("unary", [wide[-1]], {"kind": "square"})[0]
        self.fetch = [wide[-1], wide[len(wide) // 2], loss]
        if batched:
            total = self.graph.add("sample_mean", self.graph.add("sum_to", [loss], {"shape": []}))[0]
        else:
            total = self.graph.add("sum_to", [loss], {"shape": []})[0]
        found = self.graph.gradients(total, self.tensors)
        self.fetch += [tensor for tensor in found if tensor is not None]

    def node(self, wide: list[int]) -> int:
        choose = self.random.choice
        first = int(wide[-1] if self.random.random() < 0.6 else choose(wide))
        kind = self.random.integers(6)
        if kind == 0:
            return int(self.graph.add("unary", [first], {"kind": str(choose(UNARY))})[0])
        if kind == 1:
            name = str(choose(["tanh", "sigmoid", "silu", "softplus", "relu"]))
            return int(self.graph.add("activation", [first], {"kind": name})[0])
        if kind == 2:
            return int(self.graph.add("scale_shift", [first], {"scale": 0.5, "offset": 0.25})[0])
        other = int(choose([*self.tensors, *wide]))
        pair = [first, other] if self.random.random() < 0.7 else [other, first]
        if kind == 3:
            mask = self.graph.add("compare", pair, {"kind": "less"})[0]
            return int(self.graph.add("where", [mask, *pair])[0])
        return int(self.graph.add(str(choose(BINARY)), pair)[0])

    def run(self, chains: bool, layout: str, samples: int, threads: int = 0) -> list[np.ndarray]:
        _core.set_chains(chains, least=0)
        function = _core.Function(self.graph, self.fetch, layout)
        random = np.random.default_rng(samples)
        shape = self.dims if self.batched else []
        feeds = [
            random.uniform(0.25, 2, (samples, *shape)).astype(self.dtype)
            for _ in range(2 if self.batched else 1)
        ]
        self.plan = function.describe(samples)
        return list(function.run(feeds, threads=threads))


def assert_same(expression: Expression, layout: str, samples: int) -> None:
    with np.errstate(all="ignore"):
        plain = expression.run(False, layout, samples)
        assert "+" not in steps(expression.plan)
        for threads in (1, 2):
            fused = expression.run(True, layout, samples, threads)
            for number, (a, b) in enumerate(zip(plain, fused, strict=True)):
                assert a.tobytes() == b.tobytes(), f"result {number}, {threads} threads"


def steps(plan: str) -> str:
    """The ops of a plan's steps."""
    return " ".join(line.split("  ")[2].split(" ")[0] for line in plan.splitlines()[1:])


@pytest.mark.parametrize("layout", ["rows", "lanes"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dims", [[7], [3, 5], [1], [2, 3, 4], [40, 60]], ids=str)
def test_batches(dims: list[int], dtype: str, layout: str) -> None:
    for seed in range(3):
        expression = Expression(seed, dtype, dims, batched=True)
        for samples in (1, 17, 130):
            assert_same(expression, layout, samples)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dims", [[7], [3, 5], [1], [2, 3, 4], [100, 3000], [3000, 30], [70001]], ids=str)
def test_arrays(dims: list[int], dtype: str) -> None:
    for seed in range(2):
        assert_same(Expression(seed, dtype, dims, batched=False), "auto", 1)


def test_chain_is_one_step() -> None:
    expression = Expression(0, "float32", [64], batched=True)
    x = expression.tensors[0]
    add = expression.graph.add
    y = add("unary", [x], {"kind": "exp"})[0]
    y = add("activation", add("unary", [y], {"kind": "log1p"}), {"kind": "tanh"})[0]
    expression.fetch = [add("multiply", [x, y])[0]]
    for layout in ("rows", "lanes"):
        expression.run(True, layout, 32)
        assert "exp+log1p+tanh+multiply" in steps(expression.plan).split()


def test_shared_results_are_kept() -> None:
    graph = _core.Graph()
    x = graph.input("x", [50], "float32")
    a = graph.add("unary", [x], {"kind": "exp"})[0]
    b = graph.add("scale_shift", [a], {"scale": 2.0})[0]
    total = graph.add("sum_to", [a], {"shape": [1]})[0]
    c = graph.add("divide", [b, total])[0]
    results = []
    value = np.random.default_rng(0).normal(size=(33, 50)).astype("float32")
    for on in (False, True):
        _core.set_chains(on, least=0)
        results.append(_core.Function(graph, [c, a]).run([value]))
    for plain, fused in zip(*results, strict=True):
        np.testing.assert_array_equal(plain, fused)
    np.testing.assert_allclose(results[1][1], np.exp(value), rtol=1e-6)


def network() -> fastnn.Sequential:
    fastnn.random.set_seed(3)
    return fastnn.Sequential(
        [
            fastnn.Input((20,)),
            layers.Dense(48, activation=lambda x: x * ops.tanh(ops.log1p(ops.exp(x)))),
            layers.Dense(1),
        ]
    )


def trained(chains: bool) -> tuple[fastnn.Sequential, list[float]]:
    _core.set_chains(chains, least=0)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 20)).astype("float32"), random.normal(size=(200, 1)).astype("float32")
    model = network()
    model.compile("adam", loss=lambda y, p: ops.mean(ops.log1p(ops.exp(ops.abs(p - y))) * 2 - 1, axis=-1))
    history = model.fit(x, y, batch_size=64, epochs=3, verbose=0)
    return model, history.history["loss"]


def test_training_gives_the_same_bits() -> None:
    (plain, losses), (fused, same) = trained(False), trained(True)
    assert losses == same
    for a, b in zip(plain.get_weights(), fused.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_profile_names_the_ops() -> None:
    model, _ = trained(True)
    names = {row["op"] for row in model.profile(batch_size=64).rows}
    assert any("exp+log1p" in name for name in names), names


class Spoiled(layers.Layer):
    """The exponential of large numbers, and what hides that it is infinite."""

    def call(self, x: fastnn.Tensor) -> fastnn.Tensor:
        return ops.tanh(ops.exp(x) * 0.5) * ops.log(ops.exp(x) + 1)


def test_first_bad_value_is_named() -> None:
    model = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(4, kernel_initializer="ones"), Spoiled(name="spoiled")]
    )
    model.compile("sgd", loss="mse")
    x = np.full((8, 4), 1, "float32")
    x[5] = 30
    _core.set_chains(True, least=0)
    with pytest.raises(
        RuntimeError, match=r"not finite is that of 'Spoiled 'spoiled'' \(op 'unary'\), sample 5"
    ):
        model.fit(x, np.zeros((8, 4), "float32"), batch_size=8, epochs=1, verbose=0, shuffle=False)
