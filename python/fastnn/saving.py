"""Models in files: one ``.safetensors`` file with weights by name, configuration and training state.

The file can be read by the safetensors library: tensors are named ``layer/weight``, the optimizer's begin
with ``optimizer/``. Its metadata hold a format version, a checksum, the model's configuration, the arguments
of `compile` and the training state, all of it as JSON: nothing in a file is ever executed.

Examples
--------
>>> import os, tempfile, fastnn
>>> from fastnn import layers
>>> model = fastnn.Sequential([fastnn.Input((2,)), layers.Dense(1)])
>>> with tempfile.TemporaryDirectory() as folder:
...     path = os.path.join(folder, "model.safetensors")
...     fastnn.saving.save_model(model, path)
...     fastnn.saving.load_model(path).count_params()
3
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastnn._container import Container, Entry, check_target, write
from fastnn._names import nearest
from fastnn._registry import knowing
from fastnn.layers.loading import expecting
from fastnn.layers.serialization import deserialize, plain, register, serialize

if TYPE_CHECKING:
    from fastnn.layers.weight import Weight
    from fastnn.models.base import Model

__all__ = ["load_model", "load_weights", "register", "save_model", "save_weights"]

_STATE = "optimizer/"
_FOREIGN = {".h5": "HDF5", ".hdf5": "HDF5", ".keras": "Keras", ".pt": "PyTorch", ".pth": "PyTorch"}

Path = str | os.PathLike[str]


def save_model(model: Model, filepath: Path, overwrite: bool = True) -> None:
    """Save a model: architecture, weights, what `compile` got, and the state of its training.

    Parameters
    ----------
    model : Model
        It must be built.
    filepath : str or path
        A file that is there is replaced, once the new one is complete.
    overwrite : bool, default True
        False raises FileExistsError if the file is there.

    Raises
    ------
    ValueError
        If the model is not built, or two of its weights have the same name.
    OSError
        If the file cannot be written. A file that was there stays as it is.

    Examples
    --------
    >>> import os, tempfile, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fastnn.saving.save_model(model, os.path.join(folder, "model.safetensors"))
    """
    tensors, metadata = _weights_of(model, filepath, overwrite)
    metadata["config"] = _json(serialize(model), "configuration")
    inputs = model.get_build_config()
    if inputs is not None:
        metadata["build"] = _json(inputs, "inputs")
    compiled = model.get_compile_config()
    if compiled is not None:
        metadata["compile"] = _json(compiled, "arguments of compile")
        state, slots = model._get_training_state()
        metadata["training"] = _json(state, "training state")
        tensors.update({_STATE + name: array for name, array in slots.items()})
    write(filepath, tensors, metadata)


def save_weights(model: Model, filepath: Path, overwrite: bool = True) -> None:
    """Save a model's weights alone.

    Parameters
    ----------
    model : Model
        It must be built.
    filepath : str or path
    overwrite : bool, default True
        False raises FileExistsError if the file is there.

    Raises
    ------
    ValueError
        If the model is not built, or two of its weights have the same name.
    OSError
        If the file cannot be written. A file that was there stays as it is.

    Examples
    --------
    >>> import os, tempfile, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     fastnn.saving.save_weights(model, path)
    ...     fastnn.saving.load_weights(model, path)
    """
    tensors, metadata = _weights_of(model, filepath, overwrite)
    write(filepath, tensors, metadata)


def _weights_of(model: Model, filepath: Path, overwrite: bool) -> tuple[dict[str, Any], dict[str, str]]:
    from fastnn import __version__

    model._require_built("saving")
    target = check_target(filepath)
    suffix = os.path.splitext(os.fspath(filepath))[1].lower()
    if suffix in _FOREIGN:
        warnings.warn(
            f"{os.fspath(filepath)!r} is written as a .safetensors file, which fastnn.load_model reads under "
            f"any name; programs that expect a {_FOREIGN[suffix]} file will not",
            stacklevel=4,
        )
    if not overwrite and os.path.exists(target):
        raise FileExistsError(f"{os.fspath(filepath)!r} exists already; pass overwrite=True to replace it")
    weights = model.named_weights()
    metadata = {"fastnn_version": __version__, "weights": _json(list(weights), "names")}
    return {name: weight.numpy() for name, weight in weights.items()}, metadata


def _json(value: Any, what: str) -> str:
    try:
        return json.dumps(plain(value))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the model's {what} cannot be saved: {error}") from None


def load_model(filepath: Path, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """Load a model that `save_model` wrote.

    Parameters
    ----------
    filepath : str or path
    custom_objects : mapping of str to class or function, optional
        Classes and functions of one's own, by name, as `register` takes them; those that were registered
        need not be given.
    compile : bool, default True
        Whether to restore what `compile` got and the training state, so that `fit` goes on from there.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        If the file is truncated, corrupted, of another program or of a newer version, or names classes
        that are not known.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     model.save(path)
    ...     fastnn.saving.load_model(path).output_shape
    (None, 1)
    """
    from fastnn.models.base import Model

    with Container(filepath) as file, knowing(custom_objects or {}):
        config = file.text("config")
        if config is None:
            raise ValueError(
                f"cannot load {file.path!r}: it holds weights alone. Make the model, then load_weights."
            )
        stored = {n: e for n, e in file.entries.items() if not n.startswith(_STATE)}
        try:
            with expecting((e.shape, e.dtype.name) for e in stored.values()):
                model = deserialize(config)
                inputs = file.text("build")
                if isinstance(model, Model) and inputs is not None and not model.built:
                    model.build_from_config(inputs)
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError, OverflowError) as error:
            raise ValueError(
                f"cannot load {file.path!r}: {str(error) or 'its configuration is damaged'}"
            ) from error
        if not isinstance(model, Model):
            raise ValueError(f"cannot load {file.path!r}: it describes a {type(model).__name__}, not a model")
        if not model.built:
            raise ValueError(f"cannot load {file.path!r}: its configuration has no input shape")
        _fill(file, model.named_weights(), stored, skip_mismatch=False)
        if compile:
            _restore_training(file, model)
    return model


def _restore_training(file: Container, model: Model) -> None:
    compiled = file.text("compile")
    if compiled is None:
        return
    slots = {name[len(_STATE) :]: file.array(name) for name in file.entries if name.startswith(_STATE)}
    try:
        model.compile_from_config(compiled)
        state = file.text("training")
        if state is not None:
            model._set_training_state(state, slots)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"cannot load {file.path!r}: its training state is damaged ({error})") from error


def load_weights(model: Model, filepath: Path, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Load weights, by name, into a model that is built; from a file of weights or of a whole model.

    Where no name of the file fits the model's, as when the same model was made twice and its layers were
    named automatically, weights are taken in their order.

    Parameters
    ----------
    model : Model
    filepath : str or path
    skip_mismatch : bool, default False
        Leave weights alone that the file does not have, or has in another shape.
    by_name : bool, default False
        Load those weights alone whose names are in both the model and the file, as when the layers of a
        trained model serve in another one. Their shapes must fit.

    Raises
    ------
    ValueError
        If the file is damaged, or its weights do not fit; the model is unchanged then.

    Examples
    --------
    >>> import os, tempfile, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     model.save_weights(path)
    ...     model.load_weights(path)
    """
    model._require_built("load_weights")
    with Container(filepath) as file:
        stored = {n: e for n, e in file.entries.items() if not n.startswith(_STATE)}
        weights = model.named_weights()
        if by_name:
            common = [name for name in weights if name in stored]
            if not common:
                first = next(iter(weights), "")
                raise ValueError(
                    f"cannot load {file.path!r}: no weight of the file has a name of the model's, such as "
                    f"'{first}'{nearest(first, stored)}"
                )
            weights = {name: weights[name] for name in common}
            stored = {name: stored[name] for name in common}
        _fill(file, _by_names_of(file, weights, stored), stored, skip_mismatch)


