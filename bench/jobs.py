"""What both sides of the comparison run: the same movie, clock and jobs.

`peer_jobs.py` and `our_jobs.py` each describe their package by a small
`Package` class and hand it to `main` of this file. Either prints one JSON
object a line:

    PYTHON bench/peer_jobs.py --jobs retina import memory --sizes 20 50

or, with `--serve`, reads one JSON request a line and answers each with one
line, which is how `run.py` lets the two sides take turns.

Needs numpy, which both sides have anyway.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy

JOBS = ("retina", "gradient", "opl", "picture", "convolution", "fit", "poisson", "import", "memory")
SIZES = (20, 50, 100, 224)  # pixels along each side
GAINS_HZ = (0.0, 50.0)  # strength of the contrast gain control; 0 is off
CHUNKS = (50, 100, 200, 400)  # frames; tried by a package that wants a chunk length

#: Convolutions: kernel (time, height, width), frames, side in pixels, channels (in, out), whether with gradients.
CONVOLUTIONS = (
    ((5, 5, 5), 200, 64, (1, 1), False), ((5, 5, 5), 200, 64, (1, 1), True),
    ((10, 10, 10), 1000, 20, (1, 1), False), ((10, 10, 10), 1000, 20, (1, 1), True),
    ((20, 11, 11), 200, 50, (1, 1), False), ((20, 11, 11), 200, 50, (1, 1), True),
    ((100, 11, 11), 200, 50, (1, 1), False), ((200, 21, 21), 2000, 20, (1, 1), False),
    ((10, 5, 5), 200, 20, (8, 16), False), ((10, 5, 5), 200, 20, (8, 16), True),
)

#: Fits, of which one step is measured: model, optimiser.
FITS = (("LN", "SGD"), ("LN", "LBFGS"), ("McIntosh", "SGD"), ("torch", "Adam"))
#: Learning rates: steps small enough for any model to stay where numbers are finite.
RATES = {"SGD": 1e-7, "LBFGS": 1.0, "Adam": 1e-4}
#: Their kernels, frames and side in pixels.
FIT_KERNELS = {"LN": (20, 11, 11), "McIntosh": (10, 5, 5), "torch": (20, 11, 11)}
FIT = {"frames": 200, "side": 50}

#: Gradient job: frames and side in pixels.
GRADIENT = {"frames": 200, "side": 50}

#: Jobs on frames of video size: of the outer plexiform layer, and of a whole retina beside OpenCV's.
OPL = {"frames": 20, "height": 480, "width": 640}
PICTURE = {"frames": 20, "height": 480, "width": 640}

#: Fit of cells by their Poisson likelihood: lags of the filter; steps of the recording where none is found.
POISSON = {"steps": 100_000, "lags": 25}
#: Share of a recording that is fitted.
TRAIN = 0.8

#: Memory job: side in pixels and frames per piece; total and mark are per package.
MEMORY_SIDE = 50


class Package:
    """What a side must offer. `settings` is a dictionary that it alone reads."""

    name = "unnamed"
    #: Statements that import the package in a fresh process, numpy being there.
    import_statement = "import convis"
    #: Frames of the memory job: in all, to leave out at the start, per call of run.
    memory_frames, memory_mark, memory_piece = 3000, 1000, 500

    def versions(self) -> dict:
        """Names and versions of what does the work."""
        raise NotImplementedError

    def threads(self, settings: dict) -> int:
        """Number of threads that these settings use."""
        raise NotImplementedError

    def build(self, gain_hz: float, settings: dict):
        """A full retina with spikes, everything default but the gain control."""
        raise NotImplementedError

    def run(self, model, movie, settings: dict):
        """Run the model on a movie, its state carried on; the outputs as arrays."""
        raise NotImplementedError

    def gradient(self, frames: int, side: int):
        """Functions that take one gradient step of a retina without spikes, each with how it does it in words.

        A step is: the sum of squares of both outputs, and its gradient by all parameters.
        """
        raise NotImplementedError

    def opl(self, frames: int, height: int, width: int):
        """Functions that run the outer plexiform layer, each with how it does it in words."""
        raise NotImplementedError

    def picture(self, frames: int, height: int, width: int):
        """Functions that run the whole retina with all it gives, each with how it does it in words."""
        raise NotImplementedError

    def convolution(self, kernel: list, frames: int, side: int, channels: list, gradients: bool):
        """Functions that convolve a movie with all its history and borders, each with how it does it in words.

        With gradients it also computes those by input and weight, for a given gradient of the output.
        """
        raise NotImplementedError

    def fit(self, model: str, optimizer: str, frames: int, side: int):
        """Functions that take one step of a fit, each with how it does it in words.

        Every step begins from the same weights, state and optimiser: the sum of squared errors, its gradient by all
        weights, and the step of the optimiser, which is several evaluations for LBFGS. "torch" is a convolution and a
        rectification trained by a loop in PyTorch.
        """
        raise NotImplementedError

    def poisson(self, steps: int, lags: int):
        """Functions that fit the cells of a `recording` without a penalty, design and all, each with its name."""
        raise NotImplementedError

    def keep_model(self, settings: dict) -> bool:
        """Whether one model may serve all repeats (else each gets a fresh one)."""
        return True

    def alternatives(self, settings: dict) -> list[dict]:
        """Settings, for one and the same model, of which every repeat takes the fastest."""
        return [settings]

    def memory_settings(self) -> list[dict]:
        """Settings under which the memory job is run, one after the other."""
        return [{}]

    def tune(self, side: int, gain_hz: float, chunks: list[int]) -> dict:
        """The fastest settings for this job: {"settings": ..., "tried": [...]}."""
        return {"settings": {}, "tried": []}


def thread_count() -> int:
    """Logical processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def movie(frames: int, side: int, seed: int = 1, start: int = 0,
          height: int | None = None) -> numpy.ndarray:
    """A drifting grating with noise: luminance 0 to 1, float32, (time, height, width).

    Period 16 pixels, 4 cycles a second at steps of 1 ms, contrast 0.8, plus
    uniform noise of ±0.1 in every pixel of every frame. Square unless a height is given.
    """
    time_s = (start + numpy.arange(frames, dtype=numpy.float32))[:, None, None] * 1e-3
    column = numpy.arange(side, dtype=numpy.float32)[None, None, :]
    grating = 0.5 + 0.4 * numpy.sin(2 * numpy.pi * (column / 16 - 4 * time_s))
    noise = numpy.random.default_rng(seed).random((frames, height or side, side), dtype=numpy.float32)
    return (grating + 0.2 * noise - 0.1).astype(numpy.float32)


