"""What a loop over steps costs: `RNN` over a cell beside the fused layer and the steps written out.

One training step of Adam, float32, in rounds in which the three take turns. Reported are medians of the time
that passed, and of the processor's time, which other work on the machine changes less and which counts all
threads::

    python benchmarks/loops.py --threads 1
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

import fastnn
from fastnn import layers, ops


class WrittenOut(layers.Layer):
    """Calls the cell once a step: a node for each op of each step."""

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell

    def call(self, inputs: Any) -> Any:
        zeros = np.zeros((inputs.shape[2], self.cell.units), "float32")
        states = [ops.matmul(inputs[:, 0], zeros) for _ in range(self.cell.states)]
        for t in range(inputs.shape[1]):
            output, states = self.cell(inputs[:, t], states)
        return output


def model_of(layer: Any, steps: int, features: int) -> Any:
    model = fastnn.Sequential(
        [fastnn.Input((steps, features)), layer, layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--features", type=int, default=28)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as fastnn takes by itself")
    options = parser.parse_args()
    if options.threads:
        fastnn.set_num_threads(options.threads)
    count = 8  # steps of training in a measurement
    x = np.random.default_rng(0).normal(size=(count * options.batch, options.steps, options.features))
    x, y = x.astype("float32"), np.zeros(len(x), "int32")
    for name, cell, fused in (
        ("lstm", layers.LSTMCell, layers.LSTM),
        ("gru", layers.GRUCell, layers.GRU),
        ("simple_rnn", layers.SimpleRNNCell, layers.SimpleRNN),
    ):
        forms = {
            "fused": fused(options.units),
            "cell": layers.RNN(cell(options.units)),
            "written out": WrittenOut(cell(options.units)),
        }
        models = {form: model_of(layer, options.steps, options.features) for form, layer in forms.items()}
        passed: dict[str, list[float]] = {form: [] for form in forms}
        used: dict[str, list[float]] = {form: [] for form in forms}
        for turn in range(options.rounds + 1):
            for form, model in models.items():
                began = time.perf_counter(), time.process_time()
                model.fit(x, y, batch_size=options.batch, epochs=1, shuffle=False, verbose=0)
                if turn > 0:  # the first one makes the plans
                    passed[form].append((time.perf_counter() - began[0]) / count * 1e3)
                    used[form].append((time.process_time() - began[1]) / count * 1e3)
        for form in forms:
            print(
                f"{name:12}{form:14}{statistics.median(passed[form]):8.2f} ms a step"
                f"{statistics.median(used[form]):8.2f} ms of the processor's time"
            )


if __name__ == "__main__":
    main()
