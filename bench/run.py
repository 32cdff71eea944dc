"""Measure this project beside the 2018 toolbox, both in one sitting.

    python3 bench/run.py --ours PYTHON [--quick] [--jobs retina import memory]
                         [--sizes 20 50 100 224] [--peers PYTHON | --no-peers]
                         [--micro COMMAND]

`--ours` names the Python where this project's wheel is installed. The peers'
environment is made by `peers.py` unless `--peers` names a Python that has it.
Only the standard library is needed by the Python that runs this file.

The two sides take turns, repeat by repeat, in processes that live side by side
and sleep while the other works; the ratio is the median of the ratios of the
turns. Results go to the screen and to `bench/record/<machine>/<date>.csv`.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers

HERE = Path(__file__).resolve().parent
JOBS = ("retina", "gradient", "opl", "picture", "convolution", "fit", "poisson", "import", "memory")
SIZES = (20, 50, 100, 224)  # pixels along each side
GAINS_HZ = (0.0, 50.0)
#: Sizes of the jobs that are one call, as in `jobs.py`.
GRADIENT = {"frames": 200, "side": 50}
VIDEO = {"frames": 20, "height": 480, "width": 640}
#: Kernel (time, height, width), frames, side, channels (in, out), whether with gradients; as in `jobs.py`.
CONVOLUTIONS = (
    ((5, 5, 5), 200, 64, (1, 1), False), ((5, 5, 5), 200, 64, (1, 1), True),
    ((10, 10, 10), 1000, 20, (1, 1), False), ((10, 10, 10), 1000, 20, (1, 1), True),
    ((20, 11, 11), 200, 50, (1, 1), False), ((20, 11, 11), 200, 50, (1, 1), True),
    ((100, 11, 11), 200, 50, (1, 1), False), ((200, 21, 21), 2000, 20, (1, 1), False),
    ((10, 5, 5), 200, 20, (8, 16), False), ((10, 5, 5), 200, 20, (8, 16), True),
)
#: Steps of fits: model, optimiser; as in `jobs.py`.
FITS = (("LN", "SGD"), ("LN", "LBFGS"), ("McIntosh", "SGD"), ("torch", "Adam"))
FIT = {"frames": 200, "side": 50}
#: Lags of the filter of cells that are fitted, and steps of a synthetic recording; as in `jobs.py`.
POISSON = {"steps": 100_000, "lags": 25}
CHUNKS = (50, 100, 200, 400)  # frames, offered to the peer
QUICK_SIZES, QUICK_CHUNKS = (20, 50), (100, 200)

#: Without a peer to ask, frames are chosen for this many pixel-steps a second.
PRESUMED_PEER_RATE = 7e5
#: Each turn of ours lasts at least this long, about as long as one of the peer, the movie being shown again and again.
LEAST_SECONDS = 3.0
#: Between turns: threads of the side that has worked spin for a while before they sleep.
SETTLE_SECONDS = 0.5

COLUMNS = ("date", "commit", "job", "size", "gain control", "frames", "ours", "peer",
           "ratio", "unit", "threads", "versions")
MICRO_COLUMNS = ("date", "commit", "name", "variant", "value", "unit")


class SideError(RuntimeError):
    """A side could not do what was asked; the text says what it said."""


class Side:
    """One package in a process of its own, asked by lines of JSON."""

    def __init__(self, python: str, script: str, inherit_path: bool):
        environment = dict(os.environ)
        if not inherit_path:
            environment.pop("PYTHONPATH", None)
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / script), "--serve"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)
        try:
            self.hello = self.ask(what="hello")
        except SideError:
            self.close()
            raise

    def ask(self, **request) -> dict:
        """Send a request, wait for its answer, raise SideError if it failed."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.process.wait()
            self.errors.seek(0)
            last = self.errors.read().strip().splitlines()[-1:]
            raise SideError(last[0] if last else f"ended with {self.process.returncode}")
        answer = json.loads(line)
        if "error" in answer:
            raise SideError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process by ending its input."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Pair:
    """The two sides, either of which may be missing, started afresh for each job."""

    def __init__(self, ours: str, peer: str | None, peer_script: str = "peer_jobs.py"):
        self.pythons = {"ours": ours, "peer": peer}
        self.scripts = {"ours": "our_jobs.py", "peer": peer_script}
        self.sides: dict[str, Side] = {}
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Pair:
        for key, python in self.pythons.items():
            if python is None:
                continue
            try:
                self.sides[key] = Side(python, self.scripts[key], inherit_path=key == "ours")
            except (OSError, SideError) as error:
                print(f"{key} does not start and is left out: {error}", file=sys.stderr)
                self.pythons[key] = None
                continue
            found = self.sides[key].hello["versions"]
            self.versions[key] = " ".join(f"{name} {found[name]}" for name in found)
        if not self.sides:
            raise SystemExit("bench: neither side can be measured")
        return self

    def __exit__(self, *_) -> None:
        for side in self.sides.values():
            side.close()
        self.sides = {}

    def ask(self, key: str, **request) -> dict | None:
        """Ask one side; if it is missing or fails, None (and it is left out from then on)."""
        if key not in self.sides:
            return None
        try:
            return self.sides[key].ask(**request)
        except SideError as error:
            print(f"  {key} failed on {request['what']}: {error}", file=sys.stderr)
            self.sides.pop(key).close()
            return None

    def versions_text(self) -> str:
        """Versions of both sides for the record."""
        return " | ".join(f"{key}: {text}" for key, text in self.versions.items())


