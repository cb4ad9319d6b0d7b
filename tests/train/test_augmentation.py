"""Random changes to images: each against NumPy, alone and together, and always the same for a seed."""

import numpy as np
import pytest

import fastnn
from fastnn import Augmentation, _core

SHAPES = [(28, 28, 1), (12, 12, 3), (9, 17, 1), (17, 9, 3), (8, 8, 2), (1, 1, 1), (1, 5, 1), (30, 1, 4)]
FULL = {
    "shift": 0.1,
    "rotation": 20,
    "zoom": 0.2,
    "shear": 10,
    "horizontal_flip": True,
    "elastic": (20, 3),
    "brightness": 0.1,
    "contrast": 0.2,
    "noise": 0.05,
    "cutout": (0.3, 2),
}


def images(shape, count=6, dtype="uint8", seed=0):
    generator = np.random.default_rng(seed)
    if dtype == "uint8":
        return generator.integers(0, 256, (count, *shape)).astype("uint8")
    return generator.random((count, *shape)).astype(dtype)


def smooth_images(side, count=4):
    """Images without sharp edges, dark at the border."""
    y, x = np.mgrid[:side, :side] / (side - 1)
    out = [
        np.sin(np.pi * x) ** 2 * np.sin(np.pi * y) ** 2 * (1 + np.sin(3 * x + k * y)) for k in range(count)
    ]
    return np.array(out, dtype="float32")[..., None]


# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_change(shape, dtype):
    x = (images(shape, dtype="float64") * 100).astype(dtype)
    for unchanged in (Augmentation(), Augmentation(rotation=(0, 0), zoom=(1, 1), fill="nearest")):
        np.testing.assert_array_equal(unchanged(x), x.astype("float32"))


@pytest.mark.parametrize("fill", ["constant", "nearest"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("down, right", [(2, 0), (0, -3), (-1, 4), (5, 5), (-40, 0)])
def test_whole_pixel_shift(shape, down, right, fill):
    x = images(shape)
    got = Augmentation(shift=((down, down), (right, right)), fill=fill, fill_value=7)(x)
    height, width, _ = shape
    if fill == "constant":
        wanted = np.full(x.shape, 7.0, dtype="float32")
        ys = [y for y in range(height) if 0 <= y - down < height]
        xs = [c for c in range(width) if 0 <= c - right < width]
        if ys and xs:
            rolled = np.roll(x, (down, right), axis=(1, 2))
            wanted[np.ix_(range(len(x)), ys, xs)] = rolled[np.ix_(range(len(x)), ys, xs)]
    else:
        ys = np.clip(np.arange(height) - down, 0, height - 1)
        xs = np.clip(np.arange(width) - right, 0, width - 1)
        wanted = x[:, ys][:, :, xs].astype("float32")
    np.testing.assert_array_equal(got, wanted)


def test_fractional_shift_interpolates():
    x = images((6, 6, 1), dtype="float32")
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))
    wanted = 0.75 * padded[:, :, 1:] + 0.25 * padded[:, :, :-1]
    quarter = Augmentation(shift=((0, 0), (0.25 / 6, 0.25 / 6)))
    np.testing.assert_allclose(quarter(x), wanted, atol=1e-6)


