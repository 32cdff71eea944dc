"""Pictures and video, from luminance 0 to 1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from typing import IO, Any

import numpy as np

from .. import _native
from .._draft import Draft
from .._movies import whole
from .._resolution import _positive
from .._text import short
from ._stream import Frames, Stream, image_size, plane


class _FileStream(Stream):
    """A movie that the compiled part reads."""

    def __init__(self, path: str | os.PathLike[str], luminance_range: float, linear_light: bool) -> None:
        self.path = os.fspath(path)
        self._how = (_positive("luminance_range", luminance_range), bool(linear_light))
        self.reset()

    def reset(self) -> None:
        """Begin again with the first frame."""
        self._file: _native.FrameReader | None = _native.FrameReader(self.path, *self._how)
        self._size = (self._file.height, self._file.width)
        self._next: Frames | None = None
        self._count = 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self._size

    def get(self, n: int) -> Frames:
        """The next frames, float32."""
        n = whole("n", n)
        if self._file is None:
            return np.zeros((0, *self._size), np.float32)
        if self._next is None:
            frames = self._file.read(n)
        else:
            frames, self._next = self._next, None
            if n > 1:
                frames = np.concatenate([frames, self._file.read(n - len(frames))])
        self._count += len(frames)
        return frames

    def available(self, n: int = 1) -> bool:
        """Whether there is a further frame; it is read to see."""
        if self._file is None:
            return False
        if self._next is None or len(self._next) == 0:
            self._next = self._file.read(1)
        return len(self._next) > 0

    def close(self) -> None:
        """Let go of the file."""
        self._file = self._next = None


class ImageSequence(_FileStream):
    """Pictures as a movie: a folder, a pattern such as ``"frames/*.png"``, one picture, or an animated GIF.

    Pictures are taken in natural order (2 before 10). Their grey values (of colours: the luma of Rec. 709) become
    luminance from 0 to `luminance_range`.

    Parameters
    ----------
    path : str or path
        Folder, pattern or file: PNG, PGM, PPM, JPEG, GIF.
    luminance_range : float
        The luminance of white.
    linear_light : bool
        Whether to undo the transfer curve of sRGB, so that numbers are proportional to light.

    Examples
    --------
    >>> import convis, os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for i in range(12):
    ...     with open(os.path.join(folder, f"frame{i}.pgm"), "wb") as file:
    ...         _ = file.write(b"P5 2 1 255\\n" + bytes([20 * i, 255]))
    >>> pictures = convis.streams.ImageSequence(folder)
    >>> len(pictures), pictures.get(12)[10].round(3)
    (12, array([[0.784, 1.   ]], dtype=float32))
    """

    def __init__(
        self, path: str | os.PathLike[str], luminance_range: float = 1.0, linear_light: bool = False
    ) -> None:
        super().__init__(path, luminance_range, linear_light)

    @property
    def frames_per_second(self) -> float | None:
        """The rate of an animation, if it is constant."""
        return None if self._file is None else self._file.frames_per_second

    def _remaining(self) -> int | None:
        if self._file is None:
            return 0
        return None if self._file.length_hint is None else self._file.length_hint - self._count


class VideoReader(_FileStream):
    """A video file, or a camera.

    The program ``ffmpeg`` decodes. Grey values (of colours: the luma of Rec. 709) become luminance from 0 to
    `luminance_range`. A camera gives frames until the stream is closed.

    Parameters
    ----------
    path : str, path or int
        The file; a camera by its number, or as ``"/dev/video0"``.
    luminance_range : float
        The luminance of white.
    linear_light : bool
        Whether to undo the transfer curve of sRGB. Not for cameras.
    size : (int, int), optional
        For a camera: rows and columns to deliver.
    frames_per_second : float
        For a camera: the rate to ask for.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | int,
        luminance_range: float = 1.0,
        linear_light: bool = False,
        size: tuple[int, int] = (240, 320),
        frames_per_second: float = 30.0,
    ) -> None:
        self._camera: _Camera | None = None
        device = _camera_device(path)
        if device is None:
            super().__init__(os.fspath(path), luminance_range, linear_light)  # type: ignore[arg-type]
            return
        if linear_light:
            raise ValueError("linear_light: expected False for a camera, whose curve is not known")
        self.endless = True
        self.path = device
        self._file = None
        self._size = image_size("size", size)
        self._white = _positive("luminance_range", luminance_range)
        self._rate = _positive("frames_per_second", frames_per_second)
        self._camera = _Camera(device, self._size, self._rate)

    @property
    def frames_per_second(self) -> float | None:
        """The rate, if it is constant."""
        if self._camera is not None:
            return self._rate
        return None if self._file is None else self._file.frames_per_second

    def get(self, n: int) -> Frames:
        """The next frames, float32."""
        if self._camera is None:
            return super().get(n)
        return self._camera.read(whole("n", n)) * np.float32(self._white / 255)

    def available(self, n: int = 1) -> bool:
        """Whether there is a further frame. Of a file, one is read to see; a camera is waited for by `get`."""
        return super().available(n) if self._camera is None else self._camera.running

    def reset(self) -> None:
        """Begin again with the first frame of a file."""
        if self._camera is not None:
            raise TypeError("a camera cannot begin again")
        super().reset()

    def close(self) -> None:
        """Let go of the file, or of the camera."""
        if self._camera is not None:
            self._camera.close()
        super().close()


