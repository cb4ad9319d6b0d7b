"""Transformer blocks: attention and a small dense network, each with a shortcut and normalisation."""

from __future__ import annotations

from typing import Any

from fastnn import activations, initializers
from fastnn.layers._arguments import number, positive
from fastnn.layers.attention import MultiHeadAttention
from fastnn.layers.base import Layer
from fastnn.layers.dense import Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.nest import batch_shape
from fastnn.layers.normalization import LayerNormalization
from fastnn.tensor import Tensor, apply


class _Block(Layer):
    """What encoder and decoder share: the arguments, and how parts are put together."""

    supports_masking = True

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        normalize_first: bool = False,
        rotary_max_wavelength: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.intermediate_dim = positive(self.label, "intermediate_dim", intermediate_dim)
        self.num_heads = positive(self.label, "num_heads", num_heads)
        self.dropout = number(self.label, "dropout", dropout, 0.0, 1.0, below=True)
        self.activation = activations.get(activation)
        self.layer_norm_epsilon = number(self.label, "layer_norm_epsilon", layer_norm_epsilon, 0.0)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.normalize_first = bool(normalize_first)
        self.rotary_max_wavelength = (
            None
            if rotary_max_wavelength is None
            else number(self.label, "rotary_max_wavelength", rotary_max_wavelength, 1.0)
        )

    def _features(self, shape: Any) -> int:
        if not isinstance(shape, tuple) or len(shape) != 3 or shape[-1] is None:
            raise ValueError(
                f"{self.label}: expected an input of shape (None, positions, features), got {shape}"
            )
        features = int(shape[-1])
        if features % self.num_heads != 0:
            raise ValueError(
                f"{self.label}: num_heads={self.num_heads} does not divide the {features} features of its "
                f"input (input shape {shape})"
            )
        return features

    def _attention(self, name: str, features: int, rotary: float | None = None) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.num_heads,
            features // self.num_heads,
            dropout=self.dropout,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            rotary_max_wavelength=rotary,
            dtype=self.dtype_policy,
            name=name,
        )

    def _norm(self, name: str, shape: Any) -> LayerNormalization:
        made = LayerNormalization(epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name)
        made.build(shape)
        return made

    def _add_feed_forward(self, shape: Any) -> None:
        features = shape[-1]
        settings: dict[str, Any] = {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "dtype": self.dtype_policy,
        }
        self._intermediate = Dense(
            self.intermediate_dim, self.activation, name="feedforward_intermediate_dense", **settings
        )
        self._intermediate.build(shape)
        self._outer = Dense(features, name="feedforward_output_dense", **settings)
        self._outer.build((*shape[:-1], self.intermediate_dim))
        self._feed_forward_norm = self._norm("feedforward_layer_norm", shape)
        self._dropout = Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")

    def _part(self, x: Tensor, norm: LayerNormalization, part: Any) -> Any:
        """Add to `x` what a part makes of it, normalised before or after."""
        made = part(norm(x) if self.normalize_first else x)
        rest: tuple[Any, ...] = ()
        if isinstance(made, tuple):
            made, *others = made
            rest = tuple(others)
        out = apply("add", [x, self._dropout(made)])
        out = out if self.normalize_first else norm(out)
        return (out, *rest) if rest else out

    def _feed_forward(self, x: Tensor) -> Any:
        return self._part(x, self._feed_forward_norm, lambda y: self._outer(self._intermediate(y)))

    def compute_output_shape(self, input_shape: Any, *others: Any) -> Any:
        """Return the input's shape."""
        return batch_shape(self.label, input_shape)


class TransformerEncoder(_Block):
    """Block of a Transformer in which all positions see each other (Vaswani et al. 2017).

    Parameters
    ----------
    intermediate_dim : int
        Units of the hidden dense layer.
    num_heads : int
        Heads of the attention; it divides the input's features.
    dropout : float, default 0.0
        In training, of the attention's probabilities and of what both parts add.
    activation : str or callable, default "relu"
        Of the hidden dense layer.
    layer_norm_epsilon : float, default 1e-5
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    normalize_first : bool, default False
        Normalise what goes into attention and dense layers (Xiong et al. 2020), not the sums that come out.
    rotary_max_wavelength : float, optional
        Turn queries and keys by their positions, see `RotaryEmbedding`.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Called as ``layer(inputs, padding_mask=None, attention_mask=None)``: inputs (None, positions, features);
    the padding mask (None, positions) is 0 or False where there is no token, by default the inputs' mask; the
    attention mask
    (None, positions, positions) where a position does not see another. Weights: those of a
    `MultiHeadAttention` and its `LayerNormalization`, of two `Dense` layers and theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import TransformerEncoder
    >>> layer = TransformerEncoder(intermediate_dim=32, num_heads=2)
    >>> layer(np.ones((3, 5, 8), "float32"), padding_mask=np.ones((3, 5), bool)).shape
    (3, 5, 8)
    >>> layer.count_params()
    872
    """

    def build(self, input_shape: Any) -> None:
        """Create the layers within."""
        features = self._features(input_shape)
        self._self_attention = self._attention("self_attention_layer", features, self.rotary_max_wavelength)
        self._self_attention.build(input_shape)
        self._self_attention_norm = self._norm("self_attention_layer_norm", input_shape)
        self._add_feed_forward(input_shape)

    def call(
        self, inputs: Tensor, padding_mask: Any = None, attention_mask: Any = None, training: bool = False
    ) -> Any:
        """Compute the block's outputs."""
        seen = inputs.mask if padding_mask is None else padding_mask

        def attend(x: Tensor) -> Any:
            return self._self_attention(x, x, value_mask=seen, attention_mask=attention_mask)

        out = self._feed_forward(self._part(inputs, self._self_attention_norm, attend))
        out.mask = inputs.mask
        return out


