"""Recurrent models of sequences of tokens: a language model, and from one sequence to another."""

from __future__ import annotations

from typing import Any

from fastnn.initializers import VarianceScaling
from fastnn.layers import LSTM, Concatenate, Dense, Dropout, Embedding, Input, MultiHeadAttention
from fastnn.layers._arguments import number, positive
from fastnn.layers.nest import leaves
from fastnn.models.base import Model
from fastnn.models.token_models import last_position
from fastnn.tensor import Tensor, apply

States = list[list[Tensor]]  # of each LSTM layer


def lstm_lm(
    vocabulary_size: int,
    units: int = 256,
    num_layers: int = 2,
    embedding_dim: int | None = None,
    dropout: float = 0.0,
    name: str = "lstm_lm",
) -> Model:
    """Language model of stacked LSTM layers (Zaremba et al. 2014): the logits of each next token.

    Train it on ids (None, T) with the same ids one position on as labels and
    ``SparseCategoricalCrossentropy(from_logits=True)``; `fastnn.generation.generate` continues sequences.

    Parameters
    ----------
    vocabulary_size : int
        Number of tokens.
    units : int, default 256
        Of each LSTM layer.
    num_layers : int, default 2
    embedding_dim : int, optional
        Entries of a token's vector; `units` by default.
    dropout : float, default 0.0
        Part of the values between layers that is left out in training.
    name : str

    Returns
    -------
    Model
        Not compiled. It takes ids (None, T) and returns logits (None, T, `vocabulary_size`).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    W. Zaremba, I. Sutskever, O. Vinyals, "Recurrent neural network regularization", arXiv:1409.2329, 2014.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> fastnn.models.lstm_lm(65, units=16).predict(np.zeros((2, 9), "int32"), verbose=0).shape
    (2, 9, 65)
    """
    tokens = positive("lstm_lm", "vocabulary_size", vocabulary_size)
    width = positive("lstm_lm", "units", units)
    rate = number("lstm_lm", "dropout", dropout, 0.0, 1.0, below=True)
    size = width if embedding_dim is None else positive("lstm_lm", "embedding_dim", embedding_dim)
    inputs = Input((None,), dtype="int32", name="tokens")
    x = Embedding(tokens, size, name="vectors")(inputs)
    for i in range(1, positive("lstm_lm", "num_layers", num_layers) + 1):
        x = Dropout(rate, name=f"dropout_{i}")(x) if rate > 0 else x
        x = LSTM(width, return_sequences=True, name=f"lstm_{i}")(x)
    x = Dropout(rate, name="dropout")(x) if rate > 0 else x
    return Model(inputs, Dense(tokens, name="logits")(x), name=name)


