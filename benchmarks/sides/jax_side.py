"""JAX's side, with optax."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .cases import CASES, Prepared, mnist, synthetic

_PLANS: dict[str, tuple[list[tuple[int, int]], list[int]]] = {
    "lenet5": ([(1, 6), (6, 16)], [400, 120, 84, 10]),
    "mlp": ([], [784, 128, 10]),
    "mlp_tiny": ([], [4, 32, 16, 4]),
}


def _convolve(h: Any, kernel: Any, bias: Any) -> Any:
    made = jax.lax.conv_general_dilated(
        h, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    made = jax.nn.relu(made + bias)
    return jax.lax.reduce_window(made, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def prepare(name: str, data: str) -> Prepared:
    case = CASES[name]
    base = name.split("_")[0] if name.startswith("lenet5") else name
    channels, widths = _PLANS[base]
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 8))
    parameters = [
        (jax.random.normal(next(keys), (3, 3, a, b)) * (2 / (9 * a)) ** 0.5, jnp.zeros(b))
        for a, b in channels
    ]
    parameters += [
        (jax.random.normal(next(keys), (a, b)) * (2 / a) ** 0.5, jnp.zeros(b))
        for a, b in itertools.pairwise(widths)
    ]
    activation = jnp.tanh if name == "mlp_tiny" else jax.nn.relu

    def forward(p: Any, h: Any) -> Any:
        for kernel, bias in p[: len(channels)]:
            h = _convolve(h, kernel, bias)
        h = h.reshape(h.shape[0], -1)
        for w, b in p[len(channels) : -1]:
            h = activation(h @ w + b)
        return h @ p[-1][0] + p[-1][1]

    def loss(p: Any, xb: Any, yb: Any) -> Any:
        if name == "mlp_tiny":
            return ((forward(p, xb) - yb) ** 2).mean()
        return optax.softmax_cross_entropy_with_integer_labels(forward(p, xb), yb).mean()

    adam = optax.adam(1e-3)
    if case.unit == "epoch":
        x, y, xt, yt = mnist(data)
        x, y = jnp.asarray(x), jnp.asarray(y.astype(np.int32))
    else:
        x, y = (jnp.asarray(a) for a in synthetic(name))

    def step(carry: Any, rows: Any) -> Any:
        p, state = carry
        gradients = jax.grad(loss)(p, x[rows], y[rows]) if rows is not None else jax.grad(loss)(p, x, y)
        updates, state = adam.update(gradients, state)
        return (optax.apply_updates(p, updates), state), 0.0

    held = {"carry": (parameters, adam.init(parameters)), "epoch": 0}
    if case.unit == "step":  # the whole batch in every step
        many = jax.jit(lambda c: jax.lax.scan(lambda s, _: step(s, None), c, None, length=case.steps)[0])

        def run() -> None:
            held["carry"] = many(held["carry"])
            jax.block_until_ready(held["carry"][0])

        return Prepared(run, case.steps)

    steps = len(x) // case.batch

    @jax.jit
    def scanned(carry: Any, key: Any) -> Any:
        order = jax.random.permutation(key, len(x))[: steps * case.batch].reshape(steps, case.batch)
        return jax.lax.scan(step, carry, order)[0]

    one_step = jax.jit(lambda carry, rows: step(carry, rows)[0])

    def epoch() -> None:
        key = jax.random.PRNGKey(held["epoch"])
        if channels:  # XLA's convolutions are several times slower inside a scan on CPUs
            order = np.asarray(jax.random.permutation(key, len(x)))[: steps * case.batch]
            for rows in order.reshape(steps, case.batch):
                held["carry"] = one_step(held["carry"], rows)
        else:
            held["carry"] = scanned(held["carry"], key)
        jax.block_until_ready(held["carry"][0])
        held["epoch"] += 1

    return Prepared(
        epoch,
        accuracy=lambda: float((np.asarray(jax.jit(forward)(held["carry"][0], xt)).argmax(1) == yt).mean()),
    )
