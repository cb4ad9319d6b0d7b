"""Sequential: building, structure, prediction, weights, configuration."""

import copy
import pickle
import threading

import numpy as np
import pytest

import fastnn
from fastnn import layers

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(1000, 6)).astype("float32")


def two_layers(**kwargs):
    return fastnn.Sequential(
        [layers.Dense(4, "tanh", name="hidden", **kwargs), layers.Dense(2, name="head")], name="net"
    )


def expected(model, x):
    a, b, c, d = (w.astype("float64") for w in model.get_weights())
    return np.tanh(x.astype("float64") @ a + b) @ c + d


@pytest.mark.parametrize("how", ["Input", "InputLayer", "input_shape", "input_dim", "build", "data", "call"])
def test_ways_to_build(how):
    model = two_layers(**{"input_shape": {"input_shape": (6,)}, "input_dim": {"input_dim": 6}}.get(how, {}))
    if how == "Input":
        model = fastnn.Sequential([fastnn.Input((6,)), *model.layers])
    elif how == "InputLayer":
        model = fastnn.Sequential([layers.InputLayer((6,)), *model.layers])
    elif how == "build":
        model.build((None, 6))
    elif how == "data":
        model.predict(X[:3], verbose=0)
    elif how == "call":
        model(X[:3])
    assert model.built
    assert model.input_shape == (None, 6)
    assert model.output_shape == (None, 2)
    assert [layer.name for layer in model.layers] == ["hidden", "head"]
    assert [w.shape for w in model.get_weights()] == [(6, 4), (4,), (4, 2), (2,)]
    assert model.count_params() == 38
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)


def test_not_built_yet():
    model = two_layers()
    assert not model.built
    assert model.get_weights() == []
    for use in (
        lambda: model.count_params(),
        lambda: model.input_shape,
        lambda: model.output_shape,
        lambda: model.trace(),
        lambda: model.set_weights([np.zeros(3)]),
        lambda: model.save("x"),
    ):
        with pytest.raises(ValueError, match=r"Sequential 'net': .* not built yet"):
            use()
    with pytest.raises(ValueError, match="no layers"):
        fastnn.Sequential().build((None, 3))
    with pytest.raises(ValueError, match="no layers"):
        fastnn.Sequential().predict(X)
    with pytest.raises(ValueError, match=r"input shape, such as \(None, 784\)"):
        model.build()
    with pytest.raises(ValueError, match="must be fixed"):
        model.build((None, None))
    with pytest.raises(TypeError, match="input shape"):
        model.build(6)


def test_built_for_another_shape():
    model = two_layers(input_shape=(6,))
    model.build((32, 6))
    with pytest.raises(ValueError, match=r"built for inputs of shape \(None, 6\), got \(None, 7\)"):
        model.build((None, 7))


def test_add_and_pop():
    model = fastnn.Sequential(name="net")
    model.add(fastnn.Input((6,)))
    model.add(layers.Dense(4, "tanh"))
    before = model.predict(X, verbose=0)
    assert before.shape == (1000, 4)
    model.add(layers.Dense(2))
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)
    assert model(X).shape == (1000, 2)
    removed = model.pop()
    assert isinstance(removed, layers.Dense)
    assert model.output_shape == (None, 4)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    np.testing.assert_array_equal(model(X), before)
    model.add(removed)
    assert model.output_shape == (None, 2)
    model.pop()
    model.pop()
    with pytest.raises(ValueError, match="no layer to pop"):
        model.pop()


@pytest.mark.parametrize(
    ("add", "error", "match"),
    [
        (lambda m: m.add(layers.Dense), TypeError, r"got the class Dense, expected a layer: Dense\(...\)"),
        (lambda m: m.add("dense"), TypeError, "expected a layer, got 'dense'"),
        (lambda m: m.add(layers.Dense(3, name="head")), ValueError, "already a layer named 'head'"),
        (lambda m: m.add(m.layers[0]), ValueError, "cannot be added twice"),
        (lambda m: m.add(m), ValueError, "cannot contain itself"),
        (lambda m: m.add(fastnn.Sequential([m])), ValueError, "cannot contain itself"),
        (lambda m: m.add(fastnn.Input((3,))), ValueError, "only come first"),
        (lambda m: m.add(layers.Dense(3)(fastnn.Input((3,)))), ValueError, "got the output of a layer"),
        (lambda m: m.add(layers.Conv2D(3, 3)), ValueError, "rank 4"),
        (lambda m: fastnn.Sequential(layers.Dense(3)), TypeError, "expected a list of layers"),
        (lambda m: fastnn.Sequential(layers=[3]), TypeError, "expected a layer, got 3"),
        (lambda m: fastnn.Sequential([layers.Dense(2)], nmae="x"), TypeError, "did you mean 'name'"),
    ],
)
def test_what_cannot_be_added(add, error, match):
    model = two_layers(input_shape=(6,))
    with pytest.raises(error, match=match):
        add(model)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)


