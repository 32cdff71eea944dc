//! Tensors: numbers with a shape, and the tape that knows where they came from.
//!
//! A [`Tensor`] is an unchanging block of `f32`, `f64` or `u8` numbers. Where it was computed with gradients on, it
//! carries the operation that made it; [`backward`] walks from a result back to parameters and inputs. The record
//! lives exactly as long as the tensors that need it: dropping a result drops what was kept for its gradient.

mod arithmetic;
mod broadcast;
pub mod buffer;
mod cat;
#[cfg(test)]
mod check_gradient;
mod deferred;
mod functions;
mod indexing;
mod matmul;
mod record;
mod rectified;
mod reductions;
mod shape;
mod sum;
mod tape;

use std::fmt;

use convis_kernels::{Real, Signal, parallel, simd};

use crate::{Error, Result};
use buffer::{Buffer, Element};
use deferred::Contents;

pub use arithmetic::Comparison;
pub use cat::{cat, stack};
pub(crate) use deferred::{Deferred, defer};
pub use indexing::Range;
pub(crate) use record::apply;
pub use sum::sum;
pub use tape::{Leaf, Scalar, backward};
pub(crate) use tape::{Node, Source};

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// Single precision: simulation.
    F32,
    /// Double precision: gradient checks, references.
    F64,
    /// Bytes: spike counts.
    U8,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::U8 => "uint8",
        })
    }
}

/// The numbers of a tensor.
#[derive(Clone, Debug)]
pub enum Data {
    /// Single precision.
    F32(Buffer<f32>),
    /// Double precision.
    F64(Buffer<f64>),
    /// Bytes.
    U8(Buffer<u8>),
}

impl Data {
    /// The numbers' type.
    pub const fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::U8(_) => DType::U8,
        }
    }
}

/// Numbers that tensors are made of, picked out of [`Data`] by type.
pub trait Numbers: Element {
    /// The type's name at run time.
    const DTYPE: DType;
    /// Wraps a buffer.
    fn wrap(buffer: Buffer<Self>) -> Data;
    /// The buffer, where the type is this one.
    fn unwrap(data: &Data) -> Option<&Buffer<Self>>;
}

macro_rules! numbers {
    ($type:ty, $variant:ident) => {
        impl Numbers for $type {
            const DTYPE: DType = DType::$variant;
            fn wrap(buffer: Buffer<Self>) -> Data {
                Data::$variant(buffer)
            }
            fn unwrap(data: &Data) -> Option<&Buffer<Self>> {
                match data {
                    Data::$variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
        }
    };
}
numbers!(f32, F32);
numbers!(f64, F64);
numbers!(u8, U8);

/// `$body` with `$T` the type of these numbers; bytes, which have been converted before, count as single precision.
macro_rules! by_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            _ => {
                type $T = f32;
                $body
            }
        }
    };
}
use by_type;

/// The most numbers of a kernel or of the memory of a delay: 2 GB in double precision. More is a slip of units, and
/// asking the system for it would end the program.
pub(crate) const MOST_NUMBERS: usize = 1 << 28;

/// The numbers of a tensor whose type is known.
fn slice<T: Numbers>(tensor: &Tensor) -> &[T] {
    tensor.numbers().unwrap_or(&[])
}

/// An unchanging block of numbers with a shape; clones share memory.
///
/// ```
/// use convis::Tensor;
/// let movie = Tensor::from_vec(vec![0.5f32; 60], &[1, 1, 3, 4, 5])?;
/// assert_eq!(movie.shape(), [1, 1, 3, 4, 5]);
/// assert_eq!(movie.to_f64()[7], 0.5);
/// assert!(Tensor::from_vec(vec![0.0f32; 2], &[3]).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    contents: Contents,
    shape: Vec<usize>,
    source: Option<Source>,
}

impl Tensor {
    /// Numbers in row-major order.
    ///
    /// # Errors
    /// If the shape does not hold as many numbers.
    pub fn from_vec<T: Numbers>(numbers: Vec<T>, shape: &[usize]) -> Result<Self> {
        Self::from_buffer(numbers.into(), shape)
    }

    /// A buffer in row-major order.
    ///
    /// # Errors
    /// If the shape does not hold as many numbers.
    pub fn from_buffer<T: Numbers>(buffer: Buffer<T>, shape: &[usize]) -> Result<Self> {
        if count(shape) != Some(buffer.len()) {
            let expected = format!("as many numbers as shape {shape:?} holds");
            return Err(Error::argument("tensor", expected, buffer.len()));
        }
        Ok(Self { contents: T::wrap(buffer).into(), shape: shape.to_vec(), source: None })
    }

    /// A buffer of as many numbers as the shape holds.
    fn of<T: Numbers>(buffer: Buffer<T>, shape: &[usize]) -> Self {
        debug_assert_eq!(count(shape), Some(buffer.len()));
        Self { contents: T::wrap(buffer).into(), shape: shape.to_vec(), source: None }
    }

