"""A long run: a million frames from a stream, through the retina, spikes to disk.

    PYTHON bench/soak.py [--frames 1000000] [--side 50] [--gain 0]

PYTHON has this project's wheel. Random pictures come from a stream, spikes of ON and
OFF cells go into a file as bits. Resident memory is read after every chunk; from a tenth
of the way on it must stay within 5 MB (10^6 bytes), or the exit code is 1. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import convis
import numpy

import jobs

CHUNK = 1000  # frames
MOST_GROWTH_MB = 5.0


def main() -> int:
    """Command line: see the text at the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, default=50, metavar="PIXELS")
    parser.add_argument("--gain", type=float, default=0.0, metavar="HZ",
                        help="strength of the contrast gain control")
    options = parser.parse_args()
    convis.seed(1)
    retina = convis.retina.Retina()
    retina.p.bipolar.lambda_amp.set(options.gain)
    source = convis.streams.RandomStream((options.side, options.side), level=0.2, mean=0.5)
    mark = options.frames // 10
    resident: list[float] = []
    spikes = 0

    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "spikes.bits", "wb") as file:

        def write(movie) -> None:
            nonlocal spikes
            bits = numpy.asarray(movie) != 0
            spikes += int(bits.sum())
            file.write(numpy.packbits(bits).tobytes())

        def off(movie) -> None:
            write(movie)
            if runner.frames >= mark:
                resident.append(jobs.resident_mb())

        runner = convis.base.Runner(retina, input=source, output={0: write, 1: off}, dt=CHUNK)
        begin = time.perf_counter()
        runner.run(options.frames)
        seconds = time.perf_counter() - begin
        size = file.tell()

    growth = resident[-1] - resident[0]
    highest = max(resident) - resident[0]
    pixel_steps = options.frames * options.side**2
    rate_hz = 1000 * spikes / (2 * pixel_steps)
    flat = highest <= MOST_GROWTH_MB
    print(f"{options.frames:,} frames of {options.side}² in {seconds:.1f} s: "
          f"{pixel_steps / seconds / 1e6:.1f} Mpixel-steps/s with source and file, {rate_hz:.2f} spikes "
          f"per cell and second, {size / 1e6:.0f} MB of spikes written")
    print(f"resident memory from frame {mark:,} on: {growth:+.2f} MB at the end, {highest:+.2f} MB at "
          f"most, {resident[-1]:.0f} MB in all: {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
