"""Tensors and gradients."""

import pickle
import subprocess
import sys

import convis
import numpy as np
import pytest


def test_memory_is_shown_not_copied():
    t = convis.Tensor(np.arange(6.0).reshape(2, 3))
    a = np.asarray(t)
    assert a.base is not None and not a.flags.writeable and a is not t.numpy()
    assert a.__array_interface__["data"][0] == t.numpy().__array_interface__["data"][0]
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 1
    del t
    assert a.sum() == 15


def test_numpy_asks_for_types_and_copies():
    t = convis.Tensor(np.arange(6, dtype="f4"))
    assert np.asarray(t, "f8").dtype == np.float64
    assert np.array(t).flags.writeable
    with pytest.raises(ValueError, match="copy"):
        t.__array__(np.float64, False)
    assert t.dtype == np.float32 and t.shape == (6,) and t.ndim == 1 and t.size == 6 and len(t) == 6
    assert t[2].item() == 2 and t[1:3].tolist() == [1, 2] and float(t[5]) == 5
    assert convis.Tensor([1, 2]).dtype == np.float32 and convis.Tensor(np.ones(2, "u1")).dtype == np.uint8
    assert pickle.loads(pickle.dumps(t)).tolist() == t.tolist()
    assert repr(convis.Tensor([1.0])) == "Tensor([1.0], shape=(1,), dtype=float32)"
    for bad in ("text", None, [[1], [2, 3]]):
        with pytest.raises((TypeError, ValueError)):
            convis.Tensor(bad)
    with pytest.raises(ValueError, match="one number"):
        t.item()
    with pytest.raises(RuntimeError, match="GPU"):
        t.cuda()


def test_gradients_of_parameters_and_input_are_right(movie):
    r = convis.retina.Retina(spikes=False).double()
    r.bipolar.lambda_amp = 20.0
    r.gang_0_input.sigma_surround = 0.05
    x = movie(30).astype("f8")
    weights = np.random.default_rng(1).standard_normal((1, 1, 30, 6, 5))

    def loss(frames):
        r.clear_state()
        return float((r.run(frames).array(0) * weights).sum())

    seen = convis.Tensor(x[None, None], requires_grad=True)
    r.clear_state()
    r(seen)[0].backward(weights)
    for path, p in r.named_parameters():
        if not p.requires_grad or path.startswith("gang_1") or (float(p) == 0.0 and "sigma" in path):
            continue
        value = float(p)
        step = 1e-5 * max(abs(value), 1e-2)
        p.set(value + step)
        above = loss(x)
        p.set(value - step)
        slope = (above - loss(x)) / (2 * step)
        p.set(value)
        assert float(p.grad) == pytest.approx(slope, rel=1e-4, abs=1e-6), path
    direction = np.random.default_rng(2).standard_normal(x.shape)
    slope = (loss(x + 1e-5 * direction) - loss(x - 1e-5 * direction)) / 2e-5
    assert (seen.grad.numpy()[0, 0] * direction).sum() == pytest.approx(slope, rel=1e-5)


def test_a_parameter_as_input_collects_a_gradient(movie):
    p = convis.Parameter(movie(10))
    blur = convis.filters.GaussianBlur(0.1)
    blur(p).backward(np.ones((1, 1, 10, 6, 5)))
    assert p.grad.shape == p.shape == (10, 6, 5)
    assert float(np.asarray(p.grad).sum()) == pytest.approx(300, rel=1e-5)
    p.grad = None
    assert p.grad is None
    with pytest.raises(TypeError, match="grad"):
        p.grad = 3


def test_backward_explains_itself(movie):
    blur = convis.filters.GaussianBlur(0.1)
    y = blur(movie(3))
    with pytest.raises(ValueError, match="gradient"):
        y.backward()
    with pytest.raises(ValueError, match="shape"):
        y.backward(np.ones(3))
    with pytest.raises(ValueError, match="history"):
        y.detach().backward(np.ones(y.shape))
    with pytest.raises(ValueError, match="history"):
        blur.run(movie(3))[0].backward(np.ones(y.shape))
    with pytest.raises(RuntimeError, match="detach"):
        y.requires_grad_(False)
    t = convis.Tensor([1.0]).requires_grad_()
    assert t.requires_grad and t.grad is None
    t.backward()
    t.backward([2.0])
    assert t.grad.item() == 3
    t.zero_grad()
    assert t.grad is None


def test_dropped_calls_do_not_grow_memory():
    code = """
import resource
import numpy as np, convis
r = convis.retina.Retina(spikes=False)
x = np.random.rand(50, 40, 40).astype("f4")
for _ in range(20): r(x)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(300): r(x)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    grown = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert grown < 30, f"{grown:.0f} MB"
