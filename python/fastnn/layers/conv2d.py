"""Two-dimensional convolution."""

from __future__ import annotations

from fastnn.layers.convolution import Convolution


class Conv2D(Convolution):
    """Convolution over height and width (LeCun et al. 1989): every filter sees a window of all channels.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), default (1, 1)
    padding : {"valid", "same"}, default "valid"
        "same" pads with zeros so that, at stride 1, the output is as large as the input.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default (1, 1)
        Distance between the window's pixels.
    groups : int, default 1
        Splits channels and filters into groups that do not see each other.
    activation : str, callable or None
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, height, width, channels), output (None, new height, new width, filters). Weights:
    ``kernel`` (kernel height, kernel width, channels / groups, filters) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv2D
    >>> layer = Conv2D(6, kernel_size=(3, 3), activation="relu")
    >>> layer(np.ones((2, 28, 28, 1), "float32")).shape
    (2, 26, 26, 6)
    """