def test_get_layer():
    model = two_layers()
    assert model.get_layer("head") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1) is model.layers[1]
    with pytest.raises(ValueError, match="no layer named 'haed'; did you mean 'head'"):
        model.get_layer("haed")
    with pytest.raises(ValueError, match="no layer 2, there are 2"):
        model.get_layer(index=2)
    for arguments in ({}, {"name": "head", "index": 1}):
        with pytest.raises(ValueError, match="either a name or an index"):
            model.get_layer(**arguments)


def test_layers_share_their_weights_between_models():
    model = two_layers(input_shape=(6,))
    features = fastnn.Sequential(model.layers[:1])
    np.testing.assert_array_equal(features.predict(X, verbose=0), model.layers[0](X))
    model.layers[0].set_weights([np.zeros((6, 4)), np.ones(4)])
    np.testing.assert_allclose(features.predict(X, verbose=0), np.full((1000, 4), np.tanh(1)), rtol=1e-6)


def test_models_within_models():
    inner = two_layers()
    model = fastnn.Sequential([fastnn.Input((6,)), inner, layers.Activation("relu")])
    assert len(model.weights) == 4
    np.testing.assert_allclose(
        model.predict(X, verbose=0), np.maximum(expected(inner, X), 0), rtol=1e-5, atol=1e-6
    )
    inner.layers[0].trainable = False
    assert [w.trainable for w in model.weights] == [False, False, True, True]
    model.trainable = False
    assert model.trainable_weights == []
    model.trainable = True
    assert len(model.trainable_weights) == 4
    again = fastnn.Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_configuration():
    model = two_layers(input_shape=(6,))
    again = fastnn.Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.built
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    deferred = fastnn.Sequential.from_config(two_layers().get_config())
    assert not deferred.built


# ---- prediction ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 130, 1000])
@pytest.mark.parametrize("batch_size", [None, 1, 7, 32, 5000])
def test_predict(count, batch_size):
    model = two_layers(input_shape=(6,))
    out = model.predict(X[:count], batch_size=batch_size, verbose=0)
    assert out.shape == (count, 2)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected(model, X[:count]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float16", ">f4", "int8", "uint8", "bool", "int64", "uint32"])
def test_predict_dtypes(dtype):
    model = two_layers(input_shape=(6,))
    x = (np.abs(X[:20]) * 3).astype(dtype)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected(model, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("view", [X[::3], X[::-1], np.asfortranarray(X), X.tolist(), X.reshape(1000, 6, 1)])
def test_predict_layouts(view):
    model = two_layers(input_shape=(6,))
    plain = np.asarray(view).reshape(-1, 6)
    np.testing.assert_allclose(model.predict(view, verbose=0), expected(model, plain), rtol=1e-5, atol=1e-6)


def test_predict_memory_map(tmp_path):
    np.save(tmp_path / "x.npy", X)
    model = two_layers()
    out = model.predict(np.load(tmp_path / "x.npy", mmap_mode="r"), verbose=0)
    np.testing.assert_allclose(out, expected(model, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["x", "(x,)", "(x, y)", "(x, y, w)"])
def test_predict_batches(form):
    model = two_layers()
    y = np.zeros(1000)
    batches = ((X[i : i + 96], y[i : i + 96], y[i : i + 96]) for i in range(0, 1000, 96))
    parts = form.count(",") + 1 if form != "(x,)" else 1
    data = (b[0] if form == "x" else b[:parts] for b in batches)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)


def test_predict_steps():
    model = two_layers()
    assert model.predict(X, batch_size=10, steps=3, verbose=0).shape == (30, 2)
    endless = (X[:10] for _ in iter(int, 1))
    assert model.predict(endless, steps=4, verbose=0).shape == (40, 2)
    with pytest.raises(ValueError, match="batch_size must not be given"):
        model.predict(iter([X]), batch_size=3)
    with pytest.raises(ValueError, match="no batches"):
        model.predict(iter([]), verbose=0)


@pytest.mark.parametrize("name", ["batch_size", "steps"])
def test_predict_counts(name):
    model = two_layers()
    for value, error in ((0, ValueError), (-1, ValueError), (2.5, TypeError), ("8", TypeError)):
        with pytest.raises(error, match=name):
            model.predict(X, **{name: value})


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (np.zeros((5, 7)), ValueError, r"Sequential 'net': expected x of shape \(None, 6\), got \(5, 7\)"),
        (np.zeros((5, 2, 3)), ValueError, r"Flatten it"),
        (np.zeros(6), ValueError, r"x\[None\]"),
        (np.zeros((0, 6)), ValueError, "empty array"),
        (np.zeros((0,)), ValueError, "empty array"),
        ([], ValueError, "empty array"),
        (np.zeros((5, 6), object), TypeError, "Python objects"),
        (np.full((5, 6), "a"), TypeError, "expected an array of numbers"),
        ([[1, 2], [3]], ValueError, "same shape"),
        (None, TypeError, "got None"),
        (3.0, ValueError, "single number"),
        (X + 1j, TypeError, "complex"),
    ],
)
def test_predict_bad_input(x, error, match):
    model = two_layers(input_shape=(6,))
    for use in (lambda: model.predict(x, verbose=0), lambda: model.predict_on_batch(x)):
        with pytest.raises(error, match=match):
            use()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)


