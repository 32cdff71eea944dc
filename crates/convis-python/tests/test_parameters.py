"""Parameters: names, values, files."""

import copy
import json

import convis
import numpy as np
import pytest


def public(thing):
    return [name for name in dir(thing) if not name.startswith("_")]


def test_the_tree_lists_names_only():
    r = convis.retina.Retina()
    assert public(r.p) == ["bipolar", "gang_0_input", "gang_0_spikes", "gang_1_input", "gang_1_spikes", "opl"]
    assert public(r.p.opl) == ["opl_filter"]
    assert public(r.p.opl.opl_filter.center_E) == ["n", "tau"]
    assert public(r.m) == public(r.p)
    assert len(r.p._all) == len(list(r.parameters())) == len(r.get_parameters()) == len(r.user_parameters)
    assert set(public(r.p._search.tau)) == {n for n in r.get_parameters() if "tau" in n}
    assert "tau" in public(r.p._search)
    assert [name for name, _ in r.p.bipolar.__iteritems__()] == list(r.p.bipolar.__iterkeys__())
    assert "bipolar" in r.p and "nothing" not in r.p


def test_every_way_reaches_the_same_parameter():
    r = convis.retina.Retina()
    tau = r.opl.opl_filter.surround_E.tau
    f = r.opl.opl_filter
    assert tau is f.tau_surround is r.p.opl.opl_filter.tau_surround is r.p["opl.opl_filter.surround_E.tau"]
    assert tau is r.p._all.opl_opl_filter_surround_E_tau is dict(r.named_parameters())["opl.opl_filter.surround_E.tau"]
    for value, assign in enumerate(
        [
            lambda v: tau.set(v),
            lambda v: setattr(f, "tau_surround", v),
            lambda v: setattr(f.surround_E, "tau", v),
            lambda v: setattr(r.p.opl.opl_filter.surround_E, "tau", v),
            lambda v: setattr(r.p._all, "opl_opl_filter_surround_E_tau", v),
            lambda v: r.p.__setitem__("opl.opl_filter.surround_E.tau", v),
            lambda v: r.set_parameters({"opl_opl_filter_tau_surround": v}),
            lambda v: r.set_parameters({"opl.opl_filter.surround_E.tau": [v]}),
            lambda v: setattr(tau, "data", np.array(v)),
        ],
        start=1,
    ):
        assign(value)
        assert float(tau) == value == tau.value == tau.item() == np.asarray(tau)[0] and int(tau) == value


@pytest.mark.parametrize(
    ("assign", "near"),
    [
        (lambda r: setattr(r.p.bipolar, "lamda_amp", 1.0), "lambda_amp"),
        (lambda r: setattr(r.bipolar, "lamda_amp", 1.0), "lambda_amp"),
        (lambda r: setattr(r, "lambda_amp", 1.0), "bipolar.lambda_amp"),
        (lambda r: setattr(r.opl.opl_filter, "tau_centre", 1.0), "tau_center"),
        (lambda r: r.bipolar.lamda_amp, "lambda_amp"),
        (lambda r: r.p.bipolr, "bipolar"),
        (lambda r: r.m.bipolr, "bipolar"),
        (lambda r: setattr(r.p, "bipolar", 3), "parameters"),
    ],
)
def test_a_misspelt_name_gets_the_nearest(assign, near):
    with pytest.raises(AttributeError, match=near):
        assign(convis.retina.Retina())


def test_items_and_dictionaries_name_what_is_missing():
    r = convis.retina.Retina()
    with pytest.raises(KeyError, match="lambda_amp"):
        r.p.bipolar["lamda_amp"]
    before = r.get_parameters()
    for bad in (
        {"no_such": 1.0},
        {"bipolar.tau": 0.1, "lamda_amp": 1.0},
        {"bipolar_tau": 0.1, "bipolar_g_leak": np.nan},
        {"bipolar_tau": "x"},
    ):
        with pytest.raises((ValueError, TypeError)):
            r.set_parameters(bad)
    with pytest.raises(ValueError, match=r"bipolar\.tau"):
        r.load_state_dict({k: v for k, v in r.state_dict().items() if k != "bipolar.tau"})
    with pytest.raises(TypeError, match="values"):
        r.set_parameters([1, 2])
    assert {k: float(v[0]) for k, v in before.items()} == {k: float(v[0]) for k, v in r.get_parameters().items()}
    r.set_parameters({"no_such": 1.0, "bipolar_tau": 0.1}, strict=False)
    assert float(r.bipolar.tau) == 0.1


