"""Arithmetic of tensors and parameters, with gradients."""

import itertools

import convis
import numpy as np
import pytest

RNG = np.random.default_rng(5)


def leaf(*shape):
    return convis.Tensor(RNG.standard_normal(shape) + 0.1, requires_grad=True)


def slope_check(f, *inputs):
    """Gradients of the sum of f against central differences in double precision."""
    for x in inputs:
        x.zero_grad()
    f(*inputs).sum().backward()
    for which, x in enumerate(inputs):
        numbers = np.array(x)
        for i in range(numbers.size):
            moved = []
            for h in (1e-6, -1e-6):
                other = numbers.copy()
                other.flat[i] += h
                arguments = [convis.Tensor(other) if k == which else y.detach() for k, y in enumerate(inputs)]
                moved.append(float(f(*arguments).sum()))
            want = (moved[0] - moved[1]) / 2e-6
            assert np.asarray(x.grad).flat[i] == pytest.approx(want, rel=1e-6, abs=1e-6)


def test_operators_follow_numpy_on_both_sides():
    a, b = np.abs(RNG.standard_normal((2, 3))) + 0.5, np.abs(RNG.standard_normal(3)) + 0.5
    t, u = convis.Tensor(a), convis.Tensor(b)
    import operator as op

    for f in (op.add, op.sub, op.mul, op.truediv, op.pow, op.lt, op.le, op.gt, op.ge, op.eq, op.ne):
        for x, y in ((t, u), (t, b), (a, u), (t, 2.0), (2, t), (t, np.float32(2)), (np.float64(1.5), t), (t, b.tolist())):
            got = f(x, y)
            assert isinstance(got, convis.Tensor), (f, type(x), type(y))
            np.testing.assert_allclose(np.asarray(got), f(np.asarray(x), np.asarray(y)), rtol=1e-12)
    np.testing.assert_allclose((t @ b).numpy(), a @ b)
    np.testing.assert_allclose((b @ t.permute(1, 0)).numpy(), b @ a.T)
    assert (-t).tolist() == (-a).tolist() and abs(-t).tolist() == a.tolist() and (+t) is t
    with pytest.raises(TypeError):
        t + "text"
    with pytest.raises(TypeError, match="exponent"):
        t.pow("text")
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        t + np.ones(4)
    with pytest.raises(TypeError, match="never changes"):
        t[0] = 1
    with pytest.raises(ValueError, match="ambiguous"):
        bool(t)
    assert t in [t] and {t: 1}[t] == 1


def test_types_give_way_to_tensors():
    t32, t64, spikes = convis.Tensor(np.ones(2, "f4")), convis.Tensor(np.ones(2)), convis.Tensor(np.ones(2, "u1"))
    gain = convis.Parameter(2.0)
    for x in (np.ones(2), 2, 2.5, gain, gain * 2 + 1, np.float64(3)):
        assert (t32 * x).dtype == (x * t32).dtype == np.float32
        assert (t64 * x).dtype == np.float64
    assert (spikes * 0.5).dtype == (spikes + spikes).dtype == np.float32
    assert (t32 + t64).dtype == np.float64 and (gain * 2).dtype == np.float64
    assert convis.cat([t32, np.ones(3)]).dtype == np.float32 and convis.stack([t32, t64]).dtype == np.float64
    assert convis.cat([spikes, spikes]).dtype == np.uint8


