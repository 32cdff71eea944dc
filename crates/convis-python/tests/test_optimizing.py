"""Losses, optimisers, and fitting layers."""

import copy
import pickle

import convis
import numpy as np
import pytest

RNG = np.random.default_rng(11)
NAMES = [name for name in convis.optim.__all__ if name != "Optimizer"]


class Two(convis.Layer):
    """A blur and a low-pass, with a gain."""

    def __init__(self, sigma=0.1, tau=0.01, gain=1.0):
        super().__init__()
        self.blur = convis.filters.GaussianBlur(sigma)
        self.low = convis.filters.TemporalLowPassFilterRecursive(tau)
        self.gain = convis.Parameter(gain)

    def forward(self, x):
        return self.low(self.blur(x)) * self.gain


def problem(frames=40):
    x = RNG.standard_normal((frames, 6, 7))
    return x, Two(0.15, 0.02, 2.0)(x)


def test_every_optimizer_lowers_the_loss_of_a_layer_written_in_python():
    x, y = problem()
    options = {"SGD": {"lr": 1e-6}, "Adam": {"lr": 1e-3}, "AdamW": {"lr": 1e-3}, "Adagrad": {"lr": 1e-3}}
    for name in NAMES:
        if name == "FiniteDifferenceGradientOptimizer":
            continue
        model = Two()
        chosen = getattr(model.set_optimizer, name)(**options.get(name, {"lr": 1e-4}))
        assert model.optimizer is chosen and name in repr(chosen) and name in repr(model.set_optimizer)
        first = model.optimize(x, y)
        for _ in range(5):
            model.optimize(x, y)
        assert model.compute_loss(x, y) < first, name


def test_state_is_restored_and_every_evaluation_sees_the_same_start():
    x, y = problem()
    model = Two()
    model.run(x)
    before = model.get_state()
    model.set_optimizer.LBFGS(line_search_fn="strong_wolfe")
    losses = [model.compute_loss(x, y) for _ in range(3)]
    assert losses[0] == losses[1] == losses[2]
    assert model.optimize(x, y) == losses[0]
    assert model.get_state() == before
    model.optimize(x, y, dt=7)
    assert model.get_state() == before and not model._stack("state")


def test_state_advances_over_chunks():
    x, y = problem()
    model = Two()
    whole = model.compute_loss(x, y)
    parts = model.compute_loss(x, y, dt=7)
    assert len(parts) == 6 and sum(parts) == pytest.approx(whole, rel=1e-5)
    still = convis.optim.SGD(model.parameters(), lr=0.0)
    assert model.optimize(x, y, still, dt=7) == parts
    late = model.compute_loss(x, y, dt=7, t_skip=10)
    assert len(late) == 5 and late[1:] == parts[2:] and late[0] < parts[1]
    assert model.optimize(x, y, still, dt=7, t_skip=10) == late


def test_gradients_end_at_chunks_unless_told_otherwise():
    x, y = problem(30)
    gradients = {}
    for bptt in (0, 3, 10, 100):
        model = Two().double()
        seen = []

        class Watch:
            def zero_grad(self, model=model):
                model.zero_grad()

            def step(self, closure, model=model, seen=seen):
                loss = closure()
                seen.append(float(model.low.tau.grad))
                return loss

        losses = model.optimize(x, y, Watch(), dt=10, bptt=bptt)
        gradients[bptt] = seen
        assert losses == pytest.approx(Two().double().compute_loss(x, y, dt=10), rel=1e-12)
    # The loss of the last chunk, with the state `bptt` frames before it held constant.
    model, h = Two().double(), 1e-7
    for bptt, seen in gradients.items():
        start = max(20 - bptt, 0)

        def last(tau, start=start):
            model.clear_state()
            model.low.tau = 0.01
            if start:
                model.run(x[:start])
            model.low.tau = tau
            return float(((model.run(x[start:]).array(0) - y.numpy()[:, :, start:])[:, :, -10:] ** 2).sum())

        assert seen[-1] == pytest.approx((last(0.01 + h) - last(0.01 - h)) / (2 * h), rel=1e-5), bptt


