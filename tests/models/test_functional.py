"""Model(inputs, outputs): several inputs and outputs, shared and nested layers, training, errors."""

import threading

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.tensor import Node, Tensor, apply

RANDOM = np.random.default_rng(11)
A = RANDOM.normal(size=(50, 4)).astype("float32")
B = RANDOM.normal(size=(50, 3)).astype("float32")
CLASS = (A[:, 0] > 0).astype("int64")
VALUE = (A[:, :1] + B[:, :1]).astype("float32")


class Add(layers.Layer):
    def call(self, inputs):
        return apply("add", list(inputs))


def two_by_two(**kwargs):
    """Two inputs, two outputs: a class and a value."""
    fastnn.utils.set_random_seed(3)
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((3,), name="b")
    joined = Add(name="joined")(
        [layers.Dense(8, "tanh", name="left")(a), layers.Dense(8, "tanh", name="right")(b)]
    )
    kind = layers.Dense(2, "softmax", name="kind")(joined)
    value = layers.Dense(1, name="value")(joined)
    return fastnn.Model([a, b], [kind, value], name="net", **kwargs)


def compiled(**kwargs):
    model = two_by_two()
    arguments = {"loss": ["sparse_categorical_crossentropy", "mse"], **kwargs}
    model.compile(fastnn.optimizers.Adam(0.01), **arguments)
    return model


def by_hand(model, a, b):
    w = {name: weight.numpy().astype("float64") for name, weight in model.named_weights().items()}
    left = np.tanh(a @ w["left/kernel"] + w["left/bias"])
    h = left + np.tanh(b @ w["right/kernel"] + w["right/bias"])
    logits = h @ w["kind/kernel"] + w["kind/bias"]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), h @ w["value/kernel"] + w["value/bias"]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


# ---- Structure and prediction ----------------------------------------------------------------------------


