"""Plain NumPy formulas of losses and metrics, as `reference.py` has them for the other ops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
EPSILON = 1e-7

# -------------------------------------------------------------------------------- elementwise


def _clip(p: Array) -> Array:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _sigmoid(z: Array) -> Array:
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def _bernoulli(p: Array, t: Array) -> Array:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def _signs(t: Array) -> Array:
    return np.where(t == 0, -1.0, t)


def elements(
    p: Array,
    t: Array,
    kind: str = "squared_error",
    delta: float = 1.0,
    label_smoothing: float = 0.0,
    gamma: float = 2.0,
    alpha: float = 0.25,
    balanced: bool = False,
    threshold: float = 0.5,
) -> Array:
    d = p - t
    y = t * (1 - label_smoothing) + 0.5 * label_smoothing
    if kind == "squared_error":
        return d**2
    if kind == "absolute_error":
        return np.abs(d)
    if kind == "absolute_percentage_error":
        return 100 * np.abs(d) / np.maximum(np.abs(t), EPSILON)
    if kind == "squared_logarithmic_error":
        return (np.log1p(np.maximum(p, EPSILON)) - np.log1p(np.maximum(t, EPSILON))) ** 2
    if kind == "huber":
        return np.where(np.abs(d) <= delta, 0.5 * d**2, delta * np.abs(d) - 0.5 * delta**2)
    if kind == "log_cosh":
        return np.logaddexp(d, -d) - np.log(2)
    if kind == "poisson":
        return p - t * np.log(p + EPSILON)
    if kind == "hinge":
        return np.maximum(1 - _signs(t) * p, 0)
    if kind == "squared_hinge":
        return np.maximum(1 - _signs(t) * p, 0) ** 2
    if kind == "kl_divergence":
        t, p = np.clip(t, EPSILON, 1), np.clip(p, EPSILON, 1)
        return t * np.log(t / p)
    if kind == "binary_cross_entropy":
        return _bernoulli(_clip(p), y)
    if kind == "binary_cross_entropy_logits":
        return np.logaddexp(0, p) - y * p
    if kind in ("binary_focal", "binary_focal_logits"):
        logits = kind.endswith("logits")
        cross = np.logaddexp(0, p) - y * p if logits else _bernoulli(_clip(p), y)
        q = _sigmoid(p) if logits else p
        hit = y * q + (1 - y) * (1 - q)
        weight = y * alpha + (1 - y) * (1 - alpha) if balanced else 1.0
        return weight * (1 - hit) ** gamma * cross
    if kind == "equal":
        return (p == t).astype("float64")
    if kind == "threshold_equal":
        return ((p > threshold) == (t > 0.5)).astype("float64")
    raise ValueError(kind)


def elementwise_loss(p: Array, t: Array, **options: object) -> Array:
    values = elements(p, t, **options)
    if values.ndim == 1:
        return values
    return values.sum(axis=-1) if options.get("kind") == "kl_divergence" else values.mean(axis=-1)


# -------------------------------------------------------------------------------- classes


def _smooth(labels: Array, smoothing: float) -> Array:
    return labels * (1 - smoothing) + smoothing / labels.shape[-1]


def _log_softmax(z: Array) -> Array:
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def one_hot(ids: Array, classes: int) -> Array:
    """Rows of zeros for ids out of range."""
    return (np.asarray(ids)[..., None] == np.arange(classes)).astype("float64")


def softmax_cross_entropy(z: Array, labels: Array, label_smoothing: float = 0.0) -> Array:
    return -(_smooth(labels, label_smoothing) * _log_softmax(z)).sum(axis=-1)


def cross_entropy(p: Array, labels: Array, label_smoothing: float = 0.0) -> Array:
    q = _clip(p / p.sum(axis=-1, keepdims=True))
    return -(_smooth(labels, label_smoothing) * np.log(q)).sum(axis=-1)


def sparse_cross_entropy(
    p: Array, labels: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> Array:
    loss = cross_entropy(p, one_hot(labels, p.shape[-1]), label_smoothing)
    return loss if ignore_index is None else np.where(labels == ignore_index, 0.0, loss)


def categorical_focal(
    x: Array,
    labels: Array,
    from_logits: bool = False,
    gamma: float = 2.0,
    alpha: float | Sequence[float] = 0.25,
    label_smoothing: float = 0.0,
) -> Array:
    q = np.exp(_log_softmax(x)) if from_logits else _clip(x / x.sum(axis=-1, keepdims=True))
    terms = _smooth(labels, label_smoothing) * np.asarray(alpha) * (1 - q) ** gamma * np.log(q)
    return -terms.sum(axis=-1)


def categorical_hinge(p: Array, t: Array) -> Array:
    return np.maximum(((1 - t) * p).max(axis=-1) - (t * p).sum(axis=-1) + 1, 0)


def cosine_similarity(a: Array, b: Array, negative: bool = False) -> Array:
    if a.ndim == 1:
        a, b = a[:, None], b[:, None]
    lengths = np.maximum(np.linalg.norm(a, axis=-1), 1e-12) * np.maximum(np.linalg.norm(b, axis=-1), 1e-12)
    return (-1 if negative else 1) * (a * b).sum(axis=-1) / lengths


# -------------------------------------------------------------------------------- sums


def spread(weight: Array | None, shape: tuple[int, ...]) -> Array:
    """Weights of leading dimensions, for every element of `shape`."""
    if weight is None:
        return np.ones(shape)
    return np.broadcast_to(weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim)), shape)


def weighted_sum(x: Array, weight: Array | None, mask: Array | None, mean: bool = False) -> tuple[Array, ...]:
    w, m = spread(weight, x.shape), spread(mask, x.shape)
    return (w * m * x).sum() / (x.size if mean else 1), (w * m).sum(), m.sum()


def class_of(labels: Array) -> Array:
    if labels.dtype.kind in "iu":
        return labels
    return labels.argmax(axis=-1) if labels.shape[-1] > 1 else np.rint(labels[..., 0]).astype(int)


def label_weight(
    labels: Array,
    like: Array,
    weight: Array | None,
    weights: Sequence[float] | None = None,
    ignore_index: int | None = None,
) -> Array:
    ids = class_of(labels)
    kept = np.ones(ids.shape, bool) if ignore_index is None else ids != ignore_index
    table = np.ones(100) if weights is None else np.asarray(weights, "float64")
    return np.where(kept, table[np.where(kept, ids, 0)], 0) * spread(weight, ids.shape)


# -------------------------------------------------------------------------------- metrics


def class_match(scores: Array, labels: Array, top_k: int = 0, ignore_index: int | None = None) -> Array:
    ids = labels if labels.dtype.kind in "iu" else labels.argmax(axis=-1)
    if top_k == 0:
        hit = scores.argmax(axis=-1) == ids
    else:
        own = np.take_along_axis(scores, np.clip(ids, 0, None)[..., None], -1)
        hit = (scores > own).sum(axis=-1) < top_k
    return (hit & (ids != ignore_index)).astype("float64")


def confusion_counts(
    scores: Array,
    labels: Array,
    weight: Array | None,
    threshold: float = 0.5,
    ignore_index: int | None = None,
) -> Array:
    if scores.ndim == 1 or scores.shape[-1] == 1:
        predicted = (scores > threshold).astype(int).reshape(len(scores), -1)
        true = np.rint(labels).astype(int).reshape(predicted.shape)
        size = 2
    else:
        size = scores.shape[-1]
        predicted = scores.argmax(axis=-1).reshape(len(scores), -1)
        true = class_of(labels).reshape(predicted.shape)
    out = np.zeros((size, size))
    weights = spread(weight, scores.shape[:-1] if scores.ndim > 1 else scores.shape).reshape(predicted.shape)
    for t, p, w in zip(true.ravel(), predicted.ravel(), weights.ravel()):
        if ignore_index is None or t != ignore_index:
            out[t, p] += w
    return out


def threshold_histogram(
    scores: Array,
    labels: Array,
    weight: Array | None,
    thresholds: Sequence[float] = (0.5,),
    per_class: bool = False,
    class_id: int | None = None,
    top_k: int | None = None,
    from_logits: bool = False,
) -> tuple[Array, Array, Array]:
    if scores.ndim == 1:
        scores, labels = scores[:, None], labels[:, None]
    classes = scores.shape[-1]
    hot = one_hot(labels, classes) if labels.dtype.kind in "iu" else labels > 0.5
    given = _sigmoid(scores) if from_logits else scores
    used = given.copy()
    if top_k:
        order = np.argsort(-given, axis=-1, kind="stable")
        kept = np.zeros(given.shape, bool)
        np.put_along_axis(kept, order[..., :top_k], True, -1)
        used = np.where(kept, given, -np.inf)
    weights = spread(weight, scores.shape)
    rows = classes if per_class else 1
    out = np.zeros((2, rows, len(thresholds) + 1))
    outside = 0
    for index in np.ndindex(scores.shape):
        c = index[-1]
        if class_id is not None and c != class_id:
            continue
        bucket = sum(used[index] > t for t in thresholds)
        out[int(hot[index]), c if per_class else 0, bucket] += weights[index]
        outside += given[index] < 0 or given[index] > 1
    return out[1], out[0], np.asarray(float(outside))


def regression_moments(p: Array, t: Array, weight: Array | None) -> tuple[Array, Array]:
    if p.ndim == 1:
        p, t = p[:, None], t[:, None]
    w = spread(weight, p.shape[:-1])[..., None]
    axes = tuple(range(p.ndim - 1))
    sums = np.stack([(w * t).sum(axes), (w * t**2).sum(axes), (w * (t - p) ** 2).sum(axes)])
    return np.array([w.sum(), float(w.size)]), sums


def safe_ratio(a: Array, b: Array) -> Array:
    return np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b))
