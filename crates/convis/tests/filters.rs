//! What every filter promises: any chunking gives the same bits, gradients are derivatives, bad input is refused.

use convis::filters::{
    Delay, Diff, History, NLRectify, NLRectifyScale, NLRectifySquare, NLSquare, RecursiveBlur, RecursiveKind,
    SpatialRecursiveFilter, Sum, TimePadding, VariableDelay,
};
use convis::layer::{self, Layer};
use convis::retina::{HalfRecursiveOplFilter, Opl, OplKind, RecursiveOplFilter};
use convis::tensor::{Leaf, backward};
use convis::{DType, GradientMode, NoiseId, Resolution, State, Tensor, call};
use proptest::prelude::*;

const NOISE: NoiseId = NoiseId { seed: 0, model: 0, trial: 0 };
const SHAPE: [usize; 5] = [2, 2, 14, 3, 4];

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

fn movie(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_vec(numbers(shape.iter().product(), seed), shape).unwrap()
}

fn delays(value: impl Fn(usize) -> f64) -> VariableDelay {
    let layer = VariableDelay::new(Resolution::default());
    layer.delays().set_value((0..12).map(value).collect(), &[3, 4]).unwrap();
    layer
}

/// Layers whose output has as many frames as their input.
fn layers() -> Vec<Box<dyn Layer>> {
    let r = Resolution::default();
    let short = VariableDelay::new(r);
    short.delays().set_value(vec![1.3], &[1, 1]).unwrap();
    vec![
        Box::new(Delay::new(0, 0, r)),
        Box::new(Delay::new(5, 0, r)),
        Box::new(delays(|i| 0.37 + i as f64 * 0.61)),
        Box::new(short),
        Box::new(Diff::new(r)),
        Box::new(Sum::new(1, r).unwrap()),
        Box::new(Sum::new(4, r).unwrap()),
        Box::new(NLRectify::new(r)),
        Box::new(NLRectifyScale::new(1.7, -0.4, r).unwrap()),
        Box::new(NLSquare::new(-0.8, 0.3, r).unwrap()),
        Box::new(NLRectifySquare::new(1.3, 0.2, r).unwrap()),
        Box::new(SpatialRecursiveFilter::new(0.6, RecursiveKind::Deriche, r).unwrap()),
        Box::new(SpatialRecursiveFilter::new(0.6, RecursiveKind::Gaussian, r).unwrap()),
        Box::new(RecursiveBlur::new(0.12, RecursiveKind::Gaussian, r).unwrap()),
        Box::new(RecursiveOplFilter::new(RecursiveKind::Deriche, r).unwrap()),
        Box::new(Opl::with_filter(OplKind::Recursive(RecursiveKind::Gaussian), r).unwrap()),
    ]
}

fn outputs(layer: &dyn Layer, input: &Tensor, lengths: &[usize]) -> Tensor {
    let mut state = State::new(NOISE);
    let (mut parts, mut start) = (vec![], 0);
    for &length in lengths {
        let part = input.frames(start, length).unwrap();
        let output = call(layer, &part, &mut state, GradientMode::Off, None).unwrap();
        parts.push(output.first().unwrap().clone());
        start += length;
    }
    Tensor::join_frames(&parts).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_bits(lengths in prop::collection::vec(1usize..6, 14), seed in 0u64..1000) {
        let input = movie(&SHAPE, seed).cast(DType::F32);
        let mut left = SHAPE[2];
        let mut lengths = lengths;
        lengths.retain_mut(|length| {
            *length = (*length).min(left);
            left -= *length;
            *length > 0
        });
        for layer in layers() {
            let whole = outputs(&*layer, &input, &[SHAPE[2]]);
            prop_assert_eq!(outputs(&*layer, &input, &lengths), whole, "{}", layer.kind());
        }
    }
}

/// The loss Σ probe·output of a movie in chunks, its sources kept from chunk to chunk.
fn loss(layer: &dyn Layer, parts: &[Tensor], gradients: GradientMode) -> (f64, Vec<(Tensor, Tensor)>) {
    let mut state = State::new(NOISE);
    let (mut sum, mut results) = (0.0, vec![]);
    for (i, part) in parts.iter().enumerate() {
        let output = call(layer, part, &mut state, gradients, None).unwrap().first().unwrap().clone();
        let probe = movie(output.shape(), 50 + i as u64);
        sum += output.to_f64().iter().zip(probe.to_f64()).map(|(y, g)| y * g).sum::<f64>();
        results.push((output, probe));
    }
    (sum, results)
}

