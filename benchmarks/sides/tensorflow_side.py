"""TensorFlow's side: Keras' compile and fit."""

from __future__ import annotations

import os
from typing import Any

from .cases import CASES, Prepared, mnist

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def prepare(name: str, data: str) -> Prepared:
    import tensorflow as tf

    keras = tf.keras
    layers = keras.layers
    x, y, xt, yt = mnist(data)
    body: list[Any] = [layers.Flatten(), layers.Dense(128, activation="relu")]
    if name.startswith("lenet5"):
        body = [
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
        ]
    model = keras.Sequential([layers.Input((28, 28, 1)), *body, layers.Dense(10)])
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return Prepared(
        lambda: model.fit(x, y, batch_size=CASES[name].batch, epochs=1, verbose=0),
        accuracy=lambda: float(model.evaluate(xt, yt, verbose=0)[1]),
    )
