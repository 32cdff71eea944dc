//! Memory of tensors: shared, sliced without copying, and used again.

#![allow(unsafe_code)] // one kind of buffer borrows memory of another owner

use std::any::Any;
use std::collections::VecDeque;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex};

use convis_kernels::Real;
use convis_kernels::parallel::lock_soon;

/// A number a tensor can hold.
pub trait Element: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    #[doc(hidden)]
    fn spare() -> &'static Spare<Self>;
}

macro_rules! element {
    ($type:ty, $finite:expr) => {
        impl Element for $type {
            fn is_finite(self) -> bool {
                $finite(self)
            }
            fn spare() -> &'static Spare<Self> {
                static SPARE: Spare<$type> = Spare(Mutex::new(Kept { buffers: VecDeque::new(), bytes: 0 }));
                &SPARE
            }
        }
    };
}
element!(f32, f32::is_finite);
element!(f64, f64::is_finite);
element!(u8, |_| true);

/// Buffers that are no longer used and wait for a tensor of their size.
///
/// A simulation asks for the same few sizes again and again. Fresh memory costs page faults, about as much as the
/// computation itself.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    /// Oldest first.
    buffers: VecDeque<Vec<T>>,
    bytes: usize,
}

/// Most buffers kept for later.
const MOST_BUFFERS: usize = 64;
/// Most memory kept for later, bytes per type of number.
const MOST_BYTES: usize = 256 << 20;
/// Smaller buffers are not worth keeping, bytes.
const SMALLEST_BYTES: usize = 4096;

impl<T: Element> Spare<T> {
    /// A buffer of this length; what it holds does not matter.
    fn take(&self, len: usize) -> Vec<T> {
        let Some(mut kept) = lock_soon(&self.0) else { return vec![T::default(); len] };
        // One of a longer chunk will do, but not one that wastes as much as it serves; best the one that wastes least.
        let fits = |(_, buffer): &(usize, &Vec<T>)| (len..=2 * len).contains(&buffer.capacity());
        let kept_buffers = kept.buffers.iter().enumerate().rev().filter(fits);
        let best = kept_buffers.min_by_key(|(_, buffer)| buffer.capacity()).map(|(i, _)| i);
        match best.and_then(|i| kept.buffers.remove(i)) {
            Some(mut buffer) => {
                kept.bytes -= bytes(&buffer);
                drop(kept);
                buffer.resize(len, T::default());
                buffer
            }
            None => {
                drop(kept);
                vec![T::default(); len]
            }
        }
    }

    fn put(&self, buffer: Vec<T>) {
        if !(SMALLEST_BYTES..=MOST_BYTES / 4).contains(&bytes(&buffer)) {
            return;
        }
        // Freed after the lock is given back.
        let mut freed = Vec::new();
        let Some(mut kept) = lock_soon(&self.0) else { return };
        kept.bytes += bytes(&buffer);
        kept.buffers.push_back(buffer);
        while kept.bytes > MOST_BYTES || kept.buffers.len() > MOST_BUFFERS {
            let oldest = kept.buffers.pop_front().unwrap_or_default();
            kept.bytes -= bytes(&oldest);
            freed.push(oldest);
        }
        drop(kept);
    }
}

fn bytes<T>(buffer: &Vec<T>) -> usize {
    buffer.capacity() * size_of::<T>()
}

/// A buffer that, if it came from the spare ones, goes back to them when nobody uses it any more.
#[derive(Debug)]
struct Reused<T: Element> {
    numbers: Vec<T>,
    spare: bool,
}

impl<T: Element> Drop for Reused<T> {
    fn drop(&mut self) {
        if self.spare {
            T::spare().put(std::mem::take(&mut self.numbers));
        }
    }
}

#[derive(Clone)]
enum Memory<T: Element> {
    Own(Arc<Reused<T>>),
    Foreign { first: *const T, len: usize, owner: Arc<dyn Any + Send + Sync> },
}

// SAFETY: foreign memory is only read, and `Buffer::foreign` demands that nobody writes to it meanwhile.
unsafe impl<T: Element> Send for Memory<T> {}
// SAFETY: as above.
unsafe impl<T: Element> Sync for Memory<T> {}

/// A range of numbers in shared, unchanging memory.
#[derive(Clone)]
pub struct Buffer<T: Element> {
    memory: Memory<T>,
    range: Range<usize>,
}

