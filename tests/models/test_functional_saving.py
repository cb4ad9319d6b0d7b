"""Functional and subclass models in files; classes and functions of one's own; weights by name."""

import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastnn
from fastnn import _container, layers, saving
from fastnn.tensor import apply

RANDOM = np.random.default_rng(4)
A = RANDOM.normal(size=(40, 4)).astype("float32")
B = RANDOM.normal(size=(40, 4)).astype("float32")
CLASS = (A[:, 0] > 0).astype("int64")
VALUE = (A[:, :1] + B[:, :1]).astype("float32")


@saving.register
class Plus(layers.Layer):
    def __init__(self, share=1.0, **kwargs):
        super().__init__(**kwargs)
        self.share = share

    def call(self, a, b=None):
        first, second = a if isinstance(a, (list, tuple)) else (a, b)
        return apply("add", [first, apply("scale_shift", [second], {"scale": self.share})])


@saving.register
class Sub(fastnn.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.layers_in_a_row = [layers.Dense(units, "tanh"), layers.Dropout(0.3), layers.Dense(units, "tanh")]
        self.norm = layers.BatchNormalization()
        self.head = layers.Dense(2, "softmax")

    def call(self, x):
        for layer in self.layers_in_a_row:
            x = layer(x)
        return self.head(self.norm(x))


def functional():
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((4,), name="b")
    shared = layers.Dense(4, "tanh", name="shared")
    block = fastnn.Sequential([layers.Dense(5, "relu"), layers.Dropout(0.3)], name="block")
    joined = Plus(0.5, name="plus")(shared(a), b=shared(b))
    deep = block(joined)
    norm = layers.BatchNormalization(name="norm")(deep)
    kind = layers.Dense(2, "softmax", name="kind")(norm)
    value = layers.Dense(1, name="value")(Plus(name="again")([deep, norm]))
    model = fastnn.Model({"left": a, "right": b}, (kind, {"v": value}), name="net")
    model.add_loss(value)
    return model


def compile_it(model):
    model.compile(
        fastnn.optimizers.Adam(0.01, weight_decay=0.01),
        ["sparse_categorical_crossentropy", fastnn.losses.Huber(0.5)],
        metrics={"kind": ["accuracy"], "value": "mae"},
        loss_weights=[1.0, 0.5],
        learning_rate_multipliers={"block": 0.5, "*/bias": 2.0},
    )


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def test_functional_round_trip(tmp_path):
    model = functional()
    model.get_layer("shared").trainable = False
    model.save(tmp_path / "m.safetensors")
    loaded = saving.load_model(tmp_path / "m.safetensors")
    assert type(loaded) is fastnn.Model
    assert loaded.get_config() == model.get_config()
    assert not loaded.get_layer("shared").trainable
    assert loaded.get_layer("kind").trainable
    x = {"left": A, "right": B}
    (kind, rest), (kind_2, rest_2) = model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    np.testing.assert_array_equal(kind, kind_2)
    np.testing.assert_array_equal(rest["v"], rest_2["v"])


@pytest.mark.parametrize("kind", ["functional", "subclass"])
def test_two_and_three_epochs_are_five(tmp_path, kind):
    def make():
        fastnn.utils.set_random_seed(6)
        if kind == "functional":
            model = functional()
            compile_it(model)
            return model, {"left": A, "right": B}, (CLASS, {"v": VALUE})
        model = Sub(6)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model, A, CLASS

    whole, x, y = make()
    five = whole.fit(x, y, epochs=5, batch_size=16, verbose=0).history
    half, x, y = make()
    two = half.fit(x, y, epochs=2, batch_size=16, verbose=0).history
    half.save(tmp_path / "half.safetensors")
    loaded = saving.load_model(tmp_path / "half.safetensors")
    assert loaded.get_compile_config() == half.get_compile_config()
    rest = loaded.fit(x, y, epochs=5, initial_epoch=2, batch_size=16, verbose=0).history
    assert same(whole, loaded)
    for name, values in five.items():
        assert two[name] + rest[name] == values


def test_subclass_round_trip(tmp_path):
    model = Sub(3, name="sub")
    model(A)
    model.head.trainable = False
    model.save(tmp_path / "m.safetensors")
    loaded = saving.load_model(tmp_path / "m.safetensors")
    assert isinstance(loaded, Sub)
    assert loaded.name == "sub"
    np.testing.assert_array_equal(model.predict(A, verbose=0), loaded.predict(A, verbose=0))
    assert "layers_in_a_row.2/kernel" in safetensors.numpy.load_file(tmp_path / "m.safetensors")


def test_an_unregistered_class_is_named_and_nothing_runs(tmp_path):
    ran = []

    class Stranger(layers.Layer):
        def __init__(self, **kwargs):
            ran.append(1)
            super().__init__(**kwargs)

        def call(self, x):
            return x

    x = fastnn.Input((4,))
    fastnn.Model(x, Stranger()(layers.Dense(2)(x))).save(tmp_path / "m.safetensors")
    ran.clear()
    with pytest.raises(
        ValueError, match="unknown layer class 'Stranger'.*registered with fastnn.saving.register"
    ):
        saving.load_model(tmp_path / "m.safetensors")
    assert not ran
    loaded = saving.load_model(tmp_path / "m.safetensors", custom_objects={"Stranger": Stranger})
    assert loaded.output_shape == (None, 2)


class Doubled(fastnn.losses.Loss):
    def call(self, graph, y_true, y_pred):
        error = graph.add("elementwise_loss", [y_pred, y_true], {"kind": "squared_error"})[0]
        return graph.add("add", [error, error])[0]


class MeanOutput(fastnn.metrics.MeanMetric):
    def values(self, graph, y_true, y_pred):
        return y_pred


class Quarter(fastnn.regularizers.L2):
    def __init__(self, l2=0.25):
        super().__init__(l2)


class Halves(fastnn.initializers.Constant):
    def __init__(self, value=0.5):
        super().__init__(value)


class Clip(fastnn.constraints.MaxNorm):
    pass


def twice(x):
    return apply("add", [x, x])


def absolute(y_true, y_pred):
    return apply("elementwise_loss", [y_pred, y_true], {"kind": "absolute_error"})


OWN = {c.__name__: c for c in (Doubled, MeanOutput, Quarter, Halves, Clip)}


def custom(loss, activation=None):
    model = fastnn.Sequential(
        [
            fastnn.Input((4,)),
            layers.Dense(
                2,
                activation=activation,
                kernel_initializer=Halves(),
                kernel_regularizer=Quarter(),
                kernel_constraint=Clip(1.0),
                name="d",
            ),
        ]
    )
    model.compile("sgd", loss, metrics=[MeanOutput()])
    return model


def test_custom_losses_metrics_and_the_like(tmp_path):
    model = custom(Doubled())
    y = np.zeros((40, 2))
    model.fit(A, y, epochs=1, verbose=0)
    model.save(tmp_path / "m.safetensors")
    for missing in OWN:
        known = {name: cls for name, cls in OWN.items() if name != missing}
        with pytest.raises(ValueError, match=f"unknown [a-z]+ '{missing}'.*fastnn.saving.register"):
            saving.load_model(tmp_path / "m.safetensors", custom_objects=known)
    loaded = saving.load_model(tmp_path / "m.safetensors", custom_objects=OWN)
    assert isinstance(loaded.get_layer("d").kernel_regularizer, Quarter)
    assert loaded.evaluate(A, y, verbose=0) == model.evaluate(A, y, verbose=0)
    # A class is taken for what it is only.
    with pytest.raises(ValueError, match="unknown loss 'Doubled'"):
        saving.load_model(tmp_path / "m.safetensors", custom_objects={**OWN, "Doubled": Quarter})


def test_custom_functions(tmp_path):
    model = custom(absolute, twice)
    with pytest.raises(ValueError, match="function 'twice' .* register it"):
        model.save(tmp_path / "m.safetensors")
    from fastnn import _registry

    with _registry.knowing({"twice": twice}), pytest.raises(TypeError, match="absolute.*registered"):
        model.save(tmp_path / "m.safetensors")
    functions = {"twice": twice, "absolute": absolute}
    with _registry.knowing(functions):
        model.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="unknown activation 'twice'"):
        saving.load_model(tmp_path / "m.safetensors", custom_objects=OWN)
    loaded = saving.load_model(tmp_path / "m.safetensors", custom_objects={**OWN, **functions})
    y = np.zeros((40, 2))
    assert loaded.evaluate(A, y, verbose=0) == model.evaluate(A, y, verbose=0)