def test_predictions_are_those_of_numpy():
    model = two_by_two()
    expected = by_hand(model, A, B)
    for x in ([A, B], (A, B), {"a": A, "b": B}, {"b": B, "a": A}):
        made = model.predict(x, verbose=0)
        assert isinstance(made, list)
        for found, wanted in zip(made, expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)
    for found, wanted in zip(model([A, B]), made, strict=True):
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(model.predict_on_batch([A, B]), made, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_names_shapes_and_layers():
    model = two_by_two()
    assert model.built
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["kind", "value"]
    assert model.input_shape == [(None, 4), (None, 3)]
    assert model.output_shape == [(None, 2), (None, 1)]
    assert [layer.name for layer in model.layers] == ["a", "b", "left", "right", "joined", "kind", "value"]
    assert model.get_layer("left").output.shape == (None, 8)
    assert model.get_layer("a").output is model.inputs[0]
    assert model.count_params() == 4 * 8 + 8 + 3 * 8 + 8 + 16 + 2 + 8 + 1
    assert model.layer_output_shapes()[2:] == [(None, 8), (None, 8), (None, 8), (None, 2), (None, 1)]


@pytest.mark.parametrize("kind", ["dict", "tuple", "nested", "single"])
def test_forms_of_inputs_and_outputs(kind):
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((4,), name="b")
    total, twice = Add()([a, b]), Add()([b, b])
    if kind == "single":
        model = fastnn.Model(inputs=a, outputs=Add()([a, a]))
        np.testing.assert_array_equal(model.predict(A, verbose=0), 2 * A)
        np.testing.assert_array_equal(model.predict({"a": A}, verbose=0), 2 * A)
        return
    if kind == "dict":
        model = fastnn.Model({"x": a, "y": b}, {"sum": total, "twice": twice})
        assert model.output_names == ["sum", "twice"]
        made = model.predict({"y": 2 * A, "x": A}, verbose=0)
        found = made["sum"], made["twice"]
    elif kind == "tuple":
        made = fastnn.Model((a, b), (total, twice)).predict((A, 2 * A), verbose=0)
        assert isinstance(made, tuple)
        found = made
    else:
        model = fastnn.Model([a, {"b": b}], {"all": [total, twice]})
        made = model.predict([A, {"b": 2 * A}], verbose=0)
        assert list(made) == ["all"]
        assert model.output_names == [total.name, twice.name]
        found = made["all"]
    np.testing.assert_allclose(found[0], 3 * A)
    np.testing.assert_allclose(found[1], 4 * A)


def test_shared_layers_share_their_weights():
    a, b = fastnn.Input((4,)), fastnn.Input((4,))
    shared = layers.Dense(3, name="shared")
    model = fastnn.Model([a, b], [shared(a), shared(b)])
    assert len(model.weights) == 2
    assert model.output_names == ["shared", "shared_1"]
    kernel, bias = model.get_weights()
    for found, x in zip(model.predict([A, A[::-1]], verbose=0), (A, A[::-1]), strict=True):
        np.testing.assert_allclose(found, x @ kernel + bias, rtol=1e-5, atol=1e-6)
    # The gradient of a shared kernel is the sum over its uses.
    _, (dk, db) = model.vjp([A, A[::-1]], [np.ones((50, 3)), np.ones((50, 3))])
    np.testing.assert_allclose(dk, 2 * A.T @ np.ones((50, 3)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(db, np.full(3, 100.0))


def test_models_within_models():
    block = fastnn.Sequential(
        [layers.Dense(5, "relu", name="one"), layers.Dense(4, name="two")], name="block"
    )
    x = fastnn.Input((4,), name="x")
    once = block(x)
    inner = fastnn.Model(x, Add(name="plus")([once, x]), name="inner")
    y = fastnn.Input((4,), name="y")
    outer = fastnn.Model(y, layers.Dense(2, name="head")(inner(inner(y))), name="outer")
    assert sorted(outer.named_weights()) == [
        "head/bias",
        "head/kernel",
        "inner/block/one/bias",
        "inner/block/one/kernel",
        "inner/block/two/bias",
        "inner/block/two/kernel",
    ]
    h = A
    for _ in range(2):
        h = block.predict(h, verbose=0) + h
    kernel, bias = outer.get_layer("head").get_weights()
    np.testing.assert_allclose(outer.predict(A, verbose=0), h @ kernel + bias, rtol=1e-4, atol=1e-5)
    around = fastnn.Sequential([fastnn.Input((4,)), inner, layers.Dense(2)])
    assert around.output_shape == (None, 2)
    assert around.predict(A, verbose=0).shape == (50, 2)


def test_submodels_for_features():
    model = two_by_two()
    features = fastnn.Model(model.inputs, model.get_layer("joined").output)
    expected = by_hand(model, A, B)
    kernel, bias = model.get_layer("value").get_weights()
    np.testing.assert_allclose(
        features.predict([A, B], verbose=0) @ kernel + bias, expected[1], rtol=2e-5, atol=1e-6
    )
    rest = fastnn.Model(model.get_layer("joined").output, model.get_layer("value").output)
    np.testing.assert_allclose(
        rest.predict(features.predict([A, B], verbose=0), verbose=0), expected[1], rtol=2e-5, atol=1e-6
    )
    assert rest.weights == model.get_layer("value").weights
    net = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(6, name="hidden"), layers.Dense(2)])
    hidden = fastnn.Model(net.input, net.get_layer("hidden").output)
    assert hidden.predict(A, verbose=0).shape == (50, 6)


def test_training_argument_of_a_call_holds():
    x = fastnn.Input((4,))
    model = fastnn.Model(x, [layers.Dropout(0.5)(x), layers.Dropout(0.5)(x, training=False)])
    changed, kept = model.forward(A, training=True)
    assert not np.array_equal(changed, A)
    np.testing.assert_array_equal(kept, A)


# ---- Training --------------------------------------------------------------------------------------------


def test_fit_with_two_outputs():
    model = compiled(metrics=[["accuracy"], ["mae"]])
    history = model.fit(
        {"a": A, "b": B}, [CLASS, VALUE], epochs=30, batch_size=10, validation_split=0.2, verbose=0
    ).history
    names = ["loss", "kind_loss", "value_loss", "kind_accuracy", "value_mae"]
    assert list(history) == [*names, *(f"val_{name}" for name in names)]
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    for total, kind, value in zip(*(history[name] for name in names[:3]), strict=True):
        assert total == pytest.approx(kind + value, rel=1e-6)
    values = model.evaluate([A, B], {"kind": CLASS, "value": VALUE}, verbose=0)
    found = model.evaluate([A, B], [CLASS, VALUE], verbose=0, return_dict=True)
    assert list(found) == names
    assert model.metrics_names == names
    assert values == list(found.values())
    probability, value = model.predict([A, B], verbose=0)
    assert found["value_loss"] == pytest.approx(np.mean((value - VALUE) ** 2), rel=1e-5)
    assert found["value_mae"] == pytest.approx(np.mean(np.abs(value - VALUE)), rel=1e-5)
    assert found["kind_loss"] == pytest.approx(-np.log(probability[np.arange(50), CLASS]).mean(), rel=1e-5)
    assert found["kind_accuracy"] == pytest.approx(np.mean(probability.argmax(axis=1) == CLASS))


def test_losses_of_uneven_batches_are_means_over_samples():
    model = compiled()
    whole = model.evaluate([A, B], [CLASS, VALUE], verbose=0, batch_size=50)
    parts = model.evaluate([A, B], [CLASS, VALUE], verbose=0, batch_size=32)
    assert parts == pytest.approx(whole, rel=1e-6)


def test_gradients_of_weighted_losses_are_those_of_numpy():
    fastnn.utils.set_random_seed(0)
    x = fastnn.Input((4,), dtype="float64")
    h = layers.Dense(3, dtype="float64", name="h")
    p, q = layers.Dense(1, dtype="float64", name="p"), layers.Dense(2, dtype="float64", name="q")
    shared = h(x)
    model = fastnn.Model(x, {"p": p(shared), "q": q(shared)})
    model.compile(fastnn.optimizers.SGD(0.1), {"q": "mse", "p": "mse"}, loss_weights={"p": 0.5, "q": 3.0})
    w = {name: weight.numpy() for name, weight in model.named_weights().items()}
    target_p, target_q = RANDOM.normal(size=(50, 1)), RANDOM.normal(size=(50, 2))
    a = A.astype("float64")
    for _ in range(3):
        s = a @ w["h/kernel"] + w["h/bias"]
        dp = 0.5 * 2 * (s @ w["p/kernel"] + w["p/bias"] - target_p) / target_p.size
        dq = 3.0 * 2 * (s @ w["q/kernel"] + w["q/bias"] - target_q) / target_q.size
        ds = dp @ w["p/kernel"].T + dq @ w["q/kernel"].T
        for name, (left, d) in {"p": (s, dp), "q": (s, dq), "h": (a, ds)}.items():
            w[f"{name}/kernel"] = w[f"{name}/kernel"] - 0.1 * left.T @ d
            w[f"{name}/bias"] = w[f"{name}/bias"] - 0.1 * d.sum(axis=0)
        model.train_on_batch(A, {"p": target_p, "q": target_q})
    for name, weight in model.named_weights().items():
        np.testing.assert_allclose(weight.numpy(), w[name], rtol=1e-10, atol=1e-12)


def test_forms_of_targets_train_alike():
    models = [compiled() for _ in range(4)]
    models[0].fit([A, B], [CLASS, VALUE], epochs=2, verbose=0, shuffle=False, batch_size=25)
    models[1].fit((A, B), {"value": VALUE, "kind": CLASS}, epochs=2, verbose=0, shuffle=False, batch_size=25)
    batches = [
        ({"a": A[i : i + 25], "b": B[i : i + 25]}, (CLASS[i : i + 25], VALUE[i : i + 25])) for i in (0, 25)
    ]

    class Source:
        def __iter__(self):
            return iter(batches)

    models[2].fit(Source(), epochs=2, verbose=0)
    for _ in range(2):
        for x, y in batches:
            models[3].train_on_batch(x, y)
    for model in models[1:]:
        assert same(models[0], model)


def test_sample_weights_of_each_output():
    model = compiled(metrics={"value": "mae"}, weighted_metrics={"value": ["mae"], "kind": ["accuracy"]})
    heavy = np.linspace(0, 2, 50).astype("float32")
    logs = model.evaluate([A, B], [CLASS, VALUE], sample_weight={"value": heavy}, verbose=0, return_dict=True)
    assert list(logs)[3:] == ["kind_accuracy", "value_mae", "value_weighted_mae"]
    plain = model.evaluate([A, B], [CLASS, VALUE], verbose=0, return_dict=True)
    assert logs["kind_loss"] == plain["kind_loss"]
    error = (model.predict([A, B], verbose=0)[1] - VALUE)[:, 0]
    assert logs["value_loss"] == pytest.approx(np.mean(heavy * error**2), rel=1e-5)
    assert logs["value_mae"] == pytest.approx(plain["value_mae"])
    assert logs["value_weighted_mae"] == pytest.approx((heavy * abs(error)).sum() / heavy.sum(), rel=1e-5)
    both = model.evaluate([A, B], [CLASS, VALUE], sample_weight=heavy, verbose=0, return_dict=True)
    assert both["kind_loss"] != plain["kind_loss"]
    listed = model.evaluate([A, B], [CLASS, VALUE], sample_weight=[None, heavy], verbose=0, return_dict=True)
    assert listed == logs


def test_class_weights_of_one_output():
    model = compiled()
    plain = model.evaluate([A, B], [CLASS, VALUE], verbose=0)
    probability, _ = model.predict([A, B], verbose=0)
    each = -np.log(probability[np.arange(50), CLASS])
    copy = compiled()
    logs = copy.train_on_batch([A, B], [CLASS, VALUE], class_weight={"kind": {0: 3.0}}, return_dict=True)
    assert logs["value_loss"] == pytest.approx(plain[2])
    assert logs["kind_loss"] == pytest.approx(np.mean(np.where(CLASS == 0, 3.0, 1.0) * each), rel=1e-5)


def test_an_output_without_loss():
    model = compiled(loss={"value": "mse"}, metrics={"kind": ["accuracy"]})
    logs = model.evaluate([A, B], {"value": VALUE, "kind": CLASS}, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "kind_accuracy"]
    only = compiled(loss=[None, "mse"])
    assert only.evaluate([A, B], {"value": VALUE}, verbose=0) == pytest.approx(logs["loss"])
    assert only.evaluate([A, B], [None, VALUE], verbose=0) == pytest.approx(logs["loss"])


def test_frozen_layers():
    model = compiled()
    model.get_layer("left").trainable = False
    before = model.get_layer("left").get_weights()
    head = model.get_layer("value").get_weights()
    model.fit([A, B], [CLASS, VALUE], epochs=2, verbose=0)
    assert all(
        np.array_equal(p, q) for p, q in zip(before, model.get_layer("left").get_weights(), strict=True)
    )
    assert not np.array_equal(head[0], model.get_layer("value").get_weights()[0])


def test_bits_do_not_depend_on_the_number_of_threads():
    before, made = fastnn.num_threads(), []
    try:
        for threads in (1, 2, 3):
            fastnn.set_num_threads(threads)
            model = compiled()
            model.fit([A, B], [CLASS, VALUE], epochs=3, batch_size=16, verbose=0)
            made.append(model)
    finally:
        fastnn.set_num_threads(before)
    assert same(made[0], made[1])
    assert same(made[0], made[2])


# ---- Errors ----------------------------------------------------------------------------------------------


def test_errors_name_the_nodes():
    a, b = fastnn.Input((4,), name="a"), fastnn.Input((4,), name="b")
    mid = layers.Dense(3, name="mid")(b)
    out = layers.Dense(2, name="out")(mid)
    with pytest.raises(
        ValueError, match=r"depend on Input 'b'.*not among the inputs \('a'\).*Dense 'mid'.*'out'"
    ):
        fastnn.Model(a, out)
    with pytest.raises(ValueError, match=r"Model 'm': Input 'a' \(None, 4\) reaches none of the outputs"):
        fastnn.Model([a, b], out, name="m")
    with pytest.raises(ValueError, match="Input 'b' is given twice"):
        fastnn.Model([b, b], out)
    with pytest.raises(ValueError, match=r"two layers \(Dense and Dropout\) are named 'mid'"):
        fastnn.Model(b, layers.Dropout(0.5, name="mid")(mid))
    with pytest.raises(ValueError, match=r"two layers .* are named 'b'"):
        fastnn.Model(b, layers.Dense(2, name="b")(b))
    with pytest.raises(TypeError, match="give both inputs and outputs"):
        fastnn.Model(inputs=b)
    with pytest.raises(TypeError, match="outputs must be tensors"):
        fastnn.Model(b, np.zeros(3))
    with pytest.raises(ValueError, match="there are no outputs"):
        fastnn.Model(b, [])
    with pytest.raises(NotImplementedError, match="define call"):
        fastnn.Model()(A)


def test_cycles():
    x = fastnn.Input((4,), name="x")
    first, second = layers.Dense(4, name="first"), layers.Dense(4, name="second")
    y = first(x)
    z = second(y)
    y.node.inputs = z  # nobody can do that by calling layers
    with pytest.raises(ValueError, match=r"cycle: Dense 'second' <- Dense 'first' <- Dense 'second'"):
        fastnn.Model(x, z)
    assert isinstance(y.node, Node)


def test_dtype_conflicts():
    class Ids(layers.Layer):
        integer_inputs = True

        def call(self, inputs):
            return apply("cast", [inputs], {"dtype": "float32"})

    x = fastnn.Input((4,), name="x")
    dense = layers.Dense(2, name="d")(x)
    ids = Ids(name="ids")
    made = Node(ids, x, {})
    made.outputs = made.output(Tensor((None, 4)))
    with pytest.raises(
        TypeError, match=r"'x' of dtype float32 is taken as float32 by Dense 'd' and int32 by Ids"
    ):
        fastnn.Model(x, [dense, made.outputs])
    with pytest.raises(TypeError, match="computes in float64, but its input"):
        layers.Dense(2, dtype="float64")(dense)


def test_shape_conflicts():
    a = fastnn.Input((4,), name="a")
    with pytest.raises(ValueError, match=r"Add 'plus'"):
        Add(name="plus")([a, fastnn.Input((3,), name="b")])
    inner = fastnn.Model(a, layers.Dense(2)(a), name="inner")
    with pytest.raises(
        ValueError, match=r"Model 'inner': expected input 'a' of shape \(None, 4\), got \(None, 5\)"
    ):
        inner(fastnn.Input((5,)))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (A, r"x must have 2 parts \('a', 'b'\), as a list or a dict.*got one array of shape \(50, 4\)"),
        ([A], "must have 2 parts.*got 1"),
        ([A, B, B], "must have 2 parts.*got 3"),
        ({"a": A}, "x has no part 'b'"),
        ({"a": A, "bb": B}, "x has a part 'bb'.*did you mean 'b'"),
        ([A, B[:10]], "'a' has 50, 'b' has 10"),
        ([A, A], r"expected x\['b'\] of shape \(None, 3\), got \(50, 4\)"),
        ([A, None], "x"),
    ],
)
def test_wrong_inputs(x, message):
    with pytest.raises((ValueError, TypeError), match=message):
        two_by_two().predict(x, verbose=0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([CLASS], "y must have 2 parts.*got 1"),
        ({"kind": CLASS}, r"y\['value'\] is missing"),
        ({"kind": CLASS, "valu": VALUE}, "did you mean 'value'"),
        (None, "y is missing"),
        ([CLASS[:3], VALUE], r"x has 50 rows, but y\['kind'\] has 3"),
        ([VALUE, VALUE], r"y\['kind'\]"),
    ],
)
def test_wrong_targets(y, message):
    with pytest.raises(ValueError, match=message):
        compiled().fit([A, B], y, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": ["mse"]}, "loss has 1 entries for 2 outputs"),
        ({"loss": {"kin": "mse"}}, "loss has a part 'kin'.*did you mean 'kind'"),
        ({"loss_weights": [1.0]}, "loss_weights has 1 entries"),
        ({"loss_weights": {"kind": "high"}}, "loss_weights of 'kind' must be a number"),
        ({"metrics": {"valu": "mae"}}, "did you mean 'value'"),
        ({"metrics": [["mae"]]}, "metrics has 1 entries for 2 outputs"),
        ({"metrics": {"value": ["maee"]}}, "unknown metric"),
        ({"run_eagerly": True}, "no eager mode"),
        ({"steps_per_execution": 0}, "steps_per_execution must be at least 1"),
        ({"jit_compile": "yes"}, "jit_compile"),
    ],
)
def test_wrong_arguments_of_compile(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        compiled(**arguments)


def test_nothing_to_minimise():
    model = compiled(loss=None)
    with pytest.raises(ValueError, match=r"Model 'net': there is nothing to minimise"):
        model.fit([A, B], verbose=0)
    with pytest.raises(ValueError, match="class 5, but output 'kind' has 2 classes"):
        compiled().fit([A, B], [CLASS, VALUE], class_weight={"kind": {5: 1.0}}, verbose=0)
    with pytest.raises(ValueError, match="dict of dicts by output"):
        compiled().fit([A, B], [CLASS, VALUE], class_weight={0: 1.0}, verbose=0)


# ---- Shared state ----------------------------------------------------------------------------------------


def test_a_shared_normalisation_goes_on_from_its_first_call():
    norm = layers.BatchNormalization(momentum=0.9, dtype="float64", name="norm")
    a, b = fastnn.Input((3,), dtype="float64"), fastnn.Input((3,), dtype="float64")
    model = fastnn.Model([a, b], [norm(a), norm(b)])
    model.compile("sgd", "mse")
    x, y = A[:, :3].astype("float64"), 5 + 2 * A[:, 1:].astype("float64")
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(2):
        for part in (x, y):
            mean = 0.9 * mean + 0.1 * part.mean(axis=0)
            variance = 0.9 * variance + 0.1 * part.var(axis=0)
        model.train_on_batch([x, y], [x, y])
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-10)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-10)