def recording(steps: int, lags: int) -> tuple[str, numpy.ndarray, numpy.ndarray]:
    """Name, stimulus and counts (time, cells) of what is fitted, in double precision.

    The first four fifths of two macaque ganglion cells, where `rgc_macaque.npz` is in the folder that
    CONVIS_DATA names (by default shared/data beside the project); else binary flicker of so many steps
    and a made-up cell with a biphasic filter, about 0.2 spikes a step.
    """
    folder = os.environ.get("CONVIS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    path = Path(folder) / "rgc_macaque.npz"
    if path.is_file():
        with numpy.load(path) as data:
            train = int(TRAIN * len(data["stimulus"]))
            return "two macaque cells", data["stimulus"][:train].astype(float), data["counts"][:train].astype(float)
    random = numpy.random.default_rng(5)
    stimulus = random.choice([-0.5, 0.5], size=steps)
    lag = numpy.arange(lags)
    filter_ = 2.5 * numpy.exp(-((lag - 4) / 2.0) ** 2) - 1.2 * numpy.exp(-((lag - 9) / 3.0) ** 2)
    rate = numpy.exp(numpy.convolve(stimulus, filter_)[:steps] - 2.5)
    return "a synthetic cell", stimulus, random.poisson(rate)[:, None].astype(float)


def resident_mb() -> float:
    """Resident memory of this process in MB (10^6 bytes); Linux only."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class RetinaJob:
    """One job of job `retina`, kept open so that repeats can be asked for one by one."""

    def __init__(self, package: Package, side: int, gain_hz: float, frames: int, settings: dict):
        self.package, self.gain_hz, self.settings = package, gain_hz, settings
        self.movie = movie(frames, side)
        self.model = self.warm_model()

    def warm_model(self):
        """A new model that has seen the movie once, untimed."""
        model = self.package.build(self.gain_hz, self.settings)
        self.package.run(model, self.movie, self.settings)
        return model

    def repeat(self, least_seconds: float) -> dict:
        """Time runs over the movie; the best of the package's alternative settings.

        Alternatives are measured in every repeat because which of them is
        faster changes with what else the machine is doing.
        """
        if not self.package.keep_model(self.settings):
            self.model = self.warm_model()
        answers = [self.timed(settings, least_seconds)
                   for settings in self.package.alternatives(self.settings)]
        return max(answers, key=lambda answer: answer["rate"])

    def timed(self, settings: dict, least_seconds: float) -> dict:
        """Time runs over the movie until `least_seconds` have passed.

        Gives pixel-steps per second and, as a check that both sides do the
        same kind of work, spikes per cell and second of simulated time.
        """
        runs, seconds = 0, 0.0
        while runs == 0 or (seconds < least_seconds and self.package.keep_model(settings)):
            begin = time.perf_counter()
            outputs = self.package.run(self.model, self.movie, settings)
            seconds += time.perf_counter() - begin
            runs += 1
        return {
            "threads": self.package.threads(settings),
            "rate": runs * self.movie.size / seconds,
            "seconds": seconds / runs,
            "spikes_hz": [round(1000 * float(output.mean(dtype=float)), 3) for output in outputs],
        }


def import_seconds(package: Package) -> float:
    """Seconds that importing the package adds to importing numpy, in a fresh process."""
    code = (
        "import time, sys\n"
        f"sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})\n"
        "import numpy\n"
        "begin = time.perf_counter()\n"
        f"{package.import_statement}\n"
        "end = time.perf_counter()\n"
        "print('seconds', end - begin)\n"
    )
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", code],
                            capture_output=True, text=True)
    if answer.returncode:
        raise RuntimeError((answer.stderr.strip().splitlines() or ["import failed"])[-1])
    return float(answer.stdout.split()[-1])


def convolution_arrays(kernel, frames, side, channels) -> tuple:
    """A movie, weights (out, in, time, height, width) and a gradient of the output."""
    random = numpy.random.default_rng(3)
    inputs, outputs = channels
    x = random.random((1, inputs, frames, side, side), dtype=numpy.float32)
    w = random.standard_normal((outputs, inputs, *kernel)).astype(numpy.float32)
    g = random.standard_normal((1, outputs, frames, side, side)).astype(numpy.float32)
    return x, w, g


def fit_arrays(model: str, frames: int, side: int) -> tuple:
    """A movie, what the output should be, and the first weights of a fit (time, height, width)."""
    random = numpy.random.default_rng(4)
    x = random.standard_normal((1, 1, frames, side, side)).astype(numpy.float32)
    cells = (1, 1, frames, 1, 1) if model == "McIntosh" else x.shape
    y = random.random(cells, dtype=numpy.float32)
    w = 0.02 * random.standard_normal(FIT_KERNELS[model]).astype(numpy.float32)
    return x, y, w


def best_seconds(ways) -> dict:
    """Seconds that something takes: the best of a few runs, and of the package's ways to do it."""
    best = {"seconds": float("inf")}
    for run, how in ways:
        run()
        begin, seconds = time.perf_counter(), float("inf")
        while seconds == float("inf") or time.perf_counter() - begin < 0.3:
            start = time.perf_counter()
            run()
            seconds = min(seconds, time.perf_counter() - start)
        if seconds < best["seconds"]:
            best = {"seconds": seconds, "how": how}
    return best


def memory_growth(package: Package, settings: dict, quick: bool) -> dict:
    """Growth of resident memory over one long run in pieces, state carried on.

    Pieces are made on the fly and thrown away; resident memory is read after
    each. The growth is the last reading less the one at the mark.
    """
    shorten = 5 if quick and package.memory_frames > 10000 else 1
    frames, mark = package.memory_frames // shorten, package.memory_mark // shorten
    piece = package.memory_piece
    model = package.build(0.0, settings)
    at_mark, highest = None, 0.0
    for start in range(0, frames, piece):
        package.run(model, movie(piece, MEMORY_SIDE, seed=start, start=start), settings)
        now = resident_mb()
        if at_mark is None and start + piece >= mark:
            at_mark = now
        if at_mark is not None:
            highest = max(highest, now)
    growth = now - at_mark
    return {
        "frames": frames, "mark": mark, "piece": piece,
        "growth_mb": growth, "highest_above_mark_mb": highest - at_mark, "resident_mb": now,
        "mb_per_1000_frames": 1000 * growth / (frames - mark),
    }


def serve(package: Package, answer_to) -> None:
    """Answer requests from standard input, one JSON object a line, until it ends."""
    job = None
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("what")
        try:
            if what == "hello":
                answer = {"name": package.name, "versions": package.versions(),
                          "memory_settings": package.memory_settings()}
            elif what == "tune":
                answer = package.tune(request["side"], request["gain_hz"], request["chunks"])
            elif what == "open":
                job = RetinaJob(package, **request)
                answer = {}
            elif what == "repeat":
                answer = job.repeat(request["least_seconds"])
            elif what in ("gradient", "opl", "picture", "convolution", "fit", "poisson"):
                answer = best_seconds(getattr(package, what)(**request))
            elif what == "recording":
                name, stimulus, _ = recording(**request)
                answer = {"name": name, "steps": len(stimulus)}
            elif what == "import":
                answer = {"seconds": import_seconds(package)}
            elif what == "memory":
                answer = memory_growth(package, request["settings"], request["quick"])
            else:
                answer = {"error": f"unknown request {what!r}"}
        except Exception as error:  # the other side of the pipe must hear of any failure
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answer_to, flush=True)