def test_what_can_be_registered():
    for thing in (3, int, lambda x: x, "Dense"):
        with pytest.raises(TypeError, match="register: expected"):
            saving.register(thing)


# ---- Damaged configurations ------------------------------------------------------------------------------


def rewritten(source, target, change):
    with _container.Container(source) as file:
        tensors = {name: file.array(name) for name in file.entries}
        metadata = {
            k: v for k, v in file.metadata.items() if k not in ("format", "format_version", "checksum")
        }
    config = json.loads(metadata["config"])
    change(config["config"])
    metadata["config"] = json.dumps(config)
    _container.write(target, tensors, metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["calls"][1].update(inputs={"tensor": [5, 0]}), "graph has a cycle"),
        (lambda c: c["calls"][0].update(inputs={"tensor": [0, 0]}), "graph has a cycle"),
        (lambda c: c["calls"][0].update(inputs={"tensor": ["input", 7]}), "no output 7"),
        (lambda c: c["calls"][0].update(inputs={"tensor": "x"}), "expected a call's number"),
        (lambda c: c["calls"][0].update(inputs={"code": "import os"}), "unknown kind 'code'"),
        (lambda c: c["calls"][0].update(inputs=3), "expected a tensor"),
        (lambda c: c["calls"][0].update(layer="nobody"), "layer 'nobody' that is not described"),
        (lambda c: c["calls"][0].update(arguments={"verbose": {"value": 3}}), "no argument 'verbose'"),
        (lambda c: c.pop("outputs"), "no 'outputs'"),
        (lambda c: c["calls"].pop(), "cycle|no output|does not come before"),
        (lambda c: c.update(layers=[]), "not described|no output"),
        (lambda c: c["layers"].append(c["layers"][3]), "two layers have one name"),
    ],
)
def test_damaged_configurations(tmp_path, change, message):
    functional().save(tmp_path / "m.safetensors")
    rewritten(tmp_path / "m.safetensors", tmp_path / "bad.safetensors", change)
    with pytest.raises(ValueError, match=f"cannot load.*({message})"):
        saving.load_model(tmp_path / "bad.safetensors")


