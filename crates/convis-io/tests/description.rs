//! Descriptions of retinas in files.

use std::path::Path;

use convis::retina::RetinaDescription;
use convis::retina::description::tree::{Tree, Unknown};
use convis::retina::description::{
    CellArray, ContrastGainControl, CustomGainControl, GanglionLayer, LuminanceGainControl, OuterPlexiform,
    PRESETS, SpikeAdaptation, SpikingChannel, SquareArray, Unit,
};
use convis_io::{Syntax, format_description, parse_description};
use proptest::prelude::*;

fn read(text: &str) -> Result<RetinaDescription, String> {
    parse_description(text.as_bytes(), Syntax::Xml, Path::new("r.xml"), &mut Unknown::Refuse)
        .map_err(|error| error.to_string())
}

fn around(retina: &str) -> String {
    format!("<retina-description-file>\n<retina>\n{retina}\n</retina>\n</retina-description-file>")
}

fn written_and_read(description: &RetinaDescription) {
    for syntax in [Syntax::Xml, Syntax::Toml, Syntax::Json] {
        let text = format_description(description, syntax).unwrap();
        let back = parse_description(text.as_bytes(), syntax, Path::new("r"), &mut Unknown::Refuse);
        assert_eq!(&back.unwrap_or_else(|error| panic!("{error}\n{text}")), description, "{text}");
    }
}

/// Every node and every attribute, none with its default value.
fn everything() -> RetinaDescription {
    let mut all = RetinaDescription::preset("toolbox-2018").unwrap();
    all.outer_plexiform = OuterPlexiform::LuminanceGainControl(LuminanceGainControl {
        receptor_sigma_deg: 0.1 + 0.2,
        horizontal_feedback_nernst: -1e-9,
        ..LuminanceGainControl::default()
    });
    all.contrast_gain_control = Some(ContrastGainControl {
        enabled: false,
        custom: Some(CustomGainControl { on_off_symmetry: false, threshold: 1e300, ..Default::default() }),
        ..ContrastGainControl::default()
    });
    all.ganglion_layers.push(GanglionLayer {
        name: Some("\"quoted\" <β> & 'more'".to_owned()),
        spiking: Some(SpikingChannel {
            enabled: false,
            adaptation: Some(SpikeAdaptation { reversal: -0.5, ..SpikeAdaptation::default() }),
            array: Some(CellArray::Square(SquareArray { position_noise: 0.25, ..SquareArray::default() })),
            units: vec![
                Unit { x_offset_deg: -1.0 / 3.0, y_offset_deg: 1e-17, id: Some(7) },
                Unit { id: None, ..Unit::default() },
                Unit { id: Some(u32::MAX), ..Unit::default() },
            ],
            ..SpikingChannel::default()
        }),
        ..GanglionLayer::default()
    });
    all
}

#[test]
fn nothing_is_lost_in_any_language() {
    written_and_read(&RetinaDescription::default());
    written_and_read(&everything());
    for preset in PRESETS {
        written_and_read(&RetinaDescription::preset(preset.name).unwrap());
    }
}

proptest! {
    #[test]
    fn any_number_survives(number: f64, small in 0.0..1.0f64, id: u32) {
        prop_assume!(number.is_finite());
        let mut description = everything();
        let OuterPlexiform::LuminanceGainControl(opl) = &mut description.outer_plexiform else { unreachable!() };
        opl.horizontal_feedback_nernst = number;
        opl.receptor_sigma_deg = small;
        description.ganglion_layers[4].spiking.as_mut().unwrap().units[0].id = Some(id);
        written_and_read(&description);
    }
}

