"""Streams: exact frame counts, any length of pieces, files, network, errors."""

import gzip
import os
import shutil
import socket
import struct
import threading

import convis
import numpy as np
import pytest
from convis import streams


def numbered(n, height=2, width=3):
    return np.arange(n, dtype="f4")[:, None, None] * np.ones((height, width), "f4")


def taken(stream, *pieces):
    """All frames' first pixels, in pieces of these lengths and then to the end."""
    parts = [stream.get(n) for n in pieces]
    while len(part := stream.get(7)):
        parts.append(part)
    return np.concatenate(parts)[:, 0, 0].tolist()


# ------------------------------------------------------------------ in memory
def test_noise_does_not_depend_on_the_pieces():
    whole = streams.RandomStream((3, 5), level=2.0, mean=10.0, seed=3).get(200)
    stream = streams.RandomStream((3, 5), level=2.0, mean=10.0, seed=3)
    parts = [stream.get(n) for n in (1, 7, 50, 142)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert abs(whole.mean() - 10) < 0.2 and abs(whole.std() - 2) < 0.1  # 3000 draws: 5 standard errors
    stream.reset()
    assert np.array_equal(stream.get(5), whole[:5])
    assert stream.endless and stream.available(10**9) and not stream.ended
    with pytest.raises(TypeError, match="endless"):
        len(stream)
    assert not np.array_equal(streams.RandomStream((3, 5), seed=4).get(5), streams.RandomStream((3, 5)).get(5))


@pytest.mark.parametrize("pieces", [(), (1,), (3, 4), (100,), (10,)])
def test_a_sequence_gives_exactly_its_frames(pieces):
    stream = streams.SequenceStream(numbered(10))
    assert len(stream) == 10 and stream.size == (2, 3)
    assert taken(stream, *pieces) == list(range(10))
    assert len(stream) == 0 and stream.ended and len(stream.get(5)) == 0
    stream.reset()
    assert [frame[0, 0] for frame in stream] == list(range(10))


def test_a_full_sequence_keeps_the_newest_frames():
    stream = streams.SequenceStream(numbered(4), max_frames=5)
    stream.put(numbered(20)[4:7])
    assert stream.sequence[:, 0, 0].tolist() == [2, 3, 4, 5, 6]
    assert stream.get(2)[:, 0, 0].tolist() == [2, 3]
    stream.put(numbered(20)[7])
    assert stream.sequence[:, 0, 0].tolist() == [3, 4, 5, 6, 7] and len(stream) == 4
    assert taken(stream, 3) == [4, 5, 6, 7]
    stream.put(numbered(100))
    assert stream.sequence[:, 0, 0].tolist() == [95, 96, 97, 98, 99]
    frames = numbered(1)
    stream.put(frames)
    frames[:] = 7  # the writer's memory stays the writer's
    assert stream.sequence[-1, 0, 0] == 0
    with pytest.raises(ValueError, match="2 × 3"):
        stream.put(np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="max_frames"):
        streams.SequenceStream(numbered(3), max_frames=0)


def test_a_live_sequence_waits_for_frames():
    stream = streams.SequenceStream(np.zeros((0, 2, 3)), live=True, timeout_s=5)
    assert not stream.ended and not stream.available()

    def write():
        for i in range(9):
            stream.put(numbered(9)[i])
        stream.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert taken(stream, 4) == list(range(9))
    thread.join()
    assert stream.ended
    with pytest.raises(TimeoutError, match="0.01"):
        streams.SequenceStream(np.zeros((0, 2, 3)), live=True, timeout_s=0.01).get(1)


def test_repeating():
    assert taken(streams.RepeatingStream(numbered(3), times=2), 2) == [0, 1, 2, 0, 1, 2]
    endless = streams.RepeatingStream(numbered(3))
    assert endless.endless and endless.get(7)[:, 0, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(ValueError, match="at least one frame"):
        streams.RepeatingStream(np.zeros((0, 2, 2)))


def test_frames_with_times():
    make = lambda: streams.TimedSequenceStream(numbered(3), [0.002, 0.004, 0.0045], 0.008, steps_per_second=1000)  # noqa: E731
    assert taken(make()) == taken(make(), 1, 2, 1) == [0, 0, 0, 0, 1, 2, 2, 2] and len(make()) == 8
    with pytest.raises(ValueError, match="increasing"):
        streams.TimedSequenceStream(numbered(2), [0.1, 0.1], 1.0)
    with pytest.raises(ValueError, match="each of 2"):
        streams.TimedSequenceStream(numbered(2), [0.1], 1.0)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(25, 1000), (29.97002997, 1000), (60, 1000), (1000, 60), (30, 30), (3, 7)])