# ---- Weights by name -------------------------------------------------------------------------------------


def test_weights_by_name(tmp_path):
    def net(head, *first):
        return fastnn.Sequential(
            [fastnn.Input((4,)), *first, layers.Dense(3, name="body"), layers.Dense(head, name=f"head{head}")]
        )

    trained, other = net(2), net(5)
    trained.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="has no weight 'head5/kernel'"):
        other.load_weights(tmp_path / "w.safetensors")
    before = other.get_weights()
    other.load_weights(tmp_path / "w.safetensors", by_name=True)
    np.testing.assert_array_equal(other.get_weights()[0], trained.get_weights()[0])
    np.testing.assert_array_equal(other.get_weights()[2], before[2])
    wide = fastnn.Sequential(
        [fastnn.Input((6,)), layers.Dense(3, name="body"), layers.Dense(2, name="head2")]
    )
    with pytest.raises(ValueError, match=r"'body/kernel' has shape \(4, 3\) in the file"):
        wide.load_weights(tmp_path / "w.safetensors", by_name=True)
    wide.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    np.testing.assert_array_equal(wide.get_weights()[2], trained.get_weights()[2])
    with pytest.raises(ValueError, match="no weight of the file has a name of the model's"):
        fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3, name="else")]).load_weights(
            tmp_path / "w.safetensors", by_name=True
        )


# ---- Rates of groups -------------------------------------------------------------------------------------


def test_learning_rates_of_groups():
    def train(multipliers):
        fastnn.utils.set_random_seed(8)
        x = fastnn.Input((4,), dtype="float64")
        block = fastnn.Sequential(
            [layers.Dense(3, dtype="float64", name="one"), layers.Dense(3, dtype="float64", name="two")],
            name="block",
        )
        model = fastnn.Model(x, layers.Dense(2, dtype="float64", name="head")(block(x)))
        start = {name: weight.numpy() for name, weight in model.named_weights().items()}
        model.compile(fastnn.optimizers.SGD(0.1), "mse", learning_rate_multipliers=multipliers)
        model.train_on_batch(A, np.ones((40, 2)))
        return {name: weight.numpy() - start[name] for name, weight in model.named_weights().items()}

    plain = train(None)
    for multipliers, factors in (
        ({"block": 0.1}, {"block": 0.1}),
        ({"block/one": 0.0}, {"block/one": 0.0}),
        ({"*/bias": 3.0}, {"bias": 3.0}),
        ({"bias": 3.0}, {"bias": 3.0}),
        ({"block": 0.5, "two/bias": 2.0}, {"block": 0.5, "two/bias": 2.0}),
        ({"head/kernel": 0.25}, {"head/kernel": 0.25}),
    ):
        made = train(multipliers)
        for name, change in plain.items():
            factor = [f for key, f in factors.items() if key in name][-1:] or [1.0]
            np.testing.assert_allclose(made[name], factor[0] * change, rtol=1e-9, atol=1e-14, err_msg=name)


