"""A decoder-only Transformer learns to write like Shakespeare, character by character.

Four blocks of width 128 see 64 characters; the last tenth of the text is kept for validation. Each epoch cuts
the text into windows of 64 characters anew, from another beginning.

In a run of 11 epochs the validation loss was 1.655 nats a character after four of them (472 s) and 1.621
after five (559 s), on two cores that were shared with other programs: the five took at most 213 s of
processor time. That run was not followed further.

Run: FASTNN_DATA=folder python examples/char_transformer.py [--epochs 11] [--text folder]
where the folder has tiny_shakespeare/input.txt; without it the text is downloaded.
"""

import argparse
import time

import numpy as np

import fastnn

CONTEXT = 64
BATCH = 32


def windows(ids, beginning):
    """Cut ids into rows of CONTEXT characters and the same rows one character on."""
    count = (len(ids) - beginning - 1) // CONTEXT
    cut = ids[beginning : beginning + count * CONTEXT + 1]
    return cut[:-1].reshape(count, CONTEXT), cut[1:].reshape(count, CONTEXT)


def make_model(characters, steps, rate=3e-3):
    """Build and compile the network for a number of training steps."""
    model = fastnn.models.transformer_lm(
        characters, CONTEXT, num_layers=4, model_dim=128, num_heads=4, dropout=0.05
    )
    warmup = min(200, steps // 10)
    schedule = fastnn.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.05, warmup_target=rate, warmup_steps=warmup
    )
    model.compile(
        fastnn.optimizers.AdamW(schedule, weight_decay=0.05, beta_2=0.99, global_clipnorm=1.0),
        fastnn.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def train(epochs, text=None, batches=None, seed=0, verbose=True):
    """Train; returns the model, the characters and the validation loss, in nats a character."""
    fastnn.random.set_seed(seed)
    training, validation, characters = fastnn.datasets.tiny_shakespeare.load_data(text)
    per_epoch = batches or len(windows(training, 0)[0]) // BATCH
    model = make_model(len(characters), epochs * per_epoch)
    x_val, y_val = windows(validation, 0)
    beginnings = np.random.default_rng(seed).integers(0, CONTEXT, epochs)
    begun = time.perf_counter()
    loss = float("nan")
    for epoch, beginning in enumerate(beginnings):
        x, y = windows(training, beginning)
        rows = np.random.default_rng([seed, epoch]).permutation(len(x))[: per_epoch * BATCH]
        history = model.fit(x[rows], y[rows], batch_size=BATCH, epochs=1, verbose=0)
        loss = model.evaluate(x_val, y_val, batch_size=BATCH, verbose=0)
        if verbose:
            passed = time.perf_counter() - begun
            print(
                f"epoch {epoch + 1}: {passed:.0f} s, training {history.history['loss'][0]:.3f}, "
                f"validation {loss:.3f} nats a character",
                flush=True,
            )
    return model, characters, loss


def write(model, characters, beginning="\n", count=500, seed=0):
    """Continue a text."""
    prompt = [characters.index(c) for c in beginning]
    ids = fastnn.generation.generate(
        model, prompt, count, strategy="sample", temperature=0.8, top_k=20, seed=seed
    )
    return "".join(characters[i] for i in ids)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=11, help="passes over the text (default 11)")
    parser.add_argument("--text", help="folder with input.txt")
    arguments = parser.parse_args()
    model, characters, _ = train(arguments.epochs, arguments.text)
    print(write(model, characters, "ROMEO:\n"))
