"""Bounds of the errors of Winograd's convolution, and operands that try them."""

import numpy as np

Array = np.ndarray
UNIT = 2.0**-24


def tiles(image: Array, height: int, width: int, before: int, size: int) -> Array:
    """Blocks of size x size cells, two cells apart, of images with `before` cells of zeros around them."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    padded = np.zeros((len(image), 2 * rows + size, 2 * columns + size, image.shape[3]))
    padded[:, before : before + image.shape[1], before : before + image.shape[2]] = image
    cut = [padded[:, y : y + 2 * rows : 2, x : x + 2 * columns : 2] for y in range(size) for x in range(size)]
    return np.abs(np.stack(cut))


def per_output(x: Array, weights: Array, height: int, width: int, before: int) -> Array:
    """Sum over channels of a patch's largest magnitude times the sum of its weights', for each output."""
    largest = tiles(x, height, width, before, 4).max(axis=0)
    sums = largest @ np.abs(weights).sum(axis=(0, 1))
    return sums.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]


def wide(random: np.random.Generator, *shape: int) -> Array:
    return random.normal(size=shape) * 10.0 ** random.uniform(-4, 4, size=shape)


def near_constant(random: np.random.Generator, *shape: int) -> Array:
    return 1000 + random.normal(size=shape)


def checkered(random: np.random.Generator, *shape: int) -> Array:
    signs = (-1.0) ** np.indices(shape[:-1]).sum(axis=0)[..., None]
    return signs * (1 + 1e-3 * random.normal(size=shape))


def usual(random: np.random.Generator, *shape: int) -> Array:
    return random.normal(size=shape)


MAKERS = [usual, near_constant, checkered, wide]