#[test]
fn older_names_and_both_encodings_are_read() {
    let old = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- r\u{e9}tine -->\n\
        <retina-description-file><retina temporal-step='0.005' input-luminosity-range='255' pixels-per-degree='20'>\
        <outer-plexiform-layer><undershoot-version center-sigma='0.03' surround-sigma__deg='0.1' \
        undershoot-relative-weight='0.8' undershoot-tau='0.1'/></outer-plexiform-layer>\
        <parvocellular-ganglion-layer sign='-1' value-at-linear-threshold='37'/>\
        </retina></retina-description-file>";
    let latin: Vec<u8> = old.chars().map(|character| character as u8).collect();
    let read_bytes =
        parse_description(&latin, Syntax::Xml, Path::new("r.xml"), &mut Unknown::Refuse).unwrap();
    let OuterPlexiform::Linear(opl) = &read_bytes.outer_plexiform else { panic!() };
    let undershoot = opl.undershoot.as_ref().unwrap();
    assert_eq!((opl.center_sigma_deg, opl.surround_sigma_deg), (0.03, 0.1));
    assert_eq!((undershoot.relative_weight, undershoot.tau_s), (0.8, 0.1));
    assert_eq!(read_bytes.ganglion_layers[0].value_at_linear_threshold_hz, 37.0);
    assert_eq!(read_bytes.retina.temporal_step_s, 0.005);

    let utf_8 = around("<ganglion-layer name='β'/>");
    assert_eq!(read(&utf_8).unwrap().ganglion_layers[0].name.as_deref(), Some("β"));
    assert_eq!(read(&format!("\u{feff}{utf_8}")).unwrap().ganglion_layers.len(), 1);
    let broken = parse_description(b"<a>\n\xff</a>", Syntax::Xml, Path::new("r.xml"), &mut Unknown::Refuse);
    assert!(broken.unwrap_err().to_string().contains("line 2"));
}

#[test]
fn units_may_stand_in_the_array_or_beside_it() {
    let unit = "<unit x-offset__deg='1' y-offset__deg='2' mvaspike-id='3'/><unit mvaspike-id='4'/>";
    let channel = |inside: &str| {
        around(&format!("<ganglion-layer><spiking-channel>{inside}</spiking-channel></ganglion-layer>"))
    };
    let within = read(&channel(&format!("<square-array>{unit}</square-array>"))).unwrap();
    let beside = read(&channel(&format!("<square-array/>{unit}"))).unwrap();
    assert_eq!(within, beside);
    assert_eq!(within.ganglion_layers[0].spiking.as_ref().unwrap().units[1].id, Some(4));
}

#[test]
fn what_is_unknown_is_refused_by_line_and_nearest_name_or_warned_of() {
    let cases = [
        (
            "<ganglion-layer\n sing='1'/>",
            "an attribute of <ganglion-layer>, found \"sing\" in line 4; did you mean \"sign\"?",
        ),
        (
            "<ganglion-layr/>",
            "an element of <retina>, found \"ganglion-layr\" in line 3; did you mean \"ganglion-layer\"?",
        ),
        (
            "<xyz><retina/><xyz>text</xyz></xyz>",
            "an element of <retina>, found \"xyz\" in line 3; leave it out",
        ),
        ("<undershoot/>", "an element of <retina>, found \"undershoot\""),
    ];
    for (inside, message) in cases {
        let text = around(inside);
        let error = read(&text).unwrap_err();
        assert!(error.starts_with("r.xml: expected ") && error.contains(message), "{error}");
        let mut unknown = Unknown::Warn(vec![]);
        parse_description(text.as_bytes(), Syntax::Xml, Path::new("r.xml"), &mut unknown).unwrap();
        assert_eq!(unknown.into_warnings(), [error]);
    }
}

#[test]
fn what_is_broken_is_refused_with_its_line() {
    let cases = [
        ("", "the end of the file in line 1"),
        ("<retina><unclosed>", "<retina-description-file> around everything, found <retina> in line 1"),
        ("<retina-description-file>\n<retina>\n</retina-description-file>", "line 3"),
        ("<retina-description-file>\n<retina>", "found the end of the file in line 2"),
        (
            "<retina-description-file/>\n<more/>",
            "nothing behind </retina-description-file>, found another element in line 2",
        ),
        (&around("grey"), "found text in line 3"),
        (&around("&amp;"), "found text"),
        (&around("<ganglion-layer sign='1' sign='1'/>"), "found sign twice in line 3"),
        (&around("<ganglion-layer sign=1/>"), "line 3"),
        (
            &around("<ganglion-layer sign='two'/>"),
            "1 or -1 as sign of <ganglion-layer>, found \"two\" in line 3",
        ),
        (&around("<ganglion-layer transient-tau__sec='-1'/>"), "0 or above as transient-tau__sec"),
        (&around("<ganglion-layer transient-tau__sec='NaN'/>"), "found NaN in line 3"),
        (&around("<ganglion-layer name='&nothing;'/>"), "text as value of name"),
        (
            &around("<ganglion-layer name='a&#1;b'/>"),
            "text without control characters as name of <ganglion-layer>",
        ),
        (
            &around("<log-polar-scheme/>\n<log-polar-scheme/>"),
            "at most one of this kind in <retina>, found <log-polar-scheme>",
        ),
        (
            &around("<contrast-gain-control/>\n<contrast-gain-control-custom/>"),
            "after <contrast-gain-control> in line 4",
        ),
        (
            &around(
                "<outer-plexiform-layer><linear-version center-tau__sec='0' leaky-heat-equation='1'/></outer-plexiform-layer>",
            ),
            "a time constant above 0 s for the leaky heat equation",
        ),
    ];
    for (text, message) in cases {
        let error = read(text).unwrap_err();
        assert!(error.contains(message), "{text}\n{error}");
    }
    let deep = around(&"<a>".repeat(100_000));
    let lenient = &mut Unknown::Warn(vec![]);
    assert!(parse_description(deep.as_bytes(), Syntax::Xml, Path::new("r.xml"), lenient).is_err());
}

