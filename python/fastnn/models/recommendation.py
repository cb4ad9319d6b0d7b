"""Models that say how well an item suits a user."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.layers import Concatenate, Dense, Embedding, Flatten, Input, Multiply
from fastnn.layers._arguments import positive
from fastnn.models.base import Model


def neumf(
    users: int,
    items: int,
    factors: int = 8,
    hidden: Sequence[int] = (32, 16, 8),
    name: str = "neumf",
) -> Model:
    """Neural matrix factorisation (He et al. 2017): a product of factors beside a multi-layer perceptron.

    Users and items have two vectors each: one pair is multiplied entry by entry, the other goes through dense
    layers; a last unit weighs both results.

    Parameters
    ----------
    users, items : int
        How many there are.
    factors : int, default 8
        Length of the vectors that are multiplied.
    hidden : sequence of int, default (32, 16, 8)
        Units of the dense layers. The vectors before them have half as many entries as the first layer units.
    name : str

    Returns
    -------
    Model
        Not compiled. It takes [user numbers, item numbers], each of shape (None, 1), and returns the
        probability that the user took the item, (None, 1).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    X. He, L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua, "Neural collaborative filtering", WWW 2017.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.models.neumf(users=100, items=50)
    >>> model.predict([np.zeros((3, 1), "int32"), np.ones((3, 1), "int32")], verbose=0).shape
    (3, 1)
    """
    units = [positive("neumf", "hidden", n) for n in hidden]
    if not units:
        raise ValueError("neumf: hidden must have at least one entry")
    width = max(1, units[0] // 2)
    sizes = {"user": positive("neumf", "users", users), "item": positive("neumf", "items", items)}
    inputs = {what: Input((1,), dtype="int32", name=what) for what in sizes}

    def vectors(length: int, label: str) -> list[object]:
        return [
            Flatten(name=f"{what}_{label}_vector")(
                Embedding(size, length, embeddings_initializer="random_normal", name=f"{what}_{label}")(
                    inputs[what]
                )
            )
            for what, size in sizes.items()
        ]

    product = Multiply(name="product")(vectors(positive("neumf", "factors", factors), "factors"))
    x = Concatenate(name="joined")(vectors(width, "dense"))
    for i, n in enumerate(units, start=1):
        x = Dense(n, "relu", name=f"dense_{i}")(x)
    x = Concatenate(name="both")([product, x])
    outputs = Dense(1, "sigmoid", kernel_initializer="lecun_uniform", name="output")(x)
    return Model([inputs["user"], inputs["item"]], outputs, name=name)
