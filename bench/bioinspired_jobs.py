"""Measure the retina of OpenCV (`cv2.bioinspired`); run it in its own environment.

    "$(python3 bench/peers.py path bioinspired)" bench/bioinspired_jobs.py --jobs picture

It is a model of another kind (Hérault's: parvocellular and magnocellular maps, no
spikes, no units), used the way its documentation shows: a grey picture of bytes
goes in frame by frame, both maps are fetched. Only job `picture` applies.
"""

from __future__ import annotations

import platform

import cv2
import numpy

import jobs


class Bioinspired(jobs.Package):
    """OpenCV's retina with default settings, for grey pictures."""

    name = "cv2.bioinspired"
    import_statement = "import cv2"

    def versions(self):
        return {"opencv": cv2.__version__, "numpy": numpy.__version__,
                "python": platform.python_version()}

    def threads(self, settings):
        return cv2.getNumThreads()

    def picture(self, frames, height, width):
        movie = numpy.clip(255 * jobs.movie(frames, width, height=height), 0, 255)
        movie = movie.astype(numpy.uint8)
        retina = cv2.bioinspired.Retina_create((width, height), False)

        def run(threads):
            cv2.setNumThreads(threads)
            for frame in movie:
                retina.run(frame)
                maps = retina.getParvo(), retina.getMagno()
            return maps

        return [(lambda threads=threads: run(threads), f"{threads} threads")
                for threads in sorted({1, jobs.thread_count()})]


if __name__ == "__main__":
    jobs.main(Bioinspired())
