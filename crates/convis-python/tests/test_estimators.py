"""The estimators of scikit-learn."""

import convis
import numpy as np
import pytest

pytest.importorskip("sklearn")
from convis.estimators import GLMRegressor, LNPRegressor  # noqa: E402
from convis.models import RaisedCosines  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

RNG = np.random.default_rng(2)
X = RNG.normal(size=(2000, 2))
Y = RNG.poisson(np.exp(0.5 * X[:, 0] + np.append(0, 0.6 * X[:-1, 1]) - 0.5))


# With a history samples depend on one another, which scikit-learn's checks exclude.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("estimator", [LNPRegressor(), LNPRegressor(loss="gaussian", nonlinearity="identity"),
                                       GLMRegressor(history=None)])
def test_scikit_learn_is_content(estimator):
    check_estimator(estimator)


def test_an_estimator_is_the_fit_itself():
    estimator = LNPRegressor(lags=2, regularizer=None).fit(X, Y)
    m = convis.models.LNP(lags=2, spatial=(1, 2))
    result = convis.fit(m, X[:, None], Y)
    assert np.array_equal(estimator.coef_, m.filter[0])
    assert np.array_equal(estimator.predict(X), m.predict(X[:, None]))
    assert estimator.score(X, Y) == pytest.approx(result.score(X[:, None], Y, "deviance_explained"))
    rates = LNPRegressor(loss="gaussian", nonlinearity="identity").fit(X, Y)
    assert 0 < rates.score(X, Y) < estimator.score(X, Y)


def test_they_are_cloned_searched_and_put_in_line():
    search = GridSearchCV(LNPRegressor(), {"lags": [1, 2], "ridge": [0.1, 1e4]}, cv=KFold(4)).fit(X, Y)
    assert search.best_params_ == {"lags": 2, "ridge": 0.1}
    copy = clone(search.best_estimator_)
    assert copy.get_params() == search.best_estimator_.get_params() and not hasattr(copy, "model_")
    assert copy.set_params(lags=3).lags == 3
    line = make_pipeline(StandardScaler(), LNPRegressor(lags=2))
    assert cross_val_score(line, X, Y, cv=KFold(4)).min() > 0.1


def test_a_history_is_known_or_simulated():
    spikes = np.zeros(4000)
    drive = RNG.normal(size=(4000, 1))
    for t in range(4000):
        p = np.exp(drive[t, 0] - 1) * (0.02 if t and spikes[t - 1] else 1.0)
        spikes[t] = RNG.random() < min(p, 1)
    cell = GLMRegressor(history=RaisedCosines(count=1, last=0.0, offset=0.3), loss="bernoulli", ridge=0.1).fit(drive, spikes)
    known, free = cell.predict(drive, spikes), cell.predict(drive)
    assert known[1:][spikes[:-1] > 0].mean() < 0.1 < known.mean()
    assert np.corrcoef(free, drive[:, 0])[0, 1] > 0.4 and abs(free.mean() - spikes.mean()) < 0.03
    assert np.array_equal(free, cell.predict(drive))
    assert cell.score(drive, spikes) > 0


def test_bad_options_are_told():
    with pytest.raises(ValueError, match="spatial"):
        LNPRegressor(spatial=(2, 2)).fit(X, Y)
    with pytest.raises(ValueError, match="sample_weight"):
        LNPRegressor().fit(X, Y).score(X, Y, sample_weight=np.ones(2000))
