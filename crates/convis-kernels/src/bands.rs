//! Operations computed band by band, so that several of them can follow one another while a band is in the cache.
//!
//! A movie that passes through ten operations one after the other travels ten times between memory and processor. Here a
//! *band* of some thousand pixels runs through all frames of a chunk, and in every frame through all operations: what one
//! of them hands to the next never leaves the nearest caches. An operation that can be computed so offers
//! [`Operation::bandwise`](crate::Operation::bandwise); [`run`] computes a chain of them.
//!
//! Every number is computed by the same operations in the same order as alone: the bits do not depend on what is fused,
//! nor on how bands are cut, and bands may be cut to suit the number of threads.

use std::any::Any;
use std::ops::Range;

use crate::scratch::Scratch;
use crate::tiles::{Tile, TileMut, split_at};
use crate::{Real, Signal, parallel, simd};

/// Some pixels of one plane at one step.
#[derive(Clone, Debug)]
pub struct Band {
    /// Batch × channel.
    pub plane: usize,
    /// Frame of the chunk.
    pub frame: usize,
    /// Where the pixels lie in the frame.
    pub pixels: Range<usize>,
}

/// Where an operation writes a band.
#[derive(Debug)]
pub enum Output<'a, T> {
    /// Numbers of the movie's type.
    Numbers(&'a mut [T]),
    /// Bytes: spikes.
    Bytes(&'a mut [u8]),
}

impl<'a, T> Output<'a, T> {
    /// The numbers; none where bytes are wanted.
    pub fn numbers(self) -> &'a mut [T] {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Bytes(_) => &mut [],
        }
    }

    /// The bytes; none where numbers are wanted.
    pub fn bytes(self) -> &'a mut [u8] {
        match self {
            Self::Numbers(_) => &mut [],
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// An operation with its constants, ready to be computed band by band.
pub trait Bandwise<T>: Send + Sync + 'static {
    /// Whether a pixel depends on those around it. Inputs are then whole frames (of a movie, not of an operation before in
    /// the chain), and bands whole rows.
    fn looks_around(&self) -> bool {
        false
    }

    /// Computes a band of the output from those of the inputs and advances its state.
    ///
    /// `scratch` may be resized and written at will; it is kept from call to call.
    fn step(
        &self,
        band: &Band,
        inputs: &[&[T]],
        state: &mut [&mut [T]],
        output: Output<'_, T>,
        scratch: &mut Vec<T>,
    );

    /// Whether `other` computes the same from the same inputs and states.
    fn is_same(&self, other: &dyn Any) -> bool;

    /// Itself, for [`Bandwise::is_same`].
    fn as_any(&self) -> &dyn Any;
}

/// Where a link of a chain finds an input.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a, T> {
    /// In a movie.
    Movie(&'a [T]),
    /// In what an earlier link has made of the same band.
    Link(usize),
}

/// Where the output of a link is wanted.
#[derive(Debug)]
pub enum Target<'a, T> {
    /// By later links only.
    Chain,
    /// As a movie.
    Movie(&'a mut [T]),
    /// As a movie of bytes; no later link can have it.
    Bytes(&'a mut [u8]),
}

/// One operation of a chain.
pub struct Link<'a, T> {
    /// The operation.
    pub operation: &'a dyn Bandwise<T>,
    /// Its inputs, at most [`MOST_INPUTS`].
    pub inputs: Vec<Input<'a, T>>,
    /// Its state arrays, before and after.
    pub state: Vec<(&'a [T], &'a mut [T])>,
    /// Its output.
    pub target: Target<'a, T>,
}

/// Inputs that an operation may have.
pub const MOST_INPUTS: usize = 4;

/// Pixels of a band: what a dozen operations need of them fits into the second cache, and entering an operation costs
/// little beside its work.
const BAND_PIXELS: usize = 4096;

