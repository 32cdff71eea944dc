//! Results that are computed when somebody needs them, together with others.
//!
//! While a model simulates, without gradients, operations that can be computed [band by band](convis_kernels::bands) are
//! not run at once: their results are tensors without numbers yet, and a [`Plan`] remembers what is to be done. When the
//! numbers of one are asked for, or at the end of the chunk, the plan runs all its operations over every band while it is
//! in the cache. Results that nobody holds any more by then are never written to memory, and an operation that was asked
//! for twice (the transient filters of ON and OFF cells) is computed once. Layers do not know of it; bits do not depend on
//! it.

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use convis_kernels::bands::{self, Bandwise, Input, Link, MOST_INPUTS, Target};
use convis_kernels::{Real, Signal};

use super::buffer::Buffer;
use super::rectified::Rectified;
use super::{DType, Data, Numbers, Tensor};

/// The numbers of a tensor: there, or to be computed.
#[derive(Clone)]
pub(super) enum Contents {
    Ready(Data),
    Later(Arc<Later>),
    Rectified(Arc<Rectified>),
}

impl Contents {
    pub fn data(&self) -> &Data {
        match self {
            Self::Ready(data) => data,
            Self::Later(later) => later.data(),
            Self::Rectified(later) => later.data(),
        }
    }

    pub fn dtype(&self) -> DType {
        match self {
            Self::Ready(data) => data.dtype(),
            Self::Later(later) => later.dtype,
            Self::Rectified(later) => later.dtype(),
        }
    }
}

impl From<Data> for Contents {
    fn from(data: Data) -> Self {
        Self::Ready(data)
    }
}

/// Numbers that a plan will compute.
pub(super) struct Later {
    numbers: OnceLock<Data>,
    dtype: DType,
    plan: Arc<dyn Deferred>,
    /// Which step makes it; `None` for the state after a step.
    step: Option<usize>,
}

impl Later {
    fn data(&self) -> &Data {
        if self.numbers.get().is_none() {
            self.plan.run();
        }
        self.numbers.get().expect("a plan computes everything that is held")
    }
}

/// A [`Plan`], whatever the type of its numbers.
pub(crate) trait Deferred: Any + Send + Sync {
    /// Computes all that is to be done and still wanted.
    fn run(&self);
}

/// Operations to be done, on movies of one size and type.
pub(crate) struct Plan<T: Numbers> {
    signal: Signal,
    /// In order; `None` once they are done.
    steps: Mutex<Option<Vec<Step<T>>>>,
}

struct Step<T: Numbers> {
    operation: Box<dyn Bandwise<T>>,
    inputs: Vec<Source<T>>,
    before: Vec<Buffer<T>>,
    output: Weak<Later>,
    after: Vec<Weak<Later>>,
    bytes: bool,
}

/// Where a step finds an input.
enum Source<T: Numbers> {
    Movie(Buffer<T>),
    Step(usize),
}

impl<T: Numbers> PartialEq for Source<T> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Movie(a), Self::Movie(b)) => std::ptr::eq(&raw const a[..], &raw const b[..]),
            (Self::Step(a), Self::Step(b)) => a == b,
            _ => false,
        }
    }
}

