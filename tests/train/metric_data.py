"""Labels and predictions for the tests of metrics."""

import numpy as np

rng = np.random.default_rng(11)
N, C = 103, 4
IDS = rng.integers(0, C, N)
ONE_HOT = np.eye(C)[IDS]
SCORES = rng.dirichlet(np.ones(C), N) * 0.6 + 0.4 * ONE_HOT * rng.random((N, 1))
SCORES /= SCORES.sum(axis=1, keepdims=True)
WEIGHT = rng.uniform(0, 2, N)
BITS = rng.integers(0, 2, N)
CHANCES = np.clip(BITS * 0.3 + rng.uniform(0, 0.7, N), 0, 1)
MANY = rng.integers(0, 2, (N, C))
MANY_CHANCES = np.clip(MANY * 0.2 + rng.uniform(0, 0.8, (N, C)), 0, 1)
TARGETS = rng.normal([0, 5, -3], 1, (N, 3))
GUESSES = TARGETS + rng.normal(size=(N, 3)) * [0.1, 1, 3]
