"""compile, and the loops that are made of what it chose."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn import _core, _numbers
from fastnn._keywords import named
from fastnn._names import nearest
from fastnn.models.attributes import Attributes
from fastnn.models.loop import Data, Loop
from fastnn.models.resuming import Resumable

if TYPE_CHECKING:
    from fastnn.layers.weight import Weight
    from fastnn.models.compiled import Objectives

_KEPT_LOOPS = 16


class Compilable(Attributes, Resumable):
    """Mixin that gives a model `compile`."""

    built: bool
    structure_version: int
    _arenas: _core.ArenaPool
    _lock: threading.RLock
    named_weights: Callable[[], dict[str, Weight]]
    _input: Any
    _shapes_key: Callable[[Any], Any]

    if TYPE_CHECKING:

        @property
        def output_names(self) -> list[str]:
            """The outputs' names."""

        @property
        def weights(self) -> list[Weight]:
            """All weights."""

    @named("compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        *,
        on_nonfinite: str = "raise",
        learning_rate_multipliers: Mapping[str, float] | None = None,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer : str or Optimizer, default "rmsprop"
        loss : str, Loss or function; or a list or dict of them
            For several outputs one for all, or one for each: in order, or by the output's name. None for an
            output leaves it out. No loss at all is right where layers or the model use `add_loss`.
        loss_weights : list or dict of float, optional
            Factor of each output's loss in the sum that is minimised.
        metrics, weighted_metrics : list or dict, optional
            Names or objects; for several outputs a list or dict with an entry (a metric or a list) for each,
            or a list for all. ``"accuracy"`` is chosen by the shapes of output and labels. Only
            `weighted_metrics` see sample and class weights. In logs metrics of several outputs are named
            ``<output>_<metric>``, their losses ``<output>_loss``.
        run_eagerly : bool, default False
            There is no eager mode: True is an error.
        steps_per_execution : int, default 1
            Has no effect: steps never come back to Python unless a callback asks for batches.
        jit_compile, auto_scale_loss : optional
            Have no effect: every model is compiled, and losses are computed in float32 or float64.
        on_nonfinite : {"raise", "warn", "ignore"}, default "raise"
            What `fit` does when a loss is NaN or Inf: stop before the update with an error that names
            epoch, step and the first op at fault; warn and go on; or go on.
        learning_rate_multipliers : dict of str to float, optional
            Factors of the learning rate by parts of the weights' paths, with ``*`` for anything:
            ``"encoder"``, ``"encoder/conv_*"``, ``"bias"``. The last key that fits counts; 0 keeps weights
            as they are.

        Raises
        ------
        ValueError
            If a name is not known (the message offers the nearest).
        TypeError
            If an argument is of the wrong kind.

        Examples
        --------
        >>> import fastnn
        >>> model = fastnn.models.mlp()
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        if getattr(self, "_in_step", False):
            raise RuntimeError(
                "compile was called by a callback's batch hook, while fit goes through the batches of an "
                "epoch: call it in on_epoch_end, or after fit"
            )
        if on_nonfinite not in ("raise", "warn", "ignore"):
            raise ValueError(
                f"compile: on_nonfinite must be 'raise', 'warn' or 'ignore', got {on_nonfinite!r}"
            )
        if run_eagerly:
            raise ValueError(
                "compile: there is no eager mode, run_eagerly must be False. To look at values, call layers "
                "on arrays, or make a model of the outputs in question."
            )
        _numbers.count("compile", "steps_per_execution", steps_per_execution, 1)
        if jit_compile not in (True, False, None, "auto"):
            raise ValueError(f"compile: jit_compile must be True, False or 'auto', got {jit_compile!r}")
        multipliers = {
            str(key): _numbers.real("compile", f"learning_rate_multipliers[{key!r}]", value, 0.0)
            for key, value in dict(learning_rate_multipliers or {}).items()
        }
        # Imported here, so that models that only predict load neither.
        from fastnn import optimizers, random
        from fastnn.models.compiled import Compiled

        compiled = Compiled(loss, metrics, weighted_metrics, loss_weights)
        if self._input is not None:
            compiled.for_outputs(self.output_names)
        if multipliers and self.built:
            self._check_multipliers(multipliers)
        self.optimizer = optimizers.get(optimizer)
        self.compiled_or_none = compiled
        self.on_nonfinite = on_nonfinite
        self.learning_rate_multipliers = multipliers
        self._loops: dict[Any, Loop] = {}
        self._arenas.clear()
        self._training_seed = random.next_seed()
        self._steps_run = 0
        self._epochs_run = 0

    def _check_compiled(self) -> None:
        if getattr(self, "compiled_or_none", None) is None:
            raise RuntimeError(
                f"model '{self.name}' is not compiled: call model.compile(optimizer, loss) first"  # type: ignore[attr-defined]
            )

    def _refuse_quantized(self, caller: str) -> None:
        """Models in int8 have no gradients."""
        if any(weight.dtype == "int8" for weight in self._all_weights()):
            raise RuntimeError(
                f"{caller}: model '{self.name}' is quantised to int8 and cannot be trained: train "  # type: ignore[attr-defined]
                "the float32 model that it was made of, and quantise that again"
            )

    def _objectives(self) -> Objectives:
        """Losses and metrics of each output; the inputs must be known."""
        self._check_compiled()
        found: Objectives = self.compiled_or_none.for_outputs(self.output_names)
        return found

    def _needs_labels(self, x: Any) -> bool:
        """Whether some output has a loss or metrics; `x` is for models that are not built yet."""
        if self._input is None:
            self._check_compiled()
            return self.compiled_or_none.loss is not None
        objectives = self._objectives()
        return any(objectives.needs_labels(i) for i in range(len(objectives.names)))

    def _loop(self, data: Data, training: bool) -> Loop:
        trainable = self._trainable_flags() if training else ()
        key = (training, self.structure_version, self._shapes_key(data.x), data.key(), trainable)
        with self._lock:
            found = self._loops.pop(key, None)
            if found is not None and training and found.optimizer is not self.optimizer._core:
                found = None  # other weights were trained meanwhile, by an optimizer of their own
            if found is None:
                found = Loop(self, data, training)  # type: ignore[arg-type]
            self._loops[key] = found  # most recently used last
            if len(self._loops) > _KEPT_LOOPS:
                self._loops.pop(next(iter(self._loops)))
            return found

    def _trainable_flags(self) -> tuple[bool, ...]:
        """Return what is trained, and which layers keep their state up to date."""
        return tuple(w.owner.trainable if w.is_state else w.trainable for w in self._all_weights())

    def _all_weights(self) -> list[Weight]:
        """Return `weights`, collected anew only when layers came or went: epochs may take microseconds."""
        held: tuple[int, list[Weight]] | None = self.__dict__.get("_weights_held")
        if held is None or held[0] != self.structure_version or not self.built:
            held = self.__dict__["_weights_held"] = (self.structure_version, self.weights)
        return held[1]

    def _weight_paths(self, weights: Sequence[Weight]) -> list[str]:
        """Return the weights' names in the model."""
        paths = {id(weight): path for path, weight in self.named_weights().items()}
        return [paths.get(id(weight), weight.path) for weight in weights]

    def _rate_multipliers(self, paths: Sequence[str]) -> list[float]:
        """Factors of the learning rate that `compile` got for weights with these names."""
        chosen = self.learning_rate_multipliers
        self._check_multipliers(chosen)
        result = []
        for path in paths:
            fitting = [factor for key, factor in chosen.items() if _matches(key, path)]
            result.append(fitting[-1] if fitting else 1.0)
        return result

    def _check_multipliers(self, chosen: Mapping[str, float]) -> None:
        paths = list(self.named_weights()) if chosen else []
        for key in chosen:
            if not any(_matches(key, path) for path in paths):
                known = sorted({part for path in paths for part in path.split("/")})
                raise ValueError(
                    f"compile: learning_rate_multipliers has {key!r}, but no weight's path fits"
                    f"{nearest(key, known)}"
                )

    @property
    def epochs_run(self) -> int:
        """Epochs that the model has been trained since `compile`, over all calls of `fit`."""
        return int(getattr(self, "_epochs_run", 0))


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern is part of a weight's path: names of layers that follow each other, and its own."""
    parts = path.split("/")
    runs = ("/".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1))
    return any(fnmatch.fnmatchcase(run, pattern) for run in runs)
