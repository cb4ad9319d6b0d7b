"""A two-layer LSTM learns to write like Shakespeare, character by character.

The text is cut into as many streams as a batch has rows. The layers are stateful: each batch goes on in every
stream where the one before it ended, so that the network remembers more than the 64 characters through which
gradients flow. The last tenth of the text is kept for validation.

Validation loss: 1.611 nats a character after 3 of the 16 epochs (209 s), 1.460 after 12 (1239 s), on two
cores that other programs used as well.

Run: FASTNN_DATA=folder python examples/char_lstm.py [--epochs 16] [--text folder]
where the folder has tiny_shakespeare/input.txt; without it the text is downloaded.
"""

import argparse
import time

import numpy as np

import fastnn
from fastnn import layers

STEPS = 64
BATCH = 64


def streams(ids):
    """Cut ids into batches of BATCH rows that go on from batch to batch; and the characters after them."""
    batches = (len(ids) - 1) // (BATCH * STEPS)
    order = np.arange(BATCH * batches).reshape(BATCH, batches).T.ravel()
    return tuple(ids[i : i + BATCH * batches * STEPS].reshape(-1, STEPS)[order] for i in (0, 1))


def make_model(characters, steps, batch):
    """Build the network for a number of characters at once and of rows."""
    return fastnn.Sequential(
        [
            layers.Input(shape=(steps,), batch_size=batch),
            layers.Embedding(characters, 64),
            layers.LSTM(256, return_sequences=True, stateful=True),
            layers.Dropout(0.3),
            layers.LSTM(256, return_sequences=True, stateful=True),
            layers.Dropout(0.3),
            layers.Dense(characters),
        ]
    )


def begin_anew(model):
    """Forget what was read."""
    for layer in model.layers:
        if layer.stateful:
            layer.reset_states()


def train(epochs, text=None, batches=None, seed=0, verbose=True):
    """Train; returns the model, the characters and the validation loss, in nats a character."""
    fastnn.utils.set_random_seed(seed)
    training, validation, characters = fastnn.datasets.tiny_shakespeare.load_data(text)
    (x, y), (x_val, y_val) = streams(training), streams(validation)
    rows = len(x) if batches is None else batches * BATCH
    model = make_model(len(characters), STEPS, BATCH)
    schedule = fastnn.schedules.CosineDecay(4e-3, epochs * rows // BATCH, alpha=0.02)
    model.compile(
        fastnn.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0),
        fastnn.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    begun, loss = time.perf_counter(), float("nan")
    for epoch in range(epochs):
        begin_anew(model)
        history = model.fit(x[:rows], y[:rows], batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
        begin_anew(model)
        loss = model.evaluate(x_val, y_val, batch_size=BATCH, verbose=0)
        if verbose:
            print(
                f"epoch {epoch + 1}: {time.perf_counter() - begun:.0f} s, "
                f"training {history.history['loss'][0]:.3f}, validation {loss:.3f} nats a character",
                flush=True,
            )
    return model, characters, loss


def write(model, characters, beginning="\n", count=500, temperature=0.8, seed=0):
    """Continue a text, one character at a time."""
    writer = make_model(len(characters), 1, 1)
    for own, learnt in zip(writer.trainable_weights, model.trainable_weights, strict=True):
        own.assign(learnt.numpy())
    random, written = np.random.default_rng(seed), list(beginning)
    for n in range(len(beginning) + count - 1):
        logits = writer.predict_on_batch(np.array([[characters.index(written[n])]]))[0, 0] / temperature
        if n + 1 == len(written):
            p = np.exp(logits - logits.max())
            written.append(characters[random.choice(len(characters), p=p / p.sum())])
    return "".join(written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=16, help="passes over the text (default 16)")
    parser.add_argument("--text", help="folder with input.txt")
    arguments = parser.parse_args()
    model, characters, _ = train(arguments.epochs, arguments.text)
    print(write(model, characters, "ROMEO:\n"))
