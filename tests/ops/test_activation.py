import pytest
import reference
from checks import Refusal, away_from, batch, case, check_op, labels, shared, uniform

SMOOTH = [
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "exponential",
    "celu",
]
WRONG = [
    Refusal([batch(5)], r"unknown activation kind 'tahn'", {"kind": "tahn"}),
    Refusal([labels(5, classes=3)], r"needs floating point, got int32", {"kind": "tanh"}, TypeError),
]

CASES = [
    *(
        case("activation", [batch(3, 5, make=uniform(-4, 4))], reference.activation, kind=kind, refuses=WRONG)
        for kind in SMOOTH
    ),
    *(
        case(
            "activation",
            [batch(13, make=away_from([0, -3, 3], low=-4, high=4))],
            reference.activation,
            kind=kind,
        )
        for kind in ["linear", "relu", "leaky_relu", "elu", "selu", "hard_sigmoid"]
    ),
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="leaky_relu", alpha=0.01),
    # Outputs below 0 become -0; with a negative slope they tell nothing of the input's sign.
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="leaky_relu", alpha=0.0),
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="leaky_relu", alpha=-0.5),
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="elu", alpha=0.5),
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="elu", alpha=-0.5),
    case("activation", [batch(7, make=away_from(0))], reference.activation, kind="celu", alpha=2.0),
    case("activation", [shared(7, 3)], reference.activation, kind="tanh", label="unbatched activation"),
]


@pytest.mark.parametrize("declared", CASES, ids=str)
def test_activation(declared):
    check_op(declared)
