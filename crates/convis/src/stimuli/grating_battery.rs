//! Sets of gratings.

use convis_kernels::random::{Key, Use, uniform};

use super::argument::{at_least_one, each, finite, fraction, not_negative, positive};
use super::{ContrastReversingGrating, DriftingGrating, Screen, Stimulus, Waveform};
use crate::Result;

/// What the gratings of a battery do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modulation {
    /// They drift ([`DriftingGrating`]).
    #[default]
    Drifting,
    /// They reverse their contrast ([`ContrastReversingGrating`]).
    Reversing,
}

/// One grating of a battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// Direction of motion, or across the bars, deg.
    pub direction_deg: f64,
    /// Spatial frequency, cycles/deg.
    pub spatial_frequency_cpd: f64,
    /// Temporal frequency, Hz.
    pub temporal_frequency_hz: f64,
    /// Phase at the middle of the screen, deg.
    pub phase_deg: f64,
    /// Michelson contrast.
    pub contrast: f64,
}

/// Every combination of some directions, spatial and temporal frequencies, phases and contrasts, one after the other
/// with a grey screen between: tuning curves of direction, orientation, space and time.
///
/// # Equation
/// Blank (grey) for `blank_s`, then the grating of [`DriftingGrating`] or [`ContrastReversingGrating`] for `grating_s`
/// with its clock at 0; so for each condition of each repeat; a blank at the end. With `shuffle`, every repeat has its
/// own random order.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `modulation` | drifting or reversing | drifting |
/// | `directions_deg` | deg | 0, 45, … 315 |
/// | `spatial_frequencies_cpd` | cycles/deg | 0.5 |
/// | `temporal_frequencies_hz` | Hz | 4 |
/// | `phases_deg` | deg | 0 |
/// | `contrasts` | – | 1 |
/// | `grating_s`, `blank_s` | s | 2, 1 |
/// | `repeats` | – | 1 |
/// | `shuffle` | seed of the order; `None`: as listed, contrasts fastest | none |
/// | `mean`, `waveform` | – | 0.5, sine |
///
/// # Example
/// ```
/// use convis::stimuli::{GratingBattery, Stimulus};
/// let battery = GratingBattery { shuffle: Some(7), repeats: 2, ..GratingBattery::default() };
/// assert_eq!(battery.frames(), Some(2 * 8 * 3000 + 1000));
/// assert_eq!(battery.condition_at(500), None);
/// let shown: Vec<f64> = (0..8).filter_map(|i| battery.condition_at(1500 + 3000 * i)).map(|c| c.direction_deg).collect();
/// assert_eq!(shown.len(), 8);
/// assert!(battery.directions_deg.iter().all(|direction| shown.contains(direction)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GratingBattery {
    /// Size and resolution.
    pub screen: Screen,
    /// What the gratings do.
    pub modulation: Modulation,
    /// Directions of motion, or across the bars, deg.
    pub directions_deg: Vec<f64>,
    /// Spatial frequencies, cycles/deg.
    pub spatial_frequencies_cpd: Vec<f64>,
    /// Temporal frequencies, Hz.
    pub temporal_frequencies_hz: Vec<f64>,
    /// Phases at the middle of the screen, deg.
    pub phases_deg: Vec<f64>,
    /// Michelson contrasts.
    pub contrasts: Vec<f64>,
    /// Duration of a grating, s.
    pub grating_s: f64,
    /// Duration of the grey screen before each grating and at the end, s.
    pub blank_s: f64,
    /// How often every condition is shown.
    pub repeats: usize,
    /// Seed of the order of conditions.
    pub shuffle: Option<u64>,
    /// Mean luminance, also of the blank.
    pub mean: f64,
    /// Profile.
    pub waveform: Waveform,
}

impl Default for GratingBattery {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            modulation: Modulation::Drifting,
            directions_deg: (0..8).map(|i| 45.0 * f64::from(i)).collect(),
            spatial_frequencies_cpd: vec![0.5],
            temporal_frequencies_hz: vec![4.0],
            phases_deg: vec![0.0],
            contrasts: vec![1.0],
            grating_s: 2.0,
            blank_s: 1.0,
            repeats: 1,
            shuffle: None,
            mean: 0.5,
            waveform: Waveform::Sine,
        }
    }
}

impl GratingBattery {
    fn lists(&self) -> [&[f64]; 5] {
        [
            &self.directions_deg,
            &self.spatial_frequencies_cpd,
            &self.temporal_frequencies_hz,
            &self.phases_deg,
            &self.contrasts,
        ]
    }

    /// Number of different gratings.
    pub fn conditions(&self) -> usize {
        self.lists().iter().map(|list| list.len()).product()
    }

