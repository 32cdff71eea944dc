//! What every layer of the catalogue, and any model of them, promises: any chunks give the same bits, a run that was
//! saved and resumed too, and gradients are derivatives, whole and across chunks. A new layer is covered as soon as it is
//! in the catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use convis::catalogue::{self, Gradient};
use convis::filters::{NLRectify, RF, RecursiveKind, Sum};
use convis::layer::{self, Layer};
use convis::models::{Combination, List, Mode, StageOptions};
use convis::parameter::{Parameter, Range};
use convis::retina::{FullConvolutionOplFilter, Opl, OplKind, Retina, RetinaOptions};
use convis::tensor::{Data, Leaf, backward};
use convis::{DType, GradientMode, NoiseId, Resolution, State, Tensor, call};
use proptest::prelude::*;

const NOISE: NoiseId = NoiseId { seed: 5, model: 0, trial: 0 };

/// Few steps per second and pixels per degree: kernels of a few pixels and frames.
fn coarse() -> Resolution {
    Resolution::new(5.0, 200.0).unwrap()
}

/// Numbers between −1 and 1, the same at every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn below(&mut self, n: usize) -> usize {
        ((f64::midpoint(self.next(), 1.0) * n as f64) as usize).min(n - 1)
    }
}

/// Luminance between 0 and 1.
fn movie(dtype: DType, shape: &[usize], numbers: &mut Numbers) -> Tensor {
    let values = (0..shape.iter().product()).map(|_| 0.5 + 0.45 * numbers.next()).collect();
    Tensor::from_vec::<f64>(values, shape).unwrap().cast(dtype)
}

/// Moves every parameter a little: kernels become random, delays fractional, gains that are 0 small.
fn vary(layer: &dyn Layer, numbers: &mut Numbers) {
    for (path, parameter) in layer::parameters(layer) {
        let (mut values, shape) = parameter.value();
        let many = 1.0 / (values.len() as f64).sqrt();
        for value in &mut values {
            let x = numbers.next();
            *value = match parameter.spec().range {
                Range::Count => (2.0 * x).abs().floor(),
                Range::Any if values_are_weights(&path) => x * many,
                Range::Any if *value == 0.0 => 0.2 * x,
                Range::NonNegative if *value == 0.0 => 0.3 + 0.2 * x,
                _ => *value * (1.0 + 0.15 * x),
            };
        }
        parameter.set_value(values, &shape).unwrap();
    }
}

fn values_are_weights(path: &str) -> bool {
    path.ends_with("weight") && !path.ends_with("relative_weight")
}

/// Layers that may stand anywhere: one movie in, one of one channel and as many frames out.
fn pool() -> Vec<&'static catalogue::Entry> {
    catalogue::all().iter().filter(|entry| entry.any_chunks && entry.name != "Retina").collect()
}

/// A random model: a layer, or some of them in a row or side by side.
fn random_model(numbers: &mut Numbers, depth: usize) -> Arc<dyn Layer> {
    let r = coarse();
    let kinds = pool();
    if depth == 0 || numbers.below(3) == 0 {
        return kinds[numbers.below(kinds.len())].build(r).unwrap();
    }
    let count = 1 + numbers.below(3);
    let layers: Vec<Arc<dyn Layer>> = (0..count).map(|_| random_model(numbers, depth - 1)).collect();
    if numbers.below(2) == 0 {
        return Arc::new(List::new(layers, Mode::Sequential).unwrap());
    }
    // Side by side, sizes must fit: a receptive field makes one pixel of every image.
    let pixel = |layer: Arc<dyn Layer>| -> Arc<dyn Layer> {
        let one_channel: Arc<dyn Layer> = Arc::new(Sum::new(1, r).unwrap());
        let field: Arc<dyn Layer> =
            Arc::new(RF::new(1, 1, [2, 1, 1], convis::filters::ConvOptions::default(), r).unwrap());
        Arc::new(List::new(vec![layer, one_channel, field], Mode::Sequential).unwrap())
    };
    let mut layers: Vec<Arc<dyn Layer>> = layers.into_iter().map(pixel).collect();
    if numbers.below(4) == 0 {
        // Both outputs of a retina become movies of the combination.
        let retina = Retina::new(RetinaOptions { spikes: false, ..RetinaOptions::default() }, r).unwrap();
        layers = vec![Arc::new(retina)];
    }
    let combination = match numbers.below(4) {
        0 => Combination::Cat(3),
        1 => Combination::Cat(4),
        2 => Combination::Layer(Arc::new(Sum::new(1, r).unwrap())),
        _ => Combination::Sum(1),
    };
    Arc::new(List::new(layers, Mode::Parallel(combination)).unwrap())
}

