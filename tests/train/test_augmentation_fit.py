"""Augmentation inside `fit`: same bits however the batches come, and only where it is asked for."""

import numpy as np
import pytest

import fastnn
from fastnn import Augmentation, _core, layers

N, SIDE = 96, 8
STRONG = Augmentation(shift=2, rotation=30, noise=0.1, elastic=(10, 2), seed=3)


def data(seed=0):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, (N, SIDE, SIDE, 1)).astype("uint8")
    return x, generator.integers(0, 3, N)


def network():
    fastnn.utils.set_random_seed(1)
    model = fastnn.Sequential(
        [
            layers.Input((SIDE, SIDE, 1), name="image"),
            layers.Flatten(),
            layers.Dense(16, "relu"),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile(fastnn.optimizers.SGD(0.00001), "sparse_categorical_crossentropy")
    return model


def fitted(x, y=None, augment=STRONG, threads=2, **options):
    before = _core.num_threads()
    _core.set_num_threads(threads)
    try:
        model = network()
        history = model.fit(x, y, batch_size=32, epochs=2, verbose=0, augment=augment, **options)
    finally:
        _core.set_num_threads(before)
    return model.get_weights(), history.history


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def test_it_changes_training_and_not_validation():
    x, y = data()
    plain, _ = fitted(x, y, augment=None)
    changed, _ = fitted(x, y)
    assert not same(plain, changed)
    assert same(fitted(x, y, augment=Augmentation())[0], plain)
    model = network()
    model.fit(x, y, epochs=0, verbose=0)
    untouched = model.evaluate(x, y, verbose=0)
    model.optimizer.learning_rate = 0.0
    history = model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y), augment=STRONG)
    assert history.history["val_loss"][0] == pytest.approx(np.ravel(untouched)[0], rel=1e-6)
    assert history.history["loss"][0] != pytest.approx(np.ravel(untouched)[0], rel=1e-3)


def test_same_as_training_on_the_preview():
    x, y = data()
    model = network()
    for epoch in range(2):
        model.fit(STRONG(x, epoch=epoch), y, batch_size=32, verbose=0, shuffle=False)
    assert same(model.get_weights(), fitted(x, y, shuffle=False)[0])


def test_threads_do_not_matter():
    x, y = data()
    one = fitted(x, y, threads=1)[0]
    assert same(one, fitted(x, y, threads=2)[0])
    assert same(one, fitted(x, y, threads=3)[0])


def test_hooks_of_batches_do_not_matter():
    x, y = data()
    hooked = fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    assert same(fitted(x, y)[0], fitted(x, y, callbacks=[hooked])[0])


def test_batches_of_an_iterable_are_numbered_on():
    x, y = data()

    class Batches:
        def __iter__(self):
            return ((x[i : i + 32], y[i : i + 32]) for i in range(0, N, 32))

    assert same(fitted(Batches())[0], fitted(x, y, shuffle=False)[0])


def test_bad_arguments():
    x, y = data()
    with pytest.raises(TypeError, match=r"augment must be a fastnn.Augmentation or None, .*, got True"):
        network().fit(x, y, verbose=0, augment=True)
    flat = fastnn.Sequential([layers.Input((SIDE * SIDE,)), layers.Dense(3, "softmax")])
    flat.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"expected images of shape .* got \(96, 64\)"):
        flat.fit(x.reshape(N, -1), y, verbose=0, augment=STRONG)
    with pytest.raises(ValueError, match="value_range"):
        network().fit(x.astype("float32"), y, verbose=0, augment=STRONG)


def two_inputs(structure=list):
    fastnn.utils.set_random_seed(1)
    left, right = layers.Input((SIDE, SIDE, 1), name="left"), layers.Input((SIDE, SIDE), name="right")
    numbers = layers.Input((4,), name="numbers")
    flat = layers.Concatenate()([layers.Flatten()(left), layers.Flatten()(right), numbers])
    inputs = [left, right, numbers]
    if structure is dict:
        inputs = {"l": left, "r": right, "n": numbers}
    model = fastnn.Model(inputs, layers.Dense(3, "softmax")(flat))
    model.compile(fastnn.optimizers.SGD(0.00001), "sparse_categorical_crossentropy")
    return model