def median(values: list[float]) -> float | None:
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def number(value: float | None, width: int, digits: int) -> str:
    """A number right-aligned in a table, or a dash."""
    return f"{value:{width}.{digits}f}" if value is not None else "-".rjust(width)


def ratio_text(value: float | None) -> str:
    """A ratio for the table, such as `87.3x`."""
    return (f"{value:.0f}x" if value >= 100 else f"{value:.1f}x") if value is not None else "-"


def measure_retina(pair: Pair, side: int, gain_hz: float, quick: bool) -> dict:
    """Full retina with spikes; pixel-steps per second of both, in millions."""
    target_seconds, turns = (1.5, 3) if quick else (3.0, 5)
    tuned = pair.ask("peer", what="tune", side=side, gain_hz=gain_hz,
                     chunks=QUICK_CHUNKS if quick else CHUNKS) or {}
    settings = {"peer": tuned.get("settings", {}), "ours": {}}
    chunk = settings["peer"].get("chunk", 100)
    wanted = target_seconds * tuned.get("rate", PRESUMED_PEER_RATE) / side**2
    frames = max(round(min(max(wanted, 100), 4000) / chunk), 1) * chunk
    threads = {"ours": [], "peer": []}
    rates, spikes = {"ours": [], "peer": []}, {}
    for key in ("ours", "peer"):
        pair.ask(key, what="open", side=side, gain_hz=gain_hz, frames=frames,
                 settings=settings[key])
    ratios = []
    for _ in range(turns):
        turn = {}
        for key in ("ours", "peer"):
            time.sleep(SETTLE_SECONDS)
            turn[key] = pair.ask(key, what="repeat", least_seconds=LEAST_SECONDS)
        for key, answer in turn.items():
            if answer:
                rates[key].append(answer["rate"] / 1e6)
                threads[key].append(answer["threads"])
                spikes[key] = answer["spikes_hz"]
        if all(turn.values()):
            ratios.append(turn["ours"]["rate"] / turn["peer"]["rate"])
    ours, peer, ratio = median(rates["ours"]), median(rates["peer"]), median(ratios)
    real_time = ours * 1e6 / (side**2 * 1000) if ours is not None else None
    print(f"retina  {side:4d}² {gain_hz:5.0f} Hz {frames:6d} {number(ours, 12, 3)}"
          f" {number(peer, 12, 3)} {ratio_text(ratio):>9} {number(real_time, 13, 1)}", flush=True)
    versions = pair.versions_text()
    if settings["peer"]:
        versions += " | peer's best: chunk {chunk}, gradients {}".format(
            "on" if settings["peer"]["gradients"] else "off", chunk=chunk)
    return {"job": "retina", "size": side, "gain control": gain_hz, "frames": frames,
            "ours": ours, "peer": peer, "ratio": ratio, "unit": "Mpixel-steps/s",
            "threads": threads_text(threads), "versions": versions,
            "notes": {"spikes per cell and s": spikes, "peer": settings["peer"],
                      "threads": threads_text(threads)}}


