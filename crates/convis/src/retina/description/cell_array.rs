//! Where ganglion cells stand.

use super::schema::Kind::{Above, AtLeast, Finite, Whole};
use super::schema::{Node, node, own_attributes};

node! {
    /// Cells on a square grid around the middle of the image: the element `square-array`.
    SquareArray {
        size_x_deg: f64 = 0.0, "size-x__deg", AtLeast(0.0), "deg", "Width of the array; 0 for as wide as possible";
        size_y_deg: f64 = 0.0, "size-y__deg", AtLeast(0.0), "deg", "Height of the array; 0 for as high as possible";
        uniform_density_inv_deg: f64 = 1.0, "uniform-density__inv-deg", Above(0.0), "1/deg", "Cells per degree";
        position_noise: f64 = 0.0, "noise_pos", AtLeast(0.0), "distances of cells",
            "Random displacement of each cell";
    }
}

impl Node for SquareArray {
    own_attributes!();
}

node! {
    /// Cells on rings around the middle of the image: the element `circular-array`.
    CircularArray {
        diameter_deg: f64 = 0.0, "diameter__deg", AtLeast(0.0), "deg",
            "Diameter of the array; 0 for as large as possible";
        fovea_density_inv_deg: f64 = 1.0, "fovea-density__inv-deg", Above(0.0), "1/deg",
            "Cells per degree in the fovea";
        position_noise: f64 = 0.0, "noise_pos", AtLeast(0.0), "distances of rings",
            "Random displacement of each cell along the radius";
    }
}

impl Node for CircularArray {
    own_attributes!();
}

/// The numbers of cells in files of spikes: their own where they have one, for the others the smallest that are free, in
/// order.
///
/// ```
/// use convis::retina::description::cell_numbers;
/// assert_eq!(cell_numbers(&[None, Some(0), None, Some(7)]), [1, 0, 2, 7]);
/// ```
pub fn cell_numbers(own: &[Option<u32>]) -> Vec<u32> {
    let taken: std::collections::HashSet<u32> = own.iter().flatten().copied().collect();
    let mut free = (0..=u32::MAX).filter(|number| !taken.contains(number));
    // There are fewer cells than numbers.
    own.iter().map(|own| own.or_else(|| free.next()).unwrap_or(u32::MAX)).collect()
}

node! {
    /// One cell: the element `unit` of saved descriptions.
    Unit {
        x_offset_deg: f64 = 0.0, "x-offset__deg", Finite, "deg", "Place to the right of the middle of the image";
        y_offset_deg: f64 = 0.0, "y-offset__deg", Finite, "deg", "Place below the middle of the image";
        id: Option<u32> = None, "mvaspike-id", Whole(u32::MAX), "–", "Number of the cell in files of spikes";
    }
}

impl Node for Unit {
    own_attributes!();
}
