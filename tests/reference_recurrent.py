"""Recurrent layers in plain NumPy, written from their equations: one step after the other."""

import numpy as np

ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
}


def _walk(steps, reverse, mask, samples):
    """Yields the steps' numbers with the samples that take part, as a column."""
    for s in range(steps):
        t = steps - 1 - s if reverse else s
        taken = np.ones((samples, 1), bool) if mask is None else mask[:, t, None] != 0
        yield s, t, taken


def _outputs(rows, sequences, reverse, processed_order):
    if not sequences:
        return rows[-1]
    return np.stack(rows[::-1] if reverse and not processed_order else rows, axis=1)


def lstm(
    xw, kernel, h=None, c=None, mask=None, keep=None, activation="tanh", recurrent_activation="sigmoid",
    reverse=False, sequences=True, processed_order=False,
):  # fmt: skip
    samples, steps, _ = xw.shape
    u = len(kernel)
    act, rec = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    h = np.zeros((samples, u)) if h is None else h
    c = np.zeros((samples, u)) if c is None else c
    keep = np.ones((samples, u)) if keep is None else keep
    gates, cells, states = np.zeros_like(xw), np.zeros((samples, steps, u)), np.zeros((samples, steps, u))
    y, rows = np.zeros((samples, u)), []
    for _, t, taken in _walk(steps, reverse, mask, samples):
        states[:, t] = h * keep
        z = xw[:, t] + (h * keep) @ kernel
        i, f, o = rec(z[:, :u]), rec(z[:, u : 2 * u]), rec(z[:, 3 * u :])
        g = act(z[:, 2 * u : 3 * u])
        gates[:, t] = np.where(taken, np.concatenate([i, f, g, o], axis=1), 0)
        c = np.where(taken, f * c + i * g, c)
        h = np.where(taken, o * act(c), h)
        y = np.where(taken, h, y)
        cells[:, t] = c
        rows.append(y)
    return gates, _outputs(rows, sequences, reverse, processed_order), h, c, cells, states


def gru(
    xw, kernel, bias=None, h=None, mask=None, keep=None, activation="tanh", recurrent_activation="sigmoid",
    reverse=False, sequences=True, processed_order=False, reset_after=True,
):  # fmt: skip
    samples, steps, _ = xw.shape
    u = len(kernel)
    act, rec = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    h = np.zeros((samples, u)) if h is None else h
    keep = np.ones((samples, u)) if keep is None else keep
    bias, added = (np.zeros(3 * u), np.zeros(3 * u)) if bias is None else (bias[1], bias[0])
    xw = xw + added
    gates, inner = np.zeros_like(xw), np.zeros((samples, steps, u))
    before, states = np.zeros((samples, steps, u)), np.zeros((samples, steps, u))
    y, rows = np.zeros((samples, u)), []
    for _, t, taken in _walk(steps, reverse, mask, samples):
        kept = h * keep
        before[:, t] = h
        states[:, t] = kept
        z = rec(xw[:, t, :u] + kept @ kernel[:, :u] + bias[:u])
        r = rec(xw[:, t, u : 2 * u] + kept @ kernel[:, u : 2 * u] + bias[u : 2 * u])
        if reset_after:
            part = kept @ kernel[:, 2 * u :] + bias[2 * u :]
            new = act(xw[:, t, 2 * u :] + r * part)
        else:
            part = r * kept
            new = act(xw[:, t, 2 * u :] + part @ kernel[:, 2 * u :] + bias[2 * u :])
        gates[:, t] = np.where(taken, np.concatenate([z, r, new], axis=1), 0)
        inner[:, t] = np.where(taken, part, 0)
        h = np.where(taken, z * h + (1 - z) * new, h)
        y = np.where(taken, h, y)
        rows.append(y)
    return gates, _outputs(rows, sequences, reverse, processed_order), h, inner, before, states


def simple_rnn(
    xw, kernel, h=None, mask=None, keep=None, activation="tanh",
    reverse=False, sequences=True, processed_order=False,
):  # fmt: skip
    samples, steps, _ = xw.shape
    u = len(kernel)
    act = ACTIVATIONS[activation]
    h = np.zeros((samples, u)) if h is None else h
    keep = np.ones((samples, u)) if keep is None else keep
    after, states = np.zeros((samples, steps, u)), np.zeros((samples, steps, u))
    y, rows = np.zeros((samples, u)), []
    for _, t, taken in _walk(steps, reverse, mask, samples):
        states[:, t] = h * keep
        new = act(xw[:, t] + (h * keep) @ kernel)
        after[:, t] = np.where(taken, new, 0)
        h = np.where(taken, new, h)
        y = np.where(taken, h, y)
        rows.append(y)
    return after, _outputs(rows, sequences, reverse, processed_order), h, states