def test_shift_units():
    x = images((20, 10, 1))
    by_fraction = Augmentation(shift=((0.1, 0.1), (0.2, 0.2)))(x)
    by_pixels = Augmentation(shift=((2, 2), (2, 2)))(x)
    np.testing.assert_allclose(by_fraction, by_pixels, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("degrees, turns", [(90, 1), (180, 2), (270, 3), (-90, 3), (360, 0)])
def test_quarter_turns(degrees, turns, channels):
    for side in (7, 12):
        x = images((side, side, channels), dtype="float32")
        got = Augmentation(rotation=(degrees, degrees))(x)
        np.testing.assert_allclose(got, np.rot90(x, turns, axes=(1, 2)), atol=1e-4)


def test_half_turn_of_a_rectangle():
    x = images((5, 8, 1), dtype="float32")
    np.testing.assert_allclose(Augmentation(rotation=(180, 180))(x), x[:, ::-1, ::-1], atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_flip(shape):
    x = images(shape, count=400)
    np.testing.assert_array_equal(Augmentation(horizontal_flip=1.0)(x), x[:, :, ::-1])
    np.testing.assert_array_equal(Augmentation(horizontal_flip=0.0)(x), x)
    if shape[1] > 1 and shape[0] * shape[1] > 10:
        half = Augmentation(horizontal_flip=True)(x)
        flipped = (half == x[:, :, ::-1]).all(axis=(1, 2, 3))
        assert np.logical_or(flipped, (half == x).all(axis=(1, 2, 3))).all()
        assert 140 < flipped.sum() < 260


def affine_reference(x, matrix, shift):
    """Bilinear resampling about the centre; matrix takes (x, y) of the image to the result."""
    height, width = x.shape[1:3]
    inverse = np.linalg.inv(np.array(matrix, dtype="float64"))
    out = np.zeros(x.shape)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    for row in range(height):
        for column in range(width):
            px, py = inverse @ (np.array([column, row]) - centre - shift) + centre
            left, top = int(np.floor(px)), int(np.floor(py))
            for dy in (0, 1):
                for dx in (0, 1):
                    sy, sx = top + dy, left + dx
                    if 0 <= sy < height and 0 <= sx < width:
                        weight = (1 - abs(py - sy)) * (1 - abs(px - sx))
                        out[:, row, column] += weight * x[:, sy, sx]
    return out


@pytest.mark.parametrize("shape", [(14, 14, 1), (10, 15, 3), (1, 1, 1)])
def test_composed_affine(shape):
    x = images(shape, count=3, dtype="float32")
    degrees, lean, factor, down, right = 25.0, 12.0, 1.3, 2, -1
    c, s, t = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), np.tan(np.radians(lean))
    # x to the right, y down: zoom, shear, rotation counter-clockwise.
    matrix = np.array([[c, s], [-s, c]]) @ np.array([[1, t], [0, 1]]) @ np.diag([factor, factor])
    for flip in (0.0, 1.0):
        augmentation = Augmentation(
            shift=((down, down), (right, right)),
            rotation=(degrees, degrees),
            shear=(lean, lean),
            zoom=(factor, factor),
            horizontal_flip=flip,
        )
        whole = matrix @ np.diag([-1, 1]) if flip else matrix
        np.testing.assert_allclose(augmentation(x), affine_reference(x, whole, [right, down]), atol=2e-5)


def test_zoom_enlarges():
    x = np.zeros((1, 21, 21, 1), dtype="float32")
    x[0, 8:13, 8:13] = 1
    assert Augmentation(zoom=(2, 2))(x).sum() == pytest.approx(4 * 25, rel=0.05)
    assert Augmentation(zoom=(0.5, 0.5))(x).sum() == 9  # every other pixel of the block's middle


def test_shear_leans_the_top_to_the_left():
    x = np.zeros((1, 21, 21, 1), dtype="float32")
    x[0, :, 10] = 1
    got = Augmentation(shear=(20, 20))(x)[0, :, :, 0]
    centres = (got * np.arange(21)).sum(axis=1) / got.sum(axis=1)
    np.testing.assert_allclose(centres, 10 + np.tan(np.radians(20)) * (np.arange(21) - 10), atol=1e-3)


def test_ranges_are_filled():
    """Shifts of a ramp tell what was drawn: uniform over the range, the two axes independent."""
    count, side = 2000, 32
    ramp = np.broadcast_to(np.arange(side, dtype="float32"), (side, side))
    x = np.broadcast_to(np.stack([ramp.T, ramp], axis=-1), (count, side, side, 2))
    drawn = x[:, 16, 16] - Augmentation(shift=((-4, 2), (1, 5)), fill="nearest")(x)[:, 16, 16]
    for axis, (low, high) in enumerate([(-4, 2), (1, 5)]):
        values = drawn[:, axis]
        assert low <= values.min() < low + 0.1 and high - 0.1 < values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * count)
        assert values.std() == pytest.approx((high - low) / np.sqrt(12), rel=0.05)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.1


# ---------------------------------------------------------------- elastic distortion


def displacements(alpha, sigma, side=40, count=60, **more):
    """Where the pixels come from, read off two ramps that go on beyond the edge."""
    margin = 20
    wide = side + 2 * margin
    ramp = np.broadcast_to(np.arange(wide, dtype="float32"), (wide, wide))
    x = np.broadcast_to(np.stack([ramp.T, ramp], axis=-1), (count, wide, wide, 2))
    moved = Augmentation(elastic=(alpha, sigma), **more)(np.ascontiguousarray(x)) - x
    return moved[:, margin:-margin, margin:-margin]


@pytest.mark.parametrize("alpha, sigma", [(34, 4), (10, 2), (5, 1.5)])
def test_elastic_is_as_large_as_asked(alpha, sigma):
    moved = displacements(alpha, sigma)
    # White noise, uniform on (-1, 1), smoothed by a Gaussian in two dimensions.
    wanted = alpha / np.sqrt(3) / (2 * sigma * np.sqrt(np.pi))
    for axis in (0, 1):
        assert moved[..., axis].std() == pytest.approx(wanted, rel=0.08)
        assert abs(moved[..., axis].mean()) < 0.1 * wanted
    assert abs(np.corrcoef(moved[..., 0].ravel(), moved[..., 1].ravel())[0, 1]) < 0.05


