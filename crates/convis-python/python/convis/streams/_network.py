"""Frames from program to program, by a socket.

A connection begins with the 8 bytes ``convis\\0\\1``. Every message is a header of three little-endian numbers of 32
bits (frames, height, width) and the frames, float32, little-endian, row by row; a message of no frames ends the movie.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any

import numpy as np

from .._movies import whole
from .._resolution import _positive
from ._stream import Frames, Stream, plane

_GREETING = b"convis\0\1"
_HEADER = struct.Struct("<III")
#: Sent at a time, bytes.
_MESSAGE = 1 << 22


class StreamToNetwork(Stream):
    """Sends frames to a :class:`StreamFromNetwork` of another program.

    Parameters
    ----------
    port : int
        Where the other program listens.
    host : str
        The machine; by default this one.
    timeout_s : float
        How long to wait for the other program, s.

    Examples
    --------
    >>> import convis, numpy as np
    >>> receiver = convis.streams.StreamFromNetwork()
    >>> with convis.streams.StreamToNetwork(receiver.port) as sender:
    ...     sender.put(np.ones((7, 4, 5)))
    >>> receiver.size, receiver.get(100).shape
    ((4, 5), (7, 4, 5))
    >>> receiver.close()
    """

    def __init__(self, port: int, host: str = "127.0.0.1", timeout_s: float = 10.0) -> None:
        self._timeout = _positive("timeout_s", timeout_s)
        self._place = f"{host}:{_port(port, 1)}"
        try:
            self._socket: socket.socket | None = socket.create_connection((host, port), self._timeout)
        except OSError as error:
            raise ConnectionError(f"{self._place}: nobody listens ({error}); build the receiver first") from None
        self._size: tuple[int, int] | None = None
        self._send(_GREETING)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame; known from the first ones."""
        if self._size is None:
            raise ValueError("the size is known when the first frame is sent")
        return self._size

    def _send(self, data: Any) -> None:
        if self._socket is None:
            raise ValueError(f"{self._place}: the connection is closed")
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise TimeoutError(f"{self._place}: frames were not taken within {self._timeout} s") from None
        except OSError as error:
            raise ConnectionError(f"{self._place}: the receiver has closed the connection ({error})") from None

    def put(self, frames: Any) -> None:
        """Send frames."""
        array = plane(frames, self._size)
        self._size = (array.shape[1], array.shape[2])
        at_once = max(1, _MESSAGE // (4 * array.shape[1] * array.shape[2]))
        for first in range(0, len(array), at_once):
            part = np.ascontiguousarray(array[first : first + at_once], "<f4")
            self._send(_HEADER.pack(*part.shape))
            self._send(part.data.cast("B"))

    def close(self) -> None:
        """Tell the receiver that the movie has ended."""
        if self._socket is not None:
            try:
                self._send(_HEADER.pack(0, 0, 0))
            except ConnectionError:
                pass  # a receiver that has gone need not be told
            finally:
                self._discard()

    def _discard(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class StreamFromNetwork(Stream):
    """Receives the frames that a :class:`StreamToNetwork` of another program sends.

    Whoever reaches the port can send frames: by default only programs on this machine. It takes one connection.

    Parameters
    ----------
    port : int
        Where to listen; 0 takes a free port, see the attribute ``port``.
    host : str
        The address to listen at; by default only this machine is heard.
    timeout_s : float
        How long to wait for a sender, and for further frames, s.
    max_frame_bytes : int
        Larger frames are refused; 4 bytes a pixel.

    Attributes
    ----------
    port : int
        Where it listens.
    """

    def __init__(
        self, port: int = 0, host: str = "127.0.0.1", timeout_s: float = 10.0, max_frame_bytes: int = 1 << 28
    ) -> None:
        self._timeout = _positive("timeout_s", timeout_s)
        self._most = whole("max_frame_bytes", max_frame_bytes, 4)
        try:
            self._listener: socket.socket | None = socket.create_server((host, _port(port, 0)))
        except OSError as error:
            raise ConnectionError(f"{host}:{port}: cannot listen there ({error}); port 0 takes a free one") from None
        self._listener.settimeout(self._timeout)
        self.port: int = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._size: tuple[int, int] | None = None
        self._waiting = 0  # frames of the current message that are still to be read
        self._ended = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame; waits for the first one."""
        if self._size is None and not self._ended:
            self._next_message()
        if self._size is None:
            raise ValueError("the sender has sent no frame, so there is no size")
        return self._size

    def _next_message(self) -> None:
        frames, height, width = _HEADER.unpack(self._receive(_HEADER.size))
        if frames == 0:
            self._ended = True
            return
        if height * width == 0 or 4 * height * width > self._most:
            self._refuse(f"a frame of {height} × {width} pixels; expected at most {self._most} bytes (max_frame_bytes)")
        if self._size is not None and self._size != (height, width):
            self._refuse(f"frames of {height} × {width} pixels after {self._size[0]} × {self._size[1]}")
        self._size = (height, width)
        self._waiting = frames

    def _refuse(self, what: str) -> None:
        self.close()
        raise ValueError(f"port {self.port}: the sender sent {what}")

    def _receive(self, count: int) -> bytearray:
        if self._listener is None:
            raise ValueError("the stream is closed")
        try:
            if self._connection is None:
                self._connection, _ = self._listener.accept()
                self._connection.settimeout(self._timeout)
                greeting = self._receive(len(_GREETING))
                if greeting != _GREETING:
                    self._refuse(f"{bytes(greeting)!r}; expected a StreamToNetwork")
            data = bytearray(count)
            view = memoryview(data)
            while view:
                got = self._connection.recv_into(view)
                if got == 0:
                    raise ConnectionError(f"port {self.port}: the sender broke off in mid-movie")
                view = view[got:]
            return data
        except TimeoutError:
            raise TimeoutError(f"port {self.port}: nothing came within {self._timeout} s") from None

    def get(self, n: int) -> Frames:
        """The next frames, float32: waits for `n` of them, or the end."""
        parts, missing = [], whole("n", n)
        while missing > 0 and not self._ended:
            if self._waiting == 0:
                self._next_message()
                continue
            height, width = self.size
            # A message may announce more than it holds: memory is taken as frames come.
            frames = min(missing, self._waiting, max(1, _MESSAGE // (4 * height * width)))
            data = self._receive(4 * frames * height * width)
            parts.append(np.frombuffer(data, "<f4").reshape(frames, height, width))
            self._waiting -= frames
            missing -= frames
        if not parts:
            return np.zeros((0, *(self._size or (0, 0))), np.float32)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def available(self, n: int = 1) -> bool:
        """Whether something has come that is not read yet."""
        if self._ended or self._listener is None:
            return False
        return self._waiting > 0 or bool(select.select([self._connection or self._listener], [], [], 0)[0])

    @property
    def ended(self) -> bool:
        """Whether the sender has ended the movie, or the stream is closed."""
        return self._ended or self._listener is None

    def _describe(self) -> list[str]:
        words = [] if self._size is None else ["{} × {} pixels".format(*self._size)]
        return [*words, f"port {self.port}", *(["ended"] if self.ended else [])]

    def close(self) -> None:
        """Stop listening."""
        for end in (self._connection, self._listener):
            if end is not None:
                end.close()
        self._connection = self._listener = None


def _port(port: int, least: int) -> int:
    port = whole("port", port, least)
    if port > 65535:
        raise ValueError(f"port: expected a number up to 65535, got {port}")
    return port
