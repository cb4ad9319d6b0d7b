"""What layers refuse, and what they say; names, dtypes, setting of weights."""

import numpy as np
import pytest

import fastnn
from fastnn import layers
from fastnn.tensor import Tensor


def test_wrong_number_of_features():
    layer = layers.Dense(2, name="head")
    layer.build((None, 400))
    message = (
        "Dense 'head': input has 3 features, but its kernel was built for 400 (input shape (None, 3)). "
        "Flatten the input, or rebuild the layer."
    )
    for x in (np.zeros((5, 3)), Tensor((None, 3))):
        with pytest.raises(ValueError) as caught:
            layer(x)
        assert str(caught.value) == message
    layer = layers.Conv2D(2, 3, name="first")
    layer.build((None, 8, 8, 1))
    with pytest.raises(
        ValueError, match=r"Conv2D 'first': input has 3 channels, but its kernel was built for 1"
    ):
        layer(np.zeros((5, 8, 8, 3)))


@pytest.mark.parametrize(
    ("make", "shape", "match"),
    [
        (
            lambda: layers.Conv2D(2, 3, name="c"),
            (2, 28, 28),
            r"Conv2D 'c': expected an input of rank 4.*x\[\.\.\., None\]",
        ),
        (lambda: layers.Conv2D(2, 3), (2, 784), "rank 4.*Reshape"),
        (lambda: layers.MaxPooling2D(name="p"), (2, 10), "MaxPooling2D 'p': expected an input of rank 4"),
        (
            lambda: layers.Dense(2, name="d"),
            (2,),
            "Dense 'd': expected an input of rank 2 or more, got rank 1",
        ),
        (
            lambda: layers.Conv2D(2, 5, name="c"),
            (2, 4, 9, 1),
            "Conv2D 'c': kernel_size covers 5 pixels.*has 4 there",
        ),
        (lambda: layers.Conv2D(2, 3, dilation_rate=2), (2, 4, 9, 1), "covers 5 pixels"),
        (lambda: layers.MaxPooling2D(5, name="p"), (2, 4, 9, 1), "MaxPooling2D 'p': pool_size covers 5"),
        (lambda: layers.Conv2D(4, 3, groups=2), (2, 9, 9, 3), "3 channels must be a multiple of groups"),
        (lambda: layers.Reshape((7,), name="r"), (2, 3, 2), "Reshape 'r': cannot reshape"),
        (lambda: layers.Permute((2, 1)), (2, 3, 2, 2), "rank 3"),
        (lambda: layers.PReLU(shared_axes=4), (2, 3, 2), "no axis 4"),
    ],
)
def test_inputs_that_do_not_fit(make, shape, match):
    with pytest.raises(ValueError, match=match):
        make()(np.zeros(shape))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: layers.Dense(0, name="d"), ValueError, "Dense 'd': units must be at least 1, got 0"),
        (lambda: layers.Dense(-3), ValueError, "units must be at least 1"),
        (lambda: layers.Dense(2.5), TypeError, "units must be an integer, got 2.5"),
        (lambda: layers.Dense(True), TypeError, "units must be an integer"),
        (lambda: layers.Dense(2, "rellu"), ValueError, "unknown activation 'rellu'; did you mean 'relu'"),
        (lambda: layers.Dense(2, activation=3), TypeError, "activation: expected a name"),
        (lambda: layers.Dense(2, unit=3), TypeError, "unknown argument 'unit'; did you mean 'units'"),
        (lambda: layers.Dense(2, kernel_initializer="glorot_unifrm"), ValueError, "glorot_uniform"),
        (lambda: layers.Dense(2, kernel_regularizer="l3"), ValueError, "l3"),
        (lambda: layers.Dense(2, kernel_constraint="maxnorm_"), ValueError, "max_norm"),
        (lambda: layers.Dense(2, dtype="int32"), ValueError, "dtype must be 'float32', 'float64' or"),
        (lambda: layers.Dense(2, dtype="floot"), ValueError, "dtype"),
        (lambda: layers.Dense(2, name=""), ValueError, "name"),
        (lambda: layers.Dense(2, name="a/b"), ValueError, "name"),
        (lambda: layers.Dense(2, input_shape=(0,)), ValueError, "at least 1"),
        (lambda: layers.Conv2D(2, (3, 3, 3)), ValueError, "kernel_size must be an integer or two"),
        (lambda: layers.Conv2D(2, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: layers.Conv2D(2, 3, strides=0), ValueError, "strides"),
        (
            lambda: layers.Conv2D(2, 3, padding="sam"),
            ValueError,
            "unknown padding 'sam'; did you mean 'same'",
        ),
        (lambda: layers.Conv2D(3, 3, groups=2), ValueError, "multiple of groups"),
        (lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2), ValueError, "cannot both"),
        (lambda: layers.Conv2D(2, 3, data_format="channels_first"), ValueError, "moveaxis"),
        (lambda: layers.Dropout(1.0), ValueError, r"rate must be in \[0, 1\), got 1.0"),
        (lambda: layers.Dropout(-0.1), ValueError, "rate"),
        (lambda: layers.Dropout(float("nan")), ValueError, "rate"),
        (lambda: layers.Dropout("0.5"), TypeError, "rate must be a number"),
        (lambda: layers.GaussianNoise(-1), ValueError, "stddev must be at least 0"),
        (lambda: layers.Permute((1, 3)), ValueError, "dims must hold each of 1 to 2 once"),
        (lambda: layers.Reshape((-1, -1)), ValueError, "at most one -1"),
        (lambda: layers.Reshape((0,)), ValueError, "at least 1"),
    ],
)
def test_arguments(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_layers_used_before_they_are_built():
    layer = layers.Dense(2, name="head")
    assert layer.get_weights() == []
    with pytest.raises(
        ValueError, match="Dense 'head': count_params needs its weights, and it is not built yet"
    ):
        layer.count_params()
    with pytest.raises(ValueError, match="not built yet"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(2)])
    with pytest.raises(ValueError, match="not built yet"):
        layer.set_weights([np.zeros((3, 2))])


