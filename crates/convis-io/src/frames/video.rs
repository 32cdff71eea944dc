//! Video as frames, decoded by the programs `ffprobe` and `ffmpeg`.
//!
//! `ffmpeg` sends a stream of PGM (grey video) or PPM pictures, whose headers tell the size: what the file says
//! of its size does not know of rotation. Samples have 16 bits where the video has more than 8.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;

use super::luminance::Luminance;
use super::{FrameSource, OpenOptions, check_buffer};
use crate::{Error, Result};

/// How much of the complaint of a program is passed on.
const LONGEST_MESSAGE: u64 = 2000;

pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let probe = Probe::run(path, options)?;
    let mut decoder = Process::start(path, &options.ffmpeg, |command| {
        command.args(["-v", "error", "-nostdin", "-xerror", "-i"]).arg(file_argument(path));
        command.args(["-map", "0:v:0", "-an", "-sn"]);
        if let Some(rate) = &probe.rate {
            // Frames at the constant rate that is told: a model counts frames, not time stamps.
            command.args(["-r", rate]);
        }
        let codec = if probe.format.starts_with("gray") { "pgm" } else { "ppm" };
        command.args(["-f", "image2pipe", "-c:v", codec, "-pix_fmt", probe.format, "pipe:1"]);
    })?;
    let Some(header) = decoder.next_header(0)? else {
        let message = decoder.message();
        let found = if message.is_empty() { "no frame".to_owned() } else { message };
        return Err(Error::malformed(path, "a video", found, "check the file with a player"));
    };
    if header.height * header.width == 0 {
        return Err(Error::malformed(
            path,
            "a video",
            "frames without pixels",
            "check the file with a player",
        ));
    }
    Ok(Box::new(Video {
        luminance: Luminance::new(header.maximum, options),
        frames_per_second: probe.rate.as_deref().and_then(fraction),
        length: probe.length,
        decoder,
        header,
        waiting: true,
        bytes: Vec::new(),
        position: 0,
    }))
}

/// A file name that cannot be taken for an option or for the address of a network stream.
fn file_argument(path: &Path) -> std::ffi::OsString {
    let mut argument = OsStr::new("file:").to_owned();
    argument.push(path);
    argument
}

/// What `ffprobe` tells of a video.
struct Probe {
    /// Frames per second, as the fraction the file has.
    rate: Option<String>,
    length: Option<u64>,
    /// The format `ffmpeg` shall send.
    format: &'static str,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<VideoStream>,
    format: Option<Container>,
}

#[derive(Deserialize)]
struct VideoStream {
    pix_fmt: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    nb_frames: Option<String>,
}

#[derive(Deserialize)]
struct Container {
    duration: Option<String>,
}

impl Probe {
    fn run(path: &Path, options: &OpenOptions) -> Result<Self> {
        let mut process = Process::start(path, &options.ffprobe, |command| {
            command.args(["-v", "error", "-select_streams", "v:0", "-of", "json", "-show_entries"]);
            command.arg("stream=pix_fmt,r_frame_rate,avg_frame_rate,nb_frames:format=duration");
            command.arg(file_argument(path));
        })?;
        let mut report = Vec::new();
        process.output.read_to_end(&mut report).map_err(|reason| Error::read(path, reason))?;
        process.end(0)?;
        let report: Report =
            serde_json::from_slice(&report).map_err(|error| process.failed(0, error.to_string()))?;
        let Some(stream) = report.streams.first() else {
            let advice = "give a video, a folder of pictures, a GIF or an array";
            return Err(Error::malformed(path, "a video", "a file without one", advice));
        };
        let rate = stream.rate();
        let duration = report.format.and_then(|format| format.duration?.parse::<f64>().ok());
        let estimate = || Some((duration? * fraction(rate.as_deref()?)?).round() as u64);
        let counted = stream.nb_frames.as_deref().and_then(|count| count.parse().ok());
        let length = counted.or_else(estimate);
        Ok(Self { length, format: pipe_format(stream.pix_fmt.as_deref().unwrap_or_default()), rate })
    }
}

impl VideoStream {
    /// The nominal rate where frames come at it; the mean rate of a video with varying rate.
    fn rate(&self) -> Option<String> {
        let nominal = self.r_frame_rate.as_deref().filter(|rate| fraction(rate).is_some());
        let mean = self.avg_frame_rate.as_deref().filter(|rate| fraction(rate).is_some());
        let rate = match (nominal, mean) {
            (Some(nominal), Some(mean)) => {
                let close = fraction(nominal)? / fraction(mean)?;
                if (close - 1.0).abs() < 0.01 { nominal } else { mean }
            }
            (one, other) => one.or(other)?,
        };
        Some(rate.to_owned())
    }
}

