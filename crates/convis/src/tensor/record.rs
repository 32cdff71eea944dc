//! Running an [`Operation`] on tensors, and recording it.
//!
//! This is the only place where kernels meet tensors: any operation becomes differentiable here.

use std::sync::Arc;

use convis_kernels::{Gradients, Operation, Real};

use super::buffer::{Buffer, Element};
use super::{DType, Node, Numbers, Scalar, Source, Tensor};
use crate::{Error, Result};

/// A result with the record of how its gradient leads to those of its inputs, where any input has a source.
///
/// `adjoint` makes a function of the result's gradient and of which inputs want theirs.
pub(crate) fn recorded<F>(result: Tensor, inputs: &[&Tensor], adjoint: impl FnOnce() -> F) -> Tensor
where
    F: Fn(&Tensor, &[bool]) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
{
    if inputs.iter().all(|x| x.source().is_none()) {
        return result;
    }
    let sources: Vec<Option<Source>> = inputs.iter().map(|x| x.source().cloned()).collect();
    let wanted: Vec<bool> = sources.iter().map(Option::is_some).collect();
    let adjoint = adjoint();
    let node = Node::new(sources, 1, move |gradients| match &gradients[0] {
        Some(gradient) => adjoint(gradient, &wanted),
        None => Ok(vec![None; wanted.len()]),
    });
    result.with_source(Some(Source::Node { node, output: 0 }))
}

/// Applies an operation; returns its output and the state after the last frame.
///
/// It is recorded where any parameter, input or state has a source.
pub(crate) fn apply<O: Operation>(
    operation: &O,
    parameters: &[Scalar],
    inputs: &[&Tensor],
    state: &[Tensor],
) -> Result<(Tensor, Vec<Tensor>)> {
    match inputs[0].dtype() {
        DType::F32 => apply_as::<f32, O>(operation, parameters, inputs, state),
        DType::F64 => apply_as::<f64, O>(operation, parameters, inputs, state),
        DType::U8 => {
            let inputs: Vec<Tensor> = inputs.iter().map(|x| x.cast(DType::F32)).collect();
            apply_as::<f32, O>(operation, parameters, &inputs.iter().collect::<Vec<_>>(), state)
        }
    }
}

fn apply_as<T: Numbers + Real, O: Operation>(
    operation: &O,
    parameters: &[Scalar],
    inputs: &[&Tensor],
    state: &[Tensor],
) -> Result<(Tensor, Vec<Tensor>)> {
    // What is read here alone need not be rectified in memory before.
    if let Some(movie) = inputs[0].rectified_from()
        && let Some(operation) = operation.of_rectified()
    {
        let inputs: Vec<&Tensor> = std::iter::once(&movie).chain(inputs[1..].iter().copied()).collect();
        return apply_as::<T, O>(&operation, parameters, &inputs, state);
    }
    let values: Vec<f64> = parameters.iter().map(Scalar::value).collect();
    let movies = numbers::<T>(inputs.iter().copied())?;
    let before = numbers::<T>(state.iter())?;
    let mut after: Vec<Vec<T>> = Vec::new();
    let out = operation.output_signal();
    let (output, ()) = Buffer::filled_by(out.len(), |output| {
        after = before.iter().map(|x| Buffer::unwritten(x.len())).collect();
        let mut after: Vec<&mut [T]> = after.iter_mut().map(Vec::as_mut_slice).collect();
        operation.forward(&values, &movies, &before, output, &mut after);
    });
    let batch = inputs[0].shape()[0];
    let shape = [batch, out.planes / batch.max(1), out.frames, out.height, out.width];
    let output = Tensor::from_buffer(output, &shape)?;
    let after = after.into_iter().map(Buffer::written).zip(state);
    let after: Vec<Tensor> = after.map(|(x, s)| Tensor::from_buffer(x, s.shape())).collect::<Result<_>>()?;
    let node = record::<T, O>(operation, parameters, inputs, state, &shape);
    let source = |output| node.as_ref().map(|node| Source::Node { node: node.clone(), output });
    let after = after.into_iter().enumerate().map(|(s, x)| x.with_source(source(1 + s))).collect();
    Ok((output.with_source(source(0)), after))
}

