"""Large kernels are updated while their gradients are made: the same bits as with all gradients first."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, optimizers

WIDE = 600  # a kernel of 600 x 600 float32 outgrows 1 MiB

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda: optimizers.Adagrad(0.01),
    "adadelta": lambda: optimizers.Adadelta(0.5),
    "rmsprop": lambda: optimizers.RMSprop(0.001, momentum=0.5, centered=True),
    "adam": lambda: optimizers.Adam(0.001),
    "amsgrad": lambda: optimizers.Adam(0.001, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.001, weight_decay=0.1),
    "adamax": lambda: optimizers.Adamax(0.001),
    "nadam": lambda: optimizers.Nadam(0.001),
    "lion": lambda: optimizers.Lion(0.0003),
    "ftrl": lambda: optimizers.Ftrl(0.01, l1_regularization_strength=1e-3),
    "clipvalue": lambda: optimizers.Adam(0.001, clipvalue=1e-4),
    # These need whole gradients, and must not be touched before them.
    "clipnorm": lambda: optimizers.Adam(0.001, clipnorm=0.01),
    "global_clipnorm": lambda: optimizers.Adam(0.001, global_clipnorm=0.01),
    "lamb": lambda: optimizers.Lamb(0.01),
    "adafactor": lambda: optimizers.Adafactor(0.01),
    "average": lambda: optimizers.Adam(0.001, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: optimizers.Adam(0.001, gradient_accumulation_steps=2),
}


def data(dtype="float32", samples=70):
    random = np.random.default_rng(1)
    return random.standard_normal((samples, WIDE)).astype(dtype), random.integers(0, 3, samples)


def network(seed=0):
    fastnn.random.set_seed(seed)
    return fastnn.Sequential(
        [
            layers.Input((WIDE,)),
            layers.Dense(WIDE, "relu"),
            layers.Dense(WIDE, "tanh"),
            layers.Dense(3, "softmax"),
        ]
    )


def trained(model, optimizer, x, y, whole, **options):
    """Weights after some steps; `whole`: somebody looks at the gradients, so that all are made first."""
    model.compile(optimizer, "sparse_categorical_crossentropy")
    looks = {"transform_gradients": lambda gradients: None} if whole else {}
    history = model.fit(x, y, batch_size=32, epochs=2, verbose=0, **looks, **options)
    return model.get_weights(), history.history["loss"]


def assert_same(first, second):
    assert first[1] == second[1]
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_same_bits_as_with_whole_gradients(name):
    x, y = data()
    results = [trained(network(), OPTIMIZERS[name](), x, y, whole) for whole in (False, True)]
    assert_same(*results)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_bits_on_any_number_of_threads(threads):
    x, y = data()
    before = fastnn.num_threads()
    expected = trained(network(), optimizers.Adam(), x, y, True)
    try:
        fastnn.set_num_threads(threads)
        assert_same(trained(network(), optimizers.Adam(), x, y, False), expected)
    finally:
        fastnn.set_num_threads(before)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_other_types(policy):
    x, y = data("float64" if policy == "float64" else "float32")
    fastnn.set_policy(policy)
    try:
        results = [trained(network(), optimizers.Adam(), x, y, whole) for whole in (False, True)]
    finally:
        fastnn.set_policy("float32")
    assert_same(*results)


def twice():
    """One large kernel serves two layers in a row: its gradient is a sum."""
    fastnn.random.set_seed(0)
    inputs = fastnn.Input((WIDE,))
    shared = layers.Dense(WIDE, "tanh")
    return fastnn.Model(inputs, layers.Dense(3, "softmax")(shared(shared(inputs))))


class Penalised(layers.Layer):
    """A kernel that is read again for a penalty and for a state, beside its product."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(WIDE, WIDE), initializer="glorot_uniform", name="kernel")
        self.seen = self.add_weight(shape=(WIDE, WIDE), initializer="zeros", trainable=False, name="seen")

    def call(self, inputs):
        self.add_loss(1e-3 * fastnn.ops.mean(self.kernel * self.kernel))
        self.seen.assign(self.kernel + 0.0)
        return fastnn.ops.matmul(inputs, self.kernel)


def penalised():
    fastnn.random.set_seed(0)
    model = [layers.Input((WIDE,)), layers.Dense(WIDE), Penalised(), layers.Dense(3, "softmax")]
    return fastnn.Sequential(model)


