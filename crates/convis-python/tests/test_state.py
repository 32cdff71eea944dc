"""States, stacks and copies."""

import copy
import pickle

import convis
import numpy as np
import pytest


def resumed(model, state, x):
    model.set_state(state)
    return model.run(x).array(0)


def test_a_state_goes_on_with_the_same_bits(movie):
    x = movie(120)
    convis.seed(2)
    r = convis.retina.Retina()
    whole = r.run(x).array(0)
    convis.seed(2)
    r = convis.retina.Retina()
    r.run(x[:50])
    state = r.get_state()
    assert np.array_equal(r.run(x[50:]).array(0), whole[:, :, 50:])
    other = convis.retina.Retina()
    for saved in (state, pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert saved == state
        assert np.array_equal(resumed(other, saved, x[50:]), whole[:, :, 50:])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_alike_and_apart(movie, copied):
    x = movie(120)
    fine = convis.Resolution(20, 500)
    r = convis.retina.Retina(integration="euler", resolution=fine)
    r.bipolar.lambda_amp = 30.0
    r.bipolar.tau.requires_grad = False
    r.push_state()
    r.run(x[:50])
    convis.seed(9)
    q = copied(r)
    following = convis.retina.Retina().get_state()
    convis.seed(9)
    assert following == convis.retina.Retina().get_state()  # copying does not count as building
    assert q.resolution == fine and float(q.p.bipolar.lambda_amp) == 30.0 and not q.bipolar.tau.requires_grad
    assert np.array_equal(r.run(x[50:]).array(0), q.run(x[50:]).array(0))
    q.bipolar.lambda_amp = 10.0
    assert float(r.bipolar.lambda_amp) == 30.0
    q.pop_state()
    assert q.get_state().frames == 0


def test_parts_are_copied_with_their_model(movie):
    r = convis.retina.Retina()
    model, part, parameter = pickle.loads(pickle.dumps((r, r.opl.opl_filter, r.bipolar.tau)))
    assert model.opl.opl_filter is part and model.bipolar.tau is parameter
    part, model = pickle.loads(pickle.dumps((r.opl.opl_filter, r)))
    assert model.opl.opl_filter is part


def test_stacks():
    r = convis.retina.Retina(spikes=False)
    x = np.ones((10, 3, 3))
    r.push_parameters()
    r.push_all()
    r.store_all("start")
    r.bipolar.tau = 0.1
    r.run(x)
    r.pop_parameters()
    assert float(r.bipolar.tau) == 0.005 and r.get_state().frames == 10
    r.pop_all()
    assert r.get_state().frames == 0
    r.bipolar.tau = 0.1
    r.retrieve_all("start")
    assert float(r.bipolar.tau) == 0.005
    with pytest.raises(KeyError, match="start"):
        r.retrieve_all("strat")
    for pop in (r.pop_state, r.pop_parameters, r.pop_all):
        with pytest.raises(IndexError, match="push"):
            pop()


def test_a_state_of_another_kind_is_refused(movie):
    r, b = convis.retina.Retina(), convis.retina.Bipolar()
    r.run(movie(5))
    with pytest.raises(ValueError, match="Retina"):
        b.set_state(r.get_state())
    without = convis.retina.Retina(spikes=False)
    with pytest.raises(ValueError, match="gang_0_spikes"):
        without.set_state(r.get_state())
    for bad in (None, {}, 3):
        with pytest.raises(TypeError, match="get_state"):
            r.set_state(bad)


def test_the_state_of_a_part(movie):
    r = convis.retina.Retina()
    r.run(movie(20))
    state = r.opl.get_state()
    kept = r.s.bipolar.V.copy()
    r.run(movie(20))
    r.opl.set_state(state)
    assert all(np.array_equal(r.s.opl[name], array) for name, array in state.items())
    assert not np.array_equal(r.s.bipolar.V, kept)
    with pytest.raises(AttributeError, match="set_state"):
        r.s.bipolar.V = 1


def test_double_precision(movie):
    x = movie(40)
    r = convis.retina.Retina(spikes=False)
    single = r.run(x).array(0)
    r.clear_state()
    assert r.double() is r
    double = r.run(x[:20]).array(0)
    assert double.dtype == np.float64 and r.s.bipolar.V.dtype == np.float64
    np.testing.assert_allclose(double, single[:, :, :20], rtol=1e-4)
    assert copy.deepcopy(r).run(x[20:]).array(0).dtype == np.float64
    assert r.float().run(x[20:]).array(0).dtype == np.float32
    with pytest.raises(RuntimeError, match="whole"):
        r.bipolar.double()
    with pytest.raises(RuntimeError, match="GPU"):
        r.cuda()
