"""Adam and its kin: means of gradients over means of their sizes."""

from __future__ import annotations

from typing import Any

from fastnn.optimizers.base import Optimizer


class _Betas(Optimizer):
    """Adam's arguments."""

    _settings: tuple[str, ...] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = self._fraction("beta_1", beta_1)
        self.beta_2 = self._fraction("beta_2", beta_2)
        self.epsilon = self._real("epsilon", epsilon)


class Adam(_Betas):
    """Adam: the mean gradient over the root of the mean square gradient.

    ``m = beta_1 * m + (1 - beta_1) * g``, ``v = beta_2 * v + (1 - beta_2) * g**2``, both corrected for having
    begun at 0, and ``w -= learning_rate * m / (sqrt(v) + epsilon)``. Epsilon is added after the correction.
    Kingma and Ba, ICLR 2015; AMSGrad: Reddi, Kale and Kumar, ICLR 2018.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_1 : float, default 0.9
        How much of the mean gradient remains at each update; at least 0, below 1.
    beta_2 : float, default 0.999
        How much of the mean square remains at each update; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    amsgrad : bool, default False
        Whether to divide by the greatest mean square so far.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)
    """

    _kind = "adam"
    _settings = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = bool(amsgrad)


class AdamW(Adam):
    """Adam with weight decay that is not mixed into the gradients.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    weight_decay : float, default 0.004
        Weights lose ``learning_rate * weight_decay`` of themselves at each update.
    beta_1 : float, default 0.9
        How much of the mean gradient remains at each update; at least 0, below 1.
    beta_2 : float, default 0.999
        How much of the mean square remains at each update; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    amsgrad : bool, default False
        Whether to divide by the greatest mean square so far.
    **common
        What `Optimizer` takes: clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizer = optimizers.AdamW(weight_decay=0.01)
    >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
    >>> optimizer.weight_decay
    0.01
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        if weight_decay is None:
            raise TypeError("AdamW: weight_decay must be a number, got None; take Adam for none")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(_Betas):
    """Adam with the greatest recent gradient in place of the root mean square.

    ``u = max(beta_2 * u, |g| + epsilon)``, ``w -= learning_rate * m / u`` with m corrected as in Adam.
    Kingma and Ba, ICLR 2015, section 7.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_1 : float, default 0.9
        How much of the mean gradient remains at each update; at least 0, below 1.
    beta_2 : float, default 0.999
        How much of the greatest gradient remains at each update; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Adamax(0.002)
    Adamax(learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    _kind = "adamax"


class Nadam(_Betas):
    """Adam with Nesterov's look ahead.

    Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016: update t's momentum is
    ``beta_1 * (1 - 0.96 ** (t * momentum_decay) / 2)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_1 : float, default 0.9
        How much of the mean gradient remains at each update; at least 0, below 1.
    beta_2 : float, default 0.999
        How much of the mean square remains at each update; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    momentum_decay : float, default 0.004
        How fast the momentum grows to `beta_1`.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Nadam()
    Nadam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, momentum_decay=0.004)
    """

    _kind = "nadam"
    _settings = ("beta_1", "beta_2", "epsilon", "momentum_decay")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        momentum_decay: float = 0.004,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.momentum_decay = self._real("momentum_decay", momentum_decay)


class Lamb(_Betas):
    """Lamb: Adam's direction, of a length that goes with that of each weight array.

    ``w -= learning_rate * |w| / |r| * r`` with Adam's ``r = m / (sqrt(v) + epsilon)``, moments corrected; the
    ratio of lengths is 1 where one of them is 0. For large batches. You et al., "Large Batch Optimization for
    Deep Learning: Training BERT in 76 minutes", ICLR 2020; weight decay is decoupled, as for all optimizers
    here.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        The rate.
    beta_1, beta_2 : float, default 0.9 and 0.999
        How much of the moments remains at each step; at least 0, below 1.
    epsilon : float, default 1e-7
        Keeps the divisor from 0.
    **common
        What `Optimizer` takes: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
        ema_overwrite_frequency, gradient_accumulation_steps, name.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.Lamb(0.01)
    Lamb(learning_rate=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    _kind = "lamb"
