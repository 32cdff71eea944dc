"""Simulate and fit filter-based models of the retina on video of any length.

=====================  ==========================================================================
``convis.retina``      the retina of Wohrer & Kornprobst (2009) and its stages
``convis.filters``     filters in space and time
``convis.spiking``     neurons that fire
``convis.models``      linear-nonlinear models and their kin, layers put together
``convis.fitting``     from a recording to a model: ``convis.fit``
``convis.metrics``     how well a prediction describes a response
``convis.optim``       optimisers for fitting parameters
``convis.streams``     movies that come and go frame by frame: files, video, cameras, sockets
``convis.stimuli``     movies to show, in degrees and seconds
``convis.samples``     the stimuli of the toolbox of 2018
``convis.kernels``     finite kernels
``convis.analysis``    from responses back to filters
``convis.variables``   parameters, states, tensors
``convis.base``        layers, their outputs, and the runner
=====================  ==========================================================================

Examples
--------
>>> import convis, numpy as np
>>> retina = convis.retina.Retina()
>>> retina.p.bipolar.lambda_amp = 50.0
>>> movie = np.random.default_rng(0).random((300, 20, 20))     # time, height, width
>>> output = retina.run(movie, dt=100)
>>> output.ganglion_spikes_ON.shape
(1, 1, 300, 20, 20)
"""

from __future__ import annotations

import importlib as _importlib
import operator as _operator
import sys as _sys
import types as _types
from typing import Any as _Any

import numpy as _numpy

from . import (
    _native,
    analysis,
    base,
    design,
    filters,
    fitting,
    kernels,
    metrics,
    models,
    numerical_filters,
    optim,
    recordings,
    retina,
    samples,
    spiking,
    stimuli,
    streams,
    variables,
)
from ._describe import describe, help
from ._gradients import no_grad
from ._layer import Layer
from ._native import Tensor, cat, stack
from ._output import Output
from ._parameter import Parameter
from ._pictures import (
    animate,
    animate_double_plot,
    animate_to_html,
    animate_to_video,
    plot,
    plot_5d_matshow,
    plot_5d_time,
    plot_impulse,
    plot_impulse_space,
    plot_output,
    plot_tensor,
)
from ._resolution import Resolution, default_resolution
from ._runner import Runner
from .fitting import fit

__version__: str = _native.__version__

#: Whether new parameters require gradients and calls record them; can be set, for all calls that follow. Within a block,
#: :class:`no_grad` does the same for calls alone. Parameters that exist keep their ``requires_grad``.
default_grad_enabled: bool = True

__all__ = [
    "Layer",
    "Output",
    "Parameter",
    "Resolution",
    "Runner",
    "Tensor",
    "__version__",
    "analysis",
    "animate",
    "animate_double_plot",
    "animate_to_html",
    "animate_to_video",
    "base",
    "cat",
    "config",
    "cuda_is_available",
    "default_grad_enabled",
    "default_resolution",
    "describe",
    "design",
    "filters",
    "fit",
    "fitting",
    "from_dlpack",
    "help",
    "kernels",
    "metrics",
    "models",
    "no_grad",
    "numerical_filters",
    "optim",
    "plot",
    "plot_5d_matshow",
    "plot_5d_time",
    "plot_impulse",
    "plot_impulse_space",
    "plot_output",
    "plot_tensor",
    "recordings",
    "retina",
    "samples",
    "seed",
    "spiking",
    "stack",
    "stimuli",
    "streams",
    "variables",
]


def seed(n: int) -> None:
    """Set the seed of the noise of models built from now on, and count models from zero again.

    Two programs that set the same seed and build the same models in the same order see the same noise.

    Parameters
    ----------
    n : int
        The seed, from 0.

    Examples
    --------
    >>> import convis, numpy as np
    >>> x = np.ones((200, 5, 5))
    >>> convis.seed(7)
    >>> a = convis.retina.Retina().run(x).array(0)
    >>> convis.seed(7)
    >>> b = convis.retina.Retina().run(x).array(0)
    >>> bool((a == b).all())
    True
    """
    try:
        number = _operator.index(n)
    except TypeError:
        raise TypeError(f"n: expected a whole number from 0, got {n!r}") from None
    if not 0 <= number < 2**64:
        raise ValueError(f"n: expected a whole number from 0 to 2**64 - 1, got {number}")
    _native.seed(number)


def from_dlpack(x: object) -> Tensor:
    """Make a tensor of that of another library; its numbers are copied.

    Parameters
    ----------
    x : object with ``__dlpack__``
        A tensor on the processor of float32, float64 or uint8 numbers; other numbers become float32.

    Examples
    --------
    >>> import convis, numpy as np
    >>> convis.from_dlpack(np.ones((2, 3))).shape
    (2, 3)
    """
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError(f"x: expected an object with __dlpack__, got {type(x).__name__}")
    device = x.__dlpack_device__()
    if int(device[0]) not in (1, 3):  # 1: processor, 3: memory of the processor pinned for a GPU
        raise ValueError("x: expected a tensor on the CPU; move it there first, e.g. x.cpu()")
    return Tensor(_numpy.from_dlpack(x))


def cuda_is_available() -> bool:
    """Whether this build computes on a GPU that this machine has."""
    return False


def config() -> dict[str, str]:
    """What computes: version, number of threads, vector instructions.

    ``CONVIS_NUM_THREADS`` and ``CONVIS_SIMD`` in the environment change the latter two; results stay the same.

    Examples
    --------
    >>> import convis
    >>> sorted(convis.config())
    ['simd', 'threads', 'version']
    """
    return {"version": __version__, **_native.config()}


def __dir__() -> list[str]:
    return __all__


class _Package(_types.ModuleType):
    """The package: what it is told by assignment is taken in, or refused."""

    def __setattr__(self, name: str, value: _Any) -> None:
        if name == "default_resolution":
            # It stays the same object, which others may have imported.
            if not isinstance(value, Resolution):
                raise TypeError(f"default_resolution: expected a convis.Resolution, got {value!r}")
            for number in ("pixel_per_degree", "steps_per_second"):
                setattr(default_resolution, number, getattr(value, number))
        elif name == "default_grad_enabled" and not isinstance(value, (bool, _numpy.bool_)):
            raise TypeError(f"default_grad_enabled: expected True or False, got {value!r}")
        else:
            super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> _Any:
    if name == "torch":  # imported when it is first used: it imports torch
        return _importlib.import_module("convis.torch")
    raise AttributeError(f"module 'convis' has no attribute {name!r}")
