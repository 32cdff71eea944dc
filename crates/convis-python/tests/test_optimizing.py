"""Losses, optimisers, and fitting layers."""

import copy
import pickle

import convis
import numpy as np
import pytest

RNG = np.random.default_rng(11)
NAMES = [name for name in convis.optim.__all__ if name not in ("Optimizer", "ParameterGroup")]


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
    options = {"SGD": {"lr": 1e-6}, "Adam": {"lr": 1e-3}, "AdamW": {"lr": 1e-3}, "Adagrad": {"lr": 1e-3}, "ASGD": {"lr": 1e-6}, "RAdam": {"lr": 1e-6}}
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
        ("Adadelta", dict(lr=5.0, weight_decay=0.1)),
        ("Adamax", dict(lr=0.1, weight_decay=0.1)),
        ("NAdam", dict(lr=0.1, weight_decay=0.1)),
        ("RAdam", dict(lr=0.1, betas=(0.5, 0.6))),
        ("RAdam", dict(lr=0.1, weight_decay=0.1)),
        ("Rprop", dict(lr=0.3, step_sizes=(1e-3, 0.5))),
        ("ASGD", dict(lr=0.05, lambd=0.1, t0=2.0, weight_decay=0.1)),
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

        rel = 1e-6 if name in ("NAdam", "ASGD") else 1e-9  # torch keeps their rates in single precision
        for _ in range(6):
            assert float(a.step(our_loss)) == pytest.approx(b.step(their_loss).item(), rel=rel, abs=1e-12), name
            np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=100 * rel, atol=rel, err_msg=f"{name} {options}")


@pytest.mark.parametrize(
    "model",
    [
        lambda: convis.filters.RF(1, 1, (2, 1, 1)),
        lambda: convis.models.RFN((2, 1, 1)),
        lambda: convis.models.LN((2, 1, 1), population=False),
        lambda: convis.models.LNSN((2, 1, 1), (1, 1), population=False),
        lambda: convis.models.McIntosh((3, 2, 2), (3, 2, 2), out_channels=2),
        lambda: convis.models.Sequential(convis.filters.Diff(), convis.models.Readout(2)),
    ],
)
def test_weights_that_take_their_size_from_the_first_movie_are_fitted(model):
    x = RNG.standard_normal((20, 4, 5))
    fresh = model().double()
    m = copy.deepcopy(fresh)
    y = np.asarray(copy.deepcopy(m)(x)) + 1.0
    m.set_optimizer.Adam(lr=1e-6)
    first = m.optimize(x, y)
    shapes = {path: value.shape for path, value in m.state_dict().items()}
    assert max(np.prod(shape) for shape in shapes.values()) >= 20 and not m.get_state()
    for _ in range(5):
        m.optimize(x, y, dt=9)
    assert m.compute_loss(x, y) < first
    before = m.state_dict()

    def broken(wanted, actual):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        m.optimize(x, y, loss_fn=broken)
    assert all(np.array_equal(value, before[path]) for path, value in m.state_dict().items())
    # By hand, too: the numbers are counted when the first frame has come.
    m = copy.deepcopy(fresh)
    optimizer = convis.optim.SGD(m.parameters(), lr=1e-6)

    def closure():
        optimizer.zero_grad()
        m.clear_state()
        loss = ((m(x) - y) ** 2).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == pytest.approx(first, rel=1e-9)
    assert {path: value.shape for path, value in m.state_dict().items()} == shapes


def test_a_loss_without_gradient_is_refused():
    x = RNG.random((30, 4, 5))
    for make, words in (
        (lambda: convis.retina.Retina(), "surrogate"),
        (lambda: convis.models.Sequential(convis.filters.NLSquare(), lambda y: convis.Tensor(np.asarray(y))), "tensors"),
    ):
        m = make()
        m.set_optimizer.Adam(lr=1e-3)
        before = m.state_dict()
        with pytest.raises(RuntimeError, match=words):
            m.optimize(x, m.run(x).array(0) * 0.0)
        assert all(np.array_equal(value, before[path]) for path, value in m.state_dict().items())
    m = Two()
    m.set_optimizer.Adam(lr=1e-3)
    with convis.no_grad(), pytest.raises(RuntimeError, match="switched off"):
        m.optimize(x, x)
    m = convis.retina.Retina(surrogate=("fast_sigmoid", 10.0))
    m.set_optimizer.SGD(lr=0.0)
    m.optimize(x, m.run(x).array(0) * 0.0)

    class Random:
        """Needs no gradients."""

        def zero_grad(self):
            pass

        def step(self, closure):
            return closure()

    assert convis.retina.Retina().optimize(x, x * 0.0, Random()) >= 0