def test_resampling_shows_the_frame_that_stands_at_each_step(from_rate, to_rate):
    frames = 40
    steps = int(np.ceil(frames * to_rate / from_rate - 1e-9))
    want = np.floor(np.arange(steps) * (from_rate / to_rate) + 1e-9).tolist()
    for pieces in ((), (1, 1, 1), (13,), (5, 1, 300)):
        stream = streams.TimedResampleStream(streams.SequenceStream(numbered(frames)), from_rate, to_rate)
        assert len(stream) == steps
        assert taken(stream, *pieces) == want
        assert stream.ended and len(stream) == 0


def test_resampling_can_interpolate():
    for pieces in ((), (1, 2)):
        stream = streams.TimedResampleStream(streams.SequenceStream(numbered(3)), 250, 1000, interpolate=True)
        assert taken(stream, *pieces) == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2, 2, 2]
    noise = streams.TimedResampleStream(streams.RandomStream((2, 2)), 100, 1000)
    assert noise.endless and noise.get(25).shape == (25, 2, 2)
    with pytest.raises(ValueError, match="frames_per_second"):
        streams.TimedResampleStream(streams.SequenceStream(numbered(3)))


def test_processing():
    double = streams.ProcessingStream(streams.SequenceStream(numbered(5, 4, 4)), lambda frames: 2 * frames[:, ::2])
    assert double.size == (2, 4) and len(double) == 5
    assert taken(double, 2) == [0, 2, 4, 6, 8]
    target = streams.SequenceStream(np.zeros((0, 2, 4)))
    streams.ProcessingStream(target, lambda frames: frames[:, ::2]).put(numbered(3, 4, 4))
    assert target.sequence.shape == (3, 2, 4)
    with pytest.raises(ValueError, match="process"):
        streams.ProcessingStream(streams.SequenceStream(numbered(5)), lambda frames: frames[0]).get(2)


def test_reading_what_is_written_to_and_the_other_way_round():
    with pytest.raises(TypeError, match="read from"):
        streams.RandomStream((2, 2)).put(numbered(1))
    with pytest.raises(TypeError, match="stream"):
        streams.ProcessingStream(numbered(1), lambda x: x)
    for bad in (0, -1, 2.5, "a"):
        with pytest.raises((TypeError, ValueError), match="n:"):
            streams.RandomStream((2, 2)).get(bad)
    for bad in ((0, 3), (3,), 5, "ab", (1.5, 2)):
        with pytest.raises((TypeError, ValueError), match="size"):
            streams.RandomStream(bad)


# ------------------------------------------------------------------ files
def test_numpy_files_of_any_length(tmp_path):
    path = tmp_path / "x.npy"
    with streams.NumpyWriter(path) as file:
        assert not path.exists()
        for i in range(10):
            file.put(numbered(1000)[100 * i : 100 * (i + 1)])
        assert not path.exists() and len(file) == 1000
    assert np.array_equal(np.load(path), numbered(1000)) and os.listdir(tmp_path) == ["x.npy"]
    with streams.NumpyReader(path) as file:
        assert len(file) == 1000 and file.size == (2, 3)
        assert file.get(3).flags.writeable
        file.reset()
        assert taken(file, 1, 999) == list(range(1000))
    np.save(path, numbered(6)[None, None].astype("u1"))
    assert taken(streams.NumpyReader(path)) == list(range(6))
    with streams.NumpyWriter(path, dtype="f8") as file:
        file.put(convis.retina.Retina().run(np.ones((9, 2, 3)))[0])
    assert np.load(path).dtype == np.float64 and np.load(path).shape == (9, 2, 3)


def test_numpy_files_that_are_not_completed_leave_nothing(tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), streams.NumpyWriter(path) as file:
        file.put(numbered(3))
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="no frame"), streams.NumpyWriter(path):
        pass
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.npy"]
    with pytest.raises(ValueError, match="readable"):
        streams.NumpyReader(path)
    np.savez(tmp_path / "y.npz", a=numbered(2))
    with pytest.raises(ValueError, match="archive"):
        streams.NumpyReader(tmp_path / "y.npz")
    np.save(path, np.zeros((2, 2, 2, 2)))
    with pytest.raises(ValueError, match="shape"):
        streams.NumpyReader(path)
    with pytest.raises(FileNotFoundError):
        streams.NumpyReader(tmp_path / "missing.npy")
    with pytest.raises(FileNotFoundError, match="create it"):
        streams.NumpyWriter(tmp_path / "missing" / "x.npy")
    with pytest.raises(ValueError, match=r"\.npy"):
        streams.NumpyWriter(tmp_path / "x.dat")