/// Computes a chain of operations on movies of one size, each link after those it depends on.
///
/// # Panics
/// If a slice does not have the sizes of `signal`, a link has too many inputs, or one that looks around depends on
/// another link.
pub fn run<T: Real>(signal: Signal, links: Vec<Link<'_, T>>) {
    let whole_rows = links.iter().any(|link| link.operation.looks_around());
    let tiles = cut(&signal, whole_rows);
    let kept: Vec<bool> = (0..links.len())
        .map(|k| {
            links[k + 1..]
                .iter()
                .any(|link| link.inputs.iter().any(|input| matches!(input, Input::Link(i) if *i == k)))
        })
        .collect();
    let work = signal.len() * 4 * links.len();
    let mut items: Vec<(Tile, Vec<BandOf<'_, T>>)> =
        tiles.iter().map(|tile| (tile.clone(), Vec::with_capacity(links.len()))).collect();
    let mut chain = Vec::with_capacity(links.len());
    for link in links {
        assert!(link.inputs.len() <= MOST_INPUTS, "inputs of a link");
        for input in &link.inputs {
            match input {
                Input::Movie(movie) => assert_eq!(movie.len(), signal.len(), "length of a movie"),
                Input::Link(earlier) => {
                    assert!(*earlier < chain.len() && !link.operation.looks_around(), "order of links");
                }
            }
        }
        let mut targets = match link.target {
            Target::Chain => vec![],
            Target::Movie(movie) => split_at(movie, &signal, &tiles).into_iter().map(Part::Numbers).collect(),
            Target::Bytes(movie) => split_at(movie, &signal, &tiles).into_iter().map(Part::Bytes).collect(),
        }
        .into_iter();
        let mut states: Vec<_> = (link.state.into_iter())
            .map(|(before, after)| {
                assert_eq!(before.len(), signal.state_len(), "length of a state");
                split_at(after, &signal.with_frames(1), &tiles).into_iter().map(move |part| (before, part))
            })
            .collect();
        for (_, bands) in &mut items {
            let state = states.iter_mut().filter_map(Iterator::next).collect();
            bands.push(BandOf { target: targets.next(), state });
        }
        chain.push((link.operation, link.inputs));
    }
    parallel::for_each(items, work, |(tile, bands)| run_band(&signal, &tile, &chain, &kept, bands));
}

/// What one link writes in one band.
struct BandOf<'a, T> {
    target: Option<Part<'a, T>>,
    state: Vec<(&'a [T], TileMut<'a, T>)>,
}