def threads_text(threads: dict) -> str:
    """Threads most often used by either side, such as `ours 2 / peer 1`."""
    return " / ".join(f"{key} {statistics.mode(counts)}"
                      for key, counts in threads.items() if counts)


def take_turns(pair: Pair, turns: int, **request) -> tuple[dict, float | None, str]:
    """Seconds of both sides (medians), the median of their ratios, and how ours did it."""
    times, ratios, how = {"ours": [], "peer": []}, [], ""
    for _ in range(turns):
        turn = {key: pair.ask(key, **request) for key in ("ours", "peer")}
        for key, answer in turn.items():
            if answer:
                times[key].append(answer["seconds"])
        if all(turn.values()):
            ratios.append(turn["peer"]["seconds"] / turn["ours"]["seconds"])
        how = turn["ours"]["how"] if turn["ours"] else how
    return {key: median(values) for key, values in times.items()}, median(ratios), how


def measure_gradient(pair: Pair, turns: int = 5) -> dict:
    """Milliseconds of one gradient step of a retina without spikes, by all parameters."""
    times, ratio, _ = take_turns(pair, turns, what="gradient", **GRADIENT)
    ours, peer = (1e3 * t if t is not None else None for t in times.values())
    frames, side = GRADIENT["frames"], GRADIENT["side"]
    print_other(f"gradient step {side}², {frames}", ours, peer, ratio, 2, "ms")
    return {"job": "gradient step", "size": side, "gain control": 0.0, "frames": frames,
            "ours": ours, "peer": peer, "ratio": ratio, "unit": "ms",
            "versions": pair.versions_text()}


def measure_opl(pair: Pair, turns: int = 5) -> dict:
    """The outer plexiform layer alone on video, in millions of pixel-steps per second."""
    times, ratio, _ = take_turns(pair, turns, what="opl", **VIDEO)
    pixel_steps = VIDEO["frames"] * VIDEO["height"] * VIDEO["width"] / 1e6
    ours, peer = (pixel_steps / t if t else None for t in times.values())
    print_other("OPL 640×480", ours, peer, ratio, 1, "Mpixel-steps/s")
    return {"job": "OPL 640×480", "frames": VIDEO["frames"], "ours": ours, "peer": peer,
            "ratio": ratio, "unit": "Mpixel-steps/s", "versions": pair.versions_text()}


def measure_picture(pair: Pair, turns: int = 5) -> dict:
    """Milliseconds per grey frame of 640×480: ours with spikes, OpenCV's retina with its two maps."""
    times, ratio, _ = take_turns(pair, turns, what="picture", **VIDEO)
    ours, peer = (1e3 * t / VIDEO["frames"] if t else None for t in times.values())
    print_other("frame 640×480 (OpenCV)", ours, peer, ratio, 2, "ms")
    return {"job": "frame 640×480, beside cv2.bioinspired", "frames": VIDEO["frames"],
            "ours": ours, "peer": peer, "ratio": ratio, "unit": "ms per frame",
            "versions": pair.versions_text()}


def measure_poisson(pair: Pair, turns: int = 5) -> dict:
    """Milliseconds of a Poisson regression on lagged frames, the design counted, beside scikit-learn."""
    about = {}
    for key in list(pair.sides):
        about = about or pair.ask(key, what="recording", **POISSON) or {}
    name = about.get("name")
    times, ratio, _ = take_turns(pair, turns, what="poisson", **POISSON)
    ours, peer = (1e3 * t if t is not None else None for t in times.values())
    print_other("Poisson fit, 25 lags", ours, peer, ratio, 1, f"ms ({name})")
    return {"job": f"Poisson fit of 25 lags, beside scikit-learn's newton-cholesky ({name})",
            "frames": about.get("steps"), "ours": ours, "peer": peer, "ratio": ratio, "unit": "ms",
            "versions": pair.versions_text()}


