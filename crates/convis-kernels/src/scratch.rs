//! Working memory that is used again.
//!
//! Fresh memory costs page faults, about as much as the computation itself; an operation asks for the same few sizes
//! again and again.
#![allow(unsafe_code)] // blocks of numbers seen as plain numbers

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use crate::Real;
use crate::parallel::lock_soon;

/// Numbers in one [`Block`].
pub(crate) const LANES: usize = 16;

/// Sixteen numbers that lie as the widest vectors like it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Block<T>(pub(crate) [T; LANES]);

impl<T: Real> Block<T> {
    pub(crate) fn zero() -> Self {
        Self([T::zero(); LANES])
    }
}

/// Memory that waits to be used again.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    /// Oldest first.
    buffers: Vec<Vec<Block<T>>>,
    blocks: usize,
}

/// Most memory kept for later, blocks per type of number: 64 MB in single precision.
const MOST_BLOCKS: usize = 1 << 20;
/// Most buffers kept for later.
const MOST_BUFFERS: usize = 64;

impl<T> Spare<T> {
    pub(crate) const fn none() -> Self {
        Self(Mutex::new(Kept { buffers: Vec::new(), blocks: 0 }))
    }
}

impl<T: Real> Spare<T> {
    fn take(&self, blocks: usize) -> Vec<Block<T>> {
        let new = || vec![Block::zero(); blocks];
        let Some(mut kept) = lock_soon(&self.0) else { return new() };
        // A longer one will do, but not one that wastes as much as it serves; best the one that wastes least.
        let fits = |(_, buffer): &(usize, &Vec<Block<T>>)| (blocks..=2 * blocks).contains(&buffer.len());
        let found = kept.buffers.iter().enumerate().rev().filter(fits);
        let found = found.min_by_key(|(_, buffer)| buffer.len()).map(|(i, _)| i);
        let found = found.map(|i| kept.buffers.remove(i));
        kept.blocks -= found.as_ref().map_or(0, Vec::len);
        drop(kept);
        found.unwrap_or_else(new)
    }

    fn put(&self, buffer: Vec<Block<T>>) {
        let mut freed = vec![];
        let Some(mut kept) = lock_soon(&self.0) else { return };
        kept.blocks += buffer.len();
        kept.buffers.push(buffer);
        while kept.blocks > MOST_BLOCKS || kept.buffers.len() > MOST_BUFFERS {
            let oldest = kept.buffers.remove(0);
            kept.blocks -= oldest.len();
            freed.push(oldest);
        }
        drop(kept);
    }
}

/// Working memory; at first its numbers mean nothing.
pub(crate) struct Scratch<T: Real> {
    blocks: Vec<Block<T>>,
    len: usize,
}

impl<T: Real> Scratch<T> {
    /// Room for `len` numbers.
    pub fn new(len: usize) -> Self {
        Self { blocks: T::spare().take(len.div_ceil(LANES)), len }
    }

    /// Room for `len` numbers, all of them zero.
    pub fn zeros(len: usize) -> Self {
        let mut scratch = Self::new(len);
        scratch.fill(T::zero());
        scratch
    }

    /// The numbers block by block.
    pub fn blocks_mut(&mut self) -> &mut [Block<T>] {
        &mut self.blocks[..self.len.div_ceil(LANES)]
    }

    /// The numbers block by block.
    pub fn blocks(&self) -> &[Block<T>] {
        &self.blocks[..self.len.div_ceil(LANES)]
    }
}

impl<T: Real> Drop for Scratch<T> {
    fn drop(&mut self) {
        T::spare().put(std::mem::take(&mut self.blocks));
    }
}

impl<T: Real> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: a block is an array of numbers and nothing else (a multiple of 64 bytes), and there are enough.
        unsafe { std::slice::from_raw_parts(self.blocks.as_ptr().cast(), self.len) }
    }
}

impl<T: Real> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the blocks are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_nobody_gives_back_is_not_waited_for() {
        let spare = Spare::<f64>::none();
        let held = spare.0.lock().unwrap();
        spare.put(vec![Block::zero(); 3]);
        assert_eq!(spare.take(5).len(), 5);
        drop(held);
        assert!(spare.0.lock().unwrap().buffers.is_empty());
    }

    #[test]
    fn memory_is_used_again() {
        let mut first = Scratch::<f64>::new(54_321);
        first.fill(3.0);
        let address = first.as_ptr();
        drop(first);
        let again = Scratch::<f64>::zeros(54_000);
        assert_eq!((again.as_ptr(), again.len()), (address, 54_000));
        assert!(again.iter().all(|&x| x == 0.0));
        assert_eq!(address as usize % 64, 0);
    }
}
