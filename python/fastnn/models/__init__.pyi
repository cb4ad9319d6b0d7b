__all__: list[str]

from .autoencoders import autoencoder as autoencoder
from .autoencoders import vae as vae
from .base import Model as Model
from .convolutional import alexnet as alexnet
from .convolutional import mobilenet as mobilenet
from .convolutional import unet as unet
from .convolutional import vgg11 as vgg11
from .ready import lenet5 as lenet5
from .ready import mlp as mlp
from .ready import perceptron as perceptron
from .residual import resnet18 as resnet18
from .residual import resnet20 as resnet20
from .residual import resnet8 as resnet8
from .sequential import Sequential as Sequential
from ..saving import load_model as load_model
