"""Measure the Poisson regression of scikit-learn; run it in its own environment.

    "$(python3 bench/peers.py path sklearn)" bench/sklearn_jobs.py --jobs poisson

The design of lagged frames is built with numpy, in one copy of a sliding window for all
cells, and counts; the solver is `newton-cholesky`, made for few coefficients and many
samples. Only job `poisson` applies.
"""

from __future__ import annotations

import platform

import numpy
import sklearn
from sklearn.linear_model import PoissonRegressor

import jobs


class ScikitLearn(jobs.Package):
    """`sklearn.linear_model.PoissonRegressor` without a penalty."""

    name = "scikit-learn"
    import_statement = "import sklearn.linear_model"

    def versions(self):
        return {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__,
                "python": platform.python_version()}

    def threads(self, settings):
        return jobs.thread_count()

    def poisson(self, steps, lags):
        name, stimulus, counts = jobs.recording(steps, lags)

        def run():
            padded = numpy.concatenate([numpy.zeros(lags - 1), stimulus])
            windows = numpy.lib.stride_tricks.sliding_window_view(padded, lags)
            design = numpy.ascontiguousarray(windows)
            # As far as ours goes; its default, 1e-4, ends a step earlier.
            models = [PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-6, max_iter=100).fit(design, cell)
                      for cell in counts.T]
            return [[model.coef_[::-1] for model in models], [model.intercept_ for model in models]]

        return [(run, name)]


if __name__ == "__main__":
    jobs.main(ScikitLearn())