def test_types_follow_names_whatever_the_order():
    ids, numbers = fastnn.Input((), name="ids", dtype="int32"), fastnn.Input((2,), name="numbers")
    rows = layers.Embedding(5, 2)(ids)
    model = fastnn.Model({"ids": ids, "numbers": numbers}, Add()([rows, numbers]))
    i, n = np.array([4, 1]), np.array([[0.5, 1.5], [2.5, 0.25]])
    found = model({"numbers": n, "ids": i})
    np.testing.assert_allclose(found, model.predict({"ids": i, "numbers": n}, verbose=0))
    table = next(layer for layer in model.layers if isinstance(layer, layers.Embedding)).get_weights()[0]
    np.testing.assert_allclose(found, table[i] + n, rtol=1e-6)
    assert model.compute_output_shape({"ids": (None,), "numbers": (None, 2)}) == (None, 2)


def test_prediction_from_many_threads():
    model = two_by_two()
    expected = model.predict([A, B], verbose=0)
    wrong = []

    def work():
        for _ in range(20):
            made = model.predict([A, B], verbose=0)
            if not all(np.array_equal(p, q) for p, q in zip(made, expected, strict=True)):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("change", ["shape", "number"])
def test_a_call_that_changes_its_mind(change):
    class Fickle(layers.Layer):
        calls = 0

        def call(self, inputs):
            self.calls += 1
            if self.calls == 1:
                return inputs
            return [inputs, inputs] if change == "number" else apply("reshape", [inputs], {"shape": [2, 2]})

    x = fastnn.Input((4,))
    model = fastnn.Model(x, layers.Dense(2)(Fickle(name="f")(x)))
    with pytest.raises(ValueError, match=r"Fickle 'f': returned .* but \(None, 4\) when it was called first"):
        model.predict(A, verbose=0)