def test_movies_of_virtual_retina(tmp_path):
    path = tmp_path / "x.inr"
    frames = np.random.default_rng(0).random((20, 3, 5))
    with streams.InrImageStreamWriter(path) as file:
        file.put(frames[:7])
        assert not path.exists()
        file.put(frames[7:])
    movie = streams.InrImageStreamer(path)
    assert movie.size == (3, 5) and len(movie) == 20
    assert np.array_equal(np.concatenate([movie.get(4), movie.get(100)]), frames) and movie.ended
    movie.reset()
    assert taken(movie) == frames[:, 0, 0].tolist()
    with pytest.raises(ZeroDivisionError), streams.InrImageStreamWriter(path) as file:
        file.put(frames)
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["x.inr"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="inr"):
        streams.InrImageStreamer(path)
    with pytest.raises(FileNotFoundError):
        streams.InrImageStreamer(tmp_path / "missing.inr")
    with pytest.raises(ValueError, match=r"\.inr"):
        streams.InrImageStreamWriter(tmp_path / "x.dat")


def test_pictures_in_natural_order(tmp_path):
    for i in range(12):
        (tmp_path / f"frame{i}.pgm").write_bytes(b"P5 3 2 255\n" + bytes([20 * i] * 6))
    pictures = streams.ImageSequence(tmp_path)
    assert pictures.size == (2, 3) and len(pictures) == 12 and pictures.available()
    assert np.allclose(taken(pictures, 1, 3), np.arange(12) * 20 / 255)
    assert pictures.ended
    pictures.reset()
    assert len(pictures.get(100)) == 12
    assert len(streams.ImageSequence(str(tmp_path / "frame1*.pgm"))) == 3
    with pytest.raises(FileNotFoundError, match="missing"):
        streams.ImageSequence(tmp_path / "missing")
    (tmp_path / "broken.pgm").write_bytes(b"P5 3 2 255\nab")
    with pytest.raises(ValueError, match="broken"):
        streams.ImageSequence(tmp_path / "broken.pgm").get(1)
    with pytest.raises(ValueError, match="luminance_range"):
        streams.ImageSequence(tmp_path, luminance_range=0)


def test_animations(tmp_path):
    path = tmp_path / "x.gif"
    with streams.VideoWriter(path, frames_per_second=25, value_range=(0, 9), magnify=2) as video:
        video.put(numbered(10))
        assert not path.exists()
    read = streams.ImageSequence(path)
    assert read.size == (4, 6) and read.frames_per_second == 25
    assert np.allclose(np.array(taken(read, 4)) * 9, np.arange(10), atol=9 / 255)
    with pytest.raises(ZeroDivisionError), streams.VideoWriter(path) as video:
        video.put(np.zeros((1, 2, 2)))
        raise ZeroDivisionError
    assert streams.ImageSequence(path).size == (4, 6) and os.listdir(tmp_path) == ["x.gif"]
    with pytest.raises(ValueError, match="finite"):
        streams.VideoWriter(path).put(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="black"):
        streams.VideoWriter(path, value_range=(1, 0))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_video(tmp_path):
    path = tmp_path / "x.avi"
    with streams.VideoWriter(path, frames_per_second=25) as video:
        video.put(numbered(20, 32, 48) / 20)
    assert os.listdir(tmp_path) == ["x.avi"]
    read = streams.VideoReader(path)
    assert read.size == (32, 48) and read.frames_per_second == 25
    assert np.allclose(taken(read, 3), np.arange(20) / 20, atol=0.1)  # a lossy format
    with pytest.raises(RuntimeError, match="ffmpeg"), streams.VideoWriter(tmp_path / "x.unknown") as video:
        video.put(numbered(3))
    assert os.listdir(tmp_path) == ["x.avi"]


def test_without_ffmpeg_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "x.mp4").write_bytes(b"video")
    for use in (
        lambda: streams.VideoReader(tmp_path / "x.mp4"),
        lambda: streams.VideoReader(0),
        lambda: streams.VideoWriter(tmp_path / "y.mp4"),
    ):
        with pytest.raises(RuntimeError, match="install ffmpeg"):
            use()


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_a_camera(tmp_path, monkeypatch):
    """A stand-in for ffmpeg that gives 5 frames of 2 × 2 pixels and then fails as a camera does that is unplugged."""
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\necho "$@" > "$0.args"\nprintf "aaaabbbbccccddddeeee"\necho gone >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with streams.VideoReader(3, luminance_range=255, size=(2, 2), frames_per_second=29.97002997) as camera:
        assert camera.endless and camera.size == (2, 2)
        assert camera.get(4)[:, 0, 0].tolist() == [97, 98, 99, 100]
        with pytest.raises(RuntimeError, match="gone"):
            camera.get(4)
    assert camera.ended
    assert "/dev/video3" in (tmp_path / "ffmpeg.args").read_text() and "30000/1001" in (tmp_path / "ffmpeg.args").read_text()