/// The outputs of successive chunks, joined along time, and the state after the last.
fn run(
    layer: &dyn Layer,
    movie: &Tensor,
    mut state: State,
    lengths: &[usize],
) -> convis::Result<(Vec<Tensor>, State)> {
    let mut parts: Vec<Vec<Tensor>> = vec![];
    let mut start = 0;
    for &length in lengths {
        let chunk = movie.frames(start, length).unwrap();
        let output = call(layer, &chunk, &mut state, GradientMode::Off, None)?;
        parts.push(output.into_movies().into_iter().map(|(_, movie)| movie).collect());
        start += length;
    }
    let joined = (0..parts[0].len())
        .map(|i| Tensor::join_frames(&parts.iter().map(|part| part[i].clone()).collect::<Vec<_>>()).unwrap())
        .collect();
    Ok((joined, state))
}

/// A state as a file would hold it: names, numbers, shapes.
fn restored(state: &State) -> State {
    let copy = |array: &Tensor| match array.data() {
        Data::F32(x) => Tensor::from_vec(x.to_vec(), array.shape()).unwrap(),
        Data::F64(x) => Tensor::from_vec(x.to_vec(), array.shape()).unwrap(),
        Data::U8(x) => Tensor::from_vec(x.to_vec(), array.shape()).unwrap(),
    };
    let arrays: BTreeMap<String, Tensor> =
        state.arrays().iter().map(|(name, array)| (name.clone(), copy(array))).collect();
    State::from_parts(arrays, state.noise(), state.frames(), state.sizes())
}

/// Random lengths that sum to `frames`.
fn cuts(frames: usize, numbers: &mut Numbers) -> Vec<usize> {
    let mut lengths = vec![];
    let mut left = frames;
    while left > 0 {
        let length = 1 + numbers.below(left);
        lengths.push(length);
        left -= length;
    }
    lengths
}