class TransformerDecoder(_Block):
    """Block of a Transformer in which positions see themselves and those before (Vaswani et al. 2017).

    With an encoder's output it attends to that as well; without, it is the block of a decoder-only model.

    Parameters
    ----------
    intermediate_dim : int
        Units of the hidden dense layer.
    num_heads : int
        Heads of the attention; it divides the input's features.
    dropout : float, default 0.0
        In training, of the attention's probabilities and of what the parts add.
    activation : str or callable, default "relu"
        Of the hidden dense layer.
    layer_norm_epsilon : float, default 1e-5
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    normalize_first : bool, default False
        Normalise what goes into attention and dense layers (Xiong et al. 2020), not the sums that come out.
    rotary_max_wavelength : float, optional
        Turn queries and keys of the self-attention by their positions, see `RotaryEmbedding`.
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Called as ``layer(decoder_sequence, encoder_sequence=None, decoder_padding_mask=None,
    decoder_attention_mask=None, encoder_padding_mask=None, encoder_attention_mask=None,
    use_causal_mask=True)``; sequences are (None, positions, features), padding masks (None, positions), by
    default those of the sequences.
    Whether there is an encoder is settled at the first call.

    With ``self_attention_cache`` and ``self_attention_cache_update_index`` it works on the next positions of
    a sequence, see `MultiHeadAttention`, and returns its output and the new cache; ``cross_attention_cache``
    takes what the method of this name made of the encoder's output.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import TransformerDecoder
    >>> x, source = np.ones((3, 5, 8), "float32"), np.ones((3, 7, 6), "float32")
    >>> TransformerDecoder(intermediate_dim=32, num_heads=2)(x).shape
    (3, 5, 8)
    >>> TransformerDecoder(32, 2)(x, source, encoder_padding_mask=np.ones((3, 7), bool)).shape
    (3, 5, 8)
    """

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Compute the block's outputs; see the notes for the arguments."""
        if not self.built:
            encoder = self._named_arguments(args, kwargs).get("encoder_sequence")
            self._encoder_shape = None if encoder is None else (None, *encoder.shape[1:])
        return super().__call__(inputs, *args, training=training, **kwargs)

    _encoder_shape: Any = None

    def build(self, input_shape: Any) -> None:
        """Create the layers within."""
        features = self._features(input_shape)
        self._self_attention = self._attention("self_attention", features, self.rotary_max_wavelength)
        self._self_attention.build(input_shape)
        self._self_attention_norm = self._norm("self_attention_layer_norm", input_shape)
        self._cross_attention: MultiHeadAttention | None = None
        if self._encoder_shape is not None:
            self._cross_attention = self._attention("cross_attention", features)
            self._cross_attention.build_for(input_shape, self._encoder_shape)
            self._cross_attention_norm = self._norm("cross_attention_layer_norm", input_shape)
        self._add_feed_forward(input_shape)

    def call(
        self,
        decoder_sequence: Tensor,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        self_attention_cache: Any = None,
        self_attention_cache_update_index: Any = None,
        cross_attention_cache: Any = None,
        use_causal_mask: bool = True,
        training: bool = False,
    ) -> Any:
        """Compute the block's outputs; see the notes."""
        with_encoder = encoder_sequence is not None or cross_attention_cache is not None
        if with_encoder != (self._cross_attention is not None):
            raise ValueError(
                f"{self.label}: was built {'with' if self._cross_attention else 'without'} an "
                f"encoder_sequence, and is called {'with' if with_encoder else 'without'} one"
            )
        new_cache = None
        if decoder_padding_mask is None and self_attention_cache is None:
            decoder_padding_mask = decoder_sequence.mask
        if encoder_padding_mask is None and encoder_sequence is not None:
            encoder_padding_mask = encoder_sequence.mask

        def attend(x: Tensor) -> Any:
            if self_attention_cache is not None:
                return self._self_attention(
                    x,
                    x,
                    value_mask=decoder_padding_mask,
                    cache=self_attention_cache,
                    cache_update_index=self_attention_cache_update_index,
                )
            return self._self_attention(
                x,
                x,
                value_mask=decoder_padding_mask,
                attention_mask=decoder_attention_mask,
                use_causal_mask=use_causal_mask,
            )

        def attend_to_encoder(x: Tensor) -> Any:
            assert self._cross_attention is not None
            return self._cross_attention(
                x,
                encoder_sequence,
                value_mask=encoder_padding_mask,
                attention_mask=encoder_attention_mask,
                cache=cross_attention_cache,
            )

        out = self._part(decoder_sequence, self._self_attention_norm, attend)
        if isinstance(out, tuple):
            out, new_cache = out
        if self._cross_attention is not None:
            out = self._part(out, self._cross_attention_norm, attend_to_encoder)
        out = self._feed_forward(out)
        out.mask = decoder_sequence.mask
        return out if new_cache is None else (out, new_cache)

    def cross_attention_cache(self, encoder_sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys and values that the attention makes of an encoder's output."""
        if self._cross_attention is None:
            raise ValueError(f"{self.label}: was built without an encoder_sequence")
        return self._cross_attention.project(encoder_sequence)
