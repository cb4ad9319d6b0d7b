"""Autoencoders: networks that squeeze their input through a few numbers and restore it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn.layers import Dense, Flatten, Input, Layer, Rescaling, Reshape
from fastnn.layers._arguments import number, positive
from fastnn.layers.serialization import register
from fastnn.models.base import Model
from fastnn.models.sequential import Sequential
from fastnn.tensor import Tensor, apply


def _shape(label: str, input_shape: Sequence[int]) -> tuple[int, ...]:
    given = tuple(input_shape)
    if not given:
        raise ValueError(f"{label}: input_shape must have at least one extent, got ()")
    return tuple(positive(label, "input_shape", extent) for extent in given)


def autoencoder(
    input_shape: Sequence[int] = (28, 28),
    code: int = 32,
    hidden: Sequence[int] = (128,),
    activation: Any = "relu",
    name: str = "autoencoder",
) -> Sequential:
    """Autoencoder of dense layers (Hinton and Salakhutdinov 2006).

    Train it to restore its input: ``model.fit(x, x / 255)`` with the loss "binary_crossentropy" or "mse". The
    layer "code" gives the few numbers.

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28)
        Shape of one input; its values are 0 to 255.
    code : int, default 32
        How many numbers describe an input.
    hidden : sequence of int, default (128,)
        Units of the layers before the code; those behind it mirror them.
    activation : str or callable, default "relu"
        Of the hidden layers.
    name : str

    Returns
    -------
    Sequential
        Not compiled; its outputs are between 0 and 1, in the input's shape.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    G. E. Hinton, R. R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science
    313, 2006.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.autoencoder().count_params()
    209968
    """
    shape = _shape("autoencoder", input_shape)
    units = [positive("autoencoder", "hidden", n) for n in hidden]
    layers: list[Any] = [Input(shape), Rescaling(1 / 255, name="scale"), Flatten(name="flatten")]
    layers += [Dense(n, activation, name=f"encoder_{i}") for i, n in enumerate(units, start=1)]
    layers.append(Dense(positive("autoencoder", "code", code), name="code"))
    layers += [Dense(n, activation, name=f"decoder_{i}") for i, n in enumerate(reversed(units), start=1)]
    layers += [Dense(math.prod(shape), "sigmoid", name="output"), Reshape(shape, name="restored")]
    return Sequential(layers, name=name)


@register
class GaussianSample(Layer):
    """Draws from normal distributions, so that gradients reach their parameters.

    In training the output is mean + exp(log_variance / 2) * noise, else the mean. The divergence of the
    distributions from the standard normal one is added to the loss.

    Parameters
    ----------
    weight : float, default 1.0
        Factor of the divergence in the loss.
    **kwargs
        ``name``, ``dtype``.

    Notes
    -----
    Takes a list of two inputs, means and logarithms of variances, of one shape (None, n).

    References
    ----------
    D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.models.autoencoders import GaussianSample
    >>> GaussianSample()([np.array([[1.0, 2.0]]), np.zeros((1, 2))])
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = number(self.label, "weight", weight, 0.0)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Draw, and add the divergence to the loss."""
        mean, log_variance = inputs
        variance = _exp(log_variance)
        # -1/2 sum(1 + log variance - mean^2 - variance)
        terms = apply("add", [apply("multiply", [mean, mean]), apply("subtract", [variance, log_variance])])
        terms = apply("scale_shift", [terms], {"scale": 0.5 * self.weight, "offset": -0.5 * self.weight})
        self.add_loss(apply("sum_to", [terms], {"shape": []}))
        if not training:
            return mean
        nothing = apply("scale_shift", [mean], {"scale": 0.0})
        noise = apply("gaussian_noise", [nothing], {"stddev": 1.0})
        deviation = _exp(apply("scale_shift", [log_variance], {"scale": 0.5}))
        return apply("add", [mean, apply("multiply", [deviation, noise])])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the means."""
        return tuple(input_shape[0])


def _exp(x: Tensor) -> Tensor:
    return apply("activation", [x], {"kind": "exponential"})


def vae(
    input_shape: Sequence[int] = (28, 28),
    code: int = 2,
    hidden: Sequence[int] = (256, 128),
    divergence: float = 1.0,
    activation: Any = "relu",
    name: str = "vae",
) -> Model:
    """Variational autoencoder (Kingma and Welling 2014): its code can be drawn at random.

    Train it to restore its input: ``model.fit(x, x / 255)``. The divergence of the codes' distributions from
    the standard normal one is added to the loss by the layer "code"; it is a sum over the code's entries,
    while losses such as "binary_crossentropy" are means over pixels: for the paper's bound, `divergence` is 1
    divided by the number of pixels.

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28)
        Shape of one input; its values are 0 to 255.
    code : int, default 2
        Numbers of the code.
    hidden : sequence of int, default (256, 128)
        Units of the encoder's layers; the decoder's mirror them.
    divergence : float, default 1.0
        Factor of the divergence in the loss.
    activation : str or callable, default "relu"
        Of the hidden layers.
    name : str

    Returns
    -------
    Model
        Not compiled; its outputs are between 0 and 1, in the input's shape. Its layers "encoder" (to means
        and logarithms of variances) and "decoder" are models that can be used by themselves.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.vae(divergence=1 / 784)
    >>> model.get_layer("decoder").predict(np.zeros((3, 2)), verbose=0).shape
    (3, 28, 28)
    """
    shape = _shape("vae", input_shape)
    size = positive("vae", "code", code)
    units = [positive("vae", "hidden", n) for n in hidden]
    inputs = Input(shape, name="input")
    x = Flatten(name="flatten")(Rescaling(1 / 255, name="scale")(inputs))
    for i, n in enumerate(units, start=1):
        x = Dense(n, activation, name=f"encoder_{i}")(x)
    mean, log_variance = Dense(size, name="mean")(x), Dense(size, name="log_variance")(x)
    encoder = Model(inputs, [mean, log_variance], name="encoder")
    drawn = Input((size,), name="drawn")
    y = drawn
    for i, n in enumerate(reversed(units), start=1):
        y = Dense(n, activation, name=f"decoder_{i}")(y)
    y = Dense(math.prod(shape), "sigmoid", name="output")(y)
    decoder = Model(drawn, Reshape(shape, name="restored")(y), name="decoder")
    image = Input(shape, name="image")
    sample = GaussianSample(divergence, name="code")(encoder(image))
    return Model(image, decoder(sample), name=name)
