"""Whatever holds numbers, as an array that the core can read, a row a sample; copied only if it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# What the batcher reads; it converts row by row to the graph's own type.
READ = {np.dtype(t) for t in ("float32", "float64", "int32", "int64", "uint8", "bool")}
_WIDER = {"float16": "float32", "int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


def to_array(value: Any, name: str) -> Array:
    """Return the array behind a value, not converted: NumPy, ``__array__``, DLPack, buffers, pandas, lists.

    Parameters
    ----------
    value : object
    name : str
        What it is, for messages: ``"x"``.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    TypeError
        If it holds anything but numbers.
    ValueError
        If its rows differ in length, or it is masked.

    Examples
    --------
    >>> from fastnn.data_adapter import to_array
    >>> to_array([[1, 2], [3, 4]], "x").shape
    (2, 2)
    """
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise ValueError(f"{name}: masked entries have no value: fill them first, with value.filled(...)")
        return np.asarray(value.data)
    if isinstance(value, np.ndarray):
        array = np.asarray(value)
    elif isinstance(value, (str, bytes, dict, set)) or value is None:
        raise TypeError(f"{name}: expected an array of numbers, got {_kind(value)}")
    elif hasattr(value, "toarray") and hasattr(value, "nnz"):
        raise TypeError(f"{name}: sparse matrices are not supported; pass a dense one: {name}.toarray()")
    elif hasattr(value, "__array__") or not hasattr(value, "__dlpack__"):
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name}: rows must all have the same shape ({error})") from None
    else:
        array = np.from_dlpack(value)
    if array.dtype.kind == "O" and _is_numeric_frame(value):
        array = np.asarray(value.to_numpy(dtype="float64", na_value=np.nan))
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind == "O":
        cure = "rows of different lengths?"
        if hasattr(value, "columns"):
            cure = "its columns hold different kinds of data"
        elif all(isinstance(item, (int, float, np.generic)) for item in array.flat):
            cure = f"they are plain numbers: pass {name.rpartition(' ')[2]}.astype('float32')"
        raise TypeError(f"{name}: expected numbers, got an array of Python objects ({cure})")
    if kind == "c":
        raise TypeError(
            f"{name}: complex numbers are not supported; pass real and imaginary part as features"
        )
    raise TypeError(f"{name}: expected an array of numbers, got {_kind(value)} with dtype {array.dtype}")


def _is_numeric_frame(value: Any) -> bool:
    """Whether this is a pandas frame or series of numbers that NumPy has no one type for."""
    if not hasattr(value, "to_numpy"):
        return False
    types = list(value.dtypes) if hasattr(value, "columns") else [value.dtype]
    return all(getattr(dtype, "kind", "O") in "biuf" for dtype in types)


def as_rows(value: Any, name: str) -> Array:
    """Return an array that the core can read: native byte order, known dtype, contiguous rows.

    An array that is like this already comes back as it is, whatever its outer stride; so does one that is
    read-only or memory-mapped.

    Parameters
    ----------
    value : object
        What `to_array` takes.
    name : str
        For messages.

    Returns
    -------
    numpy.ndarray
        float32, float64, int32, int64, uint8 or bool.

    Raises
    ------
    TypeError
        If it holds anything but numbers.
    ValueError
        If it is a scalar or has no elements, or its rows differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.data_adapter import as_rows
    >>> x = np.zeros((10, 3), "float32")
    >>> as_rows(x, "x") is x, as_rows(x.astype(">f4"), "x").dtype
    (True, dtype('float32'))
    """
    array = to_array(value, name)
    if array.ndim == 0:
        raise ValueError(f"{name}: expected an array with a row a sample, got a single number")
    if array.size == 0 and len(array):
        raise ValueError(
            f"{name}: empty array of shape {array.shape}: samples must not be of length 0 in any dimension"
        )
    if array.size == 0:
        raise ValueError(f"{name}: empty array of shape {array.shape}: expected at least one row")
    native = array.dtype.newbyteorder("=")
    if native not in READ:
        if native == np.uint64:
            if array.max() > np.iinfo(np.int64).max:
                raise ValueError(f"{name}: values above {np.iinfo(np.int64).max} are not supported")
            native = np.dtype("int64")
        else:
            native = np.dtype(_WIDER.get(native.name, "float64"))
    if array.dtype != native:
        return np.ascontiguousarray(array, native)
    return array if _can_be_read(array) else array.copy("C")


def _can_be_read(array: Array) -> bool:
    """Whether the rows are contiguous, aligned and in rising order."""
    if array.shape[0] > 1 and array.strides[0] < 0:
        return False
    stride = array.itemsize
    for extent, step in zip(array.shape[:0:-1], array.strides[:0:-1], strict=True):
        if extent != 1 and step != stride:
            return False
        stride *= extent
    return bool(array.flags.aligned)


def match_shape(array: Array, shape: Sequence[int | None], label: str, name: str = "input") -> Array:
    """Return the array if its rows have this shape; a last dimension of 1 may be missing, or be too many.

    Parameters
    ----------
    array : numpy.ndarray
    shape : tuple
        Begins with None; other extents that are None may be any.
    label, name : str
        The model or layer, and what the array is to it.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If the shape is another.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.data_adapter import match_shape
    >>> match_shape(np.zeros((5, 28, 28)), (None, 28, 28, 1), "Sequential 'net'").shape
    (5, 28, 28, 1)
    """
    rows, wanted = array.shape[1:], tuple(shape[1:])
    if _fits(rows, wanted):
        return array
    if wanted[-1:] == (1,) and _fits((*rows, 1), wanted):
        return array[..., None]
    if rows[-1:] == (1,) and _fits(rows[:-1], wanted):
        return array[..., 0]
    cure = _shape_cure(array.shape, wanted)
    raise ValueError(f"{label}: expected {name} of shape {(None, *wanted)}, got {array.shape}.{cure}")


def _fits(rows: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(rows) == len(wanted) and all(
        extent is None or extent == found for found, extent in zip(rows, wanted, strict=True)
    )


def _shape_cure(got: tuple[int, ...], wanted: tuple[Any, ...]) -> str:
    if None in wanted:
        return ""
    if got == wanted:
        return " A single sample needs the dimension of samples, too: x[None]."
    if len(wanted) == 1 and len(got) > 2 and int(np.prod(got[1:])) == wanted[0]:
        return " Flatten it: x.reshape(len(x), -1)."
    if len(got) == 2 and int(np.prod(wanted)) == got[1]:
        return f" Reshape it: x.reshape(-1, {', '.join(map(str, wanted))})."
    if len(wanted) == 3 and len(got) == 4 and (*got[2:], got[1]) == wanted:
        return " Channels come last: np.moveaxis(x, 1, -1)."
    if len(wanted) == 3 and len(got) == 3 and wanted[-1] != 1 and got[1:] == wanted[:-1]:
        return f" The channel axis is missing: the model takes {wanted[-1]} channels."
    return ""


def is_batches(value: Any) -> bool:
    """Whether a value is an iterable of batches, and not an array.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool

    Examples
    --------
    >>> from fastnn.data_adapter import is_batches
    >>> is_batches([[1, 2]]), is_batches(iter([[1, 2]]))
    (False, True)
    """
    if isinstance(value, (np.ndarray, list, tuple, str, bytes, dict, set)) or value is None:
        return False
    if any(hasattr(value, name) for name in ("__array__", "__dlpack__", "toarray")):
        return False
    try:
        memoryview(value)
    except TypeError:
        return isinstance(value, Iterable) or (hasattr(value, "__getitem__") and hasattr(value, "__len__"))
    return False


def iterate_batches(value: Any) -> Iterator[Any]:
    """Go through an iterable of batches, or an object with ``__len__`` and ``__getitem__``.

    Parameters
    ----------
    value : iterable

    Returns
    -------
    iterator
        Over batches as they are. For what is an iterator already (a generator) it is `value` itself, so
        that it can be gone on with later.

    Examples
    --------
    >>> from fastnn.data_adapter import iterate_batches
    >>> next(iterate_batches(iter([("x", "y")])))
    ('x', 'y')
    """
    if isinstance(value, Iterable):
        return iter(value)
    return (value[i] for i in range(len(value)))


def all_rows(data: Any, name: str, steps: int | None = None) -> Array:
    """Return all inputs of an array, or of an iterable of batches, as one array.

    Parameters
    ----------
    data : array_like, or iterable of batches
        Of batches that are tuples, the first part.
    name : str
        What it is, for messages.
    steps : int, optional
        Batches to take of an iterable.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    TypeError
        If it holds no numbers.
    ValueError
        If it has no rows, or they differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.data_adapter import all_rows
    >>> all_rows((np.full(2, i) for i in range(3)), "data", steps=2)
    array([0, 0, 1, 1])
    """
    if not is_batches(data):
        return as_rows(data, name)
    parts: list[Array] = []
    for batch in iterate_batches(data):
        if steps is not None and len(parts) == steps:
            break
        parts.append(as_rows(batch[0] if isinstance(batch, tuple) else batch, name))
    if not parts:
        raise ValueError(f"{name}: the iterable gave no batches")
    return np.concatenate(parts)


def split_batch(batch: Any, name: str) -> tuple[Any, Any, Any]:
    """Take a batch apart into x, y and sample weights; what is missing is None.

    Parameters
    ----------
    batch : tuple or array
        ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
    name : str
        For messages.

    Returns
    -------
    tuple

    Raises
    ------
    ValueError
        If a tuple has more entries.

    Examples
    --------
    >>> from fastnn.data_adapter import split_batch
    >>> split_batch(("x", "y"), "data")
    ('x', 'y', None)
    """
    if not isinstance(batch, (tuple, list)) or not batch or not hasattr(batch[0], "__len__"):
        return batch, None, None
    if isinstance(batch, list) and not hasattr(batch[0], "dtype"):
        return batch, None, None  # rows written out in lists
    if len(batch) > 3:
        raise ValueError(f"{name}: a batch must be (x, y, sample_weight) at most, got {len(batch)} entries")
    return (*batch, None, None, None)[:3]


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
