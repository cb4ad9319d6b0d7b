__all__: list[str]

from .autoencoders import autoencoder as autoencoder
from .autoencoders import vae as vae
from .base import Model as Model
from .cloning import clone_model as clone_model
from .cloning import model_from_json as model_from_json
from .convolutional import alexnet as alexnet
from .convolutional import mobilenet as mobilenet
from .convolutional import unet as unet
from .convolutional import vgg11 as vgg11
from .ready import lenet5 as lenet5
from .ready import mlp as mlp
from .ready import perceptron as perceptron
from .recommendation import neumf as neumf
from .recurrent import Seq2Seq as Seq2Seq
from .recurrent import lstm_lm as lstm_lm
from .recurrent import seq2seq as seq2seq
from .residual import resnet18 as resnet18
from .residual import resnet20 as resnet20
from .residual import resnet8 as resnet8
from .sequential import Sequential as Sequential
from .text import text_cnn as text_cnn
from .transformers import Transformer as Transformer
from .transformers import TransformerLM as TransformerLM
from .transformers import transformer as transformer
from .transformers import transformer_lm as transformer_lm
from ..saving import load_model as load_model
