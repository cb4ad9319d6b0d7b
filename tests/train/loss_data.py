"""Labels and predictions for the tests of losses."""

import numpy as np

rng = np.random.default_rng(3)
N, T, C = 7, 3, 5
NUMBERS = (rng.uniform(0.1, 2, (N, C)), rng.uniform(0.1, 2, (N, C)))
BITS = (rng.integers(0, 2, (N, C)).astype("float64"), rng.uniform(0.05, 0.95, (N, C)))
IDS = rng.integers(0, C, N)
ONE_HOT = np.eye(C)[IDS]
SCORES = rng.uniform(0.05, 1, (N, C))
LOGITS = rng.normal(size=(N, C)) * 3
