import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastnn
from fastnn import utils
from fastnn.utils import MinMaxScaler, StandardScaler, normalize, to_categorical
from fastnn.utils import _scaling as scaling


def test_reached_through_the_package():
    assert fastnn.utils.to_categorical is to_categorical
    assert "utils" in dir(fastnn)
    with pytest.raises(AttributeError, match=r"module 'fastnn' has no attribute 'utilz'"):
        _ = fastnn.utilz


class TestToCategorical:
    @given(
        labels=hnp.arrays(
            st.sampled_from([np.uint8, np.int8, np.int64, ">i4", np.float32]),
            hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4),
            elements=st.integers(0, 20),
        ),
        extra=st.none() | st.integers(21, 30),
    )
    def test_rows_are_one_hot(self, labels, extra):
        result = to_categorical(labels, extra)
        shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
        assert result.dtype == np.float32
        assert result.shape == (*shape, extra or int(labels.max()) + 1)
        np.testing.assert_array_equal(result.sum(-1), 1)
        np.testing.assert_array_equal(result.argmax(-1), labels.reshape(shape))

    @pytest.mark.parametrize("dtype", ["float32", np.float64, "uint8", bool, "int64"])
    def test_dtype(self, dtype):
        assert to_categorical([0, 1], dtype=dtype).dtype == np.dtype(dtype)

    def test_scalar_and_empty(self):
        np.testing.assert_array_equal(to_categorical(2, 4), [0, 0, 1, 0])
        assert to_categorical([], 3).shape == (0, 3)
        assert to_categorical(np.empty((0, 1), int), np.int64(3)).shape == (0, 3)
        np.testing.assert_array_equal(to_categorical([True, False]), [[0, 1], [1, 0]])

    def test_one_class(self):
        np.testing.assert_array_equal(to_categorical([0, 0]), [[1], [1]])

    @pytest.mark.parametrize(
        ("y", "num_classes", "message"),
        [
            ([0, -1, -2], None, r"each class index to be 0 or more, got -1 at index \(1,\) \(2 such\)"),
            ([[0, 1], [3, 1]], 3, r"below num_classes=3, got 3 at index \(1, 0\) \(1 such\)"),
            ([0.0, 1.5], None, r"a whole number, got 1.5 at index \(1,\)"),
            ([0.0, np.nan], None, r"a whole number, got nan at index \(1,\)"),
            ([np.inf, 1.0], 3, r"a whole number, got inf at index \(0,\)"),
            ([2**64 - 1], 3, r"below num_classes=3, got 18446744073709551615"),
            ([], None, r"'y' is empty \(shape \(0,\)\); pass 'num_classes'"),
            ([0], 0, r"'num_classes' of at least 1, got 0"),
            ([0], -3, r"'num_classes' of at least 1, got -3"),
        ],
    )
    def test_bad_values(self, y, num_classes, message):
        with pytest.raises(ValueError, match="to_categorical: .*" + message):
            to_categorical(y, num_classes)

    def test_bad_types(self):
        with pytest.raises(TypeError, match=r"'y' to hold class indices, got dtype <U1"):
            to_categorical(["a", "b"])
        with pytest.raises(TypeError, match=r"'y' to hold class indices, got dtype object"):
            to_categorical(np.array([0, None]))
        for bad in (2.0, "3", True):
            with pytest.raises(TypeError, match=rf"'num_classes' to be an integer, got {bad!r}"):
                to_categorical([0], bad)
        with pytest.raises(TypeError, match=r"numeric 'dtype', got object"):
            to_categorical([0], dtype=object)


