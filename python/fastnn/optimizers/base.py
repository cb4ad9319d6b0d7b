"""What optimizers have in common: the learning rate, clipping, averaging, and their state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import _core, _numbers, schedules
from fastnn._names import nearest
from fastnn.optimizers.state import Parameter, Stateful, carry_over

_COMMON = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "gradient_accumulation_steps",
)


class Optimizer(Stateful):
    """Base class of all optimizers; these arguments are common to all of them.

    An optimizer computes in the core, for float32 and float64 parameters alike. It does in turn: average the
    gradients of several steps, clip them, shrink the parameters by weight decay, update them by its own rule,
    move the parameters' averages.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        The rate, not negative, or a schedule that gives it for each step.
    weight_decay : float, optional
        Each update first multiplies the parameters by ``1 - learning_rate * weight_decay`` (decoupled decay,
        Loshchilov and Hutter, ICLR 2019).
    clipnorm : float, optional
        Each parameter's gradient is scaled down to this Euclidean norm.
    clipvalue : float, optional
        Gradients are clamped to at most this magnitude.
    global_clipnorm : float, optional
        All gradients together are scaled down to this norm. Only one of the three may be given.
    use_ema : bool, default False
        Whether to keep an exponential moving average of the parameters. At the end of training they become
        their averages.
    ema_momentum : float, default 0.99
        How much of the average remains at each update; from 0 to 1.
    ema_overwrite_frequency : int, optional
        Parameters become their averages every so many updates.
    gradient_accumulation_steps : int, optional
        One update is made of the mean gradient of so many steps.
    loss_scale_factor : float, optional
        Accepted, as Keras has it, and without effect: gradients are computed in float32 or float64, which
        need no scaling.
    name : str, optional
        A name.

    Notes
    -----
    Schedules count steps (batches), whether or not a step ends with an update. Moving averages and Adam's
    corrections count updates.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizer = optimizers.Adam(0.002, clipnorm=1.0)
    >>> optimizer.learning_rate = 0.001
    >>> optimizer.learning_rate, optimizer.iterations
    (0.001, 0)
    """

    _kind = ""  # the core's name of the rule
    _settings: tuple[str, ...] = ()  # the rule's own arguments

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        gradient_accumulation_steps: int | None = None,
        loss_scale_factor: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        owner = type(self).__name__
        for argument in unknown:
            known = ["learning_rate", *self._settings, *_COMMON, "loss_scale_factor", "name"]
            raise TypeError(f"{owner} has no argument '{argument}'{nearest(argument, known)}")
        if not self._kind:
            raise TypeError("Optimizer is a base class; take Adam, SGD or another of fastnn.optimizers")
        self.name = name or owner.lower()
        self.weight_decay = None if weight_decay is None else self._real("weight_decay", weight_decay)
        self.clipnorm = None if clipnorm is None else self._real("clipnorm", clipnorm, above=True)
        self.clipvalue = None if clipvalue is None else self._real("clipvalue", clipvalue, above=True)
        self.global_clipnorm = (
            None if global_clipnorm is None else self._real("global_clipnorm", global_clipnorm, above=True)
        )
        if sum(limit is not None for limit in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ValueError(
                f"{owner}: only one of clipnorm, clipvalue and global_clipnorm can be given, got "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.use_ema = bool(use_ema)
        self.ema_momentum = self._real("ema_momentum", ema_momentum, high=1.0)
        self.ema_overwrite_frequency = (
            None
            if ema_overwrite_frequency is None
            else _numbers.count(owner, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        )
        self.gradient_accumulation_steps = (
            None
            if gradient_accumulation_steps is None
            else _numbers.count(owner, "gradient_accumulation_steps", gradient_accumulation_steps, 1)
        )
        if loss_scale_factor is not None:
            self._real("loss_scale_factor", loss_scale_factor, above=True)
        self._rate: float | schedules.LearningRateSchedule = self._checked_rate(learning_rate)
        self._excluded_paths: set[str] = set()
        self._excluded_patterns: list[str] = []
        self._parameters = []
        self._multipliers: list[float] = []
        self._paths = []
        self._core = None
        self._pending = None

    # Arguments -----------------------------------------------------------------------------------

    def _real(
        self, name: str, value: Any, high: float = np.inf, above: bool = False, below: bool = False
    ) -> float:
        return _numbers.real(type(self).__name__, name, value, 0.0, high, above=above, below=below)

    def _fraction(self, name: str, value: Any) -> float:
        return self._real(name, value, high=1.0, below=True)

    def _checked_rate(self, value: Any) -> float | schedules.LearningRateSchedule:
        if isinstance(value, schedules.LearningRateSchedule):
            return value
        if isinstance(value, Mapping):
            return schedules.deserialize(value)
        return self._real("learning_rate", value)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Setting it takes a number or a schedule.

        Raises
        ------
        TypeError
            If a number is set where a schedule gives the rates.
        """
        if isinstance(self._rate, schedules.LearningRateSchedule):
            return float(self.learning_rates(self.steps, 1)[0])
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = self._checked_rate(value)
        if isinstance(self._rate, schedules.LearningRateSchedule) and isinstance(rate, float):
            raise TypeError(
                f"{type(self).__name__}: the learning rate comes from a {type(self._rate).__name__} schedule "
                "and cannot be set to a number; set another schedule (schedules.Constant for a number)"
            )
        self._rate = rate

    def learning_rates(self, first_step: int, count: int) -> npt.NDArray[np.float64]:
        """Return the learning rates of a range of steps, for the training loop.

        Parameters
        ----------
        first_step : int
            The first step of the range; steps count from 0 through all epochs.
        count : int
            How many.

        Returns
        -------
        ndarray of float64, shape (count,)

        Raises
        ------
        ValueError
            If the schedule gives a rate that is negative or not finite.
        """
        if isinstance(self._rate, float):
            return np.full(count, self._rate)
        rates = np.asarray(self._rate.rates(first_step, count), dtype=np.float64)
        name = type(self._rate).__name__
        if rates.shape != (count,):
            raise ValueError(
                f"{name}: rates({first_step}, {count}) must return {count} rates, got {rates.shape}"
            )
        bad = ~(np.isfinite(rates) & (rates >= 0))
        if bad.any():
            first = int(bad.argmax())
            raise ValueError(
                f"{type(self).__name__}: learning_rate must be at least 0, got {rates[first]} from {name} "
                f"at step {first_step + first}"
            )
        return rates

    def exclude_from_weight_decay(
        self, var_list: Iterable[Parameter] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave weights out of weight decay; to be called before training.

        Parameters
        ----------
        var_list : iterable of Weight, optional
            The weights.
        var_names : iterable of str, optional
            Regular expressions: weights are left out if one is found in their path, as in ``"bias"``.

        Raises
        ------
        RuntimeError
            If the optimizer has begun to train.
        """
        if self._core is not None:
            raise RuntimeError(
                f"{type(self).__name__}: call exclude_from_weight_decay before training begins"
            )
        self._excluded_paths.update(weight.path for weight in var_list or ())
        self._excluded_patterns.extend(var_names or ())

    def _decays(self, path: str) -> bool:
        found = any(re.search(pattern, path) for pattern in self._excluded_patterns)
        return path not in self._excluded_paths and not found

    # Parameters ----------------------------------------------------------------------------------

    def _create(
        self,
        parameters: Sequence[Parameter],
        multipliers: Sequence[float] | None = None,
        paths: Sequence[str] | None = None,
    ) -> _core.Optimizer:
        """Return the core's optimizer of these parameters, in this order, with factors of their rates.

        `paths` are the parameters' names in the state; by default their own, which are unique in a layer
        alone. It is made anew when the parameters are not those of the last call; those that stay keep their
        slots.
        """
        factors = [1.0] * len(parameters) if multipliers is None else list(multipliers)
        wanted = [(p.store, p.name) for p in parameters]
        same = wanted == [(p.store, p.name) for p in self._parameters]
        if self._core is not None and same and (multipliers is None or factors == self._multipliers):
            return self._core
        self._multipliers = factors
        self._paths = [p.path for p in parameters] if paths is None else list(paths)
        names = (*self._settings, *_COMMON)
        config = {name: value for name in names if (value := getattr(self, name)) is not None}
        entries = [
            (p.store, p.name, self._decays(p.path), factor)
            for p, factor in zip(parameters, factors, strict=True)
        ]
        made = _core.Optimizer(self._kind, config, entries)
        if self._core is not None:
            carry_over(self._core, self._parameters, made, parameters)
        self._core, self._parameters = made, list(parameters)
        if self._pending is not None:
            state, self._pending = self._pending, None
            self.set_state(state)
        return made

    def build(self, variables: Sequence[Parameter]) -> None:
        """Make room for the state of these weights.

        Parameters
        ----------
        variables : sequence of Weight
            What will be trained.
        """
        self._create(variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Parameter]]) -> None:
        """Take one step with given gradients.

        Parameters
        ----------
        grads_and_vars : iterable of (array, Weight)
            A gradient for each weight; the same weights in every call.

        Raises
        ------
        ValueError
            If there are none, one is missing, its shape does not fit, or the weights are not those of
            the first call.
        """
        pairs: list[Any] = list(grads_and_vars)
        if not pairs:
            raise ValueError(f"{type(self).__name__}: apply_gradients was given no gradients")
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not hasattr(pair[1], "store"):
                swapped = isinstance(pair, (tuple, list)) and len(pair) == 2 and hasattr(pair[0], "store")
                raise TypeError(
                    f"{type(self).__name__}: apply_gradients takes (gradient, weight) pairs, got "
                    + ("(weight, gradient): swap them" if swapped else f"{pair!r:.200}")
                )
        self.apply([gradient for gradient, _ in pairs], [weight for _, weight in pairs])

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Parameter] | None = None) -> None:
        """Take one step with a list of gradients.

        Parameters
        ----------
        grads : sequence of arrays
            In the order of the weights.
        trainable_variables : sequence of Weight, optional
            The weights; those of the last call by default.

        Raises
        ------
        ValueError
            If a gradient is missing, its shape does not fit, or the weights are not known.
        """
        owner = type(self).__name__
        grads = list(grads)
        if trainable_variables is None:
            if self._core is None:
                raise ValueError(f"{owner}: apply needs trainable_variables at its first call")
            core, weights = self._core, self._parameters
        else:
            weights = list(trainable_variables)
            if len(weights) != len(grads):
                raise ValueError(f"{owner}: got {len(grads)} gradients for {len(weights)} weights")
            place = {(id(p.store), p.name): i for i, p in enumerate(self._parameters)}
            order = [place.get((id(p.store), p.name)) for p in weights]
            if self._core is not None and sorted(i for i in order if i is not None) == list(
                range(len(place))
            ):
                # The same weights, perhaps in another order.
                by_place = sorted(zip(order, range(len(order)), strict=True), key=lambda pair: pair[0] or 0)
                grads = [grads[k] for _, k in by_place]
                core, weights = self._core, self._parameters
            else:
                core = self._create(weights)
        for gradient, weight in zip(grads, weights, strict=False):
            if gradient is None:
                raise ValueError(
                    f"{owner}: no gradient for weight '{weight.path}'; leave the weight out, or give zeros"
                )
        core.apply(grads, self.learning_rate)

    def finalize_variable_values(self, trainable_variables: Any = None) -> None:
        """Let the weights become their moving averages, as training's end does; nothing without `use_ema`.

        The weights themselves are set aside: if `fit` is called again, and nobody has changed the averages
        meanwhile, it goes on from them as if it had not ended.
        """
        if self._core is not None and self.use_ema:
            self._core.overwrite_with_averages()

    def restore_variable_values(self) -> None:
        """Undo `finalize_variable_values`, unless the weights have changed since."""
        if self._core is not None and self.use_ema:
            self._core.take_back_from_averages()

    @property
    def shows_averages(self) -> bool:
        """Whether the weights are their moving averages just now, and what they were is set aside."""
        return self._core is not None and self._core.has_set_aside

    # Configuration -------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        rate = self._rate if isinstance(self._rate, float) else schedules.serialize(self._rate)
        names = (*self._settings, *_COMMON)
        return {"name": self.name, "learning_rate": rate} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make an optimizer from what `get_config` returned."""
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            arguments["learning_rate"] = schedules.deserialize(arguments["learning_rate"], custom_objects)
        return cls(**arguments)

    def __repr__(self) -> str:
        config = self.get_config()
        shown = {"learning_rate": self._rate} | {name: config[name] for name in self._settings}
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"