fn fraction(text: &str) -> Option<f64> {
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    let value = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

fn pipe_format(pixel_format: &str) -> &'static str {
    let grey = pixel_format.starts_with("gray");
    let name = pixel_format.trim_end_matches("le").trim_end_matches("be");
    // The bits of a sample end the name, except that nv12 and nv16 count those of a pixel.
    let deep = !name.starts_with("nv1")
        && ["9", "10", "12", "14", "16", "48", "64", "f32"].iter().any(|bits| name.ends_with(bits));
    match (grey, deep) {
        (true, false) => "gray",
        (true, true) => "gray16be",
        (false, false) => "rgb24",
        (false, true) => "rgb48be",
    }
}

/// A running program whose output is read. It ends with this value.
struct Process {
    path: PathBuf,
    program: PathBuf,
    child: Child,
    output: BufReader<ChildStdout>,
    /// A file and no pipe: nobody has to read it for the program to go on.
    complaints: File,
}

impl Process {
    fn start(path: &Path, program: &Path, arguments: impl FnOnce(&mut Command)) -> Result<Self> {
        let failed = |reason: io::Error| match reason.kind() {
            io::ErrorKind::NotFound => {
                Error::ProgramMissing { path: path.to_owned(), program: program.display().to_string() }
            }
            _ => Error::read(program, reason),
        };
        let complaints = tempfile::tempfile().map_err(|reason| Error::read(path, reason))?;
        let mut command = Command::new(program);
        arguments(&mut command);
        let stderr = complaints.try_clone().map_err(|reason| Error::read(path, reason))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(failed)?;
        let Some(output) = child.stdout.take() else {
            return Err(Error::read(program, io::Error::other("its output cannot be read")));
        };
        Ok(Self {
            path: path.to_owned(),
            program: program.to_owned(),
            child,
            output: BufReader::with_capacity(1 << 16, output),
            complaints,
        })
    }

    /// Waits for the program, which has closed its output; an error if it failed.
    fn end(&mut self, frames: u64) -> Result<()> {
        let status = self.child.wait().map_err(|reason| Error::read(&self.program, reason))?;
        if status.success() {
            return Ok(());
        }
        let message = self.message();
        Err(self.failed(frames, if message.is_empty() { status.to_string() } else { message }))
    }

    fn failed(&self, frames: u64, message: String) -> Error {
        Error::ProgramFailed {
            path: self.path.clone(),
            program: self.program.display().to_string(),
            frames,
            message,
            advice: "the video may be damaged: copy it again, or convert it to PNG frames, GIF or npy".into(),
        }
    }

    /// What the program complained of.
    fn message(&mut self) -> String {
        let mut message = Vec::new();
        let read = self
            .complaints
            .rewind()
            .and_then(|()| (&self.complaints).take(LONGEST_MESSAGE).read_to_end(&mut message));
        match read {
            Ok(_) => String::from_utf8_lossy(&message).trim().replace('\n', "; "),
            Err(_) => String::new(),
        }
    }

    /// The header of the next picture, or nothing at the end of the video.
    fn next_header(&mut self, frames: u64) -> Result<Option<PictureHeader>> {
        match self.output.fill_buf() {
            Ok([]) => return self.end(frames).map(|()| None),
            Ok(_) => {}
            Err(reason) => return Err(Error::read(&self.path, reason)),
        }
        match PictureHeader::read(&mut self.output) {
            Some(header) => Ok(Some(header)),
            None => Err(self.broken_off(frames)),
        }
    }

