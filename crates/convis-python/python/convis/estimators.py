"""Regressions on recordings as estimators of scikit-learn, which is needed only here.

``X`` is the stimulus, one frame a sample, in the order of time; ``y`` what the cell did in each. With `lags` above 1, and with a
history, samples are no longer independent: cross-validate over stretches of time (``KFold`` without shuffling, ``TimeSeriesSplit``).

Examples
--------
>>> import numpy as np
>>> from convis.estimators import LNPRegressor
>>> from sklearn.model_selection import GridSearchCV, KFold
>>> rng = np.random.default_rng(0)
>>> stimulus = rng.normal(size=(3000, 1))
>>> counts = rng.poisson(np.exp(np.convolve(stimulus[:, 0], [0.5, 0.4, -0.3])[:3000] - 1))
>>> search = GridSearchCV(LNPRegressor(), {"lags": [1, 3]}, cv=KFold(3)).fit(stimulus, counts)
>>> search.best_params_
{'lags': 3}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        f"convis.estimators needs scikit-learn 1.6 or later, which is not installed ({error}): pip install scikit-learn"
    ) from None

from . import metrics
from ._glm import GLM, RaisedCosines
from ._lnp import LNP
from .fitting import fit

__all__ = ["GLMRegressor", "LNPRegressor"]


class _Recorded(RegressorMixin, BaseEstimator):
    """What both estimators have in common."""

    def _fitted(self, model: Any, X: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
        # A cell without spikes, or a stimulus that is constant, is refused as everywhere.
        penalties: dict[str, Any] = {"ridge": {"ridge": self.ridge}, "low_rank": {"ridge": self.ridge, "rank": self.rank}}
        sparse = {"weight": self.weight}
        penalties |= {"lasso": sparse, "group_lasso": sparse | {"groups": self.groups}}
        self.fit_ = fit(
            model,
            self._movie(X),
            y,
            self.loss,
            self.regularizer,
            dispersion=self.dispersion,
            delta=self.delta,
            iterations=self.iterations,
            tolerance=self.tolerance,
            **penalties.get(self.regularizer or "none", {}),
        )
        self.model_ = model
        self.coef_ = model.filter[0]
        self.intercept_ = float(self.fit_._bias()[0])
        self.n_iter_ = max(len(self.fit_.losses[0]) - 1, 1)
        return self

    def _validated(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        return X, np.asarray(y, dtype=np.float64)  # type: ignore[return-value]

    def _size(self) -> tuple[int, int]:
        size = (1, self.n_features_in_) if self.spatial is None else tuple(self.spatial)
        if len(size) != 2 or size[0] * size[1] != self.n_features_in_:
            raise ValueError(f"spatial: expected rows and columns of the {self.n_features_in_} features, got {self.spatial}")
        return size

    def _movie(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X.reshape(len(X), *self._size())

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The part of the deviance that is explained; for losses of rates, that of the variance.

        Parameters
        ----------
        X : array_like
            ``(samples, features)``.
        y : array_like
            ``(samples,)``.
        sample_weight : None
            Not supported.

        Returns
        -------
        float
            At most 1; 0 is what the mean of `y` achieves.
        """
        if sample_weight is not None:
            raise ValueError("sample_weight: expected None: samples of a recording count alike")
        rate = self._given(X, y)
        y = np.asarray(y, dtype=np.float64)
        if self.loss in ("gaussian", "huber"):
            residual, total = ((y - rate) ** 2).sum(), ((y - y.mean()) ** 2).sum()
            return float(1 - residual / total) if total else 0.0
        return metrics.deviance_explained(rate, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss not in ("gaussian", "huber")
        # Counts of an exponential are a poor model of the targets that scikit-learn tries.
        tags.regressor_tags.poor_score = True
        return tags


class LNPRegressor(_Recorded):
    """A :class:`convis.models.LNP` of one cell as an estimator of scikit-learn.

    Parameters
    ----------
    lags : int
        Frames (samples) of the filter: the present one and those before.
    nonlinearity, power
        As for :class:`convis.models.LNP`.
    spatial : (int, int), optional
        Rows and columns that the features are; by default one row.
    loss, regularizer, ridge, weight, groups, rank, dispersion, delta, iterations, tolerance
        As for :func:`convis.fit`.

    Attributes
    ----------
    coef_ : ndarray
        The filter: lag 0 first.
    intercept_ : float
        The bias.
    model_ : convis.models.LNP
        The fitted model.
    fit_ : convis.fitting.Fit
        What the fit found: errors, summary, pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from convis.estimators import LNPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3))
    >>> y = rng.poisson(np.exp(X @ [0.5, -0.5, 0.0]))
    >>> bool(LNPRegressor().fit(X, y).score(X, y) > 0.2)
    True
    """

    def __init__(
        self,
        lags: int = 1,
        nonlinearity: str = "exp",
        spatial: Sequence[int] | None = None,
        loss: str = "poisson",
        regularizer: str | None = "ridge",
        *,
        power: float | None = 2.0,
        ridge: float | None = 1.0,
        weight: float | None = None,
        groups: str = "pixel",
        rank: int = 1,
        dispersion: float = 1.0,
        delta: float = 1.0,
        iterations: int = 100,
        tolerance: float = 1e-10,
    ) -> None:
        self.lags = lags
        self.nonlinearity = nonlinearity
        self.spatial = spatial
        self.loss = loss
        self.regularizer = regularizer
        self.power = power
        self.ridge = ridge
        self.weight = weight
        self.groups = groups
        self.rank = rank
        self.dispersion = dispersion
        self.delta = delta
        self.iterations = iterations
        self.tolerance = tolerance

    def fit(self, X: ArrayLike, y: ArrayLike) -> LNPRegressor:
        """Fit the model.

        Parameters
        ----------
        X : array_like
            ``(samples, features)``: the stimulus.
        y : array_like
            ``(samples,)``: what the cell did.

        Returns
        -------
        LNPRegressor
            Itself.
        """
        X, y = self._validated(X, y)
        model = LNP(self.lags, self.nonlinearity, self._size(), power=self.power)
        return self._fitted(model, X, y)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """The expected response to every sample.

        Parameters
        ----------
        X : array_like
            ``(samples, features)``.

        Returns
        -------
        ndarray
            ``(samples,)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.fit_.predict(self._movie(X))  # type: ignore[arg-type]

    def _given(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        return self.predict(X)


class GLMRegressor(_Recorded):
    """A :class:`convis.models.GLM` of one cell as an estimator of scikit-learn.

    Its score is that of predictions that know what the cell did before each step.

    Parameters
    ----------
    lags : int
        Frames (samples) of the filter: the present one and those before.
    nonlinearity
        As for :class:`convis.models.GLM`.
    history : RaisedCosines, tuple or None
        As for :class:`convis.models.GLM`, or count, first, last and offset of the bumps.
    spatial : (int, int), optional
        Rows and columns that the features are; by default one row.
    loss, regularizer, ridge, weight, groups, rank, dispersion, delta, iterations, tolerance
        As for :func:`convis.fit`.
    trials : int
        Simulated trials over which :meth:`predict` takes the mean where it does not know what the cell did.
    random_state : int
        Seed of the simulations.

    Attributes
    ----------
    coef_, intercept_, model_, fit_
        As of :class:`LNPRegressor`, the model being a :class:`convis.models.GLM`.

    Examples
    --------
    >>> import numpy as np
    >>> from convis.estimators import GLMRegressor
    >>> from convis.models import RaisedCosines
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 1))
    >>> y = rng.random(2000) < 0.3
    >>> y[1:] &= ~y[:-1]                                        # never twice in a row
    >>> cell = GLMRegressor(history=RaisedCosines(count=1, last=0.0, offset=0.3), ridge=0.1).fit(X, y)
    >>> bool(cell.predict(X, y)[1:][y[:-1]].mean() < 0.1 * y.mean())
    True
    """

    def __init__(
        self,
        lags: int = 1,
        nonlinearity: str = "exp",
        spatial: Sequence[int] | None = None,
        loss: str = "poisson",
        regularizer: str | None = "ridge",
        *,
        history: RaisedCosines | tuple[int, float, float, float] | None = (8, 0.0, 30.0, 1.0),
        power: float = 2.0,
        ridge: float | None = 1.0,
        weight: float | None = None,
        groups: str = "pixel",
        rank: int = 1,
        dispersion: float = 1.0,
        delta: float = 1.0,
        iterations: int = 100,
        tolerance: float = 1e-10,
        trials: int = 100,
        random_state: int = 0,
    ) -> None:
        self.lags = lags
        self.nonlinearity = nonlinearity
        self.spatial = spatial
        self.loss = loss
        self.regularizer = regularizer
        self.history = history
        self.power = power
        self.ridge = ridge
        self.weight = weight
        self.groups = groups
        self.rank = rank
        self.dispersion = dispersion
        self.delta = delta
        self.iterations = iterations
        self.tolerance = tolerance
        self.trials = trials
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> GLMRegressor:
        """Fit the model.

        Parameters
        ----------
        X : array_like
            ``(samples, features)``: the stimulus.
        y : array_like
            ``(samples,)``: what the cell did.

        Returns
        -------
        GLMRegressor
            Itself.
        """
        X, y = self._validated(X, y)
        history = RaisedCosines(*self.history) if isinstance(self.history, tuple) else self.history
        model = GLM(self.lags, self._size(), self.nonlinearity, history, power=self.power)
        return self._fitted(model, X, y)

    def predict(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """The expected response to every sample.

        Parameters
        ----------
        X : array_like
            ``(samples, features)``.
        y : array_like, optional
            What the cell did, for its history. Without it: the mean over simulated trials.

        Returns
        -------
        ndarray
            ``(samples,)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        movie = self._movie(X)  # type: ignore[arg-type]
        if y is None and self.history is not None:
            spikes: NDArray[np.float64] = self.model_.simulate(movie, self.trials, self.random_state)
            return spikes.mean(axis=0)
        known = None if y is None else np.asarray(y, dtype=np.float64)
        return self.model_.predict(movie, known)

    def _given(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        return self.predict(X, y)
