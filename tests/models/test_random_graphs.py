"""Functional models that nobody chose: random graphs of layers against NumPy, saved and loaded."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import layers

FEATURES = (1, 2, 3, 5)


def draw_graph(data):
    """A model and the same as a list of steps: (function of earlier values, their numbers)."""
    inputs = [
        fastnn.Input((data.draw(st.sampled_from(FEATURES)),), dtype="float64", name=f"x{i}")
        for i in range(data.draw(st.integers(1, 3)))
    ]
    tensors, steps = list(inputs), []
    shared = {}
    for _ in range(data.draw(st.integers(1, 8))):
        kind = data.draw(st.sampled_from(["dense", "again", "add", "concatenate", "multiply"]))
        first = data.draw(st.integers(0, len(tensors) - 1))
        width = tensors[first].shape[-1]
        same = [i for i, t in enumerate(tensors) if t.shape[-1] == width]
        if kind == "dense" or (kind == "again" and width not in shared):
            layer = layers.Dense(data.draw(st.sampled_from(FEATURES)), "tanh", dtype="float64")
            shared[width] = layer
            tensors.append(layer(tensors[first]))
            steps.append((("dense", layer), [first]))
        elif kind == "again":
            tensors.append(shared[width](tensors[first]))
            steps.append((("dense", shared[width]), [first]))
        else:
            second = data.draw(st.sampled_from(same))
            cls = {"add": layers.Add, "concatenate": layers.Concatenate, "multiply": layers.Multiply}[kind]
            tensors.append(cls(dtype="float64")([tensors[first], tensors[second]]))
            steps.append(((kind, None), [first, second]))
    ends = data.draw(
        st.lists(st.integers(len(inputs), len(tensors) - 1), min_size=1, max_size=3, unique=True)
    )
    used, stack = set(), list(ends)
    while stack:
        number = stack.pop()
        if number in used:
            continue
        used.add(number)
        if number >= len(inputs):
            stack += steps[number - len(inputs)][1]
    chosen = [i for i in range(len(inputs)) if i in used]
    model = fastnn.Model([inputs[i] for i in chosen], [tensors[i] for i in ends])
    return model, chosen, steps, ends, len(inputs)


def by_numpy(arrays, steps, ends, count):
    values = [arrays.get(i) for i in range(count)]
    for (kind, layer), sources in steps:
        given = [values[i] for i in sources]
        if any(g is None for g in given):
            values.append(None)
        elif kind == "dense":
            kernel, bias = layer.get_weights()
            values.append(np.tanh(given[0] @ kernel + bias))
        elif kind == "concatenate":
            values.append(np.concatenate(given, axis=-1))
        else:
            values.append(given[0] + given[1] if kind == "add" else given[0] * given[1])
    return [values[i] for i in ends]


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_random_graphs(tmp_path, data):
    model, chosen, steps, ends, count = draw_graph(data)
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    samples = data.draw(st.sampled_from([1, 3, 17]))
    x = [random.normal(size=(samples, model.inputs[i].shape[-1])) for i in range(len(chosen))]
    arrays = dict(zip(chosen, x, strict=True))
    expected = by_numpy(arrays, steps, ends, count)
    found = model.predict(x, verbose=0)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    model.save(tmp_path / "m.safetensors")
    loaded = fastnn.load_model(tmp_path / "m.safetensors")
    assert loaded.get_config() == model.get_config()
    for one, other in zip(loaded.predict(x, verbose=0), found, strict=True):
        np.testing.assert_array_equal(one, other)
    # Gradients with respect to the inputs, by central differences along a random direction.
    seeds = [random.normal(size=value.shape) for value in found]
    gradients, _ = model.vjp(x, seeds)
    gradients = gradients if isinstance(gradients, list) else [gradients]
    way = [random.normal(size=value.shape) for value in x]
    h = 1e-6

    def along(step):
        values = by_numpy(
            {i: a + step * w for i, a, w in zip(chosen, x, way, strict=True)}, steps, ends, count
        )
        return sum(float(np.sum(v * s)) for v, s in zip(values, seeds, strict=True))

    slope = (along(h) - along(-h)) / (2 * h)
    assert sum(float(np.sum(g * w)) for g, w in zip(gradients, way, strict=True)) == pytest.approx(
        slope, rel=1e-5, abs=1e-6
    )