def _camera_device(path: Any) -> str | None:
    """The device of a camera, None for a file."""
    if isinstance(path, (int, np.integer)) and not isinstance(path, bool):
        number = whole("path", path, 0)
        return {"darwin": f"{number}", "win32": f"video={number}"}.get(sys.platform, f"/dev/video{number}")
    return path if isinstance(path, str) and path.startswith("/dev/") else None


def _ffmpeg(what: str) -> str:
    program = shutil.which("ffmpeg")
    if program is None:
        raise RuntimeError(f"{what}: the program `ffmpeg` was not found; install ffmpeg and put it into the PATH")
    return program


def _rate(frames_per_second: float) -> str:
    """A rate as ffmpeg takes it: 30000/1001, not 29.97."""
    return str(Fraction(frames_per_second).limit_denominator(100_000))


class _Program:
    """A running ffmpeg and what it complains of."""

    def __init__(self, what: str, arguments: list[str], **pipes: int) -> None:
        command = [_ffmpeg(what), "-v", "error", *arguments]
        self._what = what
        self._complaints: IO[bytes] = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stderr=self._complaints, **pipes)  # type: ignore[call-overload]

    def failed(self) -> RuntimeError:
        self.process.wait()
        self._complaints.seek(0)
        message = self._complaints.read(2000).decode(errors="replace").strip()
        return RuntimeError(f"{self._what}: `ffmpeg` failed: {message or f'exit code {self.process.returncode}'}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass  # what it holds back cannot be written to a program that has ended
        self._complaints.close()


class _Camera:
    def __init__(self, device: str, size: tuple[int, int], rate: float) -> None:
        driver = {"darwin": "avfoundation", "win32": "dshow"}.get(sys.platform, "v4l2")
        height, width = size
        arguments = ["-nostdin", "-f", driver, "-framerate", _rate(rate), "-i", device]
        arguments += ["-vf", f"scale={width}:{height}", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"]
        self._size = size
        self._program = _Program(f"camera {device}", arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._closed = False

    @property
    def running(self) -> bool:
        return not self._closed

    def read(self, n: int) -> Frames:
        if self._closed:
            return np.zeros((0, *self._size), np.float32)
        wanted = n * self._size[0] * self._size[1]
        data: bytes = self._program.process.stdout.read(wanted)
        if len(data) < wanted:
            raise self._program.failed()
        return np.frombuffer(data, np.uint8).reshape(n, *self._size).astype(np.float32)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._program.stop()


class VideoWriter(Stream):
    """Writes frames to a video, which appears when the stream is closed.

    Animated GIFs are written by convis itself, everything else by the program ``ffmpeg``.

    Parameters
    ----------
    path : str or path
        The file; its ending (``.mp4``, ``.avi``, ``.webm``, ``.gif``, …) says the format. An older file of that name
        is replaced.
    frames_per_second : float
        How fast it is shown. A GIF counts in hundredths of a second.
    value_range : (float, float)
        The numbers shown black and white; what lies beyond is cut off.
    magnify : int
        How many pixels of the video, in rows and in columns, a pixel of the frames becomes.

    Examples
    --------
    >>> import convis, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "noise.gif")
    >>> with convis.streams.VideoWriter(path, frames_per_second=25, magnify=4) as video:
    ...     video.put(np.random.default_rng(0).random((10, 8, 8)))
    >>> convis.streams.ImageSequence(path)
    <ImageSequence: 32 × 32 pixels, 10 frames>
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        frames_per_second: float = 25.0,
        value_range: tuple[float, float] = (0.0, 1.0),
        magnify: int = 1,
    ) -> None:
        self.path = os.fspath(path)
        self.frames_per_second = _positive("frames_per_second", frames_per_second)
        self._magnify = whole("magnify", magnify)
        try:
            low, high = (float(value) for value in value_range)
        except (TypeError, ValueError):
            raise TypeError(f"value_range: expected two numbers, got {short(value_range)}") from None
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError(f"value_range: expected black below white, got {short(value_range)}")
        self._range = (low, high)
        ending = os.path.splitext(self.path)[1].lower()
        if not ending:
            raise ValueError(f"path: expected a name with an ending such as .mp4 or .gif, got {self.path!r}")
        self._gif = ending == ".gif"
        if not self._gif:
            _ffmpeg(self.path)
        self._size: tuple[int, int] | None = None
        self._written = 0
        self._to: _native.GifWriter | _Encoder | None = None
        self._closed = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame; known from the first ones."""
        if self._size is None:
            raise ValueError(f"{self.path}: the size is known when the first frame is written")
        return self._size

    def put(self, frames: Any) -> None:
        """Append frames."""
        if self._closed:
            raise ValueError(f"{self.path}: the file is closed")
        array = plane(frames, self._size)
        if len(array) == 0:
            return
        if not np.isfinite(array).all():
            raise ValueError("frames: expected finite numbers, got NaN or infinity")
        low, high = self._range
        grey = np.clip((array.astype(np.float64) - low) * (255 / (high - low)), 0, 255).round().astype(np.uint8)
        grey = grey.repeat(self._magnify, 1).repeat(self._magnify, 2)
        if self._to is None:
            self._size = (array.shape[1], array.shape[2])
            height, width = grey.shape[1:]
            if self._gif:
                self._to = _native.GifWriter(self.path, width, height, 1000 / self.frames_per_second)
            else:
                self._to = _Encoder(self.path, height, width, self.frames_per_second)
        for frame in grey:
            self._to.append(frame.tobytes())
        self._written += len(array)

    def _remaining(self) -> int:
        return self._written

    def close(self) -> None:
        """Complete the file."""
        if self._closed:
            return
        self._closed = True
        if self._to is None:
            raise ValueError(f"{self.path}: no frame was written, so there is no file")
        self._to.finish()

    def _discard(self) -> None:
        if not self._closed and self._to is not None:
            self._to.discard()
        self._closed = True


class _Encoder:
    """A video encoded by ffmpeg."""

    def __init__(self, path: str, height: int, width: int, rate: float) -> None:
        self._draft = Draft(path)
        arguments = ["-f", "rawvideo", "-pix_fmt", "gray"]
        arguments += ["-video_size", f"{width}x{height}", "-framerate", _rate(rate)]
        # Most players want an even number of rows and columns, and colour planes of half the size.
        arguments += ["-i", "pipe:0", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]
        arguments += ["-y", f"file:{self._draft.name}"]
        try:
            self._program = _Program(path, arguments, stdin=subprocess.PIPE)
        except BaseException:
            self._draft.discard()
            raise

    def append(self, grey: bytes) -> None:
        try:
            self._program.process.stdin.write(grey)
        except OSError:
            error = self._program.failed()
            self.discard()
            raise error from None

    def finish(self) -> None:
        try:
            self._program.process.stdin.close()
        except OSError:
            pass  # it has failed, as its exit code says
        if self._program.process.wait() != 0:
            error = self._program.failed()
            self.discard()
            raise error
        self._program.stop()
        self._draft.commit()

    def discard(self) -> None:
        self._program.stop()
        self._draft.discard()