    /// The grating shown in a frame; `None` where the screen is grey.
    pub fn condition_at(&self, frame: u64) -> Option<Condition> {
        self.place(frame).map(|(condition, _)| condition)
    }

    /// The grating of a frame, and frames since it began.
    fn place(&self, frame: u64) -> Option<(Condition, u64)> {
        let [blank, grating] = [self.blank_s, self.grating_s].map(|seconds| self.screen.frames(seconds));
        let (turn, within) = (frame / (blank + grating).max(1), frame % (blank + grating).max(1));
        let conditions = self.conditions().max(1) as u64;
        if turn >= conditions.saturating_mul(self.repeats as u64) {
            return None;
        }
        let since = within.checked_sub(blank)?;
        let mut index = self.turn(turn / conditions, (turn % conditions) as usize);
        let mut pick = |list: &[f64]| {
            let value = list.get(index % list.len().max(1)).copied();
            index /= list.len().max(1);
            value
        };
        let [directions, spatial, temporal, phases, contrasts] = self.lists();
        let contrast = pick(contrasts)?;
        let phase_deg = pick(phases)?;
        let temporal_frequency_hz = pick(temporal)?;
        let spatial_frequency_cpd = pick(spatial)?;
        let direction_deg = pick(directions)?;
        let condition =
            Condition { direction_deg, spatial_frequency_cpd, temporal_frequency_hz, phase_deg, contrast };
        Some((condition, since))
    }

    /// Which condition is shown as number `turn` of a repeat.
    fn turn(&self, repeat: u64, turn: usize) -> usize {
        let Some(seed) = self.shuffle else { return turn };
        let key = Key::new(seed, 0, "grating battery", repeat);
        let mut order: Vec<usize> = (0..self.conditions()).collect();
        order.sort_by(|&a, &b| {
            let of = |i| uniform(key, 0, i, Use::Start, 0);
            of(a).total_cmp(&of(b)).then(a.cmp(&b))
        });
        order[turn]
    }
}

impl Stimulus for GratingBattery {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        each("directions_deg", &self.directions_deg, finite)?;
        each("spatial_frequencies_cpd", &self.spatial_frequencies_cpd, not_negative)?;
        each("temporal_frequencies_hz", &self.temporal_frequencies_hz, not_negative)?;
        each("phases_deg", &self.phases_deg, finite)?;
        each("contrasts", &self.contrasts, fraction)?;
        self.screen.check_durations(&[("grating_s", self.grating_s)])?;
        not_negative("blank_s", self.blank_s)?;
        at_least_one("repeats", self.repeats)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        let [blank, grating] = [self.blank_s, self.grating_s].map(|seconds| self.screen.frames(seconds));
        let shown = (self.conditions() as u64).saturating_mul(self.repeats as u64);
        Some((blank + grating).saturating_mul(shown).saturating_add(blank))
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let Some((condition, since)) = self.place(frame) else {
            out.fill(self.mean as f32);
            return;
        };
        let Condition { direction_deg, spatial_frequency_cpd, temporal_frequency_hz, phase_deg, contrast } =
            condition;
        let (screen, mean, waveform) = (self.screen, self.mean, self.waveform);
        match self.modulation {
            Modulation::Drifting => DriftingGrating {
                screen,
                spatial_frequency_cpd,
                temporal_frequency_hz,
                direction_deg,
                phase_deg,
                contrast,
                mean,
                waveform,
            }
            .render(since, out),
            Modulation::Reversing => ContrastReversingGrating {
                screen,
                spatial_frequency_cpd,
                temporal_frequency_hz,
                orientation_deg: direction_deg,
                phase_deg,
                temporal_phase_deg: 0.0,
                contrast,
                mean,
                waveform,
            }
            .render(since, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_shown_once_a_repeat_in_an_order_of_its_own() {
        let battery = GratingBattery {
            contrasts: vec![0.25, 0.5, 1.0],
            phases_deg: vec![0.0, 90.0],
            modulation: Modulation::Reversing,
            repeats: 2,
            shuffle: Some(1),
            ..GratingBattery::default()
        };
        let order = |repeat: u64| -> Vec<Condition> {
            (0..48).filter_map(|i| battery.condition_at(1000 + 3000 * (48 * repeat + i))).collect()
        };
        let (first, second) = (order(0), order(1));
        assert_eq!((first.len(), second.len()), (48, 48));
        assert!(first.iter().all(|c| second.contains(c) && first.iter().filter(|d| *d == c).count() == 1));
        assert_ne!(first, second);
        assert!(battery.condition_at(battery.frames().unwrap() - 1).is_none());
    }
}
