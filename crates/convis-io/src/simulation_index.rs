//! What a simulation was and where its files are: `simulation.txt`.
//!
//! # Format
//! Lines `key: value`; after the line `eye:`, if there is one, lines `time_s,x_px,y_px` with the eye's position at every
//! step, whole pixels from the fixation point.
//!
//! ```text
//! retina: retina.xml
//! spikes: spikes.spk
//! input: frame_001.pgm
//! input: frame_002.pgm
//! repetition: 8
//! first frame: 0
//! steps: 448
//! step_s: 0.005
//! width: 160
//! height: 128
//! options: -x 80 -y 64 -seed 3
//! ```
//!
//! Paths of the retina and the spikes are relative to the folder of the file, unless they are absolute. `options` are those
//! of the run that the other lines do not say. Unknown keys are errors.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::draft::{Draft, folder_of};
use crate::{Error, Result};

/// What a simulation was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SimulationIndex {
    /// The description with all cells.
    pub retina: PathBuf,
    /// The spikes.
    pub spikes: PathBuf,
    /// The frames that were shown.
    pub input: Vec<String>,
    /// Steps for which each frame was shown.
    pub repetition: u64,
    /// Number of the first frame that was shown.
    pub first_frame: u64,
    /// Steps of the simulation.
    pub steps: u64,
    /// Duration of a step, s.
    pub step_s: f64,
    /// Columns of the simulated maps.
    pub width: u64,
    /// Rows of the simulated maps.
    pub height: u64,
    /// Options of the run that the other fields do not say, as they were typed.
    pub options: String,
}

/// No line is longer; a longer one is an accident or an attack.
const LONGEST_LINE: u64 = 1 << 16;

impl SimulationIndex {
    /// Reads an index; of the eye's positions nothing.
    ///
    /// ```
    /// use convis_io::simulation_index::SimulationIndex;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("simulation.txt");
    /// let index = SimulationIndex {
    ///     retina: "retina.xml".into(),
    ///     spikes: "spikes.spk".into(),
    ///     input: vec!["walk.gif".into()],
    ///     repetition: 8,
    ///     steps: 448,
    ///     step_s: 0.005,
    ///     width: 160,
    ///     height: 128,
    ///     options: "-seed 3".into(),
    ///     ..SimulationIndex::default()
    /// };
    /// index.write(&path, [])?;
    /// let read = SimulationIndex::read(&path)?;
    /// assert_eq!(read.spikes, folder.path().join("spikes.spk"));
    /// assert_eq!((read.steps, read.input, read.options), (448, index.input, index.options));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read, a line is none of the above, or something needed is missing.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
        let mut reader = BufReader::new(file);
        let mut index = Self::default();
        for number in 1.. {
            let mut line = String::new();
            let read = reader.by_ref().take(LONGEST_LINE).read_line(&mut line);
            read.map_err(|reason| Error::read(path, reason))?;
            let broken = || {
                let start: String = line.trim().chars().take(60).collect();
                let found = format!("{start:?} in line {number}");
                Error::malformed(path, "`key: value`, as a simulation writes it", found, "correct the line")
            };
            if line.is_empty() || line.trim() == "eye:" {
                break;
            }
            if line.trim().is_empty() {
                continue;
            }
            let (key, value) = line.split_once(':').ok_or_else(broken)?;
            let value = value.trim();
            let whole = || value.parse::<u64>().map_err(|_| broken());
            match key.trim() {
                "retina" => index.retina = folder_of(path).join(value),
                "spikes" => index.spikes = folder_of(path).join(value),
                "input" => index.input.push(value.to_owned()),
                "repetition" => index.repetition = whole()?,
                "first frame" => index.first_frame = whole()?,
                "steps" => index.steps = whole()?,
                "step_s" => index.step_s = value.parse().map_err(|_| broken())?,
                "width" => index.width = whole()?,
                "height" => index.height = whole()?,
                "options" => value.clone_into(&mut index.options),
                _ => return Err(broken()),
            }
        }
        let missing = [
            ("retina", index.retina.as_os_str().is_empty()),
            ("spikes", index.spikes.as_os_str().is_empty()),
            ("steps", index.steps == 0),
            ("step_s", !(index.step_s.is_finite() && index.step_s > 0.0)),
            ("width", index.width == 0),
            ("height", index.height == 0),
        ];
        match missing.iter().find(|(_, is_missing)| *is_missing) {
            None => Ok(index),
            Some((key, _)) => {
                let found = "no such line, or none that can be used";
                Err(Error::malformed(path, format!("a line `{key}: value`"), found, "add it"))
            }
        }
    }

    /// Writes an index, with the eye's position (x, y) at every step if there are any.
    ///
    /// # Errors
    /// If a name contains a line break, or the file cannot be written; nothing is left behind then.
    pub fn write(&self, path: impl AsRef<Path>, eye_px: impl IntoIterator<Item = (i64, i64)>) -> Result<()> {
        let mut text = format!("retina: {}\nspikes: {}\n", self.retina.display(), self.spikes.display());
        text.extend(self.input.iter().map(|input| format!("input: {input}\n")));
        if text.lines().count() != 2 + self.input.len() {
            return Err(Error::argument("input", "names without line breaks", "one with a line break"));
        }
        if self.options.contains('\n') {
            return Err(Error::argument("options", "one line", "a line break"));
        }
        text.extend([format!(
            "repetition: {}\nfirst frame: {}\nsteps: {}\nstep_s: {}\nwidth: {}\nheight: {}\n",
            self.repetition, self.first_frame, self.steps, self.step_s, self.width, self.height
        )]);
        if !self.options.is_empty() {
            text.extend([format!("options: {}\n", self.options)]);
        }
        let mut draft = Draft::create(path.as_ref())?;
        let written = draft.write_all(text.as_bytes()).and_then(|()| {
            for (step, (x, y)) in eye_px.into_iter().enumerate() {
                if step == 0 {
                    writeln!(draft, "eye:")?;
                }
                writeln!(draft, "{},{x},{y}", step as f64 * self.step_s)?;
            }
            Ok(())
        });
        written.map_err(|reason| draft.failed(reason))?;
        draft.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simulation.txt");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            SimulationIndex::read(&path).map_err(|error| error.to_string())
        };
        let good = "retina: r.xml\nspikes: s.spk\nsteps: 3\nstep_s: 0.005\nwidth: 4\nheight: 5\n";
        assert_eq!(read(&format!("{good}eye:\n0,1,x\n")).unwrap().height, 5);
        assert!(read("retina: r.xml\n").unwrap_err().contains("a line `spikes: value`"));
        assert!(read(&format!("{good}colour: red\n")).unwrap_err().contains("\"colour: red\" in line 7"));
        assert!(read(&good.replace('3', "-3")).unwrap_err().contains("\"steps: -3\" in line 3"));
        assert!(read(&good.replace("0.005", "inf")).unwrap_err().contains("step_s"));
    }

    #[test]
    fn the_eye_stands_behind_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simulation.txt");
        let index = SimulationIndex { step_s: 0.5, ..SimulationIndex::default() };
        index.write(&path, [(0, 0), (3, -1)]).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("\neye:\n0,0,0\n0.5,3,-1\n"));
        let bad = SimulationIndex { input: vec!["a\nb".into()], ..index };
        assert!(bad.write(&path, []).is_err());
    }
}