    /// The error of a picture that is not complete.
    fn broken_off(&mut self, frames: u64) -> Error {
        // Whatever it may still send is of no use.
        self.child.kill().ok();
        match self.end(frames) {
            Err(Error::ProgramFailed { message, .. }) if !message.contains("signal: 9") => {
                self.failed(frames, message)
            }
            _ => self.failed(frames, "its output broke off inside a frame".to_owned()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a program that has ended, and then nothing is to be done.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What stands before the samples of a binary PGM (P5) or PPM (P6) picture.
#[derive(Clone, Copy, Debug, PartialEq)]
struct PictureHeader {
    colour: bool,
    height: usize,
    width: usize,
    maximum: u16,
}

impl PictureHeader {
    fn read(reader: &mut impl Read) -> Option<Self> {
        let mut magic = [0; 2];
        reader.read_exact(&mut magic).ok()?;
        let colour = match &magic {
            b"P5" => false,
            b"P6" => true,
            _ => return None,
        };
        // Each number has white space before it, and the last one a single byte of it after it.
        let mut byte = [0];
        reader.read_exact(&mut byte).ok().filter(|()| byte[0].is_ascii_whitespace())?;
        let mut number = || {
            let mut value: Option<u32> = None;
            loop {
                reader.read_exact(&mut byte).ok()?;
                match byte[0] {
                    digit @ b'0'..=b'9' => {
                        let tens = value.unwrap_or(0).checked_mul(10)?;
                        value = Some(tens.checked_add(u32::from(digit - b'0'))?);
                    }
                    other if other.is_ascii_whitespace() && value.is_some() => return value,
                    other if other.is_ascii_whitespace() => {}
                    _ => return None,
                }
            }
        };
        let (width, height, maximum) = (number()? as usize, number()? as usize, number()?);
        let maximum = u16::try_from(maximum).ok().filter(|&maximum| maximum > 0)?;
        height.checked_mul(width)?.checked_mul(6)?;
        Some(Self { colour, height, width, maximum })
    }

    /// Bytes of the samples.
    fn size(self) -> usize {
        let samples = if self.colour { 3 } else { 1 };
        let bytes = if self.maximum > 255 { 2 } else { 1 };
        self.height * self.width * samples * bytes
    }
}

struct Video {
    decoder: Process,
    header: PictureHeader,
    /// The header of the next frame, the first one, has been read already.
    waiting: bool,
    luminance: Luminance,
    frames_per_second: Option<f64>,
    length: Option<u64>,
    bytes: Vec<u8>,
    position: u64,
}

impl Video {
    fn sample(&self, bytes: [u8; 2]) -> u16 {
        u16::from_be_bytes(bytes).min(self.header.maximum)
    }

    fn convert(&self, into: &mut [f32]) {
        let (header, luminance) = (self.header, &self.luminance);
        match (header.colour, header.maximum > 255) {
            (false, false) => {
                for (out, &sample) in into.iter_mut().zip(&self.bytes) {
                    *out = luminance.grey(self.sample([0, sample]));
                }
            }
            (false, true) => {
                for (out, &sample) in into.iter_mut().zip(self.bytes.as_chunks().0) {
                    *out = luminance.grey(self.sample(sample));
                }
            }
            (true, false) => {
                for (out, pixel) in into.iter_mut().zip(self.bytes.as_chunks::<3>().0) {
                    *out = luminance.colour(pixel.map(|sample| self.sample([0, sample])));
                }
            }
            (true, true) => {
                for (out, &[a, b, c, d, e, f]) in into.iter_mut().zip(self.bytes.as_chunks::<6>().0) {
                    *out = luminance.colour([[a, b], [c, d], [e, f]].map(|sample| self.sample(sample)));
                }
            }
        }
    }
}

impl FrameSource for Video {
    fn height(&self) -> usize {
        self.header.height
    }

    fn width(&self) -> usize {
        self.header.width
    }

    fn frames_per_second(&self) -> Option<f64> {
        self.frames_per_second
    }

    fn length_hint(&self) -> Option<u64> {
        self.length
    }

    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool> {
        check_buffer(into, self.header.height, self.header.width)?;
        if !self.waiting {
            let Some(header) = self.decoder.next_header(self.position)? else { return Ok(false) };
            if header != self.header {
                return Err(Error::frame(
                    &self.decoder.path,
                    self.position,
                    format!("{} × {} pixels as before", self.header.height, self.header.width),
                    format!("{} × {}", header.height, header.width),
                    "convert the video to one size",
                ));
            }
        }
        self.waiting = false;
        self.bytes.clear();
        let wanted = self.header.size();
        let got = (&mut self.decoder.output).take(wanted as u64).read_to_end(&mut self.bytes);
        match got {
            Ok(got) if got == wanted => {}
            Ok(_) => return Err(self.decoder.broken_off(self.position)),
            Err(reason) => return Err(Error::read(&self.decoder.path, reason)),
        }
        self.convert(into);
        self.position += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_headers() {
        let header = |text: &str| PictureHeader::read(&mut text.as_bytes());
        let expected = PictureHeader { colour: true, height: 2, width: 30, maximum: 255 };
        assert_eq!(header("P6\n30 2\n255\n"), Some(expected));
        assert_eq!(expected.size(), 180);
        assert_eq!(header("P5 3 2 65535 ").map(PictureHeader::size), Some(12));
        for text in
            ["", "P6", "P6\n", "P6\n3 2\n255", "P4\n3 2\n255\n", "P6\n3 -2\n255\n", "P5\n3 2\n70000\n"]
        {
            assert_eq!(header(text), None, "{text}");
        }
    }

    #[test]
    fn rates_and_formats() {
        assert_eq!(fraction("30000/1001"), Some(30000.0 / 1001.0));
        assert_eq!(fraction("25"), Some(25.0));
        assert_eq!(fraction("0/0"), None);
        assert_eq!(fraction("-1/2"), None);
        for (pixels, pipe) in [
            ("yuv420p", "rgb24"),
            ("yuvj444p", "rgb24"),
            ("nv12", "rgb24"),
            ("nv16", "rgb24"),
            ("yuv420p10le", "rgb48be"),
            ("gbrp16be", "rgb48be"),
            ("rgb48le", "rgb48be"),
            ("gray", "gray"),
            ("gray16le", "gray16be"),
            ("gray10le", "gray16be"),
            ("", "rgb24"),
        ] {
            assert_eq!(pipe_format(pixels), pipe, "{pixels}");
        }
    }
}