def test_arguments_of_keras_without_effect():
    model = two_by_two()
    model.compile(
        fastnn.optimizers.Adam(0.01, loss_scale_factor=1024.0),
        ["sparse_categorical_crossentropy", "mse"],
        run_eagerly=False,
        steps_per_execution=8,
        jit_compile=True,
        auto_scale_loss=False,
    )
    plain = compiled()
    for each in (model, plain):
        each.fit([A, B], [CLASS, VALUE], epochs=2, shuffle=False, verbose=0)
    assert same(model, plain)
    with pytest.raises(ValueError, match="loss_scale_factor"):
        fastnn.optimizers.SGD(loss_scale_factor=-1.0)


def test_freezing_and_thawing_keeps_one_count_of_steps():
    model = compiled()
    for trainable in (True, False, True, True):
        model.get_layer("left").trainable = trainable
        model.train_on_batch([A, B], [CLASS, VALUE])
    assert model.optimizer.iterations == 4
    state = model.optimizer.get_state()
    assert int(state["steps"]) == 4
    before = {k: v.copy() for k, v in state.items()}
    model.train_on_batch([A, B], [CLASS, VALUE])
    after = model.optimizer.get_state()
    assert not np.array_equal(before["left/kernel/momentum"], after["left/kernel/momentum"])