/// The record of an operation, where any parameter, input or state has a source.
pub(super) fn record<T: Numbers + Real, O: Operation>(
    operation: &O,
    parameters: &[Scalar],
    inputs: &[&Tensor],
    state: &[Tensor],
    output_shape: &[usize],
) -> Option<Arc<Node>> {
    let sources: Vec<Option<Source>> = (inputs.iter().map(|x| x.source().cloned()))
        .chain(state.iter().map(|x| x.source().cloned()))
        .chain(parameters.iter().map(|x| x.source.clone()))
        .collect();
    if sources.iter().all(Option::is_none) {
        return None;
    }
    let record = Record {
        operation: operation.clone(),
        values: parameters.iter().map(Scalar::value).collect(),
        wanted: sources.iter().map(Option::is_some).collect(),
        output_shape: output_shape.to_vec(),
        // What is kept must not change under us: borrowed memory is copied.
        inputs: inputs.iter().map(|x| x.kept()).collect(),
        state: state.iter().map(Tensor::kept).collect(),
    };
    Some(Node::new(sources, 1 + state.len(), move |gradients| record.adjoint::<T>(gradients)))
}

fn numbers<'a, T: Numbers>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<Vec<&'a [T]>> {
    tensors
        .map(|x| {
            x.numbers::<T>().ok_or_else(|| {
                Error::Mismatch(format!(
                    "{} and {} numbers in one operation: a model keeps the type it started with; call clear_state() \
                     before feeding another type",
                    T::DTYPE,
                    x.dtype()
                ))
            })
        })
        .collect()
}

/// What the adjoint of one call needs.
struct Record<O> {
    operation: O,
    values: Vec<f64>,
    /// Which of inputs, states and parameters somebody wants the gradient of.
    wanted: Vec<bool>,
    output_shape: Vec<usize>,
    inputs: Vec<Tensor>,
    state: Vec<Tensor>,
}

impl<O: Operation> Record<O> {
    fn adjoint<T: Numbers + Real>(&self, gradients: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let zero = |shape: &[usize]| Tensor::zeros(T::DTYPE, shape);
        let output = gradients[0].clone().unwrap_or_else(|| zero(&self.output_shape));
        let after: Vec<Tensor> = self
            .state
            .iter()
            .zip(&gradients[1..])
            .map(|(state, gradient)| gradient.clone().unwrap_or_else(|| zero(state.shape())))
            .collect();
        let mut by_input: Vec<Option<Vec<T>>> = self
            .inputs
            .iter()
            .zip(&self.wanted)
            .map(|(x, &wanted)| wanted.then(|| Buffer::unwritten(x.len())))
            .collect();
        let (state_wanted, parameters_wanted) = self.wanted[by_input.len()..].split_at(self.state.len());
        let state_wanted = state_wanted.contains(&true);
        let mut by_state: Vec<Vec<T>> = if O::SPARES_STATE && !state_wanted {
            vec![]
        } else {
            self.state.iter().map(|x| Buffer::unwritten(x.len())).collect()
        };
        let spared = O::SPARES_PARAMETERS && !parameters_wanted.contains(&true);
        let mut by_parameter = vec![0.0; if spared { 0 } else { self.values.len() }];
        self.operation.adjoint(
            &self.values,
            &numbers::<T>(self.inputs.iter())?,
            &numbers::<T>(self.state.iter())?,
            numbers::<T>(std::iter::once(&output))?[0],
            &numbers::<T>(after.iter())?,
            Gradients {
                inputs: by_input.iter_mut().map(Option::as_deref_mut).collect(),
                state: by_state.iter_mut().map(Vec::as_mut_slice).collect(),
                parameters: &mut by_parameter,
            },
        );
        fn tensor<T: Numbers + Element>(numbers: Vec<T>, shape: &[usize]) -> Result<Option<Tensor>> {
            Tensor::from_buffer(Buffer::written(numbers), shape).map(Some)
        }
        let mut all = Vec::with_capacity(self.wanted.len());
        for (x, gradient) in self.inputs.iter().zip(by_input) {
            all.push(gradient.map_or(Ok(None), |g| tensor(g, x.shape()))?);
        }
        let mut by_state = by_state.into_iter();
        for x in &self.state {
            all.push(by_state.next().map_or(Ok(None), |g| tensor(g, x.shape()))?);
        }
        let mut by_parameter = by_parameter.into_iter();
        for _ in &self.values {
            all.push(by_parameter.next().map_or(Ok(None), |g| Tensor::from_vec(vec![g], &[1]).map(Some))?);
        }
        Ok(all)
    }
}
