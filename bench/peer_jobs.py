"""Measure the 2018 toolbox (convis 0.6.3 on PyTorch); run it in the peers' environment.

    "$(python3 bench/peers.py path)" bench/peer_jobs.py --jobs retina --sizes 20 50

Prints one JSON object a job (see `jobs.py`). The toolbox is used through its
public interface only, and given the settings in which it is fastest here: with
or without recording of gradients, one thread or all, and the best of a few
chunk lengths.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
import warnings

import numpy
import shim  # noqa: F401  (must come before convis)

warnings.filterwarnings("ignore")

import convis  # noqa: E402
import torch  # noqa: E402

import jobs  # noqa: E402

#: Memory that one pixel-step was seen to hold on to while gradients are
#: recorded, rounded up; used to leave out trials that would not fit.
BYTES_PER_RECORDED_PIXEL_STEP = 1000


def available_bytes() -> float:
    """Memory that can still be taken on this machine, or infinity if unknown."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return 1024.0 * int(line.split()[1])
    except OSError:
        pass
    return float("inf")


class Peer(jobs.Package):
    """The toolbox. Settings: chunk (frames), threads, gradients (recorded or not)."""

    name = "convis 0.6.3"
    import_statement = "import shim, convis"
    memory_frames, memory_mark, memory_piece = 3000, 1000, 500

    def versions(self):
        return {"convis": convis.__version__, "torch": torch.__version__,
                "numpy": numpy.__version__, "python": platform.python_version()}

    def threads(self, settings):
        return settings["threads"]

    def build(self, gain_hz, settings):
        torch.manual_seed(1)
        numpy.random.seed(1)
        retina = convis.retina.Retina()
        retina.p.bipolar.lambda_amp.set(gain_hz)
        return retina

    def run(self, model, movie, settings):
        torch.set_num_threads(settings["threads"])
        with contextlib.nullcontext() if settings["gradients"] else torch.no_grad():
            outputs = model.run(movie, dt=settings["chunk"])
        return [numpy.asarray(outputs[cell].detach()) for cell in range(2)]

    def gradient(self, frames, side):
        movie = torch.from_numpy(jobs.movie(frames, side))[None, None]

        def run(threads):
            torch.set_num_threads(threads)
            # A fresh model every time: its state would keep the graphs of all steps before.
            retina = convis.retina.Retina(spikes=False)
            for _, parameter in retina.named_parameters():
                if isinstance(parameter, torch.Tensor) and parameter.is_leaf:
                    parameter.requires_grad_(True)
            on, off = (retina(movie)[cell] for cell in range(2))
            ((on * on).sum() + (off * off).sum()).backward()

        return self._with_threads(run)

    def opl(self, frames, height, width):
        movie = jobs.movie(frames, width, height=height)
        layer = convis.filters.retina.OPL()

        def run(threads):
            torch.set_num_threads(threads)
            with torch.no_grad():
                return numpy.asarray(layer.run(movie, dt=frames)[0])

        return self._with_threads(run)

    def _with_threads(self, run):
        return [(lambda threads=threads: run(threads), f"{threads} threads")
                for threads in sorted({1, jobs.thread_count()})]

    def convolution(self, kernel, frames, side, channels, gradients):
        x, w, g = (torch.from_numpy(a) for a in jobs.convolution_arrays(kernel, frames, side, channels))
        x.requires_grad_(gradients)
        w.requires_grad_(gradients)
        k, m, n = kernel
        border = (n // 2, n - n // 2 - 1, m // 2, m - m // 2 - 1, k - 1, 0)

        def run(threads):
            torch.set_num_threads(threads)
            with contextlib.nullcontext() if gradients else torch.no_grad():
                y = torch.nn.functional.conv3d(torch.nn.functional.pad(x, border, mode="replicate"), w)
            if gradients:
                x.grad = w.grad = None
                y.backward(g)

        return [(lambda threads=threads: run(threads), f"torch conv3d, {threads} threads")
                for threads in sorted({1, jobs.thread_count()})]

    def fit(self, model, optimizer, frames, side):
        x, y, w = jobs.fit_arrays(model, frames, side)
        movie, wanted = torch.from_numpy(x), torch.from_numpy(y)
        if model == "torch":
            return self._fit_in_torch(movie, wanted, w)
        torch.manual_seed(1)
        if model == "LN":
            fitted = convis.models.LN(w.shape)
            fitted.conv.set_weight(w)
        else:
            fitted = convis.models.McIntosh(filter_size=w.shape, out_channels=1)
            fitted(movie)  # the read-out takes its size from the first movie
        first = {name: value.detach().clone() for name, value in fitted.named_parameters()}

        def run(threads):
            torch.set_num_threads(threads)
            fitted.clear_state()
            with torch.no_grad():
                for name, value in fitted.named_parameters():
                    value.copy_(first[name])
            getattr(fitted.set_optimizer, optimizer)(lr=jobs.RATES[optimizer])
            return fitted.optimize(movie, wanted)

        return self._with_threads(run)

    def _fit_in_torch(self, x, y, w):
        k, m, n = w.shape
        border = (n // 2, n - n // 2 - 1, m // 2, m - m // 2 - 1, k - 1, 0)
        conv = torch.nn.Conv3d(1, 1, w.shape, bias=False)
        with torch.no_grad():
            conv.weight.copy_(torch.from_numpy(w))
        module = torch.nn.Sequential(torch.nn.ReplicationPad3d(border), conv, torch.nn.ReLU())
        optimizer = torch.optim.Adam(module.parameters(), lr=jobs.RATES["Adam"])

        def run(threads):
            torch.set_num_threads(threads)
            optimizer.zero_grad()
            ((module(x) - y) ** 2).sum().backward()
            optimizer.step()

        return self._with_threads(run)

    def keep_model(self, settings):
        # While gradients are recorded the toolbox's state keeps everything
        # since the model was built, so a model must not live long.
        return not settings["gradients"]

    def alternatives(self, settings):
        # The other thread count too: what is best with all threads on an idle
        # machine is ten times slower once a second program wants a processor.
        counts = sorted({1, jobs.thread_count()})
        return [{**settings, "threads": threads} for threads in counts]

    def memory_settings(self):
        # The frugal way first, then the toolbox's usual one.
        return [{"chunk": 100, "threads": 1, "gradients": gradients}
                for gradients in (False, True)]

    def rate(self, side, gain_hz, settings) -> float:
        """Pixel-steps per second over one chunk; the better of two unless slow."""
        model = self.build(gain_hz, settings)
        movie = jobs.movie(settings["chunk"], side)
        best, spent = float("inf"), 0.0
        for _ in range(2):
            begin = time.perf_counter()
            self.run(model, movie, settings)
            seconds = time.perf_counter() - begin
            best, spent = min(best, seconds), spent + seconds
            if spent > 4.0:
                break
        return movie.size / best

    def tune(self, side, gain_hz, chunks):
        """Try threads, then gradients, then chunk length, keeping the best of each."""
        start = {"chunk": 100, "threads": 1, "gradients": False}
        self.rate(20, gain_hz, start)  # loads and prepares whatever is loaded late
        tried = []

        def attempt(settings):
            # Two runs here; in the job itself three over a movie of some seconds.
            pixel_steps = max(2 * settings["chunk"] * side**2, 1e7)
            needed = pixel_steps * BYTES_PER_RECORDED_PIXEL_STEP
            if settings["gradients"] and needed > 0.5 * available_bytes():
                tried.append({**settings, "left_out": "would not fit into memory"})
                return
            tried.append({**settings, "rate": self.rate(side, gain_hz, settings)})

        def best():
            return max((trial for trial in tried if "rate" in trial), key=lambda t: t["rate"])

        def best_settings(**changed):
            trial = best()
            return {**{key: trial[key] for key in start}, **changed}

        attempt(start)
        if jobs.thread_count() > 1:
            attempt(best_settings(threads=jobs.thread_count()))
        attempt(best_settings(gradients=True))
        for chunk in chunks:
            if chunk != start["chunk"]:
                attempt(best_settings(chunk=chunk))
        return {"settings": best_settings(), "rate": best()["rate"], "tried": tried}


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)  # fresh processes must not find another convis
    jobs.main(Peer())