def test_a_frozen_normalisation_without_parameters_keeps_its_averages():
    x = fastnn.Input((4,))
    norm = layers.BatchNormalization(center=False, scale=False)
    model = fastnn.Model(x, layers.Dense(1)(norm(x)))
    model.compile("sgd", "mse")
    model.train_on_batch(A, VALUE)
    changed = norm.moving_mean.numpy()
    assert changed.any()
    in_training = model.forward(A, training=True)
    norm.trainable = False
    model.train_on_batch(A, VALUE)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), changed)
    assert not np.allclose(model.forward(A, training=True), in_training, atol=1e-3)


def test_losses_of_tensors_between_inputs_and_outputs():
    x = fastnn.Input((4,), name="x")
    code = layers.Dense(2, name="code")(x)
    model = fastnn.Model(x, layers.Dense(4, name="back")(code), name="m")
    model.compile("sgd", "mse")
    plain = model.evaluate(A, A, verbose=0)
    model.add_loss(code)
    expected = plain + np.mean(fastnn.Model(x, code).predict(A, verbose=0))
    assert model.evaluate(A, A, verbose=0) == pytest.approx(expected, rel=1e-5)
    for wrong in (3.0, None):
        with pytest.raises((TypeError, RuntimeError), match="add_loss"):
            model.add_loss(wrong)
    with pytest.raises(ValueError, match="depend on Input 'other'"):
        model.add_loss(layers.Dense(1)(fastnn.Input((2,), name="other")))