def test_groups_have_options_of_their_own():
    x, y = problem()
    model = Two().double()
    groups = [{"params": [model.gain], "lr": 0.1}, {"params": [model.blur.sigma, model.low.tau]}]
    optimizer = convis.optim.Adam(groups, lr=1e-5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1e-5] and optimizer.lr is None
    start = [float(p) for p in (model.gain, model.blur.sigma, model.low.tau)]
    model.optimize(x, y, optimizer)
    moved = [abs(float(p) - a) for p, a in zip((model.gain, model.blur.sigma, model.low.tau), start)]
    assert moved == pytest.approx([0.1, 1e-5, 1e-5], rel=1e-3)  # the first step of Adam is as long as its rate
    # Copies and states remember every group.
    again = pickle.loads(pickle.dumps(optimizer))
    twin = copy.deepcopy(model)
    again.attach([{"params": [twin.gain]}, {"params": [twin.blur.sigma, twin.low.tau]}])
    for _ in range(3):
        assert model.optimize(x, y, optimizer) == twin.optimize(x, y, again)
    optimizer.param_groups[1]["lr"] *= 10
    optimizer.lr = 0.01
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.01] and "group 1" in repr(optimizer)
    for bad, kind, words in (
        ([{"params": [model.gain], "lrr": 1.0}], ValueError, "lr"),
        ([{"params": [model.gain]}, {"params": [model.gain]}], ValueError, "two groups"),
        ([{"lr": 1.0}], TypeError, "params"),
        ([{"params": []}], ValueError, "none"),
    ):
        with pytest.raises(kind, match=words):
            convis.optim.Adam(bad)
    with pytest.raises(ValueError, match="one group"):
        convis.optim.LBFGS(groups)
    with pytest.raises(ValueError, match="2 groups"):
        again.attach(model.parameters())


def test_bounded_steps_stay_within_the_range():
    x = RNG.random((60, 6, 6))
    goal = convis.retina.Retina(spikes=False)
    goal.bipolar.lambda_amp = 20.0
    y = goal.run(x).array(0)
    model = convis.retina.Retina(spikes=False)
    with pytest.raises(RuntimeError, match="bounded=True"):
        model.set_optimizer.Adam(0.1)
        for _ in range(3):
            model.optimize(x, y)
    model = convis.retina.Retina(spikes=False)
    model.set_optimizer.Adam(0.003)
    losses = [model.optimize(x, y, bounded=True) for _ in range(10)]
    assert losses[-1] < losses[0] and float(model.bipolar.tau) > 0 and float(model.bipolar.lambda_amp) > 0
    twin = copy.deepcopy(model)
    assert model.optimize(x, y, bounded=True) == twin.optimize(x, y, bounded=True)
    with pytest.raises(RuntimeError, match="bounded"):
        model.optimize(x, y)
    fit = Two(0.3, 0.05, 3.0).double()
    x, y = problem()
    fit.set_optimizer.LBFGS(line_search_fn="strong_wolfe")
    for _ in range(3):
        fit.optimize(x, np.asarray(Two(0.15, 0.02, 2.0).double()(x)), bounded=True)
    assert [float(p) for p in fit.parameters()] == pytest.approx([0.15, 0.02, 2.0], rel=1e-3)
    with pytest.raises(TypeError, match="bounded"):
        fit.optimize(x, y, object.__new__(type("Other", (), {"step": print, "zero_grad": print})), bounded=True)


def test_losses_and_rates_by_position():
    with pytest.raises(ValueError, match="sse, mse, poisson, bce, huber"):
        Two().compute_loss(np.ones((3, 2, 2)), np.ones((3, 2, 2)), "rms")
    assert Two().set_optimizer.Adam(0.1).lr == 0.1