/// Whole, in chunks, and in chunks with the state written and read in between.
fn check_chunks(layer: &dyn Layer, movie: &Tensor, numbers: &mut Numbers) -> Result<(), String> {
    let frames = movie.shape()[2];
    let whole = run(layer, movie, State::new(NOISE), &[frames]);
    let lengths = cuts(frames, numbers);
    let chunked = run(layer, movie, State::new(NOISE), &lengths);
    let (whole, chunked) = match (whole, chunked) {
        (Ok(whole), Ok(chunked)) => (whole, chunked),
        // A random cascade may leave the range of numbers; then it does so however the movie is cut.
        (Err(_), Err(_)) => return Ok(()),
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => return Err(format!("chunks {lengths:?}: {error}")),
    };
    if chunked != whole {
        return Err(format!("chunks {lengths:?} differ from the whole"));
    }
    let cut = 1 + numbers.below(frames - 1);
    let (first, state) = run(layer, &movie.frames(0, cut).unwrap(), State::new(NOISE), &[cut]).unwrap();
    let rest = movie.frames(cut, frames - cut).unwrap();
    let (second, state) = run(layer, &rest, restored(&state), &[frames - cut]).unwrap();
    for ((a, b), whole) in first.into_iter().zip(second).zip(&whole.0) {
        if Tensor::join_frames(&[a, b]).unwrap() != *whole {
            return Err(format!("resumed after frame {cut}, the movie differs"));
        }
    }
    if state != whole.1 {
        return Err(format!("resumed after frame {cut}, the state differs"));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_and_interruptions_of_random_models_give_the_same_bits(seed: u64, double: bool) {
        let numbers = &mut Numbers(seed);
        let model = random_model(numbers, 2);
        let (height, width) = (1 + numbers.below(4), 1 + numbers.below(5));
        let movie = movie(if double { DType::F64 } else { DType::F32 }, &[1, 1, 14, height, width], numbers);
        // Receptive fields take their size from the image; then every weight is made random.
        let _ = call(&*model, &movie, &mut State::new(NOISE), GradientMode::Off, None);
        vary(&*model, numbers);
        let parts: Vec<String> =
            layer::layers(&*model).iter().map(|(path, layer)| format!("{path}: {}", layer.kind())).collect();
        prop_assert_eq!(check_chunks(&*model, &movie, numbers), Ok(()), "{} of {:?}", model.kind(), parts);
    }
}

#[test]
fn any_chunks_and_interruptions_of_every_layer_give_the_same_bits() {
    for entry in catalogue::all().iter().filter(|entry| entry.any_chunks) {
        for seed in 0..4 {
            let numbers = &mut Numbers(seed);
            let layer = entry.build(coarse()).unwrap();
            let movie = movie(DType::F32, &[2, 1, 20, 4, 5], numbers);
            call(&*layer, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
            vary(&*layer, numbers);
            check_chunks(&*layer, &movie, numbers).unwrap_or_else(|why| panic!("{}: {why}", entry.name));
        }
    }
}

/// Every layer with gradients, by name; some of them in further variants.
fn differentiable() -> Vec<(String, Arc<dyn Layer>, bool)> {
    let r = coarse();
    let mut all: Vec<(String, Arc<dyn Layer>, bool)> = catalogue::all()
        .iter()
        .filter(|entry| entry.gradient == Gradient::All)
        .map(|entry| (entry.name.to_string(), entry.build(r).unwrap(), entry.any_chunks))
        .collect();
    let opl = |kind| -> Arc<dyn Layer> { Arc::new(Opl::with_filter(kind, r).unwrap()) };
    let retina = RetinaOptions { spikes: false, ..RetinaOptions::default() };
    let single = StageOptions { population: false, ..StageOptions::default() };
    let further: Vec<(&str, Arc<dyn Layer>)> = vec![
        ("Retina without spikes", Arc::new(Retina::new(retina, r).unwrap())),
        ("Recursive OPL, Gaussian", opl(OplKind::Recursive(RecursiveKind::Gaussian))),
        (
            "full-convolution OPL on a small grid",
            Arc::new(FullConvolutionOplFilter::new(Some([9, 4, 3]), r).unwrap()),
        ),
        ("LNLN of one cell", Arc::new(convis::models::LNLN::new([3, 2, 3], single, r).unwrap())),
    ];
    all.extend(further.into_iter().map(|(name, layer)| (name.to_string(), layer, true)));
    for name in Combination::names() {
        // Along time, the frames of every chunk follow each other.
        let layers: Vec<Arc<dyn Layer>> = ["TemporalLowPassFilterRecursive", "NLSquare"]
            .map(|name| catalogue::find(name).unwrap().build(r).unwrap())
            .into();
        let list = List::new(layers, Mode::Parallel(name.parse().unwrap())).unwrap();
        all.push((format!("List, {name}"), Arc::new(list), name != "cat_2"));
    }
    all.push(("rectifier".into(), Arc::new(NLRectify::new(r)), true));
    all
}

/// Outputs of successive chunks, in order.
fn forward(layer: &dyn Layer, chunks: &[Tensor], mode: GradientMode) -> Vec<Tensor> {
    let mut state = State::new(NOISE);
    chunks
        .iter()
        .flat_map(|chunk| call(layer, chunk, &mut state, mode, None).unwrap().into_movies())
        .map(|(_, movie)| movie)
        .collect()
}

/// The numbers of outputs one after the other, plane by plane whatever the chunks.
fn flat(outputs: &[Tensor]) -> Vec<f64> {
    outputs.iter().flat_map(Tensor::to_f64).collect()
}

/// A gradient, the quotient of differences, and the size of its terms.
fn check(what: &str, got: f64, minus_to_plus: [Vec<f64>; 4], h: f64, probe: &[f64]) {
    let [m2, m1, p1, p2] = minus_to_plus;
    let slope = |i: usize| (m2[i] - 8.0 * m1[i] + 8.0 * p1[i] - p2[i]) / (12.0 * h);
    let terms: Vec<f64> = probe.iter().enumerate().map(|(i, g)| g * slope(i)).collect();
    let (want, size): (f64, f64) = (terms.iter().sum(), terms.iter().map(|term| term.abs()).sum());
    assert!((got - want).abs() <= 1e-6 * size.max(1e-9), "{what}: {got} instead of {want} (terms of {size})");
}

/// Values moved along a direction.
fn moved(values: &[f64], direction: &[f64], by: f64) -> Vec<f64> {
    values.iter().zip(direction).map(|(x, d)| x + by * d).collect()
}

#[test]
fn gradients_of_every_layer_are_derivatives_whole_and_across_chunks() {
    for (name, layer, any_chunks) in differentiable() {
        let layer = &*layer;
        let numbers = &mut Numbers(name.len() as u64 + 17);
        let shape = [1, 1, 9, 4, 3];
        let movie = movie(DType::F64, &shape, numbers);
        call(layer, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        vary(layer, numbers);
        let parameters: Vec<(String, Parameter)> = layer::parameters(layer)
            .into_iter()
            .filter(|(_, parameter)| parameter.spec().differentiable)
            .inspect(|(_, parameter)| parameter.set_requires_grad(true).unwrap())
            .collect();
        let chunkings: &[&[usize]] = if any_chunks { &[&[9], &[3, 1, 5]] } else { &[&[9]] };
        for lengths in chunkings {
            let cut = |movie: &Tensor| -> Vec<Tensor> {
                let mut start = 0;
                lengths
                    .iter()
                    .map(|&length| {
                        start += length;
                        movie.frames(start - length, length).unwrap()
                    })
                    .collect()
            };
            for (_, parameter) in &parameters {
                parameter.set_gradient(None);
            }
            let leaves: Vec<Leaf> = lengths.iter().map(|_| Leaf::default()).collect();
            let inputs: Vec<Tensor> =
                cut(&movie).iter().zip(&leaves).map(|(chunk, leaf)| chunk.with_leaf(leaf)).collect();
            let outputs = forward(layer, &inputs, GradientMode::Through);
            let probes: Vec<Tensor> = outputs
                .iter()
                .map(|output| {
                    let values = (0..output.len()).map(|_| numbers.next()).collect();
                    Tensor::from_vec::<f64>(values, output.shape()).unwrap()
                })
                .collect();
            let probe = flat(&probes);
            let seeds: Vec<(&Tensor, Tensor)> = outputs.iter().zip(probes).collect();
            backward(&seeds).unwrap();
            let off = |input: &Tensor| flat(&forward(layer, &cut(input), GradientMode::Off));

            let place = format!("{name}, chunks {lengths:?}");
            // Small enough for hardly any number to cross the corner of a rectifier.
            let h = 1e-6;
            let direction: Vec<f64> = (0..movie.len()).map(|_| numbers.next()).collect();
            let by_input = leaves.iter().map(|leaf| leaf.gradient().expect("gradient of the input"));
            let by_input = Tensor::join_frames(&by_input.collect::<Vec<_>>()).unwrap().to_f64();
            let got: f64 = by_input.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let at =
                |by: f64| off(&Tensor::from_vec(moved(&movie.to_f64(), &direction, by), &shape).unwrap());
            check(&format!("{place}, input"), got, [at(-2.0 * h), at(-h), at(h), at(2.0 * h)], h, &probe);

            for (path, parameter) in &parameters {
                let (values, shape) = parameter.value();
                let direction: Vec<f64> = values
                    .iter()
                    .map(|value| if values.len() == 1 { value.abs().max(1e-2) } else { numbers.next() })
                    .collect();
                // A single number moves an answer by little: rounding asks for a wider step.
                let h = if values.len() == 1 { 1e-5 } else { h };
                let gradient =
                    parameter.gradient().unwrap_or_else(|| panic!("{place}: {path} has no gradient"));
                let got: f64 = gradient.to_f64().iter().zip(&direction).map(|(g, d)| g * d).sum();
                let at = |by: f64| {
                    parameter.set_value(moved(&values, &direction, by), &shape).unwrap();
                    off(&movie)
                };
                let differences = [at(-2.0 * h), at(-h), at(h), at(2.0 * h)];
                parameter.set_value(values.clone(), &shape).unwrap();
                check(&format!("{place}, {path}"), got, differences, h, &probe);
            }
        }
    }
}

#[test]
fn all_outer_plexiform_layers_agree_away_from_borders() {
    let r = Resolution::default();
    let kinds = [
        OplKind::HalfRecursive,
        OplKind::Separable,
        OplKind::FullConvolution(None),
        OplKind::Recursive(RecursiveKind::Gaussian),
    ];
    let shape = [1, 1, 12, 31, 32];
    let movie = movie(DType::F64, &shape, &mut Numbers(3));
    let response = |kind| {
        let opl = Opl::with_filter(kind, r).unwrap();
        // The undershoot shorter than usual: a kernel of less than a hundred frames.
        for (name, value) in
            [("n_center", 1.0), ("lambda_opl", 3.0), ("undershoot_tau_center", 0.003), ("tau_center", 0.002)]
        {
            layer::parameter(&opl, &format!("opl_filter.{name}")).unwrap().set(value).unwrap();
        }
        let output = call(&opl, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        output.first().unwrap().to_f64()
    };
    let want = response(kinds[0]);
    let largest = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for kind in &kinds[1..] {
        let got = response(*kind);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let (row, column) = (i / 32 % 31, i % 32);
            // The Gaussians reach 2 + 6 pixels.
            if (8..31 - 8).contains(&row) && (8..32 - 8).contains(&column) {
                assert!(
                    (got - want).abs() < 1e-3 * largest,
                    "{kind:?} at {row}, {column}: {got} instead of {want}"
                );
            }
        }
    }
}
