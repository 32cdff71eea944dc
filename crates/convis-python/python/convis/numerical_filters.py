"""Finite kernels, by the old name of :mod:`convis.kernels`."""

from __future__ import annotations

from .kernels import (
    ExponentialKernel,
    deriche,
    exponential_filter_1d,
    exponential_highpass_filter_1d,
    gauss_filter_2d,
    gauss_filter_3d,
    gauss_filter_5d,
)

__all__ = [
    "ExponentialKernel",
    "deriche",
    "exponential_filter_1d",
    "exponential_highpass_filter_1d",
    "gauss_filter_2d",
    "gauss_filter_3d",
    "gauss_filter_5d",
]


def __dir__() -> list[str]:
    return __all__