    /// Zeros.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Self {
        let len = shape.iter().product();
        let data = match dtype {
            DType::F32 => Data::F32(buffer::zeros(len)),
            DType::F64 => Data::F64(buffer::zeros(len)),
            DType::U8 => Data::U8(vec![0; len].into()),
        };
        Self { contents: data.into(), shape: shape.to_vec(), source: None }
    }

    /// The numbers' type.
    pub fn dtype(&self) -> DType {
        self.contents.dtype()
    }

    /// The sizes of its axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &Data {
        self.contents.data()
    }

    /// Number of numbers.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, if they are of this type.
    pub fn numbers<T: Numbers>(&self) -> Option<&[T]> {
        T::unwrap(self.data()).map(|buffer| &buffer[..])
    }

    /// A copy of the numbers in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        match self.data() {
            Data::F32(x) => x.iter().map(|&x| f64::from(x)).collect(),
            Data::F64(x) => x.to_vec(),
            Data::U8(x) => x.iter().map(|&x| f64::from(x)).collect(),
        }
    }

    /// A copy of the numbers in single precision.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.data() {
            Data::F32(x) => x.to_vec(),
            Data::F64(x) => x.iter().map(|&x| x as f32).collect(),
            Data::U8(x) => x.iter().map(|&x| f32::from(x)).collect(),
        }
    }

    /// The same numbers without their history.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { source: None, ..self.clone() }
    }

    /// The same numbers in memory of their own: copied if they were borrowed.
    #[must_use]
    pub fn owned(&self) -> Self {
        let data = match self.data() {
            Data::F32(x) => Data::F32(x.owned()),
            Data::F64(x) => Data::F64(x.owned()),
            Data::U8(x) => Data::U8(x.owned()),
        };
        Self { contents: data.into(), ..self.clone() }
    }

    /// The numbers for a record: what is kept must not change under us, borrowed memory is copied.
    pub(crate) fn kept(&self) -> Self {
        self.detach().owned()
    }

    /// Whether it is the result of recorded operations, or a leaf.
    pub const fn has_history(&self) -> bool {
        self.source.is_some()
    }

    /// The same numbers as a leaf: [`backward`] leaves the gradient in `leaf`.
    #[must_use]
    pub fn with_leaf(&self, leaf: &Leaf) -> Self {
        Self { source: Some(Source::Leaf(leaf.clone())), ..self.clone() }
    }

    pub(crate) fn with_source(mut self, source: Option<Source>) -> Self {
        self.source = source;
        self
    }

    pub(crate) const fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        Self::are_finite(&[self])
    }

    /// Whether every number of all these is finite.
    pub(crate) fn are_finite(tensors: &[&Self]) -> bool {
        /// Numbers that a thread looks at together.
        const PART: usize = 1 << 14;
        fn finite<T: Element>(numbers: &[T], part: std::ops::Range<usize>) -> bool {
            simd::vectorized(
                #[inline(always)]
                || numbers[part].iter().fold(true, |all, &x| all & x.is_finite()),
            )
        }
        // The same places of all of them together: a thread has in its caches what it has computed.
        let all: Vec<(&Data, usize)> = tensors.iter().map(|tensor| (tensor.data(), tensor.len())).collect();
        let longest = all.iter().map(|(_, len)| *len).max().unwrap_or(0);
        let parts = (0..longest).step_by(PART).flat_map(|start| {
            let here = all.iter().filter(move |(_, len)| start < *len);
            here.map(move |(data, len)| (*data, start..(start + PART).min(*len)))
        });
        let work = all.iter().map(|(_, len)| len).sum();
        let finite = parallel::map(parts.collect(), work, |(data, part)| match data {
            Data::F32(x) => finite(x, part),
            Data::F64(x) => finite(x, part),
            Data::U8(_) => true,
        });
        finite.into_iter().all(|finite| finite)
    }

    /// The sizes of a movie `[batch, channel, time, height, width]`.
    ///
    /// # Errors
    /// If it has not five axes.
    pub fn signal(&self) -> Result<Signal> {
        let [batch, channel, frames, height, width] = self.shape[..] else {
            let expected = "five axes (batch, channel, time, height, width)";
            return Err(Error::argument("input", expected, format!("shape {:?}", self.shape)));
        };
        Ok(Signal { planes: batch * channel, frames, height, width })
    }

    /// Frames `start‥start + frames` of a movie, without their history; shares memory where there is one plane.
    ///
    /// # Errors
    /// If it has not five axes or not so many frames.
    pub fn frames(&self, start: usize, frames: usize) -> Result<Self> {
        let signal = self.signal()?;
        if start.checked_add(frames).is_none_or(|end| end > signal.frames) {
            let found = format!("{frames} frames from {start}");
            return Err(Error::argument("frames", format!("a range within 0..{}", signal.frames), found));
        }
        fn cut<T: Element>(x: &Buffer<T>, signal: Signal, start: usize, frames: usize) -> Buffer<T> {
            let pixels = signal.pixels();
            if signal.planes == 1 {
                return x.slice(start * pixels..(start + frames) * pixels);
            }
            let part = signal.with_frames(frames);
            Buffer::filled_by(part.len(), |out| {
                for plane in 0..signal.planes {
                    let from = (plane * signal.frames + start) * pixels;
                    let to = plane * frames * pixels;
                    out[to..to + frames * pixels].copy_from_slice(&x[from..from + frames * pixels]);
                }
            })
            .0
        }
        let data = match self.data() {
            Data::F32(x) => Data::F32(cut(x, signal, start, frames)),
            Data::F64(x) => Data::F64(cut(x, signal, start, frames)),
            Data::U8(x) => Data::U8(cut(x, signal, start, frames)),
        };
        let mut shape = self.shape.clone();
        shape[2] = frames;
        Ok(Self { contents: data.into(), shape, source: None })
    }

    /// Movies joined along time, without their history.
    ///
    /// # Errors
    /// If there is none, or if other axes or types differ.
    pub fn join_frames(parts: &[Self]) -> Result<Self> {
        let first = parts.first().ok_or_else(|| Error::argument("parts", "at least one movie", "none"))?;
        let mut frames = 0;
        for part in parts {
            let (mut a, mut b) = (part.shape.clone(), first.shape.clone());
            frames += part.signal()?.frames;
            (a[2], b[2]) = (0, 0);
            if a != b || part.dtype() != first.dtype() {
                return Err(Error::argument(
                    "parts",
                    format!("movies of shape {:?}, {}", first.shape, first.dtype()),
                    format!("{:?}, {}", part.shape, part.dtype()),
                ));
            }
        }
        if parts.len() == 1 {
            return Ok(first.detach());
        }
        fn join<T: Numbers>(parts: &[Tensor], signal: Signal) -> Data {
            let pixels = signal.pixels();
            T::wrap(
                Buffer::filled_by(signal.len(), |out| {
                    let mut start = 0;
                    for part in parts {
                        let numbers = part.numbers::<T>().unwrap_or(&[]);
                        let n = part.shape[2] * pixels;
                        for plane in 0..signal.planes {
                            let to = (plane * signal.frames + start) * pixels;
                            out[to..to + n].copy_from_slice(&numbers[plane * n..(plane + 1) * n]);
                        }
                        start += part.shape[2];
                    }
                })
                .0,
            )
        }
        let signal = first.signal()?.with_frames(frames);
        let data = match first.dtype() {
            DType::F32 => join::<f32>(parts, signal),
            DType::F64 => join::<f64>(parts, signal),
            DType::U8 => join::<u8>(parts, signal),
        };
        let mut shape = first.shape.clone();
        shape[2] = frames;
        Ok(Self { contents: data.into(), shape, source: None })
    }

    /// The sum of two tensors of one shape, in the type of the first, without history.
    ///
    /// # Errors
    /// If the shapes differ.
    pub(crate) fn plus(&self, other: &Self) -> Result<Self> {
        fn add<T: Numbers + Real>(a: &Tensor, b: &Tensor) -> Data {
            let (a, b) = (a.numbers::<T>().unwrap_or(&[]), b.numbers::<T>().unwrap_or(&[]));
            T::wrap(
                Buffer::filled_by(a.len(), |out| {
                    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *out = a + b;
                    }
                })
                .0,
            )
        }
        if self.shape != other.shape {
            let expected = format!("shape {:?}, that of the gradient so far", self.shape);
            return Err(Error::argument("gradient", expected, format!("shape {:?}", other.shape)));
        }
        let dtype = if self.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let (a, b) = (self.cast(dtype), other.cast(dtype));
        let data = if dtype == DType::F64 { add::<f64>(&a, &b) } else { add::<f32>(&a, &b) };
        Ok(Self { contents: data.into(), shape: self.shape.clone(), source: None })
    }
}

/// How many numbers a shape holds, if they can be counted.
fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
}

impl PartialEq for Tensor {
    /// Same shape, same type, same bits (history does not matter).
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && match (self.data(), other.data()) {
                (Data::F32(a), Data::F32(b)) => {
                    a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
                }
                (Data::F64(a), Data::F64(b)) => {
                    a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
                }
                (Data::U8(a), Data::U8(b)) => a[..] == b[..],
                _ => false,
            }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {:?} {}", self.shape, self.dtype())?;
        if self.has_history() { f.write_str(" with history") } else { Ok(()) }
    }
}
