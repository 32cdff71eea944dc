//! Fits of linear-nonlinear models, step by step, and the secant optimiser on a bowl.

use convis::layer::{self, Layer};
use convis::loss::Loss;
use convis::models::{LN, StageOptions};
use convis::optimize::{OptimizeOptions, compute_loss, optimize};
use convis::optimizers::{
    Adagrad, Adam, FiniteDifferenceGradient, Lbfgs, Optimizer, ParameterVector, RmsProp, Sgd,
};
use convis::{DType, Resolution, State, Tensor};
use serde_json::Value;

use crate::compare::{NOISE, Outcome, deviation, text};
use crate::file::Golden;

/// Compares the fit a file holds, if it holds one.
pub fn compare(golden: &Golden, kind: &str) -> Result<Option<Outcome>, String> {
    if kind == "FiniteDifferenceGradientOptimizer" {
        return bowl(golden).map(Some);
    }
    match golden.text("optimizer") {
        Some(name) => fit(golden, kind, name).map(Some),
        None => Ok(None),
    }
}

/// The optimiser of this name and these options, and how closely weights follow: rounding of single precision, which the
/// division by small gradients and the estimate of curvature amplify.
fn optimizer(name: &str, options: &Value) -> Result<(Box<dyn Optimizer>, f64), String> {
    let option = |key: &str, default: f64| options[key].as_f64().unwrap_or(default);
    let (sgd, adam, adagrad, rms) = (Sgd::default(), Adam::default(), Adagrad::default(), RmsProp::default());
    Ok(match name {
        "SGD" => {
            let (lr, momentum) = (option("lr", sgd.lr), option("momentum", 0.0));
            (Box::new(Sgd { lr, momentum, ..sgd }), 1e-5)
        }
        "Adam" => (Box::new(Adam { lr: option("lr", adam.lr), ..adam }), 1e-4),
        "Adagrad" => (Box::new(Adagrad { lr: option("lr", adagrad.lr), ..adagrad }), 1e-4),
        "RMSprop" => (Box::new(RmsProp { lr: option("lr", rms.lr), ..rms }), 1e-4),
        "LBFGS" => (Box::new(Lbfgs { lr: option("lr", 1.0), ..Lbfgs::default() }), 1e-3),
        _ => return Err(format!("optimizer {name} is unknown")),
    })
}

fn fit(golden: &Golden, kind: &str, name: &str) -> Result<Outcome, String> {
    if golden.text("soundness") == Some("quirk") {
        return defective(golden, kind, name);
    }
    let mut worst = 0.0f64;
    for dtype in [DType::F32, DType::F64] {
        worst = worst.max(steps(golden, kind, name, dtype)?);
    }
    Ok(Outcome::Passed(format!("weights and losses of {name} within {worst:.1e} of max")))
}

/// A model whose impulse response is the kernel of this name.
fn model(golden: &Golden, kind: &str, kernel: &str) -> Result<LN, String> {
    if kind != "LN" {
        return Err(format!("fits of {kind} are unknown"));
    }
    let model =
        LN::new(golden.shape(kernel)?, StageOptions::default(), Resolution::default()).map_err(text)?;
    let mut weight = golden.numbers(kernel)?;
    weight.reverse();
    ParameterVector::of(&model).set(&weight).map_err(text)?;
    Ok(model)
}

/// The impulse response in force: the weight reversed.
fn impulse_response(model: &dyn Layer) -> Result<Vec<f64>, String> {
    let mut weight = layer::parameter(model, "conv.weight").map_err(text)?.value().0;
    weight.reverse();
    Ok(weight)
}

fn loss(output: &Tensor, target: &Tensor) -> convis::Result<Tensor> {
    Loss::Sse.of(output, target)
}

fn steps(golden: &Golden, kind: &str, name: &str, dtype: DType) -> Result<f64, String> {
    let (mut optimizer, tolerance) = optimizer(name, &golden.params["options"])?;
    let model = model(golden, kind, "kernel_initial")?;
    let (input, target) = (golden.movie("input", dtype)?, golden.movie("target", dtype)?);
    let options = OptimizeOptions { chunk: golden.chunk(), ..OptimizeOptions::default() };
    let count = golden.params["steps"].as_u64().ok_or("params_json has no steps")? as usize;
    let weights = golden.numbers("weights")?;
    let size = weights.len() / (count + 1);
    let losses = golden.numbers("losses")?;
    let mut worst = deviation(&impulse_response(&model)?, &weights[..size])?;
    let mut got = vec![];
    for step in 1..=count {
        let state = State::new(NOISE);
        let of_step =
            optimize(&model, &input, &target, &state, &mut *optimizer, &loss, options).map_err(text)?;
        got.extend(of_step);
        let wrong = deviation(&impulse_response(&model)?, &weights[step * size..(step + 1) * size])?;
        worst = worst.max(wrong);
        if wrong > tolerance {
            return Err(format!("weights after step {step} of {name} in {dtype}: {wrong:.2e} of max"));
        }
    }
    let wrong = deviation(&got, &losses)?;
    if wrong > tolerance {
        return Err(format!("losses of {name} in {dtype}: {wrong:.2e} of max"));
    }
    Ok(worst.max(wrong))
}

