"""Transformers for sequences of tokens: decoder-only, and encoder with decoder."""

from __future__ import annotations

from typing import Any

from fastnn.layers import Dense, Dropout, TransformerDecoder, TransformerEncoder
from fastnn.layers._arguments import positive
from fastnn.models.token_models import TokenModel, TokenVectors, last_position
from fastnn.tensor import Tensor, apply

Cache = tuple[Tensor, Tensor]


class TransformerLM(TokenModel):
    """Decoder-only Transformer: the logits of each next token (Radford et al. 2018, 2019).

    Parameters
    ----------
    vocabulary_size, sequence_length, num_layers, model_dim, num_heads : int
    intermediate_dim, dropout, positions, activation, normalize_first, name : optional
        Those of `transformer_lm`, which tells their meaning.
    **kwargs
        ``dtype``, ``trainable``.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.transformer_lm(65, sequence_length=16, num_layers=2, model_dim=32)
    >>> model.predict(np.zeros((2, 16), int), verbose=0).shape
    (2, 16, 65)
    """

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int = 64,
        num_layers: int = 4,
        model_dim: int = 128,
        num_heads: int = 4,
        intermediate_dim: int | None = None,
        dropout: float = 0.0,
        positions: str = "learned",
        activation: Any = "gelu",
        normalize_first: bool = True,
        name: str = "transformer_lm",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._settings(
            num_layers,
            model_dim,
            num_heads,
            intermediate_dim,
            dropout,
            positions,
            activation,
            normalize_first,
        )
        self.vocabulary_size = positive(self.label, "vocabulary_size", vocabulary_size)
        self.sequence_length = positive(self.label, "sequence_length", sequence_length)
        self.embedding = TokenVectors(
            self.vocabulary_size,
            self.sequence_length,
            self.model_dim,
            self.positions,
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="embedding_dropout")
        self.blocks = [self._block(TransformerDecoder, f"block_{i + 1}") for i in range(self.num_layers)]
        self.norm = self._final_norm("norm")
        self.head = Dense(self.vocabulary_size, dtype=self.dtype_policy, name="head")
        self.build((None, self.sequence_length))

    def call(self, inputs: Tensor) -> Any:
        """Return logits (None, T, vocabulary_size) for ids (None, T)."""
        x = self.embedding_dropout(self.embedding(inputs))
        for block in self.blocks:
            x = block(x)
        return self.head(x if self.norm is None else self.norm(x))

    def step(self, ids: Tensor, index: Tensor, caches: list[Cache]) -> tuple[Tensor, list[Cache]]:
        """Go on with sequences by ids (None, n), the first of which has the position `index` (None,).

        Returns the logits (None, vocabulary_size) after the last of them, and the new caches; see
        `fastnn.generation`.
        """
        x = self.embedding(ids, positions=self._next_positions(ids, index))
        made = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, new = block(x, self_attention_cache=cache, self_attention_cache_update_index=index)
            made.append(new)
        x = last_position(x)
        logits = self.head(x if self.norm is None else self.norm(x))
        return apply("reshape", [logits], {"shape": [self.vocabulary_size]}), made


