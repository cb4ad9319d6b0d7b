import math

import numpy as np
import pytest
from checks import Refusal, away_from, batch, case, check_op, labels, shared, uniform

from fastnn import _core

FORMULAS = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "abs": np.abs,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "erf": np.vectorize(math.erf),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
}
WRONG = [
    Refusal([batch(5)], r"unknown kind 'sine'", {"kind": "sine"}),
    Refusal([labels(5, classes=3)], r"sin needs floating point, got int32", {"kind": "sin"}, TypeError),
]
positive = uniform(0.5, 3)
CONSTANT = {"sign", "floor", "ceil", "round"}
MAKERS = {
    "log": positive,
    "sqrt": positive,
    "rsqrt": positive,
    "reciprocal": positive,
    "log1p": uniform(-0.5, 2),
    "abs": away_from(0),
    "sign": away_from(0),
    "floor": away_from([-1, 0, 1], gap=0.1),
    "ceil": away_from([-1, 0, 1], gap=0.1),
    "round": away_from([-1.5, -0.5, 0.5, 1.5], gap=0.1),
}


def reference(x, kind, exponent=1.0, low=-np.inf, high=np.inf):
    if kind == "power":
        return x**exponent
    if kind == "clip":
        return np.clip(x, low, high)
    if kind == "inside":
        return ((x >= low) & (x <= high)).astype(x.dtype)
    return FORMULAS[kind](x)


CASES = [
    *(
        case(
            "unary",
            [batch(3, 7, make=MAKERS.get(kind))],
            reference,
            kind=kind,
            refuses=WRONG,
            gradient=kind not in CONSTANT,
        )
        for kind in FORMULAS
    ),
    case("unary", [shared(3, 7)], reference, kind="sin", label="unbatched"),
    *(
        case("unary", [batch(17, make=away_from(0, gap=0.2))], reference, kind="power", exponent=p)
        for p in (3.0, -2.0, 5.0)
    ),
    case("unary", [batch(17, make=positive)], reference, kind="power", exponent=1.7),
    case("unary", [batch(17, make=away_from([-0.5, 1]))], reference, kind="clip", low=-0.5, high=1.0),
    case("unary", [batch(5, make=away_from(0))], reference, kind="clip", low=0.0),
    case("unary", [batch(5)], reference, kind="inside", low=0.0, high=0.5, gradient=False),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_unary(declared):
    check_op(declared)


SECOND = {
    "exp": np.exp,
    "log": lambda x: -1 / x**2,
    "log1p": lambda x: -1 / (1 + x) ** 2,
    "expm1": np.exp,
    "sqrt": lambda x: -0.25 * x**-1.5,
    "rsqrt": lambda x: 0.75 * x**-2.5,
    "sin": lambda x: -np.sin(x),
    "cos": lambda x: -np.cos(x),
    "erf": lambda x: -4 * x / np.sqrt(np.pi) * np.exp(-x * x),
    "square": lambda x: 2 + 0 * x,
    "reciprocal": lambda x: 2 / x**3,
}


def twice(kind, **attributes):
    """Builds the second derivative, whose own gradients are then checked, too: the third."""

    def build(graph, tensors):
        y = graph.add("unary", tensors, {"kind": kind, **attributes})[0]
        for _ in range(2):
            total = graph.add("sum_to", graph.add("sample_sum", [y]), {"shape": []})[0]
            y = graph.gradients(total, tensors)[0]
        return [y]

    return build


@pytest.mark.parametrize("kind", SECOND)
def test_second_and_third_derivatives(kind):
    gradient = kind != "square"
    declared = case(
        "unary",
        [batch(5, make=positive)],
        SECOND[kind],
        build=twice(kind),
        gradient=gradient,
        batches=(3, 17),
        tolerance=1e-4,
        tolerance64=1e-10,
    )
    check_op(declared)


def test_second_derivative_of_a_power():
    declared = case(
        "unary",
        [batch(5, make=positive)],
        lambda x: 2.5 * 1.5 * x**0.5,
        build=twice("power", exponent=2.5),
        tolerance=1e-4,
        tolerance64=1e-10,
        batches=(3,),
    )
    check_op(declared)


def test_values_out_of_the_domain_come_out_as_numpy_has_them():
    x = np.array([[-2.0, -0.0, 0.0, np.inf, -np.inf, np.nan, 3.0, -3.0]], "float32")
    graph = _core.Graph()
    tensor = graph.input("x", [8])
    kinds = ["exp", "log", "log1p", "sqrt", "abs", "sign", "square", "floor", "ceil", "round"]
    fetch = [graph.add("unary", [tensor], {"kind": kind})[0] for kind in kinds]
    fetch += [graph.add("unary", [tensor], {"kind": "power", "exponent": p})[0] for p in (0.0, 2.0, -3.0)]
    with np.errstate(all="ignore"):
        expected = [FORMULAS[kind](x) for kind in kinds] + [x**p for p in (np.float32(0), 2, np.float32(-3))]
    for got, wanted in zip(_core.Function(graph, fetch).run([x]), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