enum Part<'a, T> {
    Numbers(TileMut<'a, T>),
    Bytes(TileMut<'a, u8>),
}

fn run_band<T: Real>(
    signal: &Signal,
    tile: &Tile,
    chain: &[(&dyn Bandwise<T>, Vec<Input<'_, T>>)],
    kept: &[bool],
    mut bands: Vec<BandOf<'_, T>>,
) {
    let n = tile.len();
    let mut targets = Vec::with_capacity(chain.len());
    let mut kept_states: Vec<Vec<KeptState<'_, T>>> = Vec::with_capacity(chain.len());
    let here = signal.state_at(tile.plane, &tile.pixels);
    for band in &mut bands {
        targets.push(band.target.take());
        let states = band.state.iter_mut().map(|(before, after)| {
            let mut state = KeptState::new(after.frame(0));
            state.numbers().copy_from_slice(&before[here.clone()]);
            state
        });
        kept_states.push(states.collect());
    }
    let mut states: Vec<Vec<&mut [T]>> =
        kept_states.iter_mut().map(|states| states.iter_mut().map(KeptState::numbers).collect()).collect();
    // Movies that are read. Where a band is a part of the frame, the next one lies far away, and the processor does not look
    // for it by itself.
    let mut movies: Vec<&[T]> = vec![];
    for input in chain.iter().flat_map(|(_, inputs)| inputs) {
        if let Input::Movie(movie) = input
            && n < signal.pixels()
            && !movies.iter().any(|known| std::ptr::eq(*known, *movie))
        {
            movies.push(movie);
        }
    }
    // What each link hands on.
    let mut passed = Scratch::<T>::new(n * chain.len());
    let mut scratch = vec![];
    let whole = 0..signal.pixels();
    for frame in 0..signal.frames {
        let band = Band { plane: tile.plane, frame, pixels: tile.pixels.clone() };
        // A part of the next frame before every link: all of it at once would wait for the paths to memory.
        let next = (frame + 1 < signal.frames).then(|| signal.at(tile.plane, frame + 1, &tile.pixels).start);
        for (k, (operation, inputs)) in chain.iter().enumerate() {
            if let Some(next) = next {
                let part = next + n * k / chain.len()..next + n * (k + 1) / chain.len();
                for movie in &movies {
                    simd::prefetch(&movie[part.clone()]);
                }
            }
            let seen = if operation.looks_around() { &whole } else { &tile.pixels };
            let (earlier, rest) = passed.split_at_mut(k * n);
            let mut slices: [&[T]; MOST_INPUTS] = [&[]; MOST_INPUTS];
            for (slice, input) in slices.iter_mut().zip(inputs) {
                *slice = match input {
                    Input::Movie(movie) => &movie[signal.at(tile.plane, frame, seen)],
                    Input::Link(i) => &earlier[i * n..(i + 1) * n],
                };
            }
            let (inputs, state, own) = (&slices[..inputs.len()], &mut states[k][..], &mut rest[..n]);
            match &mut targets[k] {
                Some(Part::Bytes(bytes)) => {
                    operation.step(&band, inputs, state, Output::Bytes(bytes.frame(frame)), &mut scratch);
                }
                Some(Part::Numbers(movie)) if !kept[k] => {
                    operation.step(&band, inputs, state, Output::Numbers(movie.frame(frame)), &mut scratch);
                }
                target => {
                    operation.step(&band, inputs, state, Output::Numbers(own), &mut scratch);
                    if let Some(Part::Numbers(movie)) = target {
                        movie.frame(frame).copy_from_slice(own);
                    }
                }
            }
        }
    }
    kept_states.iter_mut().flatten().for_each(KeptState::finish);
}

/// The state of a band, where nobody else writes within the lines of cache that it lies in: two processors would take a line
/// that bands share from each other in every frame.
pub(crate) struct KeptState<'a, T: Real> {
    after: &'a mut [T],
    /// A copy until the end, where bands meet within a line.
    own: Option<Scratch<T>>,
}

impl<'a, T: Real> KeptState<'a, T> {
    /// The state that becomes `after`; what it holds at first does not matter.
    pub fn new(after: &'a mut [T]) -> Self {
        let ends = after.as_ptr_range();
        let meets = [ends.start, ends.end].iter().any(|end| !end.addr().is_multiple_of(LINE_BYTES));
        Self { own: meets.then(|| Scratch::new(after.len())), after }
    }

    #[inline(always)]
    pub fn numbers(&mut self) -> &mut [T] {
        match &mut self.own {
            Some(own) => own,
            None => self.after,
        }
    }

    /// Some of the numbers.
    #[inline(always)]
    pub fn part(&mut self, part: &Range<usize>) -> &mut [T] {
        &mut self.numbers()[part.clone()]
    }

    /// Puts the numbers where they are wanted.
    pub fn finish(&mut self) {
        if let Some(own) = &self.own {
            self.after.copy_from_slice(own);
        }
    }
}

/// A line of the cache.
const LINE_BYTES: usize = 64;

/// Number of bands of at most so many pixels: as many for every thread.
pub(crate) fn number(pixels: usize, most: usize) -> usize {
    let threads = parallel::threads();
    pixels.div_ceil(most * threads) * threads
}

/// Bands that keep all threads busy.
fn cut(signal: &Signal, whole_rows: bool) -> Vec<Tile> {
    let pixels = signal.pixels();
    if pixels == 0 {
        return vec![];
    }
    // At least 64 pixels each.
    let bands = number(pixels, BAND_PIXELS).min(pixels.div_ceil(64));
    let unit = if whole_rows { signal.width } else { 64 };
    let step = pixels.div_ceil(unit).div_ceil(bands) * unit;
    (0..signal.planes)
        .flat_map(|plane| {
            (0..pixels.div_ceil(step))
                .map(move |i| Tile { plane, pixels: i * step..((i + 1) * step).min(pixels) })
        })
        .collect()
}

/// Computes one operation by itself.
pub(crate) fn alone<T: Real>(
    operation: &dyn Bandwise<T>,
    signal: Signal,
    inputs: &[&[T]],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let state = state.iter().zip(state_after).map(|(&before, after)| (before, &mut **after)).collect();
    let inputs = inputs.iter().map(|&movie| Input::Movie(movie)).collect();
    run(signal, vec![Link { operation, inputs, state, target: Target::Movie(output) }]);
}

/// An operation in which every pixel goes its own way: `step(inputs, state, output)` on slices of equal length.
pub(crate) trait Pixelwise<T>: Send + Sync + PartialEq + 'static {
    /// Computes the output of some pixels and advances their state. Compiled for every vector width.
    fn step(&self, inputs: &[&[T]], state: &mut [&mut [T]], output: &mut [T]);
}

/// A [`Pixelwise`] operation as a [`Bandwise`] one.
pub(crate) struct ByPixel<P>(pub P);

impl<T: Real, P: Pixelwise<T>> Bandwise<T> for ByPixel<P> {
    fn step(&self, _: &Band, inputs: &[&[T]], state: &mut [&mut [T]], output: Output<'_, T>, _: &mut Vec<T>) {
        let output = output.numbers();
        simd::vectorized(
            #[inline(always)]
            || self.0.step(inputs, state, output),
        );
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;
    use crate::gain_control::GainControl;
    use crate::integrate_and_fire::{Integration, Membrane, Neuron, Noise, Population, integrate_and_fire};
    use crate::low_pass::LowPass;
    use crate::random::Key;
    use crate::separable_blur::SeparableBlur;
    use crate::weighted_difference::WeightedDifference;

    /// Blur, cascade, difference, membrane and spikes: fused, and one after the other.
    #[test]
    fn a_chain_gives_the_bits_of_its_links_one_by_one() {
        for (planes, height, width) in [(1, 1, 1), (2, 9, 7), (1, 40, 33), (2, 50, 50), (1, 3, 700)] {
            let signal = Signal { planes, frames: 7, height, width };
            let (n, cells) = (signal.len(), signal.state_len());
            let movie: Vec<f32> = (0..n).map(|i| 4000.0 * (i as f32 * 0.37).sin()).collect();
            let state: Vec<f32> = (0..cells).map(|i| 0.9 * (i as f32 * 0.11).cos()).collect();
            let zero = vec![0.0f32; cells];
            let blur = SeparableBlur::new(signal, 10.0);
            let low_pass = LowPass { signal, steps_per_second: 1000.0, order: 2 };
            let difference = WeightedDifference { signal };
            let membrane = GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
            let (by_blur, by_difference, by_membrane) = ([0.15, 1.3], [-1.5], [0.0, 50.0, 60.0, 0.005, 0.2]);
            let neuron = Neuron {
                input_hz: 1.0,
                leak_hz: 50.0,
                noise_sigma: 0.1,
                refractory_mean_s: 0.003,
                refractory_sd_s: 0.0,
                step_s: 0.001,
            };
            let (exact, noise) =
                (Integration::Exact, Noise { key: Key::new(1, 0, "chain", 0), first_step: 5 });
            let population = Population::<f32>::new(exact, neuron, noise);

            let nan = || vec![f32::NAN; n];
            let empty = || vec![f32::NAN; cells];
            let [mut blurred, mut slow, mut sum, mut v] = std::array::from_fn(|_| nan());
            let mut after: [Vec<f32>; 7] = std::array::from_fn(|_| empty());
            let mut spikes = vec![9; n];
            {
                let [l0, l1, l2, v0, a0, p, r] = &mut after;
                blur.forward(&by_blur, &[&movie], &[], &mut blurred, &mut []);
                low_pass.forward(&[0.01], &[&blurred], &[&state[..]; 3], &mut slow, &mut [l0, l1, l2]);
                difference.forward(&by_difference, &[&blurred, &slow], &[], &mut sum, &mut []);
                membrane.forward(&by_membrane, &[&sum], &[&state, &zero], &mut v, &mut [v0, a0]);
                p.copy_from_slice(&state);
                r.copy_from_slice(&zero);
                let cells = Membrane { potential: p, refractory: r };
                integrate_and_fire(signal, exact, &neuron, noise, &v, cells, &mut spikes, None);
            }

            for threads in [1, 2, 3] {
                let mut fused: [Vec<f32>; 7] = std::array::from_fn(|_| empty());
                let (mut fused_sum, mut fused_spikes) = (nan(), vec![9; n]);
                let [l0, l1, l2, v0, a0, p, r] = &mut fused;
                let blur = blur.bandwise::<f32>(&by_blur, &[]).unwrap();
                let low_pass = low_pass.bandwise::<f32>(&[0.01], &[&state[..]; 3]).unwrap();
                let difference = difference.bandwise::<f32>(&by_difference, &[]).unwrap();
                let membrane = membrane.bandwise::<f32>(&by_membrane, &[&state, &zero]).unwrap();
                fn link<'a>(
                    operation: &'a dyn Bandwise<f32>,
                    inputs: &[Input<'a, f32>],
                    state: Vec<(&'a [f32], &'a mut [f32])>,
                    target: Target<'a, f32>,
                ) -> Link<'a, f32> {
                    Link { operation, inputs: inputs.to_vec(), state, target }
                }
                let s = &state[..];
                let links = vec![
                    link(&*blur, &[Input::Movie(&movie)], vec![], Target::Chain),
                    link(&*low_pass, &[Input::Link(0)], vec![(s, l0), (s, l1), (s, l2)], Target::Chain),
                    link(
                        &*difference,
                        &[Input::Link(0), Input::Link(1)],
                        vec![],
                        Target::Movie(&mut fused_sum),
                    ),
                    link(&*membrane, &[Input::Link(2)], vec![(s, v0), (&zero, a0)], Target::Chain),
                    link(
                        &population,
                        &[Input::Link(3)],
                        vec![(s, p), (&zero, r)],
                        Target::Bytes(&mut fused_spikes),
                    ),
                ];
                parallel::with_threads(threads, || run(signal, links));
                assert_eq!(fused_sum, sum, "{signal:?}, {threads} threads");
                assert!(fused == after && fused_spikes == spikes, "{signal:?}, {threads} threads");
            }
            assert!(cells < 100 || spikes.contains(&1), "{signal:?}");
        }
    }

    #[test]
    fn operations_are_the_same_where_their_constants_are() {
        let signal = Signal { planes: 1, frames: 1, height: 2, width: 2 };
        let low_pass = |tau_s: f64| {
            let filter = LowPass { signal, steps_per_second: 1000.0, order: 0 };
            filter.bandwise::<f32>(&[tau_s], &[&[0.0; 4]]).unwrap()
        };
        assert!(low_pass(0.01).is_same(low_pass(0.01).as_any()));
        assert!(!low_pass(0.01).is_same(low_pass(0.02).as_any()));
        let blur = SeparableBlur::new(signal, 10.0).bandwise::<f32>(&[0.1, 1.0], &[]).unwrap();
        assert!(!low_pass(0.01).is_same(blur.as_any()));
    }
}