def test_wrong_multipliers():
    model = functional()
    with pytest.raises(ValueError, match="has 'bloc', but no weight's path fits; did you mean 'block"):
        model.compile("sgd", "mse", learning_rate_multipliers={"bloc": 0.1})
    with pytest.raises(ValueError, match="at least 0"):
        model.compile("sgd", "mse", learning_rate_multipliers={"block": -0.1})
    later = Sub(3)
    later.compile("sgd", "sparse_categorical_crossentropy", learning_rate_multipliers={"hat": 0.1})
    with pytest.raises(ValueError, match="'hat'"):
        later.fit(A, CLASS, verbose=0)


def test_slots_of_layers_with_one_name():
    def inner(name):
        return fastnn.Sequential([layers.Dense(4, name="dense")], name=name)

    x = fastnn.Input((4,))
    model = fastnn.Model(x, inner("b")(inner("a")(x)))
    model.compile("adam", "mse")
    model.fit(A, B, verbose=0)
    assert {"a/dense/kernel/momentum", "b/dense/kernel/momentum"} <= set(model.optimizer.get_state())


# ---- Copies without weights ------------------------------------------------------------------------------


def test_clones():
    for model in (functional(), Sub(4, name="s")):
        if not model.built:
            model.build((None, 4))
        other = fastnn.models.clone_model(model)
        assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
        assert other.get_config() == model.get_config()
        assert not same(model, other)


def test_json():
    model = functional()
    assert fastnn.models.model_from_json(model.to_json(indent=1)).get_config() == model.get_config()
    for text in ("{", 3, json.dumps(layers.serialize(layers.Dense(2)))):
        with pytest.raises(ValueError, match="model_from_json"):
            fastnn.models.model_from_json(text)


def test_functions_as_layers(tmp_path):
    x = fastnn.Input((4,))
    model = fastnn.Model(x, layers.Lambda(lambda t, n: n * t, arguments={"n": 3.0}, name="triple")(x))
    np.testing.assert_allclose(model.predict(A, verbose=0), 3 * A, rtol=1e-6)
    with pytest.raises(ValueError, match="Lambda 'triple': its function has no name"):
        model.save(tmp_path / "m.safetensors")
    named = fastnn.Model(x, layers.Lambda(twice)(x))
    from fastnn import _registry

    with _registry.knowing({"twice": twice}):
        named.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="unknown function 'twice'"):
        saving.load_model(tmp_path / "m.safetensors")
    loaded = saving.load_model(tmp_path / "m.safetensors", custom_objects={"twice": twice})
    np.testing.assert_allclose(loaded.predict(A, verbose=0), 2 * A, rtol=1e-6)
    with pytest.raises(TypeError, match="expected a function of tensors"):
        layers.Lambda(3)


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"]
)
def test_merging_functions(name):
    x, y = fastnn.Input((4,)), fastnn.Input((4,))
    made = fastnn.Model([x, y], getattr(layers, name)([x, y])).predict([A, B], verbose=0)
    found = getattr(layers, name.title())()([A, B])
    np.testing.assert_array_equal(made, found)


# ---- Configurations changed at random --------------------------------------------------------------------


def places(value, path=()):
    """All paths into a nested value."""
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in children:
        yield from places(inner, (*path, key))


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_random_changes_are_refused_or_harmless(tmp_path, data):
    source = tmp_path / "m.safetensors"
    if not source.exists():
        model = functional()
        compile_it(model)
        model.save(source)

    def change(config):
        path = data.draw(st.sampled_from([p for p in places(config) if p]))
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        new = st.sampled_from([None, -1, 10**12, 0.5, "x", [], {}, True, ["input", 0], {"tensor": [0, 0]}])
        holder[path[-1]] = data.draw(new)

    rewritten(source, tmp_path / "changed.safetensors", change)
    try:
        loaded = saving.load_model(tmp_path / "changed.safetensors")
    except ValueError as error:
        assert "cannot load" in str(error)
    else:
        assert isinstance(loaded, fastnn.Model)