def test_an_input_can_be_an_output():
    x = fastnn.Input((4,))
    same_again, halves = fastnn.Model(x, [x, layers.Rescaling(0.5)(x)]).predict(A, verbose=0)
    np.testing.assert_array_equal(same_again, A)
    np.testing.assert_array_equal(halves, 0.5 * A)


def test_a_thousand_layers_in_a_row():
    x = tensor = fastnn.Input((2,))
    for i in range(1000):
        tensor = layers.Rescaling(1.0, 0.5, name=f"step_{i}")(tensor)
    model = fastnn.Model(x, tensor)
    np.testing.assert_allclose(model.predict(np.zeros((1, 2)), verbose=0), [[500.0, 500.0]])
    assert fastnn.models.clone_model(model).predict(np.zeros((1, 2)), verbose=0)[0, 0] == 500.0


def test_layers_and_weights_are_in_the_order_of_keras():
    # By distance from the outputs, then as they are met going back: compared with Keras on 60 random graphs.
    a, b = fastnn.Input((3,), name="a"), fastnn.Input((3,), name="b")
    deep = layers.Dense(3, name="second")(layers.Dense(3, name="first")(a))
    joined = layers.Add(name="joined")([deep, b])
    side = layers.Dense(3, name="side")(b)
    ends = [layers.Dense(1, name="end")(joined), layers.Add(name="sum")([side, joined])]
    model = fastnn.Model([b, a], ends)
    order = ["a", "first", "second", "b", "joined", "side", "end", "sum"]
    assert [layer.name for layer in model.layers] == order
    assert [w.owner.name for w in model.weights[::2]] == ["first", "second", "side", "end"]
    again = fastnn.models.model_from_json(model.to_json())
    assert [layer.name for layer in again.layers] == order
    assert again.input_names == ["b", "a"]
