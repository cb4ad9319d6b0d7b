"""A stand-in for a model, and a run of callbacks over logs that are made up."""

import json

import numpy as np

from fastnn.callbacks import (
    Callback,
    CallbackList,
    History,
)


class FakeOptimizer:
    learning_rate = 0.1


class FakeLayer:
    name = "dense"

    def get_weights(self):
        return [np.arange(6.0).reshape(2, 3), np.zeros(3)]


class FakeModel:
    """Has the face that callbacks use; its one weight counts the epochs."""

    name = "fake"

    def __init__(self):
        self.optimizer = FakeOptimizer()
        self.layers = [FakeLayer()]
        self.stop_training = False
        self.weights = [np.zeros(1)]
        self.epochs_done = 0
        self.saved = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = [np.array(w) for w in weights]

    def save(self, path):
        with open(path, "w") as file:
            json.dump({"epoch": self.epochs_done, "w": self.weights[0].tolist()}, file)
        self.saved.append(str(path))

    def save_weights(self, path):
        self.save(path)
        self.saved[-1] = "weights:" + self.saved[-1]

    def _restore_training_state(self, path):
        with open(path) as file:
            state = json.load(file)
        self.weights = [np.array(state["w"])]
        self.epochs_done = state["epoch"]
        return state["epoch"]


def run(callbacks, logs_by_epoch, model=None, batches=0, initial_epoch=0, die_after=None):
    """Do what `fit` does with callbacks; return the model and the history."""
    model = model or FakeModel()
    model.stop_training = False
    history = History()
    hooks = CallbackList(callbacks, model, {"epochs": len(logs_by_epoch), "steps": batches or None}, history)
    hooks.on_train_begin()
    logs = {}
    for epoch in range(hooks.initial_epoch(initial_epoch), len(logs_by_epoch)):
        hooks.on_epoch_begin(epoch)
        for batch in range(batches):
            hooks.on_train_batch_begin(batch)
            hooks.on_train_batch_end(batch, {"loss": 1.0 / (batch + 1)})
        model.weights[0] += 1
        model.epochs_done = epoch + 1
        logs = dict(logs_by_epoch[epoch])
        hooks.on_epoch_end(epoch, logs)
        if die_after == epoch:
            raise KeyboardInterrupt
        if model.stop_training:
            break
    hooks.on_train_end(logs)
    return model, history


def losses(*values, name="val_loss"):
    return [{"loss": 1.0, name: v} for v in values]


class Recorder(Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train_begin")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch_end", epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.calls.append(("train_end", dict(logs)))
