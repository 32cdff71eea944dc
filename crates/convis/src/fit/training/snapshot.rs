//! Where a training stands.

use std::collections::BTreeMap;

use super::{Coordinates, Domain, Ended, Method, Trained, Training};
use crate::optimizers::Memory;
use crate::{Error, Result};

/// The best point of a start so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Best {
    /// Loss of the validation part, or of the training part where nothing is held out.
    pub criterion: f64,
    pub iteration: usize,
    pub u: Vec<f64>,
}

/// What came of a start.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Why it ended.
    pub ended: Ended,
    /// Loss of the training part before every iteration, and at the end.
    pub losses: Vec<f64>,
    /// The same of the validation part; empty where nothing is held out.
    pub validations: Vec<f64>,
    /// The iteration with the best point; none where there was no usable one.
    pub best: Option<usize>,
    /// The best point's coordinates.
    u: Vec<f64>,
}

/// Where a training stands between two iterations: for progress, and to go on from.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    method: Method,
    seed: u64,
    pub(super) coordinates: Coordinates,
    pub(super) origin: Vec<f64>,
    pub(super) u: Vec<f64>,
    pub(super) optimizer: Memory,
    pub(super) best: Option<Best>,
    pub(super) still: usize,
    /// Loss of the training part before every iteration of this start.
    pub losses: Vec<f64>,
    /// The same of the validation part; empty where nothing is held out.
    pub validations: Vec<f64>,
    /// The starts before this one.
    pub starts: Vec<Finished>,
}

impl Snapshot {
    pub(super) fn new(training: &Training, coordinates: &Coordinates, start: &[f64]) -> Self {
        let origin = coordinates.inward(start);
        Self {
            method: training.method,
            seed: training.seed,
            coordinates: coordinates.clone(),
            u: origin.clone(),
            origin,
            optimizer: Memory::new(),
            best: None,
            still: 0,
            losses: vec![],
            validations: vec![],
            starts: vec![],
        }
    }

