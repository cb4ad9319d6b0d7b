"""A generative adversarial network on MNIST (Goodfellow et al. 2014): two models trained against each other.

`fit` trains one model; here each step is made of `forward`, `vjp` and the optimizers' `apply_gradients`.
After 4,000 steps most of what the generator makes can be read as digits.

Run: python examples/gan.py            (writes gan.png)
"""

import argparse

import numpy as np

import fastnn
from fastnn import layers

NOISE = 32


def make_models():
    generator = fastnn.Sequential(
        [
            fastnn.Input((NOISE,)),
            layers.Dense(128, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(256, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(784, activation="tanh"),
        ],
        name="generator",
    )
    discriminator = fastnn.Sequential(
        [
            fastnn.Input((784,)),
            layers.Dense(256),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3),
            layers.Dense(128),
            layers.LeakyReLU(0.2),
            layers.Dense(1),
        ],
        name="discriminator",
    )
    return generator, discriminator


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def losses_and_gradients(logits, target):
    """Binary cross-entropy of logits against one label for all, and its gradient."""
    loss = np.mean(np.logaddexp(0, logits) - target * logits)
    return float(loss), (sigmoid(logits) - target) / len(logits)


def train(images, steps, batch=128, seed=0, report=500):
    """Return both models after so many steps of each, and the last losses."""
    fastnn.random.set_seed(seed)
    random = np.random.default_rng(seed)
    generator, discriminator = make_models()
    update_generator = fastnn.optimizers.Adam(2e-4, beta_1=0.5)
    update_discriminator = fastnn.optimizers.Adam(2e-4, beta_1=0.5)
    history = []
    for step in range(steps):
        real = images[random.integers(len(images), size=batch)].reshape(batch, 784) / np.float32(127.5) - 1
        noise = random.standard_normal((batch, NOISE), "float32")
        fake = generator.forward(noise, training=True, step=step)

        # The discriminator: real images are 0.9 (one-sided smoothing), made ones 0.
        both = np.concatenate([real, fake])
        logits = discriminator.forward(both, training=True, step=step)
        loss_real, of_real = losses_and_gradients(logits[:batch], 0.9)
        loss_fake, of_fake = losses_and_gradients(logits[batch:], 0.0)
        gradients = discriminator.vjp(both, np.concatenate([of_real, of_fake]), step=step)[1]
        update_discriminator.apply_gradients(zip(gradients, discriminator.trainable_weights, strict=True))

        # The generator: what it makes should be taken for real. The gradient goes through the discriminator.
        logits = discriminator.forward(fake, training=True, step=step)
        loss_made, of_made = losses_and_gradients(logits, 1.0)
        of_images = discriminator.vjp(fake, of_made, step=step)[0]
        gradients = generator.vjp(noise, of_images, step=step)[1]
        update_generator.apply_gradients(zip(gradients, generator.trainable_weights, strict=True))

        history.append((loss_real + loss_fake, loss_made))
        if report and (step + 1) % report == 0:
            mean = np.mean(history[-report:], axis=0)
            print(f"step {step + 1}: discriminator {mean[0]:.3f}, generator {mean[1]:.3f}", flush=True)
    return generator, discriminator, history


def save_grid(generator, path, rows=8, seed=1):
    """Write a picture of rows x rows made digits."""
    from PIL import Image

    noise = np.random.default_rng(seed).standard_normal((rows * rows, NOISE), "float32")
    made = (generator.predict(noise, verbose=0).reshape(rows, rows, 28, 28) + 1) * 127.5
    picture = made.transpose(0, 2, 1, 3).reshape(rows * 28, rows * 28)
    Image.fromarray(picture.round().astype("uint8")).save(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--out", default="gan.png")
    arguments = parser.parse_args()
    (digits, _), _ = fastnn.datasets.mnist.load_data()
    made, _, _ = train(digits, arguments.steps)
    save_grid(made, arguments.out)
    print(f"wrote {arguments.out}")
