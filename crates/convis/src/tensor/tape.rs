//! Reverse-mode differentiation over recorded operations.
//!
//! Every recorded operation is a node that holds its inputs' sources and a function from output gradients to input
//! gradients. Nodes are owned by the tensors they made (and by later nodes), so a result that is dropped frees its
//! whole record. Nodes are numbered as they are made; walking them by falling number is a topological order, which
//! is also the same at every run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Tensor;
use crate::{Error, Result};

/// Where [`backward`] leaves a gradient: of a parameter, or of an input.
#[derive(Clone, Debug, Default)]
pub struct Leaf(Arc<Mutex<Option<Tensor>>>);

impl Leaf {
    /// The gradient summed up so far.
    pub fn gradient(&self) -> Option<Tensor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the gradient, or replaces it.
    pub fn set_gradient(&self, gradient: Option<Tensor>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gradient;
    }

    fn add(&self, gradient: &Tensor) -> Result<()> {
        add_to(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), gradient)
    }
}

/// Where a number came from.
#[derive(Clone)]
pub(crate) enum Source {
    Leaf(Leaf),
    Node { node: Arc<Node>, output: usize },
}

/// A number with a source: the value of a scalar parameter, in double precision.
#[derive(Clone)]
pub struct Scalar {
    pub(crate) value: f64,
    pub(crate) source: Option<Source>,
}

impl Scalar {
    /// A number without history.
    pub const fn constant(value: f64) -> Self {
        Self { value, source: None }
    }

    /// A number whose gradient goes to `leaf`.
    pub fn with_leaf(value: f64, leaf: &Leaf) -> Self {
        Self { value, source: Some(Source::Leaf(leaf.clone())) }
    }

    /// The number.
    pub const fn value(&self) -> f64 {
        self.value
    }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.value)
    }
}

type Adjoint = dyn Fn(&[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> + Send + Sync;

/// A recorded operation.
pub(crate) struct Node {
    number: u64,
    inputs: Vec<Option<Source>>,
    outputs: usize,
    adjoint: Box<Adjoint>,
}

impl Node {
    /// Records an operation. `adjoint` maps the gradients of its outputs (`None`: zero) to those of its inputs.
    pub fn new(
        inputs: Vec<Option<Source>>,
        outputs: usize,
        adjoint: impl Fn(&[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { number, inputs, outputs, adjoint: Box::new(adjoint) })
    }
}

impl Drop for Node {
    /// Frees a long chain of nodes in a loop: freeing it by recursion would overflow the stack.
    fn drop(&mut self) {
        let mut rest: Vec<Source> = self.inputs.drain(..).flatten().collect();
        while let Some(source) = rest.pop() {
            if let Source::Node { node, .. } = source
                && let Some(mut node) = Arc::into_inner(node)
            {
                rest.extend(node.inputs.drain(..).flatten());
            }
        }
    }
}

/// Walks from results back to the leaves and adds to their gradients.
///
/// `results` are tensors with the gradient of a loss with respect to each. The record is kept: `backward` may be
/// called again.
///
/// # Errors
/// If a result has no history (nothing asked for a gradient when it was computed) or a gradient has another shape.
pub fn backward(results: &[(&Tensor, Tensor)]) -> Result<()> {
    let mut pending: BTreeMap<u64, (Arc<Node>, Vec<Option<Tensor>>)> = BTreeMap::new();
    for (result, gradient) in results {
        if result.shape() != gradient.shape() {
            return Err(Error::argument(
                "gradient",
                format!("shape {:?}, that of the result", result.shape()),
                format!("shape {:?}", gradient.shape()),
            ));
        }
        let source = result.source().ok_or_else(|| {
            Error::Mismatch(
                "backward: this tensor has no history; compute it by calling a model (not run) whose parameters, or \
                 whose input, require gradients"
                    .into(),
            )
        })?;
        give(&mut pending, source, &gradient.cast(result.dtype()).detach().owned())?;
    }
    while let Some((_, (node, gradients))) = pending.pop_last() {
        for (source, gradient) in node.inputs.iter().zip((node.adjoint)(&gradients)?) {
            if let (Some(source), Some(gradient)) = (source, gradient) {
                give(&mut pending, source, &gradient)?;
            }
        }
    }
    Ok(())
}

fn give(
    pending: &mut BTreeMap<u64, (Arc<Node>, Vec<Option<Tensor>>)>,
    source: &Source,
    gradient: &Tensor,
) -> Result<()> {
    match source {
        Source::Leaf(leaf) => leaf.add(gradient),
        Source::Node { node, output } => {
            let (_, sums) =
                pending.entry(node.number).or_insert_with(|| (node.clone(), vec![None; node.outputs]));
            add_to(&mut sums[*output], gradient)
        }
    }
}

fn add_to(sum: &mut Option<Tensor>, gradient: &Tensor) -> Result<()> {
    *sum = Some(match sum {
        Some(sum) => sum.plus(gradient)?,
        None => gradient.clone(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(x: f64) -> Tensor {
        Tensor::from_vec(vec![x], &[1]).unwrap()
    }

    /// y = factor·x, recorded.
    fn times(x: &Tensor, factor: f64) -> Tensor {
        let node = Node::new(vec![x.source().cloned()], 1, move |g| {
            Ok(vec![g[0].as_ref().map(|g| number(factor * g.to_f64()[0]))])
        });
        number(factor * x.to_f64()[0]).with_source(Some(Source::Node { node, output: 0 }))
    }

    #[test]
    fn gradients_of_all_paths_add_up_and_the_record_can_be_walked_again() {
        let leaf = Leaf::default();
        let x = number(2.0).with_leaf(&leaf);
        let (a, b) = (times(&x, 3.0), times(&times(&x, 5.0), 7.0));
        backward(&[(&a, number(1.0)), (&b, number(1.0))]).unwrap();
        assert_eq!(leaf.gradient().unwrap().to_f64(), [38.0]);
        backward(&[(&a, number(2.0))]).unwrap();
        assert_eq!(leaf.gradient().unwrap().to_f64(), [44.0]);
        leaf.set_gradient(None);
        assert!(leaf.gradient().is_none());
    }

    #[test]
    fn a_tensor_without_history_is_refused() {
        let message = backward(&[(&number(1.0), number(1.0))]).unwrap_err().to_string();
        assert!(message.contains("no history"), "{message}");
    }

    #[test]
    fn a_long_record_is_freed_without_overflowing_the_stack() {
        let leaf = Leaf::default();
        let mut x = number(1.0).with_leaf(&leaf);
        for _ in 0..1_000_000 {
            x = times(&x, 1.0);
        }
        drop(x);
    }
}