#[test]
fn gradients_are_derivatives_within_and_across_chunks() {
    let mut all = layers();
    for mode in History::ALL {
        all.push(Box::new(TimePadding::new(3, mode, Resolution::default())));
    }
    all.push(Box::new(Delay::new(2, 2, Resolution::default())));
    for layer in &all {
        let layer = &**layer;
        for lengths in [vec![14], vec![5, 1, 8]] {
            let input = movie(&SHAPE, 3);
            let mut start = 0;
            let parts: Vec<Tensor> = lengths
                .iter()
                .map(|&length| {
                    start += length;
                    input.frames(start - length, length).unwrap()
                })
                .collect();
            let leaf = Leaf::default();
            // The gradient of the first chunk: through its own output and through the state.
            let mut tracked = parts.clone();
            tracked[0] = parts[0].with_leaf(&leaf);
            let parameters = layer::parameters(layer);
            for (_, parameter) in &parameters {
                parameter.set_gradient(None);
            }
            let (_, results) = loss(layer, &tracked, GradientMode::Through);
            // A chunk that depends on nothing tracked (a delay longer than it) has no history.
            let seeds: Vec<(&Tensor, Tensor)> =
                results.iter().filter(|(y, _)| y.has_history()).map(|(y, g)| (y, g.clone())).collect();
            backward(&seeds).unwrap();

            let h = 1e-5;
            let close = |what: &str, got: f64, want: f64| {
                let allowed = 1e-6 * want.abs() + 1e-7;
                assert!((got - want).abs() <= allowed, "{} by {what}: {got} {want}", layer.kind());
            };
            let direction = numbers(parts[0].len(), 9);
            let moved = |by: f64| {
                let mut parts = parts.clone();
                let x = parts[0].to_f64().iter().zip(&direction).map(|(x, d)| x + by * d).collect();
                parts[0] = Tensor::from_vec(x, parts[0].shape()).unwrap();
                loss(layer, &parts, GradientMode::Off).0
            };
            let got = leaf.gradient().unwrap().to_f64().iter().zip(&direction).map(|(g, d)| g * d).sum();
            close("input", got, (moved(h) - moved(-h)) / (2.0 * h));

            for (name, parameter) in parameters.iter().filter(|(_, p)| p.requires_grad()) {
                let (value, shape) = parameter.value();
                let direction = numbers(value.len(), 10);
                let gradient = parameter.gradient().unwrap();
                assert_eq!(gradient.shape(), shape);
                let got = gradient.to_f64().iter().zip(&direction).map(|(g, d)| g * d).sum();
                let h = 1e-5 * value[0].abs();
                let moved = |by: f64| {
                    let moved = value.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
                    parameter.set_value(moved, &shape).unwrap();
                    loss(layer, &parts, GradientMode::Off).0
                };
                let want = (moved(h) - moved(-h)) / (2.0 * h);
                parameter.set_value(value.clone(), &shape).unwrap();
                close(name, got, want);
            }
        }
    }
}

#[test]
fn a_delay_fits() {
    // The gradient of the squared error leads a delay of 2.4 steps to the true one of 3.7.
    let truth = VariableDelay::new(Resolution::default());
    truth.delays().set_value(vec![3.7], &[1, 1]).unwrap();
    let n = 200;
    let x = (0..n).map(|t| (t as f64 / 9.0).sin()).collect();
    let x = Tensor::from_vec(x, &[1, 1, n, 1, 1]).unwrap();
    let target = outputs(&truth, &x, &[n]).to_f64();
    let layer = VariableDelay::new(Resolution::default());
    layer.delays().set_value(vec![2.4], &[1, 1]).unwrap();
    for _ in 0..200 {
        layer.delays().set_gradient(None);
        let y = call(&layer, &x, &mut State::new(NOISE), GradientMode::Call, None).unwrap();
        let y = y.first().unwrap();
        let error = y.to_f64().iter().zip(&target).map(|(y, t)| (y - t) / n as f64).collect();
        backward(&[(y, Tensor::from_vec(error, y.shape()).unwrap())]).unwrap();
        let step = 30.0 * layer.delays().gradient().unwrap().to_f64()[0];
        layer.delays().set_value(vec![layer.delays().scalar() - step], &[1, 1]).unwrap();
    }
    assert!((layer.delays().scalar() - 3.7).abs() < 1e-3, "{}", layer.delays().scalar());
}