def test_set_weights():
    layer = layers.Dense(2, name="head")
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"'kernel' has shape \(3, 2\), got \(2, 3\)"):
        layer.set_weights([np.zeros((2, 3)), np.zeros(2)])
    with pytest.raises(ValueError, match="'bias'"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ValueError, match="got 1 arrays, but there are 2 weights"):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(TypeError, match="numbers"):
        layer.set_weights([np.full((3, 2), "a"), np.zeros(2)])
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    kernel = np.arange(6, dtype=">f8").reshape(2, 3).T  # big-endian, not contiguous
    layer.set_weights([kernel, [1, 2]])
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    np.testing.assert_array_equal(layer.get_weights()[1], [1, 2])
    np.testing.assert_array_equal(np.asarray(layer.bias), [1, 2])


def test_eager_calls_follow_the_weights():
    layer = layers.Dense(1, use_bias=False)
    x = np.ones((2, 3), "float32")
    layer(x)
    for value in (1.0, 2.0):
        layer.set_weights([np.full((3, 1), value)])
        np.testing.assert_array_equal(layer(x), np.full((2, 1), 3 * value))


def test_trainable():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert len(layer.trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == []
    assert [w.name for w in layer.non_trainable_weights] == ["kernel", "bias"]
    assert not layer.kernel.trainable
    layer.trainable = True
    layer.bias.trainable = False
    assert [w.name for w in layer.trainable_weights] == ["kernel"]
    assert layers.Dense(2, trainable=False).get_config()["trainable"] is False


def test_names_are_unique():
    first, second = layers.Dense(1), layers.Dense(1)
    assert first.name != second.name
    assert second.name.startswith("dense_")
    assert layers.MaxPooling2D().name.startswith("max_pooling2d")


def test_float64_by_default():
    try:
        fastnn.config.set_floatx("float64")
        assert layers.Dense(1)(np.zeros((1, 2))).dtype == np.float64
    finally:
        fastnn.config.set_floatx("float32")
    with pytest.raises(ValueError, match="float32"):
        fastnn.config.set_floatx("float16")


def test_dtypes_that_differ():
    with pytest.raises(TypeError, match=r"Dense 'b': computes in float64, but its input .* is float32"):
        fastnn.Sequential([fastnn.Input((3,)), layers.Dense(2), layers.Dense(1, dtype="float64", name="b")])


def test_arguments_of_keras_that_ask_for_nothing_are_taken():
    from fastnn import losses

    layers.BatchNormalization(synchronized=False)
    layers.Dense(3, lora_rank=None)
    layers.LayerNormalization(rms_scaling=False)
    losses.SparseCategoricalCrossentropy(axis=-1)
    with pytest.raises(ValueError, match=r"lora_rank=4 is not supported"):
        layers.Dense(3, lora_rank=4)
    with pytest.raises(ValueError, match=r"synchronized=True is not supported"):
        layers.BatchNormalization(synchronized=True)
    with pytest.raises(ValueError, match="axis -1"):
        losses.SparseCategoricalCrossentropy(axis=1)


def test_a_mask_of_other_rows_is_named():
    with pytest.raises(
        ValueError, match=r"LSTM 'it': its input has 8 rows, but mask has 4; all must have one"
    ):
        layers.LSTM(3, name="it")(np.ones((8, 6, 5)), mask=np.ones((4, 6), bool))


def test_sequences_of_length_zero_are_named():
    model = fastnn.Sequential([layers.Input((None, 5)), layers.LSTM(3)])
    with pytest.raises(
        ValueError, match=r"empty array of shape \(8, 0, 5\): samples must not be of length 0"
    ):
        model.predict(np.zeros((8, 0, 5)), verbose=0)


@pytest.mark.parametrize(
    ("value", "message"),
    [(2**40, "2147483647 or more"), (np.nan, "-2147483648 or less, or not a number"), (10, "10")],
)
def test_ids_that_fit_no_integer_are_told(value, message):
    model = fastnn.Sequential([layers.Input((2,)), layers.Embedding(10, 3, name="it")])
    with pytest.raises(ValueError, match=f"got class or id {message}, expected an integer from 0 to 9"):
        model.predict(np.array([[0, value]], "float64" if value != value else "int64"), verbose=0)