def frames_for(rate: float, side: int, chunk: int, seconds: float) -> int:
    """Frames, in whole chunks, that take about `seconds` at `rate` pixel-steps a second.

    At least 100 and at most 4000 frames.
    """
    wanted = min(max(seconds * rate / side**2, 100), 4000)
    return max(round(wanted / chunk), 1) * chunk


def run_alone(package: Package, options: argparse.Namespace):
    """Run jobs one after the other and yield a dictionary for each."""
    common = {"package": package.name, "versions": package.versions()}
    if "retina" in options.jobs:
        for side in options.sizes:
            for gain_hz in GAINS_HZ:
                tuned = package.tune(side, gain_hz, list(CHUNKS))
                settings = tuned["settings"]
                frames = options.frames or frames_for(
                    tuned.get("rate", 7e5), side, settings.get("chunk", 100), 3.0)
                job = RetinaJob(package, side, gain_hz, frames, settings)
                repeats = [job.repeat(0.5) for _ in range(options.repeats)]
                rates = [repeat["rate"] for repeat in repeats]
                yield {"job": "retina", "side": side, "gain_hz": gain_hz, "frames": frames,
                       "pixel_steps_per_second": statistics.median(rates), "repeats": rates,
                       "spikes_hz": repeats[-1]["spikes_hz"], "settings": settings,
                       "threads": [repeat["threads"] for repeat in repeats],
                       "tried": tuned["tried"], **common}
    if "convolution" in options.jobs:
        for kernel, frames, side, channels, gradients in CONVOLUTIONS:
            sizes = {"kernel": kernel, "frames": frames, "side": side, "channels": channels,
                     "gradients": gradients}
            yield {"job": "convolution", **sizes, **best_seconds(package.convolution(**sizes)), **common}
    if "fit" in options.jobs:
        for model, optimizer in FITS:
            fit = {"model": model, "optimizer": optimizer, **FIT}
            yield {"job": "fit", **fit, **best_seconds(package.fit(**fit)), **common}
    for name, sizes in (("gradient", GRADIENT), ("opl", OPL), ("picture", PICTURE), ("poisson", POISSON)):
        if name in options.jobs:
            yield {"job": name, **sizes, **best_seconds(getattr(package, name)(**sizes)), **common}
    if "import" in options.jobs:
        times = [import_seconds(package) for _ in range(5)]
        yield {"job": "import", "seconds": statistics.median(times), "repeats": times, **common}
    if "memory" in options.jobs:
        # In a process of its own, so that what ran before leaves no trace in it.
        for settings in package.memory_settings():
            command = [sys.executable, sys.argv[0], "--serve"]
            request = {"what": "memory", "settings": settings, "quick": options.quick}
            answer = subprocess.run(command, input=json.dumps(request) + "\n",
                                    capture_output=True, text=True).stdout
            yield {"job": "memory", "side": MEMORY_SIDE, "settings": settings,
                   **(json.loads(answer) if answer else {"error": "the process died"}), **common}


def main(package: Package) -> None:
    """Command line of `peer_jobs.py` and `our_jobs.py`."""
    parser = argparse.ArgumentParser(description=f"Measure {package.name}.")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="PIXELS")
    parser.add_argument("--frames", type=int, help="frames per movie (default: a few seconds)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="shorter memory job")
    parser.add_argument("--serve", action="store_true", help="answer requests; for run.py")
    options = parser.parse_args()
    # Whatever a package prints goes to the error stream: answers stay clean.
    answer_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if options.serve:
        serve(package, answer_to)
    else:
        for result in run_alone(package, options):
            print(json.dumps(result), file=answer_to, flush=True)