# ------------------------------------------------------------------ network
def test_frames_by_network():
    with streams.StreamFromNetwork(timeout_s=5) as receiver:
        assert not receiver.available() and not receiver.ended

        def send():
            with streams.StreamToNetwork(receiver.port) as sender:
                sender.put(numbered(1000, 40, 50))
                sender.put(numbered(1001, 40, 50)[-1])

        thread = threading.Thread(target=send)
        thread.start()
        assert receiver.size == (40, 50)
        assert taken(receiver, 1, 3, 500) == list(range(1001))
        thread.join()
        assert receiver.ended and len(receiver.get(4)) == 0


def test_network_trouble_is_told():
    with pytest.raises(TimeoutError, match=r"0\.05"), streams.StreamFromNetwork(timeout_s=0.05) as receiver:
        receiver.get(1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match="nobody listens"):
        streams.StreamToNetwork(port)

    def received(data, **options):
        with streams.StreamFromNetwork(timeout_s=5, **options) as receiver:
            with socket.create_connection(("127.0.0.1", receiver.port)) as sender:
                sender.sendall(data)
            receiver.get(10)

    with pytest.raises(ValueError, match="expected a StreamToNetwork"):
        received(b"GET / HTTP/1.1")
    with pytest.raises(ConnectionError, match="broke off"):
        received(b"convis\0\1" + struct.pack("<III", 4_000_000_000, 10, 10) + bytes(1000))
    with pytest.raises(ValueError, match="max_frame_bytes"):
        received(b"convis\0\1" + struct.pack("<III", 1, 10, 10), max_frame_bytes=396)
    with pytest.raises(ValueError, match="max_frame_bytes"):
        received(b"convis\0\1" + struct.pack("<III", 1, 2**32 - 1, 2**32 - 1))
    with pytest.raises(ValueError, match="after 1 × 1"):
        received(b"convis\0\1" + struct.pack("<IIIfIII", 1, 1, 1, 0.0, 1, 2, 2))
    with pytest.raises(ValueError, match="port"):
        streams.StreamToNetwork(70000)


# ------------------------------------------------------------------ IDX
def test_idx_pictures(tmp_path):
    pictures = bytes(range(3 * 2 * 2))
    data = struct.pack(">HBBIII", 0, 8, 3, 3, 2, 2) + pictures
    (tmp_path / "images").write_bytes(data)
    (tmp_path / "labels").write_bytes(struct.pack(">HBBI", 0, 8, 1, 3) + bytes([7, 8, 9]))
    with gzip.open(tmp_path / "images.gz", "wb") as file:
        file.write(data)
    for name in ("images", "images.gz"):
        stream = streams.IdxStream(tmp_path / name, tmp_path / "labels", 2, 1, luminance_range=255)
        assert len(stream) == 9 and stream.size == (2, 2)
        assert taken(stream, 1, 3) == [0, 0, 0, 4, 4, 0, 8, 8, 0]
        assert [stream.label(t) for t in (0, 2, 3, 8)] == [7, 7, 8, 9]
    (tmp_path / "short").write_bytes(data[:-1])
    with pytest.raises(ValueError, match="is the file whole"):
        streams.IdxStream(tmp_path / "short")
    with pytest.raises(ValueError, match="IDX"):
        streams.IdxStream(tmp_path / "labels")
    (tmp_path / "broken.gz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="gzip"):
        streams.IdxStream(tmp_path / "broken.gz")


def test_reprs():
    assert repr(streams.RandomStream((3, 4))) == "<RandomStream: 3 × 4 pixels, endless>"
    assert repr(streams.SequenceStream(numbered(5))) == "<SequenceStream: 2 × 3 pixels, 5 frames>"
    assert bool(streams.SequenceStream(np.zeros((0, 2, 2))))


def test_a_file_of_numbers_keeps_what_it_is_given(tmp_path):
    path = tmp_path / "numbers.npy"
    spikes, rates = np.ones((2, 3, 4), "uint8"), np.full((2, 3, 4), 0.5)
    for dtype, first, then in ((None, spikes, rates), ("uint8", spikes, rates * 600), ("uint8", spikes, -rates), ("float32", rates, rates * 1e300)):
        file = convis.streams.NumpyWriter(path, dtype)
        file.put(first)
        with pytest.raises(ValueError, match="dtype="):
            file.put(then)
        file.put(first)
        file.close()
        assert np.array_equal(np.load(path), np.concatenate([first, first]))
    with convis.streams.NumpyWriter(path, "uint8") as file:
        file.put(spikes.astype("float64"))
    with convis.streams.NumpyWriter(path, "float32") as file:
        file.put(np.full((1, 3, 4), 0.1))
        file.put(np.full((1, 3, 4), np.nan))
    assert np.isnan(np.load(path)[1]).all()