def measure_convolution(pair: Pair, sizes: tuple, turns: int = 3) -> dict:
    """Milliseconds of one convolution, alone or with its gradients by input and weight."""
    kernel, frames, side, channels, gradients = sizes
    turns = turns if frames * side**2 * kernel[0] < 1e8 else 1
    times, ratio, how = take_turns(pair, turns, what="convolution", kernel=kernel, frames=frames,
                                   side=side, channels=channels, gradients=gradients)
    ours, peer = (1e3 * t if t is not None else None for t in times.values())
    what = "convolution with gradients" if gradients else "convolution"
    name = f"{what} {'×'.join(map(str, kernel))} {channels[0]}>{channels[1]}"
    print(f"{name:<42} {side:4d}² {frames:5d} {number(ours, 10, 2)} {number(peer, 11, 1)}"
          f" {ratio_text(ratio):>9}  {how}", flush=True)
    return {"job": f"{name} ({how})", "size": side, "frames": frames, "ours": ours, "peer": peer,
            "ratio": ratio, "unit": "ms", "versions": pair.versions_text()}


def measure_fit(pair: Pair, model: str, optimizer: str, turns: int = 3) -> dict:
    """Milliseconds of one step of a fit: ours beside the 2018 toolbox, or a loop in torch with our layer or its own."""
    times, ratio, how = take_turns(pair, turns, what="fit", model=model, optimizer=optimizer, **FIT)
    ours, peer = (1e3 * t if t is not None else None for t in times.values())
    name = "fit step of a layer in torch" if model == "torch" else f"fit step of {model}"
    name = f"{name}, {optimizer}"
    print(f"{name:<42} {FIT['side']:4d}² {FIT['frames']:5d} {number(ours, 10, 2)} {number(peer, 11, 1)}"
          f" {ratio_text(ratio):>9}  {how}", flush=True)
    return {"job": f"{name} ({how})" if how else name, "size": FIT["side"], "frames": FIT["frames"],
            "ours": ours, "peer": peer, "ratio": ratio, "unit": "ms", "versions": pair.versions_text()}


def measure_import(pair: Pair, turns: int = 5) -> dict:
    """Seconds that importing the package adds to importing numpy, fresh processes."""
    times, ratios = {"ours": [], "peer": []}, []
    for _ in range(turns):
        turn = {key: pair.ask(key, what="import") for key in ("ours", "peer")}
        for key, answer in turn.items():
            if answer:
                times[key].append(answer["seconds"])
        if all(turn.values()):
            ratios.append(turn["peer"]["seconds"] / turn["ours"]["seconds"])
    ours, peer, ratio = median(times["ours"]), median(times["peer"]), median(ratios)
    print_other("import after numpy", ours, peer, ratio, 3, "s")
    return {"job": "import", "ours": ours, "peer": peer, "ratio": ratio, "unit": "s",
            "versions": pair.versions_text()}


def measure_memory(pair: Pair, quick: bool) -> dict:
    """Growth of resident memory in MB per 1000 frames at 50² pixels."""
    ours = pair.ask("ours", what="memory", settings={}, quick=quick)
    per_1000 = ours["mb_per_1000_frames"] if ours else None
    peer = None
    if "peer" in pair.sides:
        frugal = pair.sides["peer"].hello["memory_settings"][0]
        peer = pair.ask("peer", what="memory", settings=frugal, quick=quick)
    peer_per_1000 = peer["mb_per_1000_frames"] if peer else None
    print_other("memory, 50² pixels", per_1000, peer_per_1000, None, 4, "MB/1000 frames")
    if ours:
        verdict = "flat" if ours["growth_mb"] <= 5 else "NOT FLAT"
        print(f"  ours: {ours['growth_mb']:+.1f} MB from frame {ours['mark']:,} to "
              f"{ours['frames']:,}: {verdict} (at most 5 MB is flat)", flush=True)
    return {"job": "memory", "size": 50, "gain control": 0.0,
            "frames": ours["frames"] if ours else peer["frames"] if peer else None,
            "ours": per_1000, "peer": peer_per_1000, "unit": "MB/1000 frames",
            "versions": pair.versions_text()}