impl<T: Numbers + Real> Plan<T> {
    /// The plan of these sizes and numbers that is under way, or a new one; one that does not fit is run.
    fn fitting(current: &mut Option<Arc<dyn Deferred>>, signal: Signal) -> Arc<Self> {
        if let Some(plan) = current {
            let plan: Arc<dyn Any + Send + Sync> = plan.clone();
            if let Ok(plan) = plan.downcast::<Self>()
                && plan.signal == signal
                && plan.lock().is_some()
            {
                return plan;
            }
        }
        if let Some(other) = current.take() {
            other.run();
        }
        let plan = Arc::new(Self { signal, steps: Mutex::new(Some(vec![])) });
        *current = Some(plan.clone());
        plan
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Step<T>>>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds an operation to the plan under way: its output, of type `dtype`, and the states after it, without history.
///
/// Inputs and states must be of type `T` and fit the sizes of `signal`, which are also those of the output.
pub(crate) fn defer<T: Numbers + Real>(
    current: &mut Option<Arc<dyn Deferred>>,
    signal: Signal,
    operation: Box<dyn Bandwise<T>>,
    inputs: &[&Tensor],
    before: &[Tensor],
    dtype: DType,
) -> (Tensor, Vec<Tensor>) {
    let (like, shapes) = (inputs[0], before.iter().map(|x| x.shape().to_vec()).collect::<Vec<_>>());
    // What cannot be taken from a band is computed first; that may end the plan under way.
    for input in inputs {
        let of_a_step = match &input.contents {
            Contents::Ready(_) => true,
            Contents::Later(later) => later.step.is_some(),
            Contents::Rectified(_) => false,
        };
        if operation.looks_around() || !of_a_step {
            input.data();
        }
    }
    let before: Vec<Buffer<T>> = before.iter().filter_map(|state| T::unwrap(state.data()).cloned()).collect();
    let plan = Plan::<T>::fitting(current, signal);
    let from = |input: &&Tensor| match &input.contents {
        Contents::Later(later) if later.numbers.get().is_none() && is_same(&later.plan, &plan) => {
            later.step.map(Source::Step)
        }
        contents => T::unwrap(contents.data()).cloned().map(Source::Movie),
    };
    let inputs: Vec<Source<T>> = inputs.iter().filter_map(from).collect();
    debug_assert!(inputs.len() <= MOST_INPUTS);

    let mut steps = plan.lock();
    let steps = steps.get_or_insert_default();
    let known = steps.iter().position(|step| {
        step.bytes == (dtype == DType::U8)
            && step.inputs == inputs
            && step.operation.is_same(operation.as_any())
            && step.before.iter().zip(&before).all(|(a, b)| same_bits(a, b))
    });
    let states = before.len();
    let index = known.unwrap_or_else(|| {
        let after = (0..states).map(|_| Weak::new()).collect();
        let bytes = dtype == DType::U8;
        steps.push(Step { operation, inputs, before, output: Weak::new(), after, bytes });
        steps.len() - 1
    });
    let held = |weak: &mut Weak<Later>, dtype, step| {
        weak.upgrade().unwrap_or_else(|| {
            let later = Arc::new(Later { numbers: OnceLock::new(), dtype, plan: plan.clone(), step });
            *weak = Arc::downgrade(&later);
            later
        })
    };
    let tensor = |later, shape: &[usize]| Tensor {
        contents: Contents::Later(later),
        shape: shape.to_vec(),
        source: None,
    };
    let step = &mut steps[index];
    let output = tensor(held(&mut step.output, dtype, Some(index)), like.shape());
    let after = (step.after.iter_mut().zip(shapes))
        .map(|(weak, shape)| tensor(held(weak, T::DTYPE, None), &shape))
        .collect();
    (output, after)
}

fn is_same<T: Numbers + Real>(plan: &Arc<dyn Deferred>, other: &Arc<Plan<T>>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(plan), Arc::as_ptr(other))
}

fn same_bits<T: Numbers + Real>(a: &Buffer<T>, b: &Buffer<T>) -> bool {
    let (a, b) = (&a[..], &b[..]);
    std::ptr::eq(a, b)
        || (a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| a == b && a.is_sign_negative() == b.is_sign_negative()))
}

/// What a step writes, in memory that is used again.
struct Written<T> {
    numbers: Vec<T>,
    bytes: Vec<u8>,
    after: Vec<Vec<T>>,
}

impl<T: Numbers + Real> Deferred for Plan<T> {
    fn run(&self) {
        // Held to the end: whoever asks meanwhile waits for the numbers.
        let mut steps = self.lock();
        let Some(steps) = steps.take() else { return };
        let wanted: Vec<Option<Arc<Later>>> = steps.iter().map(|step| step.output.upgrade()).collect();
        let len = self.signal.len();
        let mut written: Vec<Written<T>> = (steps.iter().zip(&wanted))
            .map(|(step, wanted)| Written {
                numbers: Buffer::unwritten(if wanted.is_some() && !step.bytes { len } else { 0 }),
                bytes: Buffer::unwritten(if step.bytes { len } else { 0 }),
                after: step.before.iter().map(|before| Buffer::unwritten(before.len())).collect(),
            })
            .collect();
        let links = (steps.iter().zip(&mut written).zip(&wanted))
            .map(|((step, written), wanted)| Link {
                operation: &*step.operation,
                inputs: (step.inputs.iter())
                    .map(|input| match input {
                        Source::Movie(movie) => Input::Movie(movie),
                        Source::Step(step) => Input::Link(*step),
                    })
                    .collect(),
                state: (step.before.iter().zip(&mut written.after))
                    .map(|(before, after)| (&before[..], &mut after[..]))
                    .collect(),
                target: match wanted {
                    _ if step.bytes => Target::Bytes(&mut written.bytes),
                    Some(_) => Target::Movie(&mut written.numbers),
                    None => Target::Chain,
                },
            })
            .collect();
        bands::run(self.signal, links);
        for ((step, written), wanted) in steps.iter().zip(written).zip(wanted) {
            let numbers = Buffer::written(written.numbers);
            let bytes = Buffer::written(written.bytes);
            if let Some(output) = wanted {
                let data = if step.bytes { u8::wrap(bytes) } else { T::wrap(numbers) };
                // Set once: a plan runs once.
                let _ = output.numbers.set(data);
            }
            for (after, array) in step.after.iter().zip(written.after) {
                let array = Buffer::written(array);
                if let Some(after) = after.upgrade() {
                    let _ = after.numbers.set(T::wrap(array));
                }
            }
        }
    }
}
