//! What every differentiable operation offers.

use crate::bands::Bandwise;
use crate::{Real, Signal};

/// A causal operation on movies, with scalar parameters and a state that passes from chunk to chunk.
///
/// ```text
/// (output, state after) = forward(parameters, inputs, state before)
/// ```
///
/// Input movies have the sizes of [`Operation::signal`], the output those of [`Operation::output_signal`]. Parameters
/// are doubles in physical units whatever the type of the movie; arrays of weights come in the movie's type, after the
/// movies. Every slice that is written is overwritten whole: what it held before does not matter.
pub trait Operation: Clone + Send + Sync + 'static {
    /// What the operation is called in errors and reports.
    const NAME: &'static str;

    /// Names of the scalar parameters, in the order in which they are passed.
    const PARAMETERS: &'static [&'static str];

    /// Number of input movies.
    const INPUTS: usize = 1;

    /// Whether its adjoint has less to do without gradients of the state; it then gets no arrays for those nobody wants.
    const SPARES_STATE: bool = false;

    /// Whether its adjoint has less to do without gradients of the parameters; it then gets no numbers where nobody wants
    /// any.
    const SPARES_PARAMETERS: bool = false;

    /// The sizes it is set up for.
    fn signal(&self) -> Signal;

    /// The sizes of its output.
    fn output_signal(&self) -> Signal {
        self.signal()
    }

    /// Lengths of its arrays of weights, which follow the movies in `inputs`.
    fn weights(&self) -> Vec<usize> {
        vec![]
    }

    /// The same operation for another number of frames.
    #[must_use]
    fn with_frames(&self, frames: usize) -> Self;

    /// Lengths of its state arrays: a whole number of frames each. Zeros are the state before the first frame.
    fn state_lengths(&self) -> Vec<usize> {
        vec![]
    }

    /// The same operation of a movie that it rectifies as it reads it, where it can; the same bits as after a rectifier.
    fn of_rectified(&self) -> Option<Self> {
        None
    }

    /// The equation, line by line, in double precision: slow, obvious, and what [`Operation::forward`] must equal.
    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    );

    /// Computes the output movie and the state after the last frame.
    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    );

    /// The operation with its constants, where it can be computed [band by band](crate::bands); the same bits as
    /// [`Operation::forward`]. `state` is that before the first frame.
    fn bandwise<T: Real>(&self, parameters: &[f64], state: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        let _ = (parameters, state);
        None
    }

    /// The transposed derivative of [`Operation::forward`] at the given point.
    ///
    /// `output_gradient` and `state_gradient` hold ∂loss/∂(output, state after); `gradients` receives
    /// ∂loss/∂(inputs, state before, parameters).
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        gradients: Gradients<'_, T>,
    );
}

/// Where an adjoint writes. Gradients of parameters are summed in double precision.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// One movie per input, then the arrays of weights; `None` where the caller does not want it.
    pub inputs: Vec<Option<&'a mut [T]>>,
    /// One array per state; none where [`Operation::SPARES_STATE`] and nobody wants them.
    pub state: Vec<&'a mut [T]>,
    /// One number per parameter; none where [`Operation::SPARES_PARAMETERS`] and nobody wants any.
    pub parameters: &'a mut [f64],
}