def _by_names_of(
    file: Container, weights: Mapping[str, Weight], stored: Mapping[str, Entry]
) -> Mapping[str, Weight]:
    """Weights of a model by the names that a file has for them: in order, where no name is the same."""
    order = file.text("weights")
    if (
        isinstance(order, list)
        and sorted(map(str, order)) == sorted(stored)
        and not set(stored) & set(weights)
    ):
        own = [(name.rpartition("/")[2], weight.shape) for name, weight in weights.items()]
        if own == [(name.rpartition("/")[2], stored[name].shape) for name in order]:
            return dict(zip(order, weights.values(), strict=True))
    return weights


def restore_training_state(model: Model, filepath: Path) -> int:
    """Set a model's weights and training state from a file of the same model; return `fit`'s next epoch.

    Parameters
    ----------
    model : Model
        Built and compiled.
    filepath : str or path

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the file is damaged or of another model.
    """
    model._require_built("restoring a training state")
    load_weights(model, filepath)
    with Container(filepath) as file:
        state = file.text("training")
        if state is None:
            raise ValueError(f"cannot restore from {file.path!r}: it has no training state")
        stored = {n: e for n, e in file.entries.items() if not n.startswith(_STATE)}
        weights = model.named_weights()
        paths = dict(zip(_by_names_of(file, weights, stored), weights, strict=True))
        slots = {}
        for name in file.entries:
            if name.startswith(_STATE):
                path, slash, slot = name[len(_STATE) :].rpartition("/")
                slots[paths.get(path, path) + slash + slot] = file.array(name)
        model._set_training_state(state, slots)
        return int(state.get("next_epoch", state.get("epoch", 0)))


def _fill(
    file: Container, weights: Mapping[str, Weight], stored: Mapping[str, Entry], skip_mismatch: bool
) -> None:
    """Set weights from a file's tensors of the same names."""
    if not skip_mismatch:
        missing = [name for name in weights if name not in stored]
        if missing:
            raise ValueError(
                f"cannot load {file.path!r}: it has no weight '{missing[0]}'{nearest(missing[0], stored)}"
                f" ({len(missing)} of {len(weights)} are missing)"
            )
        unknown = [name for name in stored if name not in weights]
        if unknown:
            raise ValueError(
                f"cannot load {file.path!r}: the model has no weight '{unknown[0]}'"
                f"{nearest(unknown[0], weights)}"
            )
        for name, weight in weights.items():
            if stored[name].shape != weight.shape:
                raise ValueError(
                    f"cannot load {file.path!r}: weight '{name}' has shape {stored[name].shape} in the file, "
                    f"but {weight.shape} in the model"
                )
    for name, weight in weights.items():
        if name in stored and stored[name].shape == weight.shape:
            weight.assign(file.array(name))
