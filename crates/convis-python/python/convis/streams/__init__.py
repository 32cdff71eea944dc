"""Movies that come and go frame by frame, of any length, in little memory.

A model reads its input from a stream by ``model.run(stream, dt=100)``; a :class:`convis.base.Runner` connects a stream, a
model and another stream in a thread.

===============================  ===========================================================================
:class:`RandomStream`            noise without end
:class:`SequenceStream`          frames in memory, to read and to write
:class:`RepeatingStream`         the same frames again and again
:class:`TimedSequenceStream`     frames with times
:class:`TimedResampleStream`     a stream at another rate: a video of 25 frames a second at 1000 steps a second
:class:`ProcessingStream`        a stream changed by a function
:class:`NumpyReader`             a ``.npy`` file, read as needed; :class:`NumpyWriter` writes one
:class:`ImageSequence`           pictures of a folder, an animated GIF
:class:`VideoReader`             a video or a camera; :class:`VideoWriter` writes a video
:class:`InrImageStreamer`        a movie of Virtual Retina; :class:`InrImageStreamWriter` writes one
:class:`StreamFromNetwork`       frames of another program; :class:`StreamToNetwork` sends them
:class:`IdxStream`               pictures of MNIST and its kin
===============================  ===========================================================================

Every stream has ``size``, ``get(n)`` or ``put(frames)``, ``available(n)``, ``ended`` and ``close()``; streams that know
how many frames are left have a length. All are context managers.
"""

from __future__ import annotations

from ._generated import RandomStream
from ._idx import IdxStream
from ._inr import InrImageStreamer, InrImageStreamWriter
from ._network import StreamFromNetwork, StreamToNetwork
from ._numpy_files import NumpyReader, NumpyWriter
from ._pictures import ImageSequence, VideoReader, VideoWriter
from ._sequences import ProcessingStream, RepeatingStream, SequenceStream, TimedResampleStream, TimedSequenceStream
from ._stream import Stream

__all__ = [
    "IdxStream",
    "ImageSequence",
    "InrImageStreamWriter",
    "InrImageStreamer",
    "NumpyReader",
    "NumpyWriter",
    "ProcessingStream",
    "RandomStream",
    "RepeatingStream",
    "SequenceStream",
    "Stream",
    "StreamFromNetwork",
    "StreamToNetwork",
    "TimedResampleStream",
    "TimedSequenceStream",
    "VideoReader",
    "VideoWriter",
]


def __dir__() -> list[str]:
    return __all__
