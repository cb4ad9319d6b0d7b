"""The Python face of augmentation: shapes, settings, errors."""

import json

import numpy as np
import pytest

from fastnn import Augmentation, _core

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


def images(shape, count=6):
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("uint8")


def test_shapes():
    x = images((9, 11, 1))
    augmentation = Augmentation(**FULL)
    wanted = augmentation(x)
    assert wanted.shape == x.shape and wanted.dtype == np.float32
    np.testing.assert_array_equal(augmentation(x[..., 0]), wanted[..., 0])
    np.testing.assert_array_equal(augmentation(x, rows=[3, 1]), wanted[[3, 1]])
    np.testing.assert_array_equal(augmentation(x, rows=4), wanted[[4]])
    np.testing.assert_array_equal(augmentation(x.tolist()), augmentation(x.astype("int64")))
    np.testing.assert_array_equal(augmentation(np.asfortranarray(x)), wanted)
    np.testing.assert_array_equal(augmentation(x.astype(">i4")), wanted)
    for bad in (x.reshape(len(x), -1), x[0, 0, 0], x[..., None]):
        with pytest.raises(ValueError, match=r"expected images of shape|got a single number"):
            augmentation(bad)
    with pytest.raises(ValueError, match="empty"):
        augmentation(x[:0])
    with pytest.raises(ValueError, match="expected 0 to 5"):
        augmentation(x, rows=[6])
    with pytest.raises(TypeError, match="row numbers"):
        augmentation(x, rows=[0.5])
    with pytest.raises(ValueError, match="epoch"):
        augmentation(x, epoch=-1)


def test_config_round_trip():
    settings = {**FULL, "shift": ((-1, 2), (0.1, 0.2)), "fill": "nearest", "seed": 5, "value_range": (0, 255)}
    augmentation = Augmentation(**settings)
    again = Augmentation.from_config(json.loads(json.dumps(augmentation.get_config())))
    assert again.get_config() == augmentation.get_config()
    x = images((10, 10, 1))
    np.testing.assert_array_equal(again(x), augmentation(x))
    assert repr(again) == repr(augmentation)
    assert repr(Augmentation()) == "Augmentation()"
    assert repr(Augmentation(shift=np.float64(0.5), zoom=np.array([0.9, 1.2]))) == (
        "Augmentation(shift=0.5, zoom=(0.9, 1.2))"
    )
    with pytest.raises(TypeError, match="unknown setting 'rotate'; did you mean 'rotation'"):
        Augmentation.from_config({"rotate": 3})


def test_from_text():
    text = "shift=2, rotation=-5:10,elastic=34:4,horizontal_flip,fill=nearest,noise=0.1"
    assert Augmentation.from_text(text).get_config() == {
        **Augmentation().get_config(),
        "shift": 2,
        "rotation": (-5, 10),
        "elastic": (34, 4),
        "horizontal_flip": True,
        "fill": "nearest",
        "noise": 0.1,
    }
    assert repr(Augmentation.from_text("")) == "Augmentation()"
    with pytest.raises(ValueError, match="rotation must be a number or low:high, got 'much'"):
        Augmentation.from_text("rotation=much")
    with pytest.raises(TypeError, match="unknown setting 'shfit'; did you mean 'shift'"):
        Augmentation.from_text("shfit=1")


@pytest.mark.parametrize(
    "settings, kind, message",
    [
        ({"shift": -1}, ValueError, "shift must be at least 0"),
        ({"shift": 1.5}, ValueError, "shift as a float is a fraction"),
        ({"shift": "much"}, TypeError, "shift must be a number or a pair"),
        ({"shift": (2, -2)}, ValueError, "shift .vertical. must be a range"),
        ({"shift": ((0, 1), (2, 1))}, ValueError, "shift .horizontal. must be a range"),
        ({"shift": (1, 2, 3)}, TypeError, "shift must be a pair"),
        ({"rotation": True}, TypeError, "rotation must be a number"),
        ({"rotation": float("nan")}, ValueError, "rotation must be finite"),
        ({"rotation": (10, -10)}, ValueError, "rotation must be a range"),
        ({"rotation": 1e6}, ValueError, "rotation must be a range .* degrees"),
        ({"zoom": 1.0}, ValueError, "zoom must be a range .* factors"),
        ({"zoom": (0, 1)}, ValueError, "zoom must be a range"),
        ({"shear": 90}, ValueError, "shear must be a range"),
        ({"horizontal_flip": 1.5}, ValueError, "horizontal_flip must be a probability"),
        ({"horizontal_flip": None}, TypeError, "horizontal_flip must be a number"),
        ({"elastic": 34}, TypeError, "elastic must be a pair"),
        ({"elastic": (-1, 4)}, ValueError, "elastic alpha"),
        ({"elastic": (1, 0)}, ValueError, "elastic sigma"),
        ({"elastic": (1, 1e9)}, ValueError, "elastic sigma"),
        ({"brightness": -0.1}, ValueError, "brightness must be at least 0"),
        ({"contrast": (-1, 1)}, ValueError, "contrast must be a range"),
        ({"noise": -0.5}, ValueError, "noise"),
        ({"noise": (0, 1)}, TypeError, "noise must be a number"),
        ({"cutout": -3}, ValueError, "cutout must not be negative"),
        ({"cutout": (3, 1.5)}, TypeError, "cutout's count"),
        ({"cutout": "big"}, TypeError, "cutout must be a side"),
        ({"cutout": 1.5}, ValueError, "cutout as a float is a fraction"),
        ({"fill": "mirror"}, ValueError, "fill must be 'constant' or 'nearest', got 'mirror'"),
        ({"fill_value": float("inf")}, ValueError, "fill_value must be finite"),
        ({"value_range": (1, 0)}, ValueError, "value_range must be two finite numbers"),
        ({"value_range": 255}, TypeError, "value_range must be a pair"),
        ({"seed": 1.5}, TypeError, "seed must be an int"),
        ({"seed": -1}, ValueError, "seed must be from 0"),
    ],
)
def test_bad_settings(settings, kind, message):
    with pytest.raises(kind, match=message):
        Augmentation(**settings)


def test_core_config_is_checked():
    good = {"height": 4, "width": 4}
    assert _core.AugmentConfig(good).size == 16
    with pytest.raises(ValueError, match="each at least 1"):
        _core.AugmentConfig({"height": 0, "width": 4})
    with pytest.raises(ValueError, match="too large"):
        _core.AugmentConfig({"height": 100000, "width": 100000})
    with pytest.raises(TypeError, match="unknown setting 'colour'"):
        _core.AugmentConfig({**good, "colour": 1})
    with pytest.raises(TypeError, match=r"zoom must be a pair of numbers \(low, high\), got 2"):
        _core.AugmentConfig({**good, "zoom": 2})
    with pytest.raises(TypeError, match="noise must be a number, got 'loud'"):
        _core.AugmentConfig({**good, "noise": "loud"})
    with pytest.raises(ValueError, match="rows have 9"):
        _core.gather(np.zeros((2, 3, 3)), augment=_core.AugmentConfig(good))
