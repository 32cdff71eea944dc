"""What can be fed to a model, as movies [batch, channel, time, height, width]."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ._native import Tensor
from ._output import AXES, Output
from ._parameter import Parameter
from ._text import short

_AXES = "3 axes (time, height, width) or 5 axes (batch, channel, time, height, width)"


def movie(x: Any, double: bool) -> Any:
    """The frames in `x` as a tensor, or as a C-contiguous array of float32, float64 or uint8, with five axes.

    Float32 arrays (float64 if `double`) and bytes in C order are passed on as they are; anything else is converted
    once.
    """
    if isinstance(x, Output):
        x = x[0]
        if x.ndim == 6:
            raise ValueError(f"input: expected {_AXES}, got trials of shape {x.shape}; take one, e.g. output.array(0)[0]")
    elif isinstance(x, Parameter):
        x = x._native.tensor(double)
    if isinstance(x, Tensor):
        x = x._as_movie()
        if x.ndim == 5 and (x.dtype == np.uint8 or (x.dtype == np.float64) == double):
            return x
        if x.ndim == 5 and x.requires_grad:
            return x.double() if double else x.float()
        if x.requires_grad:
            raise ValueError(f"input: a tensor with history is taken as it is and needs 3 or 5 axes, got shape {x.shape}")
    array = _array(x)
    kind = array.dtype.kind
    if kind not in "fiub":
        what = "None" if x is None else short(x) if isinstance(x, (str, bytes)) else f"dtype {array.dtype}"
        raise TypeError(f"input: expected numbers (a movie of {_AXES}), got {what}")
    if array.ndim not in (3, 5):
        hint = {
            2: "; for a single image use x[None]",
            4: "; add the missing axis, e.g. x[None] or x[:, None]",
        }
        raise ValueError(f"input: expected {_AXES}, got shape {array.shape}{hint.get(array.ndim, '')}")
    if array.size == 0:
        raise ValueError(f"input: expected at least one frame of at least one pixel, got shape {array.shape}")
    if kind == "b":
        array = array.view(np.uint8)
    if double:
        array = np.asarray(array, np.float64, order="C")
    elif array.dtype.itemsize > 4 and kind == "f":
        with np.errstate(over="ignore"):  # numbers too large become infinite, which is refused
            array = np.asarray(array, np.float32, order="C")
    else:
        array = np.asarray(array, np.uint8 if array.dtype == np.uint8 else np.float32, order="C")
    if not array.flags.aligned:
        array = array.copy()
    return array[None, None] if array.ndim == 3 else array


def is_stream(x: Any) -> bool:
    """Whether `x` gives frames by and by, see `convis.streams`."""
    return callable(getattr(x, "get", None)) and hasattr(x, "size") and not hasattr(x, "__array__")


def size_of(stream: Any) -> tuple[int, int]:
    """Rows and columns of the frames of a stream."""
    try:
        height, width = stream.size
    except (TypeError, ValueError):
        raise TypeError(f"input: expected a stream of size (height, width), got size {short(stream.size)}") from None
    return whole("height", height), whole("width", width)


def labels(x: Any) -> dict[str, Any]:
    """Coordinates of a labelled array by the axis they belong to."""
    if not _is_labelled(x) or len(x.dims) not in (3, 5):
        return {}
    names = dict(zip(_axes_of(x), x.dims, strict=True))
    return {ours: x.coords[theirs] for ours, theirs in names.items() if theirs in x.coords}


def _is_labelled(x: Any) -> bool:
    return hasattr(x, "dims") and hasattr(x, "coords") and hasattr(x, "transpose")


#: What the axes of a labelled array may be called.
_NAMES = {
    "batch": ("batch", "sample", "b"),
    "channel": ("channel", "c"),
    "time": ("time", "frame", "t"),
    "height": ("height", "row", "y"),
    "width": ("width", "column", "col", "x"),
}
_MEANINGS = {name: ours for ours, names in _NAMES.items() for name in names}


def _axes_of(x: Any) -> tuple[str, ...]:
    """The axes of a labelled array in its own order, by our names."""
    expected = AXES[-3:] if len(x.dims) == 3 else AXES
    if all(dim == f"dim_{i}" for i, dim in enumerate(x.dims)):
        return expected  # nobody has named them: by position
    found = tuple(_MEANINGS.get(str(dim).lower(), "") for dim in x.dims)
    if sorted(found) != sorted(expected):
        wanted = "; ".join(" or ".join(_NAMES[axis]) for axis in expected)
        raise ValueError(f"input: expected dimensions named {wanted}, in any order; got {', '.join(map(str, x.dims))}")
    return found


def _array(x: Any) -> np.ndarray[Any, Any]:
    labelled = None
    if _is_labelled(x) and len(x.dims) in (3, 5):
        labelled = [dim for _, dim in sorted(zip(map(AXES.index, _axes_of(x)), x.dims, strict=True))]
    try:
        if labelled is not None:
            x = x.transpose(*labelled)
        if hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
            return np.from_dlpack(x)
        return np.asarray(x)
    except Exception as error:  # whatever foreign objects raise
        raise ValueError(f"input: could not be read as an array of numbers: {error}") from error


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """A whole number, at least `least` and at most `most`."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected a whole number from {least}, got {value}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number from {least}, got {short(value)}") from None
    if number < least:
        raise ValueError(f"{name}: expected a whole number from {least}, got {number}")
    if most is not None and number > most:
        raise ValueError(f"{name}: expected at most {most}, got {number}")
    return min(number, 2**62)  # more than any movie has; larger numbers have no room in the compiled part
