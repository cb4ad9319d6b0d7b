"""Neural matrix factorisation on MovieLens (latest small), beside popularity and plain matrix factorisation.

Leave one out: of every user the last film is hidden, and ranked among 99 that the user never rated. HR@10 is
the part of users whose film comes among the first ten, NDCG@10 counts how early. Recipes were chosen on the
film before the last one. After 20 epochs each (half a minute of one core) HR@10 and NDCG@10 are

    popularity 0.600 and 0.347, matrix factorisation 0.743 and 0.491, NeuMF 0.711 and 0.485:

with 100,000 ratings the simpler model finds as much.

Run: python examples/neumf_movielens.py [--data FOLDER] [--quick] [--validate]
"""

import argparse
import time

import numpy as np

import fastnn
from fastnn import layers


def leave_one_out(data: fastnn.datasets.movielens.Ratings, skip: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (user, item) pairs to learn from and, row by user, the item that is hidden.

    `skip` of a user's last films are left out altogether before that.
    """
    order = np.lexsort((data.items, data.times, data.users))
    users, items = data.users[order], data.items[order]
    last = np.searchsorted(users, np.arange(len(data.user_ids)), side="right") - 1 - skip
    position = np.arange(len(users))
    known = position < last[users]
    return np.stack([users[known], items[known]], axis=1), items[last]


class Negatives:
    """Draws items that users have not rated."""

    def __init__(self, data: fastnn.datasets.movielens.Ratings, seed: int) -> None:
        self.items = len(data.item_ids)
        self.taken = np.zeros((len(data.user_ids), self.items), bool)
        self.taken[data.users, data.items] = True
        self.random = np.random.default_rng(seed)

    def draw(self, users: np.ndarray) -> np.ndarray:
        """Return an item for each user that has not rated it."""
        items = self.random.integers(0, self.items, len(users))
        while (again := np.flatnonzero(self.taken[users, items])).size:
            items[again] = self.random.integers(0, self.items, again.size)
        return items

    def candidates(self, hidden: np.ndarray, count: int = 99) -> np.ndarray:
        """Return, row by user, the hidden item and `count` different others."""
        rows = []
        for user, item in enumerate(hidden):
            others = np.flatnonzero(~self.taken[user])
            rows.append([item, *self.random.choice(others, count, replace=False)])
        return np.array(rows, "int32")


def ranking(scores: np.ndarray, first: int = 10) -> tuple[float, float]:
    """Return HR and NDCG of the items in the first column; ties count against them."""
    rank = (scores[:, 1:] >= scores[:, :1]).sum(axis=1)
    found = rank < first
    return float(found.mean()), float((found / np.log2(rank + 2)).mean())


def matrix_factorisation(users: int, items: int, factors: int) -> fastnn.Model:
    """Make the plain model: sigmoid of the product of two vectors and a bias of the item."""
    user, item = (
        fastnn.Input((1,), dtype="int32", name="user"),
        fastnn.Input((1,), dtype="int32", name="item"),
    )
    flat = layers.Flatten()
    vectors = [
        flat(layers.Embedding(n, factors, "random_normal")(x)) for n, x in ((users, user), (items, item))
    ]
    bias = flat(layers.Embedding(items, 1, "zeros")(item))
    return fastnn.Model(
        [user, item], layers.Activation("sigmoid")(layers.Add()([layers.Dot(1)(vectors), bias]))
    )


def train(
    model: fastnn.Model, pairs: np.ndarray, negatives: Negatives, epochs: int, rate: float, each: int = 4
) -> None:
    """Teach the model to tell what users took from what they did not, `each` new ones for every pair."""
    model.compile(fastnn.optimizers.Adam(rate), "binary_crossentropy")
    users = np.repeat(pairs[:, 0], 1 + each)
    labels = np.tile(np.array([1.0] + [0.0] * each, "float32"), len(pairs))
    for _ in range(epochs):
        items = negatives.draw(users)
        items[:: 1 + each] = pairs[:, 1]
        inputs = [users[:, None].astype("int32"), items[:, None].astype("int32")]
        model.fit(inputs, labels[:, None], batch_size=512, epochs=1, verbose=0)


def scores_of(model: fastnn.Model, candidates: np.ndarray) -> np.ndarray:
    """Return a score for each candidate."""
    users = np.repeat(np.arange(len(candidates), dtype="int32"), candidates.shape[1])
    scores = model.predict([users[:, None], candidates.reshape(-1, 1)], batch_size=4096, verbose=0)
    return scores.reshape(candidates.shape)


def main(arguments: list[str] | None = None) -> dict[str, tuple[float, float]]:
    """Run the example; return HR@10 and NDCG@10 of each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder with ratings.csv and movies.csv")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--factors", type=int, default=32)
    parser.add_argument("--quick", action="store_true", help="one epoch")
    parser.add_argument("--validate", action="store_true", help="hide the film before the last one")
    options = parser.parse_args(arguments)
    fastnn.random.set_seed(0)
    data = fastnn.datasets.movielens.load_data(options.data)
    users, items = len(data.user_ids), len(data.item_ids)
    pairs, hidden = leave_one_out(data, int(options.validate))
    candidates = Negatives(data, seed=1).candidates(hidden)
    popularity = np.bincount(pairs[:, 1], minlength=items)
    results = {"popularity": ranking(popularity[candidates])}
    models = {
        "matrix factorisation": (matrix_factorisation(users, items, options.factors), 0.002),
        "NeuMF": (fastnn.models.neumf(users, items, options.factors, (64, 32, 16)), 0.001),
    }
    for name, (model, rate) in models.items():
        began = time.perf_counter()
        train(model, pairs, Negatives(data, seed=2), 1 if options.quick else options.epochs, rate)
        results[name] = ranking(scores_of(model, candidates))
        print(f"{name}: {time.perf_counter() - began:.0f} s")
    for name, (hit_rate, gain) in results.items():
        print(f"{name:22}  HR@10 {hit_rate:.3f}  NDCG@10 {gain:.3f}")
    return results


if __name__ == "__main__":
    main()