@pytest.mark.parametrize("bad", ["x", None, np.nan, np.inf, np.ones((2, 2)), [], -1.0, 1j, [1.0, [2.0]]])
def test_a_bad_value_leaves_the_old_one(bad):
    tau = convis.retina.Bipolar().tau
    with pytest.raises((TypeError, ValueError), match="tau"):
        tau.set(bad)
    assert float(tau) == 0.005


def test_parts_of_a_layer_cannot_be_replaced():
    r = convis.retina.Retina()
    for assign in (
        lambda: setattr(r, "bipolar", convis.retina.Bipolar()),
        lambda: delattr(r, "bipolar"),
        lambda: setattr(r.bipolar, "tau", convis.Parameter(1)),
    ):
        with pytest.raises(AttributeError, match="built into"):
            assign()
    with pytest.raises(TypeError, match="layer"):
        r.bipolar = 3
    r.note = "anything else is an ordinary attribute"
    del r.note


@pytest.mark.parametrize("ending", ["npz", "json", "safetensors"])
def test_files_bring_back_every_value(tmp_path, ending):
    r, q = convis.retina.Retina(), convis.retina.Retina()
    r.bipolar.lambda_amp = 1 / 3
    path = tmp_path / f"parameters.{ending}"
    r.save_parameters(path)
    q.load_parameters(str(path))
    assert {k: float(v[0]) for k, v in r.get_parameters().items()} == {
        k: float(v[0]) for k, v in q.get_parameters().items()
    }
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((ValueError, OSError), match="parameters"):
        q.load_parameters(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_files_that_cannot_be(tmp_path):
    r = convis.retina.Retina()
    with pytest.raises(ValueError, match=r"\.npz"):
        r.save_parameters(tmp_path / "parameters.txt")
    with pytest.raises(FileNotFoundError):
        r.save_parameters(tmp_path / "nowhere" / "parameters.npz")
    with pytest.raises(FileNotFoundError):
        r.load_parameters(tmp_path / "missing.json")
    (tmp_path / "other.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match=r"other\.json"):
        r.load_parameters(tmp_path / "other.json")
    r.save_parameters(tmp_path / "nested.json")
    assert json.loads((tmp_path / "nested.json").read_text())["bipolar"]["lambda_amp"] == 0.0


def test_a_parameter_of_ones_own():
    p = convis.variables.Parameter(np.ones((2, 3)), doc="Weights.", unit="Hz")
    p.set(np.full((2, 3), 2.0))
    assert p.shape == (2, 3) and p.requires_grad and "Weights" in repr(p) and p.default is None
    assert p.requires_grad_(False) is p and not p.requires_grad
    with pytest.raises(ValueError, match="shape"):
        p.set(np.ones(6))
    with pytest.raises(TypeError):
        float(p)
    with pytest.raises(ValueError, match="finite"):
        convis.Parameter(np.nan)


def test_what_has_no_derivative_says_so():
    cells = convis.retina.GanglionSpiking()
    with pytest.raises(ValueError, match="g_L"):
        cells.g_L.requires_grad = True
    assert not any(p.requires_grad for p in cells.requires_grad_().parameters())


def test_the_global_switch_holds_for_new_models():
    try:
        convis.default_grad_enabled = False
        r = convis.retina.Retina(spikes=False)
        assert not any(p.requires_grad for p in r.parameters()) and not convis.Parameter(1).requires_grad
    finally:
        convis.default_grad_enabled = True


def test_pictures_in_text_and_html():
    r = convis.retina.Retina()
    r(np.ones((3, 4, 4)))
    for thing in (r, r.p, r.m, r.s, r.p._all, r.p.bipolar.tau, r.get_state(), r(np.ones((3, 4, 4)))):
        assert len(repr(thing)) > 20 and "<table" in thing._repr_html_()
    assert repr(r.bipolar.lambda_amp).startswith("lambda_amp = 0.0 Hz\n")


def test_paths_that_differ_in_dots_alone_stay_apart(tmp_path):
    class Below(convis.Layer):
        def __init__(self):
            super().__init__()
            self.x = convis.Parameter(7.0)

    class Above(convis.Layer):
        def __init__(self):
            super().__init__()
            self.gain_x = convis.Parameter(1.0)
            self.gain = Below()
            self.far_x = Below()

    m = Above()
    m.load_state_dict(m.state_dict())
    assert float(m.gain_x) == 1 and float(m.gain.x) == 7
    assert {name: float(value[0]) for name, value in m.get_parameters().items()} == {"gain_x": 1, "gain.x": 7, "far_x_x": 7}
    assert [len(m.p._all), len(m.user_parameters)] == [3, 3] and float(m.p._all["gain.x"]) == 7
    m.push_parameters()
    m.set_parameters({"gain.x": 5.0, "gain_x": 2.0, "far_x_x": 3.0})
    assert [float(p) for p in m.parameters()] == [2, 5, 3]
    m.save_parameters(tmp_path / "values.npz")
    m.pop_parameters()
    assert [float(p) for p in m.parameters()] == [1, 7, 7]
    m.load_parameters(tmp_path / "values.npz")
    assert [float(p) for p in m.parameters()] == [2, 5, 3]
    m.set_parameters(m.get_parameters())
    assert [float(p) for p in m.parameters()] == [2, 5, 3]

    class Deep(convis.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.a_b = convis.models.Dict({"b_c": Below()}), convis.models.Dict({"c": Below()})

    with pytest.raises(ValueError, match="a.b_c.x and a_b.c.x"):
        Deep().set_parameters({"a_b_c_x": 1.0})


def test_parameters_compare_by_value_and_are_found_in_lists():
    r = convis.retina.Retina()
    amp, tau = r.bipolar.lambda_amp, r.bipolar.tau
    assert not amp == 50.0 and amp != 50.0 and not bool(amp) and bool(tau)
    amp.set(50.0)
    assert amp == 50.0 and 50.0 == amp and not amp != 50.0 and amp >= 50.0 and amp == np.float64(50.0)
    assert amp != "x" and not amp == None and amp != tau and amp == amp  # noqa: E711
    weight = convis.Parameter(np.zeros(3))
    assert amp in [weight, tau, amp] and amp not in [weight, tau] and {amp: 1, weight: 2}[weight] == 2
    assert np.asarray(weight == 0.0).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="ambiguous"):
        bool(weight)
    assert f"{amp:.2f}" == "50.00" and f"{convis.Tensor([0.12345]):.3f}" == "0.123" and f"{amp}" == str(amp)
    with pytest.raises(ValueError, match="one number"):
        f"{convis.Tensor([1.0, 2.0]):.3f}"
    # The parameters of a layer that are zero are listed as any.
    assert "lambda_amp" in dir(r.p.bipolar)


def test_copies_of_values_refuse_to_be_written_to():
    conv = convis.filters.Conv3d(1, 1, (2, 3, 3))
    for copied in (conv.weight.data, conv.weight.value):
        with pytest.raises(ValueError, match="read-only"):
            copied[...] = 1.0
    free = conv.weight.numpy()
    free[...] = 1.0
    conv.weight.data = free
    assert conv.weight.data.sum() == 18 and conv.weight.size == 18
    values = conv.get_parameters()
    values["weight"][...] = 2.0
    conv.set_parameters(values)
    assert conv.weight.data.sum() == 36


def test_names_that_work_are_shown_and_found():
    r = convis.retina.Retina()
    assert {"sigma_center", "center_G", "lambda_opl"} <= set(dir(r.p.opl.opl_filter))
    assert [p.name for p in r.p._search.sigma_center] == ["sigma"] and "sigma_center" in dir(r.p._search)
    assert len(r.p._search.tau) > 5


@pytest.mark.parametrize("value", [3.0, convis.Tensor(3.0), "three", None, [1.0], convis.Parameter(3.0)])
def test_whatever_is_assigned_to_a_misspelt_name_is_refused(value):
    class Own(convis.Layer):
        def __init__(self):
            super().__init__()
            self.gain = convis.Parameter(1.0)
            self.gains = "while it is built, any name will do"

    own = Own()
    own.gains, own.something_else = value, value
    with pytest.raises(AttributeError, match="'gain'"):
        own.gian = value
    with pytest.raises(AttributeError, match="lambda_amp"):
        convis.retina.Retina().bipolar.lamda_amp = value
    with pytest.raises(AttributeError, match="'gain'"):
        copy.deepcopy(own).gian = value