def parts():
    x, y = data()
    return [x, data(5)[0][..., 0], np.random.default_rng(6).random((N, 4), "float32")], y


def weights_after(augment, x=None, batches=False, structure=list):
    inputs, y = parts()
    inputs = x or inputs
    model = two_inputs(structure)
    if structure is dict:
        inputs = dict(zip("lrn", inputs, strict=True))
    if batches:
        rows = [slice(i, i + 32) for i in range(0, N, 32)]
        model.fit([([a[r] for a in inputs], y[r]) for r in rows], augment=augment, verbose=0)
    else:
        model.fit(inputs, y, batch_size=32, shuffle=False, augment=augment, verbose=0)
    return model.get_weights()


OTHER = Augmentation(rotation=20, brightness=0.1)


def test_any_input_may_be_changed():
    inputs, _ = parts()
    right = [inputs[0], Augmentation(shift=2, rotation=30, seed=3)(inputs[1]), inputs[2]]
    moved = Augmentation(shift=2, rotation=30, seed=3)
    wanted = weights_after(None, right)
    for form in ({"right": moved}, [None, moved, None], (None, moved, None), {"right": moved, "left": None}):
        assert same(weights_after(form), wanted)
    assert same(weights_after({"r": moved}, structure=dict), wanted)
    assert same(weights_after({"right": moved}, structure=dict), wanted)
    assert same(weights_after([None, moved, None], batches=True), wanted)
    both = [STRONG(inputs[0]), *right[1:]]
    assert same(weights_after({"right": moved, "left": STRONG}), weights_after(None, both))
    assert same(weights_after(STRONG), weights_after({"left": STRONG}))
    assert same(weights_after({}), weights_after(None))


def test_one_input_may_be_named():
    x, y = data()
    wanted = fitted(x, y)[0]
    assert same(fitted(x, y, augment={"image": STRONG})[0], wanted)
    assert same(fitted(x, y, augment=[STRONG])[0], wanted)


def test_images_that_belong_together_move_together():
    x, _ = data()
    model = fastnn.Model(
        inputs := [layers.Input((SIDE, SIDE, 1), name=name) for name in "ab"],
        layers.Flatten()(layers.Subtract()(inputs)),
    )
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    zeros = np.zeros((N, SIDE * SIDE), "float32")
    turned = Augmentation(rotation=30, shift=2)
    history = model.fit([x, x], zeros, augment=[turned, Augmentation(rotation=30, shift=2)], verbose=0)
    assert history.history["loss"] == [0.0]
    history = model.fit([x, x], zeros, augment=[turned, Augmentation(rotation=30, seed=1)], verbose=0)
    assert history.history["loss"][0] > 0


@pytest.mark.parametrize(
    ("augment", "error", "message"),
    [
        ({"rigth": OTHER}, ValueError, "fit: augment has a part 'rigth', but .* 'right'"),
        (
            {"numbers": OTHER},
            ValueError,
            r"fit: input 'numbers': .*expected images of shape .* got \(96, 4\)",
        ),
        ([OTHER, OTHER], ValueError, "fit: augment must have 3 parts .* got 2"),
        (
            {"left": True},
            TypeError,
            "augment for input 'left' must be a fastnn.Augmentation or None, got True",
        ),
        ([OTHER, None, "x"], TypeError, "augment for input 'numbers' must be a fastnn.Augmentation"),
        ("left", TypeError, "fit: augment must be a fastnn.Augmentation or None, or a dict"),
    ],
)
def test_bad_arguments_of_several_inputs(augment, error, message):
    x, y = parts()
    with pytest.raises(error, match=message):
        two_inputs().fit(x, y, augment=augment, verbose=0)
