"""Optimizers that follow the gradient or its sign."""

from __future__ import annotations

from typing import Any

from fastnn.optimizers.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for. Also known as GradientDescent.

    Without momentum ``w -= learning_rate * g``. With it ``v = momentum * v + g`` and
    ``w -= learning_rate * v``, or, as Nesterov has it, ``w -= learning_rate * (g + momentum * v)``
    (Sutskever, Martens, Dahl and Hinton, ICML 2013).

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.01
        The rate.
    momentum : float, default 0.0
        How much of the velocity remains; at least 0, below 1.
    nesterov : bool, default False
        Whether to look ahead; needs a momentum.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    """

    _kind = "sgd"
    _settings = ("momentum", "nesterov")

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **common: Any
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = self._fraction("momentum", momentum)
        self.nesterov = bool(nesterov)
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0, got momentum=0")


class Lion(Optimizer):
    """Lion: steps of equal size, along the sign of a mean of gradient and momentum.

    Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023. The rate should be 3 to
    10 times smaller than Adam's, the weight decay larger by as much.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_1 : float, default 0.9
        Share of the momentum in the direction of the step; at least 0, below 1.
    beta_2 : float, default 0.99
        How much of the momentum remains; at least 0, below 1.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Lion(1e-4)
    Lion(learning_rate=0.0001, beta_1=0.9, beta_2=0.99)
    """

    _kind = "lion"
    _settings = ("beta_1", "beta_2")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Any
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._fraction("beta_1", beta_1)
        self.beta_2 = self._fraction("beta_2", beta_2)
