"""Finite kernels: tables of numbers to be used as weights.

==========================================  =========================================================
:func:`exponential_filter_1d`               exponential, or cascade of exponentials, in time
:func:`exponential_highpass_filter_1d`      the signal minus a weighted exponential, in time
:func:`gauss_filter_2d`, ``_3d``, ``_5d``   Gaussian in space
:func:`deriche`                             coefficients of Deriche's recursive blur
:class:`ExponentialKernel`                  exponential of fixed length, differentiable in its time constant
==========================================  =========================================================

Every kernel follows one of two rules: ``"published"``, the default, is the kernel of the recursive filter or blur of the
same name, cut where what is left out is below `epsilon`, and of the sum asked for; ``"convis"`` are the formulas of the
toolbox of 2018, cut by height and not normalised.

``convis.numerical_filters`` is the same module by its old name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _gradients, _native
from ._layer import Layer
from ._movies import whole
from ._native import Tensor
from ._parameter import Parameter
from ._resolution import Resolution, pair

__all__ = [
    "ExponentialKernel",
    "deriche",
    "exponential_filter_1d",
    "exponential_highpass_filter_1d",
    "gauss_filter_2d",
    "gauss_filter_3d",
    "gauss_filter_5d",
]

Array = NDArray[np.float64]


def __dir__() -> list[str]:
    return __all__


def _kernel(kind: str, resolution: Resolution | None, **options: Any) -> Array:
    return np.array(_native.kernel(kind, options, pair(resolution)))


def exponential_filter_1d(
    tau: float = 0.01,
    n: int = 0,
    normalize: bool = True,
    resolution: Resolution | None = None,
    amplification: float = 1.0,
    max_length: int = 1000,
    min_steps: int = 10,
    even: bool | None = None,
    *,
    rule: str = "published",
    epsilon: float = 1e-3,
) -> Array:
    """Compute the kernel of an exponential low-pass filter, or of a cascade of them.

    Parameters
    ----------
    tau : float
        Time constant, s.
    n : int
        Order of the cascade; 0 is a single exponential.
    normalize : bool
        Whether the factor amplification/tau is applied (rule ``"convis"``, n = 0).
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.
    amplification : float
        Sum of the kernel.
    max_length, min_steps : int
        Most and fewest samples (rule ``"convis"``).
    even : bool, optional
        Whether the number of samples is even or odd; one is appended if need be.
    rule : {"published", "convis"}
        Which formulas.
    epsilon : float
        Part of the kernel that may be left out, or height below which it is (rule ``"convis"``).

    Returns
    -------
    numpy.ndarray
        The samples, the present first.

    References
    ----------
    Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219: filters E_τ and E_n,τ.

    Examples
    --------
    >>> import convis
    >>> kernel = convis.kernels.exponential_filter_1d(0.01)
    >>> len(kernel), round(float(kernel.sum()), 6)
    (70, 1.0)
    """
    return _kernel(
        "exponential",
        resolution,
        tau=tau,
        n=whole("n", n, least=0),
        normalize=normalize,
        amplification=amplification,
        max_length=whole("max_length", max_length),
        min_steps=whole("min_steps", min_steps, least=0),
        even=even,
        rule=rule,
        epsilon=epsilon,
    )


def exponential_highpass_filter_1d(
    tau: float = 0.01,
    relative_weight: float = 0.5,
    normalize: bool = True,
    resolution: Resolution | None = None,
    max_length: int = 1000,
    min_steps: int = 10,
    *,
    rule: str = "published",
    epsilon: float = 1e-3,
) -> Array:
    """Compute the kernel of a transient filter: the signal minus a weighted exponential low-pass of it.

    Parameters
    ----------
    tau : float
        Time constant of the low-pass, s.
    relative_weight : float
        Its weight: 0 passes everything, 1 removes the mean.
    normalize, resolution, max_length, min_steps, rule, epsilon
        See :func:`exponential_filter_1d`.

    Returns
    -------
    numpy.ndarray
        The samples, the present first.

    References
    ----------
    Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219: filter T_w,τ.

    Examples
    --------
    >>> import convis
    >>> round(float(convis.kernels.exponential_highpass_filter_1d(0.02, 0.7).sum()), 6)
    0.3
    """
    return _kernel(
        "high_pass",
        resolution,
        tau=tau,
        relative_weight=relative_weight,
        n=0,
        normalize=normalize,
        amplification=1.0,
        max_length=whole("max_length", max_length),
        min_steps=whole("min_steps", min_steps, least=0),
        even=None,
        rule=rule,
        epsilon=epsilon,
    )


def gauss_filter_2d(
    x_sig: float,
    y_sig: float | None = None,
    even: bool = False,
    resolution: Resolution | None = None,
    border_factor: float = 1.0,
    *,
    rule: str = "published",
    epsilon: float = 1e-3,
) -> Array:
    """Compute a Gaussian kernel in space.

    Parameters
    ----------
    x_sig, y_sig : float
        Standard deviations along height and width, degrees of visual angle; `y_sig` is `x_sig` by default.
    even : bool
        Whether the kernel has an even number of samples, none of them in the middle.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.
    border_factor : float
        Factor of the kernel's half width (rule ``"convis"``).
    rule : {"published", "convis"}
        Unit sum and cut at four standard deviations, or the formulas of the toolbox of 2018.
    epsilon : float
        Height below which the kernel is cut (rule ``"convis"``).

    Returns
    -------
    numpy.ndarray
        (height, width).

    Examples
    --------
    >>> import convis
    >>> kernel = convis.kernels.gauss_filter_2d(0.1, 0.2)
    >>> kernel.shape, round(float(kernel.sum()), 6)
    ((9, 17), 1.0)
    """
    sigma_y = x_sig if y_sig is None else y_sig
    shape = dict(even=even, border=border_factor, rule=rule, epsilon=epsilon)
    try:
        return _kernel("gaussian", resolution, sigma_x=x_sig, sigma_y=sigma_y, **shape)
    except (ValueError, TypeError) as error:  # it knows these two by other names
        text = str(error).replace("sigma_x:", "x_sig:").replace("sigma_y:", "x_sig:" if y_sig is None else "y_sig:")
        raise type(error)(text) from None


def gauss_filter_3d(x_sig: float, y_sig: float | None = None, **options: Any) -> Array:
    """Compute the kernel of :func:`gauss_filter_2d` as (1, height, width).

    Parameters
    ----------
    x_sig, y_sig, **options
        See :func:`gauss_filter_2d`.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> import convis
    >>> convis.kernels.gauss_filter_3d(0.1).shape
    (1, 9, 9)
    """
    return gauss_filter_2d(x_sig, y_sig, **options)[None]


def gauss_filter_5d(x_sig: float, y_sig: float | None = None, **options: Any) -> Array:
    """Compute the kernel of :func:`gauss_filter_2d` as (1, 1, 1, height, width).

    Parameters
    ----------
    x_sig, y_sig, **options
        See :func:`gauss_filter_2d`.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> import convis
    >>> convis.kernels.gauss_filter_5d(0.1).shape
    (1, 1, 1, 9, 9)
    """
    return gauss_filter_2d(x_sig, y_sig, **options)[None, None, None]


def deriche(density: float) -> tuple[Array, Array]:
    """Compute the coefficients of Deriche's recursive blur.

    Parameters
    ----------
    density : float
        One over the width of the blur, per pixel.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Weights a₀ … a₃ of the input, b₀ and b₁ of the output before.

    References
    ----------
    R. Deriche 1987, Int. J. Computer Vision 1:167.

    Examples
    --------
    >>> import convis
    >>> a, b = convis.kernels.deriche(0.5)
    >>> round(float(a.sum() / (1 - b.sum())), 9)           # a constant stays what it is
    1.0
    """
    a, b = _native.deriche(density)
    return np.array(a), np.array(b)


class ExponentialKernel(Layer):
    """An exponential kernel of fixed length, differentiable in its time constant and amplification.

    It takes no input: calling it gives the kernel, to be used as a weight or in a calculation of one's own.

    Parameters
    ----------
    tau : float
        Time constant, s.
    n : int
        Order of the cascade; 0 is a single exponential.
    amplification : float
        Sum of the kernel.
    length : int
        Samples; with the rule ``"convis"`` n times as many for n > 0.
    rule : {"published", "convis"}
        Which formulas, see :func:`exponential_filter_1d`.
    resolution : convis.Resolution, optional
        By default ``convis.default_resolution``.

    Examples
    --------
    >>> import convis, numpy as np
    >>> kernel = convis.kernels.ExponentialKernel(tau=0.01, length=50)
    >>> k = kernel()
    >>> k.shape, round(float(np.asarray(k).sum()), 6)
    ((50,), 1.0)
    >>> k.backward(np.arange(50.0))
    >>> bool(float(kernel.tau.grad.item()) > 0)            # a longer time constant is a later kernel
    True
    """

    tau: Parameter
    amplification: Parameter

    def __init__(
        self,
        tau: float = 0.01,
        n: int = 0,
        amplification: float = 1.0,
        length: int = 100,
        *,
        rule: str = "published",
        resolution: Resolution | None = None,
    ) -> None:
        super().__init__()
        options = dict(
            tau=tau, n=whole("n", n, least=0), amplification=amplification, length=whole("length", length), rule=rule
        )
        self._build(options, pair(resolution))

    def _build(self, options: dict[str, Any], resolution: tuple[float, float]) -> None:
        kernel = _native.ExponentialKernel(options, resolution)
        self.__dict__.update(_made_by=(options, resolution), _kernel=kernel)
        for parameter in kernel.parameters():
            self._parts[parameter.name] = Parameter._of_layer(parameter, self)
        if not _gradients.by_default():
            self.requires_grad_(False)

    def __call__(self) -> Tensor:  # type: ignore[override]
        """Compute the kernel.

        Returns
        -------
        Tensor
            The samples, the present first.
        """
        kernel: _native.ExponentialKernel = self.__dict__["_kernel"]
        return kernel.kernel(_gradients.recorded())

    def _inner(self) -> frozenset[str]:
        return frozenset(("tau", "amplification"))

    def __getstate__(self) -> dict[str, Any]:
        values = {name: (p.data, p.requires_grad) for name, p in self.named_parameters()}
        return {"made_by": self.__dict__["_made_by"], "values": values}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__dict__["_parts"] = {}
        self._build(*saved["made_by"])
        for name, (value, requires_grad) in saved["values"].items():
            self._parts[name].set(value)
            self._parts[name].requires_grad = requires_grad