/// A record made while the loss changed under the optimiser. What holds all the same: the losses of the recorded weights
/// where they were computed anew, and that a fit with a fixed loss from the recorded start falls to the wanted kernel.
fn defective(golden: &Golden, kind: &str, name: &str) -> Result<Outcome, String> {
    let (input, target) = (golden.movie("input", DType::F64)?, golden.movie("target", DType::F64)?);
    let state = State::new(NOISE);
    let mut what = vec![];
    if golden.has("losses_recomputed") {
        let want = golden.numbers("losses_recomputed")?;
        let weights = golden.numbers("weights")?;
        let model = model(golden, kind, "kernel_initial")?;
        let size = golden.numbers("kernel_initial")?.len();
        let mut got = vec![];
        for weight in weights.chunks(size).take(want.len()) {
            let reversed: Vec<f64> = weight.iter().rev().copied().collect();
            ParameterVector::of(&model).set(&reversed).map_err(text)?;
            let options = OptimizeOptions::default();
            got.extend(compute_loss(&model, &input, &target, &state, &loss, options).map_err(text)?);
        }
        let wrong = deviation(&got, &want)?;
        if wrong > 1e-4 {
            return Err(format!("recomputed losses: {wrong:.2e} of max"));
        }
        what.push(format!("recomputed losses within {wrong:.1e} of max"));
    }
    let (mut optimizer, _) = optimizer(name, &golden.params["options"])?;
    let model = model(golden, kind, "kernel_initial")?;
    let options = OptimizeOptions { chunk: golden.chunk(), ..OptimizeOptions::default() };
    let mut fit = || optimize(&model, &input, &target, &state, &mut *optimizer, &loss, options).map_err(text);
    let first: f64 = fit()?.iter().sum();
    for _ in 0..20 {
        fit()?;
    }
    let last: f64 = compute_loss(&model, &input, &target, &state, &loss, options).map_err(text)?.iter().sum();
    if last >= first {
        return Err(format!("with a fixed loss {name} goes from {first:.3e} to {last:.3e}"));
    }
    what.push(format!("with a fixed loss {name} goes from {first:.1e} to {last:.1e}"));
    Ok(Outcome::Passed(what.join("; ")))
}

/// The bowl Σ c·(p − o)², whose recorded gradients are c·(p − o) up to a factor that the steps do not depend on.
fn bowl(golden: &Golden) -> Result<Outcome, String> {
    let (curvature, optimum) = (golden.numbers("curvature")?, golden.numbers("optimum")?);
    let (mut point, record) = (golden.numbers("initial")?, golden.numbers("parameters")?);
    let losses = golden.numbers("losses")?;
    let n = point.len();
    let rows: Vec<&[f64]> = record.chunks(n).collect();
    let mut optimizer = FiniteDifferenceGradient::default();
    let mut got = vec![];
    for step in 1..rows.len() {
        let first = optimizer
            .step(&mut point, &mut |p| {
                let errors: Vec<f64> = p.iter().zip(&optimum).map(|(p, o)| p - o).collect();
                let loss = errors.iter().zip(&curvature).map(|(e, c)| c * e * e).sum();
                Ok((loss, errors.iter().zip(&curvature).map(|(e, c)| 2.0 * c * e).collect()))
            })
            .map_err(text)?;
        got.push(first);
        // Where two recorded points of single precision coincide the record divides 0 by 0.
        let defined = |j: &usize| step < 2 || rows[step - 1][*j] != rows[step - 2][*j];
        let which: Vec<usize> = (0..n).filter(defined).collect();
        let pick = |x: &[f64]| which.iter().map(|&j| x[j]).collect::<Vec<f64>>();
        let wrong = deviation(&pick(&point), &pick(rows[step]))?;
        if wrong > 1e-5 {
            return Err(format!("parameters after step {step}: {wrong:.2e} of max"));
        }
    }
    let wrong = deviation(&got, &losses)?;
    if wrong > 1e-5 {
        return Err(format!("losses: {wrong:.2e} of max"));
    }
    Ok(Outcome::Passed(format!("parameters of {} steps", rows.len() - 1)))
}
