//! A retina from its description, and where its cells are.

use std::path::Path;
use std::sync::Arc;

use convis::Layer;
use convis::retina::description::tree::Unknown;
use convis::retina::{Cells, Compatibility, Retina, RetinaDescription, VirtualRetinaOptions};
use convis_io::{Syntax, parse_description};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::checked;
use crate::frames::exception;
use crate::options::Options;

/// The retina that these options mean: the description as JSON, switches of conventions, initial_luminance, array_seed, spikes.
pub fn build(o: &Options<'_>) -> PyResult<Arc<dyn Layer>> {
    Ok(Arc::new(checked(Retina::virtual_retina(&described(o)?, options(o)?))?))
}

/// The description of a retina, as JSON.
fn described(o: &Options<'_>) -> PyResult<RetinaDescription> {
    let text = o.text("description")?;
    let origin = Path::new("description");
    parse_description(text.as_bytes(), Syntax::Json, origin, &mut Unknown::Refuse)
        .map_err(|error| exception(&error))
}

fn options(o: &Options<'_>) -> PyResult<VirtualRetinaOptions> {
    Ok(VirtualRetinaOptions {
        compatibility: Compatibility {
            deriche_blur: o.flag("deriche_blur")?,
            stage_delays: o.flag("stage_delays")?,
            adapted_start: o.flag("adapted_start")?,
            saturation: o.flag("saturation")?,
            whole_pixel_gaze: o.flag("whole_pixel_gaze")?,
        },
        initial_luminance: o.maybe_number("initial_luminance")?,
        array_seed: o.seed("array_seed")?,
        without_spikes: !o.flag("spikes")?,
    })
}

/// Where the spiking cells of a described retina are on images of some height and width: for each layer that has some its
/// number, and x and y of each cell in degrees from the middle.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn virtual_retina_cells(
    built_with: Bound<'_, PyDict>,
    image: (usize, usize),
) -> PyResult<Vec<LayerOfCells>> {
    let o = Options::new(built_with);
    let cells = checked(Retina::cells(&described(&o)?, options(&o)?, image))?;
    let places = |cells: Cells| cells.places.iter().map(|cell| (cell.x_deg, cell.y_deg)).collect();
    Ok(cells.into_iter().map(|(layer, cells)| (layer, places(cells))).collect())
}

/// The number of a layer, and x and y of its cells.
type LayerOfCells = (usize, Vec<(f64, f64)>);
