//! Layers with names, run one after the other or side by side: what models are made of.

use std::sync::Arc;

use super::Combination;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// How the layers of a model are arranged.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// One after the other: every layer gets the output of the one before.
    #[default]
    Sequential,
    /// Side by side: every layer gets the input, their outputs are combined.
    Parallel(Combination),
}

impl Mode {
    /// The mode of this name, `sequential` or `parallel`; side by side, outputs are combined as `combination` says.
    ///
    /// ```
    /// use convis::models::{Combination, Mode};
    /// assert!(matches!(Mode::named("parallel", Combination::Sum(0))?, Mode::Parallel(Combination::Sum(0))));
    /// let message = Mode::named("paralel", Combination::Sum(0)).unwrap_err().to_string();
    /// assert!(message.contains("did you mean \"parallel\"?"), "{message}");
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such mode; the message lists them and the nearest.
    pub fn named(name: &str, combination: Combination) -> Result<Self> {
        match name {
            "sequential" => Ok(Self::Sequential),
            "parallel" => Ok(Self::Parallel(combination)),
            _ => {
                let nearest = crate::error::nearest(name, ["sequential", "parallel"]);
                let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
                Err(Error::argument("mode", "\"sequential\" or \"parallel\"", format!("{name:?}{hint}")))
            }
        }
    }
}

/// Layers with names and their arrangement.
pub(super) struct Members {
    layers: Vec<(String, Arc<dyn Layer>)>,
    mode: Mode,
    resolution: Resolution,
}

impl Members {
    /// Checks that names can be parts of a path, are different, and that all layers have one resolution.
    pub fn new(layers: Vec<(String, Arc<dyn Layer>)>, mode: Mode) -> Result<Self> {
        let mut members = Self { layers: vec![], mode, resolution: Resolution::default() };
        if let Mode::Parallel(Combination::Layer(layer)) = &members.mode {
            members.resolution = layer.resolution();
        }
        for (name, layer) in layers {
            members.push(name, layer)?;
        }
        Ok(members)
    }

    /// Layers whose names and resolution are known to fit, one after the other.
    pub fn in_a_row(layers: Vec<(&str, Arc<dyn Layer>)>, resolution: Resolution) -> Self {
        let layers = layers.into_iter().map(|(name, layer)| (name.to_string(), layer)).collect();
        Self { layers, mode: Mode::Sequential, resolution }
    }

    pub fn push(&mut self, name: String, layer: Arc<dyn Layer>) -> Result<()> {
        if name.is_empty() || name.contains(['.', ' ']) {
            let expected = "a name without dots and spaces that is not empty";
            return Err(Error::argument("name of a layer", expected, format!("{name:?}")));
        }
        if name == Combination::LAYER || self.layers.iter().any(|(other, _)| *other == name) {
            return Err(Error::argument("name of a layer", "one that is not taken yet", format!("{name:?}")));
        }
        let first = self.layers.is_empty() && !matches!(self.mode, Mode::Parallel(Combination::Layer(_)));
        if first {
            self.resolution = layer.resolution();
        } else if layer.resolution() != self.resolution {
            let text = |r: Resolution| {
                format!(
                    "{} pixels per degree, {} steps per second",
                    r.pixel_per_degree(),
                    r.steps_per_second()
                )
            };
            let what = format!("resolution of {name} ({})", layer.kind());
            let expected = format!("that of the layers before, {}", text(self.resolution));
            return Err(Error::argument(what, expected, text(layer.resolution())));
        }
        self.layers.push((name, layer));
        Ok(())
    }

    pub fn layers(&self) -> &[(String, Arc<dyn Layer>)] {
        &self.layers
    }

    pub const fn mode(&self) -> &Mode {
        &self.mode
    }

    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> =
            self.layers.iter().map(|(name, layer)| Part::Child(name, layer.clone())).collect();
        if let Mode::Parallel(Combination::Layer(layer)) = &self.mode {
            parts.push(Part::Child(Combination::LAYER, layer.clone()));
        }
        parts
    }

    pub fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        match &self.mode {
            Mode::Sequential => self.one_after_the_other(input, scope),
            Mode::Parallel(combination) => {
                let mut movies = vec![];
                for (name, layer) in &self.layers {
                    let output = scope.child(name, &**layer, input)?;
                    movies.extend(output.into_movies().into_iter().map(|(_, movie)| movie));
                }
                if movies.is_empty() {
                    return Err(Error::argument("layers", "at least one layer side by side", "none"));
                }
                Ok(combination.combine(&movies, scope)?.into())
            }
        }
    }

    fn one_after_the_other(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let mut output = Output::from(input.clone());
        let mut before = "the input";
        for (name, layer) in &self.layers {
            if output.movies().len() != 1 {
                let names: Vec<&str> = output.movies().iter().map(|(name, _)| name.as_str()).collect();
                return Err(Error::argument(
                    format!("input of {name} ({})", layer.kind()),
                    "one movie",
                    format!(
                        "the {} of {before}: {}; put {before} into a parallel model, which combines them",
                        names.len(),
                        names.join(", ")
                    ),
                ));
            }
            output = scope.child(name, &**layer, output.first()?)?;
            before = name;
        }
        Ok(output)
    }
}
