"""Keras' habits that scripts rely on, and what is said to mistakes that newcomers make."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import layers

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype("float32")
TARGETS = rng.random((40, 1)).astype("float32")
CLASSES = rng.integers(0, 3, 40)


def make(units=1, activation=None, loss="mse", **kwargs):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(units, activation, name="head")])
    model.compile("sgd", loss, **kwargs)
    return model


def classifier(loss="sparse_categorical_crossentropy", **kwargs):
    return make(3, "softmax", loss, **kwargs)


# ---- attributes ------------------------------------------------------------------------------------------


def test_models_tell_what_they_were_compiled_with():
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(1)])
    assert not model.compiled and model.loss is None and model.metrics == [] and model.metrics_names == []
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.compiled and model.loss == "mse" and model.metrics_names == ["loss"]
    found = model.evaluate(X, TARGETS, verbose=0)
    assert model.metrics_names == ["loss", "mae"] and len(found) == 2
    assert [metric.name for metric in model.metrics] == ["mae"]
    model.reset_metrics()
    model.optimizer.learning_rate = 0.5
    assert model.optimizer.learning_rate == 0.5


def test_attributes_of_subclasses_go_before():
    class Own(fastnn.Model):
        def __init__(self):
            super().__init__()
            self.loss = self.metrics = "mine"

    assert Own().loss == "mine" and Own().metrics == "mine"


def test_data_in_lists_of_one_are_taken_as_they_are():
    fits = [(X, TARGETS), ([X], TARGETS), ([X], [TARGETS]), ((X,), TARGETS[:, 0])]
    losses = []
    for x, y in fits:
        fastnn.utils.set_random_seed(1)
        losses.append(make().fit(x, y, verbose=0).history["loss"])
    assert losses == [losses[0]] * len(fits)
    np.testing.assert_array_equal((model := make()).predict([X], verbose=0), model.predict(X, verbose=0))
    assert model.predict([X[0]], verbose=0).shape == (1, 1)  # a list of rows


def test_a_list_of_batches_is_an_iterable():
    batches = [(X[i : i + 8], TARGETS[i : i + 8]) for i in range(0, 40, 8)]
    losses = []
    for data in (batches, iter(batches)):
        fastnn.utils.set_random_seed(1)
        losses.append(make().fit(data, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    assert make().evaluate([(X, TARGETS, np.ones(40))], verbose=0) > 0


# ---- copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_layers_can_be_copied(copied):
    class_of = layers.Dense
    unbuilt = copied(class_of(3, kernel_regularizer="l2", name="d"))
    assert unbuilt.name == "d" and not unbuilt.built
    layer = layers.BatchNormalization()
    layer(X, training=True)
    other = copied(layer)
    assert other is not layer and other.moving_mean is not layer.moving_mean
    assert other.moving_mean in other.weights or any(other.moving_mean is w for w in other.weights)
    np.testing.assert_array_equal(other(X), layer(X))
    other.set_weights([np.full(4, 7.0)] * 4)
    assert not np.array_equal(other(X), layer(X))
    other = copied(layers.Bidirectional(layers.LSTM(2)))
    assert other(np.ones((2, 3, 4), "float32")).shape == (2, 4)


# ---- weights of classes and samples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({5: 1.0}, ValueError, "class 5, but output 'head' has 3 classes"),
        ({-1: 1.0}, ValueError, "class -1"),
        ({"0": 1.0}, TypeError, "class indices as keys, got '0'"),
        ({True: 1.0}, TypeError, "class indices as keys, got True"),
        ({0: -1.0}, ValueError, r"class_weight\[0\] must be at least 0, got -1.0"),
        ({0: np.nan}, ValueError, r"class_weight\[0\] must be at least 0, got nan"),
        ({2: "x"}, TypeError, r"class_weight\[2\] must be a number, got 'x'"),
        ([1.0, 2.0, 3.0], TypeError, "must be a dict"),
    ],
)
def test_class_weights_are_checked(given, error, match):
    with pytest.raises(error, match=match):
        classifier().fit(X, CLASSES, class_weight=given, verbose=0)


def test_class_weights_are_for_classes():
    with pytest.raises(ValueError, match="class_weight is for labels of classes"):
        make().fit(X, TARGETS, class_weight={0: 2.0}, verbose=0)
    make(1, "sigmoid", "binary_crossentropy").fit(X, TARGETS > 0.5, class_weight={1: 2.0}, verbose=0)


def test_negative_sample_weights_turn_the_loss_around():
    """As policy gradients give them: advantages for weights."""
    model = make()
    before = model.evaluate(X, TARGETS, verbose=0)
    history = model.fit(X, TARGETS, sample_weight=-np.ones(40), batch_size=40, verbose=0)
    assert history.history["loss"][0] == pytest.approx(-before, rel=1e-5)
    assert model.evaluate(X, TARGETS, verbose=0) > before


# ---- mistakes --------------------------------------------------------------------------------------------


def test_weights_before_build():
    with pytest.raises(AttributeError, match="no attribute 'kernel'; it is not built yet"):
        _ = layers.Dense(1).kernel
    layer = layers.Dense(1)
    layer.build((None, 3))
    with pytest.raises(AttributeError, match="no attribute 'kernell'$"):
        _ = layer.kernell
    with pytest.raises(AttributeError, match="has no attribute 'missing'"):

        class Broken(layers.Layer):
            @property
            def size(self):
                return self.missing

        _ = Broken().size


def test_transforms_of_gradients_work_in_place():
    with pytest.raises(TypeError, match="return None, as in .* but it returned a list"):
        make().fit(X, TARGETS, transform_gradients=lambda g: [2 * a for a in g], verbose=0)
    with pytest.raises(TypeError, match="must be a function"):
        make().fit(X, TARGETS, transform_gradients=2, verbose=0)


def test_compile_between_batches():
    class Compiles(fastnn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.compile("sgd", "mse")

    model = make()
    with pytest.raises(RuntimeError, match="compile was called by a callback's batch hook"):
        model.fit(X, TARGETS, callbacks=[Compiles()], verbose=0)
    model.compile("sgd", "mse")
    model.fit(X, TARGETS, verbose=0)


def test_unknown_keywords_offer_the_nearest():
    with pytest.raises(TypeError, match="fit has no argument 'epoch'; did you mean 'epochs'?"):
        make().fit(X, TARGETS, epoch=3)
    with pytest.raises(TypeError, match="compile has no argument 'optimiser'; did you mean 'optimizer'?"):
        make(optimiser="sgd")
    with pytest.raises(TypeError, match="Augmentation has no argument 'shfit'; did you mean 'shift'?"):
        fastnn.Augmentation(shfit=1)
    with pytest.raises(TypeError, match="perceptron has no argument 'clases'; did you mean 'classes'?"):
        fastnn.models.perceptron(clases=3)


@pytest.mark.filterwarnings("ignore:.*use BinaryCrossentropy")
def test_one_sigmoid_unit_with_class_indices():
    for name in ("accuracy", "crossentropy"):
        model = make(1, "sigmoid", "sparse_categorical_crossentropy", metrics=[name])
        with pytest.raises(ValueError, match="use binary_crossentropy"):
            model.fit(X, CLASSES > 1, verbose=0)


def test_one_unit_of_softmax_warns():
    with pytest.warns(UserWarning, match="Dense 'one': softmax over a single unit is always 1; use sigmoid"):
        layers.Dense(1, activation="softmax", name="one")


def test_object_arrays_of_numbers():
    with pytest.raises(TypeError, match=r"plain numbers: pass x.astype\('float32'\)"):
        make().fit(X.astype(object), TARGETS, verbose=0)
    with pytest.raises(TypeError, match="rows of different lengths"):
        make().fit(np.array([[1], [1, 2]], dtype=object), TARGETS, verbose=0)


def test_a_class_as_activation():
    with pytest.raises(TypeError, match=r"got the class ReLU; pass an object, ReLU\(\)"):
        layers.Dense(2, activation=layers.ReLU)


def test_swapped_pairs_of_apply_gradients():
    model = make()
    optimizer = fastnn.optimizers.SGD(0.1)
    gradients = [np.ones(w.shape, "float32") for w in model.trainable_weights]
    with pytest.raises(TypeError, match=r"got \(weight, gradient\): swap them"):
        optimizer.apply_gradients(zip(model.trainable_weights, gradients, strict=True))
    with pytest.raises(TypeError, match=r"takes \(gradient, weight\) pairs"):
        optimizer.apply_gradients(gradients)
    optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))


def test_weights_larger_than_memory_name_the_layer():
    layer = layers.Dense(10**9, name="huge")
    with pytest.raises(MemoryError, match=r"Dense 'huge': no memory for weight 'kernel' of shape .* GiB"):
        layer.build((None, 10**6))


def test_shapes_without_the_dimension_of_samples():
    for made in (layers.Dense(1), fastnn.Sequential([layers.Dense(1)])):
        with pytest.raises(ValueError, match=r"put None first: \(None, 4\)"):
            made.build((4,))


def test_minus_nan_is_nan():
    with pytest.raises(fastnn.errors.NonFiniteLossError, match="the loss is nan at"):
        make().fit(np.full((4, 4), -np.inf), np.ones((4, 1)), verbose=0)


@pytest.mark.parametrize("share", ["0.1", None, [0.1]])
def test_validation_split_is_a_number(share):
    with pytest.raises(TypeError, match="fit: validation_split must be a number"):
        make().fit(X, TARGETS, validation_split=share, verbose=0)
