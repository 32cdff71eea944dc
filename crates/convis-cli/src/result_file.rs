//! The file that a simulation leaves.

use std::path::Path;

use convis::{DType, Layer, Tensor};
use convis_io::{Array, ArrayId, NpzWriter};

use crate::error::Result;
use crate::model::parameters_json;
use crate::simulation::{POPULATIONS, Simulation, Stretch};

/// Spikes and stages in an `.npz` file, written while they come, in memory that does not grow.
///
/// | array | holds |
/// |---|---|
/// | `spike_time_s`, `spike_unit`, `spike_population` | one entry per spike, by time |
/// | a stage, dots turned into underscores | its movie (time, height, width) |
/// | `population_names`, `height`, `width`, `steps`, `steps_per_second`, `pixels_per_degree`, `lead_in_s`, `seed` | what they say |
/// | `parameters` | all parameters as JSON text |
/// | `convis_version` | the program |
pub struct ResultFile {
    file: NpzWriter,
    spikes: Option<Spikes>,
    stages: Vec<Stage>,
}

#[derive(Clone, Copy)]
struct Spikes {
    time: ArrayId<f64>,
    unit: ArrayId<u32>,
    population: ArrayId<u8>,
}

struct Stage {
    name: String,
    frame: [usize; 2],
    array: Option<StageArray>,
}

enum StageArray {
    F32(ArrayId<f32>),
    U8(ArrayId<u8>),
}

impl ResultFile {
    /// Begins the file of a simulation; `stages` are the first of the simulation's.
    pub fn create(
        path: &Path,
        simulation: &Simulation,
        stages: &[String],
        (height, width): (usize, usize),
    ) -> Result<Self> {
        let mut file = NpzWriter::create(path)?;
        let spikes = if simulation.retina.options().spikes {
            Some(Spikes {
                time: file.array("spike_time_s", &[])?,
                unit: file.array("spike_unit", &[])?,
                population: file.array("spike_population", &[])?,
            })
        } else {
            None
        };
        let stages = stages
            .iter()
            .map(|path| Stage { name: path.replace('.', "_"), frame: [height, width], array: None })
            .collect();
        let mut result = Self { file, spikes, stages };
        let number = |n: usize| Array::scalar(n as u64);
        let resolution = simulation.retina.resolution();
        let lead_in_s = simulation.lead_in as f64 / resolution.steps_per_second();
        result.put("height", &number(height))?;
        result.put("width", &number(width))?;
        result.put("steps_per_second", &Array::scalar(resolution.steps_per_second()))?;
        result.put("pixels_per_degree", &Array::scalar(resolution.pixel_per_degree()))?;
        result.put("lead_in_s", &Array::scalar(lead_in_s))?;
        result.put("seed", &Array::scalar(simulation.seed))?;
        result.put("parameters", &Array::text_scalar(parameters_json(simulation.retina)))?;
        let names: Vec<String> = POPULATIONS.iter().map(|(name, _)| (*name).to_string()).collect();
        result.put("population_names", &Array::new([names.len()], names)?)?;
        result.put("convis_version", &Array::text_scalar(env!("CARGO_PKG_VERSION")))?;
        Ok(result)
    }

    /// Writes a whole array.
    pub fn put(&mut self, name: &str, array: &Array) -> Result<()> {
        Ok(self.file.put(name, array)?)
    }

    /// Appends some steps.
    pub fn append(&mut self, stretch: &Stretch) -> Result<()> {
        if let Some(Spikes { time, unit, population }) = self.spikes {
            let events = stretch.events;
            self.file.append(time, &events.iter().map(|event| event.time_s).collect::<Vec<_>>())?;
            self.file.append(unit, &events.iter().map(|event| event.unit).collect::<Vec<_>>())?;
            self.file.append(population, &events.iter().map(|event| event.population).collect::<Vec<_>>())?;
        }
        for (stage, movie) in self.stages.iter_mut().zip(stretch.stages) {
            stage.append(&mut self.file, movie)?;
        }
        Ok(())
    }

    /// Completes the file and gives it its name.
    pub fn finish(mut self, steps: u64) -> Result<()> {
        self.put("steps", &Array::scalar(steps))?;
        Ok(self.file.finish()?)
    }
}

impl Stage {
    fn append(&mut self, file: &mut NpzWriter, movie: &Tensor) -> Result<()> {
        let array = match &self.array {
            Some(array) => array,
            // The type shows with the first movie: spikes are bytes.
            None => self.array.insert(match movie.dtype() {
                DType::U8 => StageArray::U8(file.array(&self.name, &self.frame)?),
                DType::F32 | DType::F64 => StageArray::F32(file.array(&self.name, &self.frame)?),
            }),
        };
        match array {
            StageArray::U8(array) => file.append(*array, movie.numbers::<u8>().unwrap_or_default())?,
            StageArray::F32(array) => file.append(*array, movie.numbers::<f32>().unwrap_or_default())?,
        }
        Ok(())
    }
}
