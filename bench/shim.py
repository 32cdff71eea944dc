"""Let a Python package of 2018 start under today's Python and numpy.

Import this module *before* the package. It gives back, under their old names,
a few things that Python or numpy have since moved, and accepts one kind of
argument that numpy has since begun to refuse. Results are not changed.
"""

import collections
import collections.abc
import math

import numpy


def restore_collection_names() -> None:
    """`collections.Mapping` and its siblings live in `collections.abc` since 3.10."""
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))


def restore_numpy_names() -> None:
    """numpy's aliases of plain Python types and of `math`, removed since 1.20."""
    aliases = {"math": math, "int": int, "float": float, "bool": bool,
               "complex": complex, "object": object, "str": str}
    for name, value in aliases.items():
        # numpy answers for some removed names with an error or a warning of
        # its own, so look into its dictionary instead of asking with hasattr.
        if name not in vars(numpy):
            setattr(numpy, name, value)


def accept_fractional_sample_counts() -> None:
    """`numpy.linspace` once cut a fractional number of samples down to a whole one."""
    strict_linspace = numpy.linspace

    def linspace(start, stop, num=50, *arguments, **options):
        return strict_linspace(start, stop, int(num), *arguments, **options)

    numpy.linspace = linspace


restore_collection_names()
restore_numpy_names()
accept_fractional_sample_counts()
