"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any

from fastnn import _numbers
from fastnn.optimizers.base import Optimizer


class Ftrl(Optimizer):
    """FTRL-Proximal: weights that all gradients so far ask for, many of them exactly 0 under an L1 penalty.

    ``n += g**2``, ``z += g + 2 * shrinkage * w - (n_new**p - n_old**p) / learning_rate * w`` with
    ``p = -learning_rate_power``, then, with the new n,
    ``w = (clip(z, -l1, l1) - z) / ((n**p + beta) / learning_rate + 2 * l2)``. McMahan et al., "Ad Click
    Prediction: a View from the Trenches", KDD 2013. For large sparse linear models; weights begin anew from
    what gradients say, whatever they were.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate; where it is 0, nothing changes.
    learning_rate_power : float, default -0.5
        How the rate falls with the squared gradients; at most 0, which keeps it constant.
    initial_accumulator_value : float, default 0.1
        Where the sums of squares begin; not negative.
    l1_regularization_strength, l2_regularization_strength : float, default 0.0
        Penalties on the weights; not negative.
    l2_shrinkage_regularization_strength : float, default 0.0
        A penalty that acts through the gradients alone; not negative.
    beta : float, default 0.0
        Added to the accumulator's power; not negative.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Ftrl(0.1, l1_regularization_strength=0.01).l1_regularization_strength
    0.01
    """

    _kind = "ftrl"
    _settings = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.learning_rate_power = _numbers.real("Ftrl", "learning_rate_power", learning_rate_power, high=0)
        self.initial_accumulator_value = self._real("initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = self._real("l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = self._real("l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = self._real(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = self._real("beta", beta)