def regularised():
    fastnn.random.set_seed(0)
    wide = layers.Dense(
        WIDE, "relu", kernel_regularizer="l2", kernel_constraint=fastnn.constraints.MaxNorm(1.0)
    )
    return fastnn.Sequential([layers.Input((WIDE,)), wide, layers.Dense(WIDE), layers.Dense(3, "softmax")])


class Composed(layers.Layer):
    """A kernel made of several, whose gradients are, or follow from, the gradient of one."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def build(self, shape):
        self.large = [self.add_weight((WIDE, WIDE), "glorot_uniform", name=name) for name in "ab"]
        self.narrow = [self.add_weight((WIDE, 4), "glorot_uniform", name=name) for name in "uv"]

    def call(self, inputs):
        (a, b), (u, v) = self.large, self.narrow
        kernels = {
            "sum": lambda: a + b,
            "difference": lambda: a - b,
            "low_rank": lambda: a + fastnn.ops.matmul(u, fastnn.ops.transpose(v)),
        }
        return fastnn.ops.matmul(inputs, kernels[self.rule]())


def composed(rule):
    fastnn.random.set_seed(0)
    return fastnn.Sequential(
        [layers.Input((WIDE,)), layers.Dense(WIDE), Composed(rule), layers.Dense(3, "softmax")]
    )


@pytest.mark.parametrize("rule", ["sum", "difference", "low_rank"])
def test_kernels_made_of_several(rule):
    x, y = data()
    results = [trained(composed(rule), optimizers.Adam(), x, y, whole) for whole in (False, True)]
    assert_same(*results)


@pytest.mark.parametrize("make", [twice, penalised, regularised])
def test_kernels_that_are_read_elsewhere(make):
    x, y = data()
    results = [trained(make(), optimizers.Adam(), x, y, whole) for whole in (False, True)]
    assert_same(*results)


def test_rates_of_groups_and_frozen_layers():
    x, y = data()

    def model():
        made = network()
        made.layers[0].trainable = False
        return made

    results = [trained(model(), optimizers.Adam(), x, y, whole) for whole in (False, True)]
    assert_same(*results)


def test_nothing_is_updated_by_a_step_whose_loss_is_not_finite():
    x, y = data()
    x[5, 7] = np.nan
    model = network()
    before = model.get_weights()
    with pytest.raises(RuntimeError, match="nothing was updated"):
        trained(model, optimizers.Adam(), x, y, False, shuffle=False)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_updated_by_a_step_with_a_label_out_of_range():
    x, y = data()
    y[3] = 9
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match="class"):
        trained(model, optimizers.Adam(), x, y, False, shuffle=False)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_updated_by_a_step_whose_metric_refuses_a_label():
    """The metric's output lies deeper than the loss, whose large kernels could be updated before."""
    x, y = data()
    inputs = fastnn.Input((WIDE,))
    shallow = layers.Dense(WIDE, "relu")(inputs)
    deep = shallow
    for _ in range(3):
        deep = layers.Dense(WIDE, "tanh")(deep)
    outputs = [layers.Dense(3, "softmax", name=name)(x) for name, x in (("one", shallow), ("two", deep))]
    model = fastnn.Model(inputs, outputs)
    model.compile(
        "adam",
        {"one": "sparse_categorical_crossentropy"},
        metrics={"two": ["sparse_categorical_accuracy"]},
    )
    before = model.get_weights()
    wrong = y.copy()
    wrong[3] = 9
    with pytest.raises(ValueError, match="class"):
        model.fit(x, [y, wrong], batch_size=70, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_goes_on_where_it_was_saved(tmp_path):
    x, y = data()
    whole = network()
    whole.compile("adam", "sparse_categorical_crossentropy")
    whole.fit(x, y, batch_size=32, epochs=4, verbose=0)
    parts = network()
    parts.compile("adam", "sparse_categorical_crossentropy")
    parts.fit(x, y, batch_size=32, epochs=2, verbose=0)
    parts.save(tmp_path / "half.safetensors")
    again = fastnn.load_model(tmp_path / "half.safetensors")
    again.fit(x, y, batch_size=32, epochs=4, initial_epoch=2, verbose=0)
    for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_update_has_its_row_in_the_profile():
    x, y = data()
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    rows = {row["op"]: row for row in model.profile(x, y, batch_size=32).rows}
    assert rows["update"]["seconds"] > 0
