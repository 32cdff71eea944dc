//! Running the retina: what `run` and `demo` have in common.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use convis::layer::Recorder;
use convis::retina::Retina;
use convis::run::{self, Chunk, RunOptions};
use convis::state::NoiseId;
use convis::{State, Tensor};

use crate::error::Result;
use crate::held_frames::HeldFrames;
use crate::interrupt;
use crate::progress::Progress;
use crate::rate::Rate;

/// The populations of ganglion cells: name, and the stage that spikes.
pub const POPULATIONS: [(&str, &str); 2] = [("ON", "gang_0_spikes"), ("OFF", "gang_1_spikes")];

/// What is simulated, and what of it is wanted.
pub struct Simulation<'a> {
    /// The model.
    pub retina: &'a Retina,
    /// Seed of its noise.
    pub seed: u64,
    /// Its steps per second.
    pub steps: Rate,
    /// Steps before step 0. They are computed and given to nobody.
    pub lead_in: u64,
    /// Steps from step 0 on, at most.
    pub most_steps: Option<u64>,
    /// Steps per chunk; by default as many as fit the processor's caches.
    pub chunk: Option<usize>,
    /// Paths of the stages whose output is wanted.
    pub stages: Vec<String>,
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Seconds from step 0.
    pub time_s: f64,
    /// The cell: row × width + column.
    pub unit: u32,
    /// Which of [`POPULATIONS`].
    pub population: u8,
}

/// Some steps of a simulation, in the order of time.
pub struct Stretch<'a> {
    /// The first step.
    pub first: u64,
    /// How many steps.
    pub steps: usize,
    /// The spikes by time.
    pub events: &'a [Event],
    /// The stages that were wanted.
    pub stages: &'a [Tensor],
}

/// How a simulation went.
pub struct Finished {
    /// Steps from step 0 on.
    pub steps: u64,
    /// Spikes of each population.
    pub spikes: [u64; 2],
    /// How long it took, the lead-in included.
    pub wall: Duration,
    /// All steps, those of the lead-in included.
    pub all_steps: u64,
}

impl Simulation<'_> {
    /// Shows the frames to the model and hands over what comes out, stretch by stretch, until they end.
    pub fn run(
        &self,
        frames: &mut HeldFrames,
        progress: &Progress,
        receive: &mut dyn FnMut(&Stretch) -> Result<()>,
    ) -> Result<Finished> {
        let mut state = State::new(NoiseId { seed: self.seed, model: 0, trial: 0 });
        let options = RunOptions {
            chunk: self.chunk,
            max_frames: self.most_steps.map(|steps| steps.saturating_add(self.lead_in)),
            stages: self.stages.clone(),
            spikes: self.retina.options().spikes,
        };
        let begin = Instant::now();
        let mut finished = Finished { steps: 0, spikes: [0; 2], wall: Duration::ZERO, all_steps: 0 };
        let mut failure = None;
        let result = run::run(self.retina, frames, &mut state, &options, &mut |chunk| {
            let passed = self.pass_on(chunk, &mut finished, receive);
            progress.at(finished.all_steps);
            Ok(match passed {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            })
        });
        progress.clear();
        match (failure, result) {
            (Some(error), _) => return Err(error),
            // Where several things fail after Ctrl-C, what was finished before counts.
            (None, Err(_)) if interrupt::requested() => {}
            (None, Err(error)) => return Err(error.into()),
            (None, Ok(_)) => {}
        }
        finished.wall = begin.elapsed();
        Ok(finished)
    }

    /// Cuts the lead-in off a chunk and hands the rest over.
    fn pass_on(
        &self,
        chunk: Chunk,
        finished: &mut Finished,
        receive: &mut dyn FnMut(&Stretch) -> Result<()>,
    ) -> Result<()> {
        let Chunk { recorder: Recorder { mut events, mut outputs, .. }, frames, .. } = chunk;
        let hidden = (self.lead_in.saturating_sub(finished.all_steps)).min(frames as u64) as usize;
        finished.all_steps += frames as u64;
        let steps = frames - hidden;
        if steps == 0 {
            return Ok(());
        }
        let mut spikes = vec![];
        for (population, (_, stage)) in POPULATIONS.iter().enumerate() {
            let own = events.remove(*stage).unwrap_or_default();
            let before = spikes.len();
            spikes.extend(
                own.iter().filter(|spike| spike.step >= self.lead_in).map(|s| (population as u8, *s)),
            );
            finished.spikes[population] += (spikes.len() - before) as u64;
        }
        // By whole steps first: the order must not depend on where chunks end.
        spikes.sort_unstable_by(|(p, a), (q, b)| {
            a.step.cmp(&b.step).then(a.offset_s.total_cmp(&b.offset_s)).then((p, a.pixel).cmp(&(q, b.pixel)))
        });
        let events: Vec<Event> = spikes
            .iter()
            .map(|(population, spike)| Event {
                time_s: (spike.step - self.lead_in) as f64 / self.steps.hertz() + spike.offset_s,
                unit: spike.pixel,
                population: *population,
            })
            .collect();
        let mut stages = vec![];
        for stage in &self.stages {
            // The model computes every stage it has, and only those can be asked for.
            if let Some(output) = outputs.remove(stage) {
                stages.push(output.first()?.frames(hidden, steps)?);
            }
        }
        let stretch = Stretch { first: finished.steps, steps, events: &events, stages: &stages };
        finished.steps += steps as u64;
        receive(&stretch)
    }
}
