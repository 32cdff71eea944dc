"""Convolutions: kernels, plans, copies, errors."""

import copy
import pickle

import convis
import numpy as np
import pytest

Conv1d, Conv2d, Conv3d = convis.filters.Conv1d, convis.filters.Conv2d, convis.filters.Conv3d
RNG = np.random.default_rng(4)


def plain(x, w):
    """The definition: history of the first frame, replicated border, kernel as impulse response."""
    k, m, n = w.shape
    padded = np.pad(x, ((k - 1, 0), (m // 2, m - m // 2 - 1), (n // 2, n - n // 2 - 1)), mode="edge")
    flipped = w[::-1, ::-1, ::-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape)
    return np.einsum("tyxabc,abc->tyx", windows, flipped)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 3, 3), (6, 1, 1), (2, 9, 9)])
def test_equals_the_definition(shape):
    x, w = RNG.random((12, 7, 6)), RNG.standard_normal(shape)
    conv = Conv3d(1, 1, shape, bias=False)
    conv.set_weight(w)
    np.testing.assert_allclose(conv.run(x, dt=5).array(0)[0, 0], plain(x, w), atol=1e-5 * abs(plain(x, w)).max())


def test_kernels_of_any_number_of_axes():
    conv = Conv3d(1, 1, (2, 3, 4))
    conv.set_weight(2.0)
    assert (np.asarray(conv.weight) == 2).all() and conv.weight.shape == (1, 1, 2, 3, 4)
    for shape, want in [
        ((5,), (1, 1, 5, 1, 1)),
        ((2, 3), (1, 1, 1, 2, 3)),
        ((4, 2, 3), (1, 1, 4, 2, 3)),
        ((3, 4, 2, 3), (3, 1, 4, 2, 3)),
        ((2, 3, 4, 2, 3), (2, 3, 4, 2, 3)),
    ]:
        conv.set_weight(np.ones(shape), normalize=True)
        assert conv.weight.shape == want and conv.bias.shape == want[:1]
        assert np.isclose(np.asarray(conv.weight).sum(), 1)
        conv.set_weight(np.ones((1, 1, 1, 1, 1)))
    conv = Conv3d(2, 3, (1, 1, 1))
    conv.set_weight(np.ones((2, 2, 2)), preserve_channels=True)
    assert conv.weight.shape == (3, 2, 2, 2, 2)
    w = RNG.random((2, 2, 2))
    conv = Conv3d()
    conv.set_weight(w, flip=False)
    np.testing.assert_array_equal(conv.weight.data[0, 0], w)


def test_copies_keep_kernel_and_mode():
    conv = Conv3d(1, 2, (2, 3, 3), mode="zeros")
    conv.set_weight(RNG.random((2, 1, 4, 1, 1)))
    conv.mode = "mirror"
    x = RNG.random((9, 4, 4))
    conv.run(x)
    for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert other.mode == "mirror"
        np.testing.assert_array_equal(other.run(x).array(0), copy.deepcopy(conv).run(x).array(0))


@pytest.mark.parametrize("plan", ["direct", "fft", "separable"])
def test_plans_agree_and_chunks_do_not_matter(plan):
    x, w = RNG.random((30, 20, 24)), RNG.standard_normal((7, 9, 9))
    conv = Conv3d(1, 1, (7, 9, 9), bias=False, plan=plan)
    conv.set_weight(w)
    assert conv.plan(x) == {"direct": "direct", "fft": "fft 30×32", "separable": "separable of rank 7"}[plan]
    whole = copy.deepcopy(conv).run(x, dt=30).array(0)
    np.testing.assert_array_equal(conv.run(x, dt=7).array(0), whole)
    np.testing.assert_allclose(whole[0, 0], plain(x, w), atol=1e-5 * abs(whole).max())


def test_plan_and_errors():
    with pytest.raises(ValueError, match="plan: expected .auto. or .direct."):
        Conv1d(1, 1, 4, plan="fft")(np.ones((3, 2, 2)))
    with pytest.raises(ValueError, match="plan: expected .auto., .direct. or .fft.*nothing to separate"):
        Conv1d(1, 1, 4, plan="separable")(np.ones((3, 2, 2)))
    conv = Conv3d(1, 1, (5, 3, 3))
    assert conv.plan((100, 20, 20)) == conv.plan(np.zeros((1, 1, 7, 20, 20)))
    for arguments, message in [
        (dict(mode="zero"), "first_frame, zeros, ones.*did you mean"),
        (dict(plan="dircet"), "auto, direct.*did you mean"),
        (dict(kernel_size=(0, 1, 1)), "kernel_size.*from 1"),
        (dict(kernel_size=(1, 1)), "kernel_size: expected 3"),
        (dict(in_channels=0), "in_channels"),
    ]:
        with pytest.raises(ValueError, match=message):
            Conv3d(**arguments)
    with pytest.raises(ValueError, match="mode.*did you mean"):
        conv.mode = "first_farme"
    with pytest.raises(ValueError, match="preserve_channels"):
        Conv3d(2, 2).set_weight(np.ones((1, 1, 1)))
    for bad, message in [(np.ones((0, 1, 1)), "at least one"), (np.nan, "finite"), (np.ones((1,) * 6), "axes")]:
        with pytest.raises(ValueError, match=message):
            conv.set_weight(bad)
    with pytest.raises(ValueError, match="sum"):
        conv.set_weight([1.0, -1.0], normalize=True)
    with pytest.raises(ValueError, match="2 channels"):
        Conv3d(2, 1)(np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="2 channels"):
        Conv3d(2, 1).plan((3, 4, 4))
    with pytest.raises(ValueError, match="autopad is off"):
        Conv3d(1, 1, (1, 5, 5), autopad=False)(np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="time_pad is off"):
        Conv3d(1, 1, (5, 1, 1), time_pad=False)(np.ones((3, 4, 4)))


def test_one_and_two_axes():
    x = RNG.random((10, 5, 6))
    w = RNG.random((3, 2))
    conv = Conv2d(1, 1, (3, 2))
    conv.set_weight(w)
    np.testing.assert_allclose(conv(x).numpy()[0, 0], plain(x, w[None]), rtol=1e-5)
    w = RNG.random(4)
    conv = Conv1d(1, 1, 4)
    conv.set_weight(w)
    np.testing.assert_allclose(conv(x).numpy()[0, 0], plain(x, w[:, None, None]), rtol=1e-5)