class Seq2Seq(Model):
    """From one sequence to another by LSTM layers with attention: the logits of each next target token.

    Parameters
    ----------
    source_vocabulary_size, target_vocabulary_size : int
    units, num_layers, embedding_dim, dropout, padding_id, name : optional
        Those of `seq2seq`, which tells their meaning.
    **kwargs
        ``dtype``, ``trainable``.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.seq2seq(100, 80, units=16)
    >>> source, target = np.ones((2, 7), "int32"), np.ones((2, 5), "int32")
    >>> model.predict([source, target], verbose=0).shape
    (2, 5, 80)
    """

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        units: int = 256,
        num_layers: int = 1,
        embedding_dim: int | None = None,
        dropout: float = 0.2,
        padding_id: int = 0,
        name: str = "seq2seq",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.step_functions: dict[Any, Any] = {}  # what `fastnn.generation` made of `step`, by shapes
        self.source_vocabulary_size = positive(self.label, "source_vocabulary_size", source_vocabulary_size)
        self.target_vocabulary_size = positive(self.label, "target_vocabulary_size", target_vocabulary_size)
        self.units = positive(self.label, "units", units)
        self.num_layers = positive(self.label, "num_layers", num_layers)
        self.embedding_dim = (
            self.units if embedding_dim is None else positive(self.label, "embedding_dim", embedding_dim)
        )
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.padding_id = int(padding_id)
        kind: dict[str, Any] = {"dtype": self.dtype_policy}
        self.source_vectors = Embedding(
            self.source_vocabulary_size, self.embedding_dim, name="source_vectors", **kind
        )
        self.target_vectors = Embedding(
            self.target_vocabulary_size, self.embedding_dim, name="target_vectors", **kind
        )
        self.drop = Dropout(self.dropout, name="drop", **kind)

        def stack(what: str) -> list[LSTM]:
            return [
                LSTM(self.units, return_sequences=True, return_state=True, name=f"{what}_{i + 1}", **kind)
                for i in range(self.num_layers)
            ]

        self.encoders, self.decoders = stack("encoder"), stack("decoder")
        self.attention = MultiHeadAttention(1, self.units, name="attention", **kind)
        self.join = Concatenate(name="join", **kind)
        self.mix = Dense(self.units, "tanh", name="mix", **kind)
        # Glorot's range would count the vocabulary: too near zero for what precedes it to learn.
        spread = VarianceScaling(1 / 3, "fan_in", "uniform")
        self.logits = Dense(self.target_vocabulary_size, kernel_initializer=spread, name="logits", **kind)
        self.build([(None, 2), (None, 2)])

    def _input_dtypes(self, inputs: Any) -> list[str | None]:
        return ["int32" for _ in leaves(inputs)]

    def _dtype_for(self, array: Any) -> str:
        return "int32"

    def call(self, inputs: Any) -> Any:
        """Return logits (None, T, target_vocabulary_size) for the ids of a source and a target."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"{self.label}: expected two inputs, the source's ids and the target's")
        source, target = inputs
        encoded, seen, states = self.encode(source)
        y, _ = self._read(target, states)
        return self._answer(y, self.attention(y, encoded, value_mask=seen))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, States]:
        """Return what the encoder makes of ids (None, S), where they are not padding, and its last states."""
        seen = self._seen(source)
        x, states = self.drop(self.source_vectors(source)), []
        for encoder in self.encoders:
            x, *state = encoder(x, mask=seen)
            x = self.drop(x)
            states.append(state)
        return x, seen, states

    def step(
        self, ids: Tensor, states: States, cache: tuple[Tensor, Tensor], seen: Tensor
    ) -> tuple[Tensor, States]:
        """Go on with target sequences by ids (None, n), from the decoder's states.

        `cache` is what ``attention.project`` made of the encoder's output. Returns the logits (None,
        target_vocabulary_size) after the last of the ids, and the new states; see `fastnn.generation`.
        """
        y, states = self._read(ids, states)
        y = last_position(y)
        logits = self._answer(y, self.attention(y, cache=cache, value_mask=seen))
        return apply("reshape", [logits], {"shape": [self.target_vocabulary_size]}), states

    def _read(self, target: Tensor, states: States) -> tuple[Tensor, States]:
        y, made = self.drop(self.target_vectors(target)), []
        for decoder, before in zip(self.decoders, states, strict=True):
            y, *state = decoder(y, initial_state=before)
            y = self.drop(y)
            made.append(state)
        return y, made

    def _answer(self, y: Tensor, found: Tensor) -> Any:
        return self.logits(self.drop(self.mix(self.join([y, found]))))

    def _seen(self, source: Tensor) -> Tensor:
        return apply("step_mask", [source], {"value": float(self.padding_id), "dtype": self.dtype})


def seq2seq(
    source_vocabulary_size: int,
    target_vocabulary_size: int,
    units: int = 256,
    num_layers: int = 1,
    embedding_dim: int | None = None,
    dropout: float = 0.2,
    padding_id: int = 0,
    name: str = "seq2seq",
) -> Seq2Seq:
    """From one sequence to another, as in translation, by LSTM layers with attention (Luong et al. 2015).

    The encoder reads the source; the decoder begins with its last states and reads the target, and at each
    position attends to what the encoder made of all of the source. Train it on pairs [source, target] of ids,
    padded at the end, with the target one position on as labels; positions whose label is padding are to have
    weight 0.

    Parameters
    ----------
    source_vocabulary_size, target_vocabulary_size : int
        Numbers of tokens.
    units : int, default 256
        Of each LSTM layer, and of the attention.
    num_layers : int, default 1
        LSTM layers of the encoder, and of the decoder.
    embedding_dim : int, optional
        Entries of a token's vector; `units` by default.
    dropout : float, default 0.2
        Part of the values between layers that is left out in training.
    padding_id : int, default 0
        The source's token that stands for none.
    name : str

    Returns
    -------
    Seq2Seq
        Built, not compiled. It takes [source (None, S), target (None, T)] and returns logits
        (None, T, `target_vocabulary_size`).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    M.-T. Luong, H. Pham, C. D. Manning, "Effective approaches to attention-based neural machine translation",
    EMNLP 2015.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.models.seq2seq(100, 80, units=16, num_layers=2)
    >>> [layer.name for layer in model.decoders]
    ['decoder_1', 'decoder_2']
    """
    return Seq2Seq(
        source_vocabulary_size,
        target_vocabulary_size,
        units,
        num_layers,
        embedding_dim,
        dropout,
        padding_id,
        name,
    )
