"""fit, evaluate and predict on iterables of batches: what is drawn, when, and where the next epoch begins."""

import numpy as np
import pytest

import fastnn
from fastnn import layers

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
SIZE = 8  # rows a batch; there are 8 batches


def network():
    fastnn.utils.set_random_seed(0)
    model = fastnn.Sequential([fastnn.Input((5,)), layers.Dense(6, "tanh"), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def batch(number):
    first = number * SIZE % len(X)
    return X[first : first + SIZE], Y[first : first + SIZE]


class Endless:
    """A generator without an end that counts what is drawn from it."""

    def __init__(self):
        self.drawn = 0
        self.batches = self._make()

    def _make(self):
        while True:
            self.drawn += 1
            yield batch(self.drawn - 1)


class Indexed:
    """What Keras calls a sequence."""

    def __init__(self, length=8):
        self.length, self.asked, self.passes = length, [], 0

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        self.asked.append(i)
        return batch(i)

    def on_epoch_end(self):
        self.passes += 1


class Anew:
    """Iterable as often as one likes."""

    def __init__(self, length=8):
        self.length, self.asked = length, []

    def __iter__(self):
        for i in range(self.length):
            self.asked.append(i)
            yield batch(i)


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def test_a_generator_is_gone_on_with_epoch_after_epoch():
    source = Endless()
    model = network()
    history = model.fit(source.batches, steps_per_epoch=3, epochs=4, verbose=0).history
    assert len(history["loss"]) == 4
    assert source.drawn == 12  # and none that was not trained on
    next(source.batches)  # still open
    plain = network()
    for number in range(12):
        plain.train_on_batch(*batch(number))
    assert same(model, plain)


def test_fit_goes_on_where_the_last_one_ended():
    source = Endless()
    model, plain = network(), network()
    for _ in range(3):
        model.fit(source.batches, steps_per_epoch=2, verbose=0)
    plain.fit(Endless().batches, steps_per_epoch=6, verbose=0)
    assert source.drawn == 6
    assert same(model, plain)


def test_validation_from_a_generator():
    source = Endless()
    history = (
        network().fit(X, Y, validation_data=source.batches, validation_steps=2, epochs=3, verbose=0).history
    )
    assert len(history["val_loss"]) == 3
    assert source.drawn == 6


def test_evaluate_and_predict_draw_no_more_than_they_are_told():
    model, source = network(), Endless()
    loss = model.evaluate(source.batches, steps=2, verbose=0, return_dict=True)["loss"]
    assert source.drawn == 2
    assert loss == pytest.approx(
        model.evaluate(X[:16], Y[:16], verbose=0, return_dict=True)["loss"], rel=1e-6
    )
    first = model.predict(source.batches, steps=2, verbose=0)
    second = model.predict(source.batches, steps=2, verbose=0)
    assert source.drawn == 6
    np.testing.assert_allclose(np.concatenate([first, second]), model.predict(X[16:48], verbose=0), rtol=1e-6)


@pytest.mark.parametrize("make", [Indexed, Anew])
def test_whole_passes(make):
    source, model, plain = make(), network(), network()
    model.fit(source, epochs=3, verbose=0, validation_data=make())
    assert source.asked == list(range(8)) * 3
    plain.fit(X, Y, batch_size=SIZE, shuffle=False, epochs=3, verbose=0)
    assert same(model, plain)


def test_sequences_are_told_of_the_end_of_an_epoch():
    source = Indexed()
    network().fit(source, epochs=3, verbose=0)
    assert source.passes == 3


@pytest.mark.parametrize("make", [Indexed, Anew])
def test_parts_of_a_pass_go_on(make):
    source = make(length=6)
    network().fit(source, steps_per_epoch=3, epochs=4, verbose=0)
    assert source.asked == list(range(6)) * 2


@pytest.mark.parametrize("make", [Indexed, Anew])
def test_validation_looks_at_the_same_batches_each_time(make):
    held_out = make()
    network().fit(X, Y, epochs=3, validation_data=held_out, validation_steps=2, verbose=0)
    assert held_out.asked == [0, 1] * 3


def test_too_few_batches_are_warned_of():
    source = Anew(length=2)
    with pytest.warns(RuntimeWarning, match=r"fit: the iterable ended after 2 of 3 steps"):
        network().fit(source, steps_per_epoch=3, epochs=1, verbose=0)


def test_a_generator_that_has_ended():
    with pytest.raises(ValueError, match="gave no batches"):
        network().fit((batch(i) for i in range(3)), epochs=2, verbose=0)
    with pytest.raises(ValueError, match="no data"):
        network().evaluate(iter([]), verbose=0)
    with pytest.raises(ValueError, match="no batches"):
        network().predict(iter([]), verbose=0)
