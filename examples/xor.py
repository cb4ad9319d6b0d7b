"""What one unit cannot learn and four hidden units can: exclusive or.

A perceptron separates the plane by one straight line, so that it gets at most three of XOR's four points
right, however long it is trained. A hidden layer of four units is enough, for nearly every start: seeds 0 to
199 learn it but for three, seeds 0 to 999 but for 33. Those end in a local minimum of the network, with two
points right.

Run: python examples/xor.py [SEEDS]
"""

import sys
import time

import numpy as np

import fastnn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
y = np.array([[0], [1], [1], [0]], dtype="float32")


def perceptron(seed):
    """Return the accuracy of one sigmoid unit, trained by gradient descent with L2 regularisation."""
    fastnn.utils.set_random_seed(seed)
    unit = fastnn.layers.Dense(1, activation="sigmoid", kernel_regularizer=fastnn.regularizers.L2(1e-4))
    model = fastnn.Sequential([fastnn.layers.Input(shape=(2,)), unit])
    model.compile(fastnn.optimizers.SGD(learning_rate=0.5), "binary_crossentropy", metrics=["accuracy"])
    model.fit(X, y, batch_size=4, epochs=1000, verbose=0)
    return model.evaluate(X, y, verbose=0)[1]


def network(seed):
    """Return the accuracy and the predictions of a network with four hidden units."""
    fastnn.utils.set_random_seed(seed)
    model = fastnn.Sequential(
        [
            fastnn.layers.Input(shape=(2,)),
            fastnn.layers.Dense(4, activation="tanh"),
            fastnn.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(fastnn.optimizers.Adam(learning_rate=0.05), "binary_crossentropy", metrics=["accuracy"])
    model.fit(X, y, batch_size=4, epochs=1000, verbose=0)
    return model.evaluate(X, y, verbose=0)[1], model.predict(X, verbose=0).ravel()


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    best = max(perceptron(seed) for seed in range(seeds))
    print(f"perceptron: best accuracy of {seeds} seeds {best:.2f}")
    started = time.perf_counter()
    results = [network(seed) for seed in range(seeds)]
    seconds = (time.perf_counter() - started) / seeds
    learned = sum(accuracy == 1.0 for accuracy, _ in results)
    print(f"network: {learned} of {seeds} seeds learn it, {seconds:.2f} s each; {results[0][1].round(2)}")
