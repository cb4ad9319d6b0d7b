"""Models of texts."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.layers import Concatenate, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D, Input
from fastnn.layers._arguments import number, positive
from fastnn.models.base import Model


def text_cnn(
    vocabulary: int,
    length: int,
    classes: int = 2,
    width: int = 128,
    windows: Sequence[int] = (3, 4, 5),
    filters: int = 100,
    dropout: float = 0.5,
    name: str = "text_cnn",
) -> Model:
    """Convolutional network for sentences (Kim 2014): looks for phrases of a few words.

    Word vectors, convolutions over windows of several sizes side by side, of each filter the largest value,
    dropout, and a dense layer.

    Parameters
    ----------
    vocabulary : int
        Number of word ids.
    length : int
        Words of a text, which is padded or cut to it.
    classes : int, default 2
        1 makes one sigmoid, others a softmax.
    width : int, default 128
        Entries of a word's vector.
    windows : sequence of int, default (3, 4, 5)
        Words that a filter sees.
    filters : int, default 100
        For each window.
    dropout : float, default 0.5
        Part of the filters' values that is left out in training.
    name : str

    Returns
    -------
    Model
        Not compiled. It takes word ids of shape (None, `length`).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Y. Kim, "Convolutional neural networks for sentence classification", EMNLP 2014.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.models.text_cnn(vocabulary=1000, length=50, classes=1).output_shape
    (None, 1)
    """
    sizes = [positive("text_cnn", "windows", n) for n in windows]
    steps = positive("text_cnn", "length", length)
    rate = number("text_cnn", "dropout", dropout, 0.0, 1.0, below=True)
    units = positive("text_cnn", "classes", classes)
    if not sizes or max(sizes) > steps:
        raise ValueError(
            f"text_cnn: windows must hold one or more sizes of at most length {steps}, got {sizes}"
        )
    inputs = Input((steps,), dtype="int32", name="words")
    table = Embedding(
        positive("text_cnn", "vocabulary", vocabulary), positive("text_cnn", "width", width), name="vectors"
    )
    vectors = table(inputs)
    found = [
        GlobalMaxPooling1D(name=f"largest_{size}")(
            Conv1D(positive("text_cnn", "filters", filters), size, activation="relu", name=f"window_{size}")(
                vectors
            )
        )
        for size in sizes
    ]
    x = Concatenate(name="phrases")(found) if len(found) > 1 else found[0]
    if rate > 0:
        x = Dropout(rate, name="dropout")(x)
    outputs = Dense(units, "sigmoid" if units == 1 else "softmax", name="output")(x)
    return Model(inputs, outputs, name=name)