def test_gradients_of_arithmetic_functions_and_reductions():
    a, b = leaf(2, 3), leaf(3)
    slope_check(lambda a, b: (a - b) ** 2 / (b * b + 1) + np.ones(3) * a - 2 * b, a, b)
    slope_check(lambda a, b: (a @ b).exp() + np.tanh(a).sum(1), a, b)
    functions = ("relu", "exp", "tanh", "sigmoid", "softplus", "abs", "square")
    for name in functions:
        slope_check(lambda a, name=name: getattr(a, name)() * 3.0, a)
    slope_check(lambda a: a.abs().log() + a.abs().sqrt() + a.clamp(-0.5, max=0.5), a)
    slope_check(lambda a, b: a.maximum(b) + a.minimum(0.2) ** 3, a, b)
    for dim, keep in itertools.product((None, 0, -1, (0, 1)), (False, True)):
        for name in ("sum", "mean", "max", "min"):
            slope_check(lambda a, name=name, dim=dim, keep=keep: getattr(a, name)(dim, keep) ** 2, a)
    for f in (np.sum, np.mean, np.max, np.min):
        assert float(f(a)) == pytest.approx(float(f(np.asarray(a))))
        assert f(a, axis=0, keepdims=True).shape == (1, 3)
    with pytest.raises(ValueError, match="dim"):
        a.sum(2)
    with pytest.raises(TypeError, match="dtype"):
        a.sum(dtype="f4")
    with pytest.raises(ValueError, match="clamp"):
        a.clamp(2, 1)


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        slice(1, None),
        slice(None, None, -2),
        (slice(None), 2),
        (..., 1),
        (0, ..., slice(0, 2)),
        (None, slice(None), None),
        (slice(2, 0, -1), slice(None), [0, 2]),
        ([0, 2, 0],),
        (np.array([0, 1]), np.array([2, 0])),
        np.arange(60).reshape(3, 4, 5) % 3 == 0,
        (slice(5, 2), ...),
        (np.int64(1), np.array(2)),
    ],
)
def test_indexing_follows_numpy_with_gradients(key):
    x = leaf(3, 4, 5)
    np.testing.assert_array_equal(np.asarray(x[key]), np.asarray(x)[key])
    assert x[key].shape == np.asarray(x)[key].shape
    if x[key].size:
        (x[key] ** 2).sum().backward()
        want = np.zeros(x.shape)
        np.add.at(want, key, 2 * np.asarray(x)[key])
        np.testing.assert_allclose(np.asarray(x.grad), want)


def test_indexing_refuses_what_is_not_there():
    x = leaf(3, 4)
    for bad in (3, -4, (0, 0, 0), (..., ...), [5], "a", (0, 0, 0, ...)):
        with pytest.raises((IndexError, TypeError)):
            x[bad]
    assert x[x > 0].shape == ((np.asarray(x) > 0).sum(),)


def test_shapes_cat_and_stack():
    x, y = leaf(2, 3), leaf(2, 1)
    slope_check(lambda x: x.reshape(3, -1).permute(1, 0).unsqueeze(0).squeeze() ** 2, x)
    slope_check(lambda x, y: convis.cat([x, y, [[1.0], [2.0]]], dim=-1) ** 2, x, y)
    slope_check(lambda x: convis.stack([x, x * x], dim=1)[:, 1], x)
    with pytest.raises(ValueError, match="shape"):
        x.reshape(4, 2)
    with pytest.raises(ValueError, match="shape"):
        convis.cat([x, y], dim=0)
    with pytest.raises(ValueError, match="at least one"):
        convis.cat([])
    with pytest.raises(TypeError, match="tensors"):
        convis.cat(["a"])


def test_parameters_take_part():
    gain = convis.Parameter(3.0, doc="gain")
    kernel = convis.Parameter(np.arange(3.0))
    x = leaf(2, 3)
    y = ((1 + gain) * x - kernel / 2 + np.ones(3) * kernel + x @ kernel.tensor().reshape(3, 1)).sum()
    y.backward()
    assert float(gain.grad) == pytest.approx(float(np.asarray(x).sum()))
    np.testing.assert_allclose(np.asarray(kernel.grad), 2 * 0.5 + 3 * np.asarray(x).sum(0))
    assert (gain > 2.0) and not (gain < 2.0) and float(kernel[1]) == 1.0
    assert float(np.exp(gain)) == pytest.approx(np.exp(3.0)) and np.isfinite(kernel).all()
    blur = convis.filters.GaussianBlur(0.2)
    (blur.sigma * 5.0).backward()
    assert float(blur.sigma.grad) == 5.0
    gain.requires_grad_(False)
    assert not (gain * 2).requires_grad


def test_no_grad_records_nothing():
    x = leaf(3)
    gain = convis.Parameter(1.0)
    with convis.no_grad():
        assert not (x * gain).requires_grad and not x[1:].requires_grad and not x.exp().requires_grad
        with convis.no_grad():
            pass
        assert not (x + 1).requires_grad
    assert (x * gain).requires_grad


def test_dlpack_both_ways():
    x = convis.Tensor(RNG.standard_normal((2, 3)))
    back = np.from_dlpack(x)
    np.testing.assert_array_equal(back, x.numpy())
    source = np.ones((2, 2))
    y = convis.from_dlpack(source)
    source[:] = 7
    assert y.tolist() == [[1, 1], [1, 1]] and y.dtype == np.float64
    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(TypeError, match="dlpack"):
        convis.from_dlpack([1.0])


def test_a_long_history_is_walked_and_freed():
    x = leaf(2)
    y = x
    for _ in range(20_000):
        y = y * 1.0001
    y.sum().backward()
    np.testing.assert_allclose(np.asarray(x.grad), 1.0001**20_000, rtol=1e-9)