class TestNormalize:
    @given(
        x=hnp.arrays(
            st.sampled_from([np.float32, np.float64, np.int16, np.uint8]),
            hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5),
            elements=st.integers(0, 100),
        ),
        axis=st.integers(-3, 2),
        order=st.sampled_from([1, 2, 3.5, np.inf]),
    )
    def test_against_numpy(self, x, axis, order):
        if not -x.ndim <= axis < x.ndim:
            return
        norm = np.linalg.norm(x.astype(np.float64), order, axis, keepdims=True)
        expected = x / np.where(norm == 0, 1, norm)
        before = x.copy()
        result = normalize(x, axis, order)
        np.testing.assert_array_equal(x, before)
        assert result.dtype == (x.dtype if x.dtype.kind == "f" else np.float32)
        np.testing.assert_allclose(result, expected, rtol=1e-6 if result.dtype == np.float32 else 1e-13)

    def test_extremes_neither_overflow_nor_vanish(self):
        for scale in (1e-320, 1e-200, 1e200, 1e307):
            np.testing.assert_allclose(normalize([[3 * scale, 4 * scale]]), [[0.6, 0.8]], rtol=1e-3)

    def test_many_blocks(self, monkeypatch):
        x = np.random.default_rng(0).normal(size=(50, 7, 3))
        whole = [normalize(x, axis) for axis in range(3)]
        monkeypatch.setattr(scaling, "_BLOCK", 11)
        for axis in range(3):
            np.testing.assert_array_equal(normalize(x, axis), whole[axis])

    @pytest.mark.parametrize(
        ("args", "error", "message"),
        [
            (([1.0, 2.0], 1), ValueError, r"an axis of 'x' of shape \(2,\), got axis=1"),
            (([1.0, 2.0], 0, 0), ValueError, r"'order' to be positive, got 0"),
            (([1.0, 2.0], 0, float("nan")), ValueError, r"'order' to be positive, got nan"),
            (([1.0, 2.0], 0, "fro"), TypeError, r"'order' to be a number, got 'fro'"),
            (([1.0, 2.0], 0.5), TypeError, r"'axis' to be an integer, got 0.5"),
            ((3.0,), ValueError, r"at least one dimension, got shape \(\)"),
            ((["a"],), TypeError, r"'x' to be numeric, got dtype <U1"),
        ],
    )
    def test_bad_input(self, args, error, message):
        with pytest.raises(error, match="normalize: expected .*" + message):
            normalize(*args)


AXES = [(0, (0,)), (None, (0, 1, 2, 3)), ((0, 1, 2), (0, 1, 2)), ((0, -1), (0, 3)), (-4, (0,))]


@pytest.fixture(params=[np.uint8, np.float32, np.float64, ">f8", np.int16, bool])
def images(request):
    x = np.random.default_rng(1).integers(0, 256, (50, 4, 5, 3)) % 251
    return (x > 100) if request.param is bool else x.astype(request.param)


@pytest.mark.parametrize("block", [7, 1 << 18])
@pytest.mark.parametrize(("axis", "axes"), AXES)
class TestScalersAgainstNumpy:
    def test_standard(self, images, axis, axes, block, monkeypatch):
        monkeypatch.setattr(scaling, "_BLOCK", block)
        scaler = StandardScaler(axis, dtype="float64").fit(images)
        x = images.astype(np.float64)
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        statistics_shape = () if axis is None else mean.shape[1:]
        assert scaler.mean_.shape == scaler.var_.shape == scaler.scale_.shape == statistics_shape
        np.testing.assert_allclose(scaler.mean_, mean.reshape(statistics_shape), rtol=1e-13)
        np.testing.assert_allclose(scaler.var_, var.reshape(statistics_shape), rtol=1e-12)
        assert scaler.n_samples_ == 50
        result = scaler.transform(images)
        np.testing.assert_allclose(result, (x - mean) / np.sqrt(var), atol=1e-12)
        np.testing.assert_allclose(scaler.inverse_transform(result), x, atol=1e-10)

    def test_min_max(self, images, axis, axes, block, monkeypatch):
        monkeypatch.setattr(scaling, "_BLOCK", block)
        scaler = MinMaxScaler(axis, feature_range=(-1, 2), dtype="float64").fit(images)
        x = images.astype(np.float64)
        low, high = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
        np.testing.assert_array_equal(scaler.data_min_, low.reshape(scaler.data_min_.shape))
        np.testing.assert_array_equal(scaler.data_max_, high.reshape(scaler.data_max_.shape))
        result = scaler.transform(images)
        np.testing.assert_allclose(result, (x - low) / (high - low) * 3 - 1, atol=1e-12)
        assert (result.min(), result.max()) == (-1, 2)
        np.testing.assert_allclose(scaler.inverse_transform(result), x, atol=1e-10)


