"""Optimizers that divide gradients by the size that they have had: Adagrad, Adadelta, RMSprop, Adafactor."""

from __future__ import annotations

from typing import Any

from fastnn import _numbers
from fastnn.optimizers.base import Optimizer


class Adagrad(Optimizer):
    """Adagrad: the more a weight has moved, the less it moves.

    ``s += g**2``, ``w -= learning_rate * g / (sqrt(s) + epsilon)``. Duchi, Hazan and Singer, JMLR 12, 2011.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    initial_accumulator_value : float, default 0.1
        Where the sum of squares begins; not negative.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Adagrad(0.01)
    Adagrad(learning_rate=0.01, initial_accumulator_value=0.1, epsilon=1e-07)
    """

    _kind = "adagrad"
    _settings = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value = self._real("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = self._real("epsilon", epsilon)


class Adadelta(Optimizer):
    """Adadelta: gradients are scaled by the ratio of past steps to past gradients.

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012. The paper's own learning rate is 1.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    rho : float, default 0.95
        How much of the mean squares remains at each step; at least 0, below 1.
    epsilon : float, default 1e-7
        Added to mean squares under the root.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Adadelta(1.0)
    Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-07)
    """

    _kind = "adadelta"
    _settings = ("rho", "epsilon")

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._fraction("rho", rho)
        self.epsilon = self._real("epsilon", epsilon)


class RMSprop(Optimizer):
    """RMSprop: gradients are divided by the root of their mean square.

    ``v = rho * v + (1 - rho) * g**2``, ``w -= learning_rate * g / (sqrt(v) + epsilon)``. Tieleman and Hinton,
    "Neural Networks for Machine Learning", lecture 6, 2012; centered: Graves, 2013.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    rho : float, default 0.9
        How much of the mean square remains at each step; at least 0, below 1.
    momentum : float, default 0.0
        Momentum of the divided gradients; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    centered : bool, default False
        Whether to divide by the gradients' standard deviation instead.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.RMSprop(momentum=0.9)
    RMSprop(learning_rate=0.001, rho=0.9, momentum=0.9, epsilon=1e-07, centered=False)
    """

    _kind = "rmsprop"
    _settings = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = self._fraction("rho", rho)
        self.momentum = self._fraction("momentum", momentum)
        self.epsilon = self._real("epsilon", epsilon)
        self.centered = bool(centered)


class Adafactor(Optimizer):
    """Adafactor: gradients are divided by the roots of mean squares, of which matrices keep rows and columns.

    Of a matrix's squared gradients the running means of rows r and of columns c are kept, in the place of the
    whole, which ``r c / mean(r)`` stands for. The step, no longer than `clip_threshold` in the root mean
    square, is multiplied by the rate and by that of the weights. Shazeer and Stern, "Adafactor: Adaptive
    Learning Rates with Sublinear Memory Cost", ICML 2018.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_2_decay : float, default -0.8
        At step t, ``1 - t**beta_2_decay`` of the means remains; below 0.
    epsilon_1 : float, default 1e-30
        Added to squared gradients.
    epsilon_2 : float, default 0.001
        The least root mean square that weights are taken to have.
    clip_threshold : float, default 1.0
        Above 0.
    relative_step : bool, default True
        Whether the rate is at most ``1 / sqrt(t)``.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Notes
    -----
    Of arrays of more dimensions the last two are rows and columns. In the state, ``velocity`` of such an
    array has the means of its rows, then of its columns, along the last dimension.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Adafactor(0.01, relative_step=False).clip_threshold
    1.0
    """

    _kind = "adafactor"
    _settings = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_2_decay = _numbers.real("Adafactor", "beta_2_decay", beta_2_decay, high=0, below=True)
        self.epsilon_1 = self._real("epsilon_1", epsilon_1)
        self.epsilon_2 = self._real("epsilon_2", epsilon_2)
        self.clip_threshold = self._real("clip_threshold", clip_threshold, above=True)
        self.relative_step = bool(relative_step)
