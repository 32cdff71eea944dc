//! Fitting the parameters of a layer to wanted outputs, chunk by chunk.
//!
//! # Rule
//! [`optimize`] walks through a movie in chunks. In every chunk the optimiser makes one step; however often it asks for
//! the loss, each evaluation begins from the same state, the one at the beginning of the chunk. The next chunk begins
//! from the state after the first of these evaluations, that is after the chunk as seen with the parameters whose loss is
//! returned. When all is done, or has failed, the state is what it was before the call.
//!
//! Gradients end at the beginning of a chunk: the state there is a constant. With `bptt` frames, they are followed so many
//! frames further back: the frames before the chunk are computed again, with gradients, and only the chunk's own output
//! enters the loss. Results do not depend on `bptt`, only gradients do. Neither depends on `checkpoint`, which trades time
//! for memory.

use crate::checkpoint::Checkpoints;
use crate::layer::{GradientMode, Layer, call};
use crate::optimizers::{Optimizer, ParameterVector};
use crate::tensor::{Leaf, Range, backward};
use crate::{Error, Result, State, Tensor};

/// A loss of an output and what was wanted, e.g. [`Loss::of`](crate::loss::Loss::of).
pub type LossFunction<'a> = dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + 'a;

/// How a movie is walked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimizeOptions {
    /// Frames per chunk; the whole movie by default.
    pub chunk: Option<usize>,
    /// So many frames at the beginning of the movie do not enter the loss; chunks of such frames only advance the state.
    pub skip: usize,
    /// How many frames before a chunk gradients are followed.
    pub bptt: usize,
    /// Frames between two states that are kept for the gradient, which then needs [little memory](crate::checkpoint); by
    /// default everything is kept.
    pub checkpoint: Option<usize>,
}

/// The frames of a chunk.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    /// The first frame that enters the loss.
    counted: usize,
}

fn pieces(input: &Tensor, target: &Tensor, options: OptimizeOptions) -> Result<Vec<Piece>> {
    let frames = input.signal()?.frames;
    let chunk = options.chunk.unwrap_or(frames);
    if chunk == 0 {
        return Err(Error::argument("dt", "a chunk of at least one frame", 0));
    }
    if target.signal().map(|signal| signal.frames) != Ok(frames) {
        let expected = format!("a shape with five axes and {frames} frames, as the input has");
        return Err(Error::argument("target", expected, format!("shape {:?}", target.shape())));
    }
    if options.skip >= frames {
        return Err(Error::argument("t_skip", format!("fewer than the {frames} frames"), options.skip));
    }
    let piece = |start: usize| {
        let end = (start + chunk).min(frames);
        Piece { start, end, counted: options.skip.clamp(start, end) }
    };
    Ok((0..frames).step_by(chunk).map(piece).collect())
}

/// Frames of a movie, with history.
fn frames(movie: &Tensor, start: usize, end: usize) -> Result<Tensor> {
    let shape = movie.shape();
    movie.part(&[Range::from_to(0, shape[0]), Range::from_to(0, shape[1]), Range::from_to(start, end)])
}

/// The loss of a piece, from a state at frame `from`; the state after the piece is left in `state`.
fn loss_of(
    layer: &dyn Layer,
    (input, target): (&Tensor, &Tensor),
    (from, piece): (usize, Piece),
    state: &mut State,
    loss: &LossFunction<'_>,
    gradients: GradientMode,
) -> Result<Tensor> {
    let output = call(layer, &frames(input, from, piece.end)?, state, gradients, None)?;
    loss_of_output(output.first()?, target, (from, piece), loss)
}

/// The loss of a piece whose output begins at frame `from`.
fn loss_of_output(
    output: &Tensor,
    target: &Tensor,
    (from, piece): (usize, Piece),
    loss: &LossFunction<'_>,
) -> Result<Tensor> {
    let made = output.signal()?.frames;
    if made != piece.end - from {
        let expected = format!("as many frames as went in ({})", piece.end - from);
        return Err(Error::argument("output", expected, format!("shape {:?}", output.shape())));
    }
    let output = frames(output, piece.counted - from, made)?;
    let target = frames(target, piece.counted, piece.end)?;
    if output.shape() != target.shape() {
        let expected = format!("shape {:?}, that of the output", output.shape());
        return Err(Error::argument("target", expected, format!("shape {:?}", target.shape())));
    }
    let value = loss(&output, &target)?;
    if value.len() != 1 {
        return Err(Error::argument(
            "loss_fn",
            "a function whose value is one number",
            format!("shape {:?}", value.shape()),
        ));
    }
    Ok(value)
}

