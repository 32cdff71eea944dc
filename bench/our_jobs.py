"""Measure this project's Python package; run it where its wheel is installed.

    PYTHON bench/our_jobs.py --jobs retina import memory

Prints one JSON object a job (see `jobs.py`): the same jobs, on the same movie,
as `peer_jobs.py`. The package chooses threads and chunk length itself.
"""

from __future__ import annotations

import platform

import convis
import numpy

import jobs

if convis.__version__ == "0.6.3":
    raise SystemExit("our_jobs: this Python has the 2018 convis, not this project's package")


class Ours(jobs.Package):
    """This project. It needs no settings."""

    name = "ours"
    # A tenth of the way is left out; the rest, 180 000 frames, must be flat.
    memory_frames, memory_mark, memory_piece = 200_000, 20_000, 2000

    def versions(self):
        return {"convis": convis.__version__, "numpy": numpy.__version__,
                "python": platform.python_version()}

    def threads(self, settings):
        return jobs.thread_count()

    def build(self, gain_hz, settings):
        convis.seed(1)
        retina = convis.retina.Retina()
        retina.p.bipolar.lambda_amp.set(gain_hz)
        return retina

    def run(self, model, movie, settings):
        outputs = model.run(movie, dt=None)
        return [numpy.asarray(outputs[cell]) for cell in range(2)]

    def gradient(self, frames, side):
        convis.seed(1)
        retina = convis.retina.Retina(spikes=False)
        retina.requires_grad_(True)
        movie = convis.Tensor(jobs.movie(frames, side)[None, None])

        def run():
            retina.clear_state()
            retina.zero_grad()
            on, off = (retina(movie)[cell] for cell in range(2))
            ((on * on).sum() + (off * off).sum()).backward()

        return [(run, f"{self.threads({})} threads")]

    def opl(self, frames, height, width):
        return self._run(convis.retina.OPL(), frames, height, width)

    def picture(self, frames, height, width):
        return self._run(convis.retina.Retina(), frames, height, width)

    def _run(self, layer, frames, height, width):
        movie = jobs.movie(frames, width, height=height)

        def run():
            outputs = layer.run(movie)
            return [numpy.asarray(outputs[i]) for i in range(len(outputs))]

        return [(run, f"{self.threads({})} threads")]

    def convolution(self, kernel, frames, side, channels, gradients):
        x, w, g = jobs.convolution_arrays(kernel, frames, side, channels)
        conv = convis.filters.Conv3d(*channels, tuple(kernel), bias=False)
        conv.set_weight(w, flip=False)
        movie = convis.Tensor(x, requires_grad=gradients)
        gradient = convis.Tensor(g)

        def run():
            conv.clear_state()
            if not gradients:
                with convis.no_grad():
                    conv(movie)
                return
            movie.zero_grad()
            conv.zero_grad()
            conv(movie).backward(gradient)

        return [(run, conv.plan(x))]

    def fit(self, model, optimizer, frames, side):
        x, y, w = jobs.fit_arrays(model, frames, side)
        if model == "torch":
            return self._fit_in_torch(x, y, w)
        convis.seed(1)
        if model == "LN":
            fitted = convis.models.LN(w.shape)
            fitted.conv.set_weight(w)
        else:
            fitted = convis.models.McIntosh(filter_size=w.shape, out_channels=1)
            fitted.run(x)  # the read-out takes its size from the first movie
            fitted.clear_state()
        first, start = fitted.get_parameters(), fitted.get_state()
        movie, wanted = convis.Tensor(x), convis.Tensor(y)

        def run():
            fitted.set_parameters(first)
            fitted.set_state(start)
            getattr(fitted.set_optimizer, optimizer)(lr=jobs.RATES[optimizer])
            return fitted.optimize(movie, wanted)

        return [(run, (fitted.conv if model == "LN" else fitted.layer1).plan(x))]

    def _fit_in_torch(self, x, y, w):
        import torch

        conv = convis.filters.Conv3d(1, 1, w.shape, bias=False)
        conv.set_weight(w, flip=False)
        module = torch.nn.Sequential(convis.torch.as_module(conv), torch.nn.ReLU())
        optimizer = torch.optim.Adam(module.parameters(), lr=jobs.RATES["Adam"])
        x, y = torch.from_numpy(x), torch.from_numpy(y)

        def run():
            optimizer.zero_grad()
            ((module(x) - y) ** 2).sum().backward()
            optimizer.step()

        return [(run, conv.plan(x.numpy()))]

    def poisson(self, steps, lags):
        name, stimulus, counts = jobs.recording(steps, lags)

        def run():
            model = convis.models.LNP(lags=lags, nonlinearity="exp")
            convis.fit(model, stimulus, counts, loss="poisson", regularizer=None)
            return [model.filter, model.conv.bias.data]

        return [(run, name)]


if __name__ == "__main__":
    jobs.main(Ours())
