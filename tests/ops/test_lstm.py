import numpy as np
import pytest
import reference_recurrent as reference
from checks import Refusal, batch, check_op, shared
from recurrent_cases import keep_operand, mask_operand, recurrent_case

from fastnn import _core


def lstm(steps, units, *, states=False, mask=False, keep=False, **attributes):
    operands = [
        batch(steps, 4 * units),
        shared(units, 4 * units),
        batch(units) if states else None,
        batch(units) if states else None,
        mask_operand(steps) if mask else None,
        keep_operand(units) if keep else None,
    ]
    return recurrent_case("lstm", reference.lstm, slice(1, 4), operands, **attributes)


WRONG = [
    Refusal([batch(4, 12), shared(4, 12), None, None, None, None], r"4 \* units"),
    Refusal([batch(4, 16), shared(4, 16), batch(5), None, None, None], r"initial state h must have shape"),
    Refusal([batch(4, 16), shared(4, 16), None, None, batch(5), None], r"mask must have shape \(None, 4\)"),
    Refusal([batch(4, 16), shared(4, 16), None, None, None, batch(3)], r"keep must have shape"),
    Refusal([batch(4, 16), shared(4, 16), None, None, None, None], r"not offered", {"activation": "gelu"}),
]

CASES = [
    lstm(5, 3, refuses=WRONG),
    lstm(1, 1, states=True),
    lstm(4, 17, states=True, sequences=False),
    lstm(3, 33, reverse=True, states=True, batches=(1, 17)),
    lstm(5, 4, mask=True, states=True),
    lstm(5, 4, mask=True, states=True, sequences=False, reverse=True),
    lstm(4, 3, mask=True, reverse=True, processed_order=True, keep=True),
    lstm(4, 5, keep=True, states=True, reverse=True, processed_order=True),
    lstm(3, 3, activation="softsign", recurrent_activation="hard_sigmoid", step=1e-5),
    lstm(3, 3, activation="linear", recurrent_activation="sigmoid", mask=True),
    lstm(2, 64, batches=(3, 130)),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_lstm(declared):
    check_op(declared)


def test_what_is_saved_for_the_gradient():
    random = np.random.default_rng(0)
    arrays = [random.normal(size=(5, 3, 8)), random.normal(size=(2, 8)), (random.random((5, 3)) < 0.5) * 1.0]
    graph = _core.Graph()
    store = _core.Store()
    store.add("kernel", [2, 8], "float64")
    store.set("kernel", arrays[1])
    xw, mask = graph.input("xw", [3, 8], "float64"), graph.input("mask", [3], "float64")
    outputs = graph.add("lstm", [xw, graph.parameter(store, "kernel"), None, None, mask, None], {}, "cells")
    found = _core.Function(graph, outputs).run([arrays[0], arrays[2]])
    for got, expected in zip(found, reference.lstm(arrays[0], arrays[1], mask=arrays[2]), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-13)
    with pytest.raises(ValueError, match="cells: output 4 .* no gradient"):
        graph.gradients(outputs[4], [xw], graph.input("seed", [3, 2], "float64"))


def test_masked_samples_keep_their_state():
    random = np.random.default_rng(0)
    xw, kernel = random.normal(size=(2, 3, 8)), random.normal(size=(2, 8))
    h, c = random.normal(size=(2, 2)), random.normal(size=(2, 2))
    found = reference.lstm(xw, kernel, h, c, np.zeros((2, 3)))
    assert np.array_equal(found[2], h) and np.array_equal(found[3], c)
    assert not found[1].any()
