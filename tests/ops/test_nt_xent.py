import numpy as np
import pytest
from checks import Refusal, away_from, batch, case, check_op, labels, shared


def reference(x, temperature=0.5):
    samples, views, features = x.shape
    flat = x.reshape(-1, features)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    scores = unit @ unit.T / temperature
    losses = np.zeros((samples, views))
    for i in range(samples):
        for v in range(views):
            row = i * views + v
            others = np.delete(np.arange(samples * views), row)
            total = np.log(np.exp(scores[row, others]).sum())
            same = [i * views + w for w in range(views) if w != v]
            losses[i, v] = np.mean([total - scores[row, j] for j in same])
    return losses.mean(1)


WRONG = [
    Refusal([batch(1, 4)], r"with at least 2 views, got float32 \(None, 1, 4\)", {}),
    Refusal([batch(4)], "nt_xent needs", {}),
    Refusal([shared(2, 4)], "nt_xent needs", {}),
    Refusal([labels(2, 4, classes=3)], "nt_xent needs floating-point", {}),
    Refusal([batch(2, 4)], "temperature must be above 0, got 0", {"temperature": 0.0}),
]

MAKE = away_from(0.0, gap=0.3)

CASES = [
    case("nt_xent", [batch(2, 5, make=MAKE)], reference, batches=(1, 3, 17), refuses=WRONG),
    case("nt_xent", [batch(3, 4, make=MAKE)], reference, batches=(1, 3, 17), temperature=0.1, tolerance=1e-4),
    case("nt_xent", [batch(2, 33, make=MAKE)], reference, batches=(3, 40), temperature=2.0),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_nt_xent(declared):
    check_op(declared)
