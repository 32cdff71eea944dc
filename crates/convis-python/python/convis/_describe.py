"""What things are, in words, tables and small pictures."""

from __future__ import annotations

import inspect
from typing import Any

from ._layer import Layer
from ._output import Output
from ._parameter import Parameter
from ._text import Description, short


def describe(thing: Any) -> Description:
    """Describe a model, a parameter, an output, a function or a module.

    In a notebook the description is a table with small pictures; printed it is text.

    Parameters
    ----------
    thing
        A layer or its class, a parameter, a list of parameters (``model.p``), an output, a state, a function.

    Returns
    -------
    Description

    Examples
    --------
    >>> import convis
    >>> print(convis.describe(convis.variables.Parameter(2.0, doc="Output gain.", unit="Hz")))
    Parameter = 2.0 Hz
        Output gain.
    >>> print(convis.describe(convis.filters.Diff))
    Diff: The change from frame to frame, ``y(t) = x(t) - x(t-1)``; the very first frame gives 0.
    """
    if isinstance(thing, type):
        summary = (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")
        return Description(f"{thing.__name__}: {summary}", None)
    if isinstance(thing, (Layer, Parameter, Output)) or hasattr(thing, "_repr_html_"):
        return Description(repr(thing), thing._repr_html_())
    doc = inspect.getdoc(thing)
    if doc and (callable(thing) or inspect.ismodule(thing)):
        return Description(f"{getattr(thing, '__name__', short(thing))}: {doc}", None)
    return Description(short(thing), None)


def help(thing: Any = None) -> None:
    """Print what something is for and how it is used; of a layer also its parameters as they are now.

    Parameters
    ----------
    thing : optional
        A layer or its class, a function, a module, a parameter; the package by default.

    Examples
    --------
    >>> import convis
    >>> convis.help(convis.cuda_is_available)
    cuda_is_available() -> 'bool'
    <BLANKLINE>
    Whether this build computes on a GPU that this machine has.
    """
    if thing is None:
        import convis

        thing = convis
    kind = thing if isinstance(thing, type) or not isinstance(thing, Layer) else type(thing)
    name = getattr(kind, "__name__", "")
    text = inspect.getdoc(kind) if not isinstance(thing, Parameter) else None
    if isinstance(thing, (Parameter, Output)):
        print(thing)
        return
    if text is None:
        print(describe(thing))
        return
    signature = ""
    if callable(kind):
        try:
            signature = str(inspect.signature(kind))
        except (TypeError, ValueError):
            signature = ""
    print(f"{name}{signature}\n" if not isinstance(thing, Layer) else f"{name}\n")
    print(text)
    if isinstance(thing, Layer):
        print(f"\nAs it is now\n------------\n{thing}")