def test_checkpoints_change_neither_losses_nor_gradients():
    x, wanted = np.random.default_rng(0).random((40, 6, 7)), np.zeros((40, 6, 7))

    class Watch:
        def zero_grad(self):
            retina.zero_grad()

        def step(self, closure):
            loss = closure()
            grads.append([float(p.grad) for p in retina.parameters() if p.grad is not None])
            return loss

    runs = {}
    for checkpoint in (False, True, 1, 7, 100):
        retina, grads = convis.retina.Retina(spikes=False).double(), []
        retina.bipolar.lambda_amp = 50.0
        runs[checkpoint, "loss"] = retina.optimize(x, wanted, Watch(), dt=15, bptt=4, checkpoint=checkpoint)
        runs[checkpoint] = grads
        assert not retina.get_state()
        # The same terms in another order.
        np.testing.assert_allclose(grads, runs[False], rtol=1e-12)
        assert runs[checkpoint, "loss"] == runs[False, "loss"]
    assert len(runs[False][0]) > 15

    retina = convis.retina.Retina(spikes=False).double()
    movie = convis.Tensor(x[None, None], requires_grad=True)
    (retina(movie)[0] ** 2).sum().backward()
    whole = movie.grad.numpy().copy()
    movie.zero_grad()
    retina.clear_state()
    output = retina.checkpointed(movie, 9)
    (output[0] ** 2).sum().backward()
    np.testing.assert_allclose(movie.grad.numpy(), whole, rtol=0, atol=1e-12 * abs(whole).max())
    assert output.keys() == retina(movie).keys()
    with convis.no_grad():
        assert not retina.checkpointed(movie)[0].requires_grad

    for bad, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="checkpoint"):
            retina.optimize(x, wanted, Watch(), checkpoint=bad)
        with pytest.raises(error, match="frames"):
            retina.checkpointed(x, bad)
    with pytest.raises(TypeError, match="written in Python"):
        Two().optimize(x, wanted, Watch(), checkpoint=True)
    stale = retina.checkpointed(x)[0].sum()
    retina.bipolar.lambda_amp = 3.0
    with pytest.raises((RuntimeError, ValueError), match="has changed"):
        stale.backward()


def test_losses_by_name_and_as_functions():
    y, t = np.array([[0.2, 0.7]]), np.array([[0.0, 1.0]])
    huge = {"sse": 0.13, "mse": 0.065, "poisson": (0.2 + 0.7 - np.log(0.7 + 1e-8)) / 2, "huber": 0.0325}
    layer = Two()
    layer.forward = lambda x: x
    for name, want in {**huge, "bce": -(np.log(0.8) + np.log(0.7)) / 2}.items():
        assert layer.compute_loss(y[None], t[None], name) == pytest.approx(want, rel=1e-5)
    own = layer.compute_loss(y[None], t[None], lambda a, b: (a - b).abs().max())
    assert own == pytest.approx(0.3)


def test_stacks_copies_and_memory():
    x, y = problem()
    model = Two()
    model.set_optimizer.Adam(lr=1e-3)
    model.optimize(x, y)
    model.push_optimizer()
    model.push_parameters()
    a = [model.optimize(x, y) for _ in range(3)]
    model.pop_optimizer()
    model.pop_parameters()
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [other.optimize(x, y) for _ in range(3)] == a
    model.set_optimizer.SGD(lr=0.1)
    assert isinstance(model.optimizer, convis.optim.SGD)
    with pytest.raises(IndexError, match="push_optimizer"):
        model.pop_optimizer()
    saved = convis.optim.LBFGS(model.parameters())
    again = pickle.loads(pickle.dumps(saved))
    with pytest.raises(RuntimeError, match="attach"):
        again.zero_grad()
    again.attach(model.parameters())
    again.lr = 0.5
    assert again.lr == 0.5 and again.state_dict()["options"]["lr"] == 0.5


