"""Models: layers put together, and ready ones.

Examples
--------
>>> import fastnn
>>> fastnn.models.Sequential([fastnn.layers.Dense(3)]).built
False
"""

from fastnn.models.autoencoders import autoencoder, vae
from fastnn.models.base import Model
from fastnn.models.convolutional import alexnet, mobilenet, unet, vgg11
from fastnn.models.ready import lenet5, mlp, perceptron
from fastnn.models.residual import resnet8, resnet18, resnet20
from fastnn.models.sequential import Sequential
from fastnn.saving import load_model

__all__ = [
    "Model",
    "Sequential",
    "alexnet",
    "autoencoder",
    "lenet5",
    "load_model",
    "mlp",
    "mobilenet",
    "perceptron",
    "resnet18",
    "resnet20",
    "resnet8",
    "unet",
    "vae",
    "vgg11",
]