def test_elastic_is_smooth():
    moved = displacements(34, 4)
    for distance in (1, 4, 8):
        got = np.mean(moved[:, distance:] * moved[:, :-distance]) / np.mean(moved**2)
        assert got == pytest.approx(np.exp(-(distance**2) / (4 * 4**2)), abs=0.05)
    # The field goes on periodically, so that even a Gaussian much longer than the image is no error.
    small = Augmentation(elastic=(5, 30))(images((8, 8, 1), dtype="float32"))
    assert np.isfinite(small).all()


def test_elastic_keeps_smooth_images_alike():
    x = smooth_images(28)
    got = Augmentation(elastic=(34, 4))(x)
    assert 0.01 < np.abs(got - x).mean() < 0.2
    assert np.corrcoef(got.ravel(), x.ravel())[0, 1] > 0.9


# ---------------------------------------------------------------- colour, noise, cut-out


@pytest.mark.parametrize("shape", SHAPES)
def test_brightness_and_contrast(shape):
    x = images(shape)
    mean = x.mean(axis=(1, 2), keepdims=True, dtype="float64")
    got = Augmentation(brightness=(0.1, 0.1), contrast=(1.5, 1.5))(x)
    np.testing.assert_allclose(got, np.clip((x - mean) * 1.5 + mean + 25.5, 0, 255), atol=1e-3)
    got = Augmentation(brightness=(-0.2, -0.2))(x)
    np.testing.assert_allclose(got, np.clip(x - 51.0, 0, 255), atol=1e-4)
    got = Augmentation(contrast=(0, 0))(x)
    np.testing.assert_allclose(got, np.broadcast_to(mean, x.shape), atol=1e-3)


def test_value_range():
    x = images((5, 5, 1), dtype="float32")
    np.testing.assert_allclose(Augmentation(brightness=(0.5, 0.5))(x), np.minimum(x + 0.5, 1), atol=1e-6)
    wide = Augmentation(brightness=(0.5, 0.5), value_range=(-1, 3))
    np.testing.assert_allclose(wide(x), np.minimum(x + 2, 3), atol=1e-6)
    np.testing.assert_allclose(wide(x - 2), np.clip(x, -1, 3), atol=1e-6)
    flags = x > 0.5
    np.testing.assert_allclose(Augmentation(brightness=(0.25, 0.25))(flags), np.minimum(flags + 0.25, 1))
    with pytest.raises(ValueError, match=r"suggests \(0.0, 1.0\), but there are values from .* to 25"):
        Augmentation(brightness=0.1)(x * 255)
    with pytest.raises(ValueError, match=r"value_range=\(low, high\)"):
        Augmentation(noise=0.1)(x - 3)
    Augmentation(rotation=5)(x * 255)  # needs no range


@pytest.mark.parametrize("shape", [(28, 28, 1), (12, 12, 3)])
def test_noise(shape):
    x = images(shape, count=300)
    noise = Augmentation(noise=0.05)(x).astype("float64") - x
    deviation = 0.05 * 255
    assert abs(noise.mean()) < 5 * deviation / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(deviation, rel=0.01)
    assert np.mean((noise / deviation) ** 4) == pytest.approx(3, rel=0.05)
    flat = noise.reshape(len(x), -1) / deviation
    neighbours = np.mean(flat[:, 1:] * flat[:, :-1])
    images_apart = np.mean(flat[1:] * flat[:-1])
    assert abs(neighbours) < 0.02 and abs(images_apart) < 0.02


@pytest.mark.parametrize("shape", [(28, 28, 1), (12, 20, 3)])
def test_cutout(shape):
    x = images(shape, count=200, dtype="float32") + 1
    height, width = shape[:2]
    got = Augmentation(cutout=6, fill_value=-2)(x)
    cut = got == -2
    np.testing.assert_array_equal(got[~cut], x[~cut])
    assert (cut == cut[..., :1]).all()
    heights, widths = cut[..., 0].any(axis=2).sum(axis=1), cut[..., 0].any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(cut[..., 0].sum(axis=(1, 2)), heights * widths)
    assert heights.max() == 6 and widths.max() == 6 and heights.min() >= 3 and widths.min() >= 3
    # Centres are uniform over the pixels; a square loses what hangs over the edge.
    lost = sum(range(1, 4)) + sum(range(1, 3))
    expected = (6 - lost / height) * (6 - lost / width)
    assert cut[..., 0].sum(axis=(1, 2)).mean() == pytest.approx(expected, rel=0.08)
    third = Augmentation(cutout=(1 / 3, 4), fill_value=-2)(x) == -2
    side_areas = round(height / 3) * round(width / 3)
    assert third[..., 0].sum(axis=(1, 2)).max() <= 4 * side_areas
    assert third[..., 0].sum() > 2 * side_areas * len(x)


