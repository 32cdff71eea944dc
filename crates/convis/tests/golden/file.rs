//! A recorded file.

use std::collections::BTreeMap;
use std::path::Path;

use convis::{DType, Resolution, Tensor};
use convis_io::Array;
use serde_json::Value;

/// Arrays and description of one file.
pub struct Golden {
    pub params: Value,
    arrays: BTreeMap<String, Array>,
}

impl Golden {
    pub fn read(path: &Path) -> Result<Self, String> {
        let arrays = convis_io::read_npz(path).map_err(|error| error.to_string())?;
        let params = match arrays.get("params_json") {
            Some(text) => {
                let text = text.text().map_err(|error| error.to_string())?;
                serde_json::from_str(text).map_err(|error| format!("params_json: {error}"))?
            }
            None => Value::Null,
        };
        Ok(Self { params, arrays })
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.params.get(key).and_then(Value::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// Names of the arrays that begin with `prefix`, without it.
    pub fn names_after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.arrays.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let array = self.arrays.get(name).ok_or_else(|| format!("array {name} is missing"))?;
        array.to_f64().map_err(|error| error.to_string())
    }

    /// The sizes of an array.
    pub fn shape(&self, name: &str) -> Result<&[usize], String> {
        self.arrays.get(name).map(Array::shape).ok_or_else(|| format!("array {name} is missing"))
    }

    /// An array as a movie: (time, height, width) gets a batch and a channel, (height, width) a frame as well.
    pub fn movie(&self, name: &str, dtype: DType) -> Result<Tensor, String> {
        let array = self.arrays.get(name).ok_or_else(|| format!("array {name} is missing"))?;
        let mut shape = array.shape().to_vec();
        while shape.len() < 5 {
            shape.insert(0, 1);
        }
        Ok(Tensor::from_vec(self.numbers(name)?, &shape).map_err(|error| error.to_string())?.cast(dtype))
    }

    /// The resolution it was recorded at; the default where it says nothing.
    pub fn resolution(&self) -> Result<Resolution, String> {
        let Some(resolution) = self.params.get("resolution").filter(|r| r.is_object()) else {
            return Ok(Resolution::default());
        };
        let number = |key: &str| {
            resolution.get(key).and_then(Value::as_f64).ok_or_else(|| format!("resolution.{key} is missing"))
        };
        Resolution::new(number("pixel_per_degree")?, number("steps_per_second")?)
            .map_err(|error| error.to_string())
    }

    /// Frames per chunk as recorded.
    pub fn chunk(&self) -> Option<usize> {
        self.params.get("dt").and_then(Value::as_u64).map(|dt| dt as usize)
    }
}