@pytest.mark.parametrize("make", [StandardScaler, MinMaxScaler])
class TestScalers:
    def test_fit_transform_and_input_left_alone(self, make, images):
        before = images.copy()
        images.flags.writeable = False
        np.testing.assert_array_equal(make().fit_transform(images), make().fit(images).transform(images))
        np.testing.assert_array_equal(images, before)

    def test_dtype_of_results(self, make):
        for given_dtype, expected in [("u1", "f4"), ("i8", "f4"), ("f4", "f4"), (">f8", "=f8"), ("f2", "f2")]:
            x = np.array([[1, 2], [3, 5]], given_dtype)
            assert make().fit_transform(x).dtype == np.dtype(expected)
            assert make(dtype="float64").fit_transform(x).dtype == np.float64

    def test_layouts(self, make, tmp_path):
        x = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
        expected = make().fit_transform(x)
        wide = np.zeros((60, 12), np.float32)
        wide[::2, ::2] = x
        mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
        mapped[:] = x
        for other in (np.asfortranarray(x), wide[::2, ::2], x.astype(">f4"), mapped, x.tolist()):
            np.testing.assert_array_equal(make(dtype="float32").fit_transform(other), expected)

    def test_one_dimension(self, make):
        scaler = make().fit(np.array([1.0, 3.0]))
        assert scaler.transform([2.0, 5.0, 7.0]).shape == (3,)

    def test_constant_features(self, make):
        # 0.1 summed many times is not a multiple of 0.1: the rounding must not pass for a spread.
        x = np.full((1001, 2), 0.1)
        x[:, 1] = 1e15 + 0.3
        result = make().fit_transform(x)
        np.testing.assert_array_equal(result, 0)
        scaler = make().fit(x)
        np.testing.assert_array_equal(scaler.inverse_transform(result), x)
        assert np.isfinite(scaler.transform(x + 1)).all()

    def test_other_data_than_fitted(self, make):
        scaler = make((0, 1)).fit(np.ones((5, 4, 3)))
        assert scaler.transform(np.ones((2, 7, 3))).shape == (2, 7, 3)
        assert scaler.transform(np.ones((0, 7, 3))).shape == (0, 7, 3)
        with pytest.raises(
            ValueError,
            match=r"transform: expected 'x' of shape \(None, None, 3\), as fitted, got \(2, 7, 4\)",
        ):
            scaler.transform(np.ones((2, 7, 4)))
        with pytest.raises(ValueError, match=r"inverse_transform: expected .*, got \(2, 3\)"):
            scaler.inverse_transform(np.ones((2, 3)))
        assert make(None).fit(np.arange(6).reshape(2, 3)).transform(np.ones((1, 2, 2))).shape == (1, 2, 2)

    def test_not_fitted(self, make):
        with pytest.raises(RuntimeError, match=rf"{make.__name__}.transform: .*not fitted; call fit"):
            make().transform([[1.0]])
        with pytest.raises(RuntimeError, match=rf"{make.__name__}.inverse_transform: .*not fitted"):
            make().inverse_transform([[1.0]])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("block", [4, 1 << 18])
    def test_nonfinite(self, make, bad, block, monkeypatch):
        monkeypatch.setattr(scaling, "_BLOCK", block)
        x = np.ones((10, 2, 2), np.float32)
        x[7, 1, 0] = bad
        with pytest.raises(ValueError, match=rf"{make.__name__}.fit: 'x' holds {bad} at index \(7, 1, 0\)"):
            make().fit(x)

    def test_failed_fit_leaves_the_scaler_unfitted(self, make):
        scaler = make()
        with pytest.raises(ValueError, match="holds nan"):
            scaler.fit([[np.nan]])
        with pytest.raises(RuntimeError, match="not fitted"):
            scaler.transform([[1.0]])

    @pytest.mark.parametrize(
        ("axis", "x", "error", "message"),
        [
            (0, np.empty((0, 3)), ValueError, r"fit: 'x' is empty \(shape \(0, 3\)\)"),
            (0, np.empty((3, 0)), ValueError, r"fit: 'x' is empty \(shape \(3, 0\)\)"),
            (0, 3.0, ValueError, r"fit: expected 'x' to have at least one dimension, got shape \(\)"),
            (0, [["a"]], TypeError, r"fit: expected 'x' to be numeric, got dtype <U1"),
            (0, np.array([[None]]), TypeError, r"fit: expected 'x' to be numeric, got dtype object"),
            (0, np.array([[1j]]), TypeError, r"fit: expected 'x' to be numeric, got dtype complex128"),
            (1, np.ones((2, 3)), ValueError, r"expected 'axis' to include 0, the samples, got axis=1"),
            (
                (0, 2),
                np.ones((2, 3)),
                ValueError,
                r"axis=\(0, 2\) names an axis that 'x' of shape \(2, 3\) has",
            ),
            (0, [[-1e308], [1e308]], ValueError, r"fit: the values of 'x' are too large for statistics"),
        ],
    )
    def test_bad_input(self, make, axis, x, error, message):
        with pytest.raises(error, match=rf"{make.__name__}.*{message}"):
            make(axis).fit(x)

    def test_bad_options(self, make):
        for axis in ("features", 0.0, (0, None), True, [0]):
            with pytest.raises(TypeError, match=r"expected 'axis' to be int, tuple or None, got "):
                make(axis)
        with pytest.raises(TypeError, match=r"expected a floating 'dtype', got uint8"):
            make(dtype="uint8")