/// The loss of a piece, as [`loss_of`] computes it; leaves its gradient at the parameters.
fn loss_with_gradient(
    layer: &dyn Layer,
    (input, target): (&Tensor, &Tensor),
    (from, piece): (usize, Piece),
    state: &mut State,
    loss: &LossFunction<'_>,
    checkpoint: Option<usize>,
) -> Result<Tensor> {
    let place = (from, piece);
    let follow = |value: &Tensor| -> Result<()> {
        if value.has_history() {
            backward(&[(value, Tensor::number(1.0, value.dtype()).reshape(value.shape())?)])?;
        }
        Ok(())
    };
    let Some(between) = checkpoint else {
        let value = loss_of(layer, (input, target), place, state, loss, GradientMode::Call)?;
        follow(&value)?;
        return Ok(value);
    };
    let input = frames(input, from, piece.end)?;
    let (output, checkpoints) = Checkpoints::forward(layer, &input, state, between)?;
    let leaf = Leaf::default();
    let value = loss_of_output(&output.first()?.with_leaf(&leaf), target, place, loss)?;
    follow(&value)?;
    let by_input = input.has_history();
    if let Some(by_input) = checkpoints.backward(layer, &input, &[leaf.gradient()], by_input)? {
        backward(&[(&input, by_input)])?;
    }
    Ok(value)
}

/// The loss of every chunk, without changing anything.
///
/// # Errors
/// If the input, the target or an option does not fit.
pub fn compute_loss(
    layer: &dyn Layer,
    input: &Tensor,
    target: &Tensor,
    state: &State,
    loss: &LossFunction<'_>,
    options: OptimizeOptions,
) -> Result<Vec<f64>> {
    let mut state = state.clone();
    let mut losses = vec![];
    for piece in pieces(input, target, options)? {
        if piece.counted == piece.end {
            call(layer, &frames(input, piece.start, piece.end)?, &mut state, GradientMode::Off, None)?;
            continue;
        }
        let place = (piece.start, piece);
        let value = loss_of(layer, (input, target), place, &mut state, loss, GradientMode::Off)?;
        losses.push(value.to_f64()[0]);
    }
    Ok(losses)
}

/// Takes one step of an optimiser per chunk and returns the loss of each before its step; see the
/// [rule](self#rule). The state is that before the call.
///
/// A point outside a parameter's range counts as one of infinite loss.
///
/// ```
/// use convis::{NoiseId, Resolution, State, Tensor, filters::GaussianBlur, layer, loss::Loss};
/// use convis::optimize::{compute_loss, optimize};
/// use convis::optimizers::{Lbfgs, LineSearch};
///
/// // A blur of 0.2 degrees, found again from its output.
/// let x = Tensor::from_vec((0..400).map(|i| f64::from(i % 7)).collect(), &[1, 1, 4, 10, 10])?;
/// let state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
/// let wanted = GaussianBlur::new(0.2, Resolution::default())?;
/// let y = convis::call(&wanted, &x, &mut state.clone(), Default::default(), None)?;
/// let blur = GaussianBlur::new(0.25, Resolution::default())?;
/// let loss = |y: &Tensor, t: &Tensor| Loss::Sse.of(y, t);
/// let mut optimizer = Lbfgs { line_search: LineSearch::StrongWolfe, ..Lbfgs::default() };
/// let before = optimize(&blur, &x, y.first()?, &state, &mut optimizer, &loss, Default::default())?;
/// let after = compute_loss(&blur, &x, y.first()?, &state, &loss, Default::default())?;
/// assert!(after[0] < 1e-6 * before[0]);
/// assert!((layer::parameter(&blur, "sigma")?.scalar() - 0.2).abs() < 1e-4);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If the input, the target or an option does not fit, or the fit diverges. All parameters are what they were before the
/// call then.
pub fn optimize(
    layer: &dyn Layer,
    input: &Tensor,
    target: &Tensor,
    state: &State,
    optimizer: &mut dyn Optimizer,
    loss: &LossFunction<'_>,
    options: OptimizeOptions,
) -> Result<Vec<f64>> {
    let parameters = ParameterVector::of(layer);
    if parameters.parameters().is_empty() {
        return Err(Error::argument("model", "parameters that require gradients", "none"));
    }
    let before = parameters.point();
    let result = walk(layer, &parameters, (input, target), state, optimizer, loss, options);
    parameters.zero_gradient();
    if result.is_err() && parameters.point() != before {
        // What was in force before the call is valid.
        parameters.set(&before)?;
    }
    result
}