impl<T: Element> Buffer<T> {
    /// Borrows memory of another owner, which is kept alive.
    ///
    /// # Safety
    /// `first` must be aligned and not null, even for no numbers, and the `len` numbers from there must stay valid and
    /// unchanged while `owner` lives.
    pub unsafe fn foreign(first: *const T, len: usize, owner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { memory: Memory::Foreign { first, len, owner }, range: 0..len }
    }

    /// A buffer of `len` numbers that `fill` writes; it finds numbers of no meaning in it.
    pub fn filled_by<R>(len: usize, fill: impl FnOnce(&mut [T]) -> R) -> (Self, R) {
        let mut numbers = T::spare().take(len);
        let result = fill(&mut numbers);
        (Self::own(numbers, true), result)
    }

    /// Memory for a buffer, used before where possible; the numbers in it have no meaning.
    pub fn unwritten(len: usize) -> Vec<T> {
        T::spare().take(len)
    }

    /// A buffer of memory from [`Buffer::unwritten`]: it is used again when nobody needs it any more.
    pub fn written(numbers: Vec<T>) -> Self {
        Self::own(numbers, true)
    }

    fn own(numbers: Vec<T>, spare: bool) -> Self {
        let range = 0..numbers.len();
        Self { memory: Memory::Own(Arc::new(Reused { numbers, spare })), range }
    }

    /// A part, without copying.
    ///
    /// # Panics
    /// If the range does not lie within the buffer.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len());
        let start = self.range.start;
        Self { memory: self.memory.clone(), range: start + range.start..start + range.end }
    }

    /// A buffer with its own memory: itself, or a copy of borrowed memory.
    #[must_use]
    pub fn owned(&self) -> Self {
        match self.memory {
            Memory::Own(_) => self.clone(),
            Memory::Foreign { .. } => self.to_vec().into(),
        }
    }

    /// The owner of borrowed memory.
    pub fn owner(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        match &self.memory {
            Memory::Own(_) => None,
            Memory::Foreign { owner, .. } => Some(owner),
        }
    }
}

impl<T: Element> From<Vec<T>> for Buffer<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::own(numbers, false)
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let all = match &self.memory {
            Memory::Own(memory) => &memory.numbers[..],
            // SAFETY: `Buffer::foreign` demands valid memory while the owner lives, and the owner is held here.
            Memory::Foreign { first, len, .. } => unsafe { std::slice::from_raw_parts(*first, *len) },
        };
        &all[self.range.clone()]
    }
}

impl<T: Element> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self[..], f)
    }
}

/// Numbers of another type.
pub(crate) fn convert<A: Copy, T: Element>(from: &[A], f: impl Fn(A) -> T) -> Buffer<T> {
    Buffer::filled_by(from.len(), |out| {
        for (out, &x) in out.iter_mut().zip(from) {
            *out = f(x);
        }
    })
    .0
}

/// Zeros.
pub(crate) fn zeros<T: Element + Real>(len: usize) -> Buffer<T> {
    Buffer::filled_by(len, |out| out.fill(T::zero())).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_share_memory_and_foreign_memory_is_copied_on_demand() {
        let owner: Arc<dyn Any + Send + Sync> = Arc::new(vec![1.0f32, 2.0, 3.0]);
        let numbers = owner.downcast_ref::<Vec<f32>>().unwrap();
        // SAFETY: the vector is never changed and lives as long as its owner.
        let buffer = unsafe { Buffer::foreign(numbers.as_ptr(), 3, owner.clone()) };
        assert_eq!(&buffer.slice(1..3)[..], [2.0, 3.0]);
        assert_eq!(buffer.slice(1..3).as_ptr(), &raw const numbers[1]);
        assert_ne!(buffer.owned().as_ptr(), numbers.as_ptr());
        assert_eq!(&buffer.owned().slice(2..3)[..], [3.0]);
    }

    #[test]
    fn a_dropped_buffer_is_used_again() {
        let first = Buffer::<f64>::filled_by(12_345, |x| x.fill(1.0)).0;
        let address = first.as_ptr() as usize;
        drop(first);
        let again = Buffer::<f64>::filled_by(12_345, |_| ()).0;
        assert_eq!(again.as_ptr() as usize, address);
    }
}
