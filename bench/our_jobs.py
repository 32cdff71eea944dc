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


if __name__ == "__main__":
    jobs.main(Ours())