fn walk(
    layer: &dyn Layer,
    parameters: &ParameterVector,
    (input, target): (&Tensor, &Tensor),
    state: &State,
    optimizer: &mut dyn Optimizer,
    loss: &LossFunction<'_>,
    options: OptimizeOptions,
) -> Result<Vec<f64>> {
    let mut losses = vec![];
    // The state at the beginning of the chunk, and the one `bptt` frames before it.
    let mut now = state.clone();
    let (mut earlier, mut earlier_at) = (state.clone(), 0);
    for piece in pieces(input, target, options)? {
        let from = piece.start.saturating_sub(options.bptt);
        if options.bptt > 0 && from > earlier_at {
            call(layer, &frames(input, earlier_at, from)?, &mut earlier, GradientMode::Off, None)?;
            earlier_at = from;
        }
        if piece.counted == piece.end {
            call(layer, &frames(input, piece.start, piece.end)?, &mut now, GradientMode::Off, None)?;
            continue;
        }
        let start = if options.bptt > 0 { &earlier } else { &now };
        let mut after = None;
        let mut point = parameters.point();
        let first = optimizer.step(&mut point, &mut |point| {
            if let Err(error) = parameters.set(point) {
                return if after.is_some() {
                    Ok((f64::INFINITY, vec![0.0; point.len()]))
                } else {
                    Err(error)
                };
            }
            parameters.zero_gradient();
            let mut state = start.clone();
            let place = (from, piece);
            let value =
                loss_with_gradient(layer, (input, target), place, &mut state, loss, options.checkpoint)?;
            after.get_or_insert(state);
            Ok((value.to_f64()[0], parameters.gradient()))
        })?;
        parameters.set(&point).map_err(|error| {
            Error::Diverged(format!("a step left the range of a parameter ({error}); try a smaller lr"))
        })?;
        losses.push(first);
        now = after.unwrap_or(now);
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::TemporalLowPassFilterRecursive;
    use crate::layer::parameter;
    use crate::loss::Loss;
    use crate::optimizers::{Memory, Sgd};
    use crate::{NoiseId, Resolution};

    const FRAMES: usize = 30;

    fn sse(output: &Tensor, target: &Tensor) -> Result<Tensor> {
        Loss::Sse.of(output, target)
    }

    fn movie(seed: f64) -> Tensor {
        Tensor::from_vec(
            (0..FRAMES * 4).map(|i| (i as f64 * 1.7 + seed).sin()).collect(),
            &[1, 1, FRAMES, 2, 2],
        )
        .unwrap()
    }

    fn low_pass() -> TemporalLowPassFilterRecursive {
        TemporalLowPassFilterRecursive::new(0.01, Resolution::default()).unwrap()
    }

    const fn start() -> State {
        State::new(NoiseId { seed: 0, model: 0, trial: 0 })
    }

    /// Takes note of gradients and moves nothing.
    struct Watch(Vec<f64>);

    impl Optimizer for Watch {
        fn name(&self) -> &'static str {
            "Watch"
        }
        fn check(&self) -> Result<()> {
            Ok(())
        }
        fn step(&mut self, point: &mut [f64], evaluate: &mut crate::optimizers::Evaluate<'_>) -> Result<f64> {
            let first = evaluate(point)?;
            assert_eq!(first, evaluate(point)?, "every evaluation begins from the same state");
            self.0.push(first.1[0]);
            Ok(first.0)
        }
        fn memory(&self) -> Memory {
            Memory::new()
        }
        fn restore(&mut self, _: &Memory) -> Result<()> {
            Ok(())
        }
        fn learning_rate(&self) -> Option<f64> {
            None
        }
        fn set_learning_rate(&mut self, _: f64) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn gradients_end_so_many_frames_before_a_chunk() {
        let (x, y) = (movie(0.0), movie(1.0));
        for bptt in [0, 3, 7, 100] {
            let layer = low_pass();
            let options = OptimizeOptions { chunk: Some(10), bptt, ..OptimizeOptions::default() };
            let mut watch = Watch(vec![]);
            let losses = optimize(&layer, &x, &y, &start(), &mut watch, &sse, options).unwrap();
            assert_eq!(losses.len(), 3);
            // The loss of the last chunk, with the state `bptt` frames before it held constant.
            let from = 20_usize.saturating_sub(bptt);
            let tau = parameter(&layer, "tau").unwrap();
            let mut before = start();
            if from > 0 {
                call(&layer, &frames(&x, 0, from).unwrap(), &mut before, GradientMode::Off, None).unwrap();
            }
            let last = |value: f64| {
                tau.set(value).unwrap();
                let rest = frames(&x, from, FRAMES).unwrap();
                let output = call(&layer, &rest, &mut before.clone(), GradientMode::Off, None).unwrap();
                let output = frames(output.first().unwrap(), 20 - from, FRAMES - from).unwrap();
                sse(&output, &frames(&y, 20, FRAMES).unwrap()).unwrap().to_f64()[0]
            };
            let (value, h) = (tau.scalar(), 1e-7);
            let want = (last(value + h) - last(value - h)) / (2.0 * h);
            assert!((watch.0[2] - want).abs() < 1e-5 * want.abs(), "{bptt}: {} {want}", watch.0[2]);
            assert!((last(value) - losses[2]).abs() < 1e-12, "{bptt}");
        }
    }

    #[test]
    fn checkpoints_change_neither_losses_nor_gradients() {
        let (x, y) = (movie(0.0), movie(1.0));
        let run = |checkpoint| {
            let options = OptimizeOptions { chunk: Some(10), skip: 3, bptt: 4, checkpoint };
            let mut watch = Watch(vec![]);
            let losses = optimize(&low_pass(), &x, &y, &start(), &mut watch, &sse, options).unwrap();
            (losses, watch.0)
        };
        let (losses, gradients) = run(None);
        for frames in [1, 3, 100] {
            let (with, by) = run(Some(frames));
            assert_eq!(with, losses);
            // The same terms in another order.
            assert!(by.iter().zip(&gradients).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs()), "{by:?}");
        }
    }

    #[test]
    fn frames_that_are_skipped_only_advance_the_state() {
        let (x, y) = (movie(0.0), movie(1.0));
        let loss = |chunk, skip| {
            let options = OptimizeOptions { chunk, skip, ..OptimizeOptions::default() };
            compute_loss(&low_pass(), &x, &y, &start(), &sse, options).unwrap()
        };
        let (all, late) = (loss(Some(10), 0), loss(Some(10), 14));
        assert_eq!((all.len(), late.len()), (3, 2));
        assert_eq!(all[2], late[1]);
        assert!((late[0] + late[1] - loss(None, 14)[0]).abs() < 1e-12 && late[0] < all[1]);
    }

    #[test]
    fn a_step_out_of_range_is_an_error_and_changes_nothing() {
        let (x, y) = (movie(0.0), movie(0.0));
        let layer = low_pass();
        let mut optimizer = Sgd { lr: 1e3, ..Sgd::default() };
        let result = optimize(&layer, &x, &y, &start(), &mut optimizer, &sse, OptimizeOptions::default());
        assert!(matches!(result, Err(Error::Diverged(_))), "{result:?}");
        assert_eq!(parameter(&layer, "tau").unwrap().scalar(), 0.01);
        let short = Tensor::zeros(crate::DType::F64, &[1, 1, 3, 2, 2]);
        let error = optimize(&layer, &x, &short, &start(), &mut optimizer, &sse, OptimizeOptions::default());
        assert!(error.unwrap_err().to_string().contains("shape"));
    }
}