def test_large_mean_costs_no_digits():
    x = 1e9 + np.random.default_rng(0).normal(size=(10000, 2))
    scaler = StandardScaler().fit(x)
    np.testing.assert_allclose(scaler.var_, (x - 1e9).var(0), rtol=1e-7)


def test_min_max_clips_only_on_request():
    x = [[0.0], [10.0]]
    np.testing.assert_array_equal(MinMaxScaler().fit(x).transform([[-5.0], [20.0]]), [[-0.5], [2.0]])
    np.testing.assert_array_equal(MinMaxScaler(clip=True).fit(x).transform([[-5.0], [20.0]]), [[0], [1]])


@pytest.mark.parametrize("limits", [(1, 0), (0, 0), (0, np.inf), (0, np.nan), (0, 1, 2)])
def test_bad_feature_range(limits):
    with pytest.raises(ValueError, match=r"MinMaxScaler: expected 'feature_range' to be two finite numbers"):
        MinMaxScaler(feature_range=limits)


def test_statistics_of_bytes_need_no_copy_as_floats():
    import tracemalloc

    x = np.zeros((20000, 28, 28), np.uint8)
    x[::2] = 255
    tracemalloc.start()
    try:
        scaler = StandardScaler(axis=None).fit(x)
        MinMaxScaler().fit(x)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 2
    finally:
        tracemalloc.stop()
    assert (scaler.mean_, scaler.scale_) == (127.5, 127.5)


def test_all_names():
    for name in utils.__all__:
        assert getattr(utils, name).__doc__


class TestPadSequences:
    def test_padding_and_cutting(self):
        rows = [[1, 2, 3], [4], []]
        pad = utils.pad_sequences
        assert pad(rows).tolist() == [[1, 2, 3], [0, 0, 4], [0, 0, 0]]
        assert pad(rows, 2).tolist() == [[2, 3], [0, 4], [0, 0]]
        assert pad(rows, 2, truncating="post").tolist() == [[1, 2], [0, 4], [0, 0]]
        assert pad(rows, 4, "float32", "post", value=-1).tolist() == [
            [1, 2, 3, -1],
            [4, -1, -1, -1],
            [-1] * 4,
        ]
        assert pad(rows).dtype == np.int32
        assert pad([]).shape == (0, 0)

    def test_steps_may_have_features(self):
        rows = [np.ones((2, 3)), np.ones((1, 3))]
        assert utils.pad_sequences(rows, dtype="float32")[1].tolist() == [[0, 0, 0], [1, 1, 1]]

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"padding": "left"}, "padding must be 'pre' or 'post', got 'left'"),
            ({"truncating": "end"}, "truncating must be 'pre' or 'post'"),
            ({"maxlen": 0}, "maxlen must be at least 1"),
        ],
    )
    def test_refuses(self, options, match):
        with pytest.raises(ValueError, match=match):
            utils.pad_sequences([[1]], **options)
        with pytest.raises(TypeError, match="maxlen must be an integer"):
            utils.pad_sequences([[1]], 2.5)
        with pytest.raises(ValueError, match="in sequence 1"):
            utils.pad_sequences([[1], [[1, 2]]])
