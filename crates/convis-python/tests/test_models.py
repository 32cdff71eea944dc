"""Models put together of compiled layers, layers written in Python and functions; and the recorded numbers of some."""

import copy
import os
import pickle

import convis
import numpy as np
import pytest

GOLDEN = os.path.join(os.environ.get("CONVIS_GOLDEN", "../shared/golden"), "convis")


class Double(convis.Layer):
    """Twice the input, and a count of frames."""

    def __init__(self):
        super().__init__()
        self.register_state("seen", 0)

    def forward(self, x):
        self.seen = self.seen + x.shape[2]
        return convis.filters.NLRectifyScale(2.0)(x)


def recorded(name):
    path = os.path.join(GOLDEN, name)
    if not os.path.exists(path):
        pytest.skip(f"{path} is not there")
    return np.load(path)


def test_compiled_and_python_layers_in_a_row(movie):
    model = convis.models.Sequential([convis.filters.TemporalLowPassFilterRecursive(0.02), Double()])
    low = convis.filters.TemporalLowPassFilterRecursive(0.02)
    whole = model.run(movie(40)).array(0)
    assert np.allclose(whole, 2 * low.run(movie(40)).array(0))
    assert model.layer_1.seen == 40
    model.clear_state()
    assert model.layer_1.seen == 0
    a = model.run(movie(40)[:15], dt=4)
    state = model.get_state()
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    assert state["layer_1.seen"] == 15
    b = model.run(movie(40)[15:], dt=7).array(0)
    assert np.array_equal(np.concatenate([a.array(0), b], axis=2), whole)
    for same in copies:
        assert same[1].seen == 15
        assert np.array_equal(same.run(movie(40)[15:]).array(0), b)
    model.set_state(state)
    assert np.array_equal(model.run(movie(40)[15:]).array(0), b)


@pytest.mark.parametrize("mode", ["sequential", "sum", "sum_0", "sum_1", "cat", "cat_0", "cat_1"])
def test_lists_give_the_recorded_numbers(mode):
    file = recorded(f"list_{mode}.npz")
    model = convis.models.List(mode=mode)
    for i in range(3):
        kernel = file[f"kernel_{i}"]
        model.append(convis.filters.Conv3d(1, 1, kernel.shape, bias=False))
        model[i].set_weight(kernel)
    got = model.run(file["input"]).array(0)
    assert got.shape == file["output"].shape
    assert np.abs(got - file["output"]).max() <= 1e-5 * np.abs(file["output"]).max()


def test_a_cascade_gives_the_recorded_numbers():
    file = recorded("model_LNCascade.npz")
    stages = [None, convis.filters.NLSquare(0.7, -0.2), convis.filters.NLRectify()]
    model = convis.models.LNCascade()
    for i, nonlinear in enumerate(stages):
        conv = convis.filters.Conv3d(1, 1, file[f"kernel_{i}"].shape, bias=False)
        conv.set_weight(file[f"kernel_{i}"])
        model.add_layer(conv, nonlinear)
    got = model.run(file["input"], dt=5).array(0)
    assert np.abs(got - file["output"]).max() <= 1e-5 * np.abs(file["output"]).max()
    assert "nonlinearities_layer_1_scale" in model.get_parameters()


def test_nested_models_alternate():
    for name, key, make in (
        ("list_make_sequential_parallel.npz", "output", convis.models.make_sequential_parallel_model),
        ("quirks/list_make_parallel_sequential.npz", "output_ideal", convis.models.make_parallel_sequential_model),
    ):
        file = recorded(name)
        convs = []
        for i in range(3):
            convs.append(convis.filters.Conv3d(1, 1, file[f"kernel_{i}"].shape, bias=False))
            convs[-1].set_weight(file[f"kernel_{i}"])
        got = make([convs[0], [convs[1], convs[2]]]).run(file["input"]).array(0)
        assert got.shape == file[key].shape
        assert np.abs(got - file[key]).max() <= 1e-5 * np.abs(file[key]).max()


