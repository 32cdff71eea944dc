//! The model that a recipe names.

use convis::fit::Nonlinearity;
use convis::layer::parameter;
use convis::models::{
    DivisiveNormalization, LN, LNLN, LNSN, SeparableSTRF, SpatialContrast, StageOptions, Subunits,
};
use convis::retina::{Retina, RetinaOptions};
use convis::{Layer, Resolution};

use super::recipe::Section;
use crate::error::{Error, Result};

/// The models, as recipes name them.
pub const NAMES: [&str; 10] = [
    "LNP",
    "GLM",
    "LN",
    "LNLN",
    "LNSN",
    "SeparableSTRF",
    "Subunits",
    "SpatialContrast",
    "DivisiveNormalization",
    "Retina",
];

/// g, from the keys `nonlinearity` and `power`.
pub fn nonlinearity(section: &Section<'_>, default: Nonlinearity) -> Result<Nonlinearity> {
    let name = section.text("nonlinearity")?;
    let power = section.number("power")?;
    let Some(name) = name else { return Ok(default) };
    match Nonlinearity::named(&name) {
        Ok(Nonlinearity::Power(p)) => Ok(Nonlinearity::Power(power.unwrap_or(p))),
        Ok(other) => Ok(other),
        Err(error) => Err(section.error("nonlinearity", &error.to_string())),
    }
}

/// The model `name` for frames of this size and so many units, with the values that the recipe gives, and whether its output is
/// a rate.
pub fn build(
    name: &str,
    section: &Section<'_>,
    size: [usize; 2],
    units: usize,
) -> Result<(Box<dyn Layer>, bool)> {
    let per_degree = section.number("pixels_per_degree")?.unwrap_or(10.0);
    let per_second = section.number("steps_per_second")?.unwrap_or(1000.0);
    let r = Resolution::new(per_degree, per_second)?;
    let softplus = Nonlinearity::Softplus;
    let lags = || Ok::<usize, Error>(section.count("lags", 1)?.unwrap_or(25));
    let kernel = || Ok::<[usize; 3], Error>(section.counts::<3>("kernel")?.unwrap_or([25, size[0], size[1]]));
    let single = StageOptions { population: false, ..StageOptions::default() };
    let (layer, rate): (Box<dyn Layer>, bool) = match name {
        "LN" => (Box::new(LN::new(&kernel()?, single, r)?), false),
        "LNLN" => (Box::new(LNLN::new(kernel()?, single, r)?), false),
        "LNSN" => {
            let pool = section.counts::<2>("pool")?.unwrap_or(size);
            (Box::new(LNSN::new(kernel()?, pool, single, r)?), false)
        }
        "SeparableSTRF" => {
            let rank = section.count("rank", 1)?.unwrap_or(1);
            (
                Box::new(SeparableSTRF::new(
                    units,
                    rank,
                    lags()?,
                    size,
                    nonlinearity(section, softplus)?,
                    r,
                )?),
                true,
            )
        }
        "Subunits" => {
            let filters = section.count("filters", 1)?.unwrap_or(1);
            let kernel = section.counts::<3>("kernel")?.unwrap_or([10, 3, 3]);
            (
                Box::new(Subunits::new(units, filters, kernel, size, nonlinearity(section, softplus)?, r)?),
                true,
            )
        }
        "SpatialContrast" => {
            (Box::new(SpatialContrast::new(lags()?, nonlinearity(section, softplus)?, r)?), true)
        }
        "DivisiveNormalization" => {
            let g = nonlinearity(section, softplus)?;
            (Box::new(DivisiveNormalization::new(units, lags()?, size, g, r)?), true)
        }
        _ => (Box::new(Retina::new(RetinaOptions::default(), r)?), false),
    };
    let values = section.section("values")?;
    for (path, value) in values.values()? {
        let set = parameter(&*layer, &path).and_then(|parameter| parameter.set(value));
        set.map_err(|error| section.error("values", &format!("{path}: {error}")))?;
    }
    Ok((layer, rate))
}