#[test]
fn what_cannot_be_done_is_refused_and_said() {
    let r = Resolution::default();
    let chunk = movie(&[1, 1, 3, 3, 4], 1);
    let answer = |layer: &dyn Layer, state: &mut State| {
        call(layer, &chunk, state, GradientMode::Off, None).map(|_| ()).map_err(|error| error.to_string())
    };
    let mirror = TimePadding::new(4, History::Mirror, r);
    let message = answer(&mirror, &mut State::new(NOISE)).unwrap_err();
    assert_eq!(
        message,
        "input: expected a first chunk of at least 4 frames, as mode \"mirror\" needs, got 3 frames"
    );
    assert!(TimePadding::mode_named("first_fram").unwrap_err().to_string().contains("\"first_frame\""));

    let layer = delays(|i| i as f64);
    assert!(layer.delays().set_value(vec![-1.0; 12], &[3, 4]).is_err());
    assert!(layer.delays().set_value(vec![f64::NAN; 12], &[3, 4]).is_err());
    let mut state = State::new(NOISE);
    answer(&layer, &mut state).unwrap();
    layer.delays().set_value(vec![11.9; 12], &[3, 4]).unwrap();
    answer(&layer, &mut state).unwrap();
    layer.delays().set_value(vec![12.0; 12], &[3, 4]).unwrap();
    assert!(answer(&layer, &mut state).unwrap_err().contains("clear_state"));
    layer.delays().set_value(vec![1.0; 12], &[4, 3]).unwrap();
    let message = answer(&layer, &mut State::new(NOISE)).unwrap_err();
    assert!(message.contains("[3, 4]") && message.contains("[4, 3]"), "{message}");
    layer.delays().set_value(vec![1e300], &[1, 1]).unwrap();
    assert!(answer(&layer, &mut State::new(NOISE)).is_err());

    assert!(Sum::new(2, r).is_err() && Sum::new(5, r).is_err());
    let blur = SpatialRecursiveFilter::new(1.0, RecursiveKind::Deriche, r).unwrap();
    assert!(blur.gaussian(0.0).is_err() && blur.gaussian(f64::NAN).is_err());
    assert!(SpatialRecursiveFilter::new(0.0, RecursiveKind::Deriche, r).is_err());
    let wide = SpatialRecursiveFilter::new(1e-9, RecursiveKind::Gaussian, r).unwrap();
    assert!(answer(&wide, &mut State::new(NOISE)).unwrap_err().starts_with("density"));
    let wide = RecursiveBlur::new(1e9, RecursiveKind::Deriche, r).unwrap();
    assert!(answer(&wide, &mut State::new(NOISE)).unwrap_err().starts_with("sigma"));
    assert!(NLSquare::new(f64::INFINITY, 0.0, r).is_err());
}

#[test]
fn the_recursive_opl_with_a_true_sigma_agrees_with_the_half_recursive_one() {
    let r = Resolution::default();
    let half = HalfRecursiveOplFilter::new(r).unwrap();
    let recursive = RecursiveOplFilter::new(RecursiveKind::Gaussian, r).unwrap();
    for (center, surround) in [(0.05, 0.15), (0.1, 0.4)] {
        for opl in [&half as &dyn Layer, &recursive] {
            layer::parameter(opl, "sigma_center").unwrap().set(center).unwrap();
            layer::parameter(opl, "sigma_surround").unwrap().set(surround).unwrap();
        }
        let input = movie(&[1, 1, 40, 21, 23], 8);
        let (a, b) = (outputs(&half, &input, &[40]).to_f64(), outputs(&recursive, &input, &[40]).to_f64());
        let largest = a.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let apart = a.iter().zip(&b).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()));
        assert!(apart < 1e-3 * largest, "{}", apart / largest);
    }
}