def test_combinations(movie):
    two = [convis.filters.NLRectifyScale(2.0), convis.filters.NLRectifyScale(3.0)]
    x = movie(5)
    for combination, factor in (
        ("sum_1", [5.0]),
        ("cat_1", [2.0, 3.0]),
        (convis.filters.Sum(1), [5.0]),
        (lambda a, b: b, [3.0]),
    ):
        got = convis.models.Parallel(*two, combination=combination).run(x).array(0)
        assert np.allclose(got[0], np.multiply.outer(factor, x), rtol=1e-6)
    conv = convis.filters.Conv3d(2, 1, (1, 1, 1), bias=False)
    model = convis.models.Parallel(two, combination=conv)
    assert model.combination is conv and "combination_weight" in model.get_parameters() and len(model) == 2


def test_a_retina_in_a_list(movie):
    model = convis.models.List([convis.retina.Retina(spikes=False)], mode="cat_1")
    assert model.run(movie(10)).array(0).shape == (1, 2, 10, 6, 5)
    model = convis.models.Sequential(convis.retina.Retina(), convis.filters.NLRectify())
    with pytest.raises(ValueError, match="parallel"):
        model.run(movie(10))


def test_mistakes_are_named():
    a = convis.filters.NLRectify()
    for make, words in (
        (lambda: convis.models.List(mode="sequentiel"), "sequential"),
        (lambda: convis.models.List(mode="parallel", combination="cat_7"), "cat_"),
        (lambda: convis.models.List(3), "layers"),
        (lambda: convis.models.Sequential([a, 3.0]), "layers"),
        (lambda: convis.models.Sequential([convis.filters.NLRectify]), "layers"),
        (lambda: convis.models.Dict({"a b": a}), "name"),
        (lambda: convis.models.Dict({"combination": a, "p": a}), "attribute|name"),
        (lambda: convis.models.LNCascade([a]), "pairs"),
        (lambda: convis.models.make_sequential_parallel_model(a), "list"),
        (lambda: convis.models.LN((3, 3)), "kernel_dim"),
        (lambda: convis.models.LNLN((1, 1, 3, 3, 3)), "kernel_dim"),
        (lambda: convis.models.LN("abc"), "kernel_dim"),
        (
            lambda: convis.models.Sequential(a, convis.filters.NLRectify(resolution=convis.Resolution(5, 100))),
            "resolution",
        ),
    ):
        with pytest.raises((ValueError, TypeError, AttributeError), match=words):
            make()
    model = convis.models.Sequential(a)
    with pytest.raises(IndexError):
        model[1]
    with pytest.raises(KeyError, match="layer_0"):
        model["layer_1"]
    with pytest.raises(ValueError, match="at least one"):
        convis.models.Parallel().run(np.ones((3, 2, 2)))


def test_weights_of_another_shape_survive_copies():
    m = convis.models.LN((3, 3, 3))
    m.conv.set_weight(np.ones((2, 5, 1)))
    m.conv.mode = "zeros"
    for same in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert same.conv.weight.shape == (1, 1, 2, 5, 1) and same.conv.mode == "zeros"
    d = convis.filters.VariableDelay(np.ones((4, 5)))
    assert copy.deepcopy(d).delays.shape == (4, 5)


def test_registered_states_need_good_names():
    class Bad(convis.Layer):
        pass

    for name in ("run", "_hidden", "a b", 3):
        with pytest.raises(ValueError, match="name"):
            Bad().register_state(name)


def test_a_model_has_the_resolution_of_its_parts_and_so_have_its_outputs():
    fine = convis.Resolution(pixel_per_degree=20.0, steps_per_second=250.0)
    model = convis.models.Sequential([lambda x: x, convis.filters.GaussianBlur(0.1, resolution=fine)])
    assert model.resolution == fine
    xarray = pytest.importorskip("xarray")
    output = model.run(np.ones((5, 4, 4))).to_xarray()
    times = (output if isinstance(output, xarray.DataArray) else next(iter(output.data_vars.values()))).coords["time"]
    assert float(times[1] - times[0]) == pytest.approx(1 / 250)
    class Own(convis.Layer):
        def forward(self, x):
            return x
    own = Own()
    assert own.resolution == convis.Resolution(*convis.default_resolution._pair())
    own.resolution = fine
    assert own.resolution == fine
    with pytest.raises(TypeError, match="expected a convis.Resolution"):
        own.resolution = 10.0