    /// The same, if it is one of this training.
    pub(super) fn fits(mut self, training: &Training, coordinates: &Coordinates) -> Result<Self> {
        let domains = |c: &Coordinates| c.0.iter().map(|(domain, _)| *domain).collect::<Vec<_>>();
        let same = [
            ("free parameters", domains(&self.coordinates) == domains(coordinates)),
            ("optimizer", self.method == training.method),
            ("seed", self.seed == training.seed),
        ];
        if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
            let found = format!("one with another {what}; remove the file to start anew");
            return Err(Error::argument("checkpoint", "one of this fit", found));
        }
        // The point that was noted last is looked at again.
        self.losses.pop();
        self.validations.pop();
        if self.best.as_ref().is_some_and(|best| best.iteration >= self.losses.len()) {
            self.best = None;
        }
        self.still = self.still.saturating_sub(1);
        Ok(self)
    }

    /// The point where it stands.
    pub fn point(&self) -> Vec<f64> {
        self.coordinates.outward(&self.u)
    }

    pub(super) fn finish(&mut self, ended: Ended) {
        let best = self.best.take();
        self.starts.push(Finished {
            ended,
            losses: std::mem::take(&mut self.losses),
            validations: std::mem::take(&mut self.validations),
            best: best.as_ref().map(|best| best.iteration),
            u: best.map_or_else(|| self.u.clone(), |best| best.u),
        });
        self.optimizer.clear();
        self.still = 0;
    }

    pub(super) fn trained(self) -> Result<Trained> {
        let at = |start: &Finished| {
            let best = start.best?;
            let validation = start.validations.get(best).copied();
            Some((start.losses[best], validation))
        };
        let criterion = |start: &Finished| at(start).map(|(loss, validation)| validation.unwrap_or(loss));
        let best = (self.starts.iter().enumerate())
            .filter_map(|(i, start)| Some((i, criterion(start)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((start, _)) = best else {
            return Err(Error::Diverged(
                "no start led to a loss that is a number; start from other parameters".into(),
            ));
        };
        let (loss, validation) = at(&self.starts[start]).unwrap_or((f64::NAN, None));
        let point = self.coordinates.outward(&self.starts[start].u);
        Ok(Trained { point, loss, validation, start, starts: self.starts })
    }

    /// All of it as arrays by name, for a file.
    pub fn arrays(&self) -> BTreeMap<String, Vec<f64>> {
        let mut arrays = BTreeMap::new();
        let mut put = |name: &str, array: Vec<f64>| arrays.insert(name.to_string(), array);
        let domains = self.coordinates.0.iter().flat_map(|(domain, scale)| match domain {
            Domain::Any => [0.0, 0.0, 0.0, *scale],
            Domain::Positive => [1.0, 0.0, 0.0, *scale],
            Domain::NonNegative => [2.0, 0.0, 0.0, *scale],
            Domain::Between(low, high) => [3.0, *low, *high, *scale],
        });
        put("coordinates", domains.collect());
        let (method, rate) = match self.method {
            Method::Adam { learning_rate } => (0.0, learning_rate),
            Method::Lbfgs => (1.0, 0.0),
        };
        let halves = [self.seed >> 32, self.seed & 0xffff_ffff].map(|half| half as f64);
        put(
            "training",
            vec![method, rate, halves[0], halves[1], self.still as f64, self.starts.len() as f64],
        );
        put("origin", self.origin.clone());
        put("now", self.u.clone());
        put("losses", self.losses.clone());
        put("validations", self.validations.clone());
        if let Some(best) = &self.best {
            put("best", [&[best.criterion, best.iteration as f64], &best.u[..]].concat());
        }
        for (name, array) in &self.optimizer {
            put(&format!("optimizer.{name}"), array.clone());
        }
        for (i, start) in self.starts.iter().enumerate() {
            let ended = Ended::ALL.iter().position(|(ended, _)| *ended == start.ended).unwrap_or(0);
            let best = start.best.map_or(-1.0, |best| best as f64);
            put(&format!("start.{i}"), [&[ended as f64, best], &start.u[..]].concat());
            put(&format!("start.{i}.losses"), start.losses.clone());
            put(&format!("start.{i}.validations"), start.validations.clone());
        }
        arrays
    }

    /// What [`Snapshot::arrays`] made arrays of.
    ///
    /// # Errors
    /// If an array is missing or makes no sense.
    pub fn from_arrays(arrays: &BTreeMap<String, Vec<f64>>) -> Result<Self> {
        let broken = |what: &str| {
            Error::argument(
                "checkpoint",
                "a file that a fit has written",
                format!("{what} missing or broken"),
            )
        };
        let get = |name: &str| arrays.get(name).cloned().ok_or_else(|| broken(name));
        let flat = get("coordinates")?;
        let mut coordinates = vec![];
        for number in flat.chunks(4) {
            let &[kind, low, high, scale] = number else { return Err(broken("coordinates")) };
            let domain = match kind as usize {
                0 => Domain::Any,
                1 => Domain::Positive,
                2 => Domain::NonNegative,
                _ => Domain::Between(low, high),
            };
            coordinates.push((domain, scale));
        }
        let coordinates = Coordinates::new(coordinates)?;
        let [method, learning_rate, high, low, still, starts] = get("training")?[..] else {
            return Err(broken("training"));
        };
        let point = |name: &str, before: usize| match get(name)? {
            array if array.len() == before + coordinates.len() => Ok(array),
            _ => Err(broken(name)),
        };
        let best = if arrays.contains_key("best") {
            let best = point("best", 2)?;
            Some(Best { criterion: best[0], iteration: best[1] as usize, u: best[2..].to_vec() })
        } else {
            None
        };
        let finished = |i: usize| {
            let start = point(&format!("start.{i}"), 2)?;
            let ended = Ended::ALL.get(start[0] as usize).ok_or_else(|| broken("start"))?.0;
            let losses = get(&format!("start.{i}.losses"))?;
            let best = (start[1] >= 0.0).then_some(start[1] as usize).filter(|best| *best < losses.len());
            let validations = get(&format!("start.{i}.validations"))?;
            Ok(Finished { ended, losses, validations, best, u: start[2..].to_vec() })
        };
        let memory = arrays
            .iter()
            .filter_map(|(name, array)| Some((name.strip_prefix("optimizer.")?.to_string(), array.clone())));
        Ok(Self {
            method: if method == 0.0 { Method::Adam { learning_rate } } else { Method::Lbfgs },
            seed: ((high as u64) << 32) | low as u64,
            origin: point("origin", 0)?,
            u: point("now", 0)?,
            optimizer: memory.collect(),
            best,
            still: still as usize,
            losses: get("losses")?,
            validations: get("validations")?,
            starts: (0..starts as usize).map(finished).collect::<Result<_>>()?,
            coordinates,
        })
    }
}