def test_cutout_may_cover_everything():
    x = images((5, 7, 1), count=3) | 1
    assert not Augmentation(cutout=100)(x).any()
    np.testing.assert_array_equal(Augmentation(cutout=0)(x), x)
    np.testing.assert_array_equal(Augmentation(cutout=(3, 0))(x), x)


# ---------------------------------------------------------------- the same numbers always


@pytest.mark.parametrize("shape", SHAPES)
def test_layouts_threads_and_order_do_not_matter(shape):
    x = images(shape, count=133)
    config = Augmentation(**FULL).config_for(x)
    wanted = _core.gather(x, augment=config, seed=11, epoch=5)
    assert not np.array_equal(wanted, x)
    before = _core.num_threads()
    try:
        for threads in (1, 2, 3):
            _core.set_num_threads(threads)
            for lanes in {1, _core.lanes("float32"), _core.lanes("float64")}:
                for dtype in ("float32", "float64"):
                    got = _core.gather(x, dtype, lanes, augment=config, seed=11, epoch=5)
                    if lanes > 1:
                        assert got.shape == (-(-len(x) // lanes), x[0].size, lanes)
                        got = got.transpose(0, 2, 1).reshape(-1, *shape)
                    np.testing.assert_array_equal(got[: len(x)], wanted)
                    np.testing.assert_array_equal(got[len(x) :], np.repeat(wanted[-1:], len(got) - len(x), 0))
    finally:
        _core.set_num_threads(before)
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_array_equal(
        _core.gather(x, rows=order, augment=config, seed=11, epoch=5), wanted[order]
    )
    later = _core.gather(x[100:], augment=config, seed=11, epoch=5, row_base=100)
    np.testing.assert_array_equal(later, wanted[100:])


@pytest.mark.parametrize("name", ["rotation", "elastic", "noise", "brightness", "cutout"])
def test_rows_epochs_and_seeds_differ(name):
    x = np.repeat(images((16, 16, 1), count=1), 20, axis=0)
    make = lambda seed: Augmentation(**{name: FULL[name]}, seed=seed)  # noqa: E731
    first = make(1)(x)
    np.testing.assert_array_equal(make(1)(x), first)
    for other in (make(2)(x), make(1)(x, epoch=1), make(1 + 2**32)(x), make(1)(x, rows=np.arange(20)[::-1])):
        assert np.mean((other == first).all(axis=(1, 2, 3))) < 0.2
    assert len(np.unique(first.reshape(20, -1), axis=0)) > 15


def test_a_seed_of_its_own_wins_over_the_runs():
    x = images((10, 10, 1))
    own, other = (Augmentation(noise=0.1, seed=seed).config_for(x) for seed in (3, None))
    a, b = (_core.gather(x, augment=own, seed=seed) for seed in (1, 2))
    c, d = (_core.gather(x, augment=other, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
    assert (c != d).any()


def test_switching_one_change_on_leaves_the_others():
    x = smooth_images(20, count=1)
    turned = Augmentation(rotation=20, seed=1)(x)
    cut = Augmentation(rotation=20, cutout=3, fill_value=-1, seed=1)(x)
    kept = cut != -1
    # Outside lies -1 now, so only what is well inside can be compared.
    kept[:, :5] = kept[:, -5:] = kept[:, :, :5] = kept[:, :, -5:] = False
    np.testing.assert_array_equal(cut[kept], turned[kept])


def test_large_row_numbers_and_epochs():
    x = images((6, 6, 1), count=2)
    config = Augmentation(noise=0.1).config_for(x)
    seen = {
        _core.gather(x, augment=config, row_base=base, epoch=epoch)[0].tobytes()
        for base in (0, 1, 2**31, 2**32, 2**40)
        for epoch in (0, 1, 1000)
    }
    assert len(seen) == 15


def test_extremes_stay_finite():
    x = images((28, 28, 1))
    for settings in (
        {"rotation": 3600, "zoom": (0.01, 100), "shear": 85, "shift": 1000000},
        {"elastic": (1e6, 0.1)},
        {"elastic": (1e6, 1000), "fill": "nearest"},
        {"brightness": 1000, "contrast": (0, 1000)},
    ):
        assert np.isfinite(Augmentation(**settings)(x)).all()


def test_real_digits_stay_themselves():
    (x, _), _ = fastnn.datasets.mnist.load_data()
    got = Augmentation(shift=1, rotation=10, zoom=0.1, elastic=(34, 4))(x[:500])
    # As much ink as before, elsewhere.
    assert got.mean() == pytest.approx(x[:500].mean(), rel=0.05)
    assert 5 < np.abs(got - x[:500]).mean() < 40
    assert got.min() >= 0 and got.max() <= 255