class Transformer(TokenModel):
    """Encoder-decoder Transformer: the logits of each next token of a target sequence (Vaswani et al. 2017).

    Parameters
    ----------
    source_vocabulary_size, target_vocabulary_size, sequence_length, num_layers, model_dim, num_heads : int
    intermediate_dim, dropout, positions, activation, normalize_first, padding_id, name : optional
        Those of `transformer`, which tells their meaning.
    **kwargs
        ``dtype``, ``trainable``.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.transformer(100, 80, num_layers=1, model_dim=16, num_heads=2)
    >>> source, target = np.ones((2, 7), int), np.ones((2, 5), int)
    >>> model.predict([source, target], verbose=0).shape
    (2, 5, 80)
    """

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        sequence_length: int = 128,
        num_layers: int = 3,
        model_dim: int = 256,
        num_heads: int = 4,
        intermediate_dim: int | None = None,
        dropout: float = 0.1,
        positions: str = "sinusoidal",
        activation: Any = "relu",
        normalize_first: bool = False,
        padding_id: int = 0,
        name: str = "transformer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._settings(
            num_layers,
            model_dim,
            num_heads,
            intermediate_dim,
            dropout,
            positions,
            activation,
            normalize_first,
        )
        self.source_vocabulary_size = positive(self.label, "source_vocabulary_size", source_vocabulary_size)
        self.target_vocabulary_size = positive(self.label, "target_vocabulary_size", target_vocabulary_size)
        self.sequence_length = positive(self.label, "sequence_length", sequence_length)
        self.padding_id = int(padding_id)
        vectors = (self.sequence_length, self.model_dim, self.positions)
        self.source_embedding = TokenVectors(
            self.source_vocabulary_size, *vectors, dtype=self.dtype_policy, name="source_embedding"
        )
        self.target_embedding = TokenVectors(
            self.target_vocabulary_size, *vectors, dtype=self.dtype_policy, name="target_embedding"
        )
        self.embedding_dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="embedding_dropout")
        self.encoders = [self._block(TransformerEncoder, f"encoder_{i + 1}") for i in range(self.num_layers)]
        self.encoder_norm = self._final_norm("encoder_norm")
        self.decoders = [self._block(TransformerDecoder, f"decoder_{i + 1}") for i in range(self.num_layers)]
        self.decoder_norm = self._final_norm("decoder_norm")
        self.head = Dense(self.target_vocabulary_size, dtype=self.dtype_policy, name="head")
        self.build([(None, self.sequence_length), (None, self.sequence_length)])

    def call(self, inputs: Any) -> Any:
        """Return logits (None, T, target_vocabulary_size) for the ids of a source and a target."""
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"{self.label}: expected two inputs, the source's ids and the target's")
        source, target = inputs
        encoded, seen = self.encode(source)
        x = self.embedding_dropout(self.target_embedding(target))
        for decoder in self.decoders:
            x = decoder(x, encoded, encoder_padding_mask=seen)
        return self.head(x if self.decoder_norm is None else self.decoder_norm(x))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the encoder makes of ids (None, S), and where they are not padding."""
        from fastnn.ops._dispatch import constant

        padding = constant(self.padding_id, "int32")
        seen = apply("compare", [source, padding], {"kind": "not_equal"})
        x = self.embedding_dropout(self.source_embedding(source))
        for encoder in self.encoders:
            x = encoder(x, padding_mask=seen)
        return (x if self.encoder_norm is None else self.encoder_norm(x)), seen

    def cross_caches(self, encoded: Tensor) -> list[Cache]:
        """Return the keys and values of each decoder's attention to the encoder's output."""
        return [decoder.cross_attention_cache(encoded) for decoder in self.decoders]

    def step(
        self, ids: Tensor, index: Tensor, caches: list[Cache], cross_caches: list[Cache], seen: Tensor
    ) -> tuple[Tensor, list[Cache]]:
        """Go on with target sequences; see `TransformerLM.step`."""
        x = self.target_embedding(ids, positions=self._next_positions(ids, index))
        made = []
        for decoder, cache, cross in zip(self.decoders, caches, cross_caches, strict=True):
            x, new = decoder(
                x,
                encoder_padding_mask=seen,
                self_attention_cache=cache,
                self_attention_cache_update_index=index,
                cross_attention_cache=cross,
            )
            made.append(new)
        x = last_position(x)
        logits = self.head(x if self.decoder_norm is None else self.decoder_norm(x))
        return apply("reshape", [logits], {"shape": [self.target_vocabulary_size]}), made


def transformer_lm(
    vocabulary_size: int,
    sequence_length: int = 64,
    num_layers: int = 4,
    model_dim: int = 128,
    num_heads: int = 4,
    intermediate_dim: int | None = None,
    dropout: float = 0.0,
    positions: str = "learned",
    activation: Any = "gelu",
    normalize_first: bool = True,
    name: str = "transformer_lm",
) -> TransformerLM:
    """Decoder-only Transformer: a model of language.

    The network of A. Radford, K. Narasimhan, T. Salimans, I. Sutskever, "Improving language understanding by
    generative pre-training", 2018, with normalisation first as in its successor of 2019. Train it on ids
    (None, T) with the same ids one position on as labels and
    ``SparseCategoricalCrossentropy(from_logits=True)``; `fastnn.generation.generate` continues sequences.

    Parameters
    ----------
    vocabulary_size : int
        Number of tokens.
    sequence_length : int, default 64
        The most positions of a sequence; shorter ones are taken, too.
    num_layers, model_dim, num_heads : int, default 4, 128 and 4
        Blocks, features of a position, heads of each attention.
    intermediate_dim : int, optional
        Units of the blocks' hidden dense layers; four times `model_dim` by default.
    dropout : float, default 0.0
    positions : {"learned", "sinusoidal", "rotary"}, default "learned"
    activation : str or callable, default "gelu"
    normalize_first : bool, default True
    name : str

    Returns
    -------
    TransformerLM
        Built, not compiled. It takes ids (None, T) and returns logits (None, T, vocabulary_size).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.transformer_lm(65).count_params()
    818241
    """
    return TransformerLM(
        vocabulary_size,
        sequence_length,
        num_layers,
        model_dim,
        num_heads,
        intermediate_dim,
        dropout,
        positions,
        activation,
        normalize_first,
        name,
    )


def transformer(
    source_vocabulary_size: int,
    target_vocabulary_size: int,
    sequence_length: int = 128,
    num_layers: int = 3,
    model_dim: int = 256,
    num_heads: int = 4,
    intermediate_dim: int | None = None,
    dropout: float = 0.1,
    positions: str = "sinusoidal",
    activation: Any = "relu",
    normalize_first: bool = False,
    padding_id: int = 0,
    name: str = "transformer",
) -> Transformer:
    """Encoder-decoder Transformer: from one sequence to another, as in translation.

    The network of A. Vaswani et al., "Attention is all you need", Advances in Neural Information Processing
    Systems, 2017. Train it on pairs [source, target] of ids, padded at the end, with the target one position
    on as labels; positions whose label is padding are to have weight 0. `fastnn.generation.generate`
    translates.

    Parameters
    ----------
    source_vocabulary_size, target_vocabulary_size : int
        Numbers of tokens.
    sequence_length : int, default 128
        The most positions of a sequence; shorter ones are taken, too.
    num_layers, model_dim, num_heads : int, default 3, 256 and 4
        Blocks of the encoder, and of the decoder; features of a position; heads of each attention.
    intermediate_dim : int, optional
        Units of the blocks' hidden dense layers; four times `model_dim` by default.
    dropout : float, default 0.1
    positions : {"learned", "sinusoidal", "rotary"}, default "sinusoidal"
    activation : str or callable, default "relu"
    normalize_first : bool, default False
    padding_id : int, default 0
        The source's token that stands for none.
    name : str

    Returns
    -------
    Transformer
        Built, not compiled. It takes [source (None, S), target (None, T)] and returns logits
        (None, T, target_vocabulary_size).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.models.transformer(100, 80, num_layers=1, model_dim=16, num_heads=2)
    >>> [len(part.weights) for part in (model.encoders[0], model.decoders[0])]
    [16, 26]
    """
    return Transformer(
        source_vocabulary_size,
        target_vocabulary_size,
        sequence_length,
        num_layers,
        model_dim,
        num_heads,
        intermediate_dim,
        dropout,
        positions,
        activation,
        normalize_first,
        padding_id,
        name,
    )
