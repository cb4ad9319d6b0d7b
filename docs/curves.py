"""Draws README's picture: LeNet-5's training curves, with the recipe of `fastnn train lenet5`.

Run: python docs/curves.py   (needs matplotlib: pip install '.[plot]')
"""

from pathlib import Path

import matplotlib.pyplot as plt

import fastnn

EPOCHS, BATCH = 10, 64

(x, y), _ = fastnn.datasets.mnist.load_data()
fastnn.utils.set_random_seed(0)
model = fastnn.models.lenet5()
rate = fastnn.optimizers.schedules.CosineDecay(2e-3, EPOCHS * -(-54000 // BATCH))
model.compile(fastnn.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1, verbose=0).history

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
epochs = range(1, EPOCHS + 1)
for axes, name in ((left, "loss"), (right, "accuracy")):
    axes.plot(epochs, history[name], label="training")
    axes.plot(epochs, history[f"val_{name}"], label="validation")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.grid(alpha=0.3)
    axes.legend()
figure.suptitle("LeNet-5 on MNIST (54,000 images for training, 6,000 for validation)")
folder = Path(__file__).parent / "images"
folder.mkdir(exist_ok=True)
figure.savefig(folder / "lenet5_curves.png", dpi=110)