def print_other(what: str, ours: float | None, peer: float | None, ratio: float | None,
                digits: int, unit: str) -> None:
    """A line for a job that is not measured in pixel-steps."""
    print(f"{what:<24} {number(ours, 14, digits)} {number(peer, 12, digits)}"
          f" {ratio_text(ratio):>9}  {unit}", flush=True)


def machine_slug() -> str:
    """Processor model and number of logical processors, fit for a folder's name."""
    model = ""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                model = line.split(":", 1)[1]
                break
    elif sys.platform == "darwin":
        model = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"],
                               capture_output=True, text=True).stdout
    model = model.strip() or platform.processor() or platform.machine()
    model = re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*", " ", model, flags=re.IGNORECASE)
    words = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    return f"{words or 'unknown'}-{os.cpu_count()}cpus"


def commit_name() -> str:
    """Short name of the commit, with `+` if files differ from it; `none` before the first."""
    def git(*arguments: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(HERE), *arguments], check=True,
                                  capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None
    name = git("rev-parse", "--short", "HEAD")
    if not name:
        return "none"
    changed = git("status", "--porcelain", "--", str(HERE.parent), f":(exclude){HERE}/record")
    return name + ("+" if changed else "")


def append_rows(file: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    """Append rows to a CSV file, with a header line if it is new."""
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("a", newline="") as handle:
        writer = csv.DictWriter(handle, columns, extrasaction="ignore", lineterminator="\n")
        if is_new:
            writer.writeheader()
        for row in rows:
            writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value
                             for name, value in row.items() if value is not None})


def run_micro(command: str) -> list[dict]:
    """Run the micro-benchmarks, show what they print, return their table's rows.

    A row is a line `name,variant,value,unit` whose value is a number.
    """
    print(f"\nMicro-benchmarks\n{'-' * 80}", flush=True)
    rows = []
    try:
        process = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True)
    except OSError as error:
        print(f"could not be started: {error}", file=sys.stderr)
        return rows
    for line in process.stdout:
        print(line, end="", flush=True)
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4:
            try:
                rows.append({"name": fields[0], "variant": fields[1],
                             "value": float(fields[2]), "unit": fields[3]})
            except ValueError:
                pass  # the table's own header line
    if process.wait():
        print(f"ended with {process.returncode}", file=sys.stderr)
    return rows


def find_peer(options: argparse.Namespace, name: str = "convis") -> str | None:
    """Python of a peer's environment, or None (having said why)."""
    if options.no_peers:
        return None
    if options.peers != "default" and name == "convis":
        return options.peers
    try:
        return str(peers.setup(name, options.base_python if name == "convis" else None, say=print))
    except peers.SetupError as error:
        print(f"{name} IS NOT MEASURED: {error}\n(only this project is measured)\n",
              file=sys.stderr)
        return None