def test_any_layer_of_a_dictionary_counts():
    x = np.ones((3, 2, 2))
    twice = {"combination": convis.filters.NLSquare(2.0), "other": convis.filters.NLSquare(1.0)}
    assert convis.models.Dict(twice).run(x).array(0).max() == 16.0
    assert convis.models.Dict(twice, mode="sum").run(x).array(0).max() == 5.0
    with pytest.raises(ValueError, match="taken"):
        convis.models.Dict(twice, mode="parallel", combination=convis.models.Readout())


def test_a_layer_with_a_state_belongs_to_one_place():
    def slow():
        return convis.filters.TemporalLowPassFilterRecursive(0.1)

    s = slow()
    for make in (
        lambda: convis.models.Sequential(s, s),
        lambda: convis.models.Parallel(s, convis.models.Sequential(convis.filters.Diff(), s)),
        lambda: convis.models.Dict({"a": convis.models.List([s]), "b": convis.models.List([s])}),
    ):
        with pytest.raises(ValueError, match="copy.deepcopy"):
            make()
    model = convis.models.Sequential(s, slow())
    with pytest.raises(ValueError, match="layer_1.*layer_0"):
        model[1] = s
    model[0] = s
    own = convis.models.Sequential(s, copy.deepcopy(s))
    x = np.random.default_rng(0).random((20, 2, 2))
    whole = own.run(x).array(0)
    own.clear_state()
    assert np.array_equal(own.run(x, dt=3).array(0), whole)
    # Without a state, the same layer at several places is a way to share parameters.
    square = convis.filters.NLSquare(2.0)
    shared = convis.models.Sequential(square, square)
    shared.run(x)
    assert shared.get_state().frames == 20 and shared.run(x)._first_frame == 20


def test_items_are_checked_as_what_is_appended():
    m = convis.models.List([convis.filters.Diff(), convis.filters.NLRectify()])
    with pytest.raises(ValueError, match="itself"):
        m[0] = m
    with pytest.raises(ValueError, match="resolution"):
        m[1] = convis.filters.NLRectify(resolution=convis.Resolution(5, 100))
    inner = convis.models.List([m])
    with pytest.raises(ValueError, match="itself"):
        m.append(inner)
    m[0] = convis.filters.NLSquare()
    assert m.run(np.ones((2, 1, 1))).array(0).max() == 1


def test_spikes_of_izhikevich_neurons_are_spikes_anywhere():
    drive = np.full((300, 2, 2), 14.0)
    alone = convis.spiking.Izhikevich().run(drive)
    within = convis.models.Sequential(convis.spiking.Izhikevich()).run(drive)
    assert alone[0].dtype == np.uint8 and np.array_equal(alone.spikes(), within.spikes()) and len(alone.spikes()) > 0
    assert convis.spiking.Izhikevich(False).run(drive)[0].shape == (1, 3, 300, 2, 2)


def test_a_part_of_an_output():
    o = convis.retina.Retina().run(np.ones((30, 4, 5)))
    assert o[0:1].keys() == ["ganglion_spikes_ON"] and o[:].keys() == o.keys() and len(o[1:].spikes()) == len(o.spikes(1))


def test_looking_at_a_model_leaves_no_gradients():
    m = convis.filters.GaussianBlur(0.1)
    m.sigma.requires_grad_(True)
    f = convis.analysis.LinearGradientExplorer(m).filter(np.random.default_rng(0).random((20, 3, 3)), frame=5, pixel=(1, 1), lags=2)
    assert f.any() and m.sigma.grad is None and m.sigma.requires_grad
