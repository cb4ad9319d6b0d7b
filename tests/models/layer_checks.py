"""What the tests of layers share: data, and the check of a layer against its reference."""

import numpy as np

from fastnn.tensor import Tensor

RANDOM = np.random.default_rng(11)


def data(*shape):
    return RANDOM.normal(size=shape)


def randomise(layer):
    """Give a layer weights that are not special."""
    layer.set_weights([RANDOM.normal(size=w.shape) * 0.5 + 0.3 for w in layer.get_weights()])


def check(layer, x, expected, training=False):
    """Output of a float64 layer; and its shape, as predicted and as declared."""
    out = layer(x, training=training)
    assert out.dtype == np.float64
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)
    shape = (None, *x.shape[1:])
    assert layer.compute_output_shape(shape) == (None, *expected.shape[1:])
    assert type(layer).from_config(layer.get_config()).compute_output_shape(shape) == (
        None,
        *expected.shape[1:],
    )
    assert layer(Tensor(shape)).shape == (None, *expected.shape[1:])
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    single = type(layer).from_config({**layer.get_config(), "dtype": "float32"})
    single.build(shape)
    single.set_weights(layer.get_weights())
    assert single(x).dtype == np.float32
    if not training:
        np.testing.assert_allclose(single(x), expected, rtol=2e-4, atol=2e-5)


def names(layer):
    return [(w.name, w.shape) for w in layer.weights]
