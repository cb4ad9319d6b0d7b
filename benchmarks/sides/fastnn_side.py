"""fastnn's side."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastnn
from fastnn import layers

from .cases import CASES, Prepared, mnist, synthetic


def _resnet8() -> Any:
    def normalised(x: Any, filters: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = fastnn.Input((32, 32, 3))
    x = layers.Activation("relu")(normalised(inputs, 16))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        short = x if strides == 1 else layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        x = layers.Activation("relu")(normalised(x, filters, strides))
        x = layers.Activation("relu")(layers.Add()([normalised(x, filters), short]))
    return fastnn.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def _transformer() -> Any:
    return fastnn.models.transformer_lm(
        vocabulary_size=65, sequence_length=64, num_layers=4, model_dim=128, num_heads=4
    )


def network(name: str) -> Any:
    """The network of a case, not compiled; outputs are logits."""
    conv, dense, pool = layers.Conv2D, layers.Dense, layers.MaxPooling2D
    sequences: dict[str, Any] = {
        "lenet5": lambda: [
            layers.Input((28, 28, 1)), conv(6, 3, activation="relu"), pool(), conv(16, 3, activation="relu"),
            pool(), layers.Flatten(), dense(120, "relu"), dense(84, "relu"), dense(10)],
        "mlp": lambda: [layers.Input((28, 28, 1)), layers.Flatten(), dense(128, "relu"), dense(10)],
        "single_mlp": lambda: [layers.Input((784,)), dense(128, "relu"), dense(10)],
        "cnn": lambda: [
            layers.Input((28, 28, 1)), conv(32, 3, activation="relu"), conv(64, 3, activation="relu"), pool(),
            layers.Flatten(), dense(128, "relu"), dense(10)],
        "mlp_wide": lambda: [layers.Input((1024,)), dense(2048, "relu"), dense(2048, "relu"), dense(1000)],
        "mlp_tiny": lambda: [layers.Input((4,)), dense(32, "tanh"), dense(16, "tanh"), dense(4)],
        "lstm": lambda: [layers.Input((28, 28)), layers.LSTM(128), dense(10)],
        "gru": lambda: [layers.Input((28, 28)), layers.GRU(128), dense(10)],
    }  # fmt: skip
    if name == "resnet8":
        return _resnet8()
    if name == "transformer":
        return _transformer()
    return fastnn.Sequential(sequences[name]())


def prepare(name: str, data: str) -> Prepared:
    case = CASES[name]
    base = "lenet5" if name in ("lenet5_32", "lenet5_1024", "predict", "single_lenet5") else name
    model = network(base)
    if case.unit == "call":
        x, _ = synthetic(name)
        if case.batch == 1:
            return Prepared(lambda: model.predict_on_batch(x))
        return Prepared(lambda: model.predict(x, verbose=0))
    loss: Any = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = ["accuracy"] if case.unit == "epoch" else None
    model.compile(fastnn.optimizers.Adam(1e-3), "mse" if name == "mlp_tiny" else loss, metrics=metrics)
    if case.unit == "epoch":
        x, y, xt, yt = mnist(data)
        return Prepared(
            lambda: model.fit(x, y, batch_size=case.batch, epochs=1, verbose=0),
            accuracy=lambda: float(model.evaluate(xt, yt, verbose=0)[1]),
        )
    x, y = synthetic(name)
    if x.dtype == np.int64:
        x = x.astype(np.int32)
    epochs = case.steps if name == "mlp_tiny" else 1
    return Prepared(lambda: model.fit(x, y, batch_size=case.batch, epochs=epochs, verbose=0), case.steps)