def main() -> int:
    """Command line: see the text at the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, metavar="PYTHON",
                        help="Python where this project's wheel is installed")
    parser.add_argument("--peers", default="default", metavar="PYTHON",
                        help="Python that has the 2018 toolbox (default: made by peers.py)")
    parser.add_argument("--no-peers", action="store_true", help="measure this project only")
    parser.add_argument("--base-python", metavar="PYTHON",
                        help="Python 3.8 to 3.11 to base the peers' environment on")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--sizes", nargs="+", type=int, metavar="PIXELS")
    parser.add_argument("--gains", nargs="+", type=float, metavar="HZ", default=GAINS_HZ,
                        help="strengths of the contrast gain control of job retina")
    parser.add_argument("--quick", action="store_true",
                        help="two sizes, three turns, shorter memory job")
    parser.add_argument("--micro", metavar="COMMAND",
                        help="micro-benchmarks to run afterwards, as one shell-quoted word")
    parser.add_argument("--no-record", action="store_true", help="write no CSV")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)

    pair = Pair(options.ours, find_peer(options))
    machine, commit = machine_slug(), commit_name()
    date = datetime.date.today().isoformat()
    file = HERE / "record" / machine / f"{date}.csv"
    print(f"{machine}, commit {commit}, {date}")
    rows = []

    def keep(row: dict) -> None:
        """Write a row at once, so that an interruption loses none; without our side it is no measurement."""
        rows.append(row)
        if not options.no_record and row.get("ours") is not None:
            append_rows(file, COLUMNS, [{"date": date, "commit": commit, **row}])

    if "retina" in options.jobs:
        print(f"\nFull retina with spikes\n{'job':<8}{'size':>5} {'gain':>8} {'frames':>6}"
              f" {'ours Mpx/s':>12} {'peer Mpx/s':>12} {'ratio':>9} {'x real time':>13}\n"
              + "-" * 80, flush=True)
        for side in sizes:
            for gain_hz in options.gains:
                with pair:
                    keep(measure_retina(pair, side, gain_hz, options.quick))
    if "convolution" in options.jobs:
        print(f"\nConvolution, beside torch.nn.functional.conv3d\n{'job':<42} {'size':>5} {'frames':>5}"
              f" {'ours ms':>10} {'torch ms':>11} {'ratio':>9}  our plan\n" + "-" * 100, flush=True)
        for sizes in CONVOLUTIONS:
            with pair:
                keep(measure_convolution(pair, sizes))
    if "fit" in options.jobs:
        print(f"\nSteps of fits\n{'job':<42} {'size':>5} {'frames':>5}"
              f" {'ours ms':>10} {'peer ms':>11} {'ratio':>9}  our plan\n" + "-" * 100, flush=True)
        for model, optimizer in FITS:
            with pair:
                keep(measure_fit(pair, model, optimizer))
    if {"gradient", "opl", "picture", "poisson", "import", "memory"} & set(options.jobs):
        print(f"\n{'other':<24} {'ours':>14} {'peer':>12} {'ratio':>9}\n" + "-" * 80, flush=True)
    if "gradient" in options.jobs:
        with pair:
            keep(measure_gradient(pair))
    if "opl" in options.jobs:
        with pair:
            keep(measure_opl(pair))
    if "picture" in options.jobs:
        with Pair(options.ours, find_peer(options, "bioinspired"), "bioinspired_jobs.py") as opencv:
            keep(measure_picture(opencv))
    if "poisson" in options.jobs:
        with Pair(options.ours, find_peer(options, "sklearn"), "sklearn_jobs.py") as regressions:
            keep(measure_poisson(regressions))
    if "import" in options.jobs:
        with pair:
            keep(measure_import(pair))
    if "memory" in options.jobs:
        with pair:
            keep(measure_memory(pair, options.quick))

    ours_at_all = any(row.get("ours") is not None for row in rows)
    notes = [row for row in rows if "notes" in row]
    if notes:
        print("\nChecks (spikes per cell and second, both cell types; peer's best settings)")
        for row in notes:
            spikes = row["notes"]["spikes per cell and s"]
            text = "  ".join(f"{key} {value[0]:.2f} {value[1]:.2f}"
                             for key, value in spikes.items())
            best = row["notes"]["peer"]
            if best:
                text += (f"  chunk {best['chunk']}, gradients "
                         + ("on" if best["gradients"] else "off"))
            text += f"  threads: {row['notes']['threads']}"
            print(f"{row['size']:5d}² {row['gain control']:3.0f} Hz  {text}")
    for key, text in pair.versions.items():
        print(f"{key}: {text}")
    if options.micro:
        micro = run_micro(options.micro)
        if micro and not options.no_record:
            append_rows(file.with_name(f"{date}-micro.csv"), MICRO_COLUMNS,
                        [{"date": date, "commit": commit, **row} for row in micro])
    if not options.no_record:
        print(f"\nrecorded in bench/record/{machine}/{file.name}")
    return 0 if ours_at_all else 1


if __name__ == "__main__":
    sys.exit(main())