def test_channel_axis_may_be_missing():
    model = fastnn.Sequential([fastnn.Input((4, 5, 1)), layers.Flatten()])
    x = RANDOM.normal(size=(3, 4, 5)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x.reshape(3, 20))


def test_predict_on_batch():
    model = two_layers()
    np.testing.assert_allclose(model.predict_on_batch(X[:9]), expected(model, X[:9]), rtol=1e-5, atol=1e-6)


def test_predict_callbacks():
    class Count(fastnn.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_predict_begin(self, logs=None):
            self.seen.append("begin")

        def on_predict_batch_end(self, batch, logs=None):
            self.seen.append((batch, logs["outputs"].shape))

        def on_predict_end(self, logs=None):
            self.seen.append("end")

    count = Count()
    two_layers().predict(X[:10], batch_size=4, callbacks=[count], verbose=0)
    assert count.seen == ["begin", (0, (4, 2)), (1, (4, 2)), (2, (2, 2)), "end"]
    assert count.params["steps"] == 3


def test_predict_verbose(capsys):
    model = two_layers()
    model.predict(X, batch_size=10, verbose=0)
    assert capsys.readouterr().out == ""
    model.predict(X, batch_size=10, verbose=2)
    assert "100/100" in capsys.readouterr().out
    with pytest.raises(ValueError, match="verbose"):
        model.predict(X, verbose=3)


def test_predict_from_many_threads():
    model = two_layers(input_shape=(6,))
    whole = model.predict(X, verbose=0)
    failures = []

    def work(seed):
        rows = np.random.default_rng(seed).permutation(1000)[: 50 * seed + 1]
        for _ in range(20):
            out = model.predict(X[rows], batch_size=64, verbose=0)
            if not np.allclose(out, whole[rows], rtol=1e-5, atol=1e-6):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_first_prediction_from_many_threads():
    """A model that is not built yet is built once."""
    model = two_layers()
    outputs = [None] * 8
    barrier = threading.Barrier(8)

    def work(i):
        barrier.wait()
        outputs[i] = model.predict(X, verbose=0)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for out in outputs:
        np.testing.assert_array_equal(out, outputs[0])
    assert len(model.weights) == 4


def test_predict_follows_the_weights():
    model = two_layers(input_shape=(6,))
    model.predict(X, verbose=0)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(model, X), rtol=1e-5, atol=1e-6)


# ---- summary ------------------------------------------------------------------------------------


def test_summary(capsys):
    model = two_layers(input_shape=(6,))
    model.layers[0].trainable = False
    model.summary()
    text = capsys.readouterr().out
    for part in ('Model: "net"', "hidden (Dense)", "(None, 4)", "28", "Total params: 38 (152 B)"):
        assert part in text
    assert "Trainable params: 10" in text
    assert "Non-trainable params: 28" in text
    lines = []
    model.summary(line_length=90, print_fn=lines.append)
    assert max(len(line) for line in "\n".join(lines).splitlines()) == 90
    two_layers().summary(print_fn=lines.append)
    assert "unbuilt" in lines[-1]


def test_summary_of_nested_models():
    inner = fastnn.Sequential([layers.Dense(3, name="within")], name="inner")
    model = fastnn.Sequential(
        [fastnn.Input((6,)), inner, layers.Flatten(name="flat"), layers.Dense(1, name="head")]
    )
    inner.trainable = False
    lines = []
    model.summary(print_fn=lines.append)
    assert "within" not in lines[-1]
    model.summary(print_fn=lines.append, expand_nested=True, show_trainable=True)
    for name, trainable in (("  within (Dense)", "no"), ("head", "yes"), ("flat", "-")):
        line = next(line for line in lines[-1].splitlines() if name in line)
        assert line.split("│")[-2].strip() == trainable


def test_copies():
    for model in (two_layers(), two_layers(input_shape=(6,))):
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert other.get_config() == model.get_config()
            assert other.built == model.built
            if model.built:
                np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
                other.set_weights([w + 1 for w in other.get_weights()])
                assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])


def test_copies_of_models_with_own_layers():
    class Own(layers.Layer):
        def call(self, inputs):
            return inputs

    model = fastnn.Sequential([fastnn.Input((6,)), Own(), layers.Dense(2)])
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X, verbose=0), model.predict(X, verbose=0))


def test_representations():
    model = two_layers(input_shape=(6,))
    assert "net" in repr(model)
    assert "hidden/kernel" in repr(model.weights[0])
    assert "(None, 6)" in repr(fastnn.Input((6,)))
