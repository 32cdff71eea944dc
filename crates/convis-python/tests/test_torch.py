"""Layers as torch modules."""

import subprocess
import sys

import convis
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def small():
    blur = convis.retina.Bipolar()
    blur.lambda_amp = 5.0
    return blur


def test_gradients_pass_torchs_own_check():
    module = convis.torch.as_module(small().double())
    x = torch.rand(1, 1, 6, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: module(x), (x,))
    assert module(x).dtype == torch.float64


def test_gradients_of_parameters_equal_ours():
    layer = small().double()
    module = convis.torch.as_module(layer)
    x = torch.rand(8, 3, 4, dtype=torch.float64)
    (module(x) ** 2).sum().backward()
    layer.zero_grad()
    (layer(x.numpy()) ** 2).sum().backward()
    for name, theirs in module.named_parameters():
        ours = layer._parameter(name).grad
        if theirs.requires_grad:
            np.testing.assert_allclose(theirs.grad.numpy(), np.asarray(ours), rtol=1e-5)


def test_values_are_shared_both_ways():
    layer = small()
    module = convis.torch.as_module(layer)
    assert set(module.state_dict()) == set(layer.state_dict())
    layer.tau = 0.02
    assert dict(module.named_parameters())["tau"].item() == pytest.approx(0.02)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-6)
    (module(torch.rand(5, 3, 4)) ** 2).sum().backward()
    layer.zero_grad()
    optimizer.step()
    for name, theirs in module.named_parameters():
        assert np.float32(layer._parameter(name).item()) == theirs.item(), name
    other = convis.torch.as_module(small())
    other.load_state_dict(module.state_dict())
    for path, value in other.layer.state_dict().items():
        np.testing.assert_allclose(value, layer.state_dict()[path], rtol=1e-7, err_msg=path)
    layer.requires_grad_(False)
    assert not module(torch.rand(5, 3, 4)).requires_grad or any(p.requires_grad for p in module.parameters())


def test_the_state_stays_unless_it_is_to_be_kept():
    x = torch.rand(20, 3, 4)
    module = convis.torch.as_module(small())
    assert torch.equal(module(x), module(x)) and not module.layer.get_state()
    going_on = convis.torch.as_module(small(), keep_state=True)
    parts = torch.cat([going_on(x[:7]), going_on(x[7:])], dim=2)
    assert torch.equal(parts, module(x))


def test_it_trains_within_a_network_of_torch():
    torch.manual_seed(1)
    module = torch.nn.Sequential(convis.torch.as_module(small()), torch.nn.Flatten(), torch.nn.Linear(8 * 12, 1))
    x, y = torch.rand(16, 1, 8, 3, 4), torch.rand(16, 1)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((module(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_several_outputs_and_wrong_input():
    module = convis.torch.as_module(convis.retina.Retina(spikes=False))
    on, off = module(torch.rand(5, 3, 4))
    (on.sum() - off.sum()).backward()
    spikes = convis.torch.as_module(convis.retina.Retina())(torch.rand(5, 3, 4))
    assert not spikes[0].requires_grad
    with pytest.raises(TypeError, match="torch tensor"):
        module(np.ones((5, 3, 4)))
    with pytest.raises(TypeError, match="layer"):
        convis.torch.as_module(3)


def test_convis_alone_does_not_import_torch():
    code = "import convis, sys; print('torch' in sys.modules, 'torch' in dir(convis)); convis.torch; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out == ["False", "False", "True"]


def test_weights_that_take_their_size_from_the_first_movie_train():
    torch.manual_seed(2)
    x = torch.randn(1, 1, 10, 5, 4)
    module = convis.torch.as_module(convis.models.RFN())
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((module(x) - 3.0) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weight = dict(module.layer.named_parameters())["conv.weight"]
    assert weight.shape[3:] == (5, 4) and losses == sorted(losses, reverse=True)
    assert np.unique(weight.data).size > 1
    # What was trained goes into a new module, alone or within a network.
    for wrap in (lambda m: m, torch.nn.Sequential):
        again = wrap(convis.torch.as_module(convis.models.RFN()))
        again.load_state_dict(wrap(module).state_dict())
        assert torch.equal(again(x), module(x))
    with pytest.raises(RuntimeError, match="size mismatch"):
        module.load_state_dict({key: torch.zeros(2, 3) for key in module.state_dict()})