def test_errors_leave_the_parameters_as_they_were():
    x, y = problem()
    model = Two(0.3, 0.05, 3.0)
    before = model.get_parameters()
    for bad, match in (
        (dict(optimizer=convis.optim.SGD(model.parameters(), lr=1e6)), "range"),
        (dict(optimizer=3), "optimizer"),
        (dict(loss_fn="rms", optimizer=convis.optim.SGD(model.parameters())), "loss"),
        (dict(loss_fn=lambda a, b: a - b, optimizer=convis.optim.SGD(model.parameters())), "loss_fn"),
        (dict(dt=0, optimizer=convis.optim.SGD(model.parameters())), "dt"),
        (dict(t_skip=40, optimizer=convis.optim.SGD(model.parameters())), "t_skip"),
        ({}, "set_optimizer"),
    ):
        with pytest.raises((ValueError, TypeError, RuntimeError), match=match):
            model.optimize(x, y, **bad)
        assert model.get_parameters() == before and not model.get_state()
    for out in (np.zeros((40, 6, 6)), np.zeros((3, 6, 7)), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="shape"):
            model.compute_loss(x, out)
    with pytest.raises(ValueError, match="finite"):
        model.compute_loss(x, np.full((40, 6, 7), np.nan))
    with pytest.raises(AttributeError, match="Adam"):
        model.set_optimizer.Adamm(lr=1)
    with pytest.raises(TypeError, match="learning_rate"):
        model.set_optimizer.Adam(learning_rate=1)
    with pytest.raises(ValueError, match="lr"):
        model.set_optimizer.Adam(lr=-1)
    with pytest.raises(TypeError, match="lr"):
        model.set_optimizer.Adam(lr="fast")
    with pytest.raises(ValueError, match="strong_wolfe"):
        model.set_optimizer.LBFGS(line_search_fn="armijo")
    with pytest.raises(TypeError, match="closure"):
        convis.optim.LBFGS(model.parameters()).step()
    with pytest.raises(ValueError, match="none"):
        convis.optim.SGD([])
    with pytest.raises(TypeError, match="list"):
        convis.optim.SGD(model.gain)
    model.requires_grad_(False)
    with pytest.raises(RuntimeError, match="requires_grad_"):
        convis.optim.SGD(model.parameters()).step()


def test_steps_equal_those_of_torch():
    torch = pytest.importorskip("torch")
    target, scale = RNG.standard_normal(5), np.array([1.0, 3.0, 0.5, 2.0, 1.5])
    cases = [
        ("SGD", dict(lr=0.05)),
        ("SGD", dict(lr=0.05, momentum=0.9, dampening=0.1, weight_decay=0.01)),
        ("SGD", dict(lr=0.05, momentum=0.9, nesterov=True)),
        ("Adam", dict(lr=0.1, weight_decay=0.1)),
        ("Adam", dict(lr=0.1, amsgrad=True)),
        ("AdamW", dict(lr=0.1, betas=(0.8, 0.9))),
        ("Adagrad", dict(lr=0.3, lr_decay=0.1, initial_accumulator_value=0.5)),
        ("RMSprop", dict(lr=0.05, momentum=0.5, centered=True)),
        ("LBFGS", dict(max_iter=3)),
        ("LBFGS", dict(lr=0.5, history_size=2)),
    ]
    for name, options in cases:
        ours = convis.Parameter(np.zeros(5))
        theirs = torch.zeros(5, dtype=torch.float64, requires_grad=True)
        a = getattr(convis.optim, name)([ours], **options)
        b = getattr(torch.optim, name)([theirs], **options)

        def our_loss(ours=ours, a=a):
            a.zero_grad()
            loss = (scale * ((ours - target) ** 2 + 0.1 * (ours - target) ** 4)).sum()
            loss.backward()
            return loss

        def their_loss(theirs=theirs, b=b):
            b.zero_grad()
            d = theirs - torch.from_numpy(target)
            loss = (torch.from_numpy(scale) * (d**2 + 0.1 * d**4)).sum()
            loss.backward()
            return loss

        for _ in range(6):
            assert float(a.step(our_loss)) == pytest.approx(b.step(their_loss).item(), rel=1e-9, abs=1e-12), name
            np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-7, atol=1e-9, err_msg=f"{name} {options}")