#[test]
fn what_could_not_be_run_is_refused_when_it_is_read_with_its_line() {
    let opl =
        "<outer-plexiform-layer>\n<linear-version\n center-sigma__deg='1e300'/>\n</outer-plexiform-layer>";
    let twice = "<ganglion-layer/>\n<ganglion-layer><spiking-channel><square-array>\n<unit mvaspike-id='4'/>\n\
                 <unit mvaspike-id='4'/></square-array></spiking-channel></ganglion-layer>";
    let cases = [
        (opl, "linear-version.center-sigma__deg, found 1e300 in line 5"),
        ("<contrast-gain-control\nbipolar-inert-leaks__Hz='0'/>", "above 0 as bipolar-inert-leaks__Hz of"),
        (
            twice,
            "spiking-channel.units.1.mvaspike-id, found 4, which ganglion-layers.1.spiking-channel.units.0 has in line 6",
        ),
        (
            "<outer-plexiform-layer>\n<linear-version leaky-heat-equation='1'\ncenter-tau__sec='0'/></outer-plexiform-layer>",
            "found 0 in line 5",
        ),
        (
            "<outer-plexiform-layer><linear-version center-n__uint='1000'/></outer-plexiform-layer>",
            "a whole number from 0 to 20 as center-n__uint of <linear-version>, found 1000 in line 3",
        ),
    ];
    for (inside, message) in cases {
        let error = read(&around(inside)).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let toml = |text: &str| {
        parse_description(text.as_bytes(), Syntax::Toml, Path::new("r.toml"), &mut Unknown::Refuse)
            .unwrap_err()
            .to_string()
    };
    let error = toml(
        "[retina]\npixels-per-degree = 2\n\n[[ganglion-layers]]\n[[ganglion-layers]]\nsigma-pool = 1e300\n",
    );
    assert!(
        error.contains("in line 6: ganglion-layers.1.sigma-pool__deg: expected at most 8192 deg"),
        "{error}"
    );
    let error = toml("[retina]\ntemporal-step = 1\npixels-per-degre = 2\n");
    assert!(error.contains("in line 3: retina: key \"pixels-per-degre\" does not exist"), "{error}");
    assert!(toml("[retina]\npixels = = 2\n").contains("at line 2"));
}

#[test]
fn older_names_of_layers_become_their_names() {
    let layers = "<parvocellular-ganglion-layer sign='1'/><magnocellular-ganglion-layer name='mine'/><ganglion-layer/>";
    let names: Vec<_> =
        read(&around(layers)).unwrap().ganglion_layers.into_iter().map(|layer| layer.name).collect();
    assert_eq!(names, [Some("parvocellular".to_owned()), Some("mine".to_owned()), None]);
}

#[test]
fn the_configuration_of_the_toolbox_of_2018_is_the_preset() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let golden = std::env::var_os("CONVIS_GOLDEN").map_or(beside, std::path::PathBuf::from);
    let Ok(text) = std::fs::read(golden.join("convis/names_and_defaults.json")) else {
        eprintln!("skipped: there is no folder {}; set CONVIS_GOLDEN", golden.display());
        return;
    };
    let names: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let configuration = names["default_retina_configuration"].to_string();
    let read =
        parse_description(configuration.as_bytes(), Syntax::Json, Path::new("c.json"), &mut Unknown::Refuse);
    assert_eq!(read.unwrap(), RetinaDescription::preset("toolbox-2018").unwrap());
}

#[test]
fn a_description_that_cannot_be_is_not_written() {
    let mut description = RetinaDescription::default();
    description.set("ganglion-layers.+.sign", &Tree::from(1.0)).unwrap();
    description.ganglion_layers[0].sigma_pool_deg = f64::NAN;
    let error = format_description(&description, Syntax::Toml).unwrap_err().to_string();
    assert!(error.starts_with("ganglion-layers.0.sigma-pool__deg: expected"), "{error}");
}
